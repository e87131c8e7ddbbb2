/* SPDX-License-Identifier: Apache-2.0 */
/* Capture: a layer whose output each call leaves under a name; in a stack of layers, each index
 * under "name[index]". penzai's SaveIntermediate. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_value *y = pn_layer_run(self, "layer", 0, x, side);
    pn_text name = {0};
    pn_text_add(&name, "%s", pencl_layer_text(self, "name"));
    if (y != NULL && y->items != NULL) {
        y = pn_graph_fail(x->graph, PENCL_E_ARG, "a tuple of %d values cannot be captured as '%s'",
                          y->n_items, pn_text_get(&name));
    }
    for (const pn_slice *s = x->graph->slices; s != NULL; s = s->outer) {
        pn_text_add(&name, "[%lld]", (long long)s->index);
    }
    y = pn_value_capture(y, pn_text_get(&name));
    pn_text_free(&name);
    return y;
}

static const pencl_field fields[] = {{"name", PENCL_FIELD_TEXT}, {"layer", PENCL_FIELD_LAYER}, {0}};

const pencl_layer_type pn_layer_Capture = {
    .name = "Capture",
    .doc = "layer(x), also kept under name",
    .fields = fields,
    .apply = apply,
};
