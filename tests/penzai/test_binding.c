/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's variables in trees: bind_variables, unbind_variables and their kin, sharing, conflicts.
 */
#include "nn/nn.h"
#include "support/biases.h"
#include "support/fixture.h"
#include "support/tree.h"

#include <check.h>
#include <string.h>

static pencl_variable *bias_of(const pencl_layer *tree, int i)
{
    return pencl_layer_variable(pencl_layer_child(tree, "sublayers", i), "bias");
}

/* ---- unbind ---- */

START_TEST(unbind_variables)
{
    pencl_variable *a = parameter("a", 1, 2);
    pencl_variable *s = pair(PENCL_STATE, "s", 3, 4);
    pencl_layer *tree = BIASES(pencl_variable_ref(s), pencl_variable_ref(a), pencl_variable_ref(s));
    pencl_variable **variables = NULL;
    pencl_layer *empty = NULL;
    int n = 0;
    ok(pencl_layer_unbind_variables(&empty, &variables, &n, ctx, tree, NULL, NULL));
    ck_assert_int_eq(n, 2); /* in the order of first occurrence, each once */
    ck_assert_ptr_eq(variables[0], s);
    ck_assert_ptr_eq(variables[1], a);
    ck_assert_str_eq(pencl_variable_type_name(bias_of(empty, 0)), "StateVariableSlot");
    ck_assert_str_eq(pencl_variable_label(bias_of(empty, 0)), "s");
    ck_assert_str_eq(pencl_variable_type_name(bias_of(empty, 1)), "ParameterSlot");
    ck_assert(pencl_variable_equal(bias_of(empty, 0), bias_of(empty, 2)));
    ck_assert_ptr_eq(bias_of(tree, 0), s); /* the tree itself is unchanged */
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
    pencl_layer_free(tree);
    pencl_variable_free(a);
    pencl_variable_free(s);
}
END_TEST

static int is_called_b(const pencl_variable *v, void *user)
{
    ++*(int *)user;
    return strcmp(pencl_variable_label(v), "b") == 0;
}

START_TEST(unbind_params_and_state_vars_and_a_predicate)
{
    pencl_layer *tree = BIASES(parameter("a", 1, 2), pair(PENCL_STATE, "s", 3, 4),
                               parameter("b", 5, 6), pair(PENCL_STATE, "t", 7, 8));
    static const struct {
        pencl_variable_test *test;
        const char *labels;
    } rows[] = {{pencl_variable_is_parameter, "a b "},
                {pencl_variable_is_state, "s t "},
                {is_called_b, "b "}};
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        pencl_variable **variables = NULL;
        pencl_layer *rest = NULL;
        pn_text labels = {0};
        int n = 0;
        int asked = 0;
        ok(pencl_layer_unbind_variables(&rest, &variables, &n, ctx, tree, rows[i].test, &asked));
        for (int k = 0; k < n; k++) {
            pn_text_add(&labels, "%s ", pencl_variable_label(variables[k]));
        }
        ck_assert_str_eq(pn_text_get(&labels), rows[i].labels);
        ck_assert_int_eq(asked, i == 2 ? 4 : 0);
        for (int k = 0; k < 4; k++) { /* the others stay */
            bool taken = strstr(rows[i].labels, pencl_variable_label(bias_of(tree, k))) != NULL;
            ck_assert_int_eq(bias_of(rest, k) == bias_of(tree, k), !taken);
        }
        pn_text_free(&labels);
        pencl_variables_free(variables, n);
        pencl_layer_free(rest);
    }
    pencl_layer_free(tree);
}
END_TEST

START_TEST(unbind_leaves_frozen_values_and_slots)
{
    pencl_variable *v = parameter("a", 1, 2);
    pencl_variable *frozen = NULL;
    pencl_variable *slot = NULL;
    ok(pencl_variable_freeze(&frozen, v));
    ok(pencl_variable_new_slot(&slot, ctx, PENCL_PARAMETER, "c", PENCL_F32, NULL, 0));
    pencl_layer *tree = BIASES(pencl_variable_ref(frozen), pencl_variable_ref(slot));
    pencl_variable **variables = NULL;
    pencl_layer *same = NULL;
    int n = -1;
    ok(pencl_layer_unbind_variables(&same, &variables, &n, ctx, tree, NULL, NULL));
    ck_assert_int_eq(n, 0);
    ck_assert_ptr_eq(same, tree);
    pencl_variables_free(variables, n);
    pencl_layer_free(same);
    pencl_layer_free(tree);
    pencl_variable_free(v);
    pencl_variable_free(frozen);
    pencl_variable_free(slot);
}
END_TEST

