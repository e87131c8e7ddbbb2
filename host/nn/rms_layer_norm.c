/* SPDX-License-Identifier: Apache-2.0 */
/* RMSLayerNorm: root-mean-square norm with a learned scale, as a Sequential of that name. */
#include "nn/layers.h"

const pencl_layer_type pn_layer_RMSLayerNorm = {
    .name = "RMSLayerNorm",
    .doc = "x / sqrt(mean(x^2) + epsilon) * scale: [RMSStandardize, Linear]",
    .fields = pn_sequential_fields,
    .apply = pn_sequential_apply,
    .kind_of = "Sequential",
    .color = "oklch(0.785 0.103 269.703369140625 / 1.0)",
    .fill = PN_PALE("oklch(0.785 0.103 269.703369140625 / 1.0)"),
};
