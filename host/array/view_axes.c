/* SPDX-License-Identifier: Apache-2.0 */
/* Views: parts of axes, new axes, and one axis to several and back. */
#include "array/view.h"

/* ---- parts ---- */

pencl_status
pn_view_slice(pn_view *v, pencl_ctx *ctx, const char *axis, int64_t from, int64_t n, int64_t step)
{
    int i = 0;
    PENCL_TRY(pn_view_find(&i, ctx, v, axis));
    if (step < 1) {
        return pn_spec_fail(ctx, PENCL_E_ARG, &v->spec,
                            "axis \"%s\" cannot be walked in steps of %lld", axis, (long long)step);
    }
    int64_t size = v->spec.axes[i].size;
    bool inside = from >= 0 && n >= 0 && from <= size;
    inside = inside && (n == 0 || (from < size && n - 1 <= (size - 1 - from) / step));
    if (!inside) {
        return pn_spec_fail(ctx, PENCL_E_SHAPE, &v->spec,
                            "%lld elements from %lld on, in steps of %lld, are not within axis "
                            "\"%s\"",
                            (long long)n, (long long)from, (long long)step, axis);
    }
    v->offset += from * v->strides[i];
    v->spec.axes[i].size = n;
    v->strides[i] *= n > 1 ? step : 1; /* within the axis, so that it cannot overflow */
    return PENCL_OK;
}

pencl_status pn_view_index(pn_view *v, pencl_ctx *ctx, const char *axis, int64_t at)
{
    int i = 0;
    PENCL_TRY(pn_view_find(&i, ctx, v, axis));
    int64_t size = v->spec.axes[i].size;
    if (at < -size || at >= size) {
        return pn_spec_fail(ctx, PENCL_E_SHAPE, &v->spec, "axis \"%s\" has no element %lld", axis,
                            (long long)at);
    }
    v->offset += (at < 0 ? at + size : at) * v->strides[i];
    pn_view_drop(v, i);
    return PENCL_OK;
}

/* ---- new axes ---- */

/* Puts an axis in front. */
static pencl_status push_front(pn_view *v, pencl_ctx *ctx, const char *name, int64_t size)
{
    const pn_view old = *v;
    pencl_axis axis = {.size = size};
    if (old.spec.n_axes == PENCL_MAX_AXES) {
        return pn_spec_fail(ctx, PENCL_E_LIMIT, &old.spec,
                            "there is no room for axis \"%s\": %d axes at most", name,
                            PENCL_MAX_AXES);
    }
    pn_copy(axis.name, sizeof axis.name, name);
    *v = pn_view_bare(&old);
    pn_view_push(v, &axis, 0);
    for (int i = 0; i < old.spec.n_axes; i++) {
        pn_view_push(v, &old.spec.axes[i], old.strides[i]);
    }
    return PENCL_OK;
}

pencl_status pn_view_insert_axis(pn_view *v, pencl_ctx *ctx, const char *name)
{
    pn_view wider = *v;
    PENCL_TRY(pn_view_check_name(ctx, v, name));
    PENCL_TRY(push_front(&wider, ctx, name, 1));
    PENCL_TRY(pn_view_check_distinct(ctx, &wider));
    *v = wider;
    return PENCL_OK;
}

/* The sizes and their product fit. Whole blocks need not lie along the last axis of a view. */
static pencl_status check_extent(pencl_ctx *ctx, const pn_view *v)
{
    pn_spec plain = v->spec;
    plain.dtype = PENCL_F32;
    return pn_spec_check(ctx, &plain, "view");
}

/* The place in a spec of its positional axis number k, counted from the last; -1: it has fewer. */
static int find_positional(const pn_spec *spec, int k)
{
    for (int i = spec->n_axes - 1; i >= 0; i--) {
        if (spec->axes[i].name[0] == '\0' && k-- == 0) {
            return i;
        }
    }
    return -1;
}

static pencl_status
fail_broadcast(pencl_ctx *ctx, const pn_view *v, const pencl_axis *axes, int n, const char *why)
{
    pn_text wanted = {0};
    pn_spec to = pn_spec_make(v->spec.dtype, n, axes);
    pn_spec_print(&wanted, &to);
    pencl_status st = pn_spec_fail(ctx, PENCL_E_SHAPE, &v->spec, "cannot be broadcast to %s: %s",
                                   pn_text_get(&wanted), why);
    pn_text_free(&wanted);
    return st;
}

/* NumPy's rule for positional axes: from the right, equal sizes or 1, missing ones in front. */
static pencl_status
broadcast_positional(pn_view *wide, pencl_ctx *ctx, const pn_view *v, const pencl_axis *axes, int n)
{
    const pn_spec to = pn_spec_make(v->spec.dtype, n, axes);
    int wanted = pn_spec_count_positional(&to);
    if (pn_spec_count_positional(&v->spec) > wanted) {
        return fail_broadcast(ctx, v, axes, n, "it has fewer positional axes");
    }
    for (int k = 0; k < wanted; k++) {
        int64_t size = to.axes[find_positional(&to, k)].size;
        int i = find_positional(&wide->spec, k);
        if (i < 0) {
            PENCL_TRY(push_front(wide, ctx, "", size));
        } else if (wide->spec.axes[i].size == 1) {
            wide->spec.axes[i].size = size;
            wide->strides[i] = size == 1 ? wide->strides[i] : 0;
        } else if (wide->spec.axes[i].size != size) {
            return fail_broadcast(ctx, v, axes, n, "positional sizes differ");
        }
    }
    return PENCL_OK;
}

