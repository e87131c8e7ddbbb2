/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's Selection, by member: the verbs that give a changed tree. */
#include "nn/nn.h"
#include "support/selecting.h"
#include "support/tree.h"

#include <check.h>

/* The node that a text selects in a tree; borrowed from the tree. */
static pencl_node node_at(pencl_layer *tree, const char *selection)
{
    pencl_node node;
    pencl_selection *s = select_text(tree, selection);
    ok(pencl_selection_get(&node, s));
    pencl_selection_free(s);
    return node;
}

static pencl_layer *layer_at(pencl_layer *tree, const char *selection)
{
    return node_at(tree, selection).layer;
}

/* ---- set ---- */

START_TEST(set_shares_what_it_leaves_alone)
{
    pencl_layer *identity = pn_nn_identity(ctx);
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//TransformerFeedForward#1");
    ok(pencl_selection_set(&changed, s, pencl_layer_node(identity)));
    pencl_selection_free(s);
    for (int i = 0; i < 5; i++) {
        pencl_layer *old = pencl_layer_child(body, "sublayers", i);
        ck_assert_int_eq(pencl_layer_child(changed, "sublayers", i) == old, i != 2);
    }
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.2/sublayers.0"),
                     layer_at(body, "/sublayers.2/sublayers.0"));
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.2/sublayers.1/delta/sublayers.1"), identity);
    ck_assert_int_eq(count_in(body, "TransformerFeedForward"), 2); /* itself unchanged */
    pencl_layer_free(changed);
    pencl_layer_free(identity);
}
END_TEST

START_TEST(set_replaces_every_node_and_even_the_root)
{
    pencl_layer *identity = pn_nn_identity(ctx);
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//Linear");
    ok(pencl_selection_set(&changed, s, pencl_layer_node(identity)));
    pencl_selection_free(s);
    ck_assert_int_eq(count_in(changed, "Identity"), 19);
    ck_assert_int_eq(count_in(changed, "Linear"), 0);
    pencl_layer_free(changed);
    s = select_text(body, "");
    ok(pencl_selection_set(&changed, s, pencl_layer_node(identity)));
    ck_assert_ptr_eq(changed, identity);
    pencl_selection_free(s);
    pencl_layer_free(changed);
    s = pencl_selection_at_instances_of(select_text(body, ""), "Capture", PENCL_OUTERMOST);
    ok(pencl_selection_set(&changed, s, pencl_layer_node(identity))); /* nothing is selected */
    ck_assert_ptr_eq(changed, body);
    pencl_selection_free(s);
    pencl_layer_free(changed);
    pencl_layer_free(identity);
}
END_TEST

START_TEST(set_puts_variables_where_variables_were)
{
    pencl_variable *shared = tree_variable(device, "shared", "embedding=8", 0);
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//RMSLayerNorm//Parameter");
    ok(pencl_selection_set(&changed, s, pencl_variable_node(shared)));
    for (int i = 0; i < pencl_selection_count(s); i++) {
        pencl_node old = pencl_selection_point(s, i).node;
        ck_assert_ptr_ne(old.variable, shared);
    }
    pencl_selection_free(s);
    ck_assert_ptr_eq(node_at(changed, "//RMSLayerNorm#-1//Parameter").variable, shared);
    pencl_layer_free(changed);
    s = select_text(body, "//RMSLayerNorm#0//Parameter");
    expect_error(pencl_selection_set(&changed, s, pencl_layer_node(body)), PENCL_E_FIELDS,
                 "Linear.weights holds a variable, a Sequential does not fit");
    pencl_selection_free(s);
    s = select_text(body, "//Linear#0");
    expect_error(pencl_selection_set(&changed, s, pencl_variable_node(shared)), PENCL_E_FIELDS,
                 "RMSLayerNorm.sublayers holds a layer, a Parameter does not fit");
    expect_error(pencl_selection_set(&changed, s, (pencl_node){0}), PENCL_E_ARG,
                 "there is no replacement for path '.sublayers[1].sublayers[0].delta.sublayers[0]");
    pencl_selection_free(s);
    s = select_text(body, "");
    expect_error(pencl_selection_set(&changed, s, pencl_variable_node(shared)), PENCL_E_FIELDS,
                 "a Parameter cannot be the root of a tree");
    ck_assert_ptr_null(changed);
    pencl_selection_free(s);
    pencl_variable_free(shared);
}
END_TEST

