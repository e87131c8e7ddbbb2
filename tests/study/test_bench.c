/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring: statistics against NumPy's, rounds by a made-up clock, what makes a result unstable,
 * what is known of a test on a device. */
#include "base/os.h"
#include "study/protocol.h"
#include "study/statistics.h"
#include "support/devices.h"
#include "support/golden.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- statistics ---- */

enum { MOST_SAMPLES = 128 };

START_TEST(medians_are_numpys)
{
    json_t *rows = golden_json("study/medians.json");
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        double x[MOST_SAMPLES];
        double mean = 0;
        double stddev = 0;
        const json_t *samples = json_object_get(row, "samples");
        const int n = (int)json_array_size(samples);
        const int size = (int)json_integer_value(json_object_get(row, "n"));
        ck_assert_int_eq(pn_median_rank(size), json_integer_value(json_object_get(row, "rank")));
        ck_assert_int_le(n, MOST_SAMPLES);
        for (int k = 0; k < n; k++) {
            x[k] = json_number_value(json_array_get(samples, (size_t)k));
        }
        if (n > 0) {
            pn_mean(x, n, &mean, &stddev);
            /* sums of a hundred doubles in another order */
            ck_assert_double_eq_tol(mean, json_number_value(json_object_get(row, "mean")), 1e-12);
            ck_assert_double_eq_tol(stddev, json_number_value(json_object_get(row, "stddev")),
                                    1e-12);
            ck_assert_double_eq(pn_median(x, n), json_number_value(json_object_get(row, "median")));
        }
    }
    ck_assert_uint_ge(i, 15);
    json_decref(rows);
}
END_TEST

/* ---- rounds, by a clock that only runs move ---- */

typedef struct made_up {
    uint64_t now;
    const double *ms; /* of each run; the last one for all that follow */
    int n;
    int runs;
    int fail_at; /* a run that is cancelled; 0: none */
    double clock_mhz;
    double watts;
    double foreign;
} made_up;

static pencl_ctx *ctx;

static uint64_t clock_of(void *work)
{
    return ((made_up *)work)->now;
}

static pencl_status run_made_up(uint64_t *ns, void *work)
{
    made_up *m = work;
    if (++m->runs == m->fail_at) {
        return PN_FAIL(ctx, PENCL_E_CANCELLED, "cancelled");
    }
    const int i = m->runs <= m->n ? m->runs - 1 : m->n - 1;
    *ns = (uint64_t)(m->ms[i] * 1e6);
    m->now += *ns;
    m->foreign += 0.25 * m->ms[i] / 1e3;
    return PENCL_OK;
}

static void sense_made_up(pn_sensors *now, double *foreign, void *work)
{
    const made_up *m = work;
    *now = (pn_sensors){.clock_mhz = m->clock_mhz,
                        .temperature_c = NAN,
                        .joules = NAN,
                        .watts = m->watts,
                        .source = PN_POWER_HWMON};
    *foreign = m->foreign;
}

static const pencl_bench_options brief = {
    .n_gen = 10, .batch = 2, .samples = 3, .warm_seconds = 10, .seconds = 30, .goal = 0.02};

static pencl_status add_round(pencl_bench_result *r, made_up *m, const pencl_bench_options *o)
{
    r->n_gen = o->n_gen;
    r->batch = o->batch;
    return pn_protocol_round(r, &(pn_protocol){.ctx = ctx,
                                               .options = o,
                                               .clock = clock_of,
                                               .run = run_made_up,
                                               .sense = sense_made_up,
                                               .work = m});
}

static void setup(void)
{
    ctx = pencl_ctx_new();
}

static void teardown(void)
{
    pencl_ctx_free(ctx);
}

#define RUNS(...) .ms = (const double[]){__VA_ARGS__}, .n = sizeof((double[]){__VA_ARGS__}) / 8

