/* SPDX-License-Identifier: Apache-2.0 */
/* pencl_lm_call: logits of tokens without a cache, with the checks that penzai leaves to its
 * layers. */
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

/* Traces the body; positions are a step input, because the host computes angles from them. */
static pencl_status trace(pencl_value **out,
                          pencl_graph *g,
                          pencl_lm *lm,
                          const pencl_array *tokens,
                          const pencl_lm_call_options *o)
{
    const pn_spec *spec = &tokens->view.spec;
    pn_spec positions = {.dtype = PENCL_I32};
    pn_spec_push(&positions, PENCL_AXIS_SEQ, pn_spec_size(spec, PENCL_AXIS_SEQ));
    if (o->token_positions != NULL) {
        positions = o->token_positions->view.spec;
    }
    pencl_side_inputs side = {0};
    PENCL_TRY(pn_side_set(&side, lm->ctx, PN_SIDE_TOKEN_POSITIONS,
                          pn_graph_input(g, PN_INPUT_POSITIONS, &positions)));
    for (int i = 0; i < o->n_side; i++) {
        pencl_value *v = pencl_graph_array(g, o->side[i].array);
        PENCL_TRY(pn_side_set(&side, lm->ctx, o->side[i].name, v));
    }
    return pn_lm_trace(out, lm->body, pn_graph_input(g, PN_INPUT_TOKENS, spec), &side);
}

static pencl_status
fill_inputs(pn_plan *plan, pencl_lm *lm, const pencl_array *tokens, const pencl_array *positions)
{
    const pn_spec *spec = &tokens->view.spec;
    size_t n = (size_t)pn_spec_count(spec);
    int32_t *ids = pn_plan_input(plan, PN_INPUT_TOKENS, NULL);
    if (ids != NULL && n > 0) {
        PENCL_TRY(pencl_array_download(tokens, ids, n * sizeof *ids));
        PENCL_TRY(pn_lm_check_tokens(lm, ids, n));
    }
    int32_t *at = pn_plan_input(plan, PN_INPUT_POSITIONS, NULL);
    if (at == NULL) {
        return PENCL_OK;
    }
    if (positions == NULL) {
        int64_t seq = pn_spec_size(spec, PENCL_AXIS_SEQ);
        pn_positions_fill(at, 0, seq, seq);
        return PENCL_OK;
    }
    size_t count = (size_t)pn_spec_count(&positions->view.spec);
    return count == 0 ? PENCL_OK : pencl_array_download(positions, at, count * sizeof *at);
}

pencl_status pencl_lm_call(pencl_array **out,
                           pencl_lm *lm,
                           const pencl_array *tokens,
                           const pencl_lm_call_options *options)
{
    static const pencl_lm_call_options none = PENCL_LM_CALL_OPTIONS_INIT;
    const pencl_lm_call_options *o = options != NULL ? options : &none;
    pn_error_clear(lm->ctx);
    *out = NULL;
    PENCL_TRY(pn_lm_check_axes(lm->ctx, "tokens", &tokens->view.spec));
    if (o->token_positions != NULL) {
        PENCL_TRY(check_positions(lm->ctx, &tokens->view.spec, &o->token_positions->view.spec));
    }
    pencl_graph *g = NULL;
    pencl_value *logits = NULL;
    pn_plan *plan = NULL;
    PENCL_TRY(pencl_graph_new(&g, lm->device));
    pencl_status st = trace(&logits, g, lm, tokens, o);
    if (st == PENCL_OK) {
        st = pn_plan_new(&plan, g, &logits, 1, NULL);
    }
    if (st == PENCL_OK) {
        st = fill_inputs(plan, lm, tokens, o->token_positions);
    }
    if (st == PENCL_OK) {
        st = pn_plan_run(plan);
    }
    if (st == PENCL_OK) {
        st = pn_plan_array(out, plan, 0);
    }
    pn_plan_free(plan);
    pencl_graph_free(g);
    return st;
}
