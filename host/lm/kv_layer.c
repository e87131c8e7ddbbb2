/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's KVCachingTransformerLM as a layer: a body over caches, and two states that say what was
 * fed. Sessions do the same on the host, one step after another, and are faster. */
#include "lm/kv_lm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the layer ---- */

/* Exactly the batch axes and "seq", as penzai checks. */
static bool fits(const pencl_layer *self, pencl_value *tokens)
{
    int n = 0;
    const pencl_axis *batch = pencl_layer_axes(self, "batch_axes", &n);
    const pn_spec *got = &tokens->view.spec;
    pn_spec want = pn_spec_make(PENCL_I32, n, batch);
    pn_spec_push(&want, PENCL_AXIS_SEQ, pn_spec_size(got, PENCL_AXIS_SEQ));
    bool has_seq = tokens->items == NULL && pn_spec_find(got, PENCL_AXIS_SEQ) >= 0;
    if (has_seq && got->dtype == PENCL_I32 && pn_spec_same_axes(&want, got)) {
        return true;
    }
    pn_text needed = {0};
    pn_text shape = {0};
    pn_spec_print(&needed, &want);
    pn_spec_print(&shape, got);
    pencl_status status = got->dtype == PENCL_I32 ? PENCL_E_AXIS : PENCL_E_DTYPE;
    pn_graph_fail(tokens->graph, status, "tokens: %s is needed, got %s", pn_text_get(&needed),
                  pn_text_get(&shape));
    pn_text_free(&needed);
    pn_text_free(&shape);
    return false;
}

/* All tokens, the new ones at `slots` [seq]. */
static pencl_value *write_tokens(pencl_value *previous, pencl_value *tokens, pencl_value *slots)
{
    const char *const seq[] = {PENCL_AXIS_SEQ};
    const pencl_at at[] = {PENCL_AT_IDS(PENCL_AXIS_SEQ, pencl_value_untag(slots, seq, 1))};
    return pencl_value_at_set(previous, at, 1, pencl_value_untag(tokens, seq, 1));
}

/* Positions count what is no padding: int32 [batch.., seq: cache_len], -1 for pads. */
static pencl_value *count_positions(const pencl_layer *self, pencl_graph *g, pencl_value *fed)
{
    double pad = pencl_layer_number(self, "pad_id");
    pencl_value *one = pencl_value_full(g, PENCL_I32, 1, NULL, 0);
    pencl_value *minus_one = pencl_value_full(g, PENCL_I32, -1, NULL, 0);
    pencl_value *real = pencl_value_not_equal(fed, pencl_value_full(g, PENCL_I32, pad, NULL, 0));
    pencl_value *so_far = pencl_value_cumsum(real, PENCL_AXIS_SEQ);
    return pencl_value_where(real, pencl_value_sub(so_far, one), minus_one);
}

/* Where the tokens go, [seq]: from cache_end_index on. The graph does not run when they do not
 * fit. */
