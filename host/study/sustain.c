/* SPDX-License-Identifier: Apache-2.0 */
/* One test again and again, and how many tokens each second had. */
#include "pencl/sustain.h"

#include "base/os.h"
#include "device/device.h"
#include "lm/lm.h"

#include <inttypes.h>
#include <math.h>

#define MOST_SECONDS 86400
enum { BURST = 10, SUSTAINED = 60 };

typedef struct run {
    pencl_ctx *ctx;
    pencl_lm *lm;
    const pencl_sustain_options *options;
    pencl_session *session;
    int32_t *tokens;
    pencl_sustain *out;
    double elapsed; /* s of steps */
    int told;       /* seconds that were reported */
} run;

static pencl_status check(pencl_ctx *ctx, const pencl_sustain_options *o)
{
    bool one = (o->n_prompt > 0 && o->n_gen == 0) || (o->n_prompt == 0 && o->n_gen > 0);
    const int64_t most = INT32_MAX / 4;
    if (!one || o->n_prompt > most || o->n_gen > most || o->depth < 0 || o->depth > most) {
        return PN_FAIL(ctx, PENCL_E_ARG,
                       "a test has either a prompt or tokens to generate, not %" PRId64
                       " and %" PRId64 ", after %" PRId64,
                       o->n_prompt, o->n_gen, o->depth);
    }
    if (!(o->seconds >= 1 && o->seconds <= MOST_SECONDS)) {
        return PN_FAIL(ctx, PENCL_E_ARG, "%g seconds, from 1 to %d are possible", o->seconds,
                       MOST_SECONDS);
    }
    return PENCL_OK;
}

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

/* One step, timed unless it only warms up. */
static pencl_status step(run *r, const int32_t *tokens, int64_t n, bool timed)
{
    const uint64_t start = pn_clock_ns();
    PENCL_TRY(pencl_session_feed(NULL, r->session, tokens, (size_t)n, PENCL_LOGITS_LAST));
    if (!timed) {
        return PENCL_OK;
    }
    const double before = r->elapsed;
    r->elapsed += (double)(pn_clock_ns() - start) / 1e9;
    spread(r->out, before, r->elapsed, (double)n);
    return tell(r);
}

static pencl_status run_test(run *r, bool timed)
{
    const pencl_sustain_options *o = r->options;
    pencl_session_reset(r->session);
    if (o->depth > 0) {
        PENCL_TRY(step(r, r->tokens, o->depth, false));
    }
    if (o->n_prompt > 0) {
        return step(r, r->tokens, o->n_prompt, timed);
    }
    for (int64_t i = 0; i < o->n_gen && r->elapsed < r->out->n; i++) {
        PENCL_TRY(step(r, &r->tokens[i], 1, timed));
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

static pencl_status prepare(run *r)
{
    const pencl_sustain_options *o = r->options;
    const int64_t most = o->n_prompt + o->n_gen > o->depth ? o->n_prompt + o->n_gen : o->depth;
    r->out->n = (int)o->seconds;
    r->out->ts = pn_calloc((size_t)r->out->n, sizeof *r->out->ts);
    r->tokens = pn_calloc((size_t)most, sizeof *r->tokens);
    if (r->out->ts == NULL || r->tokens == NULL) {
        return PN_NOMEM(r->ctx);
    }
    for (int64_t i = 0; i < most; i++) {
        r->tokens[i] = (int32_t)(i * 7919 % r->lm->metadata.vocab_size);
    }
    return pencl_session_new(&r->session, r->lm,
                             &(pencl_session_options){.context = o->depth + o->n_prompt + o->n_gen,
                                                      .matmul = o->matmul});
}

pencl_status
pencl_sustain_run(pencl_sustain *out, pencl_lm *lm, const pencl_sustain_options *options)
{
    run r = {.ctx = lm->ctx, .lm = lm, .options = options, .out = out};
    pn_error_clear(r.ctx);
    *out = (pencl_sustain){0};
    PENCL_TRY(check(r.ctx, options));
    pencl_status st = prepare(&r);
    if (st == PENCL_OK) {
        st = run_test(&r, false);
    }
    while (st == PENCL_OK && r.elapsed < out->n) {
        st = run_test(&r, true);
    }
    sum_up(&r);
    pencl_session_free(r.session);
    pn_free(r.tokens);
    pn_device_idle(lm->device);
    return st;
}

void pencl_sustain_free(pencl_sustain *sustain)
{
    pn_free(sustain->ts);
    *sustain = (pencl_sustain){0};
}
