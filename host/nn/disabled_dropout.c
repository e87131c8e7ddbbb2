/* SPDX-License-Identifier: Apache-2.0 */
/* DisabledDropout: a place where training dropped elements: the identity. */
#include "nn/layers.h"

const pencl_layer_type pn_layer_DisabledDropout = {
    .name = "DisabledDropout",
    .doc = "x",
    .fields = pn_dropout_fields,
    .apply = pn_identity_apply,
    .kind_of = "Identity",
    .color = "#cdcdcd",
    .fill = PN_PALE("#cdcdcd"),
};
