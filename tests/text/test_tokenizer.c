/* SPDX-License-Identifier: Apache-2.0 */
/* Tokenizers over small vocabularies: against Hugging Face's, round trips, vocabularies that are
 * wrong, memory that runs out. No model is needed. */
#include "support/golden.h"
#include "text/text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TOKENS = 1024 };

static pencl_ctx *ctx;
static json_t *golden;
static pn_string tokens[MOST_TOKENS];
static pn_string merges[MOST_TOKENS];
static int32_t types[MOST_TOKENS];
static pn_vocabulary vocabulary; /* the golden one, for tests to change */

static pn_string string_of(const json_t *text)
{
    return (pn_string){json_string_value(text), json_string_length(text)};
}

static pn_string literal(const char *text)
{
    return (pn_string){text, strlen(text)};
}

static void setup(void)
{
    ctx = pencl_ctx_new();
    golden = golden_json("text/bpe.json");
    const json_t *t = json_object_get(golden, "tokens");
    const json_t *m = json_object_get(golden, "merges");
    const size_t n_control = (size_t)json_integer_value(json_object_get(golden, "n_control"));
    vocabulary = (pn_vocabulary)PN_VOCABULARY_INIT;
    vocabulary.n_tokens = vocabulary.n_types = json_array_size(t);
    vocabulary.n_merges = json_array_size(m);
    ck_assert_uint_lt(vocabulary.n_tokens, MOST_TOKENS);
    for (size_t i = 0; i < vocabulary.n_tokens; i++) {
        tokens[i] = string_of(json_array_get(t, i));
        types[i] = i < n_control ? PN_TOKEN_CONTROL : PN_TOKEN_NORMAL;
    }
    for (size_t i = 0; i < vocabulary.n_merges; i++) {
        merges[i] = string_of(json_array_get(m, i));
    }
    vocabulary.model = literal("gpt2");
    vocabulary.pre = literal("smollm");
    vocabulary.tokens = tokens;
    vocabulary.types = types;
    vocabulary.merges = merges;
    vocabulary.bos = 1;
    vocabulary.eos = 2;
}

static void teardown(void)
{
    json_decref(golden);
    pencl_ctx_free(ctx);
}

static pencl_tokenizer *make(void)
{
    pencl_tokenizer *t = NULL;
    pencl_status st = pn_tokenizer_new(&t, ctx, &vocabulary);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    return t;
}

/* The vocabulary as it stands is refused, and the message says why. */
static void expect_refused(pencl_status status, const char *part_of_message)
{
    pencl_tokenizer *t = NULL;
    const long live = pn_alloc_live();
    pn_error_clear(ctx);
    ck_assert_int_eq(pn_tokenizer_new(&t, ctx, &vocabulary), status);
    ck_assert_ptr_null(t);
    ck_assert_msg(strstr(pencl_error_text(ctx), part_of_message) != NULL, "\"%s\" is not in \"%s\"",
                  part_of_message, pencl_error_text(ctx));
    ck_assert_int_eq(pn_alloc_live(), live);
}

static void
expect_ids(pencl_tokenizer *t, pn_string text, unsigned flags, const json_t *want, const char *how)
{
    int32_t *ids = NULL;
    size_t n = 0;
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, t, text.data, text.size, flags), PENCL_OK);
    ck_assert_msg(n == json_array_size(want), "%s: \"%s\": %zu tokens", how, text.data, n);
    for (size_t i = 0; i < n; i++) {
        const json_int_t id = json_integer_value(json_array_get(want, i));
        ck_assert_msg(ids[i] == id, "%s: \"%s\": token %zu is %d", how, text.data, i, (int)ids[i]);
    }
    pencl_tokens_free(ids);
}

static void expect_round_trip(pencl_tokenizer *t, const char *text, size_t size, unsigned flags)
{
    int32_t *ids = NULL;
    char *back = NULL;
    size_t n = 0;
    size_t back_size = 0;
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, t, text, size, flags), PENCL_OK);
    ck_assert_int_eq(pencl_tokenizer_decode(&back, &back_size, t, ids, n, PENCL_DECODE_SPECIAL),
                     PENCL_OK);
    ck_assert_uint_eq(back_size, size);
    ck_assert(size == 0 || memcmp(back, text, size) == 0);
    pencl_tokens_free(ids);
    pencl_text_free(back);
}

