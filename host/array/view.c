/* SPDX-License-Identifier: Apache-2.0 */
/* Views: a spec laid over storage by an offset and strides. */
#include "array/view.h"

#include <string.h>

pn_view pn_view_contiguous(const pn_spec *spec)
{
    pn_view view = {.spec = *spec};
    int64_t step = 1;
    for (int i = spec->n_axes - 1; i >= 0; i--) {
        view.strides[i] = step;
        step *= spec->axes[i].size > 0 ? spec->axes[i].size : 1;
    }
    return view;
}

bool pn_view_is_contiguous(const pn_view *view)
{
    int64_t step = 1;
    for (int i = view->spec.n_axes - 1; i >= 0; i--) {
        int64_t size = view->spec.axes[i].size;
        if (size == 0) {
            return true; /* nothing is stored */
        }
        if (size > 1 && view->strides[i] != step) {
            return false;
        }
        step *= size;
    }
    return true;
}

int64_t pn_view_stride(const pn_view *view, const char *axis)
{
    int i = pn_spec_find(&view->spec, axis);
    return i < 0 ? 0 : view->strides[i];
}

bool pn_view_equal(const pn_view *a, const pn_view *b)
{
    return a->offset == b->offset && pn_spec_equal(&a->spec, &b->spec) &&
           memcmp(a->strides, b->strides, (size_t)a->spec.n_axes * sizeof a->strides[0]) == 0;
}

/* ---- what the verbs share ---- */

pencl_status pn_view_find(int *out, pencl_ctx *ctx, const pn_view *v, const char *axis)
{
    *out = pn_spec_find(&v->spec, axis);
    if (*out < 0) {
        return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec, "no axis is named \"%.31s\"", axis);
    }
    return PENCL_OK;
}

pencl_status pn_view_check_name(pencl_ctx *ctx, const pn_view *v, const char *name)
{
    if (name[0] == '\0') {
        return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec, "an axis name must not be empty");
    }
    return pn_axis_name_check(ctx, name);
}

pencl_status pn_view_check_distinct(pencl_ctx *ctx, const pn_view *v)
{
    for (int i = 0; i < v->spec.n_axes; i++) {
        const char *name = v->spec.axes[i].name;
        if (name[0] != '\0' && pn_spec_find(&v->spec, name) != i) {
            return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec, "axis \"%s\" would be repeated", name);
        }
    }
    return PENCL_OK;
}

pn_view pn_view_bare(const pn_view *v)
{
    pn_view bare = {.spec = {.dtype = v->spec.dtype}, .offset = v->offset};
    return bare;
}

void pn_view_push(pn_view *v, const pencl_axis *axis, int64_t stride)
{
    v->strides[v->spec.n_axes] = stride;
    v->spec.axes[v->spec.n_axes++] = *axis;
}

void pn_view_drop(pn_view *v, int index)
{
    pn_spec_remove(&v->spec, index);
    for (int i = index; i < v->spec.n_axes; i++) {
        v->strides[i] = v->strides[i + 1];
    }
}

pencl_status pn_view_move(
    pn_view *to, pn_view *from, pencl_ctx *ctx, const pn_view *v, const char *const names[], int n)
{
    for (int k = 0; k < n; k++) {
        int i = pn_spec_find(&from->spec, names[k]);
        if (i < 0) {
            int any = 0;
            PENCL_TRY(pn_view_find(&any, ctx, v, names[k]));
            return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec, "axis \"%.31s\" is given twice",
                                names[k]);
        }
        pn_view_push(to, &from->spec.axes[i], from->strides[i]);
        pn_view_drop(from, i);
    }
    return PENCL_OK;
}
