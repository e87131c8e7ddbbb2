/* SPDX-License-Identifier: Apache-2.0 */
/* ApplyExplicitAttentionMask: a side input says which keys each query sees: int32, not 0 where it
 * does, with any of the scores' axes. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_value *mask = pencl_side_need(side, pencl_layer_text(self, "mask_input_name"), x);
    pencl_value *hidden = pencl_value_full(x->graph, pencl_value_dtype(x),
                                           pencl_layer_number(self, "masked_out_value"), NULL, 0);
    return pencl_value_where(mask, x, hidden);
}

static const pencl_field fields[] = {
    {"mask_input_name", PENCL_FIELD_TEXT}, {"masked_out_value", PENCL_FIELD_NUMBER}, {0}};

const pencl_layer_type pn_layer_ApplyExplicitAttentionMask = {
    .name = "ApplyExplicitAttentionMask",
    .doc = "x where the side input mask_input_name is not 0, else masked_out_value",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 358.1378173828125 / 1.0)",
};
