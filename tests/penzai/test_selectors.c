/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's Selection, by member: narrowing. */
#include "nn/nn.h"
#include "support/selecting.h"
#include "support/tree.h"

#include <check.h>
#include <string.h>

static int count_of(const char *type)
{
    pencl_selection *s = instances(type);
    int n = pencl_selection_count(s);
    pencl_selection_free(s);
    return n;
}

/* ---- at_instances_of ---- */

/* penzai's own counts of a tied decoder of one block with grouped queries. */
START_TEST(at_instances_of_counts_as_penzai)
{
    pencl_layer *gqa = tree_gqa_decoder(device, 1);
    ck_assert_int_eq(count_in(gqa, "Linear"), 10); /* the scales of norms are Linear too */
    ck_assert_int_eq(count_in(gqa, "Parameter"), 12);
    ck_assert_int_eq(count_in(gqa, "Softmax"), 1);
    pencl_layer *slots = NULL;
    pencl_variable **variables = NULL;
    int n = 0;
    ok(pencl_layer_unbind_variables(&slots, &variables, &n, ctx, gqa, NULL, NULL));
    ck_assert_int_eq(n, 11); /* the shared table is one variable in two places */
    pencl_variables_free(variables, n);
    pencl_layer_free(slots);
    pencl_layer_free(gqa);
}
END_TEST

START_TEST(at_instances_of_takes_the_outermost)
{
    ck_assert_int_eq(count_of("TransformerBlock"), 2);
    ck_assert_int_eq(count_of("Softmax"), 2);
    ck_assert_int_eq(count_of("Linear"), 2 * 9 + 1);
    ck_assert_int_eq(count_of("EmbeddingTable"), 2);
    ck_assert_int_eq(count_of("Sequential"), 1); /* the body itself */
    ck_assert_int_eq(count_of("Layer"), 1);
    ck_assert_int_eq(count_of("Capture"), 0);
    ck_assert_int_eq(count_of("Softmax|TanhSoftCap|Elementwise"), 4);
    ck_assert_int_eq(count_of("ParameterSlot"), 0);
    ck_assert_int_eq(count_of("AbstractVariable"), count_of("Parameter"));
}
END_TEST

START_TEST(at_instances_of_means_subtypes_too)
{
    pencl_selection *s = pencl_selection_at(all(), "sublayers", 1);
    s = pencl_selection_at_instances_of(s, "Sequential", PENCL_OUTERMOST);
    EXPECT_PATHS(s, ".sublayers[1]"); /* a TransformerBlock */
    ck_assert_int_eq(count_of("RMSLayerNorm"), 5);
}
END_TEST

START_TEST(at_instances_of_innermost)
{
    pencl_selection *s = pencl_selection_at(all(), "sublayers", 1);
    s = pencl_selection_at_instances_of(s, "Residual", PENCL_INNERMOST);
    EXPECT_PATHS(s, ".sublayers[1].sublayers[0]", ".sublayers[1].sublayers[1]");
    s = pencl_selection_at(all(), "sublayers", 1);
    s = pencl_selection_at_instances_of(s, "Sequential", PENCL_INNERMOST);
    /* norms, the attention's five, the feed-forward; not what holds one of these */
    ck_assert_int_eq(pencl_selection_count(s), 8);
    pencl_selection_free(s);
}
END_TEST

/* ---- at ---- */

START_TEST(at)
{
    EXPECT_PATHS(pencl_selection_at(instances("Residual"), "delta", 0),
                 ".sublayers[1].sublayers[0].delta", ".sublayers[1].sublayers[1].delta",
                 ".sublayers[2].sublayers[0].delta", ".sublayers[2].sublayers[1].delta");
    pencl_selection *s = pencl_selection_nth(instances("Attention"), -1);
    s = pencl_selection_at(s, "input_to_query", 0);
    s = pencl_selection_at(s, "sublayers", -1);
    EXPECT_PATHS(s, ".sublayers[2].sublayers[0].delta.sublayers[1].input_to_query.sublayers[2]");
    s = pencl_selection_nth(instances("Linear"), 0);
    s = pencl_selection_at(s, "weights", 0); /* a variable is a node */
    pencl_node node;
    ok(pencl_selection_get(&node, s));
    ck_assert_str_eq(pencl_variable_label(node.variable),
                     "transformer/block_0/pre_attention_norm/scale.weights");
    ck_assert_ptr_null(node.layer);
    pencl_selection_free(s);
}
END_TEST

