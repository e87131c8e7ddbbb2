/* SPDX-License-Identifier: Apache-2.0 */
/* CheckedSequential: sublayers in order, between a known input and a known output. A variable of
 * the structures, such as **B, means the same in both. */
#include "nn/layers.h"
#include "nn/structure.h"

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pn_structure input;
    pn_structure output;
    pn_check check = {0};
    if (!pn_structure_of(&input, self, "input_like", x) ||
        !pn_structure_of(&output, self, "output_like", x)) {
        return NULL;
    }
    pn_check_structure(&check, x, &input);
    if (!pn_check_end(&check, x->graph, "while checking the input of a CheckedSequential: ")) {
        return NULL;
    }
    pencl_value *y = pn_sequential_apply(self, x, side);
    if (y == NULL) {
        return NULL;
    }
    pn_check_structure(&check, y, &output);
    return pn_check_end(&check, x->graph, "while checking the output of a CheckedSequential: ")
               ? y
               : NULL;
}

static const pencl_field fields[] = {{"input_like", PENCL_FIELD_TEXT},
                                     {"output_like", PENCL_FIELD_TEXT},
                                     {"sublayers", PENCL_FIELD_LAYERS},
                                     {0}};

const pencl_layer_type pn_layer_CheckedSequential = {
    .name = "CheckedSequential",
    .doc = "the sublayers, in order; an error when input or output are not as they should be",
    .fields = fields,
    .apply = apply,
    .color = "#cdcdcd",
};
