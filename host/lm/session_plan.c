/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of sessions: traced once for each number of new tokens, kept with the wrapper, bound to the
 * caches of the session that runs them. */
#include "lm/session.h"

#include <string.h>

/* int32 [batch.., axis] */
static pn_spec along(const pn_spec *batch, const char *axis, int64_t size)
{
    pn_spec spec = *batch;
    spec.dtype = PENCL_I32;
    pn_spec_push(&spec, axis, size);
    return spec;
}

/* The caching body on the step's inputs; the logits of the wanted rows. */
static pencl_status
trace(pencl_value **out, pencl_graph *g, const pencl_session *s, const pn_plan_key *key)
{
    pencl_ctx *ctx = s->lm->ctx;
    const pn_spec none = {.dtype = PENCL_I32};
    pn_spec seq = along(&s->batch, PENCL_AXIS_SEQ, key->n_tokens);
    pn_spec four = along(&none, "counts", 4);
    pn_spec one = along(&none, PENCL_AXIS_SEQ, 1);
    pencl_value *tokens = pn_graph_input(g, PN_INPUT_TOKENS, &seq);
    pencl_value *positions = pn_graph_input(g, PN_INPUT_POSITIONS, &seq);
    pencl_value *counts = pn_graph_input(g, PN_INPUT_COUNTS, &four);
    if (positions == NULL || tokens == NULL) {
        return pencl_graph_finish(g);
    }
    pencl_value *kept = pencl_value_of(pn_caches_positions(s->caches), tokens);
    pencl_value *kv = pencl_value_slice(pn_value_cache_write(kept, positions, counts),
                                        PENCL_AXIS_KV_SEQ, 0, s->caches->slots);
    pencl_side_inputs side = {0};
    for (int i = 0; i < key->side.n; i++) {
        pencl_value *v = pencl_graph_array(g, key->side.items[i].array);
        PENCL_TRY(pn_side_set(&side, ctx, key->side.items[i].name, v));
    }
    PENCL_TRY(pn_side_set(&side, ctx, PN_SIDE_TOKEN_POSITIONS, positions));
    PENCL_TRY(pn_side_set(&side, ctx, PN_SIDE_KV_TOKEN_POSITIONS, kv));
    PENCL_TRY(pn_side_set(&side, ctx, PN_SIDE_COUNTS, counts));
    PENCL_TRY(pn_lm_trace(out, s->body, tokens, &side));
    if (key->wanted == PENCL_LOGITS_LAST && key->n_tokens > 1) {
        *out = pencl_value_take(*out, PENCL_AXIS_SEQ, pn_graph_input(g, PN_INPUT_LAST, &one));
    }
    return pencl_graph_finish(g);
}

/* Where the plan finds the caches, so that another session's can be bound. */
static pencl_status note_cells(pn_kept_plan *k, const pencl_session *s)
{
    k->cells = pn_calloc((size_t)s->caches->n, sizeof(pn_cell *));
    if (k->cells == NULL) {
        return PN_NOMEM(s->lm->ctx);
    }
    for (k->n_cells = 0; k->n_cells < s->caches->n; k->n_cells++) {
        k->cells[k->n_cells] = pn_cell_ref(pn_variable_cell(s->caches->variables[k->n_cells]));
    }
    return PENCL_OK;
}

static void bind(pn_kept_plan *k, const pencl_session *s)
{
    for (int i = 0; i < k->n_cells; i++) {
        pn_cell *cell = pn_variable_cell(s->caches->variables[i]);
        if (cell != k->cells[i]) {
            pn_plan_bind(k->plan, k->cells[i], cell);
            pn_cell_free(k->cells[i]);
            k->cells[i] = pn_cell_ref(cell);
        }
    }
}

void pn_kept_plan_drop(pn_kept_plan *k)
{
    pn_plan_free(k->plan);
    for (int i = 0; i < k->n_cells; i++) {
        pn_cell_free(k->cells[i]);
    }
    pn_free(k->cells);
    *k = (pn_kept_plan){0};
}

static pencl_status make(pn_kept_plan *k, const pencl_session *s, const pn_plan_key *key)
{
    pencl_graph *g = NULL;
    pencl_value *logits = NULL;
    PENCL_TRY(pencl_graph_new(&g, s->lm->device));
    pencl_status st = trace(&logits, g, s, key);
    if (st == PENCL_OK) {
        pn_plan_options options = {.pool = s->lm->pool, .matmul = key->matmul};
        int n_outs = key->wanted == PENCL_LOGITS_NONE ? 0 : 1;
        st = pn_plan_new(&k->plan, g, &logits, n_outs, &options);
    }
    if (st == PENCL_OK) {
        st = note_cells(k, s);
    }
    pencl_graph_free(g);
    if (st != PENCL_OK) {
        pn_kept_plan_drop(k);
    }
    k->key = *key;
    return st;
}

static bool same_key(const pn_plan_key *a, const pn_plan_key *b)
{
    return a->side.n == 0 && b->side.n == 0 && pn_spec_equal(&a->batch, &b->batch) &&
           a->n_tokens == b->n_tokens && a->slots == b->slots && a->capacity == b->capacity &&
           a->wanted == b->wanted && strcmp(a->matmul, b->matmul) == 0;
}

/* The kept plan of that key, unless a weight has become something else since it was made; else the
 * place of the one not used for longest, whose plan goes. */
static pn_kept_plan *find(pencl_lm *lm, const pn_plan_key *key)
{
    pn_kept_plan *oldest = &lm->plans[0];
    for (int i = 0; i < PN_KEPT_PLANS; i++) {
        pn_kept_plan *k = &lm->plans[i];
        if (k->plan != NULL && same_key(&k->key, key)) {
            if (!pn_plan_fits(k->plan)) {
                pn_kept_plan_drop(k);
            }
            return k;
        }
        oldest = k->used < oldest->used ? k : oldest;
    }
    pn_kept_plan_drop(oldest);
    return oldest;
}

pencl_status pn_session_plan(pn_plan **out, pencl_session *s, const pn_feed *feed, int64_t n_tokens)
{
    pencl_lm *lm = s->lm;
    pn_plan_key key = {.batch = s->batch,
                       .n_tokens = n_tokens,
                       .slots = s->caches->slots,
                       .capacity = s->caches->capacity,
                       .wanted = feed->wanted,
                       .side = feed->side};
    pn_copy(key.matmul, sizeof key.matmul, s->matmul);
    pn_kept_plan *k = find(lm, &key);
    if (k->plan == NULL) {
        PENCL_TRY(make(k, s, &key));
    }
    k->used = key.side.n > 0 ? 0 : ++lm->clock; /* the next to go: its arrays are the caller's */
    bind(k, s);
    *out = k->plan;
    return PENCL_OK;
}