START_TEST(at_names_a_missing_field_or_index)
{
    expect_failed(pencl_selection_at(instances("TransformerBlock"), "delta", 0), PENCL_E_FIELDS,
                  "TransformerBlock at path '.sublayers[1]': 'delta' is not one of its fields; it "
                  "has sublayers");
    expect_failed(pencl_selection_at(instances("TransformerBlock"), "sublayers", 2), PENCL_E_ARG,
                  "has 2 layers in 'sublayers': no number 2");
    expect_failed(pencl_selection_at(instances("TransformerBlock"), "sublayers", -3), PENCL_E_ARG,
                  "no number -3");
    expect_failed(pencl_selection_at(instances("NamedGroup"), "name", 0), PENCL_E_FIELDS,
                  "'name' is static, and no part of the tree; it has sublayers");
    expect_failed(pencl_selection_at(instances("Parameter"), "label", 0), PENCL_E_FIELDS,
                  "'label' is not one of its fields; it has no children");
}
END_TEST

START_TEST(at_multiple)
{
    static const char *const paths[] = {".sublayers[1].delta", ".sublayers[0]"};
    EXPECT_PATHS(pencl_selection_at_multiple(instances("TransformerBlock"), paths, 2),
                 ".sublayers[1].sublayers[0]", ".sublayers[1].sublayers[1].delta",
                 ".sublayers[2].sublayers[0]", ".sublayers[2].sublayers[1].delta");
    static const char *const absent[] = {".sublayers[0]", ".sublayers[2]"};
    expect_failed(pencl_selection_at_multiple(instances("TransformerBlock"), absent, 2),
                  PENCL_E_FIELDS,
                  "TransformerBlock at path '.sublayers[1]' has nothing at '.sublayers[2]'");
    static const char *const nested[] = {".sublayers[0]", ".sublayers[0].delta"};
    expect_failed(pencl_selection_at_multiple(instances("TransformerBlock"), nested, 2),
                  PENCL_E_FIELDS, "has nothing at '.sublayers[0].delta'");
}
END_TEST

/* ---- at_subtrees_where and where ---- */

/* A layer with at least *n children. */
static int has_children(const pencl_place *place, void *n)
{
    return place->node.layer != NULL &&
           pencl_layer_flatten(place->node.layer, NULL, 0) >= *(const int *)n;
}

START_TEST(at_subtrees_where)
{
    int n = 3;
    pencl_selection *s = pencl_selection_at(all(), "sublayers", 1);
    s = pencl_selection_at_subtrees_where(s, has_children, &n, PENCL_OUTERMOST);
    EXPECT_PATHS(s, ".sublayers[1].sublayers[0].delta.sublayers[1]"); /* the attention */
    s = pencl_selection_at(all(), "sublayers", 1);
    s = pencl_selection_at_subtrees_where(s, has_children, &n, PENCL_INNERMOST);
    EXPECT_PATHS(s, ".sublayers[1].sublayers[0].delta.sublayers[1].input_to_query",
                 ".sublayers[1].sublayers[0].delta.sublayers[1].query_key_to_attn");
}
END_TEST

/* What a test is shown. */
static int record_place(const pencl_place *place, void *seen)
{
    pn_text_add(seen, "%d %s %s %s\n", place->index, place->path, place->within,
                pn_node_type_name(place->node));
    return 0;
}

