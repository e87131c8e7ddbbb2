/* SPDX-License-Identifier: Apache-2.0 */
/* Low-rank adapters that are damaged, hostile, or ask for what pencl does not have: each is refused
 * by a clear error, and the model stays as it was. */
#include "base/base.h"
#include "io/write_safetensors.h"
#include "pencl/pencl.h"
#include "support/fixture.h"
#include "support/folder.h"
#include "support/golden.h"
#include "support/noise.h"
#include "support/penzai.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_TENSORS = 4, MOST_VALUES = 8 * 128 };

#define MODEL  PENCL_TEST_DATA "/tiny/tiny_f16.gguf" /* embedding 64, query 64, tied */
#define LAYERS "base_model.model.model."
#define Q      "base_model.model.model.layers.0.self_attn.q_proj."
#define CONFIG "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 8"

typedef struct tensor {
    const char *name;
    int64_t dims[2]; /* the second 0: a vector */
    pencl_dtype dtype;
} tensor;

#define A2                                                                                         \
    {                                                                                              \
        Q "lora_A.weight", {2, 64}, PENCL_F32                                                      \
    }
#define B2                                                                                         \
    {                                                                                              \
        Q "lora_B.weight", {64, 2}, PENCL_F32                                                      \
    }
#define SOUND                                                                                      \
    {                                                                                              \
        A2, B2                                                                                     \
    }
#define AND(extra_name, ...)                                                                       \
    {                                                                                              \
        A2, B2,                                                                                    \
        {                                                                                          \
            extra_name, {__VA_ARGS__}, PENCL_F32                                                   \
        }                                                                                          \
    }

/* One adapter: its tensors, adapter_config.json (NULL: none), a key and a text of metadata. */
typedef struct row {
    const char *config;
    tensor tensors[MOST_TENSORS];
    const char *meta[4];
    pencl_status status;
    const char *said;
} row;

static char folder[TEST_PATH];
static pencl_model *model;

static void setup(void)
{
    test_folder_make(folder);
    fixture_ref();
    ck_assert_int_eq(pencl_model_open(&model, device, MODEL, NULL), PENCL_OK);
}

static void teardown(void)
{
    pencl_model_close(model);
    fixture_close();
    test_folder_remove(folder);
}

/* ---- files ---- */

static void write_tensors(const row *r)
{
    static float values[MOST_VALUES]; /* zeros */
    pn_safetensors_writer *w = pn_safetensors_writer_new();
    for (int i = 0; i < MOST_TENSORS && r->tensors[i].name != NULL; i++) {
        const tensor *from = &r->tensors[i];
        pn_tensor t = {.name = from->name, .dtype = from->dtype, .n_dims = 1 + (from->dims[1] > 0)};
        t.dims[0] = from->dims[0];
        t.dims[1] = from->dims[1];
        t.bytes = sizeof(float) * (size_t)(t.dims[0] * (t.n_dims > 1 ? t.dims[1] : 1));
        t.data = (const unsigned char *)values;
        ck_assert_uint_le(t.bytes, sizeof values);
        pn_safetensors_add_tensor(w, &t);
    }
    for (int i = 0; i < 4 && r->meta[i] != NULL; i += 2) {
        pn_safetensors_add_text(w, r->meta[i], r->meta[i + 1]);
    }
    ck_assert_int_eq(
        pn_safetensors_write(w, ctx, test_path(folder, "adapter_model.safetensors"), NULL),
        PENCL_OK);
    pn_safetensors_writer_free(w);
}

static void write_adapter(const row *r)
{
    const char *config = test_path(folder, "adapter_config.json");
    write_tensors(r);
    remove(config);
    if (r->config != NULL) {
        test_write(config, r->config, strlen(r->config));
    }
}

static pencl_status add(const char *path, double scale)
{
    pencl_lm *lm = NULL;
    const pencl_lora lora = {path, scale};
    const pencl_status st = pencl_lm_add_loras(&lm, pencl_model_lm(model), &lora, 1);
    ck_assert((st == PENCL_OK) == (lm != NULL));
    pencl_lm_free(lm);
    return st;
}

