/* SPDX-License-Identifier: Apache-2.0 */
/* temperature_sample_pyloop: draws continuations of a batch of prompts. */
#include "lm/kv_lm.h"

#include <string.h>

typedef struct sampling {
    pencl_kv_lm *kv;
    const pencl_sample_options *options;
    pencl_sampler **samplers; /* one a batch entry */
    float *logits;            /* [vocabulary] */
    int32_t *drawn;           /* [batch..]: the tokens of this step */
    bool *ended;              /* [batch..] */
    int32_t *all;             /* [steps, batch..] */
    size_t room;              /* steps in `all` */
} sampling;

static bool allocate(sampling *s)
{
    size_t n = (size_t)s->kv->n_batch;
    s->samplers = pn_calloc(n, sizeof(pencl_sampler *));
    s->drawn = pn_calloc(n, sizeof *s->drawn);
    s->ended = pn_calloc(n, sizeof *s->ended);
    s->logits = pn_calloc((size_t)s->kv->lm->metadata.vocab_size, sizeof *s->logits);
    return s->samplers != NULL && s->drawn != NULL && s->ended != NULL && s->logits != NULL;
}

static pencl_status open_sampling(sampling *s)
{
    pencl_ctx *ctx = s->kv->lm->ctx;
    if (!allocate(s)) {
        return PN_NOMEM(ctx);
    }
    for (int64_t b = 0; b < s->kv->n_batch; b++) {
        PENCL_TRY(pn_sampler_new(&s->samplers[b], ctx, &s->options->sampler, (uint64_t)b << 32));
    }
    return PENCL_OK;
}

static void close_sampling(sampling *s)
{
    for (int64_t b = 0; s->samplers != NULL && b < s->kv->n_batch; b++) {
        pencl_sampler_free(s->samplers[b]);
    }
    pn_free(s->samplers);
    pn_free(s->logits);
    pn_free(s->drawn);
    pn_free(s->ended);
    pn_free(s->all);
}

static bool is_end(const sampling *s, int32_t token)
{
    for (int i = 0; i < s->options->n_end_tokens; i++) {
        if (s->options->end_tokens[i] == token) {
            return true;
        }
    }
    return false;
}

/* Draws each sequence's next token by the logits of its row. */
static pencl_status
draw(sampling *s, const pencl_array *logits, const int64_t *rows, int64_t n_rows)
{
    size_t vocabulary = (size_t)s->kv->lm->metadata.vocab_size;
    for (int64_t b = 0; b < s->kv->n_batch; b++) {
        if (s->ended[b]) {
            s->drawn[b] = s->kv->pad_id;
            continue;
        }
        size_t row = (size_t)(b * n_rows + (rows != NULL ? rows[b] : 0));
        PENCL_TRY(pn_buffer_read(logits->buffer,
                                 logits->base + row * vocabulary * sizeof *s->logits, s->logits,
                                 vocabulary * sizeof *s->logits));
        s->drawn[b] = pencl_sampler_draw(s->samplers[b], s->logits, vocabulary);
        pencl_sampler_accept(s->samplers[b], s->drawn[b]);
        s->ended[b] = is_end(s, s->drawn[b]);
    }
    return PENCL_OK;
}

static pencl_status keep(sampling *s, int64_t step)
{
    size_t n = (size_t)s->kv->n_batch;
    if ((size_t)step == s->room) {
        size_t room = s->room == 0 ? 64 : 2 * s->room;
        int32_t *all = pn_realloc(s->all, room * n, sizeof *all);
        if (all == NULL) {
            return PN_NOMEM(s->kv->lm->ctx);
        }
        s->all = all;
        s->room = room;
    }
    memcpy(s->all + (size_t)step * n, s->drawn, n * sizeof *s->drawn);
    return PENCL_OK;
}

static bool all_ended(const sampling *s)
{
    for (int64_t b = 0; b < s->kv->n_batch; b++) {
        if (!s->ended[b]) {
            return false;
        }
    }
    return true;
}

