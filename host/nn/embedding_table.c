/* SPDX-License-Identifier: Apache-2.0 */
/* EmbeddingTable: holds the table that a lookup and a decode may share; it is not called. */
#include "nn/layers.h"

static const pencl_field fields[] = {
    {"embeddings", PENCL_FIELD_VARIABLE}, {"vocabulary_axis", PENCL_FIELD_TEXT}, {0}};

const pencl_layer_type pn_layer_EmbeddingTable = {
    .name = "EmbeddingTable",
    .doc = "a vector for each token id",
    .fields = fields,
};
