/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of sessions: traced once for each number of new tokens, kept with the wrapper, bound to the
 * caches of the session that runs them. */
#include "lm/session.h"

#include <string.h>

static pn_spec vector(const char *axis, int64_t size)
{
    pn_spec spec = {.dtype = PENCL_I32};
    pn_spec_push(&spec, axis, size);
    return spec;
}

/* The caching body on the step's inputs; the logits of the wanted rows. */
static pencl_status
trace(pencl_value **out, pencl_graph *g, const pencl_session *s, const pn_plan_key *key)
{
    pencl_ctx *ctx = s->lm->ctx;
    pn_spec seq = vector(PENCL_AXIS_SEQ, key->n_tokens);
    pn_spec four = vector("counts", 4);
    pn_spec one = vector(PENCL_AXIS_SEQ, 1);
    pencl_value *tokens = pn_graph_input(g, PN_INPUT_TOKENS, &seq);
    pencl_value *positions = pn_graph_input(g, PN_INPUT_POSITIONS, &seq);
    pencl_value *counts = pn_graph_input(g, PN_INPUT_COUNTS, &four);
    if (positions == NULL || tokens == NULL) {
        return pencl_graph_finish(g);
    }
    pencl_variable *kept = s->caches.variables[s->caches.n - 1];
    pencl_value *kv = pn_value_cache_write(pencl_value_of(kept, tokens), positions, counts);
    pencl_side_inputs side = {0};
    PENCL_TRY(pn_side_set(&side, ctx, PN_SIDE_TOKEN_POSITIONS, positions));
    PENCL_TRY(pn_side_set(&side, ctx, PN_SIDE_KV_TOKEN_POSITIONS, kv));
    PENCL_TRY(pn_side_set(&side, ctx, PN_SIDE_COUNTS, counts));
    PENCL_TRY(pn_lm_trace(out, s->body, tokens, &side));
    if (key->wanted == PENCL_LOGITS_LAST && key->n_tokens > 1) {
        *out = pencl_value_take(*out, PENCL_AXIS_SEQ, pn_graph_input(g, PN_INPUT_LAST, &one));
    }
    return pencl_graph_finish(g);
}

/* The plan's slots of the caches, so that another session's can be bound. */
static pencl_status note_slots(pn_kept_plan *k, const pencl_graph *g, const pencl_session *s)
{
    k->n_slots = s->caches.n;
    k->slots = pn_calloc((size_t)k->n_slots, sizeof *k->slots);
    if (k->slots == NULL) {
        return PN_NOMEM(s->lm->ctx);
    }
    for (int i = 0; i < k->n_slots; i++) {
        k->slots[i] = -1;
        for (int n = 0; n < g->n_nodes; n++) {
            if (g->nodes[n]->kind == PN_NODE_VARIABLE &&
                g->nodes[n]->store == pn_variable_store(s->caches.variables[i])) {
                k->slots[i] = g->nodes[n]->slot;
            }
        }
    }
    return PENCL_OK;
}

static void drop(pn_kept_plan *k)
{
    pn_plan_free(k->plan);
    pn_free(k->slots);
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
        st = note_slots(k, g, s);
    }
    pencl_graph_free(g);
    if (st != PENCL_OK) {
        drop(k);
    }
    k->key = *key;
    return st;
}

static bool same_key(const pn_plan_key *a, const pn_plan_key *b)
{
    return a->n_tokens == b->n_tokens && a->capacity == b->capacity && a->wanted == b->wanted &&
           strcmp(a->matmul, b->matmul) == 0;
}

pencl_status pn_session_plan(pn_plan **out, pencl_session *s, int64_t n_tokens, pencl_wanted wanted)
{
    pencl_lm *lm = s->lm;
    pn_plan_key key = {.n_tokens = n_tokens, .capacity = s->caches.capacity, .wanted = wanted};
    pn_copy(key.matmul, sizeof key.matmul, s->matmul);
    pn_kept_plan *oldest = &lm->plans[0];
    pn_kept_plan *found = NULL;
    for (int i = 0; i < PN_KEPT_PLANS && found == NULL; i++) {
        pn_kept_plan *k = &lm->plans[i];
        found = k->plan != NULL && same_key(&k->key, &key) ? k : NULL;
        oldest = k->used < oldest->used ? k : oldest;
    }
    if (found == NULL) {
        drop(oldest);
        PENCL_TRY(make(oldest, s, &key));
        found = oldest;
    }
    found->used = ++lm->clock;
    for (int i = 0; i < found->n_slots; i++) {
        if (found->slots[i] >= 0) {
            pn_store *store = pn_variable_store(s->caches.variables[i]);
            PENCL_TRY(pn_plan_bind(found->plan, found->slots[i], store));
        }
    }
    *out = found->plan;
    return PENCL_OK;
}
