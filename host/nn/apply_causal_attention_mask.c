/* SPDX-License-Identifier: Apache-2.0 */
/* ApplyCausalAttentionMask: a query sees the keys at its position and before it. */
#include "nn/layers.h"

#include <string.h>

bool pn_masked_value_fits(const pencl_layer *self, pencl_value *x)
{
    double value = pencl_layer_number(self, "masked_out_value");
    if ((float)value == (float)PN_MASKED_OUT_VALUE) {
        return true;
    }
    pn_graph_fail(x->graph, PENCL_E_UNSUPPORTED, "masked_out_value %.9g: the mask op writes %.9g",
                  value, PN_MASKED_OUT_VALUE);
    return false;
}

/* Positions or sequence ids of the keys: penzai hands them over along "seq". */
static pencl_value *along_keys(pencl_value *x, const char *seq, const char *kv_seq)
{
    if (x == NULL || pn_spec_find(&x->view.spec, seq) < 0) {
        return x;
    }
    return pencl_value_rename(x, seq, kv_seq);
}

pencl_value *pn_mask_by_positions(pencl_value *scores,
                                  const pn_mask_inputs *in,
                                  const pencl_side_inputs *side,
                                  int64_t window)
{
    pencl_value *kv = along_keys(in->kv_positions, in->seq, in->kv_seq);
    pencl_value *query_sequence = pencl_side_get(side, PN_SIDE_TOKEN_SEQUENCE);
    pencl_value *kv_sequence = pencl_side_get(side, PN_SIDE_KV_SEQUENCE);
    if (scores == NULL || in->positions == NULL || kv == NULL) {
        return NULL;
    }
    if (kv_sequence == NULL && in->keys_are_tokens) {
        kv_sequence = query_sequence;
    }
    bool sequences = query_sequence != NULL || kv_sequence != NULL;
    if (sequences && (query_sequence == NULL || kv_sequence == NULL)) {
        const char *missing = query_sequence == NULL ? PN_SIDE_TOKEN_SEQUENCE : PN_SIDE_KV_SEQUENCE;
        return pencl_side_need(side, missing, scores);
    }
    pn_op_args args = {.in = {scores, in->positions, kv, query_sequence,
                              along_keys(kv_sequence, in->seq, in->kv_seq)},
                       .n_in = sequences ? 5 : 3,
                       .num = {(double)window},
                       .names = {in->seq, in->kv_seq},
                       .n_names = 2};
    return pn_graph_op(scores->graph, &pn_op_mask, &args);
}

pencl_value *pn_mask_scores(const pencl_layer *self,
                            pencl_value *scores,
                            const pencl_side_inputs *side,
                            int64_t window)
{
    const char *query_name = pencl_layer_text(self, "query_positions_input_name");
    const char *kv_name = pencl_layer_text(self, "kv_positions_input_name");
    pn_mask_inputs in = {.positions = pencl_side_need(side, query_name, scores),
                         .kv_positions = pencl_side_need(side, kv_name, scores),
                         .keys_are_tokens = strcmp(query_name, kv_name) == 0,
                         .seq = pencl_layer_text(self, "seq_axis"),
                         .kv_seq = pencl_layer_text(self, "kv_seq_axis")};
    return pn_masked_value_fits(self, scores) ? pn_mask_by_positions(scores, &in, side, window)
                                              : NULL;
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
