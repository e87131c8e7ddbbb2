/* SPDX-License-Identifier: Apache-2.0 */
/* Standardize: mean 0 and variance 1 over an axis, or over several together. */
#include "nn/layers.h"

static pencl_value *over(const pencl_layer *self, pencl_value *x, const char *axis)
{
    return pencl_value_layer_norm(x, axis, pencl_layer_number(self, "epsilon"));
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    return pn_over_axes(self, "across", x, over);
}

static const pencl_field fields[] = {
    {"across", PENCL_FIELD_AXES}, {"epsilon", PENCL_FIELD_NUMBER}, {0}};

const pencl_layer_type pn_layer_Standardize = {
    .name = "Standardize",
    .doc = "(x - mean) / sqrt(max(mean(x^2) - mean^2, 0) + epsilon)",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 127.50732421875 / 1.0)",
};
