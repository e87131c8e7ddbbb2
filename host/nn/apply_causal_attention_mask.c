/* SPDX-License-Identifier: Apache-2.0 */
/* ApplyCausalAttentionMask: a query sees the keys at its position and before it. */
#include "nn/layers.h"

#include <string.h>

/* What the mask op writes: penzai's models have no other. */
static const float masked_out = -2.3819763e38F;

/* Positions or sequence ids of the keys: penzai hands them over along "seq". */
static pencl_value *along_keys(pencl_value *x, const char *seq, const char *kv_seq)
{
    if (x == NULL || pn_spec_find(&x->view.spec, seq) < 0) {
        return x;
    }
    return pencl_value_rename(x, seq, kv_seq);
}

bool pn_mask_read(pn_mask *mask, pencl_value *scores, const pencl_side_inputs *side)
{
    mask->kv_positions = along_keys(mask->kv_positions, mask->seq, mask->kv_seq);
    mask->sequence = pencl_side_get(side, PN_SIDE_TOKEN_SEQUENCE);
    mask->kv_sequence = pencl_side_get(side, PN_SIDE_KV_SEQUENCE);
    if (mask->kv_sequence == NULL && mask->keys_are_tokens) {
        mask->kv_sequence = mask->sequence;
    }
    if ((mask->sequence == NULL) != (mask->kv_sequence == NULL)) {
        pencl_side_need(side, mask->sequence == NULL ? PN_SIDE_TOKEN_SEQUENCE : PN_SIDE_KV_SEQUENCE,
                        scores);
        return false;
    }
    mask->kv_sequence = along_keys(mask->kv_sequence, mask->seq, mask->kv_seq);
    return mask->kv_positions != NULL;
}

static pencl_value *number(pencl_value *near, pencl_dtype dtype, double value)
{
    return pencl_value_full(near->graph, dtype, value, NULL, 0);
}

/* The op that attention is made of: plans fuse it. */
static pencl_value *mask_by_op(pencl_value *scores, const pn_mask *m, int64_t window)
{
    pn_op_args args = {.in = {scores, m->positions, m->kv_positions, m->sequence, m->kv_sequence},
                       .n_in = m->sequence != NULL ? 5 : 3,
                       .num = {(double)window},
                       .names = {m->seq, m->kv_seq},
                       .n_names = 2};
    return pn_graph_op(scores->graph, &pn_op_mask, &args);
}

/* The same with any number for what is hidden. */
static pencl_value *
mask_by_verbs(pencl_value *scores, const pn_mask *m, int64_t window, double hidden)
{
    pencl_value *zero = number(scores, PENCL_I32, 0);
    pencl_value *seen =
        pencl_value_logical_and(pencl_value_greater_equal(m->positions, m->kv_positions),
                                pencl_value_greater_equal(m->kv_positions, zero));
    if (window > 0) {
        pencl_value *ahead = pencl_value_sub(m->positions, m->kv_positions);
        pencl_value *size = number(scores, PENCL_I32, (double)window);
        seen = pencl_value_logical_and(seen, pencl_value_less(ahead, size));
    }
    if (m->sequence != NULL) {
        seen = pencl_value_logical_and(seen, pencl_value_equal(m->sequence, m->kv_sequence));
    }
    return pencl_value_where(seen, scores, number(scores, pencl_value_dtype(scores), hidden));
}

pencl_value *pn_mask_scores(const pencl_layer *self,
                            pencl_value *scores,
                            const pencl_side_inputs *side,
                            int64_t window)
{
    const char *query_name = pencl_layer_text(self, "query_positions_input_name");
    const char *kv_name = pencl_layer_text(self, "kv_positions_input_name");
    double hidden = pencl_layer_number(self, "masked_out_value");
    pn_mask mask = {.positions = pencl_side_need(side, query_name, scores),
                    .kv_positions = pencl_side_need(side, kv_name, scores),
                    .keys_are_tokens = strcmp(query_name, kv_name) == 0,
                    .seq = pencl_layer_text(self, "seq_axis"),
                    .kv_seq = pencl_layer_text(self, "kv_seq_axis")};
    if (!pn_mask_read(&mask, scores, side) || mask.positions == NULL) {
        return NULL;
    }
    return (float)hidden == masked_out ? mask_by_op(scores, &mask, window)
                                       : mask_by_verbs(scores, &mask, window, hidden);
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    return pn_mask_scores(self, x, side, 0);
}

static const pencl_field fields[] = {{"masked_out_value", PENCL_FIELD_NUMBER},
                                     {"query_positions_input_name", PENCL_FIELD_TEXT},
                                     {"kv_positions_input_name", PENCL_FIELD_TEXT},
                                     {"seq_axis", PENCL_FIELD_TEXT},
                                     {"kv_seq_axis", PENCL_FIELD_TEXT},
                                     {0}};

const pencl_layer_type pn_layer_ApplyCausalAttentionMask = {
    .name = "ApplyCausalAttentionMask",
    .doc = "x where query position >= key position >= 0, else masked_out_value",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 333.4954833984375 / 1.0)",
};
