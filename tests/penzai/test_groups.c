/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's inline_groups: groups in groups give way to their own layers. */
#include "nn/nn.h"
#include "support/fixture.h"
#include "support/tree.h"

#include <check.h>
#include <string.h>

static pencl_layer *by(double factor)
{
    return pn_nn_rescale(ctx, factor);
}

/* The two are equal; both are freed. */
static void expect_equal(pencl_layer *got, pencl_layer *want)
{
    pencl_status status = PENCL_OK;
    char *shown = NULL;
    if (!pencl_layer_equal(got, want)) {
        status = pencl_layer_print(&shown, ctx, got);
    }
    ck_assert_msg(status == PENCL_OK && shown == NULL, "%s", shown);
    pencl_layer_free(got);
    pencl_layer_free(want);
}

static pencl_layer *flat(pencl_layer *tree)
{
    pencl_layer *out = NULL;
    ok(pencl_layer_inline_anonymous_sequentials(&out, ctx, tree));
    pencl_layer_free(tree);
    return out;
}

START_TEST(anonymous_sequentials_give_way_at_every_depth)
{
    pencl_layer *inner = PN_NN_LIST(ctx, "Sequential", by(2), PN_NN_LIST(ctx, "Sequential", by(3)));
    pencl_layer *tree = PN_NN_LIST(ctx, "Sequential", by(1), inner, by(4));
    expect_equal(flat(tree), PN_NN_LIST(ctx, "Sequential", by(1), by(2), by(3), by(4)));
    expect_equal(flat(PN_NN_LIST(ctx, "Sequential", pn_nn_list(ctx, "Sequential", NULL, 0))),
                 pn_nn_list(ctx, "Sequential", NULL, 0));
}
END_TEST

/* Kinds of Sequential and named groups take layers in, but stay themselves. */
START_TEST(other_groups_stay)
{
    pencl_layer *block =
        PN_NN_LIST(ctx, "TransformerBlock", PN_NN_LIST(ctx, "Sequential", by(1), by(2)));
    pencl_layer *tree = PN_NN_NAMED_GROUP(ctx, "all", block, PN_NN_LIST(ctx, "Sequential", by(3)));
    pencl_layer *want =
        PN_NN_NAMED_GROUP(ctx, "all", PN_NN_LIST(ctx, "TransformerBlock", by(1), by(2)), by(3));
    expect_equal(flat(tree), want);
}
END_TEST

/* What is no group keeps its Sequential, which is made flat inside. */
START_TEST(other_parents_keep_theirs)
{
    pencl_layer *two = PN_NN_LIST(ctx, "Sequential", PN_NN_LIST(ctx, "Sequential", by(2)), by(3));
    expect_equal(flat(pn_nn_residual(ctx, two)),
                 pn_nn_residual(ctx, PN_NN_LIST(ctx, "Sequential", by(2), by(3))));
    pencl_layer *branch = PN_NN_LIST(ctx, "Sequential", by(2));
    expect_equal(
        flat(PN_NN_LIST(ctx, "BranchAndAddTogether", branch, by(1))),
        PN_NN_LIST(ctx, "BranchAndAddTogether", PN_NN_LIST(ctx, "Sequential", by(2)), by(1)));
}
END_TEST

static int is_named(const pencl_layer *layer, void *name)
{
    const char *own = pencl_layer_text(layer, "name");
    return own != NULL && strcmp(own, name) == 0;
}

static int is_block(const pencl_layer *layer, void *unused)
{
    (void)unused;
    return strcmp(pencl_layer_type_of(layer)->name, "TransformerBlock") == 0;
}

START_TEST(tests_choose_parents_and_children)
{
    pencl_layer *gate = PN_NN_NAMED_GROUP(ctx, "gate", by(1), by(2));
    pencl_layer *other = PN_NN_NAMED_GROUP(ctx, "other", pencl_layer_ref(gate), by(3));
    pencl_layer *block = PN_NN_LIST(ctx, "TransformerBlock", pencl_layer_ref(gate), other);
    pencl_layer *out = NULL;
    ok(pencl_layer_inline_groups(&out, ctx, block, is_block, is_named, (void *)"gate"));
    expect_equal(out, PN_NN_LIST(ctx, "TransformerBlock", by(1), by(2),
                                 PN_NN_NAMED_GROUP(ctx, "other", pencl_layer_ref(gate), by(3))));
    ok(pencl_layer_inline_groups(&out, ctx, block, pencl_layer_is_group, is_named, (void *)"gate"));
    expect_equal(out, PN_NN_LIST(ctx, "TransformerBlock", by(1), by(2),
                                 PN_NN_NAMED_GROUP(ctx, "other", by(1), by(2), by(3))));
    pencl_layer_free(block);
    pencl_layer_free(gate);
}
END_TEST

