/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles, forecasts and sustained runs of a tiny model whose work can be counted by hand. */
#include "support/devices.h"
#include "support/folder.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* tiny_q8_0.gguf: embedding 64, mlp 96, 2 blocks, 4 heads of 16 on 2 of keys and values, 300 tokens
 * in one table for both ends; blocks of 32 weights in 34 bytes. */
enum {
    BLOCK = 64 * 64 + 2 * 64 * 32 + 64 * 64 + 3 * 64 * 96,
    WEIGHTS = 2 * BLOCK + 300 * 64,
    WEIGHT_BYTES = WEIGHTS / 32 * 34,
    DEPTH = 5,
};

static pencl_ctx *ctx;
static pencl_device *device;
static pencl_model *model;
static char folder[TEST_PATH];

static void setup(void)
{
    ctx = pencl_ctx_new();
    device = test_device(ctx);
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", NULL),
                     PENCL_OK);
    test_folder_make(folder);
}

static void teardown(void)
{
    test_folder_remove(folder);
    pencl_model_close(model);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}

static int on_ref(void)
{
    return pencl_device_describe(device)->type == PENCL_DEVICE_REF;
}

static pencl_profile *profile(int64_t n_tokens, int repetitions)
{
    const pencl_profile_options o = {
        .n_tokens = n_tokens, .depth = DEPTH, .repetitions = repetitions};
    pencl_profile *p = NULL;
    pencl_status st = pencl_profile_new(&p, pencl_model_lm(model), &o);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    return p;
}

/* ---- what a step costs ---- */

START_TEST(every_weight_is_counted_once)
{
    pencl_profile *p = profile(1, 0);
    double weights = 0;
    double flops = 0;
    for (int i = 0; i < pencl_profile_count(p); i++) {
        const pencl_profile_node *node = pencl_profile_at(p, i);
        weights += node->weights;
        flops += 2 * node->weights * node->tokens;
        ck_assert(node->weights == 0 || node->tokens == 1);
        ck_assert_double_eq(node->us, 0);
    }
    const pencl_profile_total sum = pencl_profile_sum(p);
    ck_assert_double_eq(weights, WEIGHTS);
    ck_assert_double_ge(sum.flops, flops);
    ck_assert_double_lt(sum.flops, 1.2 * flops);
    ck_assert_double_gt(sum.bytes, WEIGHT_BYTES);
    ck_assert_double_lt(sum.bytes, (on_ref() ? 2 : 1.5) * WEIGHT_BYTES); /* nothing is fused */
    ck_assert_int_eq(pencl_profile_dtype(p), PENCL_Q8_0);
    pencl_profile_free(p);
}
END_TEST

/* All but the head, which the last token alone goes through. */
START_TEST(a_prompt_multiplies_them_by_its_tokens)
{
    pencl_profile *p = profile(16, 0);
    double products = 0;
    for (int i = 0; i < pencl_profile_count(p); i++) {
        products += pencl_profile_at(p, i)->weights * pencl_profile_at(p, i)->tokens;
    }
    ck_assert_double_le(products, 16.0 * WEIGHTS);
    ck_assert_double_ge(products, 16.0 * BLOCK);
    pencl_profile_free(p);
}
END_TEST

/* ---- times ---- */

/* The likeliest token after some others: the queue is the right one again. */
static int32_t next_token(void)
{
    static const int32_t tokens[] = {9, 8, 7};
    pencl_session *s = NULL;
    const float *logits = NULL;
    int32_t best = 0;
    ck_assert_int_eq(pencl_session_new(&s, pencl_model_lm(model), NULL), PENCL_OK);
    ck_assert_int_eq(pencl_session_feed(&logits, s, tokens, 3, PENCL_LOGITS_LAST), PENCL_OK);
    for (int32_t i = 1; i < 300; i++) {
        best = logits[i] > logits[best] ? i : best;
    }
    pencl_session_free(s);
    return best;
}

