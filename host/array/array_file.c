/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays from and to .npy files. */
#include "array/array.h"

#include "array/dtypes.h"
#include "array/npy.h"
#include "base/os.h"

#include <string.h>

/* ---- load ---- */

/* The axes as the file stores them: in Fortran order the last one comes first. */
static pencl_status spec_of(pn_spec *out, pencl_ctx *ctx, const pn_npy *npy, const char *path)
{
    *out = (pn_spec){.dtype = PENCL_I32};
    if (npy->kind == 'f') {
        out->dtype = npy->width == 2 ? PENCL_F16 : PENCL_F32;
    }
    for (int i = 0; i < npy->n_axes; i++) {
        pn_spec_push(out, "", npy->sizes[npy->fortran ? npy->n_axes - 1 - i : i]);
    }
    return pn_spec_check(ctx, out, path);
}

static void reverse_axes(pn_view *v)
{
    const pn_view from = *v;
    for (int i = 0; i < v->spec.n_axes; i++) {
        v->spec.axes[i] = from.spec.axes[v->spec.n_axes - 1 - i];
        v->strides[i] = from.strides[v->spec.n_axes - 1 - i];
    }
}

static pencl_status
upload_i64(pencl_array *array, pencl_ctx *ctx, const unsigned char *from, const char *path)
{
    size_t n = (size_t)pencl_array_count(array);
    int32_t *narrow = pn_alloc(n * sizeof *narrow);
    if (narrow == NULL) {
        return PN_NOMEM(ctx);
    }
    pencl_status st = PENCL_OK;
    for (size_t i = 0; i < n && st == PENCL_OK; i++) {
        int64_t wide;
        memcpy(&wide, from + i * sizeof wide, sizeof wide);
        narrow[i] = (int32_t)wide;
        if (wide != narrow[i]) {
            st = PN_FAIL(ctx, PENCL_E_LIMIT, "%s: element %zu, %lld, does not fit int32", path, i,
                         (long long)wide);
        }
    }
    if (st == PENCL_OK) {
        st = pn_buffer_write(array->buffer, 0, narrow, n * sizeof *narrow);
    }
    pn_free(narrow);
    return st;
}

pencl_status
pn_npy_read(pencl_array **out, pencl_device *device, const pn_span *file, const char *what)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pn_npy npy;
    pn_spec spec;
    *out = NULL;
    PENCL_TRY(pn_npy_parse(&npy, ctx, file->data, file->size, what));
    PENCL_TRY(spec_of(&spec, ctx, &npy, what));
    PENCL_TRY(pencl_array_new(out, device, spec.dtype, spec.axes, spec.n_axes));
    const unsigned char *from = (const unsigned char *)file->data + npy.data;
    pencl_status st = npy.width == 8
                          ? upload_i64(*out, ctx, from, what)
                          : pn_buffer_write((*out)->buffer, 0, from, file->size - npy.data);
    if (npy.fortran) {
        reverse_axes(&(*out)->view);
    }
    if (st != PENCL_OK) {
        pencl_array_free(*out);
        *out = NULL;
    }
    return st;
}

pencl_status pencl_array_load(pencl_array **out, pencl_device *device, const char *path)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pn_map *map = NULL;
    *out = NULL;
    pn_error_clear(ctx);
    PENCL_TRY(pn_map_open(&map, ctx, path));
    pencl_status st = pn_npy_read(out, device, &(pn_span){map->data, map->size}, path);
    pn_map_close(map);
    return st;
}

/* ---- save ---- */

/* What the file holds: dtypes that NumPy lacks become float32. */
static pencl_dtype saved_as(pencl_dtype dtype)
{
    return dtype == PENCL_F16 || dtype == PENCL_I32 ? dtype : PENCL_F32;
}

pencl_status pn_npy_make(pn_npy_file *out, const pencl_array *array)
{
    pencl_ctx *ctx = pn_device_ctx(array->device);
    pn_spec saved = array->view.spec;
    saved.dtype = saved_as(saved.dtype);
    *out = (pn_npy_file){.bytes = pn_spec_bytes(&saved)};
    pn_npy_header(&out->header, &saved);
    out->data = pn_alloc(out->bytes > 0 ? out->bytes : 1);
    pencl_status st = out->header.failed || out->data == NULL ? PN_NOMEM(ctx) : PENCL_OK;
    if (st == PENCL_OK) {
        st = saved.dtype == array->view.spec.dtype
                 ? pencl_array_download(array, out->data, out->bytes)
                 : pencl_array_download_f32(array, out->data, pn_spec_count(&saved));
    }
    if (st != PENCL_OK) {
        pn_npy_file_free(out);
    }
    return st;
}

void pn_npy_file_free(pn_npy_file *file)
{
    pn_text_free(&file->header);
    pn_free(file->data);
    *file = (pn_npy_file){0};
}

pencl_status pencl_array_save(const pencl_array *array, const char *path)
{
    pn_npy_file file;
    pencl_ctx *ctx = pn_device_ctx(array->device);
    pn_error_clear(ctx);
    PENCL_TRY(pn_npy_make(&file, array));
    const pn_span spans[] = {{file.header.data, file.header.size}, {file.data, file.bytes}};
    pencl_status st = pn_file_write_spans(ctx, path, spans, PN_COUNT(spans));
    pn_npy_file_free(&file);
    return st;
}