START_TEST(ids_equal_those_of_hugging_face)
{
    const struct {
        const char *key;
        const char *pre;
        unsigned flags;
    } ways[] = {{"smollm", "smollm", PENCL_ENCODE_PLAIN},
                {"gpt-2", "gpt-2", PENCL_ENCODE_PLAIN},
                {"gpt-2", "", PENCL_ENCODE_PLAIN}, /* not said: default */
                {"special", "smollm", PENCL_ENCODE_PARSE_SPECIAL}};
    size_t i = 0;
    const json_t *row = NULL;
    for (size_t w = 0; w < PN_COUNT(ways); w++) {
        vocabulary.pre = literal(ways[w].pre);
        pencl_tokenizer *t = make();
        json_array_foreach(json_object_get(golden, "rows"), i, row)
        {
            const pn_string text = string_of(json_object_get(row, "text"));
            expect_ids(t, text, ways[w].flags, json_object_get(row, ways[w].key), ways[w].key);
            expect_round_trip(t, text.data, text.size, ways[w].flags);
        }
        pencl_tokenizer_free(t);
    }
}
END_TEST

START_TEST(any_bytes_come_back)
{
    static const char likely[] = "  \n'st09a<|im_end|>\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\xff\x80";
    pencl_tokenizer *t = make();
    uint32_t random = 20260101;
    for (int round = 0; round < 10000; round++) {
        char text[48];
        random = random * 1664525 + 1013904223;
        const size_t size = random >> 16 & 31;
        for (size_t i = 0; i < size; i++) {
            random = random * 1664525 + 1013904223;
            const unsigned char any = (unsigned char)(random >> 18);
            const size_t at = (random >> 16) % (sizeof likely - 1);
            memcpy(&text[i], random >> 30 == 0 ? (const char *)&any : &likely[at], 1);
        }
        expect_round_trip(t, text, size, round % 2 ? PENCL_ENCODE_PARSE_SPECIAL : 0);
    }
    pencl_tokenizer_free(t);
}
END_TEST

START_TEST(runs_of_one_character_take_no_square_time)
{
    static const char *const units[] = {"a", " ", "1", "\n", "!", "<", "\xc3\xa9", "\x80", "ri"};
    const size_t size = 1 << 20;
    char *text = malloc(size);
    pencl_tokenizer *t = make();
    for (size_t u = 0; u < PN_COUNT(units); u++) {
        const size_t unit = strlen(units[u]);
        for (size_t i = 0; i < size; i++) {
            text[i] = units[u][i % unit];
        }
        expect_round_trip(t, text, size, PENCL_ENCODE_PARSE_SPECIAL);
    }
    pencl_tokenizer_free(t);
    free(text);
}
END_TEST

START_TEST(special_tokens_are_text_unless_asked_for)
{
    static const char text[] = "a<|im_end|>";
    pencl_tokenizer *t = make();
    int32_t *ids = NULL;
    size_t n = 0;
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, t, text, sizeof text - 1, 0), PENCL_OK);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(pencl_tokenizer_is_control(t, ids[i]), 0);
    }
    pencl_tokens_free(ids);
    const unsigned parse = PENCL_ENCODE_PARSE_SPECIAL;
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, t, text, sizeof text - 1, parse), PENCL_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(ids[1], 2);
    char *back = NULL;
    ck_assert_int_eq(pencl_tokenizer_decode(&back, NULL, t, ids, n, PENCL_DECODE_PLAIN), PENCL_OK);
    ck_assert_str_eq(back, "a");
    pencl_text_free(back);
    pencl_tokens_free(ids);
    pencl_tokenizer_free(t);
}
END_TEST

