/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays to and from host memory. Contiguous ones are one read or write; others move the range of
 * storage that they span, and gather or scatter on the host. */
#include "array/array.h"

#include "array/dtypes.h"

#include <string.h>

static pencl_ctx *ctx_of(const pencl_array *array)
{
    return pn_device_ctx(array->device);
}

/* ---- storage as a grid of units: elements, or blocks of a quantised type ---- */

/* The view in units of a block: its last axis must run along whole blocks, in order. */
static bool view_of_blocks(pn_view *v, int64_t block)
{
    if (block == 1) {
        return true;
    }
    int last = v->spec.n_axes - 1;
    if (last < 0 || v->strides[last] != 1 || v->spec.axes[last].size % block != 0) {
        return false;
    }
    bool whole = v->offset % block == 0;
    v->offset /= block;
    v->spec.axes[last].size /= block;
    for (int i = 0; i < last; i++) {
        whole = whole && v->strides[i] % block == 0;
        v->strides[i] /= block;
    }
    return whole;
}

/* The units that a non-empty view touches: first .. first + n - 1. */
typedef struct span {
    int64_t first;
    int64_t n;
} span;

static span span_of(const pn_view *v)
{
    span s = {.first = v->offset, .n = 1};
    for (int i = 0; i < v->spec.n_axes; i++) {
        s.n += (v->spec.axes[i].size - 1) * v->strides[i];
    }
    return s;
}

typedef enum direction { GATHER, SCATTER } direction;

/* One run along the last axis: n units, `stride` units apart in storage. */
static void
copy_run(char *storage, int64_t stride, char *dense, int64_t n, size_t width, direction way)
{
    if (stride == 1) { /* one long unit */
        width *= (size_t)n;
        n = 1;
    }
    for (int64_t i = 0; i < n; i++, dense += width) {
        char *at = storage + (size_t)(i * stride) * width;
        if (way == GATHER) {
            memcpy(dense, at, width);
        } else {
            memcpy(at, dense, width);
        }
    }
}

/* Between a view's units of `width` bytes, with unit 0 at `storage`, and dense C order. */
static void copy_units(const pn_view *v, char *storage, char *dense, size_t width, direction way)
{
    if (pn_spec_count(&v->spec) == 0) {
        return;
    }
    int last = v->spec.n_axes - 1;
    int64_t n = last < 0 ? 1 : v->spec.axes[last].size;
    int64_t stride = last < 0 ? 1 : v->strides[last];
    int64_t index[PENCL_MAX_AXES] = {0};
    int64_t at = v->offset;
    for (;;) {
        copy_run(storage + (size_t)at * width, stride, dense, n, width, way);
        dense += (size_t)n * width;
        int i = last - 1;
        while (i >= 0 && ++index[i] == v->spec.axes[i].size) {
            at -= (index[i] - 1) * v->strides[i];
            index[i--] = 0;
        }
        if (i < 0) {
            return;
        }
        at += v->strides[i];
    }
}

static bool overlaps_itself(const pn_view *v)
{
    for (int i = 0; i < v->spec.n_axes; i++) {
        if (v->strides[i] == 0 && v->spec.axes[i].size > 1) {
            return true;
        }
    }
    return false;
}

/* ---- whole transfers ---- */

/* A view in units, and the range of storage it spans in host memory. */
typedef struct window {
    pn_view units;
    size_t width;  /* bytes of a unit */
    size_t offset; /* bytes from the buffer's start */
    size_t bytes;
    char *data; /* pn_free */
} window;

/* `units` is a view in units of `width` bytes over the array's storage; reads what it spans. */
static pencl_status
window_open(window *w, const pencl_array *array, const pn_view *units, size_t width)
{
    span s = span_of(units);
    *w = (window){.units = *units, .width = width};
    w->units.offset -= s.first;
    w->offset = array->base + (size_t)s.first * width;
    w->bytes = (size_t)s.n * width;
    w->data = pn_alloc(w->bytes);
    if (w->data == NULL) {
        return PN_NOMEM(ctx_of(array));
    }
    return pn_buffer_read(array->buffer, w->offset, w->data, w->bytes);
}

/* Checks what upload and download share, and gives the view in blocks. */
static pencl_status check_bytes(pn_view *units, const pencl_array *array, size_t bytes)
{
    const pn_spec *spec = &array->view.spec;
    const pn_dtype *dtype = pn_dtype_of(spec->dtype);
    *units = array->view;
    if (!view_of_blocks(units, (int64_t)dtype->block)) {
        return pn_spec_fail(ctx_of(array), PENCL_E_UNSUPPORTED, spec,
                            "this view does not consist of whole blocks; read it as float32");
    }
    size_t needed = (size_t)pn_spec_count(&units->spec) * dtype->block_bytes;
    if (bytes != needed) {
        return pn_spec_fail(ctx_of(array), PENCL_E_ARG, spec, "has %zu bytes, not %zu", needed,
                            bytes);
    }
    return PENCL_OK;
}

