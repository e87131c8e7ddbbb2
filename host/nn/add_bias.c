/* SPDX-License-Identifier: Apache-2.0 */
/* AddBias: a learned offset. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    return pencl_value_add(x, pencl_value_of(pencl_layer_variable(self, "bias"), x));
}

/* new_axis_names: axes of the bias that the input is not expected to have; a note to readers. */
static const pencl_field fields[] = {
    {"bias", PENCL_FIELD_VARIABLE}, {"new_axis_names", PENCL_FIELD_AXES}, {0}};

const pencl_layer_type pn_layer_AddBias = {
    .name = "AddBias",
    .doc = "x + bias",
    .fields = fields,
    .apply = apply,
    .color = "#65cfbc",
};
