/* SPDX-License-Identifier: Apache-2.0 */
/* ApplyCausalSlidingWindowAttentionMask: as the causal mask, and only the nearest keys. */
#include "nn/layers.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    double window = pencl_layer_number(self, "sliding_window_size");
    if (!(window >= 1)) {
        return pn_graph_fail(x->graph, PENCL_E_ARG, "sliding_window_size must be >= 1, got %g",
                             window);
    }
    return pn_mask_scores(self, x, side, (int64_t)window);
}

static const pencl_field fields[] = {{"masked_out_value", PENCL_FIELD_NUMBER},
                                     {"sliding_window_size", PENCL_FIELD_NUMBER},
                                     {"query_positions_input_name", PENCL_FIELD_TEXT},
                                     {"kv_positions_input_name", PENCL_FIELD_TEXT},
                                     {"seq_axis", PENCL_FIELD_TEXT},
                                     {"kv_seq_axis", PENCL_FIELD_TEXT},
                                     {0}};

const pencl_layer_type pn_layer_ApplyCausalSlidingWindowAttentionMask = {
    .name = "ApplyCausalSlidingWindowAttentionMask",
    .doc = "x where query position >= key position >= 0 and their distance is less than "
           "sliding_window_size, else masked_out_value",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 320.009765625 / 1.0)",
};