/* From the logits of the prompts on; *steps tokens are drawn. */
static pencl_status
run(sampling *s, pencl_array *logits, const int64_t *rows, int64_t n_rows, int64_t *steps)
{
    int64_t most = s->options->max_steps;
    pencl_status st = PENCL_OK;
    for (*steps = 0; st == PENCL_OK && (most < 0 || *steps < most);) {
        st = draw(s, logits, rows, n_rows);
        pencl_array_free(logits);
        logits = NULL;
        if (st == PENCL_OK) {
            st = keep(s, *steps);
        }
        *steps += st == PENCL_OK;
        if (st != PENCL_OK || *steps == most || all_ended(s) ||
            s->kv->session->length >= s->kv->cache_len) {
            break;
        }
        rows = NULL;
        n_rows = 1;
        st = pn_kv_lm_feed(&logits, s->kv, s->drawn, 1, PENCL_LOGITS_LAST, (pn_side_arrays){0});
    }
    pencl_array_free(logits);
    return st;
}

/* [steps, batch..] becomes an array [batch.., seq: steps]. */
static pencl_status make_result(pencl_array **out, const sampling *s, int64_t steps)
{
    pn_spec spec = s->kv->session->batch;
    size_t n = (size_t)s->kv->n_batch;
    int32_t *ids = pn_calloc(n * (size_t)steps + 1, sizeof *ids);
    if (ids == NULL) {
        return PN_NOMEM(s->kv->lm->ctx);
    }
    for (size_t b = 0; b < n; b++) {
        for (size_t i = 0; i < (size_t)steps; i++) {
            ids[b * (size_t)steps + i] = s->all[i * n + b];
        }
    }
    pn_spec_push(&spec, PENCL_AXIS_SEQ, steps);
    pencl_status st = pencl_array_new(out, s->kv->lm->device, PENCL_I32, spec.axes, spec.n_axes);
    if (st == PENCL_OK) {
        st = pencl_array_upload(*out, ids, pn_spec_bytes(&spec));
    }
    pn_free(ids);
    return st;
}

/* The last token of each prompt that is no pad; 0 when all are. */
static int64_t *last_rows(const pencl_kv_lm *kv, const int32_t *ids, int64_t n)
{
    int64_t *rows = pn_calloc((size_t)kv->n_batch, sizeof *rows);
    for (int64_t b = 0; rows != NULL && b < kv->n_batch; b++) {
        for (int64_t i = 0; i < n; i++) {
            rows[b] = ids[b * n + i] != kv->pad_id ? i : rows[b];
        }
    }
    return rows;
}

static pencl_status sample(pencl_array **out, sampling *s, const pencl_array *prompt)
{
    pencl_ctx *ctx = s->kv->lm->ctx;
    int64_t n = pn_spec_size(&prompt->view.spec, PENCL_AXIS_SEQ);
    int64_t steps = 0;
    int32_t *ids = NULL;
    int64_t *rows = NULL;
    pencl_array *logits = NULL;
    pencl_status st = pn_kv_lm_read_tokens(&ids, s->kv, prompt);
    if (st == PENCL_OK && n < 1) {
        st = PN_FAIL(ctx, PENCL_E_ARG, "the prompt has no tokens");
    }
    if (st == PENCL_OK) {
        rows = last_rows(s->kv, ids, n);
        st = rows == NULL ? PN_NOMEM(ctx) : open_sampling(s);
    }
    if (st == PENCL_OK) {
        st = pn_kv_lm_feed(&logits, s->kv, ids, n, PENCL_LOGITS_ALL, (pn_side_arrays){0});
    }
    if (st == PENCL_OK) {
        st = run(s, logits, rows, n, &steps);
    }
    if (st == PENCL_OK) {
        st = make_result(out, s, steps);
    }
    pn_free(rows);
    pn_free(ids);
    return st;
}

pencl_status pencl_temperature_sample(pencl_array **out,
                                      pencl_kv_lm *kv,
                                      const pencl_array *prompt,
                                      const pencl_sample_options *options)
{
    static const pencl_sample_options none = PENCL_SAMPLE_OPTIONS_INIT;
    sampling s = {.kv = kv, .options = options != NULL ? options : &none};
    pn_error_clear(kv->lm->ctx);
    *out = NULL;
    pencl_status st = sample(out, &s, prompt);
    close_sampling(&s);
    return st;
}