START_TEST(launches_take_time)
{
    const pencl_profile_options o = {.n_tokens = 1, .depth = DEPTH, .repetitions = 3};
    pencl_profile *p = NULL;
    if (on_ref()) {
        ck_assert_int_eq(pencl_profile_new(&p, pencl_model_lm(model), &o), PENCL_E_UNSUPPORTED);
        return;
    }
    const int32_t before = next_token();
    p = profile(1, 3);
    double us = 0;
    int launches = 0;
    for (int i = 0; i < pencl_profile_count(p); i++) {
        const pencl_profile_node *node = pencl_profile_at(p, i);
        ck_assert(node->launches == 0 || node->us > 0);
        ck_assert_double_ge(node->before_us, 0);
        us += node->us;
        launches += node->launches;
    }
    const pencl_profile_total sum = pencl_profile_sum(p);
    ck_assert_double_eq_tol(sum.device_us, us, 1e-6 * us);
    ck_assert_int_eq(sum.launches, launches);
    ck_assert_double_gt(sum.step_us, 0);
    ck_assert_int_eq(next_token(), before);
    pencl_profile_free(p);
}
END_TEST

START_TEST(bad_steps_are_refused)
{
    pencl_profile *p = NULL;
    pencl_profile_options o = {.n_tokens = 3};
    ck_assert_int_eq(pencl_profile_new(&p, pencl_model_lm(model), &o), PENCL_E_ARG);
    o = (pencl_profile_options){.n_tokens = 1024};
    ck_assert_int_eq(pencl_profile_new(&p, pencl_model_lm(model), &o), PENCL_E_ARG);
    o = (pencl_profile_options){.n_tokens = 1, .depth = -1};
    ck_assert_int_eq(pencl_profile_new(&p, pencl_model_lm(model), &o), PENCL_E_ARG);
    ck_assert_ptr_null(p);
}
END_TEST

/* ---- forecasts ---- */

/* One figure at a time is slow enough to count. */
START_TEST(forecasts_add_up)
{
    enum { FAST = 1000000000 };
    pencl_profile *p = profile(1, 0);
    const pencl_profile_total sum = pencl_profile_sum(p);
    pencl_forecast f = {.read_gbs = 2, .fma_gflops = FAST, .decode_gflops = FAST};
    ck_assert_double_eq_tol(pencl_profile_forecast(p, &f), sum.bytes / (0.85 * 2e3), 0.01);
    f = (pencl_forecast){
        .read_gbs = FAST, .fma_gflops = FAST, .decode_gflops = FAST, .launch_us = 7};
    ck_assert_double_eq_tol(pencl_profile_forecast(p, &f), 7.0 * sum.launches, 0.01);
    f = (pencl_forecast){.read_gbs = FAST, .fma_gflops = FAST, .decode_gflops = 3};
    ck_assert_double_eq_tol(pencl_profile_forecast(p, &f), 2.0 * WEIGHTS / 3e3, 0.01);
    f = (pencl_forecast){.read_gbs = FAST, .fma_gflops = 4};
    ck_assert_double_gt(pencl_profile_forecast(p, &f), 2.0 * WEIGHTS / 4e3);
    pencl_profile_free(p);
}
END_TEST

static void write_file(const char *text)
{
    FILE *file = fopen(test_path(folder, "device.txt"), "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

START_TEST(files_of_figures_are_read)
{
    pencl_forecast f;
    write_file("# a device\nname = Some GPU\nread_gbs = 76.8 # LPDDR5X\n\nfma_gflops=2000\r\n"
               "launch_us = 12\nlocal_kib = 32");
    ck_assert_int_eq(pencl_forecast_read(&f, ctx, test_path(folder, "device.txt")), PENCL_OK);
    ck_assert_str_eq(f.name, "Some GPU");
    ck_assert_double_eq(f.read_gbs, 76.8);
    ck_assert_double_eq(f.fma_gflops, 2000);
    ck_assert_double_eq(f.launch_us, 12);
    ck_assert_double_eq(f.local_kib, 32);
    ck_assert_double_eq(f.decode_gflops, 0);
}
END_TEST

START_TEST(bad_files_are_refused)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "read_gbs is missing"},
        {"read_gbs = 1\nfma_gflops = 2\n", "launch_us is missing"},
        {"read_gbs\n", "line 1: \"name = value\" is needed"},
        {"# x\nread_gb = 1\n", "line 2: \"read_gb\" is not known"},
        {"read_gbs = fast\n", "\"fast\" is no positive number"},
        {"read_gbs = -1\n", "\"-1\" is no positive number"},
        {"read_gbs = 1 2\n", "\"1 2\" is no positive number"},
        {"read_gbs = nan\n", "\"nan\" is no positive number"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pencl_forecast f;
        write_file(rows[i].text);
        ck_assert_int_eq(pencl_forecast_read(&f, ctx, test_path(folder, "device.txt")),
                         PENCL_E_FORMAT);
        ck_assert_msg(strstr(pencl_error_text(ctx), rows[i].why) != NULL, "%s: %s", rows[i].text,
                      pencl_error_text(ctx));
    }
    pencl_forecast f;
    ck_assert_int_eq(pencl_forecast_read(&f, ctx, test_path(folder, "none.txt")), PENCL_E_IO);
}
END_TEST