START_TEST(user_defined_tokens_are_found_always_and_the_longest_wins)
{
    const size_t n_tokens = vocabulary.n_tokens;
    static const char *const added[] = {"riv", "river", "rivers!"};
    for (size_t i = 0; i < PN_COUNT(added); i++) {
        tokens[n_tokens + i] = literal(added[i]);
        types[n_tokens + i] = PN_TOKEN_USER_DEFINED;
    }
    vocabulary.n_tokens = vocabulary.n_types = n_tokens + PN_COUNT(added);
    pencl_tokenizer *t = make();
    int32_t *ids = NULL;
    size_t n = 0;
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, t, "riverriv", 8, 0), PENCL_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(ids[0], (int)n_tokens + 1);
    ck_assert_int_eq(ids[1], (int)n_tokens);
    pencl_tokens_free(ids);
    pencl_tokenizer_free(t);
}
END_TEST

START_TEST(tokens_at_the_start_and_end_are_added_as_the_model_says)
{
    vocabulary.add_bos = vocabulary.add_eos = PN_YES;
    pencl_tokenizer *t = make();
    int32_t *ids = NULL;
    size_t n = 0;
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, t, NULL, 0, PENCL_ENCODE_ADD_SPECIAL),
                     PENCL_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(ids[0], pencl_tokenizer_bos(t));
    ck_assert_int_eq(ids[1], pencl_tokenizer_eos(t));
    ck_assert_ptr_null(pencl_tokenizer_warning(t, ids, n));
    const int32_t twice[] = {1, 1};
    ck_assert_ptr_nonnull(pencl_tokenizer_warning(t, twice, 2));
    ck_assert_ptr_nonnull(pencl_tokenizer_warning(t, ids + 1, 1));
    pencl_tokens_free(ids);
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, t, NULL, 0, 0), PENCL_OK);
    ck_assert_uint_eq(n, 0);
    pencl_tokens_free(ids);
    pencl_tokenizer_free(t);
}
END_TEST

START_TEST(end_tokens_are_the_named_ones_and_known_control_tokens)
{
    vocabulary.eos = -1;
    vocabulary.eot = 300;
    pencl_tokenizer *t = make();
    ck_assert_int_eq(pencl_tokenizer_is_end(t, 0), 1);   /* <|endoftext|> */
    ck_assert_int_eq(pencl_tokenizer_is_end(t, 1), 0);   /* <|im_start|> */
    ck_assert_int_eq(pencl_tokenizer_is_end(t, 2), 1);   /* <|im_end|> */
    ck_assert_int_eq(pencl_tokenizer_is_end(t, 300), 1); /* named */
    ck_assert_int_eq(pencl_tokenizer_is_end(t, -1), 0);
    ck_assert_int_eq(pencl_tokenizer_is_end(t, MOST_TOKENS), 0);
    pencl_tokenizer_free(t);
}
END_TEST

/* Feeds bytes one at a time, as their tokens; returns the whole text. */
static void expect_decoded(const char *bytes, const char *want)
{
    vocabulary.n_merges = 0;
    pencl_tokenizer *t = make();
    pencl_decoder *decoder = NULL;
    pn_text all = {0};
    int32_t *ids = NULL;
    const char *text = NULL;
    size_t n = 0;
    size_t size = 0;
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, t, bytes, strlen(bytes), 0), PENCL_OK);
    ck_assert_uint_eq(n, strlen(bytes));
    ck_assert_int_eq(pencl_decoder_new(&decoder, t, PENCL_DECODE_PLAIN), PENCL_OK);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(pencl_decoder_feed(&text, &size, decoder, ids[i]), PENCL_OK);
        ck_assert_int_eq(pencl_utf8_valid(text, size, NULL), 1);
        pn_text_add_bytes(&all, text, size);
    }
    ck_assert_int_eq(pencl_decoder_flush(&text, &size, decoder), PENCL_OK);
    pn_text_add_bytes(&all, text, size);
    ck_assert_str_eq(pn_text_get(&all), want);
    ck_assert_int_eq(pencl_decoder_feed(&text, &size, decoder, MOST_TOKENS), PENCL_E_TOKEN_RANGE);
    pn_text_free(&all);
    pencl_tokens_free(ids);
    pencl_decoder_free(decoder);
    pencl_tokenizer_free(t);
}

START_TEST(decoders_give_whole_characters)
{
    expect_decoded("a\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80z",
                   "a\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80z");
    expect_decoded("a\xe4\xb8", "a\xef\xbf\xbd");
    expect_decoded("\xe4\xb8z\xff", "\xef\xbf\xbdz\xef\xbf\xbd");
}
END_TEST

