/* SPDX-License-Identifier: Apache-2.0 */
/* ApplyRoPEToSubset: rotary position embedding of the first entries only. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    return pencl_value_rope(
        x, pn_rope_positions(self, x, side), pencl_layer_text(self, "embedding_axis"),
        pencl_layer_number(self, "max_wavelength"), pencl_layer_number(self, "scale_factor"),
        (int64_t)pencl_layer_number(self, "rope_subset_size"));
}

static const pencl_field fields[] = {
    {"embedding_axis", PENCL_FIELD_TEXT},     {"max_wavelength", PENCL_FIELD_NUMBER},
    {"rope_subset_size", PENCL_FIELD_NUMBER}, {"positions_input_name", PENCL_FIELD_TEXT},
    {"scale_factor", PENCL_FIELD_NUMBER},     {0}};

const pencl_layer_type pn_layer_ApplyRoPEToSubset = {
    .name = "ApplyRoPEToSubset",
    .doc = "ApplyRoPE on the first rope_subset_size entries, the others unchanged",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 134.9615478515625 / 1.0)",
};
