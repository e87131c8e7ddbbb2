/* SPDX-License-Identifier: Apache-2.0 */
/* Affine: a Linear and an AddBias, as a Sequential of that name. */
#include "nn/layers.h"

const pencl_layer_type pn_layer_Affine = {
    .name = "Affine",
    .doc = "x . weights + bias: [Linear, AddBias]",
    .fields = pn_sequential_fields,
    .apply = pn_sequential_apply,
    .kind_of = "Sequential",
    .color = "#eba875",
    .fill = PN_PALE("#eba875"),
};