START_TEST(utf8_is_checked_strictly)
{
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xc3",         "\xe4\xb8",         "\xf0\x9f\x98"};
    static const char good[] = "\x7f\xc2\x80\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80"
                               "\xf4\x8f\xbf\xbf";
    ck_assert_int_eq(pencl_utf8_valid(good, sizeof good, NULL), 1); /* with its NUL */
    for (size_t i = 0; i < PN_COUNT(bad); i++) {
        char text[16] = "ab";
        size_t offset = 0;
        memcpy(text + 2, bad[i], strlen(bad[i]));
        ck_assert_int_eq(pencl_utf8_valid(text, strlen(text), &offset), 0);
        ck_assert_uint_eq(offset, 2);
    }
}
END_TEST

START_TEST(wrong_vocabularies_are_refused_by_name)
{
    const pn_vocabulary sound = vocabulary;
    vocabulary.model = literal("llama");
    expect_refused(PENCL_E_UNSUPPORTED, "\"llama\"");
    vocabulary = sound;
    vocabulary.pre = literal("qwen2");
    expect_refused(PENCL_E_UNSUPPORTED, "default gpt-2 smollm");
    vocabulary = sound;
    vocabulary.n_tokens = vocabulary.n_types = 0;
    expect_refused(PENCL_E_FORMAT, "no tokens");
    vocabulary = sound;
    vocabulary.n_types = 3;
    expect_refused(PENCL_E_FORMAT, "3 token types");
    vocabulary = sound;
    vocabulary.eos = (int32_t)vocabulary.n_tokens;
    expect_refused(PENCL_E_FORMAT, "eos token");
    vocabulary.eos = -2;
    expect_refused(PENCL_E_FORMAT, "eos token is -2");
    vocabulary = sound;
    vocabulary.bos = -1;
    vocabulary.add_bos = PN_YES;
    expect_refused(PENCL_E_FORMAT, "bos token is to be added");
    vocabulary = sound;
    types[7] = 77;
    expect_refused(PENCL_E_FORMAT, "token 7");
    types[7] = PN_TOKEN_BYTE;
    expect_refused(PENCL_E_FORMAT, "token 7");
    types[7] = PN_TOKEN_NORMAL;
}
END_TEST

START_TEST(wrong_merges_are_refused_by_number)
{
    static const struct {
        const char *merge;
        const char *message;
    } wrong[] = {{"nothere t", "left side of merge 5"},
                 {"t nothere", "right side of merge 5"},
                 {"q q", "result of merge 5"},
                 {"", "merge 5"},
                 {" ", "merge 5"},
                 {"t", "merge 5"},
                 {"t ", "merge 5"},
                 {" t", "merge 5"},
                 {"\xff \xff", "left side of merge 5"}};
    for (size_t i = 0; i < PN_COUNT(wrong); i++) {
        merges[5] = literal(wrong[i].merge);
        expect_refused(PENCL_E_FORMAT, wrong[i].message);
    }
}
END_TEST

START_TEST(odd_vocabularies_have_a_defined_meaning)
{
    merges[1] = merges[0]; /* the first of equal merges counts */
    tokens[300] = literal("");
    vocabulary.n_merges = 1;
    char first[2] = "!";
    tokens[301] = literal(first); /* of equal tokens the last counts */
    tokens[302] = literal("\xff\xc4");
    pencl_tokenizer *t = make();
    int32_t *ids = NULL;
    size_t n = 0;
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, t, "!", 1, 0), PENCL_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(ids[0], 301);
    pencl_tokens_free(ids);
    char bytes[4] = "";
    ck_assert_uint_eq(pencl_tokenizer_token_bytes(t, 300, bytes, sizeof bytes), 0);
    ck_assert_uint_eq(pencl_tokenizer_token_bytes(t, 302, bytes, sizeof bytes), 2);
    ck_assert_mem_eq(bytes, "\xff\xc4", 2);
    ck_assert_uint_eq(pencl_tokenizer_token_bytes(t, 2, bytes, sizeof bytes), 10);
    ck_assert_mem_eq(bytes, "<|im", 4);
    pencl_tokenizer_free(t);
}
END_TEST

