/* SPDX-License-Identifier: Apache-2.0 */
/* Layer nodes: fields, references, builders, variables and the tree as text. */
#include "nn/nn.h"
#include "support/tree.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static pencl_ctx *ctx;
static pencl_device *device;

static void setup(void)
{
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(ctx);
    ck_assert_int_eq(pencl_device_open(&device, ctx, "ref"), PENCL_OK);
}

/* Every reference must be gone: what is alive after the device and the context is a leak. */
static void teardown(void)
{
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    ck_assert_int_eq(pn_alloc_live(), 0);
}

static void ok(pencl_status status)
{
    ck_assert_msg(status == PENCL_OK, "%s", pencl_error_text(ctx));
}

static void expect_error(pencl_status status, const char *words)
{
    ck_assert_str_eq(pencl_status_name(pencl_error_status(ctx)), pencl_status_name(status));
    ck_assert_msg(strstr(pencl_error_text(ctx), words) != NULL, "\"%s\" lacks \"%s\"",
                  pencl_error_text(ctx), words);
}

/* ---- fields ---- */

static pencl_attribute text(const char *name, const char *value)
{
    return (pencl_attribute){.name = name, .kind = PENCL_FIELD_TEXT, .text = value};
}

static pencl_attribute number(const char *name, double value)
{
    return (pencl_attribute){.name = name, .kind = PENCL_FIELD_NUMBER, .number = value};
}

START_TEST(fields_may_come_in_any_order)
{
    const pencl_layer_type *type = pencl_layer_type_named("ApplyRoPE");
    ck_assert_ptr_nonnull(type);
    const pencl_attribute given[] = {
        number("scale_factor", 8), text("positions_input_name", "token_positions"),
        number("max_wavelength", 1e4), text("embedding_axis", "projection")};
    pencl_layer *layer = NULL;
    ok(pencl_layer_new(&layer, ctx, type, given, 4));
    ck_assert_ptr_eq(pencl_layer_type_of(layer), type);
    ck_assert_int_eq(pencl_layer_n_attributes(layer), 4);
    ck_assert_str_eq(pencl_layer_attribute(layer, 0).name, "embedding_axis");
    ck_assert_str_eq(pencl_layer_text(layer, "embedding_axis"), "projection");
    ck_assert_double_eq(pencl_layer_number(layer, "scale_factor"), 8);
    pencl_layer_free(layer);
}
END_TEST

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
    ck_assert_ptr_null(pencl_layer_attribute(layer, 1).name);
    ck_assert_ptr_null(pencl_layer_type_named("Capsule"));
    pencl_layer_free(layer);
}
END_TEST

START_TEST(wrong_names_are_listed_sorted)
{
    const pencl_layer_type *type = pencl_layer_type_named("RMSStandardize");
    const pencl_attribute given[] = {number("eps", 1e-6), text("along", "embedding")};
    pencl_layer *layer = NULL;
    ck_assert_int_eq(pencl_layer_new(&layer, ctx, type, given, 2), PENCL_E_FIELDS);
    expect_error(PENCL_E_FIELDS, "expected {across, epsilon}, got {along, eps}");
    ck_assert_ptr_null(layer);
    ck_assert_int_eq(pencl_layer_new(&layer, ctx, type, given, 1), PENCL_E_FIELDS);
    expect_error(PENCL_E_FIELDS, "got {eps}");
    ck_assert_int_eq(pencl_layer_new(&layer, ctx, type, NULL, 0), PENCL_E_FIELDS);
    expect_error(PENCL_E_FIELDS, "got {}");
}
END_TEST

