/* SPDX-License-Identifier: Apache-2.0 */
/* The real model against transformers (float32, the GGUF dequantised): logits and greedy tokens. */
#include "support/devices.h"
#include "support/golden.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GREEDY_STEPS = 24 };
static const double LOGIT_BAR = 0.01;
static const double TIE_BAR = 0.02; /* closer best logits may come in either order */

static pencl_ctx *ctx;
static pencl_device *device;
static pencl_model *model;
static bool slow; /* no compiled kernels, or a software renderer: short prompts only */

static void setup(void)
{
    const char *path = golden_model();
    ctx = pencl_ctx_new();
    if (path == NULL) {
        return;
    }
    device = test_device(ctx);
    const pencl_device_info *info = pencl_device_describe(device);
    slow = info->type == PENCL_DEVICE_REF || info->software;
    ck_assert_msg(pencl_model_open(&model, device, path, NULL) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
}

static void teardown(void)
{
    pencl_model_close(model);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    model = NULL;
    device = NULL;
}

/* Slow devices: the two shortest prompts, with PENCL_TEST_LONG all up to 64 tokens. */
static bool wanted(size_t n)
{
    size_t most = getenv("PENCL_TEST_LONG") != NULL ? 64 : 5;
    return !slow || n <= most;
}

static int32_t likeliest(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        best = logits[i] > logits[best] ? i : best;
    }
    return (int32_t)best;
}

static void compare_logits(const char *name, const float *logits)
{
    char file[128];
    size_t n = 0;
    snprintf(file, sizeof file, "smollm2/%s.ids.npy", name);
    int32_t *ids = golden_npy(file, &n);
    snprintf(file, sizeof file, "smollm2/%s.logits.npy", name);
    float *want = golden_npy(file, &n);
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)logits[ids[i]] - (double)want[i]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    printf("%s: largest difference of logits %.2e\n", name, worst);
    ck_assert_msg(worst <= LOGIT_BAR, "%s: logits differ by %g", name, worst);
    free(ids);
    free(want);
}

/* The golden tokens are fed, so that one near tie does not end the comparison. */
static void compare_greedy(const char *name, pencl_session *s, const float *logits)
{
    size_t vocabulary = pencl_tokenizer_n_tokens(pencl_model_tokenizer(model));
    json_t *all = golden_json("smollm2/greedy.json");
    json_t *golden = json_object_get(all, name);
    for (size_t step = 0; step < GREEDY_STEPS; step++) {
        int32_t want =
            (int32_t)json_integer_value(json_array_get(json_object_get(golden, "tokens"), step));
        int32_t got = likeliest(logits, vocabulary);
        json_t *best = json_array_get(json_object_get(golden, "best"), step);
        double first = json_real_value(json_array_get(json_array_get(best, 0), 1));
        double second = json_real_value(json_array_get(json_array_get(best, 1), 1));
        if (got != want) {
            printf("%s: step %zu: %d for %d, its two best within %.4f\n", name, step, got, want,
                   first - second);
            ck_assert_msg(first - second <= TIE_BAR, "%s: step %zu: another token", name, step);
        }
        ck_assert_int_eq(pencl_session_feed(&logits, s, &want, 1, PENCL_LOGITS_LAST), PENCL_OK);
    }
    json_decref(all);
}

START_TEST(logits_and_greedy_tokens_equal_transformers)
{
    if (model == NULL) {
        return;
    }
    json_t *prompts = golden_json("smollm2/prompts.json");
    size_t at;
    json_t *prompt;
    json_array_foreach(prompts, at, prompt)
    {
        const char *name = json_string_value(json_object_get(prompt, "name"));
        json_t *tokens = json_object_get(prompt, "tokens");
        size_t n = json_array_size(tokens);
        if (!wanted(n)) {
            continue;
        }
        int32_t *ids = calloc(n, sizeof *ids);
        for (size_t i = 0; i < n; i++) {
            ids[i] = (int32_t)json_integer_value(json_array_get(tokens, i));
        }
        pencl_session *s = NULL;
        const float *logits = NULL;
        ck_assert_int_eq(pencl_session_new(&s, pencl_model_lm(model), NULL), PENCL_OK);
        ck_assert_msg(pencl_session_feed(&logits, s, ids, n, PENCL_LOGITS_LAST) == PENCL_OK, "%s",
                      pencl_error_text(ctx));
        compare_logits(name, logits);
        if (!slow) {
            compare_greedy(name, s, logits);
        }
        pencl_session_free(s);
        free(ids);
    }
    json_decref(prompts);
}
END_TEST

