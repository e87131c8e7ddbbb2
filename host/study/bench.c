/* SPDX-License-Identifier: Apache-2.0 */
/* Measures a model: prompts fed at once, and tokens one by one, as llama-bench does. */
#include "pencl/study.h"

#include "base/os.h"
#include "device/device.h"
#include "lm/lm.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

typedef struct bench {
    pencl_ctx *ctx;
    pencl_session *session;
    int32_t *tokens; /* made up; as many as the test feeds */
    const pencl_bench_options *options;
} bench;

/* Any tokens will do, since each costs the same; a fixed recurrence keeps runs comparable. */
static void make_tokens(int32_t *tokens, int64_t n, int64_t vocabulary)
{
    uint32_t state = 1;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        tokens[i] = (int32_t)((int64_t)(state >> 8) % vocabulary);
    }
}

static pencl_status run_once(const bench *b)
{
    const pencl_bench_options *o = b->options;
    if (o->n_prompt > 0) {
        return pencl_session_feed(NULL, b->session, b->tokens, (size_t)o->n_prompt,
                                  PENCL_LOGITS_LAST);
    }
    for (int64_t i = 0; i < o->n_gen; i++) {
        PENCL_TRY(pencl_session_feed(NULL, b->session, &b->tokens[i], 1, PENCL_LOGITS_LAST));
    }
    return PENCL_OK;
}

/* The warm-up is a whole run: it builds every kernel and grows the caches to their final size. */
static pencl_status take_samples(pencl_bench_result *r, const bench *b)
{
    const pencl_bench_options *o = b->options;
    for (int i = -1; i < o->repetitions; i++) {
        if (o->stopped != NULL && o->stopped(o->user)) {
            return PN_FAIL(b->ctx, PENCL_E_CANCELLED, "cancelled");
        }
        pencl_session_reset(b->session);
        uint64_t start = pn_clock_ns();
        PENCL_TRY(run_once(b));
        uint64_t ns = pn_clock_ns() - start;
        if (i >= 0) {
            r->samples_ns[i] = ns > 0 ? ns : 1;
            r->samples_ts[i] = (double)(r->n_prompt + r->n_gen) * 1e9 / (double)r->samples_ns[i];
            r->n_samples++;
        }
    }
    return PENCL_OK;
}

/* Mean and standard deviation of a sample of n. */
static void average(const double *x, int n, double *mean, double *stddev)
{
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < n; i++) {
        sum += x[i];
    }
    *mean = sum / n;
    for (int i = 0; i < n; i++) {
        squares += (x[i] - *mean) * (x[i] - *mean);
    }
    *stddev = n > 1 ? sqrt(squares / (n - 1)) : 0;
}

static pencl_status summarise(pencl_bench_result *r, pencl_ctx *ctx)
{
    double *ns = pn_calloc((size_t)r->n_samples, sizeof *ns);
    if (ns == NULL) {
        return PN_NOMEM(ctx);
    }
    for (int i = 0; i < r->n_samples; i++) {
        ns[i] = (double)r->samples_ns[i];
    }
    average(ns, r->n_samples, &r->avg_ns, &r->stddev_ns);
    average(r->samples_ts, r->n_samples, &r->avg_ts, &r->stddev_ts);
    pn_free(ns);
    return PENCL_OK;
}

static pencl_status check(pencl_ctx *ctx, const pencl_bench_options *o)
{
    bool one = (o->n_prompt > 0 && o->n_gen == 0) || (o->n_prompt == 0 && o->n_gen > 0);
    if (!one || o->n_prompt > INT32_MAX / 2 || o->n_gen > INT32_MAX / 2) {
        return PN_FAIL(ctx, PENCL_E_ARG,
                       "a test has either a prompt or tokens to generate, not %" PRId64
                       " and %" PRId64,
                       o->n_prompt, o->n_gen);
    }
    if (o->repetitions < 1) {
        return PN_FAIL(ctx, PENCL_E_ARG, "%d repetitions", o->repetitions);
    }
    return PENCL_OK;
}

static pencl_status prepare(bench *b, pencl_bench_result *r, pencl_lm *lm)
{
    const pencl_bench_options *o = b->options;
    int64_t n = o->n_prompt + o->n_gen;
    const pencl_session_options session = {.context = n, .matmul = o->matmul};
    time_t now = time(NULL);
    struct tm utc;
    *r = (pencl_bench_result){.n_prompt = o->n_prompt, .n_gen = o->n_gen};
    if (gmtime_r(&now, &utc) != NULL) {
        strftime(r->test_time, sizeof r->test_time, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    r->samples_ns = pn_calloc((size_t)o->repetitions, sizeof *r->samples_ns);
    r->samples_ts = pn_calloc((size_t)o->repetitions, sizeof *r->samples_ts);
    b->tokens = pn_calloc((size_t)n, sizeof *b->tokens);
    if (r->samples_ns == NULL || r->samples_ts == NULL || b->tokens == NULL) {
        return PN_NOMEM(b->ctx);
    }
    make_tokens(b->tokens, n, lm->metadata.vocab_size);
    return pencl_session_new(&b->session, lm, &session);
}

pencl_status
pencl_bench_model(pencl_bench_result *out, pencl_model *model, const pencl_bench_options *options)
{
    pencl_lm *lm = pencl_model_lm(model);
    bench b = {.ctx = lm->ctx, .options = options};
    pn_error_clear(b.ctx);
    *out = (pencl_bench_result){0};
    PENCL_TRY(check(b.ctx, options));
    pencl_status st = prepare(&b, out, lm);
    if (st == PENCL_OK) {
        st = take_samples(out, &b);
    }
    if (st == PENCL_OK) {
        st = summarise(out, b.ctx);
    }
    if (st != PENCL_OK) {
        pencl_bench_result_free(out);
    }
    pencl_session_free(b.session);
    pn_free(b.tokens);
    pn_device_idle(lm->device);
    return st;
}

void pencl_bench_result_free(pencl_bench_result *result)
{
    pn_free(result->samples_ns);
    pn_free(result->samples_ts);
    *result = (pencl_bench_result){0};
}

uint64_t pencl_device_peak_bytes(const pencl_device *device)
{
    size_t now = 0;
    size_t peak = 0;
    pn_device_memory(device, &now, &peak);
    return peak;
}