START_TEST(unbind_finds_conflicts)
{
    pencl_layer *out = NULL;
    pencl_variable **variables = NULL;
    int n = 0;
    pencl_layer *tree = BIASES(parameter("a", 1, 2), parameter("b", 1, 2), parameter("a", 1, 2));
    expect_error(pencl_layer_unbind_variables(&out, &variables, &n, ctx, tree, NULL, NULL),
                 PENCL_E_ARG,
                 "found two variables with the same slot ParameterSlot \"a\", at "
                 "tree.sublayers[0].bias and tree.sublayers[2].bias");
    ck_assert_ptr_null(out);
    ck_assert_ptr_null(variables);
    pencl_layer_free(tree);
    pencl_variable *slot = NULL;
    ok(pencl_variable_new_slot(&slot, ctx, PENCL_PARAMETER, "a", PENCL_F32, NULL, 0));
    tree = BIASES(parameter("a", 1, 2), slot);
    expect_error(pencl_layer_unbind_variables(&out, &variables, &n, ctx, tree, NULL, NULL),
                 PENCL_E_ARG,
                 "variable slot ParameterSlot \"a\" is already in use in the tree, at "
                 "tree.sublayers[1].bias");
    pencl_layer_free(tree);
    /* a state and a parameter of one label have different slots */
    tree = BIASES(parameter("a", 1, 2), pair(PENCL_STATE, "a", 1, 2));
    ok(pencl_layer_unbind_variables(&out, &variables, &n, ctx, tree, NULL, NULL));
    ck_assert_int_eq(n, 2);
    pencl_variables_free(variables, n);
    pencl_layer_free(out);
    pencl_layer_free(tree);
}
END_TEST

/* ---- bind ---- */

START_TEST(bind_variables)
{
    pencl_layer *body = tree_decoder(device, 2);
    pencl_variable **variables = NULL;
    pencl_layer *empty = NULL;
    pencl_layer *again = NULL;
    int n = 0;
    ok(pencl_layer_unbind_variables(&empty, &variables, &n, ctx, body, NULL, NULL));
    ck_assert_int_eq(n, 2 * 9 + 2);
    ok(pencl_layer_bind_variables(&again, ctx, empty, variables, n, 0));
    ck_assert(pencl_layer_equal(again, body)); /* the very same variables, the table shared */
    pencl_selection *s = pencl_select_text(ctx, again, "//EmbeddingTable/embeddings");
    ck_assert_int_eq(pencl_selection_count(s), 2);
    ck_assert_ptr_eq(pencl_selection_point(s, 0).node.variable,
                     pencl_selection_point(s, 1).node.variable);
    pencl_selection_free(s);
    pencl_layer_free(again);
    /* partial: the other slots remain */
    ok(pencl_layer_bind_variables(&again, ctx, empty, variables, 1, 0));
    expect_error(pencl_layer_assert_no_slots(ctx, again), PENCL_E_UNBOUND,
                 "[ParameterSlot \"transformer/block_0/pre_attention_norm/scale.weights\", ");
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), " and 11 more]"));
    pencl_layer_free(again);
    ck_assert_int_eq(pencl_variable_form_of(variables[0]), PENCL_MUTABLE);
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
    pencl_layer_free(body);
}
END_TEST

START_TEST(bind_variables_takes_frozen_values)
{
    pencl_variable **variables = NULL;
    int n = 0;
    pencl_layer *empty = unbind(BIASES(parameter("a", 1, 2)), &variables, &n);
    pencl_layer *bound = NULL;
    pencl_variable *frozen = NULL;
    ok(pencl_variable_freeze(&frozen, variables[0]));
    ok(pencl_layer_bind_variables(&bound, ctx, empty, &frozen, 1, 0));
    ck_assert_ptr_eq(bias_of(bound, 0), frozen);
    pencl_layer_free(bound);
    ok(pencl_layer_bind_variables(&bound, ctx, empty, &frozen, 1, PENCL_UNFREEZE_AS_COPY));
    ck_assert_int_eq(pencl_variable_form_of(bias_of(bound, 0)), PENCL_MUTABLE);
    set_pair(bias_of(bound, 0), 8, 9);
    expect_pair(frozen, 1, 2);
    expect_pair(variables[0], 1, 2);
    pencl_layer_free(bound);
    expect_error(
        pencl_layer_bind_variables(&bound, ctx, empty, variables, 1, PENCL_UNFREEZE_AS_COPY),
        PENCL_E_ARG, "unfreeze_as_copy is only allowed if all variables are frozen values");
    ck_assert_ptr_null(bound);
    pencl_variable_free(frozen);
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
}
END_TEST

