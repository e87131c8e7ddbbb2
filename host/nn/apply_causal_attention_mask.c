/* SPDX-License-Identifier: Apache-2.0 */
/* ApplyCausalAttentionMask: a query sees the keys at its position and before it. What stands in
 * for a hidden score (penzai's masked_out_value) belongs to the mask op. */
#include "nn/layers.h"

#include <string.h>

/* Positions or sequence ids of the keys: penzai hands them over along "seq". */
static pencl_value *along_keys(pencl_value *x)
{
    if (x == NULL || pn_spec_find(&x->view.spec, PENCL_AXIS_SEQ) < 0) {
        return x;
    }
    return pencl_value_rename(x, PENCL_AXIS_SEQ, PENCL_AXIS_KV_SEQ);
}

pencl_value *pn_mask_scores(const pencl_layer *self,
                            pencl_value *scores,
                            const pencl_side_inputs *side,
                            int64_t window)
{
    const char *query_name = pencl_layer_text(self, "query_positions_input_name");
    const char *kv_name = pencl_layer_text(self, "kv_positions_input_name");
    pencl_value *query = pencl_side_need(side, query_name, scores);
    pencl_value *kv = along_keys(pencl_side_need(side, kv_name, scores));
    pencl_value *query_sequence = pencl_side_get(side, PN_SIDE_TOKEN_SEQUENCE);
    pencl_value *kv_sequence = pencl_side_get(side, PN_SIDE_KV_SEQUENCE);
    if (kv_sequence == NULL && strcmp(query_name, kv_name) == 0) {
        kv_sequence = query_sequence; /* no cache: the keys are those of the same tokens */
    }
    if (query_sequence != NULL || kv_sequence != NULL) {
        const char *missing = query_sequence == NULL ? PN_SIDE_TOKEN_SEQUENCE : PN_SIDE_KV_SEQUENCE;
        if (query_sequence == NULL || kv_sequence == NULL) {
            return pencl_side_need(side, missing, scores);
        }
    }
    return pencl_value_mask(scores, query, kv, query_sequence, along_keys(kv_sequence), window);
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    return pn_mask_scores(self, x, side, 0);
}

static const pencl_field fields[] = {{"query_positions_input_name", PENCL_FIELD_TEXT},
                                     {"kv_positions_input_name", PENCL_FIELD_TEXT},
                                     {0}};

const pencl_layer_type pn_layer_ApplyCausalAttentionMask = {
    .name = "ApplyCausalAttentionMask",
    .doc = "x where query position >= key position >= 0, else masked",
    .fields = fields,
    .apply = apply,
};
