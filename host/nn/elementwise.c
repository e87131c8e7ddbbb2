/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise: an activation function, by name. */
#include "nn/layers.h"

#include <string.h>

typedef struct function {
    const char *name;
    pencl_value *(*call)(pencl_value *x);
} function;

static const function functions[] = {
    {"gelu_approx", pencl_value_gelu_tanh}, /* penzai's name of gelu_tanh */
    {"gelu_exact", pencl_value_gelu_exact},
    {"gelu_tanh", pencl_value_gelu_tanh},
    {"relu", pencl_value_relu},
    {"silu", pencl_value_silu},
};

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    const char *name = pencl_layer_text(self, "fn");
    for (size_t i = 0; i < PN_COUNT(functions); i++) {
        if (strcmp(functions[i].name, name) == 0) {
            return functions[i].call(x);
        }
    }
    return pn_graph_fail(x->graph, PENCL_E_UNSUPPORTED,
                         "no function is named '%s': gelu_approx, gelu_exact, relu, silu", name);
}

/* penzai keys it by the function's address in memory, which differs from run to run. */
static pencl_color color_of(const pencl_layer *self)
{
    return pn_color_of_text(pencl_layer_text(self, "fn"));
}

static const pencl_field fields[] = {{"fn", PENCL_FIELD_TEXT}, {0}};

const pencl_layer_type pn_layer_Elementwise = {
    .name = "Elementwise",
    .doc = "fn(x): silu is x * sigmoid(x), gelu_approx the tanh form, gelu_exact the erfc form, "
           "relu is max(x, 0)",
    .fields = fields,
    .apply = apply,
    .color_of = color_of,
};
