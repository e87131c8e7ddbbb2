/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that write their variables, and stateless_call: what changes, and what never does. */
#include "nn/nn.h"
#include "support/apply.h"
#include "support/devices.h"
#include "support/golden.h"
#include "support/tree.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static pencl_ctx *ctx;
static pencl_device *device;

static void setup(void)
{
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(ctx);
    device = test_device(ctx);
}

static void teardown(void)
{
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    ck_assert_int_eq(pn_alloc_live(), 0);
}

static void ok(pencl_status status)
{
    ck_assert_msg(status == PENCL_OK, "%s", pencl_error_text(ctx));
}

static void expect_error(pencl_status got, pencl_status status, const char *words)
{
    ck_assert_str_eq(pencl_status_name(got), pencl_status_name(status));
    ck_assert_msg(strstr(pencl_error_text(ctx), words) != NULL, "\"%s\" lacks \"%s\"",
                  pencl_error_text(ctx), words);
}

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

/* The sum layer unbound, and its variables' frozen values: "by", "sum". */
typedef struct unbound {
    pencl_layer *layer;
    pencl_variable *values[2];
} unbound;

static unbound unbind_sum_layer(void)
{
    unbound u;
    pencl_variable **variables = NULL;
    int n = 0;
    pencl_layer *layer = new_sum_layer();
    ok(pencl_layer_unbind_variables(&u.layer, &variables, &n, ctx, layer, NULL, NULL));
    ck_assert_int_eq(n, 2);
    for (int i = 0; i < 2; i++) {
        ok(pencl_variable_freeze(&u.values[i], variables[i]));
    }
    pencl_variables_free(variables, n);
    pencl_layer_free(layer);
    return u;
}

static void free_unbound(unbound *u)
{
    pencl_layer_free(u->layer);
    pencl_variable_free(u->values[0]);
    pencl_variable_free(u->values[1]);
}

static pencl_status call_with(pencl_array **y,
                              pencl_variable ***updated,
                              pencl_layer *layer,
                              pencl_variable *const *values,
                              int n)
{
    pencl_stateless_options o = PENCL_STATELESS_OPTIONS_INIT;
    pencl_array *x = tree_array(device, "embedding=2", input);
    o.variable_values = values;
    o.n_values = n;
    pencl_status status = pencl_layer_stateless_call(y, updated, device, layer, x, &o);
    pencl_array_free(x);
    return status;
}

START_TEST(stateless_call_gives_result_and_new_values)
{
    unbound u = unbind_sum_layer();
    pencl_array *y = NULL;
    pencl_variable **updated = NULL;
    for (int i = 0; i < 2; i++) { /* the second time as the first */
        ok(call_with(&y, &updated, u.layer, u.values, 2));
        expect_array(y, 12, 26);
        ck_assert_ptr_eq(updated[0], u.values[0]); /* not written */
        ck_assert_str_eq(pencl_variable_label(updated[1]), "sum");
        ck_assert_int_eq(pencl_variable_form_of(updated[1]), PENCL_FROZEN);
        ck_assert_int_eq(pencl_variable_kind_of(updated[1]), PENCL_STATE);
        expect_variable(updated[1], 11, 23);
        expect_variable(u.values[1], 10, 20);
        pencl_array_free(y);
        pencl_variables_free(updated, 2);
    }
    free_unbound(&u);
}
END_TEST

START_TEST(new_values_come_in_the_order_of_the_given_ones)
{
    unbound u = unbind_sum_layer();
    pencl_variable *const turned[] = {u.values[1], u.values[0]};
    pencl_array *y = NULL;
    pencl_variable **updated = NULL;
    pencl_variable **again = NULL;
    ok(call_with(&y, &updated, u.layer, turned, 2));
    pencl_array_free(y);
    expect_variable(updated[0], 11, 23);
    ck_assert_ptr_eq(updated[1], u.values[0]);
    ok(call_with(&y, &again, u.layer, updated, 2)); /* one after another */
    expect_array(y, 13, 29);
    expect_variable(again[0], 12, 26);
    expect_variable(updated[0], 11, 23);
    pencl_array_free(y);
    pencl_variables_free(again, 2);
    pencl_variables_free(updated, 2);
    free_unbound(&u);
}
END_TEST

START_TEST(stateless_call_says_what_does_not_fit)
{
    unbound u = unbind_sum_layer();
    const float three[] = {1, 2, 3};
    pencl_variable *mutable_sum = NULL;
    pencl_variable *long_sum = variable(PENCL_STATE, "sum", "embedding=3", three);
    pencl_variable *frozen = NULL;
    pencl_variable *stranger = NULL;
    pencl_variable *v = variable(PENCL_STATE, "stranger", "embedding=2", two);
    pencl_array *y = NULL;
    pencl_variable **updated = NULL;
    ok(pencl_variable_unfreeze_as_copy(&mutable_sum, u.values[1]));
    ok(pencl_variable_freeze(&frozen, long_sum));
    ok(pencl_variable_freeze(&stranger, v));
    expect_error(call_with(&y, &updated, u.layer, u.values, 1), PENCL_E_UNBOUND,
                 "StateVariableSlot \"sum\"");
    expect_error(call_with(&y, &updated, u.layer, NULL, 0), PENCL_E_UNBOUND, "\"by\"");
    pencl_variable *const more[] = {u.values[0], u.values[1], stranger};
    expect_error(call_with(&y, &updated, u.layer, more, 3), PENCL_E_ARG,
                 "did not find any matching slots for some variables: {StateVariableSlot "
                 "\"stranger\"}");
    pencl_variable *const twice[] = {u.values[0], u.values[1], u.values[1]};
    expect_error(call_with(&y, &updated, u.layer, twice, 3), PENCL_E_ARG, "is repeated");
    pencl_variable *const not_frozen[] = {u.values[0], mutable_sum};
    expect_error(call_with(&y, &updated, u.layer, not_frozen, 2), PENCL_E_ARG,
                 "needs a StateVariableValue");
    pencl_variable *const missing[] = {u.values[0], NULL};
    expect_error(call_with(&y, &updated, u.layer, missing, 2), PENCL_E_ARG, "value 1 is missing");
    pencl_variable *const longer[] = {u.values[0], frozen};
    expect_error(call_with(&y, &updated, u.layer, longer, 2), PENCL_E_SHAPE, "embedding:3");
    ck_assert_ptr_null(y);
    ck_assert_ptr_null(updated);
    pencl_variable_free(stranger);
    pencl_variable_free(v);
    pencl_variable_free(frozen);
    pencl_variable_free(long_sum);
    pencl_variable_free(mutable_sum);
    free_unbound(&u);
}
END_TEST