START_TEST(a_test_sees_both_paths_and_the_number)
{
    pn_text seen = {0};
    pencl_selection *s = pencl_selection_at(instances("Attention"), "input_to_value", 0);
    s = pencl_selection_at_subtrees_where(s, record_place, &seen, PENCL_OUTERMOST);
    ck_assert_int_eq(pencl_selection_count(s), 0);
    pencl_selection_free(s);
#define ATTENTION(b) ".sublayers[" b "].sublayers[0].delta.sublayers[1].input_to_value"
    ck_assert_str_eq(
        pn_text_get(&seen),
        "0 " ATTENTION(
            "1") "  Sequential\n"
                 "0 " ATTENTION(
                     "1") ".sublayers[0] .sublayers[0] Linear\n"
                          "0 " ATTENTION(
                              "1") ".sublayers[0].weights .sublayers[0].weights Parameter\n"
                                   "1 " ATTENTION(
                                       "2") "  Sequential\n"
                                            "1 " ATTENTION(
                                                "2") ".sublayers[0] .sublayers[0] Linear\n"
                                                     "1 " ATTENTION(
                                                         "2") ".sublayers[0].weights "
                                                              ".sublayers[0].weights Parameter\n");
    pn_text_free(&seen);
}
END_TEST

static int is_gate(const pencl_place *place, void *unused)
{
    (void)unused;
    return strcmp(pencl_layer_text(place->node.layer, "name"), "gate") == 0;
}

static int is_residual(const pencl_place *place, void *unused)
{
    (void)unused;
    return strcmp(pn_node_type_name(place->node), "Residual") == 0;
}

static int is_odd(const pencl_place *place, void *unused)
{
    (void)unused;
    return place->index % 2;
}

START_TEST(where)
{
    pencl_selection *s = pencl_selection_where(instances("NamedGroup"), is_gate, NULL);
    ck_assert_int_eq(pencl_selection_count(s), 2);
    s = pencl_selection_where(s, is_odd, NULL);
    ck_assert_int_eq(pencl_selection_count(s), 1);
    ck_assert_ptr_nonnull(strstr(pencl_selection_path(s, 0), ".sublayers[2]."));
    pencl_selection_free(s);
    /* it asks the selected nodes only, not what is in them */
    s = pencl_selection_where(instances("TransformerBlock"), is_residual, NULL);
    ck_assert(pencl_selection_is_empty(s));
    pencl_selection_free(s);
}
END_TEST

/* ---- at_equal_to, at_keypaths ---- */

START_TEST(at_equal_to)
{
    pencl_layer *softmax = pn_nn_softmax(ctx, "kv_seq");
    pencl_layer *other = pn_nn_softmax(ctx, "seq");
    pencl_selection *s = pencl_selection_at_equal_to(all(), pencl_layer_node(softmax));
    ck_assert_int_eq(pencl_selection_count(s), 2);
    pencl_selection_free(s);
    s = pencl_selection_at_equal_to(all(), pencl_layer_node(other));
    ck_assert(pencl_selection_is_empty(s));
    pencl_selection_free(s);
    pencl_layer *table = pencl_layer_child(pencl_layer_child(body, "sublayers", 0), "table", 0);
    pencl_variable *shared = pencl_layer_variable(table, "embeddings");
    s = pencl_selection_at_equal_to(all(), pencl_variable_node(shared));
    EXPECT_PATHS(s, ".sublayers[0].table.embeddings", ".sublayers[4].table.embeddings");
    pencl_layer_free(softmax);
    pencl_layer_free(other);
}
END_TEST

START_TEST(at_keypaths)
{
    static const char *const paths[] = {".sublayers[0].delta", ".sublayers[0]", ".nowhere"};
    EXPECT_PATHS(pencl_selection_at_keypaths(instances("TransformerBlock"), paths, 3),
                 ".sublayers[1].sublayers[0]", ".sublayers[2].sublayers[0]");
    pencl_selection *s = pencl_selection_at_keypaths(all(), paths, 1);
    ck_assert(pencl_selection_is_empty(s)); /* absent ones are ignored */
    pencl_selection_free(s);
}
END_TEST

/* ---- at_children, at_pytree_leaves, at_childless ---- */

