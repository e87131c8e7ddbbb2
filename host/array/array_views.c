/* SPDX-License-Identifier: Apache-2.0 */
/* Views of arrays: a verb on a copy of the view, over the same buffer. */
#include "array/array.h"

/* A verb under way: the view that it changes, and where the new array goes. */
typedef struct edit {
    pencl_array **out;
    const pencl_array *array;
    pencl_ctx *ctx;
    pn_view view;
} edit;

static edit begin(pencl_array **out, const pencl_array *array)
{
    edit e = {.out = out, .array = array, .ctx = pn_device_ctx(array->device), .view = array->view};
    *out = NULL;
    pn_error_clear(e.ctx);
    return e;
}

static pencl_status finish(const edit *e, pencl_status status)
{
    PENCL_TRY(status);
    return pn_array_wrap(e->out, e->array->buffer, e->array->base, &e->view);
}

/* ---- names and order ---- */

pencl_status
pencl_array_tag(pencl_array **out, const pencl_array *array, const char *const names[], int n)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_tag(&e.view, e.ctx, names, n));
}

pencl_status pencl_array_tag_prefix(pencl_array **out,
                                    const pencl_array *array,
                                    const char *const names[],
                                    int n)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_tag_prefix(&e.view, e.ctx, names, n));
}

pencl_status
pencl_array_untag(pencl_array **out, const pencl_array *array, const char *const names[], int n)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_untag(&e.view, e.ctx, names, n));
}

pencl_status pencl_array_untag_prefix(pencl_array **out,
                                      const pencl_array *array,
                                      const char *const names[],
                                      int n)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_untag_prefix(&e.view, e.ctx, names, n));
}

pencl_status
pencl_array_rename(pencl_array **out, const pencl_array *array, const char *from, const char *to)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_rename(&e.view, e.ctx, from, to));
}

pencl_status
pencl_array_order(pencl_array **out, const pencl_array *array, const char *const names[], int n)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_order(&e.view, e.ctx, names, n));
}

pencl_status
pencl_array_order_like(pencl_array **out, const pencl_array *array, const pencl_array *other)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_order_like(&e.view, e.ctx, &other->view.spec));
}

pencl_status pencl_array_canonicalize(pencl_array **out, const pencl_array *array)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_canonicalize(&e.view, e.ctx));
}

/* ---- axes ---- */

pencl_status pencl_array_slice(
    pencl_array **out, const pencl_array *array, const char *axis, int64_t from, int64_t n)
{
    return pencl_array_slice_steps(out, array, axis, from, n, 1);
}

pencl_status pencl_array_slice_steps(pencl_array **out,
                                     const pencl_array *array,
                                     const char *axis,
                                     int64_t from,
                                     int64_t n,
                                     int64_t step)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_slice(&e.view, e.ctx, axis, from, n, step));
}

pencl_status
pencl_array_index(pencl_array **out, const pencl_array *array, const char *axis, int64_t at)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_index(&e.view, e.ctx, axis, at));
}

pencl_status pencl_array_insert_axis(pencl_array **out, const pencl_array *array, const char *name)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_insert_axis(&e.view, e.ctx, name));
}

pencl_status
pencl_array_broadcast_to(pencl_array **out, const pencl_array *array, const pencl_axis *axes, int n)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_broadcast_to(&e.view, e.ctx, axes, n));
}

pencl_status
pencl_array_broadcast_like(pencl_array **out, const pencl_array *array, const pencl_array *other)
{
    const pn_spec *to = &other->view.spec;
    return pencl_array_broadcast_to(out, array, to->axes, to->n_axes);
}

pencl_status pencl_array_split(
    pencl_array **out, const pencl_array *array, const char *axis, const pencl_axis *into, int n)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_split(&e.view, e.ctx, axis, into, n));
}

pencl_status pencl_array_merge(
    pencl_array **out, const pencl_array *array, const char *const axes[], int n, const char *into)
{
    edit e = begin(out, array);
    return finish(&e, pn_view_merge(&e.view, e.ctx, axes, n, into));
}
