/* SPDX-License-Identifier: Apache-2.0 */
/* What every penzai Layer inherits from Struct, by member: attributes_dict, from_attributes,
 * key_for_field, select, tree_flatten and its kin. The others are in test_appearance.c. */
#include "nn/nn.h"
#include "support/attributes.h"
#include "support/fixture.h"
#include "support/tree.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static pencl_layer *linear(const char *label)
{
    return pn_nn_linear(ctx, tree_variable(device, label, "neurons=3 embedding=2", 1), "embedding",
                        "neurons");
}

/* A stack of five layers along "blocks". */
static pencl_layer *stack(pencl_layer *sublayer)
{
    const pencl_attribute given[] = {
        {.name = "stacked_sublayers", .kind = PENCL_FIELD_LAYER, .layers = &sublayer, .n = 1},
        given_text("stack_axis", "blocks"),
        given_number("stack_axis_size", 5)};
    pencl_layer *layer = make_layer("LayerStack", given, 3);
    pencl_layer_free(sublayer);
    return layer;
}

/* ---- attributes_dict ---- */

START_TEST(attributes_dict)
{
    pencl_layer *layer = linear("l.weights");
    int n = 0;
    const pencl_attribute *a = pencl_layer_attributes(layer, &n);
    ck_assert_int_eq(n, 3); /* in the order of declaration, static fields too */
    ck_assert_str_eq(a[0].name, "weights");
    ck_assert_ptr_eq(a[0].variable, pencl_layer_variable(layer, "weights"));
    ck_assert_str_eq(a[1].name, "in_axis_names");
    ck_assert_str_eq(a[1].axes[0].name, "embedding");
    ck_assert_str_eq(a[2].name, "out_axis_names");
    ck_assert_int_eq(a[2].n, 1);
    pencl_layer *again = NULL;
    ok(pencl_layer_from_attributes(&again, ctx, pencl_layer_type_of(layer), a, n));
    ck_assert(pencl_layer_equal(again, layer));
    pencl_layer_free(again);
    pencl_layer_free(layer);
}
END_TEST

/* ---- from_attributes ---- */

START_TEST(from_attributes)
{
    const pencl_attribute given[] = {
        /* in any order */
        given_number("scale_factor", 8), given_text("positions_input_name", "token_positions"),
        given_number("max_wavelength", 1e4), given_text("embedding_axis", "projection")};
    pencl_layer *layer = make_layer("ApplyRoPE", given, 4);
    int n = 0;
    ck_assert_str_eq(pencl_layer_attributes(layer, &n)[0].name, "embedding_axis");
    ck_assert_int_eq(n, 4);
    ck_assert_str_eq(pencl_layer_text(layer, "embedding_axis"), "projection");
    ck_assert_double_eq(pencl_layer_number(layer, "scale_factor"), 8);
    pencl_layer_free(layer);
}
END_TEST

START_TEST(from_attributes_lists_both_sets_of_names)
{
    const pencl_layer_type *type = pencl_layer_type_named("RMSStandardize");
    const pencl_attribute given[] = {given_number("eps", 1e-6), given_text("along", "embedding")};
    pencl_layer *layer = NULL;
    expect_error(pencl_layer_from_attributes(&layer, ctx, type, given, 2), PENCL_E_FIELDS,
                 "expected {across, epsilon}, got {along, eps}");
    ck_assert_ptr_null(layer);
    expect_error(pencl_layer_from_attributes(&layer, ctx, type, given, 1), PENCL_E_FIELDS,
                 "got {eps}");
    expect_error(pencl_layer_from_attributes(&layer, ctx, type, NULL, 0), PENCL_E_FIELDS, "got {}");
}
END_TEST

/* penzai takes any value; here a field has a kind. */
START_TEST(from_attributes_needs_values_of_the_fields_kinds)
{
    pencl_layer *layer = NULL;
    pencl_attribute by = given_text("by", "two");
    const pencl_layer_type *type = pencl_layer_type_named("ConstantRescale");
    expect_error(pencl_layer_from_attributes(&layer, ctx, type, &by, 1), PENCL_E_FIELDS,
                 "ConstantRescale.by");
    pencl_layer *none = NULL;
    pencl_attribute delta = {.name = "delta", .kind = PENCL_FIELD_LAYER, .layers = &none};
    type = pencl_layer_type_named("Residual");
    expect_error(pencl_layer_from_attributes(&layer, ctx, type, &delta, 1), PENCL_E_ARG,
                 "Residual.delta");
}
END_TEST

