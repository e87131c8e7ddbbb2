/* SPDX-License-Identifier: Apache-2.0 */
/* ApplyExplicitAttentionMask: a side input says which keys each query sees, an int32 that is 1
 * where it does and 0 where not, with any of the scores' axes. */
#include "nn/layers.h"

/* To the mask op, the mask is a query's position and every key is at 1. */
static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_value *mask = pencl_side_need(side, pencl_layer_text(self, "mask_input_name"), x);
    if (mask == NULL || !pn_masked_value_fits(self, x)) {
        return NULL;
    }
    if (pencl_value_n_axes(mask) == 0) {
        return pn_value_refuse(mask, PENCL_E_AXIS, "the mask needs an axis of the scores");
    }
    const pencl_axis *axis = pencl_value_axis(mask, 0);
    pn_spec along = {.dtype = PENCL_I32};
    pn_spec_push(&along, axis->name, axis->size);
    pn_op_args args = {.in = {x, mask, pn_value_constant(x->graph, &along, 1)},
                       .n_in = 3,
                       .names = {axis->name, axis->name},
                       .n_names = 2};
    return pn_graph_op(x->graph, &pn_op_mask, &args);
}

static const pencl_field fields[] = {
    {"mask_input_name", PENCL_FIELD_TEXT}, {"masked_out_value", PENCL_FIELD_NUMBER}, {0}};

const pencl_layer_type pn_layer_ApplyExplicitAttentionMask = {
    .name = "ApplyExplicitAttentionMask",
    .doc = "x where the side input mask_input_name is 1, masked_out_value where it is 0",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 358.1378173828125 / 1.0)",
};
