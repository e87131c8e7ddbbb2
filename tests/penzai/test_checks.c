/* SPDX-License-Identifier: Apache-2.0 */
/* What penzai's layers check of their inputs, and how it is said: all that does not fit, together.
 */
#include "nn/nn.h"
#include "support/apply.h"
#include "support/attributes.h"
#include "support/fixture.h"
#include "support/tree.h"

#include <check.h>
#include <string.h>

static pencl_layer *check_structure(const char *expected)
{
    pencl_attribute a = given_text("expected", expected);
    return make_layer("CheckStructure", &a, 1);
}

/* An array of zeros. */
static pencl_array *zeros(const char *spec)
{
    static const float values[256] = {0};
    return tree_array(device, spec, values);
}

/* A layer called on zeros of one or two specs: "seq=2 embedding=3", after "i32:" for integers. */
static void call_on(
    pencl_layer *layer, const char *one, const char *two, pencl_status status, const char *words)
{
    const int32_t whole[64] = {0};
    pencl_array *x = strncmp(one, "i32:", 4) == 0 ? tree_ids(device, one + 4, whole) : zeros(one);
    pencl_array *y = two != NULL ? zeros(two) : NULL;
    apply_call call = {.layer = layer, .x = x, .second = y};
    if (status == PENCL_OK) {
        pencl_array *out = NULL;
        pencl_status got = apply_layer(&out, device, &call);
        ck_assert_msg(got == PENCL_OK, "%s", pencl_error_text(ctx));
        pencl_array_free(out);
        pencl_layer_free(layer);
    } else {
        apply_refuse(device, &call, status, words);
    }
    pencl_array_free(x);
    pencl_array_free(y);
}

/* ---- structures ---- */

START_TEST(check_structure_passes_what_fits)
{
    static const char *const fitting[] = {
        "{seq:2, embedding:3}",         "{embedding:3,seq:2} floating", "{**B, embedding:3}",
        "{ **B , embedding : n } ",     "{seq:*, embedding:3}",         "{**B}",
        "{seq:s, embedding:e} floating"};
    for (size_t i = 0; i < PN_COUNT(fitting); i++) {
        pencl_layer *both =
            PN_NN_LIST(ctx, "Sequential", check_structure(fitting[i]), pn_nn_rescale(ctx, 2));
        call_on(both, "seq=2 embedding=3", NULL, PENCL_OK, NULL);
    }
}
END_TEST

START_TEST(check_structure_reports_all_that_does_not_fit)
{
    static const struct {
        const char *expected;
        const char *x;
        pencl_status status;
        const char *words;
    } rows[] = {
        {"{seq:2, embedding:4}", "seq=2 embedding=3", PENCL_E_SHAPE,
         "mismatch while checking structures: at root: named shape mismatch between value "
         "float32(| seq:2, embedding:3) and pattern {seq:2, embedding:4}: axis 'embedding': actual "
         "size 3 does not match expected 4"},
        {"{seq:1, neurons:4, **B} integer", "seq=2 embedding=3", PENCL_E_SHAPE,
         "axis 'seq': actual size 2 does not match expected 1; axis 'neurons': expected to be "
         "present but was missing; at root: value has the wrong dtype: expected integer but got "
         "float32"},
        {"{seq:2}", "seq=2 embedding=3", PENCL_E_AXIS, "axis 'embedding': not expected"},
        {"{}", "seq=2", PENCL_E_AXIS, "axis 'seq': not expected"},
        {"{seq:n, embedding:n}", "seq=2 embedding=3", PENCL_E_SHAPE,
         "axis 'embedding': actual size 3 does not match expected 2"},
        {"{**B} floating", "i32:seq=2", PENCL_E_DTYPE, "expected floating but got int32"},
        {"{**B, seq:2}", "seq=2 3", PENCL_E_AXIS, "positional axes are not expected"},
        {"({**B}, {**B})", "seq=2", PENCL_E_ARITY, "at root: 2 values are expected, got 1"},
    };
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        call_on(check_structure(rows[i].expected), rows[i].x, NULL, rows[i].status, rows[i].words);
    }
}
END_TEST

START_TEST(check_structure_of_tuples)
{
    call_on(check_structure("({**B, embedding:e}, {**B, embedding:e})"), "seq=2 embedding=3",
            "seq=2 embedding=4", PENCL_E_SHAPE,
            "at root[1]: named shape mismatch between value float32(| seq:2, embedding:4)");
    call_on(check_structure("({**B, embedding:e}, {**B, embedding:f})"), "seq=2 embedding=3",
            "batch=2 embedding=4", PENCL_E_AXIS, "**B was {seq:2}, here it is {batch:2}");
    call_on(check_structure("{**B}"), "seq=2", "seq=2", PENCL_E_ARITY,
            "at root: a tuple is not expected");
}
END_TEST

