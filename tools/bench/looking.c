/* SPDX-License-Identifier: Apache-2.0 */
/* What looking inside costs: looking MODEL.gguf [ROUNDS] [verify]. Built and run by
 * tools/bench/looking.
 *
 * Prints medians with quartiles over rounds that take turns: decode speed with every block's input
 * captured over that with nothing captured; and the time of a sweep that knocks out each head over
 * that of as many prompts at the rate of `pencl bench -p 64`. With verify, each of the sweep's
 * values is compared with a run of a model that has that head knocked out. */
#include "pencl/pencl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_PROMPT = 64, N_DECODE = 64, MOST_ROUNDS = 101 };

static pencl_ctx *ctx;
static pencl_model *model;
static int32_t prompt[N_PROMPT];

static void must(pencl_status st)
{
    if (st != PENCL_OK) {
        fprintf(stderr, "looking: %s\n", pencl_error_text(ctx));
        exit(1);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_median(const char *what, double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_value);
    printf("%-60s %.3f  (quartiles %.3f to %.3f, %d rounds)\n", what, values[n / 2], values[n / 4],
           values[3 * n / 4], n);
    fflush(stdout);
}

/* ---- decoding ---- */

/* The model with a Capture in front of every block. */
static pencl_lm *capturing(pencl_lm *lm)
{
    pencl_layer *body = pencl_layer_ref(pencl_lm_body(lm));
    pencl_lm *out = NULL;
    for (int i = 0;; i++) {
        char where[64];
        pencl_layer *next = NULL;
        snprintf(where, sizeof where, "blocks.%d.hook_resid_pre", i);
        pencl_selection *s = pencl_select_text(ctx, body, where);
        pencl_status st = pencl_selection_capture(&next, s, where);
        pencl_selection_free(s);
        if (st != PENCL_OK) {
            break; /* that was the last block */
        }
        pencl_layer_free(body);
        body = next;
    }
    must(pencl_lm_new(&out, pencl_lm_device(lm), body, pencl_lm_metadata(lm)));
    pencl_layer_free(body);
    return out;
}

/* Seconds of N_DECODE tokens, one by one. */
static double decode(pencl_session *s)
{
    const float *logits = NULL;
    pencl_session_reset(s);
    must(pencl_session_feed(&logits, s, prompt, 1, PENCL_LOGITS_LAST));
    double start = now();
    for (int i = 1; i <= N_DECODE; i++) {
        must(pencl_session_feed(&logits, s, &prompt[i % N_PROMPT], 1, PENCL_LOGITS_LAST));
    }
    return now() - start;
}

static void compare_decoding(int rounds)
{
    double ratios[MOST_ROUNDS];
    pencl_lm *lm = pencl_model_lm(model);
    pencl_lm *looking = capturing(lm);
    pencl_session *plain = NULL;
    pencl_session *captured = NULL;
    must(pencl_session_new(&plain, lm, NULL));
    must(pencl_session_new(&captured, looking, NULL));
    decode(plain);
    decode(captured);
    for (int i = 0; i < rounds; i++) {
        double a = decode(plain);
        ratios[i] = a / decode(captured);
    }
    print_median("decode speed, all residuals captured / nothing captured", ratios, rounds);
    pencl_session_free(plain);
    pencl_session_free(captured);
    pencl_lm_free(looking);
}

/* ---- a sweep over heads ---- */

static const pencl_patch_options knock_out = {.change = PENCL_CHANGE_KNOCK_OUT,
                                              .sweep = PENCL_SWEEP_HEAD};

static double prompt_rate(void)
{
    pencl_bench_options o = PENCL_BENCH_OPTIONS_INIT;
    pencl_bench_result r;
    o.n_prompt = N_PROMPT;
    must(pencl_bench_model(&r, model, &o));
    double rate = r.avg_ts;
    pencl_bench_result_free(&r);
    return rate;
}

static double sweep(void)
{
    pencl_patch *p = NULL;
    double start = now();
    must(pencl_patch_new(&p, pencl_model_lm(model), prompt, N_PROMPT, &knock_out));
    double seconds = now() - start;
    double prompts = (double)pencl_patch_n_rows(p) * pencl_patch_n_columns(p);
    pencl_patch_free(p);
    return seconds / prompts;
}

static void compare_sweep(int rounds)
{
    double ratios[MOST_ROUNDS];
    sweep();
    for (int i = 0; i < rounds; i++) {
        double seconds = N_PROMPT / prompt_rate();
        ratios[i] = sweep() / seconds;
    }
    print_median("knocking out each head / as many prompts of 64 tokens", ratios, rounds);
}

static void verify(void)
{
    pencl_patch *p = NULL;
    pencl_lm *lm = pencl_model_lm(model);
    double worst = 0;
    double moved = 0;
    must(pencl_patch_new(&p, lm, prompt, N_PROMPT, &knock_out));
    for (int row = 0; row < pencl_patch_n_rows(p); row++) {
        for (int head = 0; head < pencl_patch_n_columns(p); head++) {
            const pencl_edit edit = {.kind = PENCL_EDIT_KNOCK_OUT, .block = row, .head = head};
            pencl_patch_options o = {.change = PENCL_CHANGE_MODEL, .metric = pencl_patch_metric(p)};
            pencl_patch *one = NULL;
            must(pencl_lm_edit(&o.edited, lm, &edit, 1));
            must(pencl_patch_new(&one, lm, prompt, N_PROMPT, &o));
            double a = pencl_patch_value(p, row, head);
            double b = pencl_patch_value(one, 0, 0);
            worst = fmax(worst, fabs(a - b));
            moved = fmax(moved, fabs(a - pencl_patch_before(p)));
            pencl_patch_free(one);
            pencl_lm_free(o.edited);
        }
    }
    printf("sweep against one run for each head: largest difference %.2e of changes up to %.2f\n",
           worst, moved);
    pencl_patch_free(p);
}

int main(int argc, char **argv)
{
    pencl_device *device = NULL;
    int rounds = argc > 2 ? atoi(argv[2]) : 7;
    if (argc < 2 || rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: looking MODEL.gguf [ROUNDS] [verify]\n");
        return 2;
    }
    for (int i = 0; i < N_PROMPT; i++) {
        prompt[i] = 1000 + 37 * i;
    }
    ctx = pencl_ctx_new();
    must(pencl_device_open(&device, ctx, getenv("PENCL_DEVICE")));
    must(pencl_model_open(&model, device, argv[1], NULL));
    printf("%s\n", pencl_device_describe(device)->id);
    compare_decoding(rounds);
    compare_sweep(rounds);
    if (argc > 3 && strcmp(argv[3], "verify") == 0) {
        verify();
    }
    pencl_model_close(model);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    return 0;
}