/* dataclasses.replace */
START_TEST(replace)
{
    pencl_layer *rope = pn_nn_rope(ctx, 1e4, 1, 0);
    pencl_attribute changes[] = {given_number("max_wavelength", 500),
                                 given_number("scale_factor", 2)};
    pencl_layer *changed = NULL;
    ok(pencl_layer_replace(&changed, ctx, rope, changes, 2));
    ck_assert_double_eq(pencl_layer_number(changed, "max_wavelength"), 500);
    ck_assert_double_eq(pencl_layer_number(changed, "scale_factor"), 2);
    ck_assert_str_eq(pencl_layer_text(changed, "embedding_axis"), "projection");
    ck_assert_double_eq(pencl_layer_number(rope, "max_wavelength"), 1e4);
    pencl_layer_free(changed);
    changes[1].name = "scale";
    expect_error(pencl_layer_replace(&changed, ctx, rope, changes, 2), PENCL_E_FIELDS,
                 "ApplyRoPE has no field 'scale'");
    ck_assert_ptr_null(changed);
    pencl_layer_free(rope);
}
END_TEST

/* ---- key_for_field ---- */

static void expect_key(const pencl_key *key, const char *printed)
{
    char out[64];
    ck_assert_uint_eq(pencl_key_print(out, sizeof out, key), strlen(printed));
    ck_assert_str_eq(out, printed);
}

START_TEST(key_for_field)
{
    pencl_layer *group = PN_NN_LIST(ctx, "Sequential", pn_nn_identity(ctx));
    pencl_key key = pencl_layer_key_for_field(group, "sublayers");
    expect_key(&key, ".sublayers");
    ck_assert_ptr_null(key.stack_axis);
    key =
        pencl_layer_key_for_field(group, "whatever"); /* as in penzai, nobody asks whether it is */
    expect_key(&key, ".whatever");
    pencl_layer_free(group);
}
END_TEST

START_TEST(key_for_field_of_a_stack_tells_its_axis)
{
    pencl_layer *layer = stack(pn_nn_identity(ctx));
    pencl_key key = pencl_layer_key_for_field(layer, "stacked_sublayers");
    expect_key(&key, ".stacked_sublayers");
    ck_assert_str_eq(key.stack_axis, "blocks");
    ck_assert_int_eq(key.stack_axis_size, 5);
    pencl_layer_free(layer);
}
END_TEST

/* ---- select ---- */

START_TEST(select_is_the_whole_tree)
{
    pencl_layer *body = tree_decoder(device, 1);
    pencl_selection *s = pencl_layer_select(ctx, body);
    pencl_node node;
    ok(pencl_selection_get(&node, s));
    ck_assert_ptr_eq(node.layer, body);
    ck_assert_str_eq(pencl_selection_path(s, 0), "");
    ck_assert_int_eq(pencl_selection_count(s), 1);
    pencl_selection_free(s);
    pencl_layer_free(body);
}
END_TEST

/* ---- tree_flatten ---- */

START_TEST(tree_flatten)
{
    pencl_node children[4] = {{0}};
    pencl_layer *one = linear("one.weights");
    pencl_layer *two = linear("two.weights");
    pencl_layer *group = PN_NN_LIST(ctx, "Sequential", pencl_layer_ref(one), pencl_layer_ref(two));
    ck_assert_int_eq(pencl_layer_flatten(group, children, 4), 2);
    ck_assert_ptr_eq(children[0].layer, one);
    ck_assert_ptr_eq(children[1].layer, two);
    ck_assert_int_eq(pencl_layer_flatten(one, children, 4), 1); /* static fields are no children */
    ck_assert_ptr_null(children[0].layer);
    ck_assert_ptr_eq(children[0].variable, pencl_layer_variable(one, "weights"));
    ck_assert_ptr_eq(children[1].layer, two); /* no more was written */
    ck_assert_int_eq(pencl_layer_flatten(group, children + 1, 1),
                     2); /* nor where there is no room */
    ck_assert_ptr_eq(children[1].layer, one);
    ck_assert_ptr_null(children[2].layer);
    ck_assert_int_eq(pencl_layer_flatten(group, NULL, 0), 2);
    pencl_layer_free(one);
    pencl_layer_free(two);
    pencl_layer_free(group);
}
END_TEST

