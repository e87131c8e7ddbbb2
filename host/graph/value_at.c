/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of values by index: reading them, and values with parts written or added to.
 *
 * Integers, ranges and new axes are views. Index arrays are ops (take, scatter), and where the two
 * meet, the view comes first. An update is a copy of x with the update laid over it. */
#include "graph/graph.h"

#include "array/view.h"

#include <stdio.h>
#include <string.h>

enum { MOST_IDS = PN_MAX_IN - 2 }; /* an op's inputs but for x and the updates */

/* An index under way. Positional axes are hidden: those of x and of the result are numbered from 0,
 * those of the index arrays, which come before them in the result, from there on. */
typedef struct index_use {
    const char *verb;
    pencl_graph *graph;
    const pencl_at *at;
    int n;
    pencl_value *x;
    const char *axes[MOST_IDS]; /* those of the index arrays */
    pencl_value *ids[MOST_IDS];
    int n_ids;
} index_use;

static bool is_of(const pencl_value *x, const pencl_graph *g)
{
    return x->graph == g && x->items == NULL;
}

/* Notes an index array. */
static bool add_ids(index_use *u, const pencl_at *at)
{
    if (at->ids == NULL) {
        return false;
    }
    if (!is_of(at->ids, u->graph)) {
        pn_graph_fail(u->graph, PENCL_E_ARG, "%s: the ids are a tuple or of another graph",
                      u->verb);
        return false;
    }
    if (u->n_ids == MOST_IDS) {
        pn_graph_fail(u->graph, PENCL_E_LIMIT, "%s: more than %d index arrays", u->verb, MOST_IDS);
        return false;
    }
    u->axes[u->n_ids] = at->axis;
    u->ids[u->n_ids++] = at->ids;
    return true;
}

static bool begin(index_use *u, const char *verb, pencl_value *x, const pencl_at *at, int n)
{
    *u = (index_use){.verb = verb, .at = at, .n = n, .x = x};
    if (x == NULL || x->graph->error.status != PENCL_OK) {
        return false;
    }
    u->graph = x->graph;
    if (x->items != NULL || n > 2 * PENCL_MAX_AXES) {
        pn_graph_fail(u->graph, PENCL_E_ARG, "%s: a tuple, or an index of %d axes", verb, n);
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (at[i].kind == PENCL_AT_KIND_IDS && !add_ids(u, &at[i])) {
            return false;
        }
    }
    int positional = pn_spec_count_positional(&x->view.spec);
    return pn_values_hide(&u->x, 1, 0) && pn_values_hide(u->ids, u->n_ids, positional);
}

/* ---- views ---- */

static pencl_status check_distinct(const index_use *u)
{
    for (int i = 0; i < u->n; i++) {
        for (int k = 0; k < i; k++) {
            if (strcmp(u->at[i].axis, u->at[k].axis) == 0) {
                return pn_spec_fail(u->graph->ctx, PENCL_E_AXIS, &u->x->view.spec,
                                    "axis \"%.31s\" is given twice", u->at[i].axis);
            }
        }
    }
    return PENCL_OK;
}

/* The part of `v` without regard to index arrays, whose axes stay. */
static pencl_status view_part(pn_view *v, pencl_ctx *ctx, const pencl_at *at, int n)
{
    for (int i = 0; i < n; i++) {
        int any = 0;
        switch (at[i].kind) {
        case PENCL_AT_KIND_INDEX:
            PENCL_TRY(pn_view_index(v, ctx, at[i].axis, at[i].from));
            break;
        case PENCL_AT_KIND_RANGE:
            PENCL_TRY(pn_view_slice(v, ctx, at[i].axis, at[i].from, at[i].n, at[i].step));
            break;
        case PENCL_AT_KIND_NEW:
            PENCL_TRY(pn_view_insert_axis(v, ctx, at[i].axis));
            break;
        case PENCL_AT_KIND_IDS:
            PENCL_TRY(pn_view_find(&any, ctx, v, at[i].axis));
            break;
        default:
            return pn_spec_fail(ctx, PENCL_E_ARG, &v->spec, "axis \"%.31s\": no such kind of index",
                                at[i].axis);
        }
    }
    return PENCL_OK;
}

