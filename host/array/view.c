/* SPDX-License-Identifier: Apache-2.0 */
/* Views: a spec laid over storage by an offset and strides. Every verb changes only these. */
#include "array/shape.h"

#include "array/dtypes.h"

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

/* ---- what the verbs share ---- */

static pencl_status find(int *out, pencl_ctx *ctx, const pn_view *v, const char *axis)
{
    *out = pn_spec_find(&v->spec, axis);
    if (*out < 0) {
        return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec, "no axis is named \"%.31s\"", axis);
    }
    return PENCL_OK;
}

/* A name given to an axis: well formed and not empty. */
static pencl_status check_new_name(pencl_ctx *ctx, const pn_view *v, const char *name)
{
    if (name[0] == '\0') {
        return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec, "an axis name must not be empty");
    }
    return pn_axis_name_check(ctx, name);
}

static pencl_status check_distinct(pencl_ctx *ctx, const pn_view *v)
{
    for (int i = 0; i < v->spec.n_axes; i++) {
        const char *name = v->spec.axes[i].name;
        if (name[0] != '\0' && pn_spec_find(&v->spec, name) != i) {
            return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec, "axis \"%s\" would be repeated", name);
        }
    }
    return PENCL_OK;
}

static int count_positional(const pn_spec *spec)
{
    int n = 0;
    for (int i = 0; i < spec->n_axes; i++) {
        n += spec->axes[i].name[0] == '\0';
    }
    return n;
}

static void push(pn_view *v, const pencl_axis *axis, int64_t stride)
{
    v->strides[v->spec.n_axes] = stride;
    v->spec.axes[v->spec.n_axes++] = *axis;
}

static void drop(pn_view *v, int index)
{
    pn_spec_remove(&v->spec, index);
    for (int i = index; i < v->spec.n_axes; i++) {
        v->strides[i] = v->strides[i + 1];
    }
}

/* Moves the named axes, one after another, from `from` to the end of `to`. */
static pencl_status move_axes(
    pn_view *to, pn_view *from, pencl_ctx *ctx, const pn_view *v, const char *const names[], int n)
{
    for (int k = 0; k < n; k++) {
        int i = pn_spec_find(&from->spec, names[k]);
        if (i < 0) {
            int any = 0;
            PENCL_TRY(find(&any, ctx, v, names[k]));
            return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec, "axis \"%.31s\" is given twice",
                                names[k]);
        }
        push(to, &from->spec.axes[i], from->strides[i]);
        drop(from, i);
    }
    return PENCL_OK;
}

/* Moves what is left: the positional axes or all. */
static void move_rest(pn_view *to, pn_view *from, bool positional_only)
{
    for (int i = 0; i < from->spec.n_axes;) {
        if (positional_only && from->spec.axes[i].name[0] != '\0') {
            i++;
            continue;
        }
        push(to, &from->spec.axes[i], from->strides[i]);
        drop(from, i);
    }
}

static pn_view without_axes(const pn_view *v)
{
    pn_view empty = {.spec = {.dtype = v->spec.dtype}, .offset = v->offset};
    return empty;
}

/* ---- names and order ---- */

pencl_status pn_view_tag(pn_view *v, pencl_ctx *ctx, const char *const names[], int n)
{
    int positional = count_positional(&v->spec);
    if (n != positional) {
        return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec, "tag got %d names for %d positional axes",
                            n, positional);
    }
    pn_view tagged = *v;
    int next = 0;
    for (int i = 0; i < tagged.spec.n_axes; i++) {
        pencl_axis *axis = &tagged.spec.axes[i];
        if (axis->name[0] == '\0') {
            PENCL_TRY(check_new_name(ctx, v, names[next]));
            pn_copy(axis->name, sizeof axis->name, names[next++]);
        }
    }
    PENCL_TRY(check_distinct(ctx, &tagged));
    *v = tagged;
    return PENCL_OK;
}

pencl_status pn_view_untag(pn_view *v, pencl_ctx *ctx, const char *const names[], int n)
{
    if (n > 0 && count_positional(&v->spec) > 0) {
        return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec,
                            "untag needs an array without positional axes");
    }
    pn_view rest = *v;
    pn_view untagged = without_axes(v);
    PENCL_TRY(move_axes(&untagged, &rest, ctx, v, names, n));
    for (int i = 0; i < n; i++) {
        untagged.spec.axes[i].name[0] = '\0';
    }
    move_rest(&untagged, &rest, false);
    *v = untagged;
    return PENCL_OK;
}

