/* SPDX-License-Identifier: Apache-2.0 */
/* Values captured where they flow: what there is at a set of points, and what it was in a call. */
#include "study/points.h"

#include <inttypes.h>
#include <string.h>

/* ---- what there is ---- */

/* Whether a captured name is the point's: its own, or in stacks of layers with "[3]" behind it. */
static bool is_of(const char *name, const pn_point *point)
{
    size_t n = strlen(point->name);
    return strncmp(name, point->name, n) == 0 && (name[n] == '\0' || name[n] == '[');
}

static const pn_point *point_of(const pencl_points *p, const char *name)
{
    const pn_point *found = NULL;
    for (int i = 0; i < p->n; i++) {
        if (strcmp(name, p->items[i].name) == 0) {
            return &p->items[i];
        }
        found = is_of(name, &p->items[i]) ? &p->items[i] : found;
    }
    return found;
}

/* Fills p->values from the nodes that a trace marked. */
static pencl_status take_values(pencl_points *p, const pencl_graph *g)
{
    p->values = pn_calloc((size_t)g->n_nodes + 1, sizeof *p->values);
    if (p->values == NULL) {
        return PN_NOMEM(p->ctx);
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const char *name = g->nodes[i]->capture_name;
        if (name == NULL) {
            continue;
        }
        pn_point_value *v = &p->values[p->n_values++];
        *v = (pn_point_value){
            .name = pn_strdup(name), .point = point_of(p, name), .spec = g->nodes[i]->call.out};
        if (v->name == NULL) {
            return PN_NOMEM(p->ctx);
        }
    }
    return PENCL_OK;
}

static bool has_value(const pencl_points *p, int i)
{
    for (int k = 0; k < p->n_values; k++) {
        if (p->values[k].point == &p->items[i]) {
            return true;
        }
    }
    return false;
}

static pencl_status check_computed(const pencl_points *p, bool every)
{
    for (int i = 0; i < p->n && !every; i++) {
        if (!has_value(p, i)) {
            return PN_FAIL(p->ctx, PENCL_E_ARG, "%s (%s) is not a value that is computed",
                           p->items[i].name, p->items[i].type);
        }
    }
    return PENCL_OK;
}

/* Traces the capturing body on so many tokens; nothing is computed. */
static pencl_status trace(pencl_points *p, pencl_layer *body, int64_t n_tokens)
{
    pencl_graph *g = NULL;
    pencl_value *logits = NULL;
    pencl_side_inputs side = {0};
    pn_spec spec = {.dtype = PENCL_I32};
    pn_spec_push(&spec, PENCL_AXIS_SEQ, n_tokens);
    PENCL_TRY(pencl_graph_new(&g, p->lm->device));
    pencl_value *tokens = pn_graph_input(g, PN_INPUT_TOKENS, &spec);
    pencl_value *positions = pn_graph_input(g, PN_INPUT_POSITIONS, &spec);
    pencl_status st = pn_side_set(&side, p->ctx, PN_SIDE_TOKEN_POSITIONS, positions);
    if (st == PENCL_OK) {
        st = pn_lm_trace(&logits, body, tokens, &side);
    }
    if (st == PENCL_OK) {
        st = take_values(p, g);
    }
    pencl_graph_free(g);
    return st;
}

pencl_status pencl_points_new(
    pencl_points **out, pencl_lm *lm, const char *const selections[], int n, int64_t n_tokens)
{
    bool every = false;
    pencl_layer *body = NULL;
    pn_error_clear(lm->ctx);
    *out = NULL;
    if (n < 1 || n_tokens < 1 || n_tokens > INT32_MAX) {
        return PN_FAIL(lm->ctx, PENCL_E_ARG, "%d selections, %" PRId64 " tokens", n, n_tokens);
    }
    PENCL_TRY(pn_points_find(out, lm, selections, n));
    for (int i = 0; i < n; i++) {
        every = every || strcmp(selections[i], PENCL_EVERY_POINT) == 0;
    }
    pencl_status st = pn_points_apply(&body, *out, lm->body, pn_point_capture, *out);
    if (st == PENCL_OK) {
        st = trace(*out, body, n_tokens);
    }
    if (st == PENCL_OK) {
        st = check_computed(*out, every);
    }
    pencl_layer_free(body);
    if (st != PENCL_OK) {
        pencl_points_free(*out);
        *out = NULL;
    }
    return st;
}

const pn_point_value *pn_points_value(const pencl_points *p, int i)
{
    for (int k = 0; k < p->n_values; k++) {
        if (strcmp(p->values[k].name, p->items[i].name) == 0) {
            return &p->values[k];
        }
    }
    PN_FAIL(p->ctx, PENCL_E_UNSUPPORTED, "%s: layers of a stack cannot be changed one by one",
            p->items[i].name);
    return NULL;
}