static void expect(const row *r, size_t i)
{
    write_adapter(r);
    const pencl_status st = add(folder, 1);
    ck_assert_msg(st == r->status, "row %zu: %s instead of %s: %s", i, pencl_status_text(st),
                  pencl_status_text(r->status), pencl_error_text(ctx));
    ck_assert_msg(r->said == NULL || strstr(pencl_error_text(ctx), r->said) != NULL,
                  "row %zu: \"%s\" is not in \"%s\"", i, r->said, pencl_error_text(ctx));
}

static void expect_all(const row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        expect(&rows[i], i);
    }
}
#define EXPECT_ALL(rows) expect_all(rows, sizeof(rows) / sizeof *(rows))

/* ---- configs ---- */

START_TEST(configs_without_a_scale)
{
    static const row rows[] = {
        {CONFIG "}", SOUND, .status = PENCL_OK},
        {NULL, SOUND, .status = PENCL_E_FIELDS, .said = "/adapter_config.json, and its metadata"},
        {"", SOUND, .status = PENCL_E_FORMAT, .said = "adapter_config.json: byte 0"},
        {"{\"r\": 2", SOUND, .status = PENCL_E_FORMAT, .said = "adapter_config.json: byte 7"},
        {"[1]", SOUND, .status = PENCL_E_FORMAT, .said = "is not an object"},
        {"{\"r\": 2}", SOUND, .status = PENCL_E_FIELDS,
         .said = "adapter_config.json: field \"lora_alpha\": is no number"},
        {"{\"lora_alpha\": \"8\"}", SOUND, .status = PENCL_E_FIELDS, .said = "is no number"},
        {"{\"lora_alpha\": NaN}", SOUND, .status = PENCL_E_FORMAT, .said = "invalid token"},
        {"{\"lora_alpha\": 1e999}", SOUND, .status = PENCL_E_FORMAT, .said = "real number"},
        {"{\"lora_alpha\": 1e300}", SOUND, .status = PENCL_E_ARG, .said = "lora_alpha 1e+300"},
        {"{\"lora_alpha\": 8, \"lora_alpha\": 4}", SOUND, .status = PENCL_E_FORMAT,
         .said = "duplicate"},
        {"{\"lora_alpha\": 8}", SOUND, .status = PENCL_OK}, /* the rank is that of the tensors */
    };
    EXPECT_ALL(rows);
}
END_TEST

START_TEST(ranks_that_are_none)
{
    static const row rows[] = {
        {"{\"lora_alpha\": 8, \"r\": 0}", SOUND, .status = PENCL_E_FIELDS, .said = "is no rank"},
        {"{\"lora_alpha\": 8, \"r\": -2}", SOUND, .status = PENCL_E_FIELDS, .said = "\"r\""},
        {"{\"lora_alpha\": 8, \"r\": 2.0}", SOUND, .status = PENCL_E_FIELDS, .said = "\"r\""},
        {"{\"lora_alpha\": 8, \"r\": 9000000000}", SOUND, .status = PENCL_E_FIELDS,
         .said = "\"r\""},
        {"{\"lora_alpha\": 8, \"r\": null}", SOUND, .status = PENCL_E_FIELDS, .said = "\"r\""},
        {CONFIG ", \"rank_pattern\": [1]}", SOUND, .status = PENCL_E_FIELDS,
         .said = "\"rank_pattern\": is no object"},
        {CONFIG ", \"rank_pattern\": {\"q_proj\": \"x\"}}", SOUND, .status = PENCL_E_FIELDS,
         .said = "\"rank_pattern\": is no rank"},
        {CONFIG ", \"alpha_pattern\": {\"q_proj\": \"x\"}}", SOUND, .status = PENCL_E_FIELDS,
         .said = "\"alpha_pattern\": is no number"},
        {CONFIG ", \"rank_pattern\": {\"(\": 2}}", SOUND, .status = PENCL_E_FORMAT,
         .said = "adapter_config.json: expression"},
        {CONFIG ", \"rank_pattern\": {\"([a-z_.0-9]|[a-z_.])*[0-9]\": 2}}", SOUND,
         .status = PENCL_E_FORMAT, .said = "limit exceeded"},
        {CONFIG ", \"rank_pattern\": {\"q_proj\": 3}}", SOUND, .status = PENCL_E_SHAPE,
         .said = "[3, 64] is needed"},
        {CONFIG
         ", \"rank_pattern\": {\"proj\": 3, \"q_pro\": 3, \"layers.1.self_attn.q_proj\": 3}}",
         SOUND, .status = PENCL_OK}, /* neither is this module */
        {CONFIG ", \"use_rslora\": \"yes\"}", SOUND, .status = PENCL_E_FIELDS,
         .said = "\"use_rslora\": is neither"},
    };
    EXPECT_ALL(rows);
}
END_TEST

