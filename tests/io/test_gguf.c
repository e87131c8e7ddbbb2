/* SPDX-License-Identifier: Apache-2.0 */
/* GGUF: what the writer makes is read back. */
#include "base/os.h"
#include "io/gguf.h"
#include "io/io.h"
#include "io/write_gguf.h"
#include "support/folder.h"
#include "support/small_gguf.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pencl_ctx *ctx;
static pn_text good; /* a small sound file */

static void setup(void)
{
    ctx = pencl_ctx_new();
    small_gguf(&good, ctx);
}

static void teardown(void)
{
    pn_text_free(&good);
    pencl_ctx_free(ctx);
}

/* ---- reading what was written ---- */

static void check_good(pn_model_file *file)
{
    uint64_t blocks = 0;
    double base = 0;
    bool bos = false;
    pn_string arch = {0};
    ck_assert_int_eq(pn_meta_need_u64(file, "llama.block_count", &blocks), PENCL_OK);
    ck_assert_int_eq(pn_meta_need_f64(file, "llama.rope.freq_base", &base), PENCL_OK);
    ck_assert_int_eq(pn_meta_bool(file, "tokenizer.ggml.add_bos_token", &bos), PENCL_OK);
    ck_assert_int_eq(pn_meta_need_string(file, "general.architecture", &arch), PENCL_OK);
    ck_assert_uint_eq(blocks, 30);
    ck_assert_double_eq(base, 1e5);
    ck_assert(bos);
    ck_assert_uint_eq(arch.size, 5);
    ck_assert_int_eq(memcmp(arch.data, "llama", 5), 0);
    ck_assert_str_eq(pn_meta_text(file, "general.architecture"), "llama");
    ck_assert_uint_eq(pn_meta_count(file), 8);
    ck_assert_str_eq(pn_meta_key(file, 1), "llama.block_count");
    ck_assert_str_eq(pn_model_file_format(file), "gguf");

    ck_assert_uint_eq(pn_model_file_n_tensors(file), 2);
    const pn_tensor *b = pn_model_file_tensor(file, 0);
    ck_assert_str_eq(b->name, "b.weight");
    ck_assert_ptr_eq(pn_model_file_find(file, "b.weight"), b);
    ck_assert_ptr_null(pn_model_file_find(file, "c.weight"));
    ck_assert_int_eq(b->dtype, PENCL_F32);
    ck_assert_int_eq(b->n_dims, 2);
    ck_assert_int_eq(b->dims[0], 2);
    ck_assert_int_eq(b->dims[1], 3);
    ck_assert_uint_eq(b->offset % 32, 0);
    ck_assert_uint_eq(b->bytes, sizeof small_f32);
    ck_assert_mem_eq(b->data, small_f32, sizeof small_f32);
    const pn_tensor *a = pn_model_file_find(file, "a.weight");
    ck_assert_int_eq(a->dtype, PENCL_Q8_0);
    ck_assert_uint_eq(a->bytes, sizeof small_q8);
    ck_assert_int_eq(memcmp(a->data, small_q8, sizeof small_q8), 0);
    pn_model_file_drop(file, a, 0, a->bytes);
    pn_model_file_drop(file, a, 1, a->bytes);
}

