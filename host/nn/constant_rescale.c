/* SPDX-License-Identifier: Apache-2.0 */
/* ConstantRescale: a constant factor. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    return pencl_value_scale(x, pencl_layer_number(self, "by"));
}

static const pencl_field fields[] = {{"by", PENCL_FIELD_NUMBER}, {0}};

const pencl_layer_type pn_layer_ConstantRescale = {
    .name = "ConstantRescale",
    .doc = "x * by",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 127.50732421875 / 1.0)",
};
