/* SPDX-License-Identifier: Apache-2.0 */
/* TransformerFeedForward: the two or three linear maps of a block's second half, as a Sequential.
 */
#include "nn/layers.h"

const pencl_layer_type pn_layer_TransformerFeedForward = {
    .name = "TransformerFeedForward",
    .doc = "out(fn(gate(x)) * value(x)) or out(fn(in(x)))",
    .fields = pn_sequential_fields,
    .apply = pn_sequential_apply,
    .kind_of = "Sequential",
    .color = "oklch(0.785 0.103 20.98388671875 / 1.0)",
    .fill = PN_PALE("oklch(0.785 0.103 20.98388671875 / 1.0)"),
};
