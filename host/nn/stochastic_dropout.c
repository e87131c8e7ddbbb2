/* SPDX-License-Identifier: Apache-2.0 */
/* StochasticDropout: a place where training drops elements. pencl does not train: it is the
 * identity, as penzai's is once disabled. */
#include "nn/layers.h"

const pencl_field pn_dropout_fields[] = {{"drop_rate", PENCL_FIELD_NUMBER},
                                         {"share_across_axes", PENCL_FIELD_AXES},
                                         {"random_stream_input_name", PENCL_FIELD_TEXT},
                                         {0}};

const pencl_layer_type pn_layer_StochasticDropout = {
    .name = "StochasticDropout",
    .doc = "x",
    .fields = pn_dropout_fields,
    .apply = pn_identity_apply,
    .color = "oklch(0.785 0.103 28.6688232421875 / 1.0)",
};