pencl_status pn_view_rename(pn_view *v, pencl_ctx *ctx, const char *from, const char *to)
{
    int i = 0;
    PENCL_TRY(find(&i, ctx, v, from));
    PENCL_TRY(check_new_name(ctx, v, to));
    pn_view renamed = *v;
    pn_copy(renamed.spec.axes[i].name, PENCL_AXIS_NAME_MAX, to);
    PENCL_TRY(check_distinct(ctx, &renamed));
    *v = renamed;
    return PENCL_OK;
}

pencl_status pn_view_order(pn_view *v, pencl_ctx *ctx, const char *const names[], int n)
{
    pn_view rest = *v;
    pn_view ordered = without_axes(v);
    move_rest(&ordered, &rest, true);
    PENCL_TRY(move_axes(&ordered, &rest, ctx, v, names, n));
    if (rest.spec.n_axes > 0) {
        return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec,
                            "an order must name every axis, \"%s\" is missing",
                            rest.spec.axes[0].name);
    }
    *v = ordered;
    return PENCL_OK;
}

/* ---- ranges ---- */

pencl_status pn_view_slice(pn_view *v, pencl_ctx *ctx, const char *axis, int64_t from, int64_t n)
{
    int i = 0;
    PENCL_TRY(find(&i, ctx, v, axis));
    int64_t size = v->spec.axes[i].size;
    if (from < 0 || n < 0 || from > size || n > size - from) {
        return pn_spec_fail(ctx, PENCL_E_SHAPE, &v->spec,
                            "%lld elements from %lld on are not within axis \"%s\"", (long long)n,
                            (long long)from, axis);
    }
    v->offset += from * v->strides[i];
    v->spec.axes[i].size = n;
    return PENCL_OK;
}

pencl_status pn_view_index(pn_view *v, pencl_ctx *ctx, const char *axis, int64_t at)
{
    int i = 0;
    PENCL_TRY(find(&i, ctx, v, axis));
    PENCL_TRY(pn_view_slice(v, ctx, axis, at, 1));
    drop(v, i);
    return PENCL_OK;
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
    PENCL_TRY(find(&at, ctx, v, axis));
    if (n < 1 || v->spec.n_axes - 1 + n > PENCL_MAX_AXES) {
        return pn_spec_fail(ctx, PENCL_E_LIMIT, &v->spec, "axis \"%s\" cannot become %d axes", axis,
                            n);
    }
    if (!factors(into, n, v->spec.axes[at].size)) {
        return pn_spec_fail(ctx, PENCL_E_SHAPE, &v->spec,
                            "the parts of axis \"%s\" do not multiply to it", axis);
    }
    pn_view split = without_axes(v);
    for (int i = 0; i < v->spec.n_axes; i++) {
        if (i != at) {
            push(&split, &v->spec.axes[i], v->strides[i]);
            continue;
        }
        for (int k = 0; k < n; k++) {
            PENCL_TRY(check_new_name(ctx, v, into[k].name));
            push(&split, &into[k], 0);
        }
        int64_t step = v->strides[at];
        for (int k = n - 1; k >= 0; k--) {
            split.strides[at + k] = step;
            step *= into[k].size > 0 ? into[k].size : 1;
        }
    }
    PENCL_TRY(check_distinct(ctx, &split));
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
    PENCL_TRY(check_new_name(ctx, v, into));
    pn_view rest = *v;
    pn_view parts = without_axes(v);
    PENCL_TRY(move_axes(&parts, &rest, ctx, v, axes, n));
    pencl_axis one = {.size = 0};
    int64_t stride = 0;
    if (!nest(&parts, &one.size, &stride)) {
        return pn_spec_fail(ctx, PENCL_E_UNSUPPORTED, &v->spec,
                            "the axes of \"%.31s\" are apart in storage: merging needs a copy",
                            into);
    }
    pn_copy(one.name, sizeof one.name, into);
    pn_view merged = without_axes(v);
    int first = pn_spec_find(&v->spec, axes[0]);
    for (int i = 0; i < v->spec.n_axes; i++) {
        if (i == first) {
            push(&merged, &one, stride);
        } else if (v->spec.axes[i].name[0] == '\0' ||
                   pn_spec_find(&parts.spec, v->spec.axes[i].name) < 0) {
            push(&merged, &v->spec.axes[i], v->strides[i]);
        }
    }
    PENCL_TRY(check_distinct(ctx, &merged));
    *v = merged;
    return PENCL_OK;
}
