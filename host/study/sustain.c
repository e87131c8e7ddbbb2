/* SPDX-License-Identifier: Apache-2.0 */
/* One test again and again, and how many tokens each second had. */
#include "pencl/sustain.h"

#include "base/os.h"
#include "study/bench.h"

#include <math.h>

#define MOST_SECONDS 86400
enum { BURST = 10, SUSTAINED = 60 };

typedef struct run {
    pencl_ctx *ctx;
    const pencl_sustain_options *options;
    pn_bench bench;
    pencl_sustain *out;
    double elapsed; /* s of steps */
    int told;       /* seconds that were reported */
} run;

/* Tokens of a step between two moments, spread evenly over the seconds that it lies in. */
static void spread(pencl_sustain *out, double from, double to, double tokens)
{
    for (int s = (int)from; s < out->n && s < to; s++) {
        double begin = fmax(from, s);
        double end = fmin(to, s + 1.0);
        out->ts[s] += end > begin && to > from ? tokens * (end - begin) / (to - from) : 0;
    }
}

static pencl_status tell(run *r)
{
    const pencl_sustain_options *o = r->options;
    for (; r->told < r->out->n && r->told + 1 <= r->elapsed; r->told++) {
        if (o->second != NULL && o->second(o->user, r->told, r->out->ts[r->told]) != 0) {
            return PN_FAIL(r->ctx, PENCL_E_CANCELLED, "cancelled");
        }
    }
    return PENCL_OK;
}

static pencl_status step(run *r, const int32_t *tokens, int64_t n)
{
    const uint64_t start = pn_clock_ns();
    PENCL_TRY(pencl_session_feed(NULL, r->bench.session, tokens, (size_t)n, PENCL_LOGITS_LAST));
    const double before = r->elapsed;
    r->elapsed += (double)(pn_clock_ns() - start) / 1e9;
    spread(r->out, before, r->elapsed, (double)n);
    return tell(r);
}

static pencl_status run_test(run *r)
{
    const pencl_sustain_options *o = r->options;
    pn_bench_rewind(&r->bench);
    if (o->n_prompt > 0) {
        return step(r, r->bench.tokens, o->n_prompt);
    }
    for (int64_t i = 0; i < o->n_gen && r->elapsed < r->out->n; i++) {
        PENCL_TRY(step(r, &r->bench.tokens[i], 1));
    }
    return PENCL_OK;
}

static double mean(const double *ts, int from, int to)
{
    double sum = 0;
    for (int i = from; i < to; i++) {
        sum += ts[i];
    }
    return to > from ? sum / (to - from) : 0;
}

/* Seconds that were not reached, after Ctrl-C, are none. */
static void sum_up(run *r)
{
    pencl_sustain *out = r->out;
    out->n = r->told;
    out->burst_ts = mean(out->ts, 0, out->n < BURST ? out->n : BURST);
    int last = out->n >= 2 * SUSTAINED ? SUSTAINED : (out->n + 1) / 2;
    out->sustained_ts = mean(out->ts, out->n - last, out->n);
}

/* Room for the seconds, and a run that builds the kernels. */
static pencl_status prepare(run *r, pencl_lm *lm)
{
    const pencl_sustain_options *o = r->options;
    const pencl_bench_options test = {.n_prompt = o->n_prompt,
                                      .n_gen = o->n_gen,
                                      .depth = o->depth,
                                      .batch = 1,
                                      .samples = 1,
                                      .matmul = o->matmul};
    uint64_t ns = 0;
    if (!(o->seconds >= 1 && o->seconds <= MOST_SECONDS)) {
        return PN_FAIL(r->ctx, PENCL_E_ARG, "%g seconds, from 1 to %d are possible", o->seconds,
                       MOST_SECONDS);
    }
    PENCL_TRY(pn_bench_open(&r->bench, lm, &test));
    r->out->n = (int)o->seconds;
    r->out->ts = pn_calloc((size_t)r->out->n, sizeof *r->out->ts);
    return r->out->ts != NULL ? pn_bench_run(&ns, &r->bench, o->n_prompt + o->n_gen)
                              : PN_NOMEM(r->ctx);
}

pencl_status
pencl_sustain_run(pencl_sustain *out, pencl_lm *lm, const pencl_sustain_options *options)
{
    run r = {.ctx = lm->ctx, .options = options, .out = out};
    pn_error_clear(r.ctx);
    *out = (pencl_sustain){0};
    pencl_status st = prepare(&r, lm);
    while (st == PENCL_OK && r.elapsed < out->n) {
        st = run_test(&r);
    }
    sum_up(&r);
    pn_bench_close(&r.bench);
    pn_device_idle(lm->device);
    return st;
}

void pencl_sustain_free(pencl_sustain *sustain)
{
    pn_free(sustain->ts);
    *sustain = (pencl_sustain){0};
}