START_TEST(a_structure_that_cannot_be_read_is_refused)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "seq:2",
                                      "{seq}",
                                      "{seq:}",
                                      "{seq:2",
                                      "{seq:2,}",
                                      "{**B, **C}",
                                      "{**}",
                                      "{seq:2} float",
                                      "({**B}",
                                      "({**B},)",
                                      "{**B}}",
                                      "{seq:2}, {}",
                                      "{a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1}",
                                      "{a_name_that_is_much_longer_than_axes_are:1}"};
    for (size_t i = 0; i < PN_COUNT(bad); i++) {
        call_on(check_structure(bad[i]), "seq=2", NULL, PENCL_E_FORMAT,
                "is no structure: {**B, embedding:8}");
    }
}
END_TEST

static pencl_layer *checked(const char *input, const char *output, double by)
{
    pencl_layer *scale = pn_nn_rescale(ctx, by);
    pencl_attribute given[] = {
        given_text("input_like", input),
        given_text("output_like", output),
        {.name = "sublayers", .kind = PENCL_FIELD_LAYERS, .layers = &scale, .n = 1}};
    pencl_layer *layer = make_layer("CheckedSequential", given, 3);
    pencl_layer_free(scale);
    return layer;
}

START_TEST(checked_sequential)
{
    call_on(checked("{**B, embedding:e}", "{**B, embedding:e} floating", 2), "seq=2 embedding=3",
            NULL, PENCL_OK, NULL);
    call_on(checked("{**B, embedding:4}", "{**B}", 2), "seq=2 embedding=3", NULL, PENCL_E_SHAPE,
            "while checking the input of a CheckedSequential: mismatch while checking structures: "
            "at root: named shape");
    call_on(checked("{**B, embedding:e}", "{**B, seq:e}", 2), "seq=2 embedding=3", NULL,
            PENCL_E_SHAPE,
            "while checking the output of a CheckedSequential: mismatch while checking structures: "
            "at root: named shape mismatch between value float32(| seq:2, embedding:3) and pattern "
            "{**B, seq:e}: axis 'seq': actual size 2 does not match expected 3; **B was {seq:2}, "
            "here it is {embedding:3}");
    call_on(checked("{**B", "{**B}", 2), "seq=2", NULL, PENCL_E_FORMAT,
            "CheckedSequential.input_like \"{**B\" is no structure");
}
END_TEST

/* ---- Linear ---- */

START_TEST(linear)
{
    pencl_variable *w = tree_variable(device, "transformer/block_0/attention/query.weights",
                                      "heads=2 projection=3 embedding=8", 2);
    pencl_layer *layer = pn_nn_linear(ctx, w, "embedding", "heads projection");
    call_on(pencl_layer_ref(layer), "seq=2 embedding=9", NULL, PENCL_E_SHAPE,
            "(transformer/block_0/attention/query) mismatch while checking structures: at root: "
            "named shape mismatch between value float32(| seq:2, embedding:9) and pattern {**B, "
            "embedding:8}: axis 'embedding': actual size 9 does not match expected 8");
    call_on(pencl_layer_ref(layer), "i32:seq=2", NULL, PENCL_E_AXIS,
            "axis 'embedding': expected to be present but was missing; at root: value has the "
            "wrong dtype: expected floating but got int32");
    call_on(pencl_layer_ref(layer), "heads=2 embedding=8", NULL, PENCL_E_AXIS,
            "(transformer/block_0/attention/query) the input already has the output axis 'heads'");
    call_on(pencl_layer_ref(layer), "seq=2 embedding=8", "seq=2", PENCL_E_ARITY,
            "a tuple is not expected");
    pencl_layer_free(layer);
    w = tree_variable(device, "p.weights", "heads=2 embedding=8", 1); /* a parallel axis */
    call_on(pn_nn_linear(ctx, w, "embedding", ""), "heads=3 embedding=8", NULL, PENCL_E_SHAPE,
            "pattern {**B, heads:2, embedding:8}: axis 'heads': actual size 3");
}
END_TEST

/* ---- NamedEinsum ---- */

START_TEST(named_einsum)
{
    pencl_layer *scores = pn_nn_query_key_einsum(ctx, "heads", "");
    const char *query = "batch=2 seq=3 heads=2 projection=4";
    call_on(pencl_layer_ref(scores), query, "seq=5 heads=2 projection=4", PENCL_E_AXIS,
            "at root[1]: named shape mismatch between value float32(| seq:5, heads:2, "
            "projection:4) and pattern {**B, seq:tkv, heads:heads, projection:projection}: **B was "
            "{batch:2}, here it is {}");
    call_on(pencl_layer_ref(scores), query, "batch=2 seq=5 heads=3 projection=5", PENCL_E_SHAPE,
            "axis 'heads': actual size 3 does not match expected 2; axis 'projection': actual size "
            "5 does not match expected 4");
    call_on(pencl_layer_ref(scores), "i32:seq=3 heads=2 projection=4", "seq=5 heads=2 projection=4",
            PENCL_E_DTYPE,
            "at root[0]: value has the wrong dtype: expected floating but got int32");
    call_on(pencl_layer_ref(scores), "kv_seq=2 seq=3 heads=2 projection=4",
            "kv_seq=2 seq=5 heads=2 projection=4", PENCL_E_AXIS,
            "the batch axes have the output's axis 'kv_seq'");
    call_on(pencl_layer_ref(scores), query, NULL, PENCL_E_ARITY,
            "a tuple of 2 values is needed, got 1");
    pencl_layer_free(scores);
    call_on(pn_nn_einsum(ctx, "seq", "", "seq"), "seq=2", "seq=2", PENCL_E_AXIS,
            "at root[1]: named shape mismatch");
}
END_TEST

