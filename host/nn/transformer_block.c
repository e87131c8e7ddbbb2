/* SPDX-License-Identifier: Apache-2.0 */
/* TransformerBlock: attention and feed-forward with their residuals, as a Sequential. */
#include "nn/layers.h"

const pencl_layer_type pn_layer_TransformerBlock = {
    .name = "TransformerBlock",
    .doc = "x + attention(norm(x)), then y + feed_forward(norm(y))",
    .fields = pn_sequential_fields,
    .apply = pn_sequential_apply,
    .kind_of = "Sequential",
    .color = "oklch(0.785 0.103 186.9 / 1.0)",
    .fill = PN_PALE("oklch(0.785 0.103 186.9 / 1.0)"),
};
