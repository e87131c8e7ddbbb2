/* SPDX-License-Identifier: Apache-2.0 */
/* ApplyRoPE: rotary position embedding, half-split: entry i turns with entry i + d/2. */
#include "nn/layers.h"

#include <string.h>

/* Entries turn in pairs. */
static bool turns(const pencl_layer *self, pencl_value *x, const char *axis)
{
    int64_t subset = (int64_t)pencl_layer_number(self, "rope_subset_size"); /* 0: no such field */
    if (pn_spec_find(&x->view.spec, axis) < 0) {
        pn_value_refuse(x, PENCL_E_AXIS, "the input needs the embedding axis '%s'", axis);
        return false;
    }
    if ((subset > 0 ? subset : pencl_value_size(x, axis)) % 2 != 0) {
        pn_value_refuse(x, PENCL_E_SHAPE, "an odd number of entries of '%s' cannot turn in pairs",
                        axis);
        return false;
    }
    return true;
}

pencl_value *
pn_rope_positions(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    const char *axis = pencl_layer_text(self, "embedding_axis");
    pencl_value *positions =
        pencl_side_need(side, pencl_layer_text(self, "positions_input_name"), x);
    if (positions == NULL || !turns(self, x, axis)) {
        return NULL;
    }
    if (pencl_layer_number(self, "scale_factor") < 1) {
        return pn_graph_fail(x->graph, PENCL_E_ARG, "scale_factor must be >= 1, got %g",
                             pencl_layer_number(self, "scale_factor"));
    }
    for (int i = 0; i < pencl_value_n_axes(positions); i++) {
        const char *name = pencl_value_axis(positions, i)->name;
        if (name[0] == '\0') {
            return pn_value_refuse(positions, PENCL_E_AXIS,
                                   "the positions must have no positional axes");
        }
        if (strcmp(name, axis) == 0) {
            return pn_value_refuse(positions, PENCL_E_AXIS,
                                   "the embedding axis '%s' must not be one of the positions'",
                                   axis);
        }
        if (pn_spec_find(&x->view.spec, name) < 0) {
            return pn_value_refuse(x, PENCL_E_AXIS,
                                   "the input needs axis '%s', which the positions have", name);
        }
    }
    return positions;
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    return pencl_value_rope(
        x, pn_rope_positions(self, x, side), pencl_layer_text(self, "embedding_axis"),
        pencl_layer_number(self, "max_wavelength"), pencl_layer_number(self, "scale_factor"), 0);
}

static const pencl_field fields[] = {{"embedding_axis", PENCL_FIELD_TEXT},
                                     {"max_wavelength", PENCL_FIELD_NUMBER},
                                     {"positions_input_name", PENCL_FIELD_TEXT},
                                     {"scale_factor", PENCL_FIELD_NUMBER},
                                     {0}};

const pencl_layer_type pn_layer_ApplyRoPE = {
    .name = "ApplyRoPE",
    .doc = "x[i] cos a - x[i + d/2] sin a, x[i + d/2] cos a + x[i] sin a; "
           "a = position / max_wavelength^(2i/d) / scale_factor",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 215.2276611328125 / 1.0)",
};
