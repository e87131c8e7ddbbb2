/* SPDX-License-Identifier: Apache-2.0 */
/* RMSStandardize: root-mean-square normalisation without a learned scale. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    const char *axis = pn_layer_one_axis(self, "across", x);
    return axis == NULL ? NULL : pencl_value_rms_norm(x, axis, pencl_layer_number(self, "epsilon"));
}

static const pencl_field fields[] = {
    {"across", PENCL_FIELD_AXES}, {"epsilon", PENCL_FIELD_NUMBER}, {0}};

const pencl_layer_type pn_layer_RMSStandardize = {
    .name = "RMSStandardize",
    .doc = "x / sqrt(mean(x^2) + epsilon)",
    .fields = fields,
    .apply = apply,
};
