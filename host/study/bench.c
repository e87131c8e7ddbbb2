/* SPDX-License-Identifier: Apache-2.0 */
/* Measures a model: prompts fed at once, and tokens one by one, as llama-bench does. */
#include "pencl/bench.h"

#include "base/os.h"
#include "study/bench.h"
#include "study/protocol.h"

#include <inttypes.h>
#include <math.h>

enum { IDLE_MS = 500 };

void pn_bench_tokens(int32_t *tokens, int64_t n, int64_t vocabulary)
{
    uint32_t state = 1;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        tokens[i] = (int32_t)((int64_t)(state >> 8) % vocabulary);
    }
}

static pencl_status check(pencl_ctx *ctx, const pencl_bench_options *o)
{
    const bool one = (o->n_prompt > 0 && o->n_gen == 0) || (o->n_prompt == 0 && o->n_gen > 0);
    if (!one || o->n_prompt > INT32_MAX / 4 || o->n_gen > INT32_MAX / 4) {
        return PN_FAIL(ctx, PENCL_E_ARG,
                       "a test has either a prompt or tokens to generate, not %" PRId64
                       " and %" PRId64,
                       o->n_prompt, o->n_gen);
    }
    if (o->depth < 0 || o->depth > INT32_MAX / 4 || o->batch < 1 || o->batch > 4096) {
        return PN_FAIL(ctx, PENCL_E_ARG, "a depth of %" PRId64 ", a batch of %" PRId64, o->depth,
                       o->batch);
    }
    if (o->samples < 1 || !(o->warm_seconds >= 0) || !(o->seconds >= 0) || !(o->goal >= 0)) {
        return PN_FAIL(ctx, PENCL_E_ARG, "%d samples, %g and %g seconds, an interval of %g",
                       o->samples, o->warm_seconds, o->seconds, o->goal);
    }
    return PENCL_OK;
}

pencl_status pn_bench_open(pn_bench *b, pencl_lm *lm, const pencl_bench_options *o)
{
    *b = (pn_bench){.options = *o};
    PENCL_TRY(check(lm->ctx, o));
    const int64_t once = o->n_prompt + o->n_gen;
    const int64_t most = o->depth > once ? o->depth : once;
    const int64_t context = o->depth + once;
    pn_session_config config = {.batch = {.dtype = PENCL_I32},
                                .context = context,
                                .slots = context < 256 ? 256 : context,
                                .matmul = o->matmul};
    if (o->batch > 1) {
        pn_spec_push(&config.batch, PENCL_AXIS_BATCH, o->batch);
    }
    b->tokens = pn_calloc((size_t)(most * o->batch), sizeof *b->tokens);
    if (b->tokens == NULL) {
        return PN_NOMEM(lm->ctx);
    }
    pn_bench_tokens(b->tokens, most * o->batch, lm->metadata.vocab_size);
    PENCL_TRY(pn_session_open(&b->session, lm, &config));
    if (o->depth > 0) {
        return pencl_session_feed(NULL, b->session, b->tokens, (size_t)o->depth, PENCL_LOGITS_NONE);
    }
    return PENCL_OK;
}

void pn_bench_close(pn_bench *b)
{
    pencl_session_free(b->session);
    pn_free(b->tokens);
    *b = (pn_bench){0};
}

static pencl_status go_on(const pn_bench *b)
{
    const pencl_bench_options *o = &b->options;
    if (o->stopped != NULL && o->stopped(o->user)) {
        return PN_FAIL(b->session->lm->ctx, PENCL_E_CANCELLED, "cancelled");
    }
    return PENCL_OK;
}

/* A slot of the cache holds its own number as position, so those behind the depth are ahead of
 * every query: going back is setting the length. */
void pn_bench_rewind(pn_bench *b)
{
    b->session->length = b->options.depth;
}

pencl_status pn_bench_run(uint64_t *ns, pn_bench *b, int64_t n)
{
    const bool prompt = b->options.n_prompt > 0;
    const size_t step = prompt ? (size_t)n : 1;
    pn_bench_rewind(b);
    PENCL_TRY(go_on(b));
    PENCL_TRY(pn_device_finish(b->session->lm->device));
    const uint64_t start = pn_clock_ns();
    for (int64_t i = 0; i < (prompt ? 1 : n); i++) {
        PENCL_TRY(pencl_session_feed(NULL, b->session, b->tokens + i * b->options.batch, step,
                                     PENCL_LOGITS_LAST));
        PENCL_TRY(go_on(b));
    }
    *ns = pn_clock_ns() - start;
    *ns = *ns > 0 ? *ns : 1;
    return PENCL_OK;
}

/* ---- a round ---- */

static uint64_t clock_ns(void *work)
{
    (void)work;
    return pn_clock_ns();
}

static pencl_status run(uint64_t *ns, void *work)
{
    pn_bench *b = work;
    return pn_bench_run(ns, b, b->options.n_prompt + b->options.n_gen);
}

/* A GPU has sensors of its own where its driver tells its address; any other device is a CPU, or
 * shares its package. */
static const char *address(const pencl_device *device)
{
    const pencl_device_info *d = pencl_device_describe(device);
    return d->type == PENCL_DEVICE_GPU && !d->software ? d->pci : "";
}

static void sense(pn_sensors *now, double *foreign, void *work)
{
    const pn_bench *b = work;
    pn_sensors_read(now, address(b->session->lm->device));
    *foreign = pn_foreign_seconds();
}

/* What the machine draws with nothing to do: half a second, where a sensor tells. */
static void idle_power(pencl_bench_result *r, pn_bench *b)
{
    pn_sensors before;
    pn_sensors after;
    double foreign = 0;
    if (r->n_rounds > 0) {
        return;
    }
    r->idle_watts = NAN;
    sense(&before, &foreign, b);
    if (before.source != PN_POWER_NONE) {
        const uint64_t from = pn_clock_ns();
        pn_sleep_ms(IDLE_MS);
        sense(&after, &foreign, b);
        r->idle_watts = pn_sensors_watts(&before, &after, (double)(pn_clock_ns() - from) / 1e9);
    }
}

static pencl_status start(pencl_bench_result *r, pencl_ctx *ctx, const pencl_bench_options *o)
{
    if (r->n_rounds > 0 && (r->n_prompt != o->n_prompt || r->n_gen != o->n_gen ||
                            r->depth != o->depth || r->batch != o->batch)) {
        return PN_FAIL(ctx, PENCL_E_ARG, "the rounds so far are of another test");
    }
    r->n_prompt = o->n_prompt;
    r->n_gen = o->n_gen;
    r->depth = o->depth;
    r->batch = o->batch;
    return PENCL_OK;
}

pencl_status
pencl_bench_round(pencl_bench_result *r, pencl_model *model, const pencl_bench_options *o)
{
    pencl_lm *lm = pencl_model_lm(model);
    pn_bench b;
    pn_error_clear(lm->ctx);
    pencl_status st = pn_bench_open(&b, lm, o);
    if (st == PENCL_OK) {
        st = start(r, lm->ctx, o);
    }
    if (st == PENCL_OK) {
        idle_power(r, &b);
        st = pn_protocol_round(r, &(pn_protocol){.ctx = lm->ctx,
                                                 .options = &b.options,
                                                 .clock = clock_ns,
                                                 .run = run,
                                                 .sense = sense,
                                                 .work = &b});
        if (r->n_rounds > 0 && r->n_choices == 0) {
            pn_bench_facts(r, model, b.session);
        }
    }
    pn_bench_close(&b);
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
