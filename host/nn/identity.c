/* SPDX-License-Identifier: Apache-2.0 */
/* Identity: the input, unchanged. */
#include "nn/layers.h"

pencl_value *
pn_identity_apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)self;
    (void)side;
    return x;
}

static const pencl_field fields[] = {{0}};

const pencl_layer_type pn_layer_Identity = {
    .name = "Identity",
    .doc = "x",
    .fields = fields,
    .apply = pn_identity_apply,
    .color = "#cdcdcd",
    .fill = PN_PALE("#cdcdcd"),
};
