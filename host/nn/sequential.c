/* SPDX-License-Identifier: Apache-2.0 */
/* Sequential: its sublayers, one after another; named subtypes share its fields and its apply. */
#include "nn/layers.h"

const pencl_field pn_sequential_fields[] = {{"sublayers", PENCL_FIELD_LAYERS}, {0}};

pencl_value *
pn_sequential_apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    int n = pencl_layer_n_children(self, "sublayers");
    for (int i = 0; i < n; i++) {
        x = pn_layer_run(self, "sublayers", i, x, side);
    }
    return x;
}

const pencl_layer_type pn_layer_Sequential = {
    .name = "Sequential",
    .doc = "the sublayers, in order",
    .fields = pn_sequential_fields,
    .apply = pn_sequential_apply,
    .color = "#cdcdcd",
    .fill = PN_PALE("#cdcdcd"),
};