START_TEST(fields_that_are_not_understood)
{
    static const char *const fields[][2] = {
        {"\"use_dora\": true", "\"use_dora\" is \"true\""},
        {"\"bias\": \"lora_only\"", "\"bias\" is \"lora_only\""},
        {"\"lora_bias\": true", "\"lora_bias\""},
        {"\"modules_to_save\": [\"lm_head\"]", "\"modules_to_save\""},
        {"\"layer_replication\": [[0, 1]]", "\"layer_replication\""},
        {"\"trainable_token_indices\": [1]", "\"trainable_token_indices\""},
        {"\"target_parameters\": [\"w\"]", "\"target_parameters\""},
        {"\"init_lora_weights\": \"pissa\"", "\"init_lora_weights\" is \"pissa\""},
        {"\"loftq_config\": {\"loftq_bits\": 4}", "\"loftq_config\""},
        {"\"use_qalora\": true", "\"use_qalora\""},
        {"\"from_the_future\": 3", "\"from_the_future\" is \"a number\""},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char config[256];
        snprintf(config, sizeof config, CONFIG ", %s}", fields[i][0]);
        expect(&(row){config, SOUND, .status = PENCL_E_UNSUPPORTED, .said = fields[i][1]}, i);
    }
    static const row rows[] = {
        {"{\"peft_type\": \"IA3\", \"lora_alpha\": 1}", SOUND, .status = PENCL_E_UNSUPPORTED,
         .said = "\"peft_type\" is \"IA3\""},
        {CONFIG ", \"use_dora\": false, \"bias\": \"none\", \"modules_to_save\": null,"
                " \"loftq_config\": {}, \"layer_replication\": [], \"from_the_future\": \"\","
                " \"init_lora_weights\": \"gaussian\", \"target_modules\": [\"q_proj\"]}",
         SOUND, .status = PENCL_OK},
    };
    EXPECT_ALL(rows);
}
END_TEST

START_TEST(metadata_of_the_file_itself)
{
    static const row rows[] = {
        {NULL, SOUND, {"lora_alpha", "8"}, .status = PENCL_OK},
        {NULL, SOUND, {"lora_alpha", "8", "r", "2"}, .status = PENCL_OK},
        {NULL, SOUND, {"lora_alpha", "8", "r", "3"}, PENCL_E_SHAPE, "[3, 64] is needed"},
        {"?", SOUND, {"lora_alpha", "8"}, .status = PENCL_OK}, /* is not read */
        {NULL,
         SOUND,
         {"lora_alpha", ""},
         PENCL_E_FIELDS,
         "metadata: field \"lora_alpha\": is no number"},
        {NULL, SOUND, {"lora_alpha", "eight"}, PENCL_E_FORMAT, "metadata: byte"},
        {NULL, SOUND, {"lora_alpha", "8", "r", "{"}, PENCL_E_FORMAT, "metadata: byte"},
        {NULL, SOUND, {"lora_alpha", "8, \"use_dora\": true"}, PENCL_E_UNSUPPORTED, "use_dora"},
        {NULL, SOUND, {"format", "pt"}, PENCL_E_FIELDS, "no \"lora_alpha\""},
    };
    EXPECT_ALL(rows);
}
END_TEST