/* Ranges and new axes stay in the result, integers and index arrays take theirs away. */
enum { KEPT = 1, GONE = 2 };

/* The axes of `spec` that stand in the index and are KEPT, or GONE. */
static pn_spec named_in(const index_use *u, const pn_spec *spec, unsigned which)
{
    pn_spec found = {.n_axes = 0};
    for (int i = 0; i < u->n; i++) {
        pencl_at_kind kind = u->at[i].kind;
        bool kept = kind == PENCL_AT_KIND_RANGE || kind == PENCL_AT_KIND_NEW;
        if ((which & (kept ? KEPT : GONE)) != 0 && pn_spec_find(spec, u->at[i].axis) >= 0) {
            pn_spec_push(&found, u->at[i].axis, 0);
        }
    }
    return found;
}

/* A name that the result would get in two ways is E_AXIS. */
static pencl_status check_names(const index_use *u, const pn_spec *other, unsigned which)
{
    pn_spec twice = named_in(u, other, which);
    if (twice.n_axes > 0) {
        return pn_spec_fail(u->graph->ctx, PENCL_E_AXIS, other, "%s: axis \"%s\" would be repeated",
                            u->verb, twice.axes[0].name);
    }
    return PENCL_OK;
}

/* ---- reading ---- */

static pencl_status part_of(pn_view *out, const index_use *u)
{
    *out = u->x->view;
    PENCL_TRY(check_distinct(u));
    PENCL_TRY(view_part(out, u->graph->ctx, u->at, u->n));
    for (int i = 0; i < u->n_ids; i++) {
        PENCL_TRY(check_names(u, &u->ids[i]->view.spec, KEPT));
    }
    return PENCL_OK;
}

pencl_value *pencl_value_at(pencl_value *x, const pencl_at *at, int n)
{
    index_use u;
    pn_view part;
    if (!begin(&u, "at", x, at, n)) {
        return NULL;
    }
    pn_guard guard = pn_guard_begin(u.graph);
    if (!pn_guard_end(&guard, part_of(&part, &u))) {
        return NULL;
    }
    pencl_value *v = pn_value_with_view(u.x, &part);
    if (u.n_ids > 0 && v != NULL) {
        pn_op_args args = {.in = {v}, .n_in = 1 + u.n_ids, .n_names = u.n_ids};
        memcpy(args.in + 1, u.ids, (size_t)u.n_ids * sizeof *u.ids);
        memcpy(args.names, u.axes, (size_t)u.n_ids * sizeof *u.axes);
        v = pn_graph_op(u.graph, &pn_op_take, &args);
    }
    return pn_value_unhide(v);
}

pencl_value *pencl_value_take(pencl_value *x, const char *axis, pencl_value *ids)
{
    const pencl_at at[] = {PENCL_AT_IDS(axis, ids)};
    return pencl_value_at(x, at, 1);
}

/* ---- updates ---- */

/* What an update needs to know before anything is made. */
typedef struct update {
    index_use use;
    pencl_value *by;
    pn_spec out;    /* x's axes, then those that index arrays and the update have besides */
    pn_view region; /* of the output: what is written, but for the index arrays */
} update;

/* The size along a positional axis of what an update must fit; -1: it has no such axis. */
static int64_t wanted_size(const index_use *u, const pn_spec *part, const char *axis)
{
    int64_t size = pn_spec_find(part, axis) >= 0 ? pn_spec_size(part, axis) : -1;
    for (int i = 0; i < u->n_ids && size < 0; i++) {
        const pn_spec *ids = &u->ids[i]->view.spec;
        size = pn_spec_find(ids, axis) >= 0 ? pn_spec_size(ids, axis) : -1;
    }
    return size;
}