static pencl_value *find_slots(const pencl_layer *self, pencl_value *end, int64_t n)
{
    char why[96];
    int64_t cache_len = (int64_t)pencl_layer_number(self, "cache_len");
    snprintf(why, sizeof why, "%" PRId64 " tokens more exceed the cache of %" PRId64, n, cache_len);
    const pn_limit limit = {cache_len - n, PENCL_E_CACHE_FULL, why};
    if (end == NULL || !pn_graph_limit(end, &limit)) {
        return NULL;
    }
    return pencl_value_add(end, pencl_value_arange(end->graph, PENCL_I32, PENCL_AXIS_SEQ, 0, n, 1));
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_graph *g = x->graph;
    pencl_variable *end_index = pencl_layer_variable(self, "cache_end_index");
    pencl_variable *previous = pencl_layer_variable(self, "previous_tokens");
    if (!fits(self, x)) {
        return NULL;
    }
    int64_t n = pencl_value_size(x, PENCL_AXIS_SEQ);
    pencl_value *end = pencl_value_of(end_index, x);
    pencl_value *slots = find_slots(self, end, n);
    pencl_value *fed = write_tokens(pencl_value_of(previous, x), x, slots);
    pencl_value *positions = count_positions(self, g, fed);
    pencl_value *count = pencl_value_full(g, PENCL_I32, (double)n, NULL, 0);
    pencl_value *new_end = pencl_value_add(end, count);
    pencl_value *none = pencl_value_full(g, PENCL_I32, 0, NULL, 0);
    pencl_value *counts =
        pencl_value_stack((pencl_value *[]){end, count, new_end, none}, 4, "counts");

    const pn_side own[] = {
        {PN_SIDE_TOKEN_POSITIONS, pencl_value_take(positions, PENCL_AXIS_SEQ, slots)},
        {PN_SIDE_KV_TOKEN_POSITIONS,
         pencl_value_rename(positions, PENCL_AXIS_SEQ, PENCL_AXIS_KV_SEQ)},
        {PN_SIDE_COUNTS, counts}};
    pencl_side_inputs inner = *side;
    for (size_t i = 0; i < PN_COUNT(own); i++) {
        pn_guard guard = pn_guard_begin(g);
        if (own[i].value == NULL ||
            !pn_guard_end(&guard, pn_side_set(&inner, g->ctx, own[i].name, own[i].value))) {
            return NULL;
        }
    }
    pencl_value *out = pencl_layer_call(pencl_layer_child(self, "body", 0), x, &inner);
    bool kept = out != NULL && pencl_variable_assign(previous, fed) != NULL &&
                pencl_variable_assign(end_index, new_end) != NULL;
    return kept ? out : NULL;
}

static const pencl_field fields[] = {{"body", PENCL_FIELD_LAYER},
                                     {"cache_end_index", PENCL_FIELD_VARIABLE},
                                     {"previous_tokens", PENCL_FIELD_VARIABLE},
                                     {"metadata", PENCL_FIELD_TEXT},
                                     {"cache_len", PENCL_FIELD_NUMBER},
                                     {"batch_axes", PENCL_FIELD_AXES},
                                     {"pad_id", PENCL_FIELD_NUMBER},
                                     {0}};

static const pencl_layer_type layer_KVCachingTransformerLM = {
    .name = "KVCachingTransformerLM",
    .doc = "body of new tokens, which caches and previous_tokens take from cache_end_index on",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 7.4981689453125 / 1.0)",
};

/* ---- from the wrapper ---- */

static void add_axes(pn_text *out, const char *name, const pencl_axis *axes, int n)
{
    pn_text_add(out, "%s={", name);
    for (int i = 0; i < n; i++) {
        pn_text_add(out, "%s%s:%" PRId64, i > 0 ? ", " : "", axes[i].name, axes[i].size);
    }
    pn_text_add(out, "}");
}

static void add_metadata(pn_text *out, const pencl_transformer_metadata *m)
{
    add_axes(out, "common_head_axes", m->common_head_axes, m->n_common);
    add_axes(out, ", query_only_head_axes", m->query_only_head_axes, m->n_query_only);
    pn_text_add(out,
                ", embedding_dim=%" PRId64 ", projection_dim=%" PRId64 ", mlp_hidden_dim=%" PRId64
                ", vocab_size=%" PRId64 ", activation_dtype=%s",
                m->embedding_dim, m->projection_dim, m->mlp_hidden_dim, m->vocab_size,
                pencl_dtype_name(m->activation_dtype));
}

/* A new variable that begins with the other's value. */
static pencl_status copy_variable(pencl_variable **out, const pencl_variable *from)
{
    pencl_variable *frozen = NULL;
    PENCL_TRY(pencl_variable_freeze(&frozen, from));
    pencl_status st = pencl_variable_unfreeze_as_copy(out, frozen);
    pencl_variable_free(frozen);
    return st;
}

