/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that write their variables: what changes, and what never does. */
#include "nn/nn.h"
#include "support/apply.h"
#include "support/fixture.h"
#include "support/tree.h"

#include "pencl/pencl.h"

#include <check.h>
#include <stdlib.h>

/* ---- a layer with a state: penzai's documentation has one like it ---- */

/* y = x * by + sum; sum = sum + x: reads the old sum, and the new one once it is set. */
static pencl_value *sum_up(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_variable *sum = pencl_layer_variable(self, "sum");
    pencl_value *before = pencl_value_of(sum, x);
    pencl_value *scaled = pencl_value_mul(x, pencl_value_of(pencl_layer_variable(self, "by"), x));
    (void)side;
    pencl_variable_assign(sum, pencl_value_add(before, x));
    pencl_value *after = pencl_value_of(sum, x);
    return pencl_value_add(scaled, pencl_value_sub(after, x));
}

static const pencl_field sum_fields[] = {
    {"by", PENCL_FIELD_VARIABLE}, {"sum", PENCL_FIELD_VARIABLE}, {0}};
static const pencl_layer_type sum_type = {
    .name = "SumUp", .doc = "x * by + sum; sum += x", .fields = sum_fields, .apply = sum_up};

static pencl_variable *
variable(pencl_variable_kind kind, const char *label, const char *spec, const float *values)
{
    pencl_array *array = tree_array(device, spec, values);
    pencl_variable *v = NULL;
    ok(pencl_variable_new(&v, kind, label, array, 0));
    pencl_array_free(array);
    return v;
}

/* Takes the variables over. */
static pencl_layer *sum_layer(pencl_variable *by, pencl_variable *sum)
{
    const pencl_attribute given[] = {
        {.name = "by", .kind = PENCL_FIELD_VARIABLE, .variable = by},
        {.name = "sum", .kind = PENCL_FIELD_VARIABLE, .variable = sum}};
    pencl_layer *layer = NULL;
    ok(pencl_layer_from_attributes(&layer, ctx, &sum_type, given, 2));
    pencl_variable_free(by);
    pencl_variable_free(sum);
    return layer;
}

static const float two[] = {2, 2};
static const float begin[] = {10, 20};
static const float input[] = {1, 3};

static pencl_layer *new_sum_layer(void)
{
    return sum_layer(variable(PENCL_PARAMETER, "by", "embedding=2", two),
                     variable(PENCL_STATE, "sum", "embedding=2", begin));
}

static void expect_two(const float *got, float a, float b)
{
    ck_assert_float_eq(got[0], a);
    ck_assert_float_eq(got[1], b);
}

static void expect_array(const pencl_array *array, float a, float b)
{
    float got[2];
    ck_assert_int_eq(pencl_array_count(array), 2);
    ok(pencl_array_download_f32(array, got, 2));
    expect_two(got, a, b);
}

static void expect_variable(const pencl_variable *v, float a, float b)
{
    float *got = tree_values(v);
    expect_two(got, a, b);
    free(got);
}

/* ---- writing in a graph ---- */

START_TEST(each_run_leaves_its_value_in_the_state)
{
    pencl_layer *layer = new_sum_layer();
    pencl_variable *sum = pencl_layer_variable(layer, "sum");
    pencl_variable *first = NULL;
    pencl_array *x = tree_array(device, "embedding=2", input);
    pencl_array *y = NULL;
    pencl_graph *graph = NULL;
    ok(pencl_variable_freeze(&first, sum));
    ok(pencl_graph_new(&graph, device));
    pencl_value *out = pencl_layer_call(layer, pencl_graph_array(graph, x), NULL);
    expect_variable(sum, 10, 20); /* a trace writes nothing */
    for (int i = 0; i < 3; i++) {
        ok(pencl_eval(graph, &out, 1, &y));
        expect_array(y, 12 + (float)i, 26 + 3 * (float)i);
        expect_variable(sum, 11 + (float)i, 23 + 3 * (float)i);
        pencl_array_free(y);
    }
    expect_variable(first, 10, 20);
    pencl_variable_free(first);
    pencl_graph_free(graph);
    pencl_array_free(x);
    pencl_layer_free(layer);
}
END_TEST