/* ---- tensors ---- */

START_TEST(tensors_of_other_shapes)
{
    static const row rows[] = {
        {CONFIG "}",
         {{Q "lora_A.weight", {3, 64}, PENCL_F32}, B2},
         .status = PENCL_E_SHAPE,
         .said = "q_proj.lora_A.weight\": is [3, 64]; [2, 64] is needed for "
                 "\"transformer/block_0/attention/query.weights\" float16(| head_groups:2"},
        {CONFIG "}",
         {{Q "lora_A.weight", {2, 63}, PENCL_F32}, B2},
         .status = PENCL_E_SHAPE,
         .said = "is [2, 63]; [2, 64]"},
        {CONFIG "}",
         {{Q "lora_A.weight", {64, 2}, PENCL_F32}, B2},
         .status = PENCL_E_SHAPE,
         .said = "is [64, 2]; [2, 64]"},
        {CONFIG "}",
         {{Q "lora_A.weight", {128, 0}, PENCL_F32}, B2},
         .status = PENCL_E_SHAPE,
         .said = "is [128]; [2, 64]"},
        {CONFIG "}",
         {A2, {Q "lora_B.weight", {64, 3}, PENCL_F32}},
         .status = PENCL_E_SHAPE,
         .said = "q_proj.lora_B.weight\": is [64, 3]; [64, 2]"},
        {CONFIG "}",
         {A2, {Q "lora_B.weight", {32, 2}, PENCL_F32}},
         .status = PENCL_E_SHAPE,
         .said = "is [32, 2]; [64, 2]"},
        {"{\"lora_alpha\": 8}",
         {{Q "lora_A.weight", {4, 64}, PENCL_F32}, B2},
         .status = PENCL_E_SHAPE,
         .said = "is [64, 2]; [64, 4]"},
        {CONFIG "}", {A2}, .status = PENCL_E_FORMAT, .said = "q_proj.lora_B.weight\" is missing"},
        {CONFIG "}", {B2}, .status = PENCL_E_FORMAT, .said = "q_proj.lora_A.weight\" is missing"},
        {CONFIG "}", {{0}}, .status = PENCL_E_FORMAT, .said = "has no tensors"},
        {CONFIG "}",
         {{Q "lora_A.weight", {2, 64}, PENCL_I32}, B2},
         .status = PENCL_E_FORMAT,
         .said = "must be floating"},
    };
    EXPECT_ALL(rows);
}
END_TEST

START_TEST(tensors_that_have_no_place)
{
    static const row rows[] = {
        {CONFIG "}", AND(LAYERS "embed_tokens.lora_embedding_A", 2, 300),
         .status = PENCL_E_UNSUPPORTED, .said = "lora_embedding_A\" has no place"},
        {CONFIG "}", AND(Q "lora_magnitude_vector.weight", 64, 0), .status = PENCL_E_UNSUPPORTED,
         .said = "lora_magnitude_vector"},
        {CONFIG "}", AND(Q "lora_B.bias", 64, 0), .status = PENCL_E_UNSUPPORTED,
         .said = "q_proj.lora_B.bias"},
        {CONFIG "}", AND(Q "lora_A.default.weight", 2, 64), .status = PENCL_E_UNSUPPORTED,
         .said = "q_proj.lora_A.default.weight"},
        {CONFIG "}", AND(LAYERS "layers.2.self_attn.q_proj.lora_A.weight", 2, 64),
         .status = PENCL_E_UNSUPPORTED, .said = "layers.2.self_attn"},
        {CONFIG "}", AND(LAYERS "layers.0.mlp.fc1.lora_A.weight", 2, 64),
         .status = PENCL_E_UNSUPPORTED, .said = "mlp.fc1"},
        {CONFIG "}", AND("base_model.model.lm_head.lora_A.weight", 2, 64), /* it is tied */
         .status = PENCL_E_UNSUPPORTED, .said = "lm_head.lora_A"},
        {CONFIG "}",
         {{"base_model.model.gpt_neox.layers.0.attention.dense.lora_A.weight", {2, 64}, PENCL_F32},
          {"base_model.model.gpt_neox.layers.0.attention.dense.lora_B.weight", {64, 2}, PENCL_F32}},
         .status = PENCL_E_UNSUPPORTED,
         .said = "attention.dense.lora_"},
        {CONFIG "}",
         {{Q "lora_A.default.weight", {2, 64}, PENCL_F32},
          {Q "lora_B.default.weight", {64, 2}, PENCL_F32}},
         .status = PENCL_OK},
    };
    EXPECT_ALL(rows);
}
END_TEST

