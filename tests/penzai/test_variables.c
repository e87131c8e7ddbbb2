/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's variables: parameters and states, mutable, frozen and empty; binding, unbinding,
 * freezing and sharing in trees. */
#include "nn/nn.h"
#include "support/biases.h"
#include "support/fixture.h"
#include "support/tree.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- one variable ---- */

START_TEST(a_variable_gives_back_its_value_and_axes)
{
    const float values[] = {1, 2, 3, 4, 5, 6};
    pencl_array *array = tree_array(device, "neurons=3 embedding=2", values);
    pencl_variable *v = NULL;
    ok(pencl_variable_new(&v, PENCL_STATE, "sampler/cache_0", array, 1));
    pencl_array_free(array);
    ck_assert_str_eq(pencl_variable_label(v), "sampler/cache_0");
    ck_assert_int_eq(pencl_variable_kind_of(v), PENCL_STATE);
    ck_assert_int_eq(pencl_variable_form_of(v), PENCL_MUTABLE);
    ck_assert_str_eq(pencl_variable_type_name(v), "StateVariable");
    ck_assert_int_eq(pencl_variable_dtype(v), PENCL_F32);
    ck_assert_int_eq(pencl_variable_n_axes(v), 2);
    ck_assert_str_eq(pencl_variable_axis(v, 1)->name, "embedding");
    ck_assert_ptr_null(pencl_variable_axis(v, 2));
    float *back = tree_values(v);
    ck_assert_mem_eq(back, values, sizeof values);
    free(back);
    pencl_variable_free(v);
}
END_TEST

START_TEST(a_variable_refuses_unfit_arguments)
{
    const float values[] = {1, 2};
    pencl_array *array = tree_array(device, "embedding=2", values);
    pencl_variable *v = NULL;
    expect_error(pencl_variable_new(&v, PENCL_PARAMETER, "b.bias", array, 2), PENCL_E_ARG,
                 "b.bias: 2 row axes");
    expect_error(pencl_variable_new(&v, PENCL_PARAMETER, "b.bias", array, -1), PENCL_E_ARG,
                 "b.bias: -1 row axes");
    expect_error(pencl_variable_new(&v, PENCL_PARAMETER, NULL, array, 0), PENCL_E_ARG,
                 "a variable needs a label");
    ck_assert_ptr_null(v);
    pencl_array_free(array);
}
END_TEST

/* penzai's AutoStateVarLabel. */
START_TEST(a_state_without_a_label_gets_one_of_its_own)
{
    pencl_variable *a = pair(PENCL_STATE, NULL, 1, 2);
    pencl_variable *b = pair(PENCL_STATE, NULL, 1, 2);
    ck_assert_str_ne(pencl_variable_label(a), pencl_variable_label(b));
    pencl_variable_free(a);
    pencl_variable_free(b);
}
END_TEST

START_TEST(metadata)
{
    pencl_variable *v = parameter("w", 1, 2);
    pencl_variable *frozen = NULL;
    ck_assert_ptr_null(pencl_variable_metadata(v, "trainable"));
    ok(pencl_variable_set_metadata(v, "trainable", "yes"));
    ok(pencl_variable_set_metadata(v, "layerstack_axes", "blocks=SHARED"));
    ok(pencl_variable_set_metadata(v, "trainable", "no"));
    ck_assert_str_eq(pencl_variable_metadata(v, "trainable"), "no");
    ok(pencl_variable_freeze(&frozen, v));
    ok(pencl_variable_set_metadata(v, "trainable", NULL));
    ok(pencl_variable_set_metadata(v, "nothing", NULL));
    ck_assert_ptr_null(pencl_variable_metadata(v, "trainable"));
    ck_assert_str_eq(pencl_variable_metadata(v, "layerstack_axes"), "blocks=SHARED");
    ck_assert_str_eq(pencl_variable_metadata(frozen, "trainable"), "no");
    expect_error(pencl_variable_set_metadata(frozen, "trainable", "yes"), PENCL_E_ARG,
                 "set_metadata needs a Parameter, not the ParameterValue \"w\"");
    pencl_variable_free(frozen);
    pencl_variable_free(v);
}
END_TEST