START_TEST(prompts_become_the_tokens_of_transformers)
{
    if (model == NULL) {
        return;
    }
    json_t *prompts = golden_json("smollm2/prompts.json");
    size_t at;
    json_t *prompt;
    json_array_foreach(prompts, at, prompt)
    {
        json_t *text = json_object_get(prompt, "text");
        json_t *tokens = json_object_get(prompt, "tokens");
        unsigned flags = json_is_true(json_object_get(prompt, "parse_special"))
                             ? PENCL_ENCODE_PARSE_SPECIAL
                             : PENCL_ENCODE_PLAIN;
        int32_t *ids = NULL;
        size_t n = 0;
        ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, pencl_model_tokenizer(model),
                                                json_string_value(text), json_string_length(text),
                                                flags),
                         PENCL_OK);
        ck_assert_uint_eq(n, json_array_size(tokens));
        for (size_t i = 0; i < n; i++) {
            ck_assert_int_eq(ids[i], json_integer_value(json_array_get(tokens, i)));
        }
        pencl_tokens_free(ids);
    }
    json_decref(prompts);
}
END_TEST

/* ---- passes ---- */

static const char *const passes[] = {
#define PASS(name) #name,
#include "plan/passes.def"
#undef PASS
};
enum { N_PASSES = sizeof passes / sizeof *passes };

/* All passes but number `without`. */
static void set_passes(int without)
{
    char list[256] = "none";
    for (int i = 0; i < N_PASSES; i++) {
        if (i != without) {
            strcat(strcat(list, ","), passes[i]);
        }
    }
    setenv("PENCL_PASSES", list, 1);
}

/* Logits after the prompt "chat" and after each of its greedy tokens, [1 + GREEDY_STEPS][n]. */
static float *logits_of_chat(size_t n)
{
    json_t *prompt = json_array_get(golden_json("smollm2/prompts.json"), 3);
    json_t *tokens = json_object_get(prompt, "tokens");
    json_t *greedy = json_object_get(golden_json("smollm2/greedy.json"), "chat");
    float *all = calloc((GREEDY_STEPS + 1) * n, sizeof *all);
    int32_t ids[64];
    size_t n_ids = json_array_size(tokens);
    ck_assert_str_eq(json_string_value(json_object_get(prompt, "name")), "chat");
    ck_assert_uint_le(n_ids, sizeof ids / sizeof *ids);
    for (size_t i = 0; i < n_ids; i++) {
        ids[i] = (int32_t)json_integer_value(json_array_get(tokens, i));
    }
    pencl_session *s = NULL;
    const float *logits = NULL;
    ck_assert_int_eq(pencl_session_new(&s, pencl_model_lm(model), NULL), PENCL_OK);
    for (size_t step = 0; step <= GREEDY_STEPS; step++) {
        ck_assert_int_eq(pencl_session_feed(&logits, s, ids, n_ids, PENCL_LOGITS_LAST), PENCL_OK);
        memcpy(all + step * n, logits, n * sizeof *all);
        json_t *next = json_array_get(json_object_get(greedy, "tokens"), step);
        ids[0] = (int32_t)json_integer_value(next);
        n_ids = 1;
    }
    pencl_session_free(s);
    return all;
}

START_TEST(a_pass_left_out_changes_nothing)
{
    if (model == NULL || slow || getenv("PENCL_TEST_LONG") == NULL) {
        return;
    }
    size_t n = pencl_tokenizer_n_tokens(pencl_model_tokenizer(model));
    float *want = logits_of_chat(n);
    set_passes(_i);
    pencl_model_close(model);
    ck_assert_int_eq(pencl_model_open(&model, device, golden_model(), NULL), PENCL_OK);
    float *got = logits_of_chat(n);
    double worst = 0;
    for (size_t step = 0; step <= GREEDY_STEPS; step++) {
        ck_assert_int_eq(likeliest(got + step * n, n), likeliest(want + step * n, n));
        for (size_t i = step * n; i < (step + 1) * n; i++) {
            worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
        }
    }
    printf("without %s: largest difference of logits %.2e\n", passes[_i], worst);
    ck_assert_double_le(worst, 1e-3);
    unsetenv("PENCL_PASSES");
    free(want);
    free(got);
}
END_TEST

Suite *suite_lm_smollm2(void);
Suite *suite_lm_smollm2(void)
{
    Suite *suite = suite_create("lm_smollm2");
    TCase *tc = tcase_create("golden");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 900);
    tcase_add_test(tc, logits_and_greedy_tokens_equal_transformers);
    tcase_add_test(tc, prompts_become_the_tokens_of_transformers);
    tcase_add_loop_test(tc, a_pass_left_out_changes_nothing, 0, N_PASSES);
    suite_add_tcase(suite, tc);
    return suite;
}
