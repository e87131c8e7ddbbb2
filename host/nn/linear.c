/* SPDX-License-Identifier: Apache-2.0 */
/* Linear: a contraction with weights over named axes. Axes of the weights that are neither in nor
 * out are parallel: input, weights and output share them. */
#include "nn/layers.h"
#include "nn/structure.h"

#include <stdio.h>
#include <string.h>

static bool has_name(const pn_axis_names *list, const char *name)
{
    for (int i = 0; i < list->n; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* "(label without .weights) ", as penzai begins its texts. */
static void write_prefix(char *out, size_t room, const char *label)
{
    static const char end[] = ".weights";
    size_t size = strlen(label);
    out[0] = '\0';
    if (size >= strlen(end) && strcmp(label + size - strlen(end), end) == 0) {
        snprintf(out, room, "(%.*s) ", (int)(size - strlen(end)), label);
    }
}

/* penzai's contract: floating, every in and parallel axis there with its size, no out axis. The
 * output then has its structure by construction. */
static bool takes(const pencl_layer *self, pencl_value *x, const pn_spec *weights)
{
    pn_axis_names out = pn_layer_names(self, "out_axis_names");
    pn_pattern pattern = {.rest = "B", .dtype_class = PN_CLASS_FLOATING};
    pn_check check = {0};
    char prefix[256];
    write_prefix(prefix, sizeof prefix,
                 pencl_variable_label(pencl_layer_variable(self, "weights")));
    for (int i = 0; i < weights->n_axes; i++) {
        const pencl_axis *axis = &weights->axes[i];
        if (!has_name(&out, axis->name)) {
            pn_pattern_add(&pattern, axis->name, "", axis->size);
        }
    }
    pn_check_value(&check, "root", x, &pattern);
    for (int i = 0; i < out.n; i++) {
        if (x->items == NULL && pn_spec_find(&x->view.spec, out.names[i]) >= 0) {
            pn_text_free(&check.wrong);
            pn_value_refuse(x, PENCL_E_AXIS, "%sthe input already has the output axis '%s'", prefix,
                            out.names[i]);
            return false;
        }
    }
    return pn_check_end(&check, x->graph, prefix);
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    pencl_value *weights = pencl_value_of(pencl_layer_variable(self, "weights"), x);
    if (weights == NULL || !takes(self, x, &weights->view.spec)) {
        return NULL;
    }
    pn_axis_names in = pn_layer_names(self, "in_axis_names");
    return in.n == 0 ? pencl_value_mul(x, weights) : pencl_value_matmul(x, weights, in.names, in.n);
}

static const pencl_field fields[] = {{"weights", PENCL_FIELD_VARIABLE},
                                     {"in_axis_names", PENCL_FIELD_AXES},
                                     {"out_axis_names", PENCL_FIELD_AXES},
                                     {0}};

const pencl_layer_type pn_layer_Linear = {
    .name = "Linear",
    .doc = "sum over in_axis_names of x * weights",
    .fields = fields,
    .apply = apply,
    .color = "#eba875",
};