/* 900, 500 and 400 differ by more than 2 %, 400 and 396 do not. */
START_TEST(warms_until_two_runs_agree)
{
    pencl_bench_result r = {0};
    made_up m = {RUNS(900, 500, 400, 396, 400, 401, 399), .watts = 20};
    ck_assert_int_eq(add_round(&r, &m, &brief), PENCL_OK);
    ck_assert_int_eq(r.rounds[0].warm_runs, 4);
    ck_assert_int_eq(r.rounds[0].warm_agreed, 1);
    ck_assert_double_eq_tol(r.rounds[0].warm_seconds, 2.196, 1e-9);
    ck_assert_double_eq_tol(r.first_ms, 900, 1e-9);
    ck_assert_int_eq(r.n_samples, 3);
    ck_assert_double_eq_tol(r.median_ns, 400e6, 1);
    ck_assert_double_eq_tol(r.median_ts, 20 / 0.4, 1e-9);
    ck_assert_double_eq_tol(r.ci95_ts[0], 20 / 0.401, 1e-9);
    ck_assert_double_eq_tol(r.ci95_ts[1], 20 / 0.399, 1e-9);
    ck_assert_double_eq_tol(r.rounds[0].watts, 20, 1e-9);
    ck_assert_double_eq_tol(r.rounds[0].foreign, 0.25, 1e-9);
    pencl_bench_result_free(&r);
}
END_TEST

/* Runs that never agree: 4 + 3 seconds, and the next would end behind the tenth. */
START_TEST(warms_no_longer_than_allowed)
{
    pencl_bench_result r = {0};
    made_up m = {RUNS(4000, 3500, 4000)};
    ck_assert_int_eq(add_round(&r, &m, &brief), PENCL_OK);
    ck_assert_int_eq(r.rounds[0].warm_runs, 2);
    ck_assert_int_eq(r.rounds[0].warm_agreed, 0);
    pencl_bench_result_free(&r);
}
END_TEST

/* Two warm-up runs; then 1000 and 1100 in turn: the interval stays wider than 2 %, so samples are
 * taken as long as the next one ends within 30 s. */
START_TEST(samples_until_time_is_up)
{
    pencl_bench_result r = {0};
    double ms[60] = {1000, 1000};
    for (int i = 2; i < 60; i++) {
        ms[i] = i % 2 == 0 ? 1000 : 1100;
    }
    made_up m = {.ms = ms, .n = 60};
    ck_assert_int_eq(add_round(&r, &m, &brief), PENCL_OK);
    ck_assert_int_eq(r.n_samples, 28);
    ck_assert_uint_le(m.now, 32 * (uint64_t)1000000000);
    pencl_bench_result_free(&r);
}
END_TEST

/* One outlier among the first samples: as soon as the interval leaves it out, all is said. */
START_TEST(samples_until_the_interval_is_narrow)
{
    pencl_bench_result r = {0};
    made_up m = {RUNS(100, 100, 150, 100, 100, 100, 100, 100, 100, 100)};
    ck_assert_int_eq(add_round(&r, &m, &brief), PENCL_OK);
    ck_assert_int_eq(r.n_samples, 9); /* the first size whose interval is not the extremes */
    ck_assert_double_eq_tol(r.ci95_ts[0], 200, 1e-9);
    pencl_bench_result_free(&r);
}
END_TEST

START_TEST(the_least_number_of_samples_is_kept)
{
    pencl_bench_result r = {0};
    pencl_bench_options o = brief;
    o.samples = 4;
    o.seconds = o.warm_seconds = 0;
    made_up m = {RUNS(8000, 8000, 9000, 7000, 8000)};
    ck_assert_int_eq(add_round(&r, &m, &o), PENCL_OK);
    ck_assert_int_eq(r.rounds[0].warm_runs, 1);
    ck_assert_int_eq(r.n_samples, 4);
    pencl_bench_result_free(&r);
}
END_TEST

START_TEST(rounds_add_up_and_a_cancelled_one_keeps_its_samples)
{
    pencl_bench_result r = {0};
    made_up m = {RUNS(100, 100, 100, 100, 100)};
    ck_assert_int_eq(add_round(&r, &m, &brief), PENCL_OK);
    ck_assert_int_eq(r.n_samples, 3);
    made_up second = {RUNS(200, 200, 200, 200), .fail_at = 5};
    ck_assert_int_eq(add_round(&r, &second, &brief), PENCL_E_CANCELLED);
    ck_assert_int_eq(r.n_rounds, 2);
    ck_assert_int_eq(r.n_samples, 5);
    ck_assert_int_eq(r.rounds[1].n_samples, 2);
    ck_assert_double_eq_tol(r.rounds[0].median_ts, 200, 1e-9);
    ck_assert_double_eq_tol(r.rounds[1].median_ts, 100, 1e-9);
    made_up third = {RUNS(200), .fail_at = 1};
    ck_assert_int_eq(add_round(&r, &third, &brief), PENCL_E_CANCELLED);
    ck_assert_int_eq(r.n_rounds, 2);
    pencl_bench_result_free(&r);
}
END_TEST

