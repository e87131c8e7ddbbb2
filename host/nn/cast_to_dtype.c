/* SPDX-License-Identifier: Apache-2.0 */
/* CastToDType: another element type. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    const char *name = pencl_layer_text(self, "dtype");
    pencl_dtype dtype = pn_dtype_by_name(name);
    if (dtype == PENCL_DTYPE_COUNT) {
        return pn_graph_fail(x->graph, PENCL_E_DTYPE, "no element type is named '%s'", name);
    }
    return pencl_value_cast(x, dtype);
}

static const pencl_field fields[] = {{"dtype", PENCL_FIELD_TEXT}, {0}};

const pencl_layer_type pn_layer_CastToDType = {
    .name = "CastToDType",
    .doc = "x as dtype",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 172.5347900390625 / 1.0)",
};
