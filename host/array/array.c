/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays: making, freeing and asking. */
#include "array/array.h"

#include "array/dtypes.h"

pencl_status pn_array_wrap(pencl_array **out, pn_buffer *buffer, size_t base, const pn_view *view)
{
    pencl_device *device = pn_buffer_device(buffer);
    *out = pn_calloc(1, sizeof **out);
    if (*out == NULL) {
        return PN_NOMEM(pn_device_ctx(device));
    }
    **out = (pencl_array){
        .device = device, .buffer = pn_buffer_ref(buffer), .base = base, .view = *view};
    return PENCL_OK;
}

pencl_status pencl_array_new(
    pencl_array **out, pencl_device *device, pencl_dtype dtype, const pencl_axis *axes, int n_axes)
{
    *out = NULL;
    pencl_ctx *ctx = pn_device_ctx(device);
    pn_error_clear(ctx);
    pn_spec spec = pn_spec_make(dtype, n_axes, axes);
    PENCL_TRY(pn_spec_check(ctx, &spec, "array"));
    pn_view view = pn_view_contiguous(&spec);
    pn_buffer *buffer = NULL;
    PENCL_TRY(pn_buffer_new(&buffer, device, pn_spec_bytes(&spec)));
    pencl_status st = pn_array_wrap(out, buffer, 0, &view);
    pn_buffer_free(buffer); /* the array has counted its own reference */
    return st;
}

pencl_status pencl_array_wrap(pencl_array **out,
                              pencl_device *device,
                              pencl_dtype dtype,
                              const pencl_axis *axes,
                              int n_axes,
                              const void *data)
{
    PENCL_TRY(pencl_array_new(out, device, dtype, axes, n_axes));
    pencl_status st = pencl_array_upload(*out, data, pn_spec_bytes(&(*out)->view.spec));
    if (st != PENCL_OK) {
        pencl_array_free(*out);
        *out = NULL;
    }
    return st;
}

void pencl_array_free(pencl_array *array)
{
    if (array != NULL) {
        pn_buffer_free(array->buffer);
        pn_free(array);
    }
}

pencl_dtype pencl_array_dtype(const pencl_array *array)
{
    return array->view.spec.dtype;
}

int pencl_array_n_axes(const pencl_array *array)
{
    return array->view.spec.n_axes;
}

const pencl_axis *pencl_array_axis(const pencl_array *array, int i)
{
    return i >= 0 && i < array->view.spec.n_axes ? &array->view.spec.axes[i] : NULL;
}

int64_t pencl_array_count(const pencl_array *array)
{
    return pn_spec_count(&array->view.spec);
}

pencl_device *pencl_array_device(const pencl_array *array)
{
    return array->device;
}

float pn_host_view_at(const pn_host_view *v, const int64_t index[PENCL_MAX_AXES])
{
    enum { LARGEST_BLOCK = 32 };
    const pn_dtype *dtype = pn_dtype_of(v->view.spec.dtype);
    int64_t at = v->view.offset;
    for (int i = 0; i < v->view.spec.n_axes; i++) {
        at += index[i] * v->view.strides[i];
    }
    float values[LARGEST_BLOCK];
    size_t block = (size_t)at / dtype->block;
    dtype->to_f32((const char *)v->data + block * dtype->block_bytes, values, dtype->block);
    return values[(size_t)at % dtype->block];
}