START_TEST(at_children)
{
    pencl_selection *s = pencl_selection_nth(instances("TransformerBlock"), 0);
    s = pencl_selection_at_children(s);
    EXPECT_PATHS(s, ".sublayers[1].sublayers[0]", ".sublayers[1].sublayers[1]");
    s = pencl_selection_at_children(instances("Parameter"));
    ck_assert(pencl_selection_is_empty(s)); /* leaves have none */
    pencl_selection_free(s);
}
END_TEST

START_TEST(at_pytree_leaves)
{
    pencl_selection *s = pencl_selection_at_leaves(all());
    ck_assert_int_eq(pencl_selection_count(s), 2 * 9 + 1 + 2); /* every variable, the table twice */
    for (int i = 0; i < pencl_selection_count(s); i++) {
        ck_assert_ptr_nonnull(pencl_selection_point(s, i).node.variable);
    }
    pencl_selection_free(s);
}
END_TEST

START_TEST(at_childless)
{
    pencl_selection *s = pencl_selection_nth(instances("Attention"), 0);
    s = pencl_selection_at(s, "query_key_to_attn", 0);
    s = pencl_selection_at_childless(s);
    ck_assert_int_eq(pencl_selection_count(s), 3); /* einsum, mask, softmax */
    pencl_selection_free(s);
    s = pencl_selection_at_childless(instances("Linear"));
    ck_assert_int_eq(pencl_selection_count(s), 2 * 9 + 1);
    ck_assert_ptr_nonnull(pencl_selection_point(s, 0).node.variable);
    pencl_selection_free(s);
}
END_TEST

/* ---- pick_nth_selected ---- */

START_TEST(pick_nth_selected)
{
    static const int some[] = {3, 0, -1, 0};
    EXPECT_PATHS(pencl_selection_pick_nth_selected(instances("Residual"), some, 3),
                 ".sublayers[1].sublayers[0]", ".sublayers[2].sublayers[1]");
    EXPECT_PATHS(pencl_selection_nth(instances("Residual"), -2), ".sublayers[2].sublayers[0]");
    expect_failed(pencl_selection_nth(instances("Residual"), 4), PENCL_E_ARG, "number 4 of 4");
    expect_failed(pencl_selection_nth(instances("Residual"), -5), PENCL_E_ARG, "number -5 of 4");
    expect_failed(pencl_selection_pick_nth_selected(instances("Capture"), some, 1), PENCL_E_ARG,
                  "number 3 of 0");
}
END_TEST

/* ---- errors ---- */

START_TEST(a_tree_too_deep_is_refused)
{
    pencl_layer *deep = pn_nn_identity(ctx);
    for (int i = 0; i < 80; i++) {
        deep = pn_nn_residual(ctx, deep);
    }
    pencl_selection *s = pencl_layer_select(ctx, deep);
    expect_failed(pencl_selection_at_instances_of(s, "Identity", PENCL_OUTERMOST), PENCL_E_LIMIT,
                  "the tree is deeper than 64 levels");
    pencl_layer_free(deep);
}
END_TEST

Suite *suite_penzai_selectors(void);
Suite *suite_penzai_selectors(void)
{
    Suite *suite = suite_create("penzai_selectors");
    TCase *tc = tcase_create("narrowing");
    tcase_add_checked_fixture(tc, fixture_decoder, fixture_decoder_free);
    tcase_add_test(tc, at_instances_of_counts_as_penzai);
    tcase_add_test(tc, at_instances_of_takes_the_outermost);
    tcase_add_test(tc, at_instances_of_means_subtypes_too);
    tcase_add_test(tc, at_instances_of_innermost);
    tcase_add_test(tc, at);
    tcase_add_test(tc, at_names_a_missing_field_or_index);
    tcase_add_test(tc, at_multiple);
    tcase_add_test(tc, at_subtrees_where);
    tcase_add_test(tc, a_test_sees_both_paths_and_the_number);
    tcase_add_test(tc, where);
    tcase_add_test(tc, at_equal_to);
    tcase_add_test(tc, at_keypaths);
    tcase_add_test(tc, at_children);
    tcase_add_test(tc, at_pytree_leaves);
    tcase_add_test(tc, at_childless);
    tcase_add_test(tc, pick_nth_selected);
    tcase_add_test(tc, a_tree_too_deep_is_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
