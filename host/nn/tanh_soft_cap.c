/* SPDX-License-Identifier: Apache-2.0 */
/* TanhSoftCap: keeps values within +-soft_cap, smoothly. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    return pencl_value_soft_cap(x, pencl_layer_number(self, "soft_cap"));
}

static const pencl_field fields[] = {{"soft_cap", PENCL_FIELD_NUMBER}, {0}};

const pencl_layer_type pn_layer_TanhSoftCap = {
    .name = "TanhSoftCap",
    .doc = "tanh(x / soft_cap) * soft_cap",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 56.9256591796875 / 1.0)",
};