/* ---- ApplyRoPE ---- */

START_TEST(apply_rope)
{
    static const struct {
        const char *positions;
        const char *x;
        pencl_status status;
        const char *words;
    } rows[] = {
        {"seq=3 batch=1", "seq=3 projection=4", PENCL_E_AXIS,
         "the input needs axis 'batch', which the positions have"},
        {"seq=3 1", "seq=3 projection=4", PENCL_E_AXIS,
         "the positions must have no positional axes"},
        {"seq=3 projection=4", "seq=3 projection=4", PENCL_E_AXIS,
         "the embedding axis 'projection' must not be one of the positions'"},
        {"seq=2", "seq=3 projection=4", PENCL_E_SHAPE, "seq"},
        {"seq=3", "seq=3 projection=5", PENCL_E_SHAPE,
         "an odd number of entries of 'projection' cannot turn in pairs, got float32(| seq:3"},
        {"seq=3", "seq=3 neurons=4", PENCL_E_AXIS, "the input needs the embedding axis"},
    };
    const int32_t at[16] = {0};
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        pencl_array *x = zeros(rows[i].x);
        pencl_array *positions = tree_ids(device, rows[i].positions, at);
        apply_call call = {.layer = pn_nn_rope(ctx, 1e4, 1, 0),
                           .x = x,
                           .side = {{PN_SIDE_TOKEN_POSITIONS, positions}}};
        apply_refuse(device, &call, rows[i].status, rows[i].words);
        pencl_array_free(positions);
        pencl_array_free(x);
    }
}
END_TEST

/* ---- captures in stacks ---- */

START_TEST(a_capture_in_a_stack_keeps_a_value_for_each_layer)
{
    pencl_layer *capture = pn_nn_capture(ctx, "resid", pn_nn_rescale(ctx, 2));
    pencl_attribute given[] = {
        {.name = "stacked_sublayers", .kind = PENCL_FIELD_LAYER, .layers = &capture, .n = 1},
        given_text("stack_axis", "blocks"),
        {.name = "stack_axis_size", .kind = PENCL_FIELD_NUMBER, .number = 3}};
    pencl_layer *stack = make_layer("LayerStack", given, 3);
    pencl_layer_free(capture);
    pencl_graph *graph = NULL;
    ck_assert_int_eq(pencl_graph_new(&graph, device), PENCL_OK);
    pencl_array *x = zeros("seq=2");
    ck_assert_ptr_nonnull(pencl_layer_call(stack, pencl_graph_array(graph, x), NULL));
    pn_text names = {0};
    for (int i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i]->capture_name != NULL) {
            pn_text_add(&names, "%s ", graph->nodes[i]->capture_name);
        }
    }
    ck_assert_str_eq(pn_text_get(&names), "resid[0] resid[1] resid[2] ");
    pn_text_free(&names);
    pencl_graph_free(graph);
    pencl_array_free(x);
    pencl_layer_free(stack);
    stack = pn_nn_capture(ctx, "two", check_structure("({**B}, {**B})"));
    call_on(stack, "seq=2", "seq=2", PENCL_E_ARG,
            "a tuple of 2 values cannot be captured as 'two'");
}
END_TEST

Suite *suite_penzai_checks(void);
Suite *suite_penzai_checks(void)
{
    Suite *suite = suite_create("penzai_checks");
    TCase *tc = tcase_create("checks");
    tcase_add_checked_fixture(tc, fixture_ref, fixture_close);
    tcase_add_test(tc, check_structure_passes_what_fits);
    tcase_add_test(tc, check_structure_reports_all_that_does_not_fit);
    tcase_add_test(tc, check_structure_of_tuples);
    tcase_add_test(tc, a_structure_that_cannot_be_read_is_refused);
    tcase_add_test(tc, checked_sequential);
    tcase_add_test(tc, linear);
    tcase_add_test(tc, named_einsum);
    tcase_add_test(tc, apply_rope);
    tcase_add_test(tc, a_capture_in_a_stack_keeps_a_value_for_each_layer);
    suite_add_tcase(suite, tc);
    return suite;
}
