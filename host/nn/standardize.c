/* SPDX-License-Identifier: Apache-2.0 */
/* Standardize: mean 0 and variance 1 over an axis. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    const char *axis = pn_layer_one_axis(self, "across", x);
    return axis == NULL ? NULL
                        : pencl_value_layer_norm(x, axis, pencl_layer_number(self, "epsilon"));
}

static const pencl_field fields[] = {
    {"across", PENCL_FIELD_AXES}, {"epsilon", PENCL_FIELD_NUMBER}, {0}};

const pencl_layer_type pn_layer_Standardize = {
    .name = "Standardize",
    .doc = "(x - mean) / sqrt(max(mean(x^2) - mean^2, 0) + epsilon)",
    .fields = fields,
    .apply = apply,
};
