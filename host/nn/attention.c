/* SPDX-License-Identifier: Apache-2.0 */
/* Attention: the data flow between five sublayers, which do the computing. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_value *query = pn_layer_run(self, "input_to_query", 0, x, side);
    pencl_value *key = pn_layer_run(self, "input_to_key", 0, x, side);
    pencl_value *value = pn_layer_run(self, "input_to_value", 0, x, side);

    pencl_value *query_key = pencl_value_tuple((pencl_value *[]){query, key}, 2);
    pencl_value *attn = pn_layer_run(self, "query_key_to_attn", 0, query_key, side);

    pencl_value *attn_value = pencl_value_tuple((pencl_value *[]){attn, value}, 2);
    return pn_layer_run(self, "attn_value_to_output", 0, attn_value, side);
}

static const pencl_field fields[] = {
    {"input_to_query", PENCL_FIELD_LAYER},       {"input_to_key", PENCL_FIELD_LAYER},
    {"input_to_value", PENCL_FIELD_LAYER},       {"query_key_to_attn", PENCL_FIELD_LAYER},
    {"attn_value_to_output", PENCL_FIELD_LAYER}, {0}};

const pencl_layer_type pn_layer_Attention = {
    .name = "Attention",
    .doc = "attn_value_to_output((query_key_to_attn((query, key)), value))",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 38.5 / 1.0)",
};