/* ---- stacks ---- */

/* llama_gqa: embedding 8, 2 head groups of 2 queries of 4. */
static void open_stack(void)
{
    const char *path = test_path(folder, "model.safetensors");
    json_t *all = golden_json("penzai_more/stacked.json");
    penzai_file file = penzai_file_of(json_object_get(all, "llama_gqa"), 0);
    penzai_write(&file, path);
    penzai_file_free(&file);
    json_decref(all);
    pencl_model_close(model);
    ck_assert_int_eq(pencl_model_open(&model, device, path, NULL), PENCL_OK);
}

#define A(block, rank, dtype)                                                                      \
    {                                                                                              \
        LAYERS "layers." block ".self_attn.q_proj.lora_A.weight", {rank, 8}, dtype                 \
    }
#define B(block, rank)                                                                             \
    {                                                                                              \
        LAYERS "layers." block ".self_attn.q_proj.lora_B.weight", {16, rank}, PENCL_F32            \
    }
#define EACH CONFIG ", \"rank_pattern\": {\"layers.1.self_attn.q_proj\": 3}}"

START_TEST(blocks_of_a_stack_are_alike)
{
    static const row rows[] = {
        {CONFIG "}",
         {A("0", 2, PENCL_F32), B("0", 2), A("1", 2, PENCL_F32), B("1", 2)},
         .status = PENCL_OK},
        {CONFIG "}", {A("1", 2, PENCL_F32), B("1", 2)}, .status = PENCL_OK},
        {EACH,
         {A("0", 2, PENCL_F32), B("0", 2), A("1", 3, PENCL_F32), B("1", 3)},
         .status = PENCL_E_UNSUPPORTED,
         .said = "layers.1.self_attn.q_proj.lora_A.weight\": another"},
        {EACH, {A("1", 3, PENCL_F32), B("1", 3)}, .status = PENCL_OK},
        {CONFIG "}",
         {A("0", 2, PENCL_F32), B("0", 2), A("1", 2, PENCL_I32), B("1", 2)},
         .status = PENCL_E_UNSUPPORTED,
         .said = "another rank, scale or type"},
        {CONFIG ", \"alpha_pattern\": {\"layers.1.self_attn.q_proj\": 3}}",
         {A("0", 2, PENCL_F32), B("0", 2), A("1", 2, PENCL_F32), B("1", 2)},
         .status = PENCL_E_UNSUPPORTED,
         .said = "another rank, scale or type"},
        {CONFIG "}",
         {A("0", 2, PENCL_F32), B("0", 2), A("2", 2, PENCL_F32), B("2", 2)},
         .status = PENCL_E_UNSUPPORTED,
         .said = "layers.2.self_attn"},
        {CONFIG "}",
         {A("1", 3, PENCL_F32), B("1", 3)},
         .status = PENCL_E_SHAPE,
         .said = "is [3, 8]; [2, 8]"},
    };
    open_stack();
    EXPECT_ALL(rows);
}
END_TEST

/* ---- scales, files, memory ---- */

START_TEST(scales_are_finite)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY, 1e300};
    write_adapter(&(row){.config = CONFIG "}", .tensors = SOUND});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(add(folder, bad[i]), PENCL_E_ARG);
        ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "a scale of "));
    }
    ck_assert_int_eq(add(folder, -0.5), PENCL_OK);
}
END_TEST