/* The body over caches that share the session's memory until one of the two writes. */
static pencl_status copy_body(pencl_layer **out, const pencl_kv_lm *kv)
{
    const pn_caches *from = kv->session->caches;
    pencl_ctx *ctx = kv->lm->ctx;
    pn_caches copy = *from;
    copy.variables = pn_calloc((size_t)from->n, sizeof(pencl_variable *));
    pencl_status st = copy.variables == NULL ? PN_NOMEM(ctx) : PENCL_OK;
    for (int i = 0; st == PENCL_OK && i + 1 < from->n; i++) { /* the last are positions */
        st = copy_variable(&copy.variables[i], from->variables[i]);
    }
    if (st == PENCL_OK) {
        st = pn_caching_body(out, ctx, kv->lm->body, &copy);
    }
    pencl_variables_free(copy.variables, copy.variables != NULL ? from->n : 0);
    return st;
}

/* A state with the array's value, which is freed. */
static pencl_status new_state(pencl_variable **out, const char *label, pencl_array *value)
{
    pencl_status st = pencl_variable_new(out, PENCL_STATE, label, value, 0);
    pencl_array_free(value);
    return st;
}

static pencl_status new_end_index(pencl_variable **out, const pencl_kv_lm *kv)
{
    const int32_t end = (int32_t)kv->session->length;
    pencl_array *value = NULL;
    PENCL_TRY(pencl_array_wrap(&value, kv->lm->device, PENCL_I32, NULL, 0, &end));
    return new_state(out, "sampler/cache_end_index", value);
}

static pencl_status new_previous(pencl_variable **out, const pencl_kv_lm *kv)
{
    pencl_array *value = NULL;
    PENCL_TRY(pencl_kv_lm_previous_tokens(&value, kv));
    return new_state(out, "sampler/previous_tokens", value);
}

static pencl_status build(pencl_layer **out,
                          const pencl_kv_lm *kv,
                          pencl_layer *body,
                          pencl_variable *end_index,
                          pencl_variable *previous)
{
    pencl_ctx *ctx = kv->lm->ctx;
    pn_text metadata = {0};
    add_metadata(&metadata, &kv->lm->metadata);
    const pn_spec *batch = &kv->session->batch;
    const pencl_attribute given[] = {
        {.name = "body", .kind = PENCL_FIELD_LAYER, .layers = &body, .n = 1},
        {.name = "cache_end_index", .kind = PENCL_FIELD_VARIABLE, .variable = end_index},
        {.name = "previous_tokens", .kind = PENCL_FIELD_VARIABLE, .variable = previous},
        {.name = "metadata", .kind = PENCL_FIELD_TEXT, .text = pn_text_get(&metadata)},
        {.name = "cache_len", .kind = PENCL_FIELD_NUMBER, .number = (double)kv->cache_len},
        {.name = "batch_axes", .kind = PENCL_FIELD_AXES, .axes = batch->axes, .n = batch->n_axes},
        {.name = "pad_id", .kind = PENCL_FIELD_NUMBER, .number = kv->pad_id}};
    pencl_status st = metadata.failed ? PN_NOMEM(ctx)
                                      : pn_layer_new(out, ctx, &layer_KVCachingTransformerLM, given,
                                                     PN_COUNT(given));
    pn_text_free(&metadata);
    return st;
}

pencl_status pencl_kv_lm_layer(pencl_layer **out, const pencl_kv_lm *kv)
{
    pencl_layer *body = NULL;
    pencl_variable *end_index = NULL;
    pencl_variable *previous = NULL;
    pn_error_clear(kv->lm->ctx);
    *out = NULL;
    pencl_status st = copy_body(&body, kv);
    if (st == PENCL_OK) {
        st = new_end_index(&end_index, kv);
    }
    if (st == PENCL_OK) {
        st = new_previous(&previous, kv);
    }
    if (st == PENCL_OK) {
        st = build(out, kv, body, end_index, previous);
    }
    pencl_layer_free(body);
    pencl_variable_free(end_index);
    pencl_variable_free(previous);
    return st;
}
