/* SPDX-License-Identifier: Apache-2.0 */
/* RenameAxes: other names for axes, which may change places; no data moves. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    pn_axis_names from = pn_layer_names(self, "old");
    pn_axis_names to = pn_layer_names(self, "new");
    if (from.n != to.n) {
        return pn_graph_fail(x->graph, PENCL_E_ARITY, "%d old names but %d new ones", from.n, to.n);
    }
    return pn_value_rename_all(x, &from, &to);
}

static const pencl_field fields[] = {{"old", PENCL_FIELD_AXES}, {"new", PENCL_FIELD_AXES}, {0}};

const pencl_layer_type pn_layer_RenameAxes = {
    .name = "RenameAxes",
    .doc = "x with axis old[i] named new[i], all at once",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 56.5850830078125 / 1.0)",
};
