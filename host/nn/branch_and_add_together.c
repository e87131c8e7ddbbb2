/* SPDX-License-Identifier: Apache-2.0 */
/* BranchAndAddTogether: the sum of what each branch makes of the same input. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    int n = pencl_layer_n_children(self, "branches");
    if (n == 0) {
        return pn_graph_fail(x->graph, PENCL_E_ARITY,
                             "BranchAndAddTogether requires at least one branch");
    }
    pencl_value *y = pn_layer_run(self, "branches", 0, x, side);
    for (int i = 1; i < n; i++) {
        y = pencl_value_add(y, pn_layer_run(self, "branches", i, x, side));
    }
    return y;
}

static const pencl_field fields[] = {{"branches", PENCL_FIELD_LAYERS}, {0}};

const pencl_layer_type pn_layer_BranchAndAddTogether = {
    .name = "BranchAndAddTogether",
    .doc = "branches[0](x) + branches[1](x) + ...",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 296.38916015625 / 1.0)",
};
