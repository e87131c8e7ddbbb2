/* SPDX-License-Identifier: Apache-2.0 */
/* LinearInPlace: a Linear whose out axes have the names of its in axes: it makes primed names
 * ("embedding_out"), a RenameAxes takes them back. */
#include "nn/layers.h"

const pencl_layer_type pn_layer_LinearInPlace = {
    .name = "LinearInPlace",
    .doc = "x . weights with its axis names kept: [Linear, RenameAxes]",
    .fields = pn_sequential_fields,
    .apply = pn_sequential_apply,
    .kind_of = "Sequential",
    .color = "#eba875",
    .fill = PN_PALE("#eba875"),
};