START_TEST(products_are_measured)
{
    double gflops = 0;
    pencl_block_shape shape = {PENCL_Q4_0, 1, 100, 0};
    pencl_status st = pencl_device_measure_block(&gflops, device, &shape);
    if (on_ref()) {
        ck_assert_int_eq(st, PENCL_E_UNSUPPORTED);
        return;
    }
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_double_gt(gflops, 0.001);
    ck_assert_double_lt(gflops, 20000);
    shape.tokens = 513;
    ck_assert_int_eq(pencl_device_measure_block(&gflops, device, &shape), PENCL_E_ARG);
    shape = (pencl_block_shape){PENCL_Q4_0, 1, 0, 0};
    ck_assert_int_eq(pencl_device_measure_block(&gflops, device, &shape), PENCL_E_ARG);
}
END_TEST

/* ---- sustained runs ---- */

static int until_first(void *user, int second, double ts)
{
    ck_assert_double_gt(ts, 0);
    *(int *)user = second + 1;
    return 1;
}

START_TEST(seconds_are_counted)
{
    pencl_sustain s;
    int told = 0;
    pencl_sustain_options o = {.n_gen = 8, .seconds = 2};
    pencl_status st = pencl_sustain_run(&s, pencl_model_lm(model), &o);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(s.n, 2);
    ck_assert_double_gt(s.ts[0], 0);
    ck_assert_double_eq_tol(s.burst_ts, (s.ts[0] + s.ts[1]) / 2, 1e-6 * s.burst_ts);
    ck_assert_double_eq(s.sustained_ts, s.ts[1]);
    pencl_sustain_free(&s);
    o = (pencl_sustain_options){
        .n_prompt = 16, .depth = 3, .seconds = 3, .second = until_first, .user = &told};
    ck_assert_int_eq(pencl_sustain_run(&s, pencl_model_lm(model), &o), PENCL_E_CANCELLED);
    ck_assert_int_eq(told, 1);
    pencl_sustain_free(&s);
    o = (pencl_sustain_options){.n_prompt = 16, .n_gen = 8, .seconds = 3};
    ck_assert_int_eq(pencl_sustain_run(&s, pencl_model_lm(model), &o), PENCL_E_ARG);
    o = (pencl_sustain_options){.n_gen = 8, .seconds = 0.5};
    ck_assert_int_eq(pencl_sustain_run(&s, pencl_model_lm(model), &o), PENCL_E_ARG);
}
END_TEST

Suite *suite_study_profile(void);
Suite *suite_study_profile(void)
{
    Suite *suite = suite_create("study_profile");
    TCase *tcase = tcase_create("profile");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, every_weight_is_counted_once);
    tcase_add_test(tcase, a_prompt_multiplies_them_by_its_tokens);
    tcase_add_test(tcase, launches_take_time);
    tcase_add_test(tcase, bad_steps_are_refused);
    tcase_add_test(tcase, forecasts_add_up);
    tcase_add_test(tcase, files_of_figures_are_read);
    tcase_add_test(tcase, bad_files_are_refused);
    tcase_add_test(tcase, products_are_measured);
    tcase_add_test(tcase, seconds_are_counted);
    suite_add_tcase(suite, tcase);
    return suite;
}