START_TEST(what_stays_is_shared)
{
    pencl_layer *body = tree_decoder(device, 2);
    pencl_layer *same = NULL;
    ok(pencl_layer_inline_anonymous_sequentials(&same, ctx, body)); /* none is in a group */
    ck_assert_ptr_eq(same, body);
    pencl_layer_free(same);
    pencl_layer *around = PN_NN_LIST(ctx, "Sequential", by(1), pencl_layer_ref(body));
    ok(pencl_layer_inline_anonymous_sequentials(&same, ctx, around));
    ck_assert_int_eq(pencl_layer_n_children(same, "sublayers"), 6);
    for (int i = 0; i < 5; i++) {
        ck_assert_ptr_eq(pencl_layer_child(same, "sublayers", i + 1),
                         pencl_layer_child(body, "sublayers", i));
    }
    pencl_layer_free(same);
    pencl_layer_free(around);
    pencl_layer_free(body);
    ck_assert_int_eq(pencl_layer_inline_anonymous_sequentials(&same, ctx, NULL), PENCL_E_ARG);
    ck_assert_ptr_null(same);
}
END_TEST

START_TEST(groups_are_told_apart)
{
    static const struct {
        const char *type;
        int group;
        int anonymous;
    } rows[] = {{"Sequential", 1, 1}, {"TransformerBlock", 1, 0}, {"BranchAndAddTogether", 0, 0}};
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        pencl_layer *layer = pn_nn_list(ctx, rows[i].type, NULL, 0);
        ck_assert_int_eq(pencl_layer_is_group(layer, NULL), rows[i].group);
        ck_assert_int_eq(pencl_layer_is_anonymous_sequential(layer, NULL), rows[i].anonymous);
        pencl_layer_free(layer);
    }
    pencl_layer *named = PN_NN_NAMED_GROUP(ctx, "g", by(1));
    pencl_layer *checked = NULL;
    const pencl_attribute given[] = {
        {.name = "input_like", .kind = PENCL_FIELD_TEXT, .text = "{**B}"},
        {.name = "output_like", .kind = PENCL_FIELD_TEXT, .text = "{**B}"},
        {.name = "sublayers", .kind = PENCL_FIELD_LAYERS, .layers = &named, .n = 1}};
    ok(pencl_layer_from_attributes(&checked, ctx, pencl_layer_type_named("CheckedSequential"),
                                   given, 3));
    ck_assert_int_eq(pencl_layer_is_group(named, NULL), 1);
    ck_assert_int_eq(pencl_layer_is_group(checked, NULL), 1);
    ck_assert_int_eq(pencl_layer_is_anonymous_sequential(checked, NULL), 0);
    pencl_layer_free(checked);
    pencl_layer_free(named);
}
END_TEST

START_TEST(memory_running_out_leaks_nothing)
{
    pencl_layer *inner = PN_NN_LIST(ctx, "Sequential", by(2), PN_NN_LIST(ctx, "Sequential", by(3)));
    pencl_layer *tree = PN_NN_LIST(ctx, "Sequential", by(1), inner, pn_nn_residual(ctx, by(4)));
    for (long n = 1; n < 60; n++) {
        pencl_layer *out = NULL;
        pn_alloc_fail_at(n);
        pencl_status status = pencl_layer_inline_anonymous_sequentials(&out, ctx, tree);
        pn_alloc_fail_at(0);
        ck_assert_int_eq(status == PENCL_OK, out != NULL);
        ck_assert(status == PENCL_OK || status == PENCL_E_NOMEM);
        pencl_layer_free(out);
    }
    pencl_layer_free(tree);
}
END_TEST

Suite *suite_penzai_groups(void);
Suite *suite_penzai_groups(void)
{
    Suite *suite = suite_create("penzai_groups");
    TCase *tc = tcase_create("groups");
    tcase_add_checked_fixture(tc, fixture_ref, fixture_close);
    tcase_add_test(tc, anonymous_sequentials_give_way_at_every_depth);
    tcase_add_test(tc, other_groups_stay);
    tcase_add_test(tc, other_parents_keep_theirs);
    tcase_add_test(tc, tests_choose_parents_and_children);
    tcase_add_test(tc, what_stays_is_shared);
    tcase_add_test(tc, groups_are_told_apart);
    tcase_add_test(tc, memory_running_out_leaks_nothing);
    suite_add_tcase(suite, tc);
    return suite;
}