/* ---- what makes a result unstable ---- */

static pencl_bench_result two_rounds(double first, double second)
{
    return (pencl_bench_result){
        .n_rounds = 2,
        .rounds = {{.median_ts = first, .clock_mhz = {2000, 2000}, .foreign = 0},
                   {.median_ts = second, .clock_mhz = {2000, 2000}, .foreign = 0}}};
}

START_TEST(reasons)
{
    char why[PENCL_BENCH_REASONS][PENCL_BENCH_REASON];
    pencl_limits before = {.read_gbs = 40, .fma_gflops = 200};
    pencl_limits after = before;
    pencl_bench_result r = two_rounds(100, 104);
    ck_assert_int_eq(pencl_bench_unstable(why, &r, &before, &after), 0);
    r = two_rounds(100, 107);
    ck_assert_int_eq(pencl_bench_unstable(why, &r, NULL, NULL), 1);
    ck_assert_str_eq(why[0], "drift 7 %");
    r = two_rounds(100, 100);
    after.read_gbs = 50;
    after.fma_gflops = 180;
    ck_assert_int_eq(pencl_bench_unstable(why, &r, &before, &after), 2);
    ck_assert_str_eq(why[0], "read_gbs drift 25 %");
    ck_assert_str_eq(why[1], "fma_gflops drift 11 %");
    r.rounds[1].clock_mhz[1] = 1500;
    r.rounds[0].foreign = 0.06 * pn_core_count() + 1;
    ck_assert_int_eq(pencl_bench_unstable(why, &r, NULL, NULL), 2);
    ck_assert_str_eq(why[0], "clock 1500 of 2000 MHz");
    ck_assert_ptr_nonnull(strstr(why[1], "foreign load "));
    r = two_rounds(100, 100);
    r.rounds[0].clock_mhz[1] = r.rounds[1].clock_mhz[1] = NAN;
    r.rounds[0].foreign = r.rounds[1].foreign = NAN;
    ck_assert_int_eq(pencl_bench_unstable(why, &r, NULL, NULL), 0);
}
END_TEST

START_TEST(halves_of_a_single_round)
{
    char why[PENCL_BENCH_REASONS][PENCL_BENCH_REASON];
    double falling[] = {110, 111, 109, 105, 100, 101, 99};
    double level[] = {110, 100, 105, 105, 105, 111, 100};
    pencl_bench_result r = {.n_rounds = 1, .n_samples = 7, .samples_ts = falling};
    ck_assert_int_eq(pencl_bench_unstable(why, &r, NULL, NULL), 1);
    ck_assert_str_eq(why[0], "drift 10 %");
    r.samples_ts = level;
    ck_assert_int_eq(pencl_bench_unstable(why, &r, NULL, NULL), 0);
}
END_TEST

/* ---- on a device ---- */

static pencl_device *device;
static pencl_model *model;

static void open_tiny(void)
{
    ctx = pencl_ctx_new();
    device = test_device(ctx);
    ck_assert_msg(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", NULL) ==
                      PENCL_OK,
                  "%s", pencl_error_text(ctx));
}

static void close_tiny(void)
{
    pencl_model_close(model);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}

