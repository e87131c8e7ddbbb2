/* SPDX-License-Identifier: Apache-2.0 */
/* RenameAxes: other names for axes; no data moves. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    pn_axis_names from = pn_layer_names(self, "old");
    pn_axis_names to = pn_layer_names(self, "new");
    if (from.n != to.n) {
        return pn_graph_fail(x->graph, PENCL_E_ARITY, "%d old names but %d new ones", from.n, to.n);
    }
    for (int i = 0; i < from.n; i++) {
        x = pencl_value_rename(x, from.names[i], to.names[i]);
    }
    return x;
}

static const pencl_field fields[] = {{"old", PENCL_FIELD_AXES}, {"new", PENCL_FIELD_AXES}, {0}};

const pencl_layer_type pn_layer_RenameAxes = {
    .name = "RenameAxes",
    .doc = "x with axis old[i] named new[i]",
    .fields = fields,
    .apply = apply,
};
