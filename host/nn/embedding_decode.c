/* SPDX-License-Identifier: Apache-2.0 */
/* EmbeddingDecode: vectors to scores of tokens, by the table that looked them up. */
#include "nn/layers.h"

#include <string.h>

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    const pencl_layer *table = pencl_layer_child(self, "table", 0);
    pencl_value *embeddings = pencl_value_of(pencl_layer_variable(table, "embeddings"), x);
    const char *vocabulary = pencl_layer_text(table, "vocabulary_axis");
    if (embeddings == NULL || vocabulary == NULL) {
        return NULL;
    }
    const char *contracted[PENCL_MAX_AXES];
    int n = 0;
    for (int i = 0; i < pencl_value_n_axes(embeddings); i++) {
        const char *axis = pencl_value_axis(embeddings, i)->name;
        if (strcmp(axis, vocabulary) != 0) {
            contracted[n++] = axis;
        }
    }
    return pencl_value_matmul(x, embeddings, contracted, n);
}

static const pencl_field fields[] = {{"table", PENCL_FIELD_LAYER}, {0}};

const pencl_layer_type pn_layer_EmbeddingDecode = {
    .name = "EmbeddingDecode",
    .doc = "sum of x * table.embeddings over every axis but the vocabulary",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 256.4154052734375 / 1.0)",
};
