/* SPDX-License-Identifier: Apache-2.0 */
/* What every penzai Layer inherits from Struct, by member: treescope_color, equality, printing. */
#include "nn/nn.h"
#include "support/fixture.h"
#include "support/golden.h"
#include "support/tree.h"

#include <check.h>
#include <string.h>

static pencl_layer *linear(const char *label)
{
    return pn_nn_linear(ctx, tree_variable(device, label, "neurons=3 embedding=2", 1), "embedding",
                        "neurons");
}

/* ---- treescope_color ---- */

static void expect_color(const char *what, const pencl_color *got, const json_t *want)
{
    const json_t *both[2] = {want, want};
    if (json_is_array(want)) {
        both[0] = json_array_get(want, 0);
        both[1] = json_array_get(want, 1);
    }
    ck_assert_msg(strcmp(got->border, json_string_value(both[0])) == 0, "%s: border %s", what,
                  got->border);
    ck_assert_msg(strcmp(got->fill, json_string_value(both[1])) == 0, "%s: fill %s", what,
                  got->fill);
}

/* A layer of any type, whatever is in its fields. */
static pencl_layer *any_of(const pencl_layer_type *type)
{
    pencl_attribute given[16];
    pencl_layer *child = pn_nn_identity(ctx);
    pencl_variable *variable = tree_variable(device, "v", "a=2", 0);
    pencl_layer *layer = NULL;
    int n = 0;
    for (; type->fields[n].name != NULL; n++) {
        const pencl_field *f = &type->fields[n];
        given[n] = (pencl_attribute){.name = f->name, .kind = f->kind, .text = "silu"};
        given[n].layers = f->kind == PENCL_FIELD_LAYER ? &child : NULL;
        given[n].n = f->kind == PENCL_FIELD_LAYER;
        given[n].variable = f->kind == PENCL_FIELD_VARIABLE ? variable : NULL;
    }
    ok(pencl_layer_from_attributes(&layer, ctx, type, given, n));
    pencl_layer_free(child);
    pencl_variable_free(variable);
    return layer;
}

/* Every type that penzai has too, with its colour and its fields. Not there: the two models, which
 * are no layers here, and the caching attention, which has caches of its own kind. */
START_TEST(treescope_color)
{
    json_t *golden = golden_json("penzai/reflection.json");
    const char *name;
    json_t *entry;
    int seen = 0;
    json_object_foreach(golden, name, entry)
    {
        const pencl_layer_type *type = pencl_layer_type_named(name);
        const json_t *want = json_object_get(entry, "color");
        if (type == NULL || want == NULL || strcmp(name, "NamedGroup") == 0) {
            continue;
        }
        pencl_layer *layer = any_of(type);
        pencl_color color = pencl_layer_color(layer);
        expect_color(name, &color, want);
        pencl_layer_free(layer);
        seen++;
    }
    ck_assert_int_eq(seen, 38);
    json_object_foreach(json_object_get(json_object_get(golden, "NamedGroup"), "color"), name,
                        entry)
    {
        pencl_layer *layer = PN_NN_NAMED_GROUP(ctx, name, pn_nn_identity(ctx));
        pencl_color color = pencl_layer_color(layer);
        expect_color(name, &color, entry);
        pencl_layer_free(layer);
    }
    json_decref(golden);
}
END_TEST

START_TEST(fields_are_penzais)
{
    json_t *golden = golden_json("penzai/reflection.json");
    const char *name;
    json_t *entry;
    json_object_foreach(golden, name, entry)
    {
        const pencl_layer_type *type = pencl_layer_type_named(name);
        const json_t *fields = json_object_get(entry, "fields");
        size_t n = json_array_size(fields);
        for (size_t i = 0; type != NULL && i < n; i++) {
            const char *want = json_string_value(json_array_get(fields, i));
            ck_assert_msg(type->fields[i].name != NULL && strcmp(type->fields[i].name, want) == 0,
                          "%s: field %zu is %s, not %s", name, i, type->fields[i].name, want);
        }
        /* penzai 0.2.5 lacks the last field of the rotary layers, scale_factor */
        bool rope = strncmp(name, "ApplyRoPE", 9) == 0;
        ck_assert_msg(type == NULL || type->fields[n + (rope ? 1 : 0)].name == NULL, "%s", name);
    }
    json_decref(golden);
}
END_TEST

