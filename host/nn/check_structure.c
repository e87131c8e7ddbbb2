/* SPDX-License-Identifier: Apache-2.0 */
/* CheckStructure: the input, if it has the expected structure. */
#include "nn/layers.h"
#include "nn/structure.h"

bool pn_structure_of(pn_structure *out, const pencl_layer *self, const char *field, pencl_value *x)
{
    const char *text = pencl_layer_text(self, field);
    if (pn_structure_parse(out, text)) {
        return true;
    }
    pn_graph_fail(x->graph, PENCL_E_FORMAT, "%s.%s \"%s\" is no structure: {**B, embedding:8}",
                  pencl_layer_type_of(self)->name, field, text);
    return false;
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    pn_structure expected;
    pn_check check = {0};
    if (!pn_structure_of(&expected, self, "expected", x)) {
        return NULL;
    }
    pn_check_structure(&check, x, &expected);
    return pn_check_end(&check, x->graph, "") ? x : NULL;
}

/* expected: as structure.h says. */
static const pencl_field fields[] = {{"expected", PENCL_FIELD_TEXT}, {0}};

const pencl_layer_type pn_layer_CheckStructure = {
    .name = "CheckStructure",
    .doc = "x, or an error when it is not as expected",
    .fields = fields,
    .apply = apply,
    .color = "#cdcdcd",
};