/* Positional axes of an update are the last ones of what it updates, or 1. */
static pencl_status fit_positional(pn_view *by, const index_use *u, const pn_specs *all)
{
    pn_view part = u->x->view;
    PENCL_TRY(view_part(&part, u->graph->ctx, u->at, u->n));
    for (int k = 0; k < by->spec.n_axes; k++) {
        const pencl_axis *axis = &by->spec.axes[k];
        if (!pn_axis_is_positional(axis)) {
            continue;
        }
        int64_t size = wanted_size(u, &part.spec, axis->name);
        if (size < 0 || (axis->size != size && axis->size != 1)) {
            return pn_specs_fail(u->graph->ctx, PENCL_E_SHAPE, all,
                                 "the positional axes of the updates are not those of the part");
        }
        if (axis->size != size) {
            pn_view_drop(by, k--); /* broadcast by absence */
        }
    }
    return PENCL_OK;
}

/* Axes of an argument that the output does not get from it: ranges and new ones belong to the
 * region, and positional axes that only index arrays have count updates. */
static pn_spec passed_over(const index_use *u, const pn_spec *argument)
{
    pn_spec over = named_in(u, argument, KEPT);
    for (int i = 0; i < argument->n_axes; i++) {
        const pencl_axis *axis = &argument->axes[i];
        if (pn_axis_is_positional(axis) && pn_spec_find(&u->x->view.spec, axis->name) < 0) {
            pn_spec_push(&over, axis->name, 0);
        }
    }
    return over;
}

/* What the update has of the region's axes has its sizes. */
static pencl_status fit_region(const pn_spec *by, const update *up, const pn_specs *all)
{
    for (int i = 0; i < by->n_axes; i++) {
        const char *axis = by->axes[i].name;
        int at = pn_spec_find(&up->region.spec, axis);
        if (at >= 0 && up->region.spec.axes[at].size != by->axes[i].size) {
            char problem[PENCL_AXIS_NAME_MAX + 96];
            snprintf(problem, sizeof problem, "axis \"%s\" is %lld in the part but %lld in updates",
                     axis, (long long)up->region.spec.axes[at].size, (long long)by->axes[i].size);
            return pn_specs_fail(up->use.graph->ctx, PENCL_E_SHAPE, all, problem);
        }
    }
    return PENCL_OK;
}

static pencl_status prepare(update *up)
{
    static const char *const names[PN_MAX_IN] = {"x",     "updates", "ids",   "ids 2",
                                                 "ids 3", "ids 4",   "ids 5", "ids 6"};
    const index_use *u = &up->use;
    pencl_ctx *ctx = u->graph->ctx;
    pn_view by = up->by->view;
    const pn_spec *specs[PN_MAX_IN] = {&u->x->view.spec, &by.spec};
    const pn_specs all = {.what = u->verb, .specs = specs, .names = names, .n = 2 + u->n_ids};
    PENCL_TRY(check_distinct(u));
    for (int i = 0; i < u->n_ids; i++) {
        specs[2 + i] = &u->ids[i]->view.spec;
        PENCL_TRY(check_names(u, specs[2 + i], KEPT | GONE));
    }
    PENCL_TRY(check_names(u, &by.spec, GONE));
    pencl_dtype dtype = u->x->view.spec.dtype;
    bool stored = pn_promote(dtype, dtype) != dtype; /* in blocks */
    if (stored || (dtype == PENCL_I32 && by.spec.dtype != dtype)) {
        return pn_specs_fail(ctx, PENCL_E_DTYPE, &all, "cannot be written without a cast");
    }
    PENCL_TRY(fit_positional(&by, u, &all));
    up->out = u->x->view.spec;
    for (int k = 1; k < all.n; k++) {
        const pn_spec over = passed_over(u, specs[k]);
        PENCL_TRY(pn_specs_join(&up->out, ctx, &all, k, &over));
    }
    PENCL_TRY(pn_spec_check_extent(ctx, &up->out, u->verb));
    up->region = pn_view_contiguous(&up->out);
    PENCL_TRY(view_part(&up->region, ctx, u->at, u->n));
    PENCL_TRY(fit_region(&by.spec, up, &all));
    up->by = pn_value_with_view(up->by, &by);
    return PENCL_OK;
}

