/* SPDX-License-Identifier: Apache-2.0 */
/* Tiny models of every weight type against transformers, on the device at hand: whole prompts,
 * prompts in pieces, every pass left out once. */
#include "support/devices.h"
#include "support/golden.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const files[] = {"tiny_f16",  "tiny_mix", "tiny_q4_0", "tiny_q4_1",
                                    "tiny_q8_0", "tiny_5",   "tiny_k"};
enum { N_FILES = sizeof files / sizeof *files, MOST_TOKENS = 64 };

static pencl_ctx *ctx;
static pencl_device *device;
static pencl_model *model;
static int32_t tokens[MOST_TOKENS];
static size_t n_tokens;
static float *want; /* [n_tokens, n_vocabulary] */
static size_t n_vocabulary;

static void open_model(const char *name)
{
    char path[512];
    size_t count = 0;
    json_t *json = golden_json("tiny/tiny.json");
    json_t *ids = json_object_get(json, "tokens");
    n_tokens = json_array_size(ids);
    ck_assert_uint_le(n_tokens, MOST_TOKENS);
    for (size_t i = 0; i < n_tokens; i++) {
        tokens[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    }
    json_decref(json);
    snprintf(path, sizeof path, "tiny/%s.logits.npy", name);
    want = golden_npy(path, &count);
    n_vocabulary = count / n_tokens;
    snprintf(path, sizeof path, "%s/tiny/%s.gguf", PENCL_TEST_DATA, name);
    ctx = pencl_ctx_new();
    device = test_device(ctx);
    ck_assert_msg(pencl_model_open(&model, device, path, NULL) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
}

static void close_model(void)
{
    pencl_model_close(model);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    free(want);
}

static double worst_of(const float *logits, size_t first, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n * n_vocabulary; i++) {
        double d = fabs((double)logits[i] - (double)want[first * n_vocabulary + i]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    return worst;
}

/* Feeds in two pieces; every position's logits are compared. */
static void compare_pieces(size_t cut)
{
    pencl_session *s = NULL;
    const float *logits = NULL;
    ck_assert_int_eq(pencl_session_new(&s, pencl_model_lm(model), NULL), PENCL_OK);
    for (size_t at = 0; at < n_tokens;) {
        size_t n = at == 0 && cut > 0 ? cut : n_tokens - at;
        ck_assert_msg(pencl_session_feed(&logits, s, tokens + at, n, PENCL_LOGITS_ALL) == PENCL_OK,
                      "%s", pencl_error_text(ctx));
        double worst = worst_of(logits, at, n);
        ck_assert_msg(worst <= 1e-4, "cut at %zu: logits differ by %g", cut, worst);
        at += n;
    }
    pencl_session_free(s);
}

START_TEST(logits_equal_transformers_however_the_prompt_is_cut)
{
    open_model(files[_i]);
    for (size_t cut = 0; cut < n_tokens; cut++) {
        compare_pieces(cut);
    }
    close_model();
}
END_TEST

/* Plans of one model share the memory of temporaries: a larger step moves it. */
START_TEST(a_small_step_is_right_after_a_larger_one)
{
    open_model("tiny_mix");
    size_t all = n_tokens;
    n_tokens = 3;
    compare_pieces(0);
    n_tokens = all;
    compare_pieces(0);
    n_tokens = 3;
    compare_pieces(0);
    close_model();
}
END_TEST

START_TEST(uncached_call_gives_the_same_logits)
{
    open_model(files[_i]);
    pencl_axis seq = {PENCL_AXIS_SEQ, (int64_t)n_tokens};
    pencl_array *ids = NULL;
    pencl_array *logits = NULL;
    ck_assert_int_eq(pencl_array_new(&ids, device, PENCL_I32, &seq, 1), PENCL_OK);
    ck_assert_int_eq(pencl_array_upload(ids, tokens, n_tokens * sizeof *tokens), PENCL_OK);
    ck_assert_msg(pencl_lm_call(&logits, pencl_model_lm(model), ids, NULL) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
    float *got = calloc(n_tokens * n_vocabulary, sizeof *got);
    ck_assert_int_eq(pencl_array_download_f32(logits, got, (int64_t)(n_tokens * n_vocabulary)),
                     PENCL_OK);
    ck_assert(worst_of(got, 0, n_tokens) <= 1e-4);
    free(got);
    pencl_array_free(logits);
    pencl_array_free(ids);
    close_model();
}
END_TEST

static const char *const passes[] = {
#define PASS(name) #name,
#include "plan/passes.def"
#undef PASS
};
enum { N_PASSES = sizeof passes / sizeof *passes };

START_TEST(any_pass_may_be_left_out)
{
    char list[256] = "none";
    for (int i = 0; i < N_PASSES; i++) {
        if (i != _i && _i < N_PASSES) {
            strcat(strcat(list, ","), passes[i]);
        }
    }
    setenv("PENCL_PASSES", list, 1);
    open_model("tiny_mix");
    compare_pieces(0);
    compare_pieces(5);
    close_model();
    unsetenv("PENCL_PASSES");
}
END_TEST

START_TEST(a_full_context_is_an_error_before_any_write)
{
    open_model("tiny_q8_0");
    pencl_session_options options = {.context = 8};
    pencl_session *s = NULL;
    const float *logits = NULL;
    ck_assert_int_eq(pencl_session_new(&s, pencl_model_lm(model), &options), PENCL_OK);
    ck_assert_int_eq(pencl_session_feed(&logits, s, tokens, 6, PENCL_LOGITS_LAST), PENCL_OK);
    ck_assert_int_eq(pencl_session_feed(&logits, s, tokens, 3, PENCL_LOGITS_LAST),
                     PENCL_E_CACHE_FULL);
    ck_assert_int_eq(pencl_session_length(s), 6);
    int32_t outside[] = {-1, (int32_t)n_vocabulary};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pencl_session_feed(&logits, s, &outside[i], 1, PENCL_LOGITS_LAST),
                         PENCL_E_TOKEN_RANGE);
    }
    ck_assert_int_eq(pencl_session_feed(&logits, s, tokens + 6, 2, PENCL_LOGITS_LAST), PENCL_OK);
    ck_assert(worst_of(logits, 7, 1) <= 1e-4);
    pencl_session_free(s);
    close_model();
}
END_TEST

Suite *suite_lm_tiny(void);
Suite *suite_lm_tiny(void)
{
    Suite *suite = suite_create("lm_tiny");
    TCase *tc = tcase_create("golden");
    tcase_set_timeout(tc, 600);
    tcase_add_loop_test(tc, logits_equal_transformers_however_the_prompt_is_cut, 0, N_FILES);
    tcase_add_loop_test(tc, uncached_call_gives_the_same_logits, 0, N_FILES);
    tcase_add_loop_test(tc, any_pass_may_be_left_out, 0, N_PASSES + 1);
    tcase_add_test(tc, a_small_step_is_right_after_a_larger_one);
    tcase_add_test(tc, a_full_context_is_an_error_before_any_write);
    suite_add_tcase(suite, tc);
    return suite;
}
