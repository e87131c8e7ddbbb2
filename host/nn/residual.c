/* SPDX-License-Identifier: Apache-2.0 */
/* Residual: what a layer adds to the stream. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    return pencl_value_add(pn_layer_run(self, "delta", 0, x, side), x);
}

static const pencl_field fields[] = {{"delta", PENCL_FIELD_LAYER}, {0}};

const pencl_layer_type pn_layer_Residual = {
    .name = "Residual",
    .doc = "delta(x) + x",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 77.0965576171875 / 1.0)",
};