/* x with every axis of the output. */
static pencl_value *spread(pencl_value *x, const pn_spec *to)
{
    pn_view view = x->view;
    pn_view_spread(&view, to);
    return pn_value_with_view(x, &view);
}

/* Without index arrays: x, and over it the update. */
static pencl_value *lay_over(update *up, const pn_op_def *scatter)
{
    pencl_graph *g = up->use.graph;
    pencl_value *x = spread(up->use.x, &up->out);
    if (x != NULL && scatter == &pn_op_scatter_add) {
        pn_view part = x->view;
        pn_guard guard = pn_guard_begin(g);
        if (!pn_guard_end(&guard, view_part(&part, g->ctx, up->use.at, up->use.n))) {
            return NULL;
        }
        up->by = pencl_value_add(pn_value_with_view(x, &part), up->by);
    }
    pencl_value *by = up->by == NULL ? NULL : spread(up->by, &up->region.spec);
    if (x == NULL || by == NULL) {
        return NULL;
    }
    const pn_piece pieces[] = {{pn_view_contiguous(&up->out), x}, {up->region, by}};
    return pn_graph_join(g, &up->out, pieces, 2, true);
}

/* With them: a copy of x, in which the op writes. */
static pencl_value *write_at_ids(const update *up, const pn_op_def *scatter)
{
    const index_use *u = &up->use;
    pencl_value *x = spread(u->x, &up->out);
    if (x == NULL) {
        return NULL;
    }
    const pn_piece all = {pn_view_contiguous(&up->out), x};
    pencl_value *copy = pn_graph_join(u->graph, &up->out, &all, 1, true);
    pencl_value *region = copy == NULL ? NULL : pn_value_with_view(copy, &up->region);
    pn_op_args args = {.in = {region, up->by}, .n_in = 2 + u->n_ids, .n_names = u->n_ids};
    memcpy(args.in + 2, u->ids, (size_t)u->n_ids * sizeof *u->ids);
    memcpy(args.names, u->axes, (size_t)u->n_ids * sizeof *u->axes);
    pencl_value *written = pn_graph_op(u->graph, scatter, &args);
    return written == NULL ? NULL : pn_value_with_view(written, &copy->view);
}

static pencl_value *update_at(const char *verb,
                              const pn_op_def *scatter,
                              pencl_value *x,
                              const pencl_at *at,
                              int n,
                              pencl_value *by)
{
    update up = {.by = by};
    if (by == NULL || !begin(&up.use, verb, x, at, n)) {
        return NULL;
    }
    if (!is_of(by, x->graph)) {
        return pn_graph_fail(x->graph, PENCL_E_ARG,
                             "%s: updates that are a tuple or of another graph", verb);
    }
    if (!pn_values_hide(&up.by, 1, 0)) {
        return NULL;
    }
    pn_guard guard = pn_guard_begin(up.use.graph);
    if (!pn_guard_end(&guard, prepare(&up))) {
        return NULL;
    }
    up.by = pencl_value_cast(up.by, up.out.dtype);
    if (up.by == NULL) {
        return NULL;
    }
    return pn_value_unhide(up.use.n_ids > 0 ? write_at_ids(&up, scatter) : lay_over(&up, scatter));
}

pencl_value *pencl_value_at_set(pencl_value *x, const pencl_at *at, int n, pencl_value *by)
{
    return update_at("at_set", &pn_op_scatter, x, at, n, by);
}

pencl_value *pencl_value_at_add(pencl_value *x, const pencl_at *at, int n, pencl_value *by)
{
    return update_at("at_add", &pn_op_scatter_add, x, at, n, by);
}