/* A state that is still in the layer is a snapshot for the call: writing it is an error. */
START_TEST(stateless_call_never_writes_the_layers_own_variables)
{
    pencl_layer *layer = new_sum_layer();
    pencl_array *y = NULL;
    pencl_variable **updated = NULL;
    expect_error(call_with(&y, &updated, layer, NULL, 0), PENCL_E_ARG, "\"sum\" is a frozen value");
    expect_variable(pencl_layer_variable(layer, "sum"), 10, 20);
    pencl_layer_free(layer);
}
END_TEST

/* ---- a whole model ---- */

enum { N_TOKENS = 12 };

/* The body unbound and called with its parameters equals the body called with them inside; and it
 * says that it is unbound otherwise. */
START_TEST(stateless_call_of_a_model)
{
    size_t count = 0;
    int32_t ids[N_TOKENS];
    int32_t places[N_TOKENS];
    pencl_model *model = NULL;
    pencl_layer *empty = NULL;
    pencl_variable **variables = NULL;
    pencl_variable **updated = NULL;
    pencl_array *y = NULL;
    int n = 0;
    float *want = golden_npy("tiny/tiny_mix.logits.npy", &count);
    float *got = calloc(count, sizeof *got);
    json_t *json = golden_json("tiny/tiny.json");
    for (size_t i = 0; i < N_TOKENS; i++) {
        json_t *id = json_array_get(json_object_get(json, "tokens"), i);
        ids[i] = (int32_t)json_integer_value(id);
        places[i] = (int32_t)i;
    }
    json_decref(json);
    ok(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_mix.gguf", NULL));
    pencl_layer *body = pencl_lm_body(pencl_model_lm(model));
    ok(pencl_layer_unbind_variables(&empty, &variables, &n, ctx, body, NULL, NULL));
    for (int i = 0; i < n; i++) {
        pencl_variable *frozen = NULL;
        ok(pencl_variable_freeze(&frozen, variables[i]));
        pencl_variable_free(variables[i]);
        variables[i] = frozen;
    }
    pencl_array *tokens = tree_ids(device, "seq=12", ids);
    pencl_array *positions = tree_ids(device, "seq=12", places);
    const pencl_side_array side = {"token_positions", positions};
    pencl_stateless_options o = PENCL_STATELESS_OPTIONS_INIT;
    o.variable_values = variables;
    o.n_values = n;
    expect_error(pencl_layer_stateless_call(&y, &updated, device, empty, tokens, &o),
                 PENCL_E_SIDE_INPUT, "token_positions");
    o.side = &side;
    o.n_side = 1;
    ok(pencl_layer_stateless_call(&y, &updated, device, empty, tokens, &o));
    ck_assert_int_eq(pencl_array_count(y), (int64_t)count);
    ok(pencl_array_download_f32(y, got, (int64_t)count));
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(fabsf(got[i] - want[i]) <= 1e-4F, "logit %zu: %g, not %g", i, (double)got[i],
                      (double)want[i]);
    }
    for (int i = 0; i < n; i++) {
        ck_assert_ptr_eq(updated[i], variables[i]);
    }
    pencl_variables_free(updated, n);
    pencl_variables_free(variables, n);
    pencl_array_free(y);
    pencl_array_free(positions);
    pencl_array_free(tokens);
    pencl_layer_free(empty);
    pencl_model_close(model);
    free(got);
    free(want);
}
END_TEST

Suite *suite_penzai_stateless(void);
Suite *suite_penzai_stateless(void)
{
    Suite *suite = suite_create("penzai_stateless");
    TCase *tc = tcase_create("stateless");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, each_run_leaves_its_value_in_the_state);
    tcase_add_test(tc, states_may_change_places);
    tcase_add_test(tc, each_layer_of_a_stack_writes_its_own_part);
    tcase_add_test(tc, what_cannot_be_written_is_refused);
    tcase_add_test(tc, a_graph_reads_what_a_variable_is_given_later);
    tcase_add_test(tc, a_graph_refuses_a_value_of_another_type);
    tcase_add_test(tc, stateless_call_gives_result_and_new_values);
    tcase_add_test(tc, new_values_come_in_the_order_of_the_given_ones);
    tcase_add_test(tc, stateless_call_says_what_does_not_fit);
    tcase_add_test(tc, stateless_call_never_writes_the_layers_own_variables);
    tcase_add_test(tc, stateless_call_of_a_model);
    suite_add_tcase(suite, tc);
    return suite;
}
