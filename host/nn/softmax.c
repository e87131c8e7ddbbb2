/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax: scores to weights that sum to 1 over an axis, or over several together. */
#include "nn/layers.h"

static pencl_value *over(const pencl_layer *self, pencl_value *x, const char *axis)
{
    (void)self;
    return pencl_value_softmax(x, axis);
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    return pn_over_axes(self, "axes", x, over);
}

static const pencl_field fields[] = {{"axes", PENCL_FIELD_AXES}, {0}};

const pencl_layer_type pn_layer_Softmax = {
    .name = "Softmax",
    .doc = "exp(x - max) / sum(exp(x - max))",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 149.04052734375 / 1.0)",
};