/* a, b = b, a */
static pencl_value *swap(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_variable *a = pencl_layer_variable(self, "by");
    pencl_variable *b = pencl_layer_variable(self, "sum");
    pencl_value *was = pencl_value_of(a, x);
    (void)side;
    pencl_variable_assign(a, pencl_value_of(b, x));
    pencl_variable_assign(b, was);
    return x;
}

static const pencl_layer_type swap_type = {
    .name = "Swap", .doc = "by, sum = sum, by", .fields = sum_fields, .apply = swap};

START_TEST(states_may_change_places)
{
    pencl_variable *a = variable(PENCL_STATE, "a", "embedding=2", two);
    pencl_variable *b = variable(PENCL_STATE, "b", "embedding=2", begin);
    const pencl_attribute given[] = {{.name = "by", .kind = PENCL_FIELD_VARIABLE, .variable = a},
                                     {.name = "sum", .kind = PENCL_FIELD_VARIABLE, .variable = b}};
    pencl_layer *layer = NULL;
    pencl_array *x = tree_array(device, "embedding=2", input);
    pencl_array *y = NULL;
    ok(pencl_layer_from_attributes(&layer, ctx, &swap_type, given, 2));
    const apply_call call = {.layer = layer, .x = x};
    ok(apply_layer(&y, device, &call));
    expect_variable(a, 10, 20);
    expect_variable(b, 2, 2);
    pencl_array_free(y);
    pencl_array_free(x);
    pencl_layer_free(layer);
    pencl_variable_free(a);
    pencl_variable_free(b);
}
END_TEST

/* A state with the stack's axis is each layer's own; y is x * 2^3 plus what the sums add. */
START_TEST(each_layer_of_a_stack_writes_its_own_part)
{
    const float own[] = {1, 2, 3, 4, 5, 6}; /* [blocks, embedding] */
    pencl_variable *sum = variable(PENCL_STATE, "sum", "blocks=3 embedding=2", own);
    ok(pencl_variable_set_metadata(sum, "layerstack_axes", "blocks=PER_LAYER"));
    pencl_layer *inner =
        sum_layer(variable(PENCL_PARAMETER, "by", "embedding=2", two), pencl_variable_ref(sum));
    const pencl_attribute given[] = {
        {.name = "stacked_sublayers", .kind = PENCL_FIELD_LAYER, .layers = &inner, .n = 1},
        {.name = "stack_axis", .kind = PENCL_FIELD_TEXT, .text = "blocks"},
        {.name = "stack_axis_size", .kind = PENCL_FIELD_NUMBER, .number = 3}};
    pencl_layer *stack = NULL;
    pencl_array *x = tree_array(device, "embedding=2", input);
    pencl_array *y = NULL;
    float a[2] = {input[0], input[1]};
    float want[6];
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 2; k++) {
            want[2 * i + k] = own[2 * i + k] + a[k];
            a[k] = a[k] * two[k] + own[2 * i + k];
        }
    }
    ok(pencl_layer_from_attributes(&stack, ctx, pencl_layer_type_named("LayerStack"), given, 3));
    const apply_call call = {.layer = stack, .x = x};
    ok(apply_layer(&y, device, &call));
    expect_array(y, a[0], a[1]);
    float *got = tree_values(sum);
    ck_assert_mem_eq(got, want, sizeof want);
    free(got);
    pencl_array_free(y);
    pencl_array_free(x);
    pencl_layer_free(stack);
    pencl_layer_free(inner);
    pencl_variable_free(sum);
}
END_TEST

START_TEST(what_cannot_be_written_is_refused)
{
    pencl_variable *sum = variable(PENCL_STATE, "sum", "embedding=2", begin);
    pencl_variable *frozen = NULL;
    ok(pencl_variable_freeze(&frozen, sum));
    pencl_array *x = tree_array(device, "embedding=2", input);
    pencl_array *wide = tree_array(device, "seq=1 embedding=2", input);
    const apply_call snapshot = {
        .layer = sum_layer(variable(PENCL_PARAMETER, "by", "embedding=2", two), frozen), .x = x};
    apply_refuse(device, &snapshot, PENCL_E_ARG, "\"sum\" is a frozen value");
    const apply_call other = {
        .layer = sum_layer(variable(PENCL_PARAMETER, "by", "embedding=2", two), sum), .x = wide};
    apply_refuse(device, &other, PENCL_E_SHAPE, "the new value of \"sum\"");
    pencl_array_free(wide);
    pencl_array_free(x);
}
END_TEST

