/* SPDX-License-Identifier: Apache-2.0 */
/* Linear: a contraction with weights over named axes. Axes of the weights that are neither in nor
 * out are parallel: input, weights and output share them. */
#include "nn/layers.h"

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

/* The label without ".weights", as penzai begins the texts of its errors. */
static int name_length(const char *label)
{
    const char *end = strstr(label, ".weights");
    return (int)(end != NULL ? (size_t)(end - label) : strlen(label));
}

/* penzai's contract: floating, every in and parallel axis there with its size, no out axis. */
static bool takes(const pencl_layer *self, pencl_value *x, const pn_spec *weights)
{
    const char *label = pencl_variable_label(pencl_layer_variable(self, "weights"));
    pn_axis_names out = pn_layer_names(self, "out_axis_names");
    const pn_spec *got = &x->view.spec;
    int length = name_length(label);
    if (got->dtype == PENCL_I32) {
        pn_value_refuse(x, PENCL_E_DTYPE, "(%.*s) the input must be floating", length, label);
        return false;
    }
    for (int i = 0; i < weights->n_axes; i++) {
        const char *axis = weights->axes[i].name;
        int at = pn_spec_find(got, axis);
        if (has_name(&out, axis)) {
            if (at >= 0) {
                pn_value_refuse(x, PENCL_E_AXIS,
                                "(%.*s) the input already has the output axis '%s'", length, label,
                                axis);
                return false;
            }
        } else if (at < 0) {
            pn_value_refuse(x, PENCL_E_AXIS, "(%.*s) the input needs axis '%s' of size %lld",
                            length, label, axis, (long long)weights->axes[i].size);
            return false;
        } else if (got->axes[at].size != weights->axes[i].size) {
            pn_value_refuse(x, PENCL_E_SHAPE,
                            "(%.*s) axis '%s' is %lld in the input, %lld in the "
                            "weights",
                            length, label, axis, (long long)got->axes[at].size,
                            (long long)weights->axes[i].size);
            return false;
        }
    }
    return true;
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