START_TEST(freeze_and_unfreeze_as_copy)
{
    pencl_variable *v = parameter("w", 1, 2);
    pencl_variable *frozen = NULL;
    pencl_variable *copy = NULL;
    ok(pencl_variable_freeze(&frozen, v));
    ck_assert_str_eq(pencl_variable_type_name(frozen), "ParameterValue");
    ck_assert_ptr_eq(pn_variable_store(frozen), pn_variable_store(v)); /* no copy yet */
    ok(pencl_variable_unfreeze_as_copy(&copy, frozen));
    ck_assert_str_eq(pencl_variable_type_name(copy), "Parameter");
    set_pair(copy, 3, 4);
    set_pair(v, 5, 6);
    expect_pair(frozen, 1, 2); /* neither write is seen by the others */
    expect_pair(copy, 3, 4);
    expect_pair(v, 5, 6);
    pencl_variable_free(copy);
    expect_error(pencl_variable_freeze(&copy, frozen), PENCL_E_ARG,
                 "freeze needs a Parameter, not the ParameterValue \"w\"");
    ck_assert_ptr_null(copy);
    pencl_variable_free(frozen);
    ok(pencl_variable_freeze(&frozen, v));
    expect_error(pencl_variable_unfreeze_as_copy(&copy, v), PENCL_E_ARG,
                 "unfreeze_as_copy needs a ParameterValue, not the Parameter \"w\"");
    pencl_variable_free(frozen);
    pencl_variable_free(v);
}
END_TEST

START_TEST(unfrozen_copies_are_freed)
{
    pencl_variable *v = parameter("w", 1, 2);
    pencl_variable *frozen = NULL;
    pencl_variable *copy = NULL;
    ok(pencl_variable_freeze(&frozen, v));
    pencl_variable_free(v); /* the snapshot outlives it */
    ok(pencl_variable_unfreeze_as_copy(&copy, frozen));
    pencl_variable_free(frozen);
    expect_pair(copy, 1, 2);
    pencl_variable_free(copy);
}
END_TEST

START_TEST(update)
{
    pencl_variable *v = parameter("w", 1, 2);
    pencl_variable *other = parameter("w", 7, 8);
    pencl_variable *third = parameter("u", 9, 9);
    pencl_variable *frozen = NULL;
    pencl_variable *wrong = NULL;
    ok(pencl_variable_freeze(&frozen, other));
    ok(pencl_variable_freeze(&wrong, third));
    ok(pencl_variable_update(v, frozen));
    expect_pair(v, 7, 8);
    set_pair(v, 0, 0);
    expect_pair(other, 7, 8); /* it took the value, not the variable */
    expect_error(pencl_variable_update(v, wrong), PENCL_E_ARG,
                 "cannot update the Parameter \"w\" with the incompatible ParameterValue \"u\"");
    expect_error(pencl_variable_update(v, other), PENCL_E_ARG, "needs a ParameterValue");
    expect_error(pencl_variable_update(frozen, frozen), PENCL_E_ARG, "update needs a Parameter");
    expect_pair(v, 0, 0);
    pencl_variable *all[] = {v, other, third, frozen, wrong};
    for (size_t i = 0; i < PN_COUNT(all); i++) {
        pencl_variable_free(all[i]);
    }
}
END_TEST

START_TEST(set_value_takes_axes_in_any_order)
{
    pencl_variable *v = tree_variable(device, "w", "neurons=3 embedding=2", 1);
    const float turned[] = {1, 3, 5, 2, 4, 6};
    const float want[] = {1, 2, 3, 4, 5, 6};
    const pn_store *before = pn_variable_store(v);
    pencl_array *array = tree_array(device, "embedding=2 neurons=3", turned);
    ok(pencl_variable_set_value(v, array));
    float *values = tree_values(v);
    ck_assert_mem_eq(values, want, sizeof want);
    ck_assert_ptr_eq(pn_variable_store(v), before); /* nobody shared it: written in place */
    free(values);
    pencl_array_free(array);
    array = tree_array(device, "neurons=2 embedding=3", turned);
    expect_error(pencl_variable_set_value(v, array), PENCL_E_SHAPE,
                 "w: float32(| neurons:3, embedding:2) is expected, got float32(| neurons:2");
    pencl_array_free(array);
    const int32_t ids[6] = {0};
    array = tree_ids(device, "neurons=3 embedding=2", ids);
    expect_error(pencl_variable_set_value(v, array), PENCL_E_DTYPE, "is expected, got int32(");
    pencl_array_free(array);
    const pencl_axis blocks[] = {{"neurons", 3}, {"embedding", 32}};
    ok(pencl_array_new(&array, device, PENCL_Q8_0, blocks, 2));
    expect_error(pencl_variable_set_value(v, array), PENCL_E_DTYPE, "w");
    pencl_array_free(array);
    pencl_variable *slot = NULL;
    ok(pencl_variable_get_slot(&slot, v));
    array = tree_array(device, "neurons=3 embedding=2", want);
    expect_error(pencl_variable_set_value(slot, array), PENCL_E_ARG,
                 "set_value needs a Parameter, not the ParameterSlot \"w\"");
    pencl_array_free(array);
    pencl_variable_free(slot);
    pencl_variable_free(v);
}
END_TEST