/* ---- apply ---- */

/* Rescales by 10 plus the number among the selected nodes, behind the old layer. */
static pencl_status rescaled(pencl_node *out, const pencl_place *place, void *seen)
{
    pn_text_add(seen, "%s\n", place->path);
    ck_assert_str_eq(place->within, "");
    out->layer = PN_NN_LIST(ctx, "Sequential", pencl_layer_ref(place->node.layer),
                            pn_nn_rescale(ctx, 10 + place->index));
    return PENCL_OK;
}

START_TEST(apply_with_keypath_and_selected_index)
{
    pn_text seen = {0};
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//Softmax");
    ok(pencl_selection_apply(&changed, s, rescaled, &seen));
#define SOFTMAX(b)                                                                                 \
    ".sublayers[" b "].sublayers[0].delta.sublayers[1].query_key_to_attn.sublayers[2]"
    ck_assert_str_eq(pn_text_get(&seen), SOFTMAX("1") "\n" SOFTMAX("2") "\n");
    for (int i = 0; i < 2; i++) {
        pencl_layer *scale =
            layer_at(changed, i == 0 ? "//Attention#0/query_key_to_attn/sublayers.2"
                                       "/sublayers.1"
                                     : "//Attention#1/query_key_to_attn/sublayers.2"
                                       "/sublayers.1");
        ck_assert_double_eq(pencl_layer_number(scale, "by"), 10 + i);
    }
    pencl_selection_free(s);
    pencl_layer_free(changed);
    pn_text_free(&seen);
}
END_TEST

START_TEST(apply_keep_selected)
{
    pn_text seen = {0};
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//Softmax");
    s = pencl_selection_apply_and_keep(s, rescaled, &seen);
    ck_assert_int_eq(pencl_selection_count(s), 2);
    ck_assert_str_eq(pencl_selection_path(s, 1), SOFTMAX("2"));
    ck_assert_str_eq(pencl_layer_type_of(pencl_selection_point(s, 1).node.layer)->name,
                     "Sequential");
    s = pencl_selection_at(pencl_selection_nth(s, 1), "sublayers", 1);
    ok(pencl_selection_deselect(&changed, s));
    ck_assert_int_eq(count_in(changed, "Softmax"), 2);
    ck_assert_ptr_ne(changed, body);
    pencl_selection_free(s);
    pencl_layer_free(changed);
    pn_text_free(&seen);
}
END_TEST

static pencl_status refuse(pencl_node *out, const pencl_place *place, void *unused)
{
    (void)out;
    (void)unused;
    return place->index == 1 ? PENCL_E_UNSUPPORTED
                             : rescaled(out, place, &(pn_text){.failed = true});
}

START_TEST(apply_stops_where_its_function_fails)
{
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//Softmax");
    expect_error(pencl_selection_apply(&changed, s, refuse, NULL), PENCL_E_UNSUPPORTED,
                 "the function failed at path '" SOFTMAX("2") "'");
    ck_assert_ptr_null(changed);
    s = pencl_selection_apply_and_keep(s, refuse, NULL);
    expect_error(pencl_selection_deselect(&changed, s), PENCL_E_UNSUPPORTED, SOFTMAX("2"));
    pencl_selection_free(s);
}
END_TEST

/* ---- by path and in order ---- */