static pencl_bench_result bench(int64_t prompt, int64_t gen, int64_t depth, int64_t batch)
{
    pencl_bench_result r = {0};
    const pencl_bench_options o = {
        .n_prompt = prompt, .n_gen = gen, .depth = depth, .batch = batch, .samples = 1};
    ck_assert_msg(pencl_bench_round(&r, model, &o) == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(r.n_samples, 1);
    ck_assert_double_eq_tol(r.samples_ts[0] * (double)r.samples_ns[0] / 1e9,
                            (double)((prompt + gen) * batch), 1e-6);
    pencl_bench_result kept = r;
    pencl_bench_result_free(&r);
    kept.samples_ns = NULL;
    kept.samples_ts = NULL;
    return kept;
}

/* tiny_q8_0: 2 key-value heads of 32, 3 blocks: a token's row in the cache has 2 * 3 * 64 floats.
 */
START_TEST(every_weight_once_and_the_rows_in_use)
{
    const pencl_bench_options wrong[] = {
        {.n_prompt = 1, .n_gen = 1, .batch = 1, .samples = 1},
        {.batch = 1, .samples = 1},
        {.n_gen = 1, .batch = 0, .samples = 1},
        {.n_gen = 1, .batch = 1, .samples = 0},
        {.n_gen = 1, .depth = -1, .batch = 1, .samples = 1},
    };
    const pencl_bench_options good = {.n_gen = 3, .depth = 5, .batch = 2, .samples = 1};
    pencl_bench_result r = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(pencl_bench_round(&r, model, &wrong[i]), PENCL_E_ARG);
        ck_assert_int_eq(r.n_samples, 0);
    }
    ck_assert_int_eq(pencl_bench_round(&r, model, &good), PENCL_OK);
    const pencl_model_info *info = pencl_model_describe(model);
    const pencl_transformer_metadata *m = pencl_lm_metadata(pencl_model_lm(model));
    const double row =
        (double)(2 * info->n_blocks * m->common_head_axes[0].size * m->projection_dim) * 4;
    /* of a sequence: half of the weights, and the rows that a token sees on average */
    ck_assert_double_eq_tol(r.bytes_per_token, (double)info->file_bytes / 2 + row * (5 + 2), 1e-6);
    ck_assert_int_eq(r.n_rounds, 1);
    ck_assert_int_eq(r.cached, pencl_device_describe(device)->type != PENCL_DEVICE_REF);
    pencl_bench_options other = good;
    other.depth = 6;
    ck_assert_int_eq(pencl_bench_round(&r, model, &other), PENCL_E_ARG);
    ck_assert_int_eq(r.n_rounds, 1);
    pencl_bench_result_free(&r);
    ck_assert_double_gt(bench(8, 0, 0, 1).flops_per_token, 0);
}
END_TEST

START_TEST(kernels_are_named)
{
    pencl_bench_result r = bench(4, 0, 0, 1);
    bool matmul = false;
    for (int i = 0; i < r.n_choices; i++) {
        matmul = matmul || strcmp(r.choices[i].op, "matmul") == 0;
        for (int k = 0; k < i; k++) {
            ck_assert_str_ne(r.choices[i].op, r.choices[k].op);
        }
    }
    ck_assert_int_eq(matmul, pencl_device_describe(device)->type != PENCL_DEVICE_REF);
}
END_TEST

static int count_ops(void *user, const pencl_bench_op *op)
{
    int *n = user;
    ++*n;
    ck_assert_str_eq(op->name, "48x64x3:q8_0");
    ck_assert_double_eq(op->flops, 2.0 * 48 * 64 * 3);
    /* weights in blocks of 32 with 34 bytes, activations, result */
    ck_assert_double_eq(op->bytes, 48 * 2 * 34 + 64 * 3 * 4 + 48 * 3 * 4);
    return 0;
}

