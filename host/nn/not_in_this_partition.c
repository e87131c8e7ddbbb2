/* SPDX-License-Identifier: Apache-2.0 */
/* NotInThisPartition: stands for a layer that a partition took out of a tree. */
#include "nn/layers.h"

static const pencl_field fields[] = {{0}};

const pencl_layer_type pn_layer_NotInThisPartition = {
    .name = "NotInThisPartition",
    .doc = "a layer that is in another part of the tree",
    .fields = fields,
    .color = "orange",
};
