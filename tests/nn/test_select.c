/* SPDX-License-Identifier: Apache-2.0 */
/* Selections: paths, counts, errors, and changed copies that share what stays. */
#include "nn/nn.h"
#include "support/tree.h"

#include <check.h>
#include <string.h>

static pencl_ctx *ctx;
static pencl_device *device;
static pencl_layer *body; /* a decoder of two blocks */

static void setup(void)
{
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(ctx);
    ck_assert_int_eq(pencl_device_open(&device, ctx, "ref"), PENCL_OK);
    body = tree_decoder(device, 2);
}

static void teardown(void)
{
    pencl_layer_free(body);
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

static pencl_selection *instances(const char *type)
{
    return pencl_selection_at_instances_of(pencl_select(ctx, body), type);
}

static int count_of(const char *type)
{
    pencl_selection *s = instances(type);
    int n = pencl_selection_count(s);
    pencl_selection_free(s);
    return n;
}

/* ---- narrowing ---- */

START_TEST(counts_are_those_of_the_outermost_nodes)
{
    ck_assert_int_eq(count_of("TransformerBlock"), 2);
    ck_assert_int_eq(count_of("Softmax"), 2);
    ck_assert_int_eq(count_of("Linear"), 2 * 9 + 1); /* the scales of norms are Linear too */
    ck_assert_int_eq(count_of("EmbeddingTable"), 2);
    ck_assert_int_eq(count_of("Sequential"), 1); /* the body itself */
    ck_assert_int_eq(count_of("Capture"), 0);
}
END_TEST

START_TEST(sequential_means_its_subtypes_too)
{
    pencl_selection *s = pencl_selection_at(pencl_select(ctx, body), "sublayers", 1);
    s = pencl_selection_at_instances_of(s, "Sequential");
    ck_assert_int_eq(pencl_selection_count(s), 1);
    pencl_layer *block = NULL;
    ok(pencl_selection_get(&block, s));
    ck_assert_str_eq(pencl_layer_type_of(block)->name, "TransformerBlock");
    pencl_selection_free(s);
}
END_TEST

START_TEST(paths_are_penzais)
{
    pencl_selection *s = instances("Attention");
    ck_assert_str_eq(pencl_selection_path(s, 0), ".sublayers[1].sublayers[0].delta.sublayers[1]");
    ck_assert_str_eq(pencl_selection_path(s, 1), ".sublayers[2].sublayers[0].delta.sublayers[1]");
    ck_assert_ptr_null(pencl_selection_path(s, 2));
    s = pencl_selection_at(pencl_selection_nth(s, -1), "input_to_query", 0);
    s = pencl_selection_at(s, "sublayers", -1);
    ck_assert_str_eq(pencl_selection_path(s, 0), ".sublayers[2].sublayers[0].delta.sublayers[1]"
                                                 ".input_to_query.sublayers[2]");
    pencl_selection_free(s);
    s = pencl_select(ctx, body);
    ck_assert_str_eq(pencl_selection_path(s, 0), "");
    pencl_selection_free(s);
}
END_TEST

/* ---- errors ---- */

START_TEST(the_first_error_stays_until_a_verb_returns_it)
{
    pencl_layer *out = NULL;
    pencl_selection *s = pencl_selection_nth(instances("Attention"), 2);
    s = pencl_selection_at(s, "nothing", 0);
    ck_assert_int_eq(pencl_selection_count(s), 0);
    expect_error(pencl_selection_get(&out, s), PENCL_E_ARG, "number 2 of 2");
    expect_error(pencl_selection_set(&out, s, body), PENCL_E_ARG, "number 2 of 2");
    ck_assert_ptr_null(out);
    pencl_selection_free(s);
}
END_TEST

START_TEST(a_missing_field_or_index_is_named)
{
    pencl_layer *out = NULL;
    pencl_selection *s = pencl_selection_at(instances("TransformerBlock"), "delta", 0);
    expect_error(pencl_selection_get(&out, s), PENCL_E_FIELDS,
                 "TransformerBlock at path '.sublayers[1]' has no layers in a field 'delta'");
    pencl_selection_free(s);
    s = pencl_selection_at(instances("TransformerBlock"), "sublayers", 2);
    expect_error(pencl_selection_get(&out, s), PENCL_E_ARG, "has 2 layers in 'sublayers'");
    pencl_selection_free(s);
    s = pencl_selection_at(instances("NamedGroup"), "name", 0); /* static fields are not reached */
    expect_error(pencl_selection_get(&out, s), PENCL_E_FIELDS, "'name'");
    pencl_selection_free(s);
    s = pencl_select(ctx, NULL);
    expect_error(pencl_selection_get(&out, s), PENCL_E_ARG, "no tree");
    pencl_selection_free(s);
    ck_assert_ptr_null(pencl_selection_nth(NULL, 0));
}
END_TEST

START_TEST(get_and_capture_need_exactly_one_node)
{
    pencl_layer *out = NULL;
    pencl_selection *s = instances("Softmax");
    expect_error(pencl_selection_get(&out, s), PENCL_E_ARITY, "but there are 2");
    expect_error(pencl_selection_capture(&out, s, "attn"), PENCL_E_ARITY, "but there are 2");
    pencl_selection_free(s);
}
END_TEST

START_TEST(insert_after_needs_a_list)
{
    pencl_layer *out = NULL;
    pencl_layer *identity = pn_nn_identity(ctx);
    pencl_selection *s = pencl_selection_at(instances("Residual"), "delta", 0);
    expect_error(pencl_selection_insert_after(&out, s, identity), PENCL_E_ARG,
                 "children of lists, but the node at path .sublayers[1].sublayers[0].delta was "
                 "contained in a node of type Residual");
    pencl_selection_free(s);
    s = pencl_select(ctx, body);
    expect_error(pencl_selection_insert_after(&out, s, identity), PENCL_E_ARG,
                 "but the root node was selected");
    pencl_selection_free(s);
    pencl_layer_free(identity);
}
END_TEST

/* ---- changing ---- */

START_TEST(set_shares_what_it_leaves_alone)
{
    pencl_layer *identity = pn_nn_identity(ctx);
    pencl_layer *changed = NULL;
    pencl_selection *s = pencl_selection_nth(instances("TransformerFeedForward"), 1);
    ok(pencl_selection_set(&changed, s, identity));
    pencl_selection_free(s);
    for (int i = 0; i < 5; i++) {
        pencl_layer *old = pencl_layer_child(body, "sublayers", i);
        ck_assert_int_eq(pencl_layer_child(changed, "sublayers", i) == old, i != 2);
    }
    s = pencl_selection_at_instances_of(pencl_select(ctx, changed), "Identity");
    pencl_layer *found = NULL;
    ok(pencl_selection_get(&found, s));
    ck_assert_ptr_eq(found, identity);
    ck_assert_str_eq(pencl_selection_path(s, 0), ".sublayers[2].sublayers[1].delta.sublayers[1]");
    pencl_selection_free(s);
    ck_assert_int_eq(count_of("TransformerFeedForward"), 2); /* the tree itself is unchanged */
    pencl_layer_free(changed);
    pencl_layer_free(identity);
}
END_TEST

START_TEST(set_replaces_every_node_and_even_the_root)
{
    pencl_layer *identity = pn_nn_identity(ctx);
    pencl_layer *changed = NULL;
    pencl_selection *s = instances("Linear");
    ok(pencl_selection_set(&changed, s, identity));
    pencl_selection_free(s);
    s = pencl_selection_at_instances_of(pencl_select(ctx, changed), "Identity");
    ck_assert_int_eq(pencl_selection_count(s), 19);
    pencl_selection_free(s);
    pencl_layer_free(changed);
    s = pencl_select(ctx, body);
    ok(pencl_selection_set(&changed, s, identity));
    ck_assert_ptr_eq(changed, identity);
    pencl_selection_free(s);
    pencl_layer_free(changed);
    s = instances("Capture");
    ok(pencl_selection_set(&changed, s, identity)); /* nothing selected: the same tree */
    ck_assert_ptr_eq(changed, body);
    pencl_selection_free(s);
    pencl_layer_free(changed);
    pencl_layer_free(identity);
}
END_TEST

START_TEST(insert_after_lengthens_the_lists)
{
    pencl_layer *identity = pn_nn_identity(ctx);
    pencl_layer *changed = NULL;
    pencl_selection *s = instances("TransformerBlock");
    ok(pencl_selection_insert_after(&changed, s, identity));
    pencl_selection_free(s);
    ck_assert_int_eq(pencl_layer_n_children(changed, "sublayers"), 7);
    for (int i = 1; i < 5; i += 2) {
        ck_assert_ptr_eq(pencl_layer_child(changed, "sublayers", i),
                         pencl_layer_child(body, "sublayers", (i + 1) / 2));
        ck_assert_ptr_eq(pencl_layer_child(changed, "sublayers", i + 1), identity);
    }
    pencl_layer_free(changed);
    pencl_layer_free(identity);
}
END_TEST

START_TEST(capture_wraps_the_node)
{
    pencl_layer *changed = NULL;
    pencl_selection *s = pencl_selection_nth(instances("Softmax"), 0);
    pencl_layer *softmax = NULL;
    ok(pencl_selection_get(&softmax, s));
    ok(pencl_selection_capture(&changed, s, "attn"));
    pencl_selection_free(s);
    s = pencl_selection_at_instances_of(pencl_select(ctx, changed), "Capture");
    pencl_layer *capture = NULL;
    ok(pencl_selection_get(&capture, s));
    ck_assert_str_eq(pencl_layer_text(capture, "name"), "attn");
    ck_assert_ptr_eq(pencl_layer_child(capture, "layer", 0), softmax);
    pencl_selection_free(s);
    pencl_layer_free(changed);
}
END_TEST

START_TEST(memory_running_out_leaks_nothing)
{
    pencl_layer *identity = pn_nn_identity(ctx);
    for (long n = 1; n < 60; n++) {
        pencl_layer *changed = NULL;
        pn_alloc_fail_at(n);
        pencl_selection *s = instances("Attention");
        pencl_status status = pencl_selection_insert_after(&changed, s, identity);
        pn_alloc_fail_at(0);
        ck_assert_int_eq(status == PENCL_OK, changed != NULL);
        ck_assert(status == PENCL_OK || status == PENCL_E_NOMEM || s == NULL);
        pencl_selection_free(s);
        pencl_layer_free(changed);
    }
    pencl_layer_free(identity);
}
END_TEST

Suite *suite_nn_select(void);
Suite *suite_nn_select(void)
{
    Suite *suite = suite_create("nn_select");
    TCase *tc = tcase_create("selections");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, counts_are_those_of_the_outermost_nodes);
    tcase_add_test(tc, sequential_means_its_subtypes_too);
    tcase_add_test(tc, paths_are_penzais);
    tcase_add_test(tc, the_first_error_stays_until_a_verb_returns_it);
    tcase_add_test(tc, a_missing_field_or_index_is_named);
    tcase_add_test(tc, get_and_capture_need_exactly_one_node);
    tcase_add_test(tc, insert_after_needs_a_list);
    tcase_add_test(tc, set_shares_what_it_leaves_alone);
    tcase_add_test(tc, set_replaces_every_node_and_even_the_root);
    tcase_add_test(tc, insert_after_lengthens_the_lists);
    tcase_add_test(tc, capture_wraps_the_node);
    tcase_add_test(tc, memory_running_out_leaks_nothing);
    suite_add_tcase(suite, tc);
    return suite;
}
