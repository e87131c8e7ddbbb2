/* SPDX-License-Identifier: Apache-2.0 */
/* Capture: a layer whose output each call leaves under a name. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    return pn_value_capture(pn_layer_run(self, "layer", 0, x, side),
                            pencl_layer_text(self, "name"));
}

static const pencl_field fields[] = {{"name", PENCL_FIELD_TEXT}, {"layer", PENCL_FIELD_LAYER}, {0}};

const pencl_layer_type pn_layer_Capture = {
    .name = "Capture",
    .doc = "layer(x), also kept under name",
    .fields = fields,
    .apply = apply,
};