/* ---- values that come after the trace ---- */

START_TEST(a_graph_reads_what_a_variable_is_given_later)
{
    const float other[] = {-1, 5};
    pencl_variable *v = variable(PENCL_PARAMETER, "bias", "embedding=2", two);
    pencl_variable *first = NULL;
    pencl_layer *layer = pn_nn_add_bias(ctx, pencl_variable_ref(v));
    pencl_array *x = tree_array(device, "embedding=2", input);
    pencl_array *value = tree_array(device, "embedding=2", other);
    pencl_array *y = NULL;
    pencl_graph *graph = NULL;
    ok(pencl_graph_new(&graph, device));
    pencl_value *out = pencl_layer_call(layer, pencl_graph_array(graph, x), NULL);
    ok(pencl_eval(graph, &out, 1, &y));
    expect_array(y, 3, 5);
    pencl_array_free(y);
    ok(pencl_variable_freeze(&first, v)); /* a value that is set gets memory of its own now */
    ok(pencl_variable_set_value(v, value));
    ok(pencl_eval(graph, &out, 1, &y));
    expect_array(y, 0, 8);
    pencl_array_free(y);
    ok(pencl_variable_update(v, first));
    ok(pencl_eval(graph, &out, 1, &y));
    expect_array(y, 3, 5);
    pencl_array_free(y);
    pencl_graph_free(graph);
    pencl_array_free(value);
    pencl_array_free(x);
    pencl_layer_free(layer);
    pencl_variable_free(first);
    pencl_variable_free(v);
}
END_TEST

START_TEST(a_graph_refuses_a_value_of_another_type)
{
    pencl_variable *v = variable(PENCL_PARAMETER, "bias", "embedding=2", two);
    pencl_layer *layer = pn_nn_add_bias(ctx, pencl_variable_ref(v));
    pencl_array *x = tree_array(device, "embedding=2", input);
    pencl_array *half = NULL;
    pencl_array *y = NULL;
    pencl_graph *graph = NULL;
    const uint16_t ones[] = {0x3C00, 0x3C00}; /* float16 */
    ok(pencl_array_new(&half, device, PENCL_F16, pencl_array_axis(x, 0), 1));
    ok(pencl_array_upload(half, ones, sizeof ones));
    ok(pencl_graph_new(&graph, device));
    pencl_value *out = pencl_layer_call(layer, pencl_graph_array(graph, x), NULL);
    ok(pencl_eval(graph, &out, 1, &y));
    pencl_array_free(y);
    ok(pencl_variable_set_value(v, half));
    expect_error(pencl_eval(graph, &out, 1, &y), PENCL_E_DTYPE, "bias has become something else");
    pencl_graph_free(graph);
    pencl_array_free(half);
    pencl_array_free(x);
    pencl_layer_free(layer);
    pencl_variable_free(v);
}
END_TEST

/* ---- stateless_call ---- */

static pencl_status call_with(pencl_array **y,
                              pencl_variable *updated[],
                              pencl_layer *layer,
                              pencl_variable *const *values,
                              int n)
{
    pencl_array *x = tree_array(device, "embedding=2", input);
    pencl_status status = pencl_layer_stateless_call(y, updated, layer, values, n, x, NULL);
    pencl_array_free(x);
    return status;
}

/* The values come in another order than in the layer, and one is not written; each call begins with
 * what the one before left. */