pencl_status pn_view_broadcast_to(pn_view *v, pencl_ctx *ctx, const pencl_axis *axes, int n)
{
    pn_view wide = *v;
    const pn_spec to = pn_spec_make(PENCL_F32, n, axes);
    PENCL_TRY(pn_spec_check(ctx, &to, "broadcast_to"));
    for (int k = n - 1; k >= 0; k--) {
        int i = pn_spec_find(&wide.spec, axes[k].name);
        if (axes[k].name[0] != '\0' && i < 0) {
            PENCL_TRY(push_front(&wide, ctx, axes[k].name, axes[k].size));
        } else if (i >= 0 && wide.spec.axes[i].size != axes[k].size) {
            return fail_broadcast(ctx, v, axes, n, "a named axis keeps its size, even a size of 1");
        }
    }
    PENCL_TRY(broadcast_positional(&wide, ctx, v, axes, n));
    PENCL_TRY(check_extent(ctx, &wide));
    *v = wide;
    return PENCL_OK;
}

void pn_view_spread(pn_view *v, const pn_spec *to)
{
    const pn_view from = *v;
    *v = pn_view_bare(&from);
    for (int i = 0; i < to->n_axes; i++) {
        pn_view_push(v, &to->axes[i], pn_view_stride(&from, to->axes[i].name));
    }
}

/* ---- one axis to several and back ---- */

/* The sizes of `into` multiply to `size`. */
static bool factors(const pencl_axis *into, int n, int64_t size)
{
    size_t product = 1;
    for (int k = 0; k < n; k++) {
        if (into[k].size < 0 || !pn_mul(product, (size_t)into[k].size, &product)) {
            return false;
        }
    }
    return product == (size_t)size;
}

pencl_status
pn_view_split(pn_view *v, pencl_ctx *ctx, const char *axis, const pencl_axis *into, int n)
{
    int at = 0;
    PENCL_TRY(pn_view_find(&at, ctx, v, axis));
    if (n < 1 || v->spec.n_axes - 1 + n > PENCL_MAX_AXES) {
        return pn_spec_fail(ctx, PENCL_E_LIMIT, &v->spec, "axis \"%s\" cannot become %d axes", axis,
                            n);
    }
    if (!factors(into, n, v->spec.axes[at].size)) {
        return pn_spec_fail(ctx, PENCL_E_SHAPE, &v->spec,
                            "the parts of axis \"%s\" do not multiply to it", axis);
    }
    pn_view split = pn_view_bare(v);
    for (int i = 0; i < v->spec.n_axes; i++) {
        if (i != at) {
            pn_view_push(&split, &v->spec.axes[i], v->strides[i]);
            continue;
        }
        for (int k = 0; k < n; k++) {
            PENCL_TRY(pn_view_check_name(ctx, v, into[k].name));
            pn_view_push(&split, &into[k], 0);
        }
        PENCL_TRY(check_extent(ctx, &split));
        int64_t step = v->strides[at];
        for (int k = n - 1; k >= 0; k--) {
            split.strides[at + k] = step;
            step *= into[k].size > 0 ? into[k].size : 1;
        }
    }
    PENCL_TRY(pn_view_check_distinct(ctx, &split));
    *v = split;
    return PENCL_OK;
}

/* The axis that the axes of `parts` make, outermost first; false when their strides do not nest.
 * Axes of size 1 nest with anything, empty ones make an empty axis. */
static bool nest(const pn_view *parts, int64_t *size, int64_t *stride)
{
    *size = 1;
    *stride = 1;
    bool any = false;
    for (int i = parts->spec.n_axes - 1; i >= 0; i--) {
        int64_t n = parts->spec.axes[i].size;
        if (n == 1) {
            continue;
        }
        if (n == 0) {
            *size = 0;
            return true;
        }
        if (!any) {
            *stride = parts->strides[i];
            any = true;
        } else if (parts->strides[i] != *stride * *size) {
            return false;
        }
        *size *= n;
    }
    return true;
}

pencl_status
pn_view_merge(pn_view *v, pencl_ctx *ctx, const char *const axes[], int n, const char *into)
{
    if (n < 1) {
        return pn_spec_fail(ctx, PENCL_E_ARG, &v->spec, "merge needs at least one axis");
    }
    PENCL_TRY(pn_view_check_name(ctx, v, into));
    pn_view rest = *v;
    pn_view parts = pn_view_bare(v);
    PENCL_TRY(pn_view_move(&parts, &rest, ctx, v, axes, n));
    pencl_axis one = {.size = 0};
    int64_t stride = 0;
    if (!nest(&parts, &one.size, &stride)) {
        return pn_spec_fail(ctx, PENCL_E_UNSUPPORTED, &v->spec,
                            "the axes of \"%.31s\" are apart in storage: merging needs a copy",
                            into);
    }
    pn_copy(one.name, sizeof one.name, into);
    pn_view merged = pn_view_bare(v);
    int first = pn_spec_find(&v->spec, axes[0]);
    for (int i = 0; i < v->spec.n_axes; i++) {
        if (i == first) {
            pn_view_push(&merged, &one, stride);
        } else if (v->spec.axes[i].name[0] == '\0' ||
                   pn_spec_find(&parts.spec, v->spec.axes[i].name) < 0) {
            pn_view_push(&merged, &v->spec.axes[i], v->strides[i]);
        }
    }
    PENCL_TRY(pn_view_check_distinct(ctx, &merged));
    *v = merged;
    return PENCL_OK;
}