/* penzai's subclasses; every other type is of no kind but its own. */
START_TEST(kinds_are_penzais)
{
    static const char *const sequentials[] = {
        "Affine",       "LayerNorm",        "LinearInPlace",         "LowRankAdapter",
        "RMSLayerNorm", "TransformerBlock", "TransformerFeedForward"};
    json_t *golden = golden_json("penzai/reflection.json");
    const char *name;
    json_t *entry;
    json_object_foreach(golden, name, entry)
    {
        const pencl_layer_type *type = pencl_layer_type_named(name);
        const char *kind = strcmp(name, "DisabledDropout") == 0 ? "Identity" : NULL;
        for (size_t i = 0; i < PN_COUNT(sequentials); i++) {
            kind = strcmp(name, sequentials[i]) == 0 ? "Sequential" : kind;
        }
        if (type == NULL) {
            continue;
        }
        pencl_layer *layer = any_of(type);
        ck_assert_pstr_eq(type->kind_of, kind);
        ck_assert_int_eq(pn_layer_is(layer, "Sequential"),
                         strcmp(name, "Sequential") == 0 || (kind != NULL && kind[0] == 'S'));
        pencl_layer_free(layer);
    }
    json_decref(golden);
}
END_TEST

START_TEST(treescope_color_of_variables)
{
    json_t *golden = golden_json("penzai/reflection.json");
    pencl_variable *forms[3] = {tree_variable(device, "v", "a=2", 0)};
    ok(pencl_variable_freeze(&forms[1], forms[0]));
    ok(pencl_variable_get_slot(&forms[2], forms[0]));
    pencl_array *array = NULL;
    pencl_variable *states[3] = {NULL};
    ok(pencl_variable_value(&array, forms[0]));
    ok(pencl_variable_new(&states[0], PENCL_STATE, "s", array, 0));
    ok(pencl_variable_freeze(&states[1], states[0]));
    ok(pencl_variable_get_slot(&states[2], states[0]));
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 2; k++) {
            pencl_variable *v = k == 0 ? forms[i] : states[i];
            const char *name = pencl_variable_type_name(v);
            pencl_color color = pencl_variable_color(v);
            expect_color(name, &color, json_object_get(json_object_get(golden, name), "color"));
            pencl_variable_free(v);
        }
    }
    pencl_array_free(array);
    json_decref(golden);
}
END_TEST

static pencl_value *same(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)self;
    (void)side;
    return x;
}

START_TEST(treescope_color_of_a_type_without_one_is_keyed_by_its_name)
{
    static const pencl_field none[] = {{0}};
    static const pencl_layer_type mine = {.name = "Mine", .fields = none, .apply = same};
    static const pencl_layer_type other = {.name = "Other", .fields = none, .apply = same};
    static const pencl_layer_type data = {.name = "Data", .fields = none};
    const pencl_layer_type *types[] = {&mine, &mine, &other, &data};
    pencl_color colors[4];
    for (int i = 0; i < 4; i++) {
        pencl_layer *layer = any_of(types[i]);
        colors[i] = pencl_layer_color(layer);
        pencl_layer_free(layer);
    }
    /* XXH64("Mine") % 65536 is 12983: 360 * 12983 / 65536 */
    ck_assert_str_eq(colors[0].border, "oklch(0.785 0.103 71.31774902 / 1.0)");
    ck_assert_str_eq(colors[1].border, colors[0].border);
    ck_assert_str_eq(colors[0].fill, colors[0].border);
    ck_assert_str_ne(colors[2].border, colors[0].border);
    ck_assert_str_eq(colors[3].border, "transparent"); /* it cannot be called */
}
END_TEST