int pencl_points_count(const pencl_points *p)
{
    return p->n_values;
}

pencl_point_info pencl_points_info(const pencl_points *p, int i)
{
    if (i < 0 || i >= p->n_values) {
        return (pencl_point_info){0};
    }
    const pn_point_value *v = &p->values[i];
    return (pencl_point_info){.name = v->name,
                              .type = v->point->type,
                              .dtype = v->spec.dtype,
                              .axes = v->spec.axes,
                              .n_axes = v->spec.n_axes,
                              .bytes = pn_spec_bytes(&v->spec)};
}

/* ---- what it was ---- */

/* The rows of a value at some places of "seq"; the value itself when it has no such axis. */
static pencl_status
take_rows(pencl_array **out, const pencl_array *value, const int32_t *at, size_t n)
{
    const pencl_axis axis = {PENCL_AXIS_SEQ, (int64_t)n};
    pencl_graph *g = NULL;
    pencl_array *ids = NULL;
    PENCL_TRY(pencl_array_wrap(&ids, value->device, PENCL_I32, &axis, 1, at));
    pencl_status st = pencl_graph_new(&g, value->device);
    if (st == PENCL_OK) {
        pencl_value *rows = pencl_value_take(pencl_graph_array(g, value), PENCL_AXIS_SEQ,
                                             pencl_graph_array(g, ids));
        st = pencl_eval(g, &rows, 1, out);
    }
    pencl_graph_free(g);
    pencl_array_free(ids);
    return st;
}

static pencl_status keep_rows(pencl_captures *all, const int32_t *at, size_t n)
{
    for (int i = 0; i < pencl_captures_count(all); i++) {
        pencl_array *rows = NULL;
        const pencl_capture *c = pencl_captures_at(all, i);
        if (pn_spec_find(&c->array->view.spec, PENCL_AXIS_SEQ) >= 0) {
            PENCL_TRY(take_rows(&rows, c->array, at, n));
            pn_captures_set(all, i, rows);
        }
    }
    return PENCL_OK;
}

pencl_status pn_places(int32_t **out, pencl_ctx *ctx, const int64_t *at, size_t n_at, size_t n)
{
    *out = pn_calloc(n_at + 1, sizeof **out);
    if (*out == NULL) {
        return PN_NOMEM(ctx);
    }
    for (size_t i = 0; i < n_at; i++) {
        int64_t place = at[i] < 0 ? at[i] + (int64_t)n : at[i];
        if (place < 0 || place >= (int64_t)n) {
            pn_free(*out);
            *out = NULL;
            return PN_FAIL(ctx, PENCL_E_ARG, "position %" PRId64 " of %zu tokens", at[i], n);
        }
        (*out)[i] = (int32_t)place;
    }
    return PENCL_OK;
}

pencl_status pn_run_tokens(pencl_array **last,
                           pencl_captures **captures,
                           const pencl_lm *lm,
                           pencl_layer *body,
                           const pn_ids *tokens)
{
    const pencl_axis seq = {PENCL_AXIS_SEQ, (int64_t)tokens->n};
    pencl_array *ids = NULL;
    PENCL_TRY(pencl_array_wrap(&ids, lm->device, PENCL_I32, &seq, 1, tokens->ids));
    const pn_call call = {
        .device = lm->device, .pool = lm->pool, .layer = body, .x = ids, .last = true};
    pencl_status st = pn_call_run(last, captures, &call);
    pencl_array_free(ids);
    return st;
}

pencl_status pencl_points_capture(pencl_captures **out,
                                  const pencl_points *p,
                                  const int32_t *tokens,
                                  size_t n,
                                  const int64_t *at,
                                  size_t n_at)
{
    int32_t *places = NULL;
    pencl_layer *body = NULL;
    pencl_array *last = NULL;
    pn_error_clear(p->ctx);
    *out = NULL;
    if (n < 1 || n > INT32_MAX) {
        return PN_FAIL(p->ctx, PENCL_E_ARG, "%zu tokens", n);
    }
    PENCL_TRY(pn_lm_check_tokens(p->lm, tokens, n));
    PENCL_TRY(pn_places(&places, p->ctx, at, n_at, n));
    pencl_status st = pn_points_apply(&body, p, p->lm->body, pn_point_capture, (void *)p);
    if (st == PENCL_OK) {
        st = pn_run_tokens(&last, out, p->lm, body, &(pn_ids){tokens, n});
    }
    if (st == PENCL_OK && n_at > 0) {
        st = keep_rows(*out, places, n_at);
    }
    if (st != PENCL_OK) {
        pencl_captures_free(*out);
        *out = NULL;
    }
    pencl_array_free(last);
    pencl_layer_free(body);
    pn_free(places);
    return st;
}
