/* SPDX-License-Identifier: Apache-2.0 */
/* Layers called on arrays; pencl_lm_call, with the checks that penzai leaves to its layers. */
#include "lm/lm.h"

#include <stdio.h>
#include <string.h>

/* Names that the layers use inside: no batch axis may have one. */
static bool is_reserved(const char *axis)
{
    static const char *const names[] = {PENCL_AXIS_EMBEDDING,   PENCL_AXIS_PROJECTION,
                                        PENCL_AXIS_HEADS,       PENCL_AXIS_HEAD_GROUPS,
                                        PENCL_AXIS_QUERY_HEADS, PENCL_AXIS_KV_SEQ,
                                        PENCL_AXIS_NEURONS,     PENCL_AXIS_VOCABULARY,
                                        PENCL_AXIS_BLOCKS,      "worlds"};
    for (size_t i = 0; i < PN_COUNT(names); i++) {
        if (strcmp(axis, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static pencl_status
refuse(pencl_ctx *ctx, pencl_status status, const char *what, const char *why, const pn_spec *got)
{
    pn_text shape = {0};
    pn_spec_print(&shape, got);
    status = PN_FAIL(ctx, status, "%s: %s, got %s", what, why, pn_text_get(&shape));
    pn_text_free(&shape);
    return status;
}

pencl_status pn_lm_check_axes(pencl_ctx *ctx, const char *what, const pn_spec *spec)
{
    if (spec->dtype != PENCL_I32) {
        return refuse(ctx, PENCL_E_DTYPE, what, "int32 is needed", spec);
    }
    for (int i = 0; i < spec->n_axes; i++) {
        char why[96];
        if (spec->axes[i].name[0] == '\0') {
            return refuse(ctx, PENCL_E_AXIS, what, "positional axes are not allowed", spec);
        }
        if (is_reserved(spec->axes[i].name)) {
            snprintf(why, sizeof why, "the name '%s' is reserved", spec->axes[i].name);
            return refuse(ctx, PENCL_E_AXIS, what, why, spec);
        }
    }
    if (pn_spec_find(spec, PENCL_AXIS_SEQ) < 0) {
        return refuse(ctx, PENCL_E_AXIS, what, "axis 'seq' is required", spec);
    }
    return PENCL_OK;
}

static pencl_status check_positions(pencl_ctx *ctx, const pn_spec *tokens, const pn_spec *positions)
{
    PENCL_TRY(pn_lm_check_axes(ctx, "token_positions", positions));
    for (int i = 0; i < positions->n_axes; i++) {
        int at = pn_spec_find(tokens, positions->axes[i].name);
        if (at < 0) {
            return refuse(ctx, PENCL_E_AXIS, "token_positions",
                          "every axis must be one of the tokens'", positions);
        }
        if (tokens->axes[at].size != positions->axes[i].size) {
            return refuse(ctx, PENCL_E_SHAPE, "token_positions", "sizes differ from the tokens'",
                          positions);
        }
    }
    return PENCL_OK;
}

static pencl_status check_tokens(const pencl_lm *lm, const pencl_array *tokens)
{
    size_t n = (size_t)pencl_array_count(tokens);
    int32_t *ids = pn_calloc(n + 1, sizeof *ids);
    pencl_status st = ids == NULL ? PN_NOMEM(lm->ctx) : PENCL_OK;
    if (st == PENCL_OK && n > 0) {
        st = pencl_array_download(tokens, ids, n * sizeof *ids);
    }
    if (st == PENCL_OK) {
        st = pn_lm_check_tokens(lm, ids, n);
    }
    pn_free(ids);
    return st;
}

/* ---- any layer ---- */

/* Positions are an input of the step, because the host computes angles from them. */
static pencl_status trace(pencl_value **out, pencl_graph *g, const pn_call *c)
{
    pencl_ctx *ctx = pn_device_ctx(c->device);
    pencl_value *x = pencl_graph_array(g, c->x);
    pencl_side_inputs side = {0};
    pn_spec positions = {.dtype = PENCL_I32};
    int64_t seq = pn_spec_size(&c->x->view.spec, PENCL_AXIS_SEQ);
    pn_spec_push(&positions, PENCL_AXIS_SEQ, seq);
    if (c->positions != NULL) {
        positions = c->positions->view.spec;
    }
    if (c->positions != NULL || pn_spec_find(&c->x->view.spec, PENCL_AXIS_SEQ) >= 0) {
        PENCL_TRY(pn_side_set(&side, ctx, PN_SIDE_TOKEN_POSITIONS,
                              pn_graph_input(g, PN_INPUT_POSITIONS, &positions)));
    }
    for (int i = 0; i < c->side.n; i++) {
        pencl_value *v = pencl_graph_array(g, c->side.items[i].array);
        PENCL_TRY(pn_side_set(&side, ctx, c->side.items[i].name, v));
    }
    *out = pencl_layer_call(c->layer, x, &side);
    if (c->last) {
        const pn_spec one = {.dtype = PENCL_I32, .n_axes = 1, .axes = {{PENCL_AXIS_SEQ, 1}}};
        *out = pencl_value_take(*out, PENCL_AXIS_SEQ, pn_graph_input(g, PN_INPUT_LAST, &one));
    }
    return pencl_graph_finish(g);
}

static pencl_status fill_inputs(pn_plan *plan, const pn_call *c)
{
    const pn_spec *spec = NULL;
    int64_t seq = pn_spec_size(&c->x->view.spec, PENCL_AXIS_SEQ);
    int32_t *last = pn_plan_input(plan, PN_INPUT_LAST, NULL);
    if (last != NULL) {
        last[0] = (int32_t)(seq - 1);
    }
    int32_t *at = pn_plan_input(plan, PN_INPUT_POSITIONS, &spec);
    if (at == NULL || pn_spec_count(spec) == 0) {
        return PENCL_OK;
    }
    if (c->positions == NULL) {
        pn_positions_fill(at, 0, seq, seq);
        return PENCL_OK;
    }
    return pencl_array_download(c->positions, at, pn_spec_bytes(spec));
}

/* Output 0, then the captured ones. */
static pencl_status take_outputs(pencl_array **out, pencl_captures **captures, pn_plan *plan)
{
    PENCL_TRY(pn_plan_array(out, plan, 0));
    if (captures == NULL) {
        return PENCL_OK;
    }
    PENCL_TRY(pencl_captures_new(captures, (*out)->device));
    for (int i = 0; i < pn_plan_n_outs(plan); i++) {
        if (pn_plan_capture_name(plan, i) != NULL) {
            pencl_array *array = NULL;
            PENCL_TRY(pn_plan_array(&array, plan, i));
            PENCL_TRY(pencl_captures_add(*captures, pn_plan_capture_name(plan, i), array));
        }
    }
    return PENCL_OK;
}

pencl_status pn_call_run(pencl_array **out, pencl_captures **captures, const pn_call *c)
{
    pencl_graph *g = NULL;
    pencl_value *y = NULL;
    pn_plan *plan = NULL;
    *out = NULL;
    PENCL_TRY(pencl_graph_new(&g, c->device));
    pencl_status st = trace(&y, g, c);
    if (st == PENCL_OK) {
        const pn_plan_options options = {.pool = c->pool};
        st = pn_plan_new(&plan, g, &y, 1, &options);
    }
    if (st == PENCL_OK) {
        st = fill_inputs(plan, c);
    }
    if (st == PENCL_OK) {
        st = pn_plan_run(plan);
    }
    if (st == PENCL_OK) {
        st = take_outputs(out, captures, plan);
    }
    if (st != PENCL_OK) {
        pencl_array_free(*out);
        *out = NULL;
        if (captures != NULL) {
            pencl_captures_free(*captures);
            *captures = NULL;
        }
    }
    pn_plan_free(plan);
    pencl_graph_free(g);
    return st;
}

/* ---- the wrapper ---- */

pencl_status pencl_lm_call(pencl_array **out,
                           pencl_lm *lm,
                           const pencl_array *tokens,
                           const pencl_lm_call_options *options)
{
    static const pencl_lm_call_options none = PENCL_LM_CALL_OPTIONS_INIT;
    const pencl_lm_call_options *o = options != NULL ? options : &none;
    pn_error_clear(lm->ctx);
    *out = NULL;
    if (o->captures != NULL) {
        *o->captures = NULL;
    }
    PENCL_TRY(pn_lm_check_axes(lm->ctx, "tokens", &tokens->view.spec));
    if (o->token_positions != NULL) {
        PENCL_TRY(check_positions(lm->ctx, &tokens->view.spec, &o->token_positions->view.spec));
    }
    PENCL_TRY(check_tokens(lm, tokens));
    const pn_call call = {.device = lm->device,
                          .pool = lm->pool,
                          .layer = lm->body,
                          .x = tokens,
                          .positions = o->token_positions,
                          .side = {o->side, o->n_side}};
    return pn_call_run(out, o->captures, &call);
}