/* What a layer that writes in place asks for. */
START_TEST(writing_copies_first_when_the_memory_is_shared)
{
    pencl_variable *v = pair(PENCL_STATE, "s", 1, 2);
    pencl_variable *frozen = NULL;
    pn_store *store = NULL;
    const pn_store *first = pn_variable_store(v);
    ok(pn_variable_writable(&store, v));
    ck_assert_ptr_eq(store, first); /* the only holder */
    ok(pencl_variable_freeze(&frozen, v));
    ok(pn_variable_writable(&store, v));
    ck_assert_ptr_ne(store, first);
    ck_assert_ptr_eq(pn_variable_store(frozen), first);
    ok(pn_store_zero(store, ctx));
    expect_pair(v, 0, 0);
    expect_pair(frozen, 1, 2);
    ck_assert_int_eq(pn_variable_writable(&store, frozen), PENCL_E_ARG);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "the StateVariableValue \"s\""));
    pencl_variable_free(v);
    pencl_variable_free(frozen);
}
END_TEST

/* ---- slots ---- */

START_TEST(a_slot_knows_label_kind_and_axes)
{
    pencl_variable *v = tree_variable(device, "w", "neurons=3 embedding=2", 1);
    pencl_variable *slot = NULL;
    pencl_variable *bare = NULL;
    pencl_array *value = NULL;
    ok(pencl_variable_get_slot(&slot, v));
    ck_assert_str_eq(pencl_variable_type_name(slot), "ParameterSlot");
    ck_assert_str_eq(pencl_variable_label(slot), "w");
    ck_assert_int_eq(pencl_variable_n_axes(slot), 2);
    ck_assert_int_eq(pencl_variable_axis(slot, 0)->size, 3);
    expect_error(pencl_variable_value(&value, slot), PENCL_E_UNBOUND,
                 "tried to access the value of a ParameterSlot: \"w\"");
    ok(pencl_variable_new_slot(&bare, ctx, PENCL_STATE, "s", PENCL_F32, NULL, 0));
    ck_assert_int_eq(pencl_variable_n_axes(bare), -1);
    ck_assert_int_eq(pencl_variable_dtype(bare), PENCL_DTYPE_COUNT);
    ck_assert_ptr_null(pencl_variable_axis(bare, 0));
    pencl_variable_free(bare);
    const pencl_axis twice[] = {{"a", 1}, {"a", 2}};
    expect_error(pencl_variable_new_slot(&bare, ctx, PENCL_STATE, "s", PENCL_F32, twice, 2),
                 PENCL_E_AXIS, "s: axis \"a\" is repeated");
    ck_assert_ptr_null(bare);
    pencl_variable_free(slot);
    pencl_variable_free(v);
}
END_TEST

START_TEST(tracing_a_slot_names_its_label)
{
    pencl_variable **variables = NULL;
    int n = 0;
    pencl_layer *empty =
        unbind(BIASES(parameter("a.bias", 1, 2), parameter("b.bias", 1, 2)), &variables, &n);
    const float values[] = {1, 2};
    pencl_array *array = tree_array(device, "embedding=2", values);
    pencl_graph *graph = NULL;
    ok(pencl_graph_new(&graph, device));
    ck_assert_ptr_null(pencl_layer_call(empty, pencl_graph_array(graph, array), NULL));
    expect_error(pencl_graph_finish(graph), PENCL_E_UNBOUND,
                 ".sublayers[0]: tried to access the value of a ParameterSlot: \"a.bias\"");
    pencl_graph_free(graph);
    pencl_array_free(array);
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
}
END_TEST

Suite *suite_penzai_variables(void);
Suite *suite_penzai_variables(void)
{
    Suite *suite = suite_create("penzai_variables");
    TCase *tc = tcase_create("variables");
    tcase_add_checked_fixture(tc, fixture_ref, fixture_close);
    tcase_add_test(tc, a_variable_gives_back_its_value_and_axes);
    tcase_add_test(tc, a_variable_refuses_unfit_arguments);
    tcase_add_test(tc, a_state_without_a_label_gets_one_of_its_own);
    tcase_add_test(tc, metadata);
    tcase_add_test(tc, freeze_and_unfreeze_as_copy);
    tcase_add_test(tc, unfrozen_copies_are_freed);
    tcase_add_test(tc, update);
    tcase_add_test(tc, set_value_takes_axes_in_any_order);
    tcase_add_test(tc, writing_copies_first_when_the_memory_is_shared);
    tcase_add_test(tc, a_slot_knows_label_kind_and_axes);
    tcase_add_test(tc, tracing_a_slot_names_its_label);
    suite_add_tcase(suite, tc);
    return suite;
}