START_TEST(set_by_path)
{
    static const char *const paths[] = {".sublayers[3]", ".sublayers[1]", ".sublayers[2]"};
    pencl_layer *by[] = {pn_nn_rescale(ctx, 3), pn_nn_rescale(ctx, 1), pn_nn_rescale(ctx, 2)};
    pencl_node nodes[] = {{.layer = by[0]}, {.layer = by[1]}, {.layer = by[2]}};
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//TransformerBlock");
    ok(pencl_selection_set_by_path(&changed, s, paths, nodes,
                                   3)); /* .sublayers[3] is not asked for */
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.1"), by[1]);
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.2"), by[2]);
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.3"), layer_at(body, "/sublayers.3"));
    pencl_layer_free(changed);
    expect_error(pencl_selection_set_by_path(&changed, s, paths, nodes, 2), PENCL_E_ARG,
                 "there is no replacement for path '.sublayers[2]'");
    pencl_selection_free(s);
    for (int i = 0; i < 3; i++) {
        pencl_layer_free(by[i]);
    }
}
END_TEST

START_TEST(select_and_set_by_path)
{
    static const char *const paths[] = {".sublayers[0].delta", ".nowhere", ".sublayers[1]"};
    pencl_layer *one = pn_nn_rescale(ctx, 1);
    pencl_layer *two = pn_nn_rescale(ctx, 2);
    pencl_node nodes[] = {{.layer = one}, {.layer = one}, {.layer = two}};
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//TransformerBlock");
    ok(pencl_selection_select_and_set_by_path(&changed, s, paths, nodes, 3));
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.1/sublayers.0/delta"), one);
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.2/sublayers.1"), two);
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.3"), layer_at(body, "/sublayers.3"));
    pencl_layer_free(changed);
    pencl_selection_free(s);
    pencl_layer_free(one);
    pencl_layer_free(two);
}
END_TEST

START_TEST(set_sequence)
{
    pencl_layer *by[] = {pn_nn_rescale(ctx, 0), pn_nn_rescale(ctx, 1), pn_nn_rescale(ctx, 2)};
    pencl_node nodes[] = {{.layer = by[0]}, {.layer = by[1]}, {.layer = by[2]}};
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//TransformerBlock");
    ok(pencl_selection_set_sequence(&changed, s, nodes,
                                    3)); /* the third is left out, as in penzai */
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.1"), by[0]);
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.2"), by[1]);
    ck_assert_int_eq(count_in(changed, "ConstantRescale"), 2);
    pencl_layer_free(changed);
    expect_error(pencl_selection_set_sequence(&changed, s, nodes, 1), PENCL_E_ARITY,
                 "1 nodes for 2 selected ones, the first without is '.sublayers[2]'");
    pencl_selection_free(s);
    for (int i = 0; i < 3; i++) {
        pencl_layer_free(by[i]);
    }
}
END_TEST

/* ---- in lists ---- */

/* As many copies as the number among the selected nodes says. */
static pencl_status repeated(pencl_layer_list *list, const pencl_place *place, void *unused)
{
    (void)unused;
    for (int i = 0; i < place->index; i++) {
        PENCL_TRY(pencl_layer_list_add(list, place->node.layer));
    }
    return PENCL_OK;
}

START_TEST(apply_and_inline)
{
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "/*");
    ok(pencl_selection_apply_and_inline(&changed, s, repeated, NULL));
    ck_assert_int_eq(pencl_layer_n_children(changed, "sublayers"), 0 + 1 + 2 + 3 + 4);
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.0"), layer_at(body, "/sublayers.1"));
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.2"), layer_at(body, "/sublayers.2"));
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.-1"), layer_at(body, "/sublayers.4"));
    pencl_layer_free(changed);
    pencl_selection_free(s);
}
END_TEST

