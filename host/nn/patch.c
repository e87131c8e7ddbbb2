/* SPDX-License-Identifier: Apache-2.0 */
/* Patch: another value in place of the one that passes by, where a mask says so. */
#include "nn/layers.h"

/* Axes of the mask that x lacks are new ones of the result: one x for each change. */
static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    pencl_value *mask = pencl_value_of(pencl_layer_variable(self, "mask"), x);
    pencl_value *value = pencl_value_of(pencl_layer_variable(self, "value"), x);
    return pencl_value_where(mask, value, x);
}

static const pencl_field fields[] = {
    {"value", PENCL_FIELD_VARIABLE}, {"mask", PENCL_FIELD_VARIABLE}, {0}};

const pencl_layer_type pn_layer_Patch = {
    .name = "Patch",
    .doc = "value where mask is not 0, else x",
    .fields = fields,
    .apply = apply,
};
