/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax: scores to weights that sum to 1 over an axis. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    const char *axis = pn_layer_one_axis(self, "axes", x);
    return axis == NULL ? NULL : pencl_value_softmax(x, axis);
}

static const pencl_field fields[] = {{"axes", PENCL_FIELD_AXES}, {0}};

const pencl_layer_type pn_layer_Softmax = {
    .name = "Softmax",
    .doc = "exp(x - max) / sum(exp(x - max))",
    .fields = fields,
    .apply = apply,
};