START_TEST(insert_before_and_after)
{
    pencl_layer *identity = pn_nn_identity(ctx);
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//TransformerBlock");
    ok(pencl_selection_insert_after(&changed, s, identity));
    ck_assert_int_eq(pencl_layer_n_children(changed, "sublayers"), 7);
    for (int i = 1; i < 5; i += 2) {
        ck_assert_ptr_eq(pencl_layer_child(changed, "sublayers", i),
                         pencl_layer_child(body, "sublayers", (i + 1) / 2));
        ck_assert_ptr_eq(pencl_layer_child(changed, "sublayers", i + 1), identity);
    }
    pencl_layer_free(changed);
    ok(pencl_selection_insert_before(&changed, s, identity));
    for (int i = 1; i < 5; i += 2) {
        ck_assert_ptr_eq(pencl_layer_child(changed, "sublayers", i), identity);
        ck_assert_ptr_eq(pencl_layer_child(changed, "sublayers", i + 1),
                         pencl_layer_child(body, "sublayers", (i + 1) / 2));
    }
    pencl_layer_free(changed);
    pencl_selection_free(s);
    pencl_layer_free(identity);
}
END_TEST

START_TEST(insert_and_select)
{
    pencl_layer *identity = pn_nn_identity(ctx);
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//Softmax|TransformerFeedForward");
    s = pencl_selection_insert_after_and_select(s, identity);
    ck_assert_int_eq(pencl_selection_count(s), 4);
    ck_assert_str_eq(
        pencl_selection_path(s, 0),
        ".sublayers[1].sublayers[0].delta.sublayers[1].query_key_to_attn.sublayers[3]");
    ck_assert_str_eq(pencl_selection_path(s, 3), ".sublayers[2].sublayers[1].delta.sublayers[2]");
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_eq(pencl_selection_point(s, i).node.layer, identity);
    }
    pencl_selection_free(s);
    s = pencl_selection_insert_before_and_select(select_text(body, "//TransformerBlock"), identity);
    ck_assert_str_eq(pencl_selection_path(s, 0), ".sublayers[1]");
    ck_assert_str_eq(pencl_selection_path(s, 1), ".sublayers[3]"); /* after the first one's */
    ok(pencl_selection_deselect(&changed, s));
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.3"), identity);
    pencl_selection_free(s);
    pencl_layer_free(changed);
    pencl_layer_free(identity);
}
END_TEST

START_TEST(remove_from_parent)
{
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//TransformerBlock");
    ok(pencl_selection_remove_from_parent(&changed, s));
    ck_assert_int_eq(pencl_layer_n_children(changed, "sublayers"), 3);
    ck_assert_ptr_eq(layer_at(changed, "/sublayers.1"), layer_at(body, "/sublayers.3"));
    pencl_layer_free(changed);
    pencl_selection_free(s);
    s = select_text(body, "/sublayers");
    ok(pencl_selection_remove_from_parent(&changed, s));
    ck_assert_int_eq(pencl_layer_flatten(changed, NULL, 0), 0);
    pencl_layer_free(changed);
    pencl_selection_free(s);
}
END_TEST

START_TEST(lists_only_can_grow_or_shrink)
{
    pencl_layer *out = NULL;
    pencl_layer *identity = pn_nn_identity(ctx);
    pencl_selection *s = select_text(body, "//Residual/delta");
    static const char rule[] =
        "apply_and_inline requires all selected nodes to be children of lists, but the node at "
        "path .sublayers[1].sublayers[0].delta was contained in a node of type Residual";
    expect_error(pencl_selection_insert_after(&out, s, identity), PENCL_E_ARG, rule);
    expect_error(pencl_selection_insert_before(&out, s, identity), PENCL_E_ARG, rule);
    expect_error(pencl_selection_remove_from_parent(&out, s), PENCL_E_ARG, rule);
    expect_error(pencl_selection_apply_and_inline(&out, s, repeated, NULL), PENCL_E_ARG, rule);
    s = pencl_selection_insert_after_and_select(s, identity);
    expect_error(pencl_selection_deselect(&out, s), PENCL_E_ARG, rule);
    pencl_selection_free(s);
    s = select_text(body, "");
    expect_error(pencl_selection_insert_after(&out, s, identity), PENCL_E_ARG,
                 "but the root node was selected");
    pencl_selection_free(s);
    s = select_text(body, "//TransformerBlock");
    expect_error(pencl_selection_insert_after(&out, s, NULL), PENCL_E_ARG, "no layer to add");
    ck_assert_ptr_null(out);
    pencl_selection_free(s);
    pencl_layer_free(identity);
}
END_TEST