static void check_good_arrays(pn_model_file *file)
{
    const pn_string *tokens = NULL;
    const int32_t *types = NULL;
    const float *scores = NULL;
    size_t n = 0;
    ck_assert_int_eq(pn_meta_strings(file, "tokenizer.ggml.tokens", &tokens, &n), PENCL_OK);
    ck_assert_uint_eq(n, 3);
    ck_assert_uint_eq(tokens[1].size, 0);
    ck_assert_uint_eq(tokens[2].size, 3);
    ck_assert_int_eq(memcmp(tokens[2].data, "b\0c", 3), 0);
    ck_assert_int_eq(pn_meta_i32s(file, "tokenizer.ggml.token_type", &types, &n), PENCL_OK);
    ck_assert_uint_eq(n, 3);
    ck_assert_int_eq(types[1], -2);
    ck_assert_int_eq(pn_meta_f32s(file, "tokenizer.ggml.scores", &scores, &n), PENCL_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_float_eq(scores[1], -1.0F);
    ck_assert_int_eq(pn_meta_f32s(file, "tokenizer.ggml.token_type", &scores, &n), PENCL_OK);
    ck_assert_float_eq(scores[1], -2.0F);
    ck_assert_int_eq(pn_meta_i32s(file, "llama.block_count", &types, &n), PENCL_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(types[0], 30);
    ck_assert_int_eq(pn_meta_strings(file, "absent", &tokens, &n), PENCL_OK);
    ck_assert_uint_eq(n, 0);
    ck_assert_ptr_null(tokens);
}

START_TEST(what_is_written_is_read_back)
{
    const long before = pn_alloc_live();
    char folder[TEST_PATH];
    test_folder_make(folder);
    const char *path = test_path(folder, "small.gguf");
    test_write(path, good.data, good.size);
    pn_model_file *file = NULL;
    ck_assert_int_eq(pn_model_file_open(&file, ctx, path), PENCL_OK);
    ck_assert_str_eq(pn_model_file_path(file), path);
    check_good(file);
    check_good_arrays(file);

    /* copied key by key and tensor by tensor, the file is the same byte for byte */
    pn_gguf_writer *w = pn_gguf_writer_new();
    for (size_t i = 0; i < pn_meta_count(file); i++) {
        pn_gguf_add_copy(w, file, i);
    }
    for (size_t i = 0; i < pn_model_file_n_tensors(file); i++) {
        pn_gguf_add_tensor(w, pn_model_file_tensor(file, i));
    }
    const char *copy = test_path(folder, "copy.gguf");
    ck_assert_int_eq(pn_gguf_write(w, ctx, copy), PENCL_OK);
    pn_gguf_writer_free(w);
    pn_model_file_close(file);
    pn_text text = {0};
    ck_assert_int_eq(pn_file_read(&text, ctx, copy, 1 << 20), PENCL_OK);
    ck_assert_uint_eq(text.size, good.size);
    ck_assert_int_eq(memcmp(text.data, good.data, good.size), 0);
    pn_text_free(&text);
    test_folder_remove(folder);
    ck_assert_int_eq(pn_alloc_live(), before);
}
END_TEST

START_TEST(wrong_kinds_and_missing_keys_are_named)
{
    pn_model_file *file = NULL;
    ck_assert_int_eq(pn_model_file_parse(&file, ctx, "m.gguf", good.data, good.size), PENCL_OK);
    uint64_t u = 5;
    bool flag = true;
    ck_assert_int_eq(pn_meta_u64(file, "absent", &u), PENCL_OK);
    ck_assert_uint_eq(u, 5);
    ck_assert_int_eq(pn_meta_need_u64(file, "absent", &u), PENCL_E_FIELDS);
    ck_assert_str_eq(pencl_error_text(ctx), "m.gguf: key \"absent\" is missing");
    pn_error_clear(ctx);
    ck_assert_int_eq(pn_meta_u64(file, "general.architecture", &u), PENCL_E_FIELDS);
    ck_assert_str_eq(pencl_error_text(ctx),
                     "m.gguf: key \"general.architecture\": is one string, not an integer");
    pn_error_clear(ctx);
    ck_assert_int_eq(pn_meta_bool(file, "tokenizer.ggml.tokens", &flag), PENCL_E_FIELDS);
    ck_assert_str_eq(pencl_error_text(ctx),
                     "m.gguf: key \"tokenizer.ggml.tokens\": is an array of string, not a bool");
    pn_error_clear(ctx);
    const int32_t *ints = NULL;
    size_t n = 0;
    ck_assert_int_eq(pn_meta_i32s(file, "tokenizer.ggml.scores", &ints, &n), PENCL_E_FIELDS);
    ck_assert_ptr_null(pn_meta_text(file, "llama.block_count"));
    pn_model_file_close(file);
}
END_TEST

START_TEST(values_are_printed_short)
{
    static const char *const want[] = {"\"lla...\"",  "30",       "100000",   "true",
                                       "[3 strings]", "[3 i32s]", "[2 f32s]", "32"};
    pn_model_file *file = NULL;
    ck_assert_int_eq(pn_model_file_parse(&file, ctx, "m.gguf", good.data, good.size), PENCL_OK);
    for (size_t i = 0; i < PN_COUNT(want); i++) {
        pn_text text = {0};
        pn_meta_print(file, i, 3, &text);
        ck_assert_str_eq(pn_text_get(&text), want[i]);
        pn_text_free(&text);
    }
    pn_text text = {0};
    pn_meta_print(file, 5, 80, &text);
    ck_assert_str_eq(pn_text_get(&text), "[1, -2, 3]");
    pn_text_free(&text);
    pn_model_file_close(file);
}
END_TEST

START_TEST(a_vocabulary_without_tensors_is_fine)
{
    pn_gguf_writer *w = pn_gguf_writer_new();
    pn_gguf_add_text(w, "general.architecture", "llama");
    pn_text text = {0};
    ck_assert_int_eq(pn_gguf_print(w, ctx, &text), PENCL_OK);
    pn_gguf_writer_free(w);
    pn_model_file *file = NULL;
    const size_t padding = text.size - (24 + 8 + 20 + 4 + 8 + 5);
    ck_assert_int_eq(pn_model_file_parse(&file, ctx, "v", text.data, text.size - padding),
                     PENCL_OK);
    ck_assert_uint_eq(pn_model_file_n_tensors(file), 0);
    ck_assert_ptr_null(pn_model_file_tensor(file, 0));
    ck_assert_ptr_null(pn_model_file_find(file, "x"));
    pn_model_file_close(file);
    pn_text_free(&text);
}
END_TEST

Suite *suite_io_gguf(void);
Suite *suite_io_gguf(void)
{
    Suite *s = suite_create("io_gguf");
    TCase *c = tcase_create("gguf");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, what_is_written_is_read_back);
    tcase_add_test(c, wrong_kinds_and_missing_keys_are_named);
    tcase_add_test(c, values_are_printed_short);
    tcase_add_test(c, a_vocabulary_without_tensors_is_fine);
    suite_add_tcase(s, c);
    return s;
}
