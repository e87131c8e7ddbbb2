/* SPDX-License-Identifier: Apache-2.0 */
/* Trees in parts, as penzai's Selection.partition and combine. */
#include "nn/nn.h"
#include "support/selecting.h"
#include "support/tree.h"

#include <check.h>

static pencl_layer *layer_at(pencl_layer *tree, const char *selection)
{
    pencl_node node;
    pencl_selection *s = select_text(tree, selection);
    ok(pencl_selection_get(&node, s));
    pencl_selection_free(s);
    return node.layer;
}

START_TEST(partition)
{
    pencl_layer *selected = NULL;
    pencl_layer *remainder = NULL;
    pencl_layer *whole = NULL;
    pencl_selection *s = select_text(body, "//TransformerBlock#0");
    ok(pencl_selection_partition(&selected, &remainder, s, PENCL_AT_NODES));
    pencl_selection_free(s);
    ck_assert_ptr_eq(layer_at(selected, "/sublayers.1"), layer_at(body, "/sublayers.1"));
    ck_assert_int_eq(count_in(selected, "NotInThisPartition"), 4);
    ck_assert_int_eq(count_in(remainder, "NotInThisPartition"), 1);
    ck_assert_int_eq(count_in(selected, "Parameter") + count_in(remainder, "Parameter"),
                     count_in(body, "Parameter"));
    pencl_layer *const both[] = {remainder, selected};
    ok(pencl_layer_combine(&whole, ctx, both, 2));
    ck_assert(pencl_layer_equal(whole, body));
    pencl_layer_free(whole);
    pencl_layer_free(selected);
    pencl_layer_free(remainder);
}
END_TEST

START_TEST(partition_at_variables_and_at_leaves)
{
    static const pencl_part parts[] = {PENCL_AT_NODES, PENCL_AT_LEAVES};
    static const char *const selections[] = {"//RMSLayerNorm//Parameter", "//Attention",
                                             "//EmbeddingTable#1", ""};
    for (size_t i = 0; i < PN_COUNT(parts) * PN_COUNT(selections); i++) {
        pencl_layer *selected = NULL;
        pencl_layer *remainder = NULL;
        pencl_layer *whole = NULL;
        pencl_part part = parts[i % 2];
        pencl_selection *s = select_text(body, selections[i / 2]);
        ok(pencl_selection_partition(&selected, &remainder, s, part));
        pencl_selection_free(s);
        ck_assert_int_eq(count_in(selected, "Parameter") + count_in(remainder, "Parameter"),
                         count_in(body, "Parameter"));
        if (part == PENCL_AT_LEAVES) { /* all layers are in both */
            ck_assert_int_eq(count_in(selected, "Linear"), 19);
            ck_assert_int_eq(count_in(remainder, "Linear"), 19);
            ck_assert_int_eq(count_in(remainder, "ParameterSlot"), count_in(selected, "Parameter"));
        }
        pencl_layer *const both[] = {selected, remainder};
        ok(pencl_layer_combine(&whole, ctx, both, 2));
        ck_assert(pencl_layer_equal(whole, body));
        pencl_layer_free(whole);
        pencl_layer_free(selected);
        pencl_layer_free(remainder);
    }
}
END_TEST

START_TEST(combine_needs_trees_that_fit)
{
    pencl_layer *whole = NULL;
    ok(pencl_layer_combine(&whole, ctx, NULL, 0)); /* the part of nothing */
    ck_assert_str_eq(pencl_layer_type_of(whole)->name, "NotInThisPartition");
    pencl_layer_free(whole);
    pencl_layer *other = tree_decoder(device, 2); /* the same shape, other variables */
    pencl_layer *const two[] = {body, other};
    expect_error(pencl_layer_combine(&whole, ctx, two, 2), PENCL_E_ARG,
                 "the nodes at path '.sublayers[0].table.embeddings' are expected to have "
                 "compatible structures");
    ck_assert_ptr_null(whole);
    pencl_layer_free(other);
    other = tree_decoder(device, 1);
    pencl_layer *const shorter[] = {body, other};
    expect_error(pencl_layer_combine(&whole, ctx, shorter, 2), PENCL_E_ARG,
                 "the nodes at path '' are expected");
    pencl_layer_free(other);
    pencl_layer *a = PN_NN_LIST(ctx, "Sequential", pn_nn_rescale(ctx, 1));
    pencl_layer *b = PN_NN_LIST(ctx, "Sequential", pn_nn_rescale(ctx, 2));
    pencl_layer *const scales[] = {a, b};
    expect_error(pencl_layer_combine(&whole, ctx, scales, 2), PENCL_E_ARG, "path '.sublayers[0]'");
    pencl_layer_free(a);
    pencl_layer_free(b);
}
END_TEST

START_TEST(memory_running_out_leaks_nothing)
{
    for (long n = 1; n < 600; n++) {
        pencl_layer *selected = NULL;
        pencl_layer *rest = NULL;
        pencl_layer *whole = NULL;
        pn_alloc_fail_at(n);
        pencl_selection *s = pencl_select_text(ctx, body, "//Attention");
        pencl_status status = pencl_selection_partition(&selected, &rest, s, PENCL_AT_LEAVES);
        pencl_layer *const both[] = {selected, rest};
        if (status == PENCL_OK) {
            status = pencl_layer_combine(&whole, ctx, both, 2);
        }
        pn_alloc_fail_at(0);
        ck_assert_int_eq(status == PENCL_OK, whole != NULL);
        pencl_selection_free(s);
        pencl_layer_free(selected);
        pencl_layer_free(rest);
        pencl_layer_free(whole);
    }
}
END_TEST

Suite *suite_penzai_partition(void);
Suite *suite_penzai_partition(void)
{
    Suite *suite = suite_create("penzai_partition");
    TCase *tc = tcase_create("parts");
    tcase_add_checked_fixture(tc, fixture_decoder, fixture_decoder_free);
    tcase_add_test(tc, partition);
    tcase_add_test(tc, partition_at_variables_and_at_leaves);
    tcase_add_test(tc, combine_needs_trees_that_fit);
    tcase_add_test(tc, memory_running_out_leaks_nothing);
    suite_add_tcase(suite, tc);
    return suite;
}