START_TEST(a_field_needs_its_kind_and_a_value)
{
    pencl_layer *layer = NULL;
    pencl_attribute by = text("by", "two");
    ck_assert_int_eq(
        pencl_layer_new(&layer, ctx, pencl_layer_type_named("ConstantRescale"), &by, 1),
        PENCL_E_FIELDS);
    expect_error(PENCL_E_FIELDS, "ConstantRescale.by");
    pencl_layer *none = NULL;
    pencl_attribute delta = {.name = "delta", .kind = PENCL_FIELD_LAYER, .layers = &none};
    ck_assert_int_eq(pencl_layer_new(&layer, ctx, pencl_layer_type_named("Residual"), &delta, 1),
                     PENCL_E_ARG);
    expect_error(PENCL_E_ARG, "Residual.delta");
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
    pencl_layer *linear = pn_nn_linear(ctx, pn_variable_ref(weights), "embedding", "neurons");
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
    expect_error(PENCL_E_ARG, "no layer type is named 'Sequentiell'");
    pencl_layer *tree =
        PN_NN_LIST(ctx, "Sequential", pn_nn_identity(ctx), pn_nn_residual(ctx, bad));
    ck_assert_ptr_null(tree);
    expect_error(PENCL_E_ARG, "Sequentiell");
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
            expect_error(PENCL_E_NOMEM, "memory");
        }
        pencl_layer_free(tree);
    }
}
END_TEST

/* ---- variables ---- */

START_TEST(a_variable_gives_back_its_value_and_axes)
{
    const float values[] = {1, 2, 3, 4, 5, 6};
    pencl_array *array = tree_array(device, "neurons=3 embedding=2", values);
    pencl_variable *v = NULL;
    ok(pencl_variable_new(&v, PENCL_STATE, "sampler/cache_0", array, 1));
    pencl_array_free(array);
    ck_assert_str_eq(pencl_variable_label(v), "sampler/cache_0");
    ck_assert_int_eq(pencl_variable_kind_of(v), PENCL_STATE);
    ck_assert_int_eq(pencl_variable_dtype(v), PENCL_F32);
    ck_assert_int_eq(pencl_variable_n_axes(v), 2);
    ck_assert_str_eq(pencl_variable_axis(v, 1)->name, "embedding");
    ck_assert_ptr_null(pencl_variable_axis(v, 2));
    float *back = tree_values(v);
    ck_assert_mem_eq(back, values, sizeof values);
    free(back);
    pencl_variable_free(v);
}
END_TEST

START_TEST(a_variable_refuses_too_many_row_axes)
{
    const float values[] = {1, 2};
    pencl_array *array = tree_array(device, "embedding=2", values);
    pencl_variable *v = NULL;
    ck_assert_int_eq(pencl_variable_new(&v, PENCL_PARAMETER, "b.bias", array, 2), PENCL_E_ARG);
    expect_error(PENCL_E_ARG, "b.bias: 2 row axes");
    ck_assert_ptr_null(v);
    pencl_array_free(array);
}
END_TEST

/* ---- printing ---- */

START_TEST(the_tree_prints_one_line_a_node_and_folds_equal_neighbours)
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

Suite *suite_nn_layer(void);
Suite *suite_nn_layer(void)
{
    Suite *suite = suite_create("nn_layer");
    TCase *tc = tcase_create("nodes");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, fields_may_come_in_any_order);
    tcase_add_test(tc, unknown_fields_read_as_nothing);
    tcase_add_test(tc, wrong_names_are_listed_sorted);
    tcase_add_test(tc, a_field_needs_its_kind_and_a_value);
    tcase_add_test(tc, every_type_is_found_by_its_name);
    tcase_add_test(tc, children_and_variables_are_counted);
    tcase_add_test(tc, a_builder_passes_on_what_failed_and_releases_the_rest);
    tcase_add_test(tc, memory_running_out_leaks_nothing);
    tcase_add_test(tc, a_variable_gives_back_its_value_and_axes);
    tcase_add_test(tc, a_variable_refuses_too_many_row_axes);
    tcase_add_test(tc, the_tree_prints_one_line_a_node_and_folds_equal_neighbours);
    suite_add_tcase(suite, tc);
    return suite;
}
