/* SPDX-License-Identifier: Apache-2.0 */
/* NamedGroup: sublayers one after another, under a name to select them by. */
#include "nn/layers.h"

static const pencl_field fields[] = {
    {"name", PENCL_FIELD_TEXT}, {"sublayers", PENCL_FIELD_LAYERS}, {0}};

const pencl_layer_type pn_layer_NamedGroup = {
    .name = "NamedGroup",
    .doc = "the sublayers, in order",
    .fields = fields,
    .apply = pn_sequential_apply,
};
