/* SPDX-License-Identifier: Apache-2.0 */
/* Measures a model: prompts fed at once, and tokens one by one, as llama-bench does. */
#include "pencl/bench.h"

#include "base/os.h"
#include "study/bench.h"
#include "study/protocol.h"

#include <inttypes.h>

/* Any tokens will do, since each costs the same; a fixed recurrence keeps runs comparable. */
static void make_tokens(int32_t *tokens, int64_t n, int64_t vocabulary)
{
    uint32_t state = 1;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        tokens[i] = (int32_t)((int64_t)(state >> 8) % vocabulary);
    }
}

typedef struct bench {
    pencl_session *session;
    const int32_t *tokens; /* [batch, the larger of depth and what the test feeds at once] */
    const pencl_bench_options *options;
} bench;

static uint64_t clock_ns(void *work)
{
    (void)work;
    return pn_clock_ns();
}

/* A slot of the cache holds its own number as position, so those behind the depth are ahead of
 * every query: going back is setting the length. */
static pencl_status run_once(uint64_t *ns, void *work)
{
    const bench *b = work;
    const pencl_bench_options *o = b->options;
    b->session->length = o->depth;
    PENCL_TRY(pn_device_finish(b->session->lm->device));
    const uint64_t start = pn_clock_ns();
    const size_t step = o->n_prompt > 0 ? (size_t)o->n_prompt : 1;
    const int64_t steps = o->n_prompt > 0 ? 1 : o->n_gen;
    for (int64_t i = 0; i < steps; i++) {
        PENCL_TRY(pencl_session_feed(NULL, b->session, b->tokens + i, step, PENCL_LOGITS_LAST));
    }
    *ns = pn_clock_ns() - start;
    return PENCL_OK;
}

static pencl_status check(pencl_ctx *ctx, const pencl_bench_result *r, const pencl_bench_options *o)
{
    const bool one = (o->n_prompt > 0 && o->n_gen == 0) || (o->n_prompt == 0 && o->n_gen > 0);
    if (!one || o->n_prompt > INT32_MAX / 2 || o->n_gen > INT32_MAX / 2) {
        return PN_FAIL(ctx, PENCL_E_ARG,
                       "a test has either a prompt or tokens to generate, not %" PRId64
                       " and %" PRId64,
                       o->n_prompt, o->n_gen);
    }
    if (o->depth < 0 || o->depth > INT32_MAX / 2 || o->batch < 1 || o->batch > 4096) {
        return PN_FAIL(ctx, PENCL_E_ARG, "a depth of %" PRId64 ", a batch of %" PRId64, o->depth,
                       o->batch);
    }
    if (o->samples < 1 || !(o->warm_seconds >= 0) || !(o->seconds >= 0) || !(o->goal >= 0)) {
        return PN_FAIL(ctx, PENCL_E_ARG, "%d samples, %g and %g seconds, an interval of %g",
                       o->samples, o->warm_seconds, o->seconds, o->goal);
    }
    if (r->n_rounds > 0 && (r->n_prompt != o->n_prompt || r->n_gen != o->n_gen ||
                            r->depth != o->depth || r->batch != o->batch)) {
        return PN_FAIL(ctx, PENCL_E_ARG, "the rounds so far are of another test");
    }
    return PENCL_OK;
}

static pencl_status open_session(bench *b, int32_t **tokens, pencl_lm *lm)
{
    const pencl_bench_options *o = b->options;
    const int64_t once = o->n_prompt > 0 ? o->n_prompt : o->n_gen;
    const int64_t most = o->depth > once ? o->depth : once;
    const int64_t context = o->depth + once;
    pn_session_config config = {.batch = {.dtype = PENCL_I32},
                                .context = context,
                                .slots = context < 256 ? 256 : context,
                                .matmul = o->matmul};
    if (o->batch > 1) {
        pn_spec_push(&config.batch, PENCL_AXIS_BATCH, o->batch);
    }
    *tokens = pn_calloc((size_t)(most * o->batch), sizeof **tokens);
    if (*tokens == NULL) {
        return PN_NOMEM(lm->ctx);
    }
    make_tokens(*tokens, most * o->batch, lm->metadata.vocab_size);
    b->tokens = *tokens;
    PENCL_TRY(pn_session_open(&b->session, lm, &config));
    if (o->depth > 0) {
        return pencl_session_feed(NULL, b->session, *tokens, (size_t)o->depth, PENCL_LOGITS_NONE);
    }
    return PENCL_OK;
}

pencl_status
pencl_bench_round(pencl_bench_result *r, pencl_model *model, const pencl_bench_options *o)
{
    pencl_lm *lm = pencl_model_lm(model);
    bench b = {.options = o};
    int32_t *tokens = NULL;
    pn_error_clear(lm->ctx);
    PENCL_TRY(check(lm->ctx, r, o));
    r->n_prompt = o->n_prompt;
    r->n_gen = o->n_gen;
    r->depth = o->depth;
    r->batch = o->batch;
    pencl_status st = open_session(&b, &tokens, lm);
    if (st == PENCL_OK) {
        st = pn_protocol_round(
            r, &(pn_protocol){
                   .ctx = lm->ctx, .options = o, .clock = clock_ns, .run = run_once, .work = &b});
    }
    if (r->n_rounds > 0 && r->n_choices == 0) {
        pn_bench_facts(r, model, b.session);
    }
    pencl_session_free(b.session);
    pn_free(tokens);
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