START_TEST(new_values_come_in_the_order_of_the_given_ones)
{
    pencl_layer *layer = new_sum_layer();
    pencl_layer *empty = NULL;
    pencl_variable **variables = NULL;
    pencl_variable *values[2];
    pencl_array *y = NULL;
    int n = 0;
    ok(pencl_layer_unbind_variables(&empty, &variables, &n, ctx, layer, NULL, NULL));
    ck_assert_int_eq(n, 2);
    ok(pencl_variable_freeze(&values[0], variables[1]));
    ok(pencl_variable_freeze(&values[1], variables[0]));
    for (int i = 0; i < 3; i++) {
        pencl_variable *updated[2];
        ok(call_with(&y, updated, empty, values, 2));
        expect_array(y, 12 + (float)i, 26 + 3 * (float)i);
        expect_variable(values[0], 10 + (float)i, 20 + 3 * (float)i);
        expect_variable(updated[0], 11 + (float)i, 23 + 3 * (float)i);
        ck_assert_ptr_ne(pn_variable_store(updated[0]), pn_variable_store(values[0]));
        ck_assert_ptr_eq(pn_variable_store(updated[1]), pn_variable_store(values[1]));
        pencl_array_free(y);
        pencl_variable_free(values[0]);
        pencl_variable_free(values[1]);
        values[0] = updated[0];
        values[1] = updated[1];
    }
    expect_variable(variables[1], 10, 20);
    pencl_variable_free(values[0]);
    pencl_variable_free(values[1]);
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
    pencl_layer_free(layer);
}
END_TEST

/* A value that has no slot, one that is given twice, one that is missing. */
START_TEST(stateless_call_says_what_does_not_fit)
{
    pencl_layer *layer = new_sum_layer();
    pencl_layer *empty = NULL;
    pencl_variable **variables = NULL;
    pencl_variable *values[3] = {NULL};
    pencl_variable *updated[3];
    pencl_array *y = NULL;
    int n = 0;
    pencl_variable *stranger = variable(PENCL_STATE, "stranger", "embedding=2", two);
    ok(pencl_layer_unbind_variables(&empty, &variables, &n, ctx, layer, NULL, NULL));
    ok(pencl_variable_freeze(&values[0], variables[0]));
    ok(pencl_variable_freeze(&values[1], variables[1]));
    expect_error(call_with(&y, updated, empty, values, 3), PENCL_E_ARG, "value 2 is missing");
    ok(pencl_variable_freeze(&values[2], stranger));
    expect_error(call_with(&y, updated, empty, values, 3), PENCL_E_ARG,
                 "did not find any matching slots for some variables: {StateVariableSlot "
                 "\"stranger\"}");
    pencl_variable *const twice[] = {values[0], values[1], values[1]};
    expect_error(call_with(&y, updated, empty, twice, 3), PENCL_E_ARG, "is repeated");
    expect_error(call_with(&y, updated, empty, values, 1), PENCL_E_UNBOUND,
                 "StateVariableSlot: \"sum\"");
    ck_assert_ptr_null(y);
    for (int i = 0; i < 3; i++) {
        pencl_variable_free(values[i]);
    }
    pencl_variable_free(stranger);
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
    pencl_layer_free(layer);
}
END_TEST

/* A state that is still in the layer is a snapshot for the call: writing it is an error. */
START_TEST(stateless_call_never_writes_the_layers_own_variables)
{
    pencl_layer *layer = new_sum_layer();
    pencl_array *y = NULL;
    expect_error(call_with(&y, NULL, layer, NULL, 0), PENCL_E_ARG, "\"sum\" is a frozen value");
    expect_variable(pencl_layer_variable(layer, "sum"), 10, 20);
    pencl_layer_free(layer);
}
END_TEST

Suite *suite_penzai_states(void);
Suite *suite_penzai_states(void)
{
    Suite *suite = suite_create("penzai_states");
    TCase *tc = tcase_create("states");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, fixture_device, fixture_close);
    tcase_add_test(tc, each_run_leaves_its_value_in_the_state);
    tcase_add_test(tc, states_may_change_places);
    tcase_add_test(tc, each_layer_of_a_stack_writes_its_own_part);
    tcase_add_test(tc, what_cannot_be_written_is_refused);
    tcase_add_test(tc, a_graph_reads_what_a_variable_is_given_later);
    tcase_add_test(tc, a_graph_refuses_a_value_of_another_type);
    tcase_add_test(tc, new_values_come_in_the_order_of_the_given_ones);
    tcase_add_test(tc, stateless_call_says_what_does_not_fit);
    tcase_add_test(tc, stateless_call_never_writes_the_layers_own_variables);
    suite_add_tcase(suite, tc);
    return suite;
}