START_TEST(bind_variables_refuses_two_for_one_slot)
{
    pencl_variable **variables = NULL;
    int n = 0;
    pencl_layer *empty = unbind(BIASES(parameter("a", 1, 2)), &variables, &n);
    pencl_layer *bound = NULL;
    pencl_variable *two[] = {variables[0], parameter("a", 3, 4)};
    expect_error(pencl_layer_bind_variables(&bound, ctx, empty, two, 2, PENCL_ALLOW_UNUSED),
                 PENCL_E_ARG,
                 "cannot substitute multiple variables into the same slot: ParameterSlot \"a\" is "
                 "repeated");
    pencl_variable_free(two[1]);
    two[1] = bias_of(empty, 0);
    expect_error(pencl_layer_bind_variables(&bound, ctx, empty, &two[1], 1, 0), PENCL_E_ARG,
                 "variable 0 to bind is an empty slot");
    two[1] = NULL;
    expect_error(pencl_layer_bind_variables(&bound, ctx, empty, two, 2, 0), PENCL_E_ARG,
                 "variable 1 to bind is missing");
    ck_assert_ptr_null(bound);
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
}
END_TEST

START_TEST(bind_variables_lists_what_is_not_used)
{
    pencl_variable **variables = NULL;
    int n = 0;
    pencl_layer *empty = unbind(BIASES(parameter("a", 1, 2)), &variables, &n);
    pencl_layer *bound = NULL;
    pencl_variable *three[] = {pair(PENCL_STATE, "a", 1, 2), variables[0], parameter("z", 1, 2)};
    expect_error(pencl_layer_bind_variables(&bound, ctx, empty, three, 3, 0), PENCL_E_ARG,
                 "did not find any matching slots for some variables: {StateVariableSlot \"a\", "
                 "ParameterSlot \"z\"}");
    ck_assert_ptr_null(bound);
    ok(pencl_layer_bind_variables(&bound, ctx, empty, three, 3, PENCL_ALLOW_UNUSED));
    ck_assert_ptr_eq(bias_of(bound, 0), variables[0]);
    pencl_layer *again = NULL; /* a bound model has no slots left */
    expect_error(pencl_layer_bind_variables(&again, ctx, bound, variables, 1, 0), PENCL_E_ARG,
                 "did not find any matching slots for some variables: {ParameterSlot \"a\"}");
    pencl_layer_free(bound);
    pencl_variable_free(three[0]);
    pencl_variable_free(three[2]);
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
}
END_TEST

/* pencl's own rule: a slot remembers what it held. */
START_TEST(bind_variables_checks_axes)
{
    pencl_variable **variables = NULL;
    int n = 0;
    pencl_layer *empty = unbind(BIASES(parameter("a", 1, 2)), &variables, &n);
    pencl_layer *bound = NULL;
    static const struct {
        const char *spec;
        pencl_status status;
        const char *words;
    } rows[] = {
        {"embedding=3", PENCL_E_SHAPE,
         "a: float32(| embedding:2) is expected, got float32(| embedding:3)"},
        {"neurons=2", PENCL_E_SHAPE, "got float32(| neurons:2)"},
        {"seq=1 embedding=2", PENCL_E_SHAPE, "got float32(| seq:1, embedding:2)"},
    };
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        pencl_variable *v = tree_variable(device, "a", rows[i].spec, 0);
        expect_error(pencl_layer_bind_variables(&bound, ctx, empty, &v, 1, 0), rows[i].status,
                     rows[i].words);
        pencl_variable_free(v);
    }
    const int32_t ids[] = {1, 2};
    pencl_array *array = tree_ids(device, "embedding=2", ids);
    pencl_variable *v = NULL;
    ok(pencl_variable_new(&v, PENCL_PARAMETER, "a", array, 0));
    expect_error(pencl_layer_bind_variables(&bound, ctx, empty, &v, 1, 0), PENCL_E_DTYPE,
                 "got int32(| embedding:2)");
    ck_assert_ptr_null(bound);
    pencl_variable_free(v);
    pencl_array_free(array);
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
}
END_TEST

/* ---- freeze ---- */