static void
count_warnings(void *user, pencl_log_level level, const char *category, const char *text)
{
    ck_assert_str_eq(category, "text");
    ck_assert_ptr_nonnull(strstr(text, "2 bytes"));
    *(int *)user += level == PENCL_LOG_WARN;
}

START_TEST(bytes_without_a_token_are_left_out_with_a_warning)
{
    vocabulary.n_merges = 0;
    for (size_t i = 0; i < vocabulary.n_tokens; i++) {
        if (tokens[i].size == 1 && tokens[i].data[0] == '~') {
            tokens[i] = literal("");
        }
    }
    int warnings = 0;
    pencl_ctx_set_log(ctx, count_warnings, &warnings);
    pencl_tokenizer *t = make();
    int32_t *ids = NULL;
    size_t n = 0;
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, t, "~a~", 3, 0), PENCL_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(warnings, 1);
    pencl_tokens_free(ids);
    pencl_tokenizer_free(t);
}
END_TEST

/* Makes, encodes and decodes; frees what it can after the first failure. */
static pencl_status use_all(void)
{
    pencl_tokenizer *t = NULL;
    pencl_decoder *decoder = NULL;
    int32_t *ids = NULL;
    char *back = NULL;
    const char *text = NULL;
    size_t n = 0;
    pn_error_clear(ctx);
    pencl_status st = pn_tokenizer_new(&t, ctx, &vocabulary);
    if (st == PENCL_OK) {
        st = pencl_tokenizer_encode(&ids, &n, t, "A river 12\xff", 11, 0);
    }
    if (st == PENCL_OK) {
        st = pencl_tokenizer_decode(&back, NULL, t, ids, n, 0);
    }
    if (st == PENCL_OK) {
        st = pencl_decoder_new(&decoder, t, 0);
    }
    if (st == PENCL_OK) {
        st = pencl_decoder_feed(&text, &n, decoder, ids[0]);
    }
    pencl_decoder_free(decoder);
    pencl_text_free(back);
    pencl_tokens_free(ids);
    pencl_tokenizer_free(t);
    return st;
}

START_TEST(memory_may_run_out_anywhere)
{
    const long live = pn_alloc_live();
    const long before = pn_alloc_count();
    vocabulary.chat_template = literal("{{ messages }}");
    ck_assert_int_eq(use_all(), PENCL_OK);
    const long total = pn_alloc_count() - before;
    int failed = 0;
    for (long i = 1; i <= total; i++) {
        pn_alloc_fail_at(i);
        const pencl_status st = use_all();
        pn_alloc_fail_at(0);
        ck_assert_msg(st == PENCL_OK || st == PENCL_E_NOMEM, "allocation %ld: %s", i,
                      pencl_error_text(ctx));
        failed += st == PENCL_E_NOMEM;
        ck_assert_int_eq(pn_alloc_live(), live);
    }
    ck_assert_int_gt(failed, 10);
}
END_TEST

Suite *suite_text_tokenizer(void);
Suite *suite_text_tokenizer(void)
{
    Suite *suite = suite_create("text_tokenizer");
    TCase *tests = tcase_create("tokenizer");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, ids_equal_those_of_hugging_face);
    tcase_add_test(tests, any_bytes_come_back);
    tcase_add_test(tests, runs_of_one_character_take_no_square_time);
    tcase_add_test(tests, special_tokens_are_text_unless_asked_for);
    tcase_add_test(tests, user_defined_tokens_are_found_always_and_the_longest_wins);
    tcase_add_test(tests, tokens_at_the_start_and_end_are_added_as_the_model_says);
    tcase_add_test(tests, end_tokens_are_the_named_ones_and_known_control_tokens);
    tcase_add_test(tests, decoders_give_whole_characters);
    tcase_add_test(tests, utf8_is_checked_strictly);
    tcase_add_test(tests, wrong_vocabularies_are_refused_by_name);
    tcase_add_test(tests, wrong_merges_are_refused_by_number);
    tcase_add_test(tests, odd_vocabularies_have_a_defined_meaning);
    tcase_add_test(tests, bytes_without_a_token_are_left_out_with_a_warning);
    tcase_add_test(tests, memory_may_run_out_anywhere);
    suite_add_tcase(suite, tests);
    return suite;
}
