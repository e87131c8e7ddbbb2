/* SPDX-License-Identifier: Apache-2.0 */
/* The real model's tokenizer against Hugging Face's, with and without parsing special tokens. */
#include "support/golden.h"

#include "pencl/model.h"

#include <check.h>
#include <string.h>

static pencl_ctx *ctx;
static pencl_tokenizer *tokenizer; /* NULL: no model here */

static void setup(void)
{
    ctx = pencl_ctx_new();
    const char *path = golden_model();
    if (path != NULL) {
        ck_assert_msg(pencl_tokenizer_open(&tokenizer, ctx, path) == PENCL_OK, "%s",
                      pencl_error_text(ctx));
    }
}

static void teardown(void)
{
    pencl_tokenizer_free(tokenizer);
    pencl_ctx_free(ctx);
    tokenizer = NULL;
}

static void expect_ids(const json_t *text, const json_t *want, unsigned flags)
{
    const char *data = json_string_value(text);
    const size_t size = json_string_length(text);
    int32_t *ids = NULL;
    char *back = NULL;
    size_t n = 0;
    size_t back_size = 0;
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, tokenizer, data, size, flags), PENCL_OK);
    ck_assert_msg(n == json_array_size(want), "\"%s\": %zu tokens", data, n);
    for (size_t i = 0; i < n; i++) {
        const json_int_t id = json_integer_value(json_array_get(want, i));
        ck_assert_msg(ids[i] == id, "\"%s\": token %zu is %d", data, i, (int)ids[i]);
    }
    ck_assert_int_eq(
        pencl_tokenizer_decode(&back, &back_size, tokenizer, ids, n, PENCL_DECODE_SPECIAL),
        PENCL_OK);
    /* The vocabulary lacks 21 bytes; these may stand in valid UTF-8. */
    if (strpbrk(data, "\x04\x06\x13\x14\x16\x1d\xf1\xf2") == NULL) {
        ck_assert_uint_eq(back_size, size);
        ck_assert(memcmp(back, data, size) == 0);
    }
    pencl_tokens_free(ids);
    pencl_text_free(back);
}

START_TEST(texts_have_hugging_face_ids)
{
    if (tokenizer == NULL) {
        return;
    }
    json_t *rows = golden_json("smollm2/tokenize.json");
    size_t i = 0;
    const json_t *row = NULL;
    ck_assert_uint_ge(json_array_size(rows), 300);
    json_array_foreach(rows, i, row)
    {
        const json_t *text = json_object_get(row, "text");
        const json_t *plain = json_object_get(row, "tokens");
        const json_t *special = json_object_get(row, "special_tokens");
        expect_ids(text, plain, PENCL_ENCODE_PLAIN);
        expect_ids(text, special != NULL ? special : plain, PENCL_ENCODE_PARSE_SPECIAL);
    }
    json_decref(rows);
}
END_TEST

START_TEST(prompts_have_hugging_face_ids)
{
    if (tokenizer == NULL) {
        return;
    }
    json_t *rows = golden_json("smollm2/prompts.json");
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(rows, i, row)
    {
        const int parse = json_is_true(json_object_get(row, "parse_special"));
        expect_ids(json_object_get(row, "text"), json_object_get(row, "tokens"),
                   PENCL_ENCODE_ADD_SPECIAL | (parse ? PENCL_ENCODE_PARSE_SPECIAL : 0u));
    }
    json_decref(rows);
}
END_TEST

START_TEST(vocabulary_is_as_the_file_says)
{
    if (tokenizer == NULL) {
        return;
    }
    ck_assert_uint_eq(pencl_tokenizer_n_tokens(tokenizer), 49152);
    ck_assert_int_eq(pencl_tokenizer_bos(tokenizer), 1);
    ck_assert_int_eq(pencl_tokenizer_eos(tokenizer), 2);
    int n_ends = 0;
    for (int32_t id = 0; id < 49152; id++) {
        n_ends += pencl_tokenizer_is_end(tokenizer, id);
    }
    ck_assert_int_eq(n_ends, 2); /* <|endoftext|> and <|im_end|> */
    ck_assert_ptr_nonnull(strstr(pencl_tokenizer_chat_template(tokenizer), "<|im_start|>"));
    ck_assert_ptr_null(pencl_tokenizer_warning(tokenizer, NULL, 0)); /* it wants no bos */
}
END_TEST

Suite *suite_text_smollm2_tokens(void);
Suite *suite_text_smollm2_tokens(void)
{
    Suite *suite = suite_create("text_smollm2_tokens");
    TCase *tests = tcase_create("smollm2_tokens");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, texts_have_hugging_face_ids);
    tcase_add_test(tests, prompts_have_hugging_face_ids);
    tcase_add_test(tests, vocabulary_is_as_the_file_says);
    suite_add_tcase(suite, tests);
    return suite;
}
