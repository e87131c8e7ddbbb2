/* SPDX-License-Identifier: Apache-2.0 */
/* KnockOutAttentionHeads: attention weights of some heads redirected to the first real token. It
 * stands behind the softmax of an attention.
 *
 * penzai means slot 0, the BOS token of a text without padding. Here it is the key at position 0,
 * of the query's own sequence, which padding on the left does not move. */
#include "nn/layers.h"

/* 1 at the key with position 0, 0 elsewhere. */
static pencl_value *at_first_token(pencl_value *weights, const pencl_side_inputs *side)
{
    pencl_value *cached = pencl_side_get(side, PN_SIDE_KV_TOKEN_POSITIONS);
    pn_mask mask = {.kv_positions = cached,
                    .keys_are_tokens = cached == NULL,
                    .seq = PENCL_AXIS_SEQ,
                    .kv_seq = PENCL_AXIS_KV_SEQ};
    if (cached == NULL) {
        mask.kv_positions = pencl_side_need(side, PN_SIDE_TOKEN_POSITIONS, weights);
    }
    if (!pn_mask_read(&mask, weights, side)) {
        return NULL;
    }
    pencl_value *zero = pencl_value_full(weights->graph, PENCL_I32, 0, NULL, 0);
    pencl_value *first = pencl_value_equal(mask.kv_positions, zero);
    if (mask.sequence != NULL) {
        pencl_value *own = pencl_value_equal(mask.sequence, mask.kv_sequence);
        first = pencl_value_logical_and(first, own);
    }
    return pencl_value_cast(first, pencl_value_dtype(weights));
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_value *first = at_first_token(x, side);
    pencl_value *mask = pencl_value_of(pencl_layer_variable(self, "head_mask"), x);
    return pencl_value_add(pencl_value_mul(pencl_value_sub(x, first), mask), first);
}

static const pencl_field fields[] = {{"head_mask", PENCL_FIELD_VARIABLE}, {0}};

const pencl_layer_type pn_layer_KnockOutAttentionHeads = {
    .name = "KnockOutAttentionHeads",
    .doc = "first + head_mask * (x - first); first is 1 at the first real token, else 0",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 30.08056640625 / 1.0)",
};