START_TEST(tree_flatten_with_keys)
{
    pencl_node children[8];
    pencl_key keys[8];
    pencl_layer *body = tree_decoder(device, 1);
    ck_assert_int_eq(pencl_layer_flatten_with_keys(body, children, keys, 8), 4);
    for (int i = 0; i < 4; i++) {
        char want[32];
        snprintf(want, sizeof want, ".sublayers[%d]", i);
        expect_key(&keys[i], want);
        ck_assert_ptr_eq(children[i].layer, pencl_layer_child(body, "sublayers", i));
    }
    pencl_selection *s = pencl_select_text(ctx, body, "//Attention");
    pencl_node attention;
    ok(pencl_selection_get(&attention, s));
    ck_assert_int_eq(pencl_layer_flatten_with_keys(attention.layer, children, keys, 8), 5);
    expect_key(&keys[0], ".input_to_query");
    expect_key(&keys[4], ".attn_value_to_output");
    pencl_selection_free(s);
    pencl_layer *stacked = stack(pn_nn_identity(ctx));
    ck_assert_int_eq(pencl_layer_flatten_with_keys(stacked, NULL, keys, 8), 1);
    ck_assert_str_eq(keys[0].stack_axis, "blocks");
    pencl_layer_free(stacked);
    pencl_layer_free(body);
}
END_TEST

/* ---- tree_unflatten ---- */

/* unflatten(flatten(x)) == x, all the way down. */
static void expect_law(pencl_layer *layer)
{
    pencl_node children[64];
    pencl_layer *again = NULL;
    int n = pencl_layer_flatten(layer, children, 64);
    ok(pencl_layer_unflatten(&again, ctx, layer, children, n));
    ck_assert(pencl_layer_equal(again, layer));
    ck_assert_ptr_ne(again, layer);
    pencl_layer_free(again);
    for (int i = 0; i < n; i++) {
        if (children[i].layer != NULL) {
            expect_law(children[i].layer);
        }
    }
}

START_TEST(tree_unflatten)
{
    pencl_layer *body = tree_gqa_decoder(device, 2);
    expect_law(body);
    pencl_layer_free(body);
    pencl_layer *empty = pn_nn_list(ctx, "Sequential", NULL, 0);
    expect_law(empty);
    pencl_layer_free(empty);
}
END_TEST

START_TEST(tree_unflatten_keeps_the_static_fields)
{
    pencl_layer *one = linear("one.weights");
    pencl_layer *two = linear("two.weights");
    pencl_node child = pencl_variable_node(pencl_layer_variable(two, "weights"));
    pencl_layer *mixed = NULL;
    ok(pencl_layer_unflatten(&mixed, ctx, one, &child, 1));
    ck_assert(pencl_layer_equal(mixed, two)); /* their static fields are the same */
    ck_assert(!pencl_layer_equal(mixed, one));
    pencl_layer_free(one);
    pencl_layer_free(two);
    pencl_layer_free(mixed);
}
END_TEST

START_TEST(tree_unflatten_needs_as_many_children_of_the_right_kind)
{
    pencl_layer *one = linear("one.weights");
    pencl_node children[2] = {{0}};
    pencl_layer *out = NULL;
    ck_assert_int_eq(pencl_layer_flatten(one, children, 2), 1);
    expect_error(pencl_layer_unflatten(&out, ctx, one, children, 2), PENCL_E_ARITY,
                 "this Linear has 1 children, got 2");
    expect_error(pencl_layer_unflatten(&out, ctx, one, children, 0), PENCL_E_ARITY, "got 0");
    children[0] = pencl_layer_node(one);
    expect_error(pencl_layer_unflatten(&out, ctx, one, children, 1), PENCL_E_FIELDS,
                 "Linear.weights holds a variable, a Linear does not fit");
    children[0] = (pencl_node){0};
    expect_error(pencl_layer_unflatten(&out, ctx, one, children, 1), PENCL_E_ARG,
                 "Linear.weights: no value");
    ck_assert_ptr_null(out);
    pencl_layer_free(one);
}
END_TEST

Suite *suite_penzai_reflection(void);
Suite *suite_penzai_reflection(void)
{
    Suite *suite = suite_create("penzai_reflection");
    TCase *tc = tcase_create("members");
    tcase_add_checked_fixture(tc, fixture_ref, fixture_close);
    tcase_add_test(tc, attributes_dict);
    tcase_add_test(tc, from_attributes);
    tcase_add_test(tc, from_attributes_lists_both_sets_of_names);
    tcase_add_test(tc, from_attributes_needs_values_of_the_fields_kinds);
    tcase_add_test(tc, replace);
    tcase_add_test(tc, key_for_field);
    tcase_add_test(tc, key_for_field_of_a_stack_tells_its_axis);
    tcase_add_test(tc, select_is_the_whole_tree);
    tcase_add_test(tc, tree_flatten);
    tcase_add_test(tc, tree_flatten_with_keys);
    tcase_add_test(tc, tree_unflatten);
    tcase_add_test(tc, tree_unflatten_keeps_the_static_fields);
    tcase_add_test(tc, tree_unflatten_needs_as_many_children_of_the_right_kind);
    suite_add_tcase(suite, tc);
    return suite;
}
