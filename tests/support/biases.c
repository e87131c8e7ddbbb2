/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of biases over variables of two numbers. */
#include "support/biases.h"

#include "support/fixture.h"
#include "support/tree.h"

#include <check.h>
#include <stdlib.h>

pencl_variable *pair(pencl_variable_kind kind, const char *label, float a, float b)
{
    const float values[] = {a, b};
    pencl_array *array = tree_array(device, "embedding=2", values);
    pencl_variable *v = NULL;
    ok(pencl_variable_new(&v, kind, label, array, 0));
    pencl_array_free(array);
    return v;
}

pencl_variable *parameter(const char *label, float a, float b)
{
    return pair(PENCL_PARAMETER, label, a, b);
}

void expect_pair(const pencl_variable *v, float a, float b)
{
    float *values = tree_values(v);
    ck_assert_float_eq(values[0], a);
    ck_assert_float_eq(values[1], b);
    free(values);
}

void set_pair(pencl_variable *v, float a, float b)
{
    const float values[] = {a, b};
    pencl_array *array = tree_array(device, "embedding=2", values);
    ok(pencl_variable_set_value(v, array));
    pencl_array_free(array);
}

pencl_layer *biases(pencl_variable *const *variables, int n)
{
    pn_layers list = {0};
    for (int i = 0; i < n; i++) {
        pn_layers_add(&list, pn_nn_add_bias(ctx, variables[i]));
    }
    pencl_layer *layer = pn_nn_list_of(ctx, "Sequential", &list);
    ck_assert_ptr_nonnull(layer);
    return layer;
}

pencl_layer *unbind(pencl_layer *tree, pencl_variable ***variables, int *n)
{
    pencl_layer *empty = NULL;
    ok(pencl_layer_unbind_variables(&empty, variables, n, ctx, tree, NULL, NULL));
    pencl_layer_free(tree);
    return empty;
}