/* ---- capture ---- */

START_TEST(capture_wraps_the_node)
{
    pencl_layer *changed = NULL;
    pencl_selection *s = select_text(body, "//Softmax#0");
    ok(pencl_selection_capture(&changed, s, "attn"));
    pencl_layer *capture = layer_at(changed, "//Capture");
    ck_assert_str_eq(pencl_layer_text(capture, "name"), "attn");
    ck_assert_ptr_eq(pencl_layer_child(capture, "layer", 0), layer_at(body, "//Softmax#0"));
    pencl_layer_free(changed);
    s = pencl_selection_before(s);
    ok(pencl_selection_capture(&changed, s, "scores")); /* what enters it */
    capture = layer_at(changed, "//Capture");
    ck_assert_str_eq(pencl_layer_type_of(pencl_layer_child(capture, "layer", 0))->name, "Identity");
    ck_assert_int_eq(count_in(changed, "Softmax"), 2);
    pencl_layer_free(changed);
    pencl_selection_free(s);
    s = select_text(body, "//Softmax");
    expect_error(pencl_selection_capture(&changed, s, "attn"), PENCL_E_ARITY, "but there are 2");
    pencl_selection_free(s);
    s = select_text(body, "//Parameter#0");
    expect_error(pencl_selection_capture(&changed, s, "w"), PENCL_E_ARG,
                 "a Parameter is not computed");
    ck_assert_ptr_null(changed);
    pencl_selection_free(s);
}
END_TEST

START_TEST(memory_running_out_leaks_nothing)
{
    pencl_layer *identity = pn_nn_identity(ctx);
    for (long n = 1; n < 300; n++) {
        pencl_layer *changed = NULL;
        pn_alloc_fail_at(n);
        pencl_selection *s = pencl_select_text(ctx, body, "//Attention");
        pencl_status status = pencl_selection_insert_after(&changed, s, identity);
        pn_alloc_fail_at(0);
        ck_assert_int_eq(status == PENCL_OK, changed != NULL);
        pencl_selection_free(s);
        pencl_layer_free(changed);
    }
    pencl_layer_free(identity);
}
END_TEST

Suite *suite_penzai_changes(void);
Suite *suite_penzai_changes(void)
{
    Suite *suite = suite_create("penzai_changes");
    TCase *tc = tcase_create("changing");
    tcase_add_checked_fixture(tc, fixture_decoder, fixture_decoder_free);
    tcase_add_test(tc, set_shares_what_it_leaves_alone);
    tcase_add_test(tc, set_replaces_every_node_and_even_the_root);
    tcase_add_test(tc, set_puts_variables_where_variables_were);
    tcase_add_test(tc, apply_with_keypath_and_selected_index);
    tcase_add_test(tc, apply_keep_selected);
    tcase_add_test(tc, apply_stops_where_its_function_fails);
    tcase_add_test(tc, set_by_path);
    tcase_add_test(tc, select_and_set_by_path);
    tcase_add_test(tc, set_sequence);
    tcase_add_test(tc, apply_and_inline);
    tcase_add_test(tc, insert_before_and_after);
    tcase_add_test(tc, insert_and_select);
    tcase_add_test(tc, remove_from_parent);
    tcase_add_test(tc, lists_only_can_grow_or_shrink);
    tcase_add_test(tc, capture_wraps_the_node);
    tcase_add_test(tc, memory_running_out_leaks_nothing);
    suite_add_tcase(suite, tc);
    return suite;
}