START_TEST(freeze_variables)
{
    pencl_variable *shared = parameter("a", 1, 2);
    pencl_layer *tree = BIASES(pencl_variable_ref(shared), pair(PENCL_STATE, "s", 3, 4),
                               pencl_variable_ref(shared));
    pencl_layer *frozen = NULL;
    ok(pencl_layer_freeze_variables(&frozen, ctx, tree, NULL, NULL));
    ck_assert_str_eq(pencl_variable_type_name(bias_of(frozen, 0)), "ParameterValue");
    ck_assert_str_eq(pencl_variable_type_name(bias_of(frozen, 1)), "StateVariableValue");
    ck_assert_ptr_ne(bias_of(frozen, 0), bias_of(frozen, 2)); /* sharing ends ... */
    ck_assert_ptr_eq(pn_variable_store(bias_of(frozen, 0)),
                     pn_variable_store(bias_of(frozen, 2))); /* ... but for the memory */
    set_pair(shared, 8, 9);
    expect_pair(bias_of(frozen, 0), 1, 2);
    pencl_layer_free(frozen);
    ok(pencl_layer_freeze_variables(&frozen, ctx, tree, pencl_variable_is_state, NULL));
    ck_assert_ptr_eq(bias_of(frozen, 0), shared);
    ck_assert_str_eq(pencl_variable_type_name(bias_of(frozen, 1)), "StateVariableValue");
    pencl_layer_free(frozen);
    pencl_layer_free(tree);
    pencl_variable_free(shared);
}
END_TEST

START_TEST(assert_no_slots)
{
    pencl_variable **variables = NULL;
    int n = 0;
    pencl_layer *tree = BIASES(parameter("a", 1, 2), pair(PENCL_STATE, "s", 3, 4));
    ok(pencl_layer_assert_no_slots(ctx, tree));
    pencl_layer *empty = unbind(tree, &variables, &n);
    expect_error(pencl_layer_assert_no_slots(ctx, empty), PENCL_E_UNBOUND,
                 "unexpected slots found in the tree: [ParameterSlot \"a\", StateVariableSlot "
                 "\"s\"]");
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
}
END_TEST

START_TEST(memory_running_out_leaks_nothing)
{
    pencl_layer *tree = BIASES(parameter("a", 1, 2), pair(PENCL_STATE, "s", 3, 4));
    ok(pencl_variable_set_metadata(bias_of(tree, 0), "trainable", "no"));
    for (long fail = 1; fail < 300; fail++) {
        pencl_variable **variables = NULL;
        pencl_layer *empty = NULL;
        pencl_layer *frozen = NULL;
        pencl_layer *bound = NULL;
        int n = 0;
        pn_alloc_fail_at(fail);
        pencl_status st =
            pencl_layer_unbind_variables(&empty, &variables, &n, ctx, tree, NULL, NULL);
        if (st == PENCL_OK) {
            st = pencl_layer_bind_variables(&bound, ctx, empty, variables, n, 0);
        }
        if (st == PENCL_OK) {
            st = pencl_layer_freeze_variables(&frozen, ctx, bound, NULL, NULL);
        }
        pn_alloc_fail_at(0);
        ck_assert(st == PENCL_OK || st == PENCL_E_NOMEM);
        ck_assert_int_eq(st == PENCL_OK, frozen != NULL);
        pencl_variables_free(variables, n);
        pencl_layer_free(empty);
        pencl_layer_free(bound);
        pencl_layer_free(frozen);
    }
    pencl_layer_free(tree);
}
END_TEST

Suite *suite_penzai_binding(void);
Suite *suite_penzai_binding(void)
{
    Suite *suite = suite_create("penzai_binding");
    TCase *tc = tcase_create("trees");
    tcase_add_checked_fixture(tc, fixture_ref, fixture_close);
    tcase_add_test(tc, unbind_variables);
    tcase_add_test(tc, unbind_params_and_state_vars_and_a_predicate);
    tcase_add_test(tc, unbind_leaves_frozen_values_and_slots);
    tcase_add_test(tc, unbind_finds_conflicts);
    tcase_add_test(tc, bind_variables);
    tcase_add_test(tc, bind_variables_takes_frozen_values);
    tcase_add_test(tc, bind_variables_refuses_two_for_one_slot);
    tcase_add_test(tc, bind_variables_lists_what_is_not_used);
    tcase_add_test(tc, bind_variables_checks_axes);
    tcase_add_test(tc, freeze_variables);
    tcase_add_test(tc, assert_no_slots);
    tcase_add_test(tc, memory_running_out_leaks_nothing);
    suite_add_tcase(suite, tc);
    return suite;
}
