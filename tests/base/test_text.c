/* SPDX-License-Identifier: Apache-2.0 */
/* Text, checked sizes, the error record and the log. */
#include "base/base.h"
#include "base/os.h"

#include <check.h>
#include <stdint.h>
#include <string.h>

/* ---- text ---- */

START_TEST(text_grows_and_ends_with_nul)
{
    pn_text text = {0};
    ck_assert_str_eq(pn_text_get(&text), "");
    for (int i = 0; i < 1000; i++) {
        pn_text_add(&text, "%d,", i % 10);
    }
    ck_assert_uint_eq(text.size, 2000);
    ck_assert_uint_eq(strlen(text.data), 2000);
    pn_text_add_bytes(&text, "a\0b", 3);
    ck_assert_uint_eq(text.size, 2003);
    ck_assert_int_eq(memcmp(text.data + 1998, "9,a\0b", 6), 0);
    pn_text_free(&text);
    pn_text_free(&text);
    ck_assert_ptr_null(text.data);
}
END_TEST

START_TEST(text_that_ran_out_of_memory_stays_failed)
{
    pn_text text = {0};
    pn_text_add(&text, "start");
    pn_alloc_fail_at(1);
    pn_text_add(&text, "%200s", "");
    pn_text_add(&text, "x");
    ck_assert(text.failed);
    ck_assert_str_eq(pn_text_get(&text), "start");
    pn_text_free(&text);
}
END_TEST

START_TEST(copies_are_cut_and_terminated)
{
    char to[4] = "zzz";
    pn_copy(to, sizeof to, "abcdef");
    ck_assert_str_eq(to, "abc");
    pn_copy(to, sizeof to, "");
    ck_assert_str_eq(to, "");
    pn_copy(to, 0, "abc");
    ck_assert_str_eq(to, "");
}
END_TEST

START_TEST(part_is_found_in_any_case)
{
    ck_assert(pn_contains_nocase("Intel(R) Graphics", "GRAPH"));
    ck_assert(pn_contains_nocase("abc", ""));
    ck_assert(pn_contains_nocase("aab", "AB"));
    ck_assert(!pn_contains_nocase("abc", "abcd"));
    ck_assert(!pn_contains_nocase("", "a"));
}
END_TEST