/* ---- equality ---- */

START_TEST(equality_is_that_of_types_static_fields_and_children)
{
    pencl_layer *a = PN_NN_NAMED_GROUP(ctx, "g", pn_nn_rescale(ctx, 2), pn_nn_softmax(ctx, "x"));
    pencl_layer *b = PN_NN_NAMED_GROUP(ctx, "g", pn_nn_rescale(ctx, 2), pn_nn_softmax(ctx, "x"));
    pencl_layer *others[] = {
        PN_NN_NAMED_GROUP(ctx, "h", pn_nn_rescale(ctx, 2), pn_nn_softmax(ctx, "x")),
        PN_NN_NAMED_GROUP(ctx, "g", pn_nn_rescale(ctx, 3), pn_nn_softmax(ctx, "x")),
        PN_NN_NAMED_GROUP(ctx, "g", pn_nn_rescale(ctx, 2), pn_nn_softmax(ctx, "y")),
        PN_NN_NAMED_GROUP(ctx, "g", pn_nn_rescale(ctx, 2)),
        PN_NN_NAMED_GROUP(ctx, "g", pn_nn_softmax(ctx, "x"), pn_nn_rescale(ctx, 2)),
        PN_NN_LIST(ctx, "Sequential", pn_nn_rescale(ctx, 2), pn_nn_softmax(ctx, "x")),
    };
    ck_assert(pencl_layer_equal(a, b));
    ck_assert(pencl_layer_equal(a, a));
    for (size_t i = 0; i < PN_COUNT(others); i++) {
        ck_assert_msg(!pencl_layer_equal(a, others[i]), "%zu", i);
        pencl_layer_free(others[i]);
    }
    pencl_layer_free(a);
    pencl_layer_free(b);
}
END_TEST

/* As penzai: a variable equals itself only; a snapshot one of the same value; a slot by its label.
 */
START_TEST(equality_of_variables)
{
    pencl_variable *v = tree_variable(device, "w", "a=2", 0);
    pencl_variable *w = tree_variable(device, "w", "a=2", 0); /* the same content */
    pencl_variable *frozen[2];
    pencl_variable *slots[2];
    ck_assert(pencl_variable_equal(v, v));
    ck_assert(!pencl_variable_equal(v, w));
    ok(pencl_variable_freeze(&frozen[0], v));
    ok(pencl_variable_freeze(&frozen[1], v));
    ck_assert(pencl_variable_equal(frozen[0], frozen[1]));
    ck_assert(!pencl_variable_equal(frozen[0], v));
    pencl_variable_free(frozen[1]);
    ok(pencl_variable_set_metadata(v, "trainable", "no"));
    ok(pencl_variable_freeze(&frozen[1], v));
    ck_assert(!pencl_variable_equal(frozen[0], frozen[1])); /* other metadata */
    pencl_variable_free(frozen[1]);
    ok(pencl_variable_freeze(&frozen[1], w));
    ck_assert(!pencl_variable_equal(frozen[0], frozen[1])); /* another value */
    ok(pencl_variable_get_slot(&slots[0], v));
    ok(pencl_variable_new_slot(&slots[1], ctx, PENCL_PARAMETER, "w", PENCL_F32, NULL, 0));
    ck_assert(pencl_variable_equal(slots[0], slots[1]));
    pencl_variable_free(slots[1]);
    ok(pencl_variable_new_slot(&slots[1], ctx, PENCL_STATE, "w", PENCL_F32, NULL, 0));
    ck_assert(!pencl_variable_equal(slots[0], slots[1]));
    pencl_variable *all[] = {v, w, frozen[0], frozen[1], slots[0], slots[1]};
    for (size_t i = 0; i < PN_COUNT(all); i++) {
        pencl_variable_free(all[i]);
    }
}
END_TEST