START_TEST(files_that_are_no_adapters)
{
    ck_assert_int_eq(add(test_path(folder, "none"), 1), PENCL_E_IO);
    ck_assert_int_eq(add(folder, 1), PENCL_E_IO); /* empty */
    ck_assert_int_eq(add("", 1), PENCL_E_IO);
    ck_assert_int_eq(add(MODEL, 1), PENCL_E_FIELDS); /* a whole model */
    const char *path = test_path(folder, "adapter_model.bin");
    test_write(path, "PK\003\004 a pickle in an archive", 27);
    ck_assert_int_eq(add(path, 1), PENCL_E_FORMAT);
    const pencl_lora lora = {test_path(folder, "none"), 1};
    const pencl_model_options options = {.loras = &lora, .n_loras = 1};
    pencl_model *other = NULL;
    ck_assert_int_eq(pencl_model_open(&other, device, MODEL, &options), PENCL_E_IO);
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(a_cut_or_changed_file)
{
    const char *path = test_path(folder, "adapter_model.safetensors");
    write_adapter(&(row){.config = CONFIG "}", .tensors = SOUND});
    pn_text sound = {0};
    noise state = {9};
    FILE *file = fopen(path, "rb");
    static char bytes[MOST_VALUES * 2];
    pn_text_add_bytes(&sound, bytes, fread(bytes, 1, sizeof bytes, file));
    fclose(file);
    ck_assert_uint_lt(sound.size, sizeof bytes);
    for (size_t n = 0; n < sound.size; n += 7) {
        test_write(path, sound.data, n);
        const pencl_status st = add(folder, 1);
        ck_assert_msg(st == PENCL_E_FORMAT, "cut to %zu: %s", n, pencl_error_text(ctx));
    }
    for (int i = 0; i < 300; i++) {
        memcpy(bytes, sound.data, sound.size);
        for (int k = 0; k <= i % 3; k++) {
            bytes[noise_below(&state, 256)] = (char)noise_below(&state, 256); /* of the header */
        }
        test_write(path, bytes, sound.size);
        (void)add(folder, 1);
    }
    pn_text_free(&sound);
}
END_TEST

START_TEST(memory_that_runs_out)
{
    write_adapter(
        &(row){.config = CONFIG ", \"rank_pattern\": {\"k_proj\": 3}}", .tensors = SOUND});
    ck_assert_int_eq(add(folder, 1), PENCL_OK);
    const long before = pn_alloc_live();
    pencl_status st = PENCL_E_NOMEM;
    long n = 0;
    while (st == PENCL_E_NOMEM) {
        pn_alloc_fail_at(++n);
        st = add(folder, 1);
        pn_alloc_fail_at(0);
        ck_assert_int_eq(pn_alloc_live(), before);
    }
    ck_assert_msg(st == PENCL_OK, "allocation %ld: %s", n, pencl_error_text(ctx));
    ck_assert_int_gt(n, 100);
}
END_TEST

Suite *suite_lm_lora_bad(void);
Suite *suite_lm_lora_bad(void)
{
    Suite *suite = suite_create("lm_lora_bad");
    TCase *tc = tcase_create("adapters");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, configs_without_a_scale);
    tcase_add_test(tc, ranks_that_are_none);
    tcase_add_test(tc, fields_that_are_not_understood);
    tcase_add_test(tc, metadata_of_the_file_itself);
    tcase_add_test(tc, tensors_of_other_shapes);
    tcase_add_test(tc, tensors_that_have_no_place);
    tcase_add_test(tc, blocks_of_a_stack_are_alike);
    tcase_add_test(tc, scales_are_finite);
    tcase_add_test(tc, files_that_are_no_adapters);
    tcase_add_test(tc, a_cut_or_changed_file);
    tcase_add_test(tc, memory_that_runs_out);
    suite_add_tcase(suite, tc);
    return suite;
}