START_TEST(patterns_match_as_a_whole)
{
    static const struct {
        const char *text;
        const char *pattern;
        bool matches;
    } rows[] = {
        {"", "", true},
        {"", "*", true},
        {"a", "", false},
        {"abc", "abc", true},
        {"abc", "ab", false},
        {"abc", "a?c", true},
        {"abc", "a?", false},
        {"abc", "*", true},
        {"abc", "*c", true},
        {"abc", "*b", false},
        {"a/b/c", "*/c", true},
        {"aab", "*ab", true},
        {"ababac", "*ab*c", true},
        {"abcbd", "a*b?", true},
        {"mississippi", "m*iss*p?", true},
        {"mississippi", "*iss*pp", false},
        {"ab", "**a**b**", true},
        {"a*b", "a*b", true},
    };
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        ck_assert_msg(pn_matches(rows[i].text, rows[i].pattern) == rows[i].matches, "%s %s",
                      rows[i].text, rows[i].pattern);
    }
    /* a pattern that would take a naive matcher for ever */
    ck_assert(!pn_matches("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "*a*a*a*a*a*a*a*a*a*a*a*b"));
}
END_TEST

START_TEST(text_is_cut_to_a_size)
{
    pn_text text = {0};
    pn_text_cut(&text, 0);
    ck_assert_str_eq(pn_text_get(&text), "");
    pn_text_add(&text, "abcdef");
    pn_text_cut(&text, 9);
    ck_assert_str_eq(pn_text_get(&text), "abcdef");
    pn_text_cut(&text, 2);
    pn_text_add(&text, "x");
    ck_assert_str_eq(pn_text_get(&text), "abx");
    pn_text_free(&text);
}
END_TEST

START_TEST(nearest_word_is_found_and_far_ones_are_not)
{
    static const char *const words[] = {"bench", "chat", "devices", "generate", "tokenize"};
    ck_assert_str_eq(pn_nearest("generat", words, PN_COUNT(words)), "generate");
    ck_assert_str_eq(pn_nearest("benhc", words, PN_COUNT(words)), "bench");
    ck_assert_str_eq(pn_nearest("cat", words, PN_COUNT(words)), "chat");
    ck_assert_str_eq(pn_nearest("device", words, PN_COUNT(words)), "devices");
    ck_assert_ptr_null(pn_nearest("perplexity", words, PN_COUNT(words)));
    ck_assert_ptr_null(pn_nearest("x", words, PN_COUNT(words)));
    ck_assert_ptr_null(pn_nearest("", words, PN_COUNT(words)));
    char long_word[200];
    memset(long_word, 'a', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    ck_assert_ptr_null(pn_nearest(long_word, words, PN_COUNT(words)));
}
END_TEST

/* ---- checked sizes ---- */

START_TEST(checked_arithmetic_refuses_overflow)
{
    size_t out = 7;
    ck_assert(pn_mul(0, SIZE_MAX, &out) && out == 0);
    ck_assert(pn_mul(SIZE_MAX, 0, &out) && out == 0);
    ck_assert(pn_mul(SIZE_MAX / 3, 3, &out) && out == SIZE_MAX / 3 * 3);
    ck_assert(!pn_mul(SIZE_MAX / 3 + 1, 3, &out));
    ck_assert(!pn_mul((size_t)1 << 32, (size_t)1 << 32, &out));
    ck_assert(pn_add(SIZE_MAX, 0, &out) && out == SIZE_MAX);
    ck_assert(!pn_add(SIZE_MAX, 1, &out));
    ck_assert(pn_pad(0, 32, &out) && out == 0);
    ck_assert(pn_pad(33, 32, &out) && out == 64);
    ck_assert(pn_pad(20, 7, &out) && out == 21);
    ck_assert(!pn_pad(SIZE_MAX - 3, 32, &out));
    ck_assert(!pn_pad(5, 0, &out));
}
END_TEST

/* ---- error record ---- */

START_TEST(deepest_cause_wins_and_prefixes_go_in_front)
{
    pencl_ctx *ctx = pencl_ctx_new();
    ck_assert_str_eq(pencl_error_text(ctx), "");
    ck_assert_int_eq(PN_FAIL(ctx, PENCL_E_SHAPE, "axis \"%s\"", "seq"), PENCL_E_SHAPE);
    ck_assert_int_eq(PN_FAIL(ctx, PENCL_E_IO, "later"), PENCL_E_IO);
    ck_assert_int_eq(pencl_error_status(ctx), PENCL_E_SHAPE);
    pn_error_prefix(ctx, "block_3/attention");
    ck_assert_str_eq(pencl_error_text(ctx), "block_3/attention: axis \"seq\"");
    pn_error_clear(ctx);
    ck_assert_int_eq(pencl_error_status(ctx), PENCL_OK);
    pn_error_prefix(ctx, "nothing failed");
    ck_assert_str_eq(pencl_error_text(ctx), "");
    pencl_ctx_free(ctx);
    ck_assert_int_eq(PN_FAIL(NULL, PENCL_E_ARG, "no context"), PENCL_E_ARG);
}
END_TEST

START_TEST(long_prefixes_and_texts_are_cut)
{
    pencl_ctx *ctx = pencl_ctx_new();
    char line[6000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    ck_assert_int_eq(PN_FAIL(ctx, PENCL_E_ARG, "%s", line), PENCL_E_ARG);
    ck_assert_uint_eq(strlen(pencl_error_text(ctx)), sizeof ctx->error.text - 1);
    for (int i = 0; i < 10; i++) {
        pn_error_prefix(ctx, line);
        ck_assert_uint_eq(strlen(pencl_error_text(ctx)), sizeof ctx->error.text - 1);
    }
    pencl_ctx_free(ctx);
}
END_TEST

START_TEST(statuses_have_names)
{
    ck_assert_str_eq(pencl_status_name(PENCL_OK), "OK");
    ck_assert_str_eq(pencl_status_name(PENCL_E_AXIS), "E_AXIS");
    ck_assert_str_eq(pencl_status_text(PENCL_E_AXIS), "an axis is missing, repeated or unknown");
    ck_assert_str_eq(pencl_status_name((pencl_status)99), "E_UNKNOWN");
}
END_TEST

/* ---- log ---- */

static void count_line(void *user, pencl_log_level level, const char *category, const char *text)
{
    (void)level;
    (void)category;
    (void)text;
    (*(int *)user)++;
}

START_TEST(log_keeps_the_chosen_categories_and_warnings)
{
    pencl_ctx *ctx = pencl_ctx_new();
    int lines = 0;
    pn_log(ctx, PENCL_LOG_WARN, "store", "nobody listens");
    pencl_ctx_set_log(ctx, count_line, &lines);
    pn_set_env("PENCL_LOG", "", true);
    pn_log(ctx, PENCL_LOG_INFO, "store", "%d", 1);
    ck_assert_int_eq(lines, 1);
    pn_set_env("PENCL_LOG", "device,plan", true);
    pn_log(ctx, PENCL_LOG_INFO, "store", "filtered");
    pn_log(ctx, PENCL_LOG_INFO, "dev", "filtered: not the whole word");
    ck_assert_int_eq(lines, 1);
    pn_log(ctx, PENCL_LOG_DEBUG, "plan", "kept");
    pn_log(ctx, PENCL_LOG_WARN, "store", "kept: a warning");
    ck_assert_int_eq(lines, 3);
    pn_set_env("PENCL_LOG", "all", true);
    pn_log(ctx, PENCL_LOG_INFO, "store", "kept");
    ck_assert_int_eq(lines, 4);
    pencl_ctx_free(ctx);
}
END_TEST

Suite *suite_base_text(void);
Suite *suite_base_text(void)
{
    Suite *s = suite_create("base_text");
    TCase *c = tcase_create("text");
    tcase_add_test(c, text_grows_and_ends_with_nul);
    tcase_add_test(c, text_that_ran_out_of_memory_stays_failed);
    tcase_add_test(c, copies_are_cut_and_terminated);
    tcase_add_test(c, part_is_found_in_any_case);
    tcase_add_test(c, patterns_match_as_a_whole);
    tcase_add_test(c, text_is_cut_to_a_size);
    tcase_add_test(c, nearest_word_is_found_and_far_ones_are_not);
    tcase_add_test(c, checked_arithmetic_refuses_overflow);
    tcase_add_test(c, deepest_cause_wins_and_prefixes_go_in_front);
    tcase_add_test(c, long_prefixes_and_texts_are_cut);
    tcase_add_test(c, statuses_have_names);
    tcase_add_test(c, log_keeps_the_chosen_categories_and_warnings);
    suite_add_tcase(s, c);
    return s;
}