/* ---- printing ---- */

START_TEST(printing_folds_equal_neighbours)
{
    pencl_layer *body = tree_decoder(device, 3);
    char *folded = NULL;
    ok(pencl_layer_print(&folded, ctx, body));
    static const char *const lines[] = {
        "Sequential\n├─ .sublayers[0] EmbeddingLookup\n",
        "│  └─ .table EmbeddingTable vocabulary_axis=\"vocabulary\"\n",
        "│     └─ .embeddings Parameter \"transformer/embedder.embeddings\" float32(| ",
        "(| vocabulary:11, embedding:8)\n",
        "├─ .sublayers[1..3] 3 x TransformerBlock\n",
        "│  ├─ .sublayers[0] Residual\n│  │  └─ .delta Sequential\n",
        ".branches[0] NamedGroup name=\"gate\"\n",
        ".sublayers[2] ConstantRescale by=0.5\n",
        "Linear in_axis_names={embedding} out_axis_names={heads, projection}\n",
        "└─ .sublayers[5] EmbeddingDecode\n",
    };
    for (size_t i = 0; i < PN_COUNT(lines); i++) {
        ck_assert_msg(strstr(folded, lines[i]) != NULL, "no \"%s\" in\n%s", lines[i], folded);
    }
    ck_assert_ptr_null(strstr(folded, "block_1/"));
    pn_text unfolded = {0};
    pn_layer_print(&unfolded, body, PN_UNFOLD);
    ck_assert_ptr_nonnull(strstr(pn_text_get(&unfolded), "block_2/mlp/out_linear.weights"));
    pn_text_free(&unfolded);
    pencl_text_free(folded);
    pencl_layer_free(body);
}
END_TEST

START_TEST(printing_names_the_forms_of_variables)
{
    pencl_layer *layer = PN_NN_LIST(ctx, "Sequential", linear("one.weights"));
    pencl_layer *frozen = NULL;
    pencl_layer *empty = NULL;
    pencl_variable **variables = NULL;
    int n = 0;
    char *text = NULL;
    ok(pencl_layer_freeze_variables(&frozen, ctx, layer, NULL, NULL));
    ok(pencl_layer_unbind_variables(&empty, &variables, &n, ctx, layer, NULL, NULL));
    ok(pencl_layer_print(&text, ctx, frozen));
    ck_assert_ptr_nonnull(strstr(
        text, ".weights ParameterValue \"one.weights\" float32(| neurons:3, embedding:2)\n"));
    pencl_text_free(text);
    ok(pencl_layer_print(&text, ctx, empty));
    ck_assert_ptr_nonnull(
        strstr(text, ".weights ParameterSlot \"one.weights\" float32(| neurons:3, embedding:2)\n"));
    pencl_text_free(text);
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
    pencl_layer_free(frozen);
    pencl_layer_free(layer);
}
END_TEST

Suite *suite_penzai_appearance(void);
Suite *suite_penzai_appearance(void)
{
    Suite *suite = suite_create("penzai_appearance");
    TCase *tc = tcase_create("members");
    tcase_add_checked_fixture(tc, fixture_ref, fixture_close);
    tcase_add_test(tc, treescope_color);
    tcase_add_test(tc, fields_are_penzais);
    tcase_add_test(tc, kinds_are_penzais);
    tcase_add_test(tc, treescope_color_of_variables);
    tcase_add_test(tc, treescope_color_of_a_type_without_one_is_keyed_by_its_name);
    tcase_add_test(tc, equality_is_that_of_types_static_fields_and_children);
    tcase_add_test(tc, equality_of_variables);
    tcase_add_test(tc, printing_folds_equal_neighbours);
    tcase_add_test(tc, printing_names_the_forms_of_variables);
    suite_add_tcase(suite, tc);
    return suite;
}
