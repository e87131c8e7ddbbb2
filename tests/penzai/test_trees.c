/* SPDX-License-Identifier: Apache-2.0 */
/* Trees built from penzai's configs are penzai's: node by node, with paths, labels and axes. */
#include "nn/nn.h"
#include "support/fixture.h"
#include "support/folder.h"
#include "support/golden.h"
#include "support/penzai.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PATH_ROOM = 512 };

static char folder[TEST_PATH];
static pencl_model *model;
static json_t *golden; /* config, params */
static json_t *want;   /* metadata, tree */
static json_t *trees;
static size_t row; /* of the tree */

static void setup(void)
{
    test_folder_make(folder);
    fixture_device();
    trees = golden_json("penzai_more/trees.json");
}

static void teardown(void)
{
    pencl_model_close(model);
    fixture_close();
    json_decref(golden);
    json_decref(trees);
    test_folder_remove(folder);
    ck_assert_int_eq(pn_alloc_live(), 0);
}

/* Opens the model of `golden`. */
static void open_golden(void)
{
    const char *path = test_path(folder, "model.safetensors");
    penzai_file file = penzai_file_of(golden, 7);
    penzai_write(&file, path);
    penzai_file_free(&file);
    ck_assert_msg(pencl_model_open(&model, device, path, NULL) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
}

static void open_family(int i)
{
    golden = penzai_golden(i);
    want = json_object_get(trees, penzai_families[i]);
    ck_assert_ptr_nonnull(want);
    open_golden();
}

/* ---- one node ---- */

/* Row `row` of the tree has this path and type; returns its fields. */
static json_t *take_row(const char *path, const char *type)
{
    const json_t *entry = json_array_get(json_object_get(want, "tree"), row++);
    ck_assert_msg(entry != NULL, "%s %s: penzai's tree has ended", path, type);
    const char *want_path = json_string_value(json_array_get(entry, 0));
    const char *want_type = json_string_value(json_array_get(entry, 1));
    ck_assert_msg(strcmp(path, want_path) == 0 && strcmp(type, want_type) == 0,
                  "%s %s, penzai has %s %s", path, type, want_path, want_type);
    return json_array_get(entry, 2);
}

static bool has_name(const pencl_attribute *a, const char *name)
{
    for (int i = 0; i < a->n; i++) {
        if (strcmp(a->axes[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool same_static(const pencl_attribute *a, const json_t *value)
{
    if (a->kind == PENCL_FIELD_TEXT) {
        return json_is_string(value) && strcmp(a->text, json_string_value(value)) == 0;
    }
    if (a->kind == PENCL_FIELD_NUMBER) { /* penzai's are float32 */
        const double number = json_number_value(value);
        return json_is_number(value) && fabs(a->number - number) <= 1e-6 * fabs(number);
    }
    const json_t *names =
        json_is_string(value) ? json_pack("[O]", value) : json_incref((json_t *)value);
    bool same = a->kind == PENCL_FIELD_AXES && json_array_size(names) == (size_t)a->n;
    for (size_t i = 0; i < json_array_size(names) && same; i++) {
        same = has_name(a, json_string_value(json_array_get(names, i)));
    }
    json_decref((json_t *)names);
    return same;
}

static void check_statics(const pencl_layer *layer, json_t *fields, const char *path)
{
    for (void *at = json_object_iter(fields); at != NULL; at = json_object_iter_next(fields, at)) {
        const char *name = json_object_iter_key(at);
        bool found = false;
        int n = 0;
        const pencl_attribute *a = pencl_layer_attributes(layer, &n);
        for (int i = 0; i < n; i++) {
            if (strcmp(a[i].name, name) == 0) {
                found = true;
                ck_assert_msg(same_static(&a[i], json_object_iter_value(at)), "%s.%s differs", path,
                              name);
            }
        }
        ck_assert_msg(found, "%s has no field %s", path, name);
    }
}

static void check_variable(const pencl_variable *v, const char *path)
{
    const json_t *fields = take_row(path, "Parameter");
    const json_t *axes = json_object_get(fields, "axes");
    ck_assert_int_eq(pencl_variable_kind_of(v), PENCL_PARAMETER);
    ck_assert_str_eq(pencl_variable_label(v), json_string_value(json_object_get(fields, "label")));
    ck_assert_uint_eq(json_object_size(axes), (size_t)pencl_variable_n_axes(v));
    for (int i = 0; i < pencl_variable_n_axes(v); i++) {
        const pencl_axis *axis = pencl_variable_axis(v, i);
        ck_assert_msg(json_integer_value(json_object_get(axes, axis->name)) == axis->size,
                      "%s: axis %s", path, axis->name);
    }
    /* the label is one that the file has, with these axes */
    ck_assert(json_equal(
        axes, json_object_get(json_object_get(golden, "params"), pencl_variable_label(v))));
}

static void check_tree(const pencl_layer *layer, const char *path)
{
    check_statics(layer, take_row(path, pencl_layer_type_of(layer)->name), path);
    pn_child at = {0};
    while (pn_next_child(&at, layer)) {
        char step[128];
        char child[PATH_ROOM];
        pencl_key key = pn_child_key(layer, at.field, at.index);
        pencl_key_print(step, sizeof step, &key);
        snprintf(child, sizeof child, "%s%s", path, step);
        if (at.node.layer != NULL) {
            check_tree(at.node.layer, child);
        } else {
            check_variable(at.node.variable, child);
        }
    }
}

START_TEST(trees_are_penzais)
{
    open_family(_i);
    row = 0;
    check_tree(pencl_lm_body(pencl_model_lm(model)), "");
    ck_assert_uint_eq(row, json_array_size(json_object_get(want, "tree")));
}
END_TEST

START_TEST(a_stack_is_one_prototype)
{
    static const char *const names[] = {"llama_gqa", "gemma1_mqa", "mistral_sw", "whole_tiles"};
    json_t *all = golden_json("penzai_more/stacked.json");
    want = golden = json_incref(json_object_get(all, names[_i]));
    json_decref(all);
    open_golden();
    row = 0;
    check_tree(pencl_lm_body(pencl_model_lm(model)), "");
    ck_assert_uint_eq(row, json_array_size(json_object_get(want, "tree")));
}
END_TEST

START_TEST(a_tied_table_is_one_parameter)
{
    open_family(0);
    const pencl_layer *body = pencl_lm_body(pencl_model_lm(model));
    const int last = pencl_layer_n_children(body, "sublayers") - 1;
    const pencl_layer *lookup = pencl_layer_child(body, "sublayers", 0);
    const pencl_layer *decode = pencl_layer_child(body, "sublayers", last);
    ck_assert_str_eq(pencl_layer_type_of(decode)->name, "EmbeddingDecode");
    ck_assert_ptr_eq(pencl_layer_child(lookup, "table", 0), pencl_layer_child(decode, "table", 0));
}
END_TEST

/* ---- metadata ---- */

static void check_axes(const pencl_axis *axes, int n, const char *key)
{
    const json_t *sizes = json_object_get(json_object_get(want, "metadata"), key);
    ck_assert_uint_eq(json_object_size(sizes), (size_t)n);
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(axes[i].size, json_integer_value(json_object_get(sizes, axes[i].name)));
    }
}

static void check_size(int64_t size, const char *key)
{
    const json_t *metadata = json_object_get(want, "metadata");
    ck_assert_int_eq(size, json_integer_value(json_object_get(metadata, key)));
}

START_TEST(metadata_is_penzais)
{
    open_family(_i);
    const pencl_transformer_metadata *m = pencl_lm_metadata(pencl_model_lm(model));
    check_axes(m->common_head_axes, m->n_common, "common_head_axes");
    check_axes(m->query_only_head_axes, m->n_query_only, "query_only_head_axes");
    check_size(m->embedding_dim, "embedding_dim");
    check_size(m->projection_dim, "projection_dim");
    check_size(m->mlp_hidden_dim, "mlp_hidden_dim");
    check_size(m->vocab_size, "vocab_size");
    ck_assert_int_eq(m->activation_dtype, PENCL_F32);
    const pencl_model_info *info = pencl_model_describe(model);
    ck_assert_str_eq(info->architecture,
                     strcmp(penzai_families[_i], "gpt_neox") == 0 ? "gpt_neox" : "llamalike");
    ck_assert_str_eq(info->file_type, "F32");
    ck_assert_int_eq(info->n_blocks, 2);
}
END_TEST

/* As in penzai where activations are of another type than parameters; and where both are half,
 * since a lookup gives float32. */
START_TEST(a_cast_stands_behind_the_lookup)
{
    static const char *const types[][3] = {{"float32", "float32", NULL},
                                           {"bfloat16", "float32", "f32"},
                                           {"float32", "bfloat16", "bf16"},
                                           {"float16", "float16", "f16"}};
    const char *path = test_path(folder, "cast.safetensors");
    golden = golden_json("penzai/gemma1_mqa.json");
    json_t *config = json_object_get(golden, "config");
    json_object_set_new(config, "parameter_dtype", json_string(types[_i][0]));
    json_object_set_new(config, "activation_dtype", json_string(types[_i][1]));
    penzai_file file = penzai_file_of(golden, 0);
    penzai_write(&file, path);
    penzai_file_free(&file);
    ck_assert_int_eq(pencl_model_open(&model, device, path, NULL), PENCL_OK);
    const pencl_layer *second =
        pencl_layer_child(pencl_lm_body(pencl_model_lm(model)), "sublayers", 1);
    const char *type = pencl_layer_type_of(second)->name;
    ck_assert_str_eq(type, types[_i][2] != NULL ? "CastToDType" : "ConstantRescale");
    if (types[_i][2] != NULL) {
        ck_assert_str_eq(pencl_layer_text(second, "dtype"), types[_i][2]);
    }
}
END_TEST

Suite *suite_penzai_trees(void);
Suite *suite_penzai_trees(void)
{
    Suite *suite = suite_create("penzai_trees");
    TCase *tc = tcase_create("trees");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, trees_are_penzais, 0, PENZAI_FAMILIES);
    tcase_add_loop_test(tc, a_stack_is_one_prototype, 0, 4);
    tcase_add_test(tc, a_tied_table_is_one_parameter);
    tcase_add_loop_test(tc, metadata_is_penzais, 0, PENZAI_FAMILIES);
    tcase_add_loop_test(tc, a_cast_stands_behind_the_lookup, 0, 4);
    suite_add_tcase(suite, tc);
    return suite;
}