static pencl_status scatter(const pencl_array *array, const pn_view *units, const void *from)
{
    if (overlaps_itself(units)) {
        return pn_spec_fail(ctx_of(array), PENCL_E_UNSUPPORTED, &array->view.spec,
                            "a broadcast view cannot be written");
    }
    window w;
    pencl_status st =
        window_open(&w, array, units, pn_dtype_of(array->view.spec.dtype)->block_bytes);
    if (st == PENCL_OK) {
        copy_units(&w.units, w.data, (char *)from, w.width, SCATTER);
        st = pn_buffer_write(array->buffer, w.offset, w.data, w.bytes);
    }
    pn_free(w.data);
    return st;
}

pencl_status pencl_array_upload(pencl_array *array, const void *from, size_t bytes)
{
    pn_error_clear(ctx_of(array));
    pn_view units;
    PENCL_TRY(check_bytes(&units, array, bytes));
    if (bytes == 0) {
        return PENCL_OK;
    }
    if (pn_view_is_contiguous(&units)) {
        size_t width = pn_dtype_of(units.spec.dtype)->block_bytes;
        size_t offset = array->base + (size_t)units.offset * width;
        return pn_buffer_write(array->buffer, offset, from, bytes);
    }
    return scatter(array, &units, from);
}

/* The array's units in C order. */
static pencl_status read_units(const pencl_array *array, const pn_view *units, void *to)
{
    size_t width = pn_dtype_of(units->spec.dtype)->block_bytes;
    if (pn_spec_count(&units->spec) == 0) {
        return PENCL_OK;
    }
    if (pn_view_is_contiguous(units)) {
        size_t offset = array->base + (size_t)units->offset * width;
        return pn_buffer_read(array->buffer, offset, to,
                              (size_t)pn_spec_count(&units->spec) * width);
    }
    window w;
    pencl_status st = window_open(&w, array, units, width);
    if (st == PENCL_OK) {
        copy_units(&w.units, w.data, to, width, GATHER);
    }
    pn_free(w.data);
    return st;
}

pencl_status pencl_array_download(const pencl_array *array, void *to, size_t bytes)
{
    pn_error_clear(ctx_of(array));
    pn_view units;
    PENCL_TRY(check_bytes(&units, array, bytes));
    return read_units(array, &units, to);
}

pencl_status pencl_array_unwrap(
    const pencl_array *array, const char *const names[], int n, void *to, size_t bytes)
{
    pencl_array ordered = *array; /* borrows the buffer */
    pn_error_clear(ctx_of(array));
    if (pn_spec_count_positional(&array->view.spec) > 0) {
        return pn_spec_fail(ctx_of(array), PENCL_E_AXIS, &array->view.spec,
                            "cannot be unwrapped: it has positional axes");
    }
    PENCL_TRY(pn_view_order(&ordered.view, ctx_of(array), names, n));
    return pencl_array_download(&ordered, to, bytes);
}

/* ---- as float32 ---- */

/* The blocks that a view over elements touches, as stored and decoded; pn_free both. */
typedef struct decoded {
    int64_t first; /* the first block */
    size_t n;      /* blocks */
    char *stored;
    float *values;
} decoded;

static pencl_status decode(decoded *d, const pencl_array *array)
{
    const pn_dtype *dtype = pn_dtype_of(array->view.spec.dtype);
    int64_t block = (int64_t)dtype->block;
    span s = span_of(&array->view);
    d->first = s.first / block;
    d->n = (size_t)((s.first + s.n + block - 1) / block - d->first);
    d->stored = pn_alloc(d->n * dtype->block_bytes);
    d->values = pn_alloc(d->n * dtype->block * sizeof *d->values);
    if (d->stored == NULL || d->values == NULL) {
        return PN_NOMEM(ctx_of(array));
    }
    size_t offset = array->base + (size_t)d->first * dtype->block_bytes;
    PENCL_TRY(pn_buffer_read(array->buffer, offset, d->stored, d->n * dtype->block_bytes));
    dtype->to_f32(d->stored, d->values, d->n * dtype->block);
    return PENCL_OK;
}

/* A view of any order: decodes all that it spans, then gathers. */
static pencl_status decode_and_gather(const pencl_array *array, float *to)
{
    decoded d = {0};
    pencl_status st = decode(&d, array);
    if (st == PENCL_OK && d.values != NULL) {
        pn_view view = array->view;
        view.offset -= d.first * (int64_t)pn_dtype_of(view.spec.dtype)->block;
        copy_units(&view, (char *)d.values, (char *)to, sizeof *to, GATHER);
    }
    pn_free(d.values);
    pn_free(d.stored);
    return st;
}

pencl_status pencl_array_download_f32(const pencl_array *array, float *to, int64_t count)
{
    pn_error_clear(ctx_of(array));
    int64_t needed = pn_spec_count(&array->view.spec);
    if (count != needed) {
        return pn_spec_fail(ctx_of(array), PENCL_E_ARG, &array->view.spec,
                            "has %lld elements, not %lld", (long long)needed, (long long)count);
    }
    if (count == 0) {
        return PENCL_OK;
    }
    if (array->view.spec.dtype == PENCL_F32) {
        return read_units(array, &array->view, to);
    }
    return decode_and_gather(array, to);
}
