/* SPDX-License-Identifier: Apache-2.0 */
/* EmbeddingLookup: token ids to the rows of a table. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *ids, const pencl_side_inputs *side)
{
    (void)side;
    const pencl_layer *table = pencl_layer_child(self, "table", 0);
    pencl_value *embeddings = pencl_value_of(pencl_layer_variable(table, "embeddings"), ids);
    return pencl_value_lookup(embeddings, pencl_layer_text(table, "vocabulary_axis"), ids);
}

static const pencl_field fields[] = {{"table", PENCL_FIELD_LAYER}, {0}};

const pencl_layer_type pn_layer_EmbeddingLookup = {
    .name = "EmbeddingLookup",
    .doc = "table.embeddings at the token ids",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 159.620361328125 / 1.0)",
};