START_TEST(a_matmul_of_any_size)
{
    static const char *const wrong[] = {"matmul:48x64:q8_0",   "matmul:48x64x3:q8_0x",
                                        "matmul:0x64x3:f32",   "matmul:48x64x3:q9",
                                        "matmul:48x63x3:q8_0", "matmul:"};
    int n = 0;
    pencl_bench_ops_options o = {.op = "matmul:48x64x3:q8_0", .repetitions = 1, .row = count_ops};
    o.user = &n;
    ck_assert_msg(pencl_bench_ops(device, &o) == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_int_ge(n, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        o.op = wrong[i];
        ck_assert_int_ne(pencl_bench_ops(device, &o), PENCL_OK);
    }
}
END_TEST

START_TEST(every_device_says_what_the_reference_says)
{
    char here[PENCL_HASH_TEXT];
    char there[PENCL_HASH_TEXT];
    pencl_device *ref = NULL;
    pencl_model *same = NULL;
    ck_assert_int_eq(pencl_bench_digest(here, model, "auto"), PENCL_OK);
    ck_assert_int_eq(pencl_device_open(&ref, ctx, "ref"), PENCL_OK);
    ck_assert_int_eq(pencl_model_open(&same, ref, PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", NULL),
                     PENCL_OK);
    ck_assert_int_eq(pencl_bench_digest(there, same, "auto"), PENCL_OK);
    ck_assert_str_eq(here, there);
    pencl_model_close(same);
    ck_assert_int_eq(pencl_model_open(&same, ref, PENCL_TEST_DATA "/tiny/tiny_f16.gguf", NULL),
                     PENCL_OK);
    ck_assert_int_eq(pencl_bench_digest(there, same, "auto"), PENCL_OK);
    ck_assert_str_ne(here, there);
    pencl_model_close(same);
    pencl_device_close(ref);
}
END_TEST

/* No device is that slow, and none that fast. */
START_TEST(tests_are_halved_where_they_must_be)
{
    pencl_bench_options o = {.n_gen = 64, .batch = 1, .samples = 1};
    int halved = 1;
    ck_assert_int_eq(pencl_bench_shorten(&o, &halved, model, 1000), PENCL_OK);
    ck_assert_int_eq(halved, 0);
    ck_assert_int_eq(o.n_gen, 64);
    ck_assert_int_eq(pencl_bench_shorten(&o, &halved, model, 1e-9), PENCL_OK);
    ck_assert_int_eq(halved, 1);
    ck_assert_int_eq(o.n_gen, 8);
    o = (pencl_bench_options){.n_prompt = 40, .batch = 1, .samples = 1};
    ck_assert_int_eq(pencl_bench_shorten(&o, &halved, model, 1e-9), PENCL_OK);
    ck_assert_int_eq(halved, 0);
    ck_assert_int_eq(o.n_prompt, 40);
}
END_TEST

/* The real SmolLM2-135M has so many parameters, as llama.cpp counts them. */
START_TEST(a_preset_is_a_whole_model)
{
    pencl_model *preset = NULL;
    pencl_bench_result r = {0};
    const pencl_bench_options o = {.n_gen = 1, .batch = 1, .samples = 1};
    ck_assert_int_eq(pencl_model_preset(&preset, device, "gpt-5", PENCL_Q8_0, NULL), PENCL_E_ARG);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "llama-3.2-1b, "));
    ck_assert_int_eq(pencl_model_preset(&preset, device, "smollm2-135m", PENCL_I32, NULL),
                     PENCL_E_DTYPE);
    ck_assert_msg(pencl_model_preset(&preset, device, "smollm2-135m", PENCL_Q4_0, NULL) == PENCL_OK,
                  "%s", pencl_error_text(ctx));
    const pencl_model_info *info = pencl_model_describe(preset);
    ck_assert_uint_eq(info->n_params, 134515008);
    ck_assert_str_eq(info->file_type, "Q4_0");
    /* 61 vectors of 576 floats; the rest in blocks of 32 with 18 bytes */
    ck_assert_uint_eq(info->file_bytes, (134515008 - 61 * 576) / 32 * 18 + 61 * 576 * 4);
    ck_assert_msg(pencl_bench_round(&r, preset, &o) == PENCL_OK, "%s", pencl_error_text(ctx));
    pencl_bench_result_free(&r);
    pencl_model_close(preset);
    for (int i = 0; pencl_preset_name(i) != NULL; i++) {
        ck_assert(i == 0 || strcmp(pencl_preset_name(i - 1), pencl_preset_name(i)) < 0);
    }
}
END_TEST

Suite *suite_study_bench(void);
Suite *suite_study_bench(void)
{
    Suite *suite = suite_create("study_bench");
    TCase *rounds = tcase_create("rounds");
    TCase *measured = tcase_create("measured");
    tcase_add_checked_fixture(rounds, setup, teardown);
    tcase_add_test(rounds, medians_are_numpys);
    tcase_add_test(rounds, warms_until_two_runs_agree);
    tcase_add_test(rounds, warms_no_longer_than_allowed);
    tcase_add_test(rounds, samples_until_time_is_up);
    tcase_add_test(rounds, samples_until_the_interval_is_narrow);
    tcase_add_test(rounds, the_least_number_of_samples_is_kept);
    tcase_add_test(rounds, rounds_add_up_and_a_cancelled_one_keeps_its_samples);
    tcase_add_test(rounds, reasons);
    tcase_add_test(rounds, halves_of_a_single_round);
    tcase_add_checked_fixture(measured, open_tiny, close_tiny);
    tcase_set_timeout(measured, 300);
    tcase_add_test(measured, every_weight_once_and_the_rows_in_use);
    tcase_add_test(measured, kernels_are_named);
    tcase_add_test(measured, a_matmul_of_any_size);
    tcase_add_test(measured, every_device_says_what_the_reference_says);
    tcase_add_test(measured, tests_are_halved_where_they_must_be);
    tcase_add_test(measured, a_preset_is_a_whole_model);
    suite_add_tcase(suite, rounds);
    suite_add_tcase(suite, measured);
    return suite;
}
