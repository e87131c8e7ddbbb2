/* SPDX-License-Identifier: Apache-2.0 */
/* Views: names of axes and their order. */
#include "array/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- between positional and named ---- */

/* Names the first n positional axes. */
static pencl_status
name_first(pn_view *v, pencl_ctx *ctx, const char *const names[], int n, const char *verb)
{
    int positional = pn_spec_count_positional(&v->spec);
    if (n > positional) {
        return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec, "%s got %d names for %d positional axes",
                            verb, n, positional);
    }
    pn_view tagged = *v;
    int next = 0;
    for (int i = 0; i < tagged.spec.n_axes && next < n; i++) {
        pencl_axis *axis = &tagged.spec.axes[i];
        if (axis->name[0] == '\0') {
            PENCL_TRY(pn_view_check_name(ctx, v, names[next]));
            pn_copy(axis->name, sizeof axis->name, names[next++]);
        }
    }
    PENCL_TRY(pn_view_check_distinct(ctx, &tagged));
    *v = tagged;
    return PENCL_OK;
}

pencl_status pn_view_tag(pn_view *v, pencl_ctx *ctx, const char *const names[], int n)
{
    int positional = pn_spec_count_positional(&v->spec);
    if (n < positional) {
        return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec, "tag got %d names for %d positional axes",
                            n, positional);
    }
    return name_first(v, ctx, names, n, "tag");
}

pencl_status pn_view_tag_prefix(pn_view *v, pencl_ctx *ctx, const char *const names[], int n)
{
    return name_first(v, ctx, names, n, "tag_prefix");
}

/* Moves what is left: the positional axes or all. */
static void move_rest(pn_view *to, pn_view *from, bool positional_only)
{
    for (int i = 0; i < from->spec.n_axes;) {
        if (positional_only && from->spec.axes[i].name[0] != '\0') {
            i++;
            continue;
        }
        pn_view_push(to, &from->spec.axes[i], from->strides[i]);
        pn_view_drop(from, i);
    }
}

pencl_status pn_view_untag_prefix(pn_view *v, pencl_ctx *ctx, const char *const names[], int n)
{
    pn_view rest = *v;
    pn_view untagged = pn_view_bare(v);
    PENCL_TRY(pn_view_move(&untagged, &rest, ctx, v, names, n));
    for (int i = 0; i < n; i++) {
        untagged.spec.axes[i].name[0] = '\0';
    }
    move_rest(&untagged, &rest, false);
    *v = untagged;
    return PENCL_OK;
}

pencl_status pn_view_untag(pn_view *v, pencl_ctx *ctx, const char *const names[], int n)
{
    if (n > 0 && pn_spec_count_positional(&v->spec) > 0) {
        return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec,
                            "untag needs an array without positional axes");
    }
    return pn_view_untag_prefix(v, ctx, names, n);
}

void pn_view_unhide(pn_view *v)
{
    pn_view rest = *v;
    pn_view shown = pn_view_bare(v);
    for (int number = 2 * PENCL_MAX_AXES; number >= 0; number--) {
        char name[PENCL_AXIS_NAME_MAX];
        snprintf(name, sizeof name, "\1%d", number);
        int i = pn_spec_find(&rest.spec, name);
        if (i >= 0) {
            rest.spec.axes[i].name[0] = '\0';
            pn_view_push(&shown, &rest.spec.axes[i], rest.strides[i]);
            pn_view_drop(&rest, i);
        }
    }
    move_rest(&shown, &rest, false);
    *v = shown;
}

/* ---- renaming and order ---- */

pencl_status pn_view_rename(pn_view *v, pencl_ctx *ctx, const char *from, const char *to)
{
    int i = 0;
    PENCL_TRY(pn_view_find(&i, ctx, v, from));
    PENCL_TRY(pn_view_check_name(ctx, v, to));
    pn_view renamed = *v;
    pn_copy(renamed.spec.axes[i].name, PENCL_AXIS_NAME_MAX, to);
    PENCL_TRY(pn_view_check_distinct(ctx, &renamed));
    *v = renamed;
    return PENCL_OK;
}

pencl_status pn_view_order(pn_view *v, pencl_ctx *ctx, const char *const names[], int n)
{
    pn_view rest = *v;
    pn_view ordered = pn_view_bare(v);
    move_rest(&ordered, &rest, true);
    PENCL_TRY(pn_view_move(&ordered, &rest, ctx, v, names, n));
    if (rest.spec.n_axes > 0) {
        return pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec,
                            "an order must name every axis, \"%s\" is missing",
                            rest.spec.axes[0].name);
    }
    *v = ordered;
    return PENCL_OK;
}

/* The named axes of a spec; returns how many. */
static int names_of(const pn_spec *spec, const char *names[PENCL_MAX_AXES])
{
    int n = 0;
    for (int i = 0; i < spec->n_axes; i++) {
        if (spec->axes[i].name[0] != '\0') {
            names[n++] = spec->axes[i].name;
        }
    }
    return n;
}

static bool has_all(const pn_spec *spec, const pn_spec *names)
{
    for (int i = 0; i < names->n_axes; i++) {
        const char *name = names->axes[i].name;
        if (name[0] != '\0' && pn_spec_find(spec, name) < 0) {
            return false;
        }
    }
    return true;
}

pencl_status pn_view_order_like(pn_view *v, pencl_ctx *ctx, const pn_spec *other)
{
    const char *names[PENCL_MAX_AXES];
    if (!has_all(&v->spec, other) || !has_all(other, &v->spec)) {
        pn_text shape = {0};
        pn_spec_print(&shape, other);
        pencl_status st =
            pn_spec_fail(ctx, PENCL_E_AXIS, &v->spec,
                         "cannot be ordered like %s: their names differ", pn_text_get(&shape));
        pn_text_free(&shape);
        return st;
    }
    return pn_view_order(v, ctx, names, names_of(other, names));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

pencl_status pn_view_canonicalize(pn_view *v, pencl_ctx *ctx)
{
    const char *names[PENCL_MAX_AXES];
    const pn_spec spec = v->spec; /* whose names outlive the change of v */
    int n = names_of(&spec, names);
    qsort(names, (size_t)n, sizeof *names, by_name);
    return pn_view_order(v, ctx, names, n);
}
