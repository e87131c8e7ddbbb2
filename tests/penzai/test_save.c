/* SPDX-License-Identifier: Apache-2.0 */
/* pencl_model_save: what is written opens as the same model, for files of every form. */
#include "base/os.h"
#include "support/devices.h"
#include "support/folder.h"
#include "support/golden.h"
#include "support/penzai.h"
#include "support/penzai_answers.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GEMMA3 = 3, GPT_NEOX = 4, LLAMA = 5 }; /* of penzai_families */

static char folder[TEST_PATH];
static pencl_ctx *ctx;
static pencl_device *device;
static char logged[512];

static void on_log(void *user, pencl_log_level level, const char *category, const char *text)
{
    (void)user;
    if (level == PENCL_LOG_WARN && strcmp(category, "model") == 0) {
        strncat(logged, text, sizeof logged - strlen(logged) - 2);
        strcat(logged, "\n");
    }
}

static void setup(void)
{
    test_folder_make(folder);
    ctx = pencl_ctx_new();
    pencl_ctx_set_log(ctx, on_log, NULL);
    device = test_device(ctx);
}

static void teardown(void)
{
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    test_folder_remove(folder);
}

static pencl_model *open_model(const char *path)
{
    pencl_model *model = NULL;
    ck_assert_msg(pencl_model_open(&model, device, path, NULL) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
    return model;
}

/* Saves under a name in the folder and opens what was written. */
static pencl_model *save_and_open(const pencl_model *model, const char *name)
{
    const char *path = test_path(folder, name);
    ck_assert_msg(pencl_model_save(model, path) == PENCL_OK, "%s", pencl_error_text(ctx));
    return open_model(path);
}

/* The golden model with one field of its config changed, unless that is NULL. */
static pencl_model *open_golden(const json_t *golden, const char *config_field, const char *value)
{
    penzai_file file = penzai_file_of(golden, 5);
    if (config_field != NULL) {
        json_object_set_new(file.config, config_field, json_string(value));
        file.dtype = PENCL_BF16;
    }
    penzai_write(&file, test_path(folder, "model.safetensors"));
    penzai_file_free(&file);
    return open_model(test_path(folder, "model.safetensors"));
}

static pencl_model *open_family(int family, const char *config_field, const char *value)
{
    json_t *golden = penzai_golden(family);
    pencl_model *model = open_golden(golden, config_field, value);
    json_decref(golden);
    return model;
}

static char *tree_of(const pencl_model *model)
{
    char *text = NULL;
    ck_assert_int_eq(pencl_layer_print(&text, ctx, pencl_lm_body(pencl_model_lm(model))), PENCL_OK);
    return text;
}

static void check_same_tree(const pencl_model *a, const pencl_model *b)
{
    char *first = tree_of(a);
    char *second = tree_of(b);
    ck_assert_str_eq(first, second);
    pencl_text_free(first);
    pencl_text_free(second);
}

static void check_same_file(const char *a, const char *b)
{
    pn_text first = {0};
    pn_text second = {0};
    ck_assert_int_eq(pn_file_read(&first, ctx, test_path(folder, a), 1 << 24), PENCL_OK);
    ck_assert_int_eq(pn_file_read(&second, ctx, test_path(folder, b), 1 << 24), PENCL_OK);
    ck_assert_uint_eq(first.size, second.size);
    ck_assert_mem_eq(first.data, second.data, first.size);
    pn_text_free(&first);
    pn_text_free(&second);
}

/* ---- penzai's models ---- */

/* The last one's blocks are a LayerStack. */
START_TEST(a_penzai_model_comes_back_the_same)
{
    static const int families[] = {GEMMA3, GPT_NEOX, LLAMA};
    json_t *stacked = golden_json("penzai_more/stacked.json");
    json_t *golden =
        _i < 3 ? penzai_golden(families[_i]) : json_incref(json_object_get(stacked, "whole_tiles"));
    const penzai_answers a = penzai_answers_of(golden);
    pencl_model *model = open_golden(golden, NULL, NULL);
    pencl_model *copy = save_and_open(model, "copy.safetensors");
    check_same_tree(model, copy);
    const double worst = penzai_call(&a, pencl_model_lm(copy), NULL, "logits");
    ck_assert_msg(worst <= 2e-5, "%g", worst);
    pencl_model_close(save_and_open(copy, "again.safetensors"));
    check_same_file("copy.safetensors", "again.safetensors");
    ck_assert_str_eq(logged, "");
    pencl_model_close(copy);
    pencl_model_close(model);
    json_decref(golden);
    json_decref(stacked);
}
END_TEST

START_TEST(types_are_kept)
{
    pencl_model *model = open_family(LLAMA, "parameter_dtype", "bfloat16");
    pencl_model *copy = save_and_open(model, "copy.safetensors");
    check_same_tree(model, copy); /* with the cast to the activations' type */
    ck_assert_str_eq(pencl_model_describe(copy)->file_type, "BF16");
    pencl_model_close(copy);
    pencl_model_close(model);
}
END_TEST

/* ---- GGUF ---- */

/* The largest difference from the logits that transformers gave. */
static double worst_of(const pencl_model *model, const float *want, size_t count)
{
    json_t *json = golden_json("tiny/tiny.json");
    const json_t *ids = json_object_get(json, "tokens");
    const size_t n = json_array_size(ids);
    int32_t tokens[64];
    const float *logits = NULL;
    pencl_session *s = NULL;
    double worst = 0;
    ck_assert_uint_le(n, 64);
    for (size_t i = 0; i < n; i++) {
        tokens[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    }
    ck_assert_int_eq(pencl_session_new(&s, pencl_model_lm(model), NULL), PENCL_OK);
    ck_assert_msg(pencl_session_feed(&logits, s, tokens, n, PENCL_LOGITS_ALL) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
    for (size_t i = 0; i < count; i++) {
        const double d = fabs((double)logits[i] - (double)want[i]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    pencl_session_free(s);
    json_decref(json);
    return worst;
}

START_TEST(a_gguf_model_comes_back_dense)
{
    static const struct {
        const char *name;
        const char *file_type;
        const char *told;
    } rows[] = {
        {"tiny_f16", "F16", ""},
        {"tiny_q8_0", "F32", "16 tensors of q8_0 are written as float32\n"}, /* the table twice */
        {"tiny_mix", "F32",
         "4 tensors of q4_0 are written as float32\n"
         "5 tensors of q4_1 are written as float32\n"
         "3 tensors of q8_0 are written as float32\n"},
    };
    char path[512];
    size_t count = 0;
    snprintf(path, sizeof path, "tiny/%s.logits.npy", rows[_i].name);
    float *want = golden_npy(path, &count);
    snprintf(path, sizeof path, "%s/tiny/%s.gguf", PENCL_TEST_DATA, rows[_i].name);
    pencl_model *model = open_model(path);
    pencl_model *copy = save_and_open(model, "copy.safetensors");
    ck_assert_str_eq(logged, rows[_i].told);
    ck_assert_str_eq(pencl_model_describe(copy)->file_type, rows[_i].file_type);
    ck_assert_str_eq(pencl_model_describe(copy)->architecture, "llamalike");
    ck_assert_ptr_null(pencl_model_tokenizer(copy));
    const pencl_layer *second =
        pencl_layer_child(pencl_lm_body(pencl_model_lm(copy)), "sublayers", 1);
    ck_assert_str_eq(pencl_layer_type_of(second)->name,
                     _i == 0 ? "CastToDType" : "TransformerBlock"); /* of a table in float16 */
    const double worst = worst_of(copy, want, count);
    ck_assert_msg(worst <= 1e-4, "%g", worst); /* the bar of the GGUF file itself */
    pencl_model_close(copy);
    pencl_model_close(model);
    free(want);
}
END_TEST

START_TEST(text_needs_a_vocabulary)
{
    static const int32_t tokens[] = {1, 2};
    const pencl_generate_options options = PENCL_GENERATE_OPTIONS_INIT;
    pencl_generate_result result;
    pencl_session *s = NULL;
    pencl_model *model = open_family(LLAMA, NULL, NULL);
    ck_assert_int_eq(pencl_session_new(&s, pencl_model_lm(model), NULL), PENCL_OK);
    ck_assert_int_eq(
        pencl_generate(&result, s, pencl_model_tokenizer(model), NULL, tokens, 2, &options),
        PENCL_E_ARG);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "has no vocabulary"));
    ck_assert_int_eq(pencl_session_length(s), 0);
    pencl_session_free(s);
    pencl_model_close(model);
}
END_TEST

/* ---- what cannot be saved ---- */

START_TEST(an_unbound_model_has_nothing_to_save)
{
    pencl_model *model = open_family(LLAMA, NULL, NULL);
    pencl_layer *body = pencl_lm_body(pencl_model_lm(model));
    pencl_layer *empty = NULL;
    pencl_variable **variables = NULL;
    int n = 0;
    ck_assert_int_eq(pencl_layer_unbind_variables(&empty, &variables, &n, ctx, body, NULL, NULL),
                     PENCL_OK);
    ck_assert_int_eq(pencl_model_set_body(model, empty), PENCL_OK);
    ck_assert_int_eq(pencl_model_save(model, test_path(folder, "x.safetensors")), PENCL_E_UNBOUND);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "embedder.embeddings"));
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
    pencl_model_close(model);
}
END_TEST

START_TEST(changed_layers_have_no_place_in_a_file)
{
    pencl_model *model = open_family(LLAMA, NULL, NULL);
    pencl_layer *body = pencl_layer_ref(pencl_lm_body(pencl_model_lm(model)));
    pencl_layer *changed = NULL;
    pencl_layer *same = NULL;
    pencl_layer *lookup = pencl_layer_child(body, "sublayers", 0);
    pencl_selection *s = pencl_select_text(ctx, body, "//TransformerBlock#0");
    ck_assert_int_eq(pencl_selection_insert_after(&changed, s, lookup), PENCL_OK);
    ck_assert_int_eq(pencl_model_set_body(model, changed), PENCL_OK);
    ck_assert_int_eq(pencl_model_save(model, test_path(folder, "x.safetensors")),
                     PENCL_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "not as llamalike builds it"));
    ck_assert(!pn_file_exists(test_path(folder, "x.safetensors")));

    /* another tree that is the same may be saved */
    ck_assert_int_eq(
        pencl_selection_set(&same, s, pencl_layer_node(pencl_layer_child(body, "sublayers", 1))),
        PENCL_OK);
    ck_assert_ptr_ne(same, body);
    ck_assert_int_eq(pencl_model_set_body(model, same), PENCL_OK);
    ck_assert_int_eq(pencl_model_save(model, test_path(folder, "x.safetensors")), PENCL_OK);
    pencl_selection_free(s);
    pencl_layer_free(same);
    pencl_layer_free(changed);
    pencl_layer_free(body);
    pencl_model_close(model);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_named)
{
    pencl_model *model = open_family(GPT_NEOX, NULL, NULL);
    ck_assert_int_eq(pencl_model_save(model, test_path(folder, "no/m.safetensors")), PENCL_E_IO);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "no/m.safetensors"));
    ck_assert_int_eq(pencl_model_save(model, "/dev/full"), PENCL_E_IO);
    pencl_model_close(model);
}
END_TEST

Suite *suite_penzai_save(void);
Suite *suite_penzai_save(void)
{
    Suite *suite = suite_create("penzai_save");
    TCase *tc = tcase_create("save");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_penzai_model_comes_back_the_same, 0, 4);
    tcase_add_test(tc, types_are_kept);
    tcase_add_loop_test(tc, a_gguf_model_comes_back_dense, 0, 3);
    tcase_add_test(tc, text_needs_a_vocabulary);
    tcase_add_test(tc, an_unbound_model_has_nothing_to_save);
    tcase_add_test(tc, changed_layers_have_no_place_in_a_file);
    tcase_add_test(tc, a_file_that_cannot_be_written_is_named);
    suite_add_tcase(suite, tc);
    return suite;
}
