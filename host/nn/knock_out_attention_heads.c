/* SPDX-License-Identifier: Apache-2.0 */
/* KnockOutAttentionHeads: attention weights of some heads redirected to the first real token. It
 * stands behind the softmax of an attention.
 *
 * penzai means slot 0, the BOS token of a text without padding. Here it is the key at position 0,
 * of the query's own sequence, which padding on the left does not move. */
#include "nn/layers.h"

/* 1 at the key with position 0, 0 elsewhere, with all axes of the weights. */
static pencl_value *at_first_token(pencl_value *weights, const pencl_side_inputs *side)
{
    pencl_value *cached = pencl_side_get(side, PN_SIDE_KV_TOKEN_POSITIONS);
    pn_spec queries = {.dtype = PENCL_I32};
    pn_spec_push(&queries, PENCL_AXIS_SEQ, pencl_value_size(weights, PENCL_AXIS_SEQ));
    pn_mask_inputs in = {
        .positions = pn_value_constant(weights->graph, &queries, 0),
        .kv_positions =
            cached != NULL ? cached : pencl_side_need(side, PN_SIDE_TOKEN_POSITIONS, weights),
        .keys_are_tokens = cached == NULL,
        .seq = PENCL_AXIS_SEQ,
        .kv_seq = PENCL_AXIS_KV_SEQ};
    pencl_value *only = pn_mask_by_positions(weights, &in, side, 0); /* all others masked out */
    return pencl_value_softmax(only, PENCL_AXIS_KV_SEQ);
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_value *first = at_first_token(x, side);
    pencl_value *mask = pencl_value_of(pencl_layer_variable(self, "head_mask"), x);
    pencl_value *change = pencl_value_add(x, pencl_value_scale(first, -1));
    return pencl_value_add(first, pencl_value_mul(change, mask));
}

static const pencl_field fields[] = {{"head_mask", PENCL_FIELD_VARIABLE}, {0}};

const pencl_layer_type pn_layer_KnockOutAttentionHeads = {
    .name = "KnockOutAttentionHeads",
    .doc = "first + head_mask * (x - first); first is 1 at the first real token, else 0",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 30.08056640625 / 1.0)",
};
