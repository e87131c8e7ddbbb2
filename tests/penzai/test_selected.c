/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's Selection, by member: reading what is selected. */
#include "nn/nn.h"
#include "support/selecting.h"

#include <check.h>
#include <string.h>

START_TEST(get)
{
    pencl_node node;
    pencl_selection *s = instances("Softmax");
    expect_error(pencl_selection_get(&node, s), PENCL_E_ARITY,
                 "get can only be called on selections with one selected node, but there are 2");
    ck_assert_ptr_null(node.layer);
    s = pencl_selection_nth(s, 1);
    ok(pencl_selection_get(&node, s));
    ck_assert_str_eq(pencl_layer_type_of(node.layer)->name, "Softmax");
    pencl_selection_free(s);
}
END_TEST

START_TEST(get_sequence_and_by_path)
{
    pencl_selection *s = instances("TransformerBlock");
    for (int i = 0; i < 2; i++) {
        pencl_point point = pencl_selection_point(s, i);
        ck_assert_ptr_eq(point.node.layer, pencl_layer_child(body, "sublayers", i + 1));
        ck_assert_int_eq(point.when, PENCL_AFTER);
    }
    ck_assert_ptr_null(pencl_selection_point(s, 2).node.layer);
    ck_assert_int_eq(pencl_selection_find(s, ".sublayers[2]"), 1);
    ck_assert_int_eq(pencl_selection_find(s, ".sublayers[0]"), -1);
    s = pencl_selection_before(s);
    ck_assert_int_eq(pencl_selection_point(s, 1).when, PENCL_BEFORE);
    pencl_selection_free(s);
}
END_TEST

START_TEST(get_keypaths)
{
    pencl_key keys[8];
    pencl_selection *s = instances("Attention");
    ck_assert_str_eq(pencl_selection_path(s, 1), ".sublayers[2].sublayers[0].delta.sublayers[1]");
    ck_assert_ptr_null(pencl_selection_path(s, 2));
    ck_assert_int_eq(pencl_selection_keys(s, 1, keys, 8), 4);
    ck_assert_str_eq(keys[0].name, "sublayers");
    ck_assert_int_eq(keys[0].index, 2);
    ck_assert_str_eq(keys[2].name, "delta");
    ck_assert_int_eq(keys[2].index, -1);
    keys[1].name = NULL;
    ck_assert_int_eq(pencl_selection_keys(s, 1, keys, 1), 4); /* no more are written than fit */
    ck_assert_ptr_null(keys[1].name);
    ck_assert_int_eq(pencl_selection_keys(s, 2, keys, 8), 0);
    pencl_selection_free(s);
}
END_TEST

/* penzai's pretty_keystr. */
START_TEST(pretty_keystr)
{
    char *path = NULL;
    pencl_selection *s = pencl_selection_nth(instances("Attention"), 1);
    s = pencl_selection_at(pencl_selection_at(s, "input_to_query", 0), "sublayers", 0);
    ok(pencl_selection_pretty_path(&path, s, 0));
    ck_assert_str_eq(path, "Sequential.sublayers[2]/TransformerBlock.sublayers[0]/Residual.delta/"
                           "Sequential.sublayers[1]/Attention.input_to_query/"
                           "Sequential.sublayers[0]");
    pencl_text_free(path);
    expect_error(pencl_selection_pretty_path(&path, s, 1), PENCL_E_ARG, "number 1 of 1");
    pencl_selection_free(s);
}
END_TEST

START_TEST(count_and_assert_count_is)
{
    pencl_selection *s = instances("Softmax");
    ck_assert_int_eq(pencl_selection_count(s), 2);
    ck_assert(!pencl_selection_is_empty(s));
    s = pencl_selection_assert_count_is(s, 2);
    ck_assert_int_eq(pencl_selection_count(s), 2);
    expect_failed(pencl_selection_assert_count_is(s, 3), PENCL_E_ARITY,
                  "3 selected nodes are expected, there are 2");
    expect_failed(pencl_selection_assert_count_is(instances("Softmax"), 1), PENCL_E_ARITY,
                  "1 selected nodes are expected, there are 2");
}
END_TEST

START_TEST(show_selection_and_show_value)
{
    char *text = NULL;
    pencl_selection *s = pencl_selection_nth(instances("Attention"), 1);
    s = pencl_selection_at(s, "query_key_to_attn", 0);
    ok(pencl_selection_print(&text, s, PENCL_SHOW_SELECTION));
    ck_assert_str_eq(text, "Sequential\n"
                           "├─ .sublayers[0] EmbeddingLookup\n"
                           "├─ .sublayers[1] TransformerBlock\n"
                           "├─ .sublayers[2] TransformerBlock\n"
                           "│  ├─ .sublayers[0] Residual\n"
                           "│  │  └─ .delta Sequential\n"
                           "│  │     ├─ .sublayers[0] RMSLayerNorm\n"
                           "│  │     └─ .sublayers[1] Attention\n"
                           "│  │        ├─ .input_to_query Sequential\n"
                           "│  │        ├─ .input_to_key Sequential\n"
                           "│  │        ├─ .input_to_value Sequential\n"
                           "│  │        ├─ .query_key_to_attn * Sequential\n"
                           "│  │        └─ .attn_value_to_output Sequential\n"
                           "│  └─ .sublayers[1] Residual\n"
                           "├─ .sublayers[3] RMSLayerNorm\n"
                           "└─ .sublayers[4] EmbeddingDecode\n");
    pencl_text_free(text);
    ok(pencl_selection_print(&text, s, PENCL_SHOW_VALUE));
    ck_assert_ptr_nonnull(strstr(text, ".query_key_to_attn Sequential\n"));
    pencl_text_free(text);
    pencl_selection_free(s);
    s = instances("EmbeddingLookup");
    ok(pencl_selection_print(&text, s, PENCL_SHOW_SELECTION));
    ck_assert_ptr_nonnull(strstr(text, "├─ .sublayers[0] * EmbeddingLookup\n"
                                       "├─ .sublayers[1..2] 2 x TransformerBlock\n"));
    pencl_text_free(text);
    pencl_selection_free(s);
}
END_TEST

START_TEST(deselect)
{
    pencl_layer *tree = NULL;
    pencl_selection *s = instances("Softmax");
    ok(pencl_selection_deselect(&tree, s));
    ck_assert_ptr_eq(tree, body);
    pencl_layer_free(tree);
    s = pencl_selection_before(s);
    pencl_selection *copy = pencl_selection_copy(s);
    s = pencl_selection_nth(s, 0);
    ck_assert_int_eq(pencl_selection_count(copy), 2); /* apart from the original */
    ck_assert_int_eq(pencl_selection_point(copy, 0).when, PENCL_BEFORE);
    pencl_selection_free(copy);
    pencl_selection_free(s);
}
END_TEST

Suite *suite_penzai_selected(void);
Suite *suite_penzai_selected(void)
{
    Suite *suite = suite_create("penzai_selected");
    TCase *tc = tcase_create("reading");
    tcase_add_checked_fixture(tc, fixture_decoder, fixture_decoder_free);
    tcase_add_test(tc, get);
    tcase_add_test(tc, get_sequence_and_by_path);
    tcase_add_test(tc, get_keypaths);
    tcase_add_test(tc, pretty_keystr);
    tcase_add_test(tc, count_and_assert_count_is);
    tcase_add_test(tc, show_selection_and_show_value);
    tcase_add_test(tc, deselect);
    suite_add_tcase(suite, tc);
    return suite;
}
