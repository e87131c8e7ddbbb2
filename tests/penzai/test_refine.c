/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's Selection, by member: refine and invert; and how errors stay on a selection. */
#include "nn/nn.h"
#include "support/selecting.h"

#include <check.h>
#include <string.h>

/* The last layer of a list; of what has none, nothing. */
static pencl_selection *last_sublayer(pencl_selection *node, void *unused)
{
    (void)unused;
    pencl_node self = pencl_selection_point(node, 0).node;
    ck_assert_str_eq(pencl_selection_path(node, 0), ""); /* a tree of its own */
    if (self.layer == NULL || pencl_layer_n_children(self.layer, "sublayers") == 0) {
        return pencl_selection_at_instances_of(node, "nothing", PENCL_OUTERMOST);
    }
    return pencl_selection_at(node, "sublayers", -1);
}

START_TEST(refine)
{
    pencl_selection *s = pencl_selection_at_children(instances("Attention"));
    s = pencl_selection_refine(pencl_selection_nth(s, 3), last_sublayer, NULL);
    EXPECT_PATHS(s, ".sublayers[1].sublayers[0].delta.sublayers[1].query_key_to_attn.sublayers[2]");
    s = pencl_selection_refine(instances("Parameter|TransformerBlock"), last_sublayer, NULL);
    EXPECT_PATHS(s, ".sublayers[1].sublayers[1]", ".sublayers[2].sublayers[1]");
}
END_TEST

/* Another tree in the node's place: the layer twice, its second half selected. */
static pencl_selection *doubled(pencl_selection *node, void *unused)
{
    (void)unused;
    pencl_layer *layer = pencl_selection_point(node, 0).node.layer;
    pencl_layer *twice =
        PN_NN_LIST(ctx, "Sequential", pencl_layer_ref(layer), pencl_layer_ref(layer));
    pencl_selection_free(node);
    node = pencl_selection_at(pencl_layer_select(ctx, twice), "sublayers", 1);
    pencl_layer_free(twice);
    return node;
}

START_TEST(refine_may_change_the_subtree)
{
    pencl_selection *s = pencl_selection_refine(instances("Elementwise"), doubled, NULL);
    ck_assert_int_eq(pencl_selection_count(s), 2);
    pencl_layer *changed = NULL;
    ok(pencl_selection_deselect(&changed, s));
    ck_assert_ptr_nonnull(strstr(pencl_selection_path(s, 0), ".sublayers[1].sublayers[1]"));
    ck_assert_int_eq(count_in(changed, "Elementwise"), 4);
    ck_assert_int_eq(count_in(body, "Elementwise"), 2);
    pencl_layer_free(changed);
    pencl_selection_free(s);
}
END_TEST

static pencl_selection *failing(pencl_selection *node, void *unused)
{
    (void)unused;
    return pencl_selection_at(node, "nothing", 0);
}

START_TEST(refine_keeps_what_failed_inside)
{
    expect_failed(pencl_selection_refine(instances("Softmax"), failing, NULL), PENCL_E_FIELDS,
                  "Softmax at path '': 'nothing' is not one of its fields");
}
END_TEST

/* What a selection inside of refine is of may be a single variable: no tree to be had. */
static pencl_selection *ask_for_tree(pencl_selection *node, void *unused)
{
    (void)unused;
    pencl_layer *tree = NULL;
    expect_error(pencl_selection_deselect(&tree, node), PENCL_E_ARG,
                 "the tree is a single Parameter");
    ck_assert_ptr_null(tree);
    return node;
}

START_TEST(refine_of_variables)
{
    pencl_selection *s = pencl_selection_nth(instances("Parameter"), 0);
    EXPECT_PATHS(pencl_selection_refine(s, ask_for_tree, NULL), ".sublayers[0].table.embeddings");
}
END_TEST

/* ---- invert ---- */

START_TEST(invert)
{
    pencl_selection *s = pencl_selection_nth(instances("TransformerBlock"), 0);
    EXPECT_PATHS(pencl_selection_invert(s), ".sublayers[0]", ".sublayers[2]", ".sublayers[3]",
                 ".sublayers[4]");
    s = pencl_selection_at(pencl_selection_nth(instances("TransformerBlock"), 1), "sublayers", 0);
    s = pencl_selection_at(s, "delta", 0);
    s = pencl_selection_at(s, "sublayers", 1);
    EXPECT_PATHS(pencl_selection_invert(s), ".sublayers[0]", ".sublayers[1]",
                 ".sublayers[2].sublayers[0].delta.sublayers[0]", ".sublayers[2].sublayers[1]",
                 ".sublayers[3]", ".sublayers[4]");
    s = pencl_selection_invert(all());
    ck_assert(pencl_selection_is_empty(s));
    pencl_selection_free(s);
    EXPECT_PATHS(pencl_selection_invert(instances("Capture")), "");
}
END_TEST

/* ---- errors ---- */

START_TEST(the_first_error_stays_until_a_verb_returns_it)
{
    pencl_layer *out = NULL;
    pencl_node node;
    pencl_selection *s = pencl_selection_nth(instances("Attention"), 2);
    s = pencl_selection_at(s, "nothing", 0);
    s = pencl_selection_invert(pencl_selection_refine(s, failing, NULL));
    ck_assert_int_eq(pencl_selection_count(s), 0);
    expect_error(pencl_selection_get(&node, s), PENCL_E_ARG, "number 2 of 2");
    expect_error(pencl_selection_set(&out, s, pencl_layer_node(body)), PENCL_E_ARG,
                 "number 2 of 2");
    ck_assert_ptr_null(out);
    pencl_selection *copy = pencl_selection_copy(s);
    pencl_selection_free(s);
    expect_failed(copy, PENCL_E_ARG, "number 2 of 2");
    expect_failed(pencl_layer_select(ctx, NULL), PENCL_E_ARG, "no tree");
    ck_assert_ptr_null(pencl_selection_nth(NULL, 0));
    ck_assert_ptr_null(pencl_selection_at_children(pencl_selection_before(NULL)));
}
END_TEST

START_TEST(memory_running_out_leaks_nothing)
{
    pencl_layer *identity = pn_nn_identity(ctx);
    for (long n = 1; n < 400; n++) {
        pencl_layer *changed = NULL;
        pn_alloc_fail_at(n);
        pencl_selection *s = instances("Attention");
        s = pencl_selection_insert_after_and_select(s, identity);
        s = pencl_selection_invert(pencl_selection_refine(s, last_sublayer, NULL));
        pencl_status status = pencl_selection_remove_from_parent(&changed, s);
        pn_alloc_fail_at(0);
        ck_assert_int_eq(status == PENCL_OK, changed != NULL);
        ck_assert(status != PENCL_OK || n > 1);
        pencl_selection_free(s);
        pencl_layer_free(changed);
    }
    pencl_layer_free(identity);
}
END_TEST

Suite *suite_penzai_refine(void);
Suite *suite_penzai_refine(void)
{
    Suite *suite = suite_create("penzai_refine");
    TCase *tc = tcase_create("node by node");
    tcase_add_checked_fixture(tc, fixture_decoder, fixture_decoder_free);
    tcase_add_test(tc, refine);
    tcase_add_test(tc, refine_may_change_the_subtree);
    tcase_add_test(tc, refine_keeps_what_failed_inside);
    tcase_add_test(tc, refine_of_variables);
    tcase_add_test(tc, invert);
    tcase_add_test(tc, the_first_error_stays_until_a_verb_returns_it);
    tcase_add_test(tc, memory_running_out_leaks_nothing);
    suite_add_tcase(suite, tc);
    return suite;
}
