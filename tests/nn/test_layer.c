/* SPDX-License-Identifier: Apache-2.0 */
/* Layer nodes: fields, references, builders. What penzai's Layer offers is in tests/penzai. */
#include "nn/nn.h"
#include "support/fixture.h"
#include "support/tree.h"

#include <check.h>
#include <string.h>

/* ---- fields ---- */

START_TEST(unknown_fields_read_as_nothing)
{
    pencl_layer *layer = pn_nn_soft_cap(ctx, 30);
    int n = -1;
    ck_assert_double_eq(pencl_layer_number(layer, "cap"), 0);
    ck_assert_ptr_null(pencl_layer_text(layer, "cap"));
    ck_assert_ptr_null(pencl_layer_child(layer, "cap", 0));
    ck_assert_ptr_null(pencl_layer_variable(layer, "cap"));
    ck_assert_ptr_null(pencl_layer_axes(layer, "cap", &n));
    ck_assert_int_eq(n, 0);
    ck_assert_ptr_null(pencl_layer_type_named("Capsule"));
    pencl_layer_free(layer);
}
END_TEST

START_TEST(every_type_is_found_by_its_name)
{
    static const char *const names[] = {
#define LAYER(name) #name,
#include "nn/layers.def"
#undef LAYER
    };
    for (size_t i = 0; i < PN_COUNT(names); i++) {
        const pencl_layer_type *type = pencl_layer_type_named(names[i]);
        ck_assert_msg(type != NULL, "%s", names[i]);
        ck_assert_ptr_nonnull(type->fields);
        ck_assert_ptr_nonnull(type->doc);
        ck_assert_msg(i == 0 || strcmp(names[i - 1], names[i]) < 0, "%s is out of order", names[i]);
    }
}
END_TEST

/* ---- references ---- */

START_TEST(children_and_variables_are_counted)
{
    pencl_variable *weights = tree_variable(device, "w.weights", "neurons=3 embedding=2", 1);
    pencl_layer *linear = pn_nn_linear(ctx, pencl_variable_ref(weights), "embedding", "neurons");
    pencl_layer *twice = PN_NN_LIST(ctx, "Sequential", pencl_layer_ref(linear), linear);
    ck_assert_ptr_eq(pencl_layer_child(twice, "sublayers", 0),
                     pencl_layer_child(twice, "sublayers", 1));
    ck_assert_ptr_eq(pencl_layer_variable(linear, "weights"), weights);
    ck_assert_int_eq(pencl_layer_n_children(twice, "sublayers"), 2);
    pencl_layer *kept = pencl_layer_ref(linear);
    pencl_layer_free(twice);
    ck_assert_str_eq(pencl_variable_label(pencl_layer_variable(kept, "weights")), "w.weights");
    pencl_layer_free(kept);
    pencl_variable_free(weights);
}
END_TEST

START_TEST(a_builder_passes_on_what_failed_and_releases_the_rest)
{
    pencl_layer *bad = pn_nn_list(ctx, "Sequentiell", NULL, 0);
    ck_assert_ptr_null(bad);
    expect_error(pencl_error_status(ctx), PENCL_E_ARG, "no layer type is named 'Sequentiell'");
    pencl_layer *tree =
        PN_NN_LIST(ctx, "Sequential", pn_nn_identity(ctx), pn_nn_residual(ctx, bad));
    ck_assert_ptr_null(tree);
    expect_error(pencl_error_status(ctx), PENCL_E_ARG, "Sequentiell");
    pn_layers list = {0};
    pn_layers_add(&list, pn_nn_identity(ctx));
    pn_layers_add(&list, NULL);
    pn_layers_add(&list, pn_nn_identity(ctx));
    ck_assert_ptr_null(pn_nn_list_of(ctx, "Sequential", &list));
    ck_assert_ptr_null(list.items);
}
END_TEST

START_TEST(memory_running_out_leaks_nothing)
{
    for (long n = 1; n < 40; n++) {
        pn_error_clear(ctx);
        pn_alloc_fail_at(n);
        pencl_layer *tree =
            PN_NN_LIST(ctx, "Sequential", pn_nn_rope(ctx, 1e4, 1, 4), pn_nn_softmax(ctx, "kv_seq"),
                       pn_nn_query_key_einsum(ctx, "heads", ""));
        pn_alloc_fail_at(0);
        if (tree == NULL) {
            expect_error(pencl_error_status(ctx), PENCL_E_NOMEM, "memory");
        }
        pencl_layer_free(tree);
    }
}
END_TEST

Suite *suite_nn_layer(void);
Suite *suite_nn_layer(void)
{
    Suite *suite = suite_create("nn_layer");
    TCase *tc = tcase_create("nodes");
    tcase_add_checked_fixture(tc, fixture_ref, fixture_close);
    tcase_add_test(tc, unknown_fields_read_as_nothing);
    tcase_add_test(tc, every_type_is_found_by_its_name);
    tcase_add_test(tc, children_and_variables_are_counted);
    tcase_add_test(tc, a_builder_passes_on_what_failed_and_releases_the_rest);
    tcase_add_test(tc, memory_running_out_leaks_nothing);
    suite_add_tcase(suite, tc);
    return suite;
}
