/* SPDX-License-Identifier: Apache-2.0 */
/* Views of arrays: a verb of view.c on a copy of the view, over the same buffer. */
#include "array/array.h"

static pencl_ctx *begin(pencl_array **out, const pencl_array *array)
{
    *out = NULL;
    pencl_ctx *ctx = pn_device_ctx(array->device);
    pn_error_clear(ctx);
    return ctx;
}

static pencl_status share(pencl_array **out, const pencl_array *array, const pn_view *view)
{
    return pn_array_wrap(out, array->buffer, array->base, view);
}

pencl_status
pencl_array_tag(pencl_array **out, const pencl_array *array, const char *const names[], int n)
{
    pn_view view = array->view;
    PENCL_TRY(pn_view_tag(&view, begin(out, array), names, n));
    return share(out, array, &view);
}

pencl_status
pencl_array_untag(pencl_array **out, const pencl_array *array, const char *const names[], int n)
{
    pn_view view = array->view;
    PENCL_TRY(pn_view_untag(&view, begin(out, array), names, n));
    return share(out, array, &view);
}

pencl_status
pencl_array_rename(pencl_array **out, const pencl_array *array, const char *from, const char *to)
{
    pn_view view = array->view;
    PENCL_TRY(pn_view_rename(&view, begin(out, array), from, to));
    return share(out, array, &view);
}

pencl_status
pencl_array_order(pencl_array **out, const pencl_array *array, const char *const names[], int n)
{
    pn_view view = array->view;
    PENCL_TRY(pn_view_order(&view, begin(out, array), names, n));
    return share(out, array, &view);
}

pencl_status pencl_array_slice(
    pencl_array **out, const pencl_array *array, const char *axis, int64_t from, int64_t n)
{
    pn_view view = array->view;
    PENCL_TRY(pn_view_slice(&view, begin(out, array), axis, from, n));
    return share(out, array, &view);
}
