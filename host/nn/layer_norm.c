/* SPDX-License-Identifier: Apache-2.0 */
/* LayerNorm: standardisation with a learned scale and shift, as a Sequential of that name. */
#include "nn/layers.h"

const pencl_layer_type pn_layer_LayerNorm = {
    .name = "LayerNorm",
    .doc = "(x - mean) / sqrt(variance + epsilon) * scale + shift: [Standardize, Linear, AddBias]",
    .fields = pn_sequential_fields,
    .apply = pn_sequential_apply,
    .kind_of = "Sequential",
    .color = "oklch(0.785 0.103 262.1502685546875 / 1.0)",
    .fill = PN_PALE("oklch(0.785 0.103 262.1502685546875 / 1.0)"),
};
