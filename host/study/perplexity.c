/* SPDX-License-Identifier: Apache-2.0 */
/* How well a model expects texts, and how far its logits are from those of another run. */
#include "io/write_safetensors.h"
#include "lm/session.h"
#include "study/metric.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 64, NAME = 32 }; /* tokens whose logits are on the host at once */

typedef struct measuring {
    pencl_lm *lm;
    const pencl_perplexity_options *o;
    const int32_t *tokens;
    int64_t n_texts;
    int64_t n;
    int64_t vocabulary;
    pencl_session *session;
    pn_model_file *base; /* NULL: nothing to compare with */
    pencl_perplexity *out;
    double sum; /* of -log p */
    double squares;
    double kl;
} measuring;

/* ---- one position ---- */

static void compare(measuring *m, const float *logits, double total, int64_t top, const float *base)
{
    int64_t base_top = 0;
    double base_total = pn_log_sum(base, m->vocabulary, &base_top);
    double kl = pn_divergence(logits, total, base, base_total, m->vocabulary);
    m->kl += kl;
    m->out->largest_kl = fmax(m->out->largest_kl, kl);
    m->out->n_compared++;
    m->out->n_same += top == base_top;
    m->out->largest_margin =
        fmax(m->out->largest_margin, (double)base[base_top] - (double)base[top]);
}

/* ---- texts ---- */

/* Where text i's logits stand in the base. */
static pencl_status base_of(const float **out, const measuring *m, int64_t i)
{
    char name[NAME];
    snprintf(name, sizeof name, "logits.%04" PRId64, i);
    const pn_tensor *t = pn_model_file_find(m->base, name);
    if (t == NULL || t->dtype != PENCL_F32 || t->n_dims != 2 || t->dims[0] != m->n ||
        t->dims[1] != m->vocabulary) {
        return PN_FAIL(m->lm->ctx, PENCL_E_FORMAT,
                       "%s: %s is no float32 [%" PRId64 ", %" PRId64
                       "]: another vocabulary or other texts",
                       m->o->base, name, m->n, m->vocabulary);
    }
    *out = (const float *)(const void *)t->data;
    return PENCL_OK;
}

/* Row `at` of text i, with its logits and those of the base (or NULL). */
static void see(measuring *m, int64_t i, int64_t at, const float *logits, const float *base)
{
    int64_t top = 0;
    double total = pn_log_sum(logits, m->vocabulary, &top);
    if (at + 1 < m->n) {
        double nll = total - (double)logits[m->tokens[i * m->n + at + 1]];
        m->sum += nll;
        m->squares += nll * nll;
        m->out->n_scored++;
    }
    if (base != NULL) {
        compare(m, logits, total, top, base);
    }
}

/* Text i; its logits [n, vocabulary] into `keep` unless that is NULL. */
static pencl_status run_text(measuring *m, int64_t i, float *keep)
{
    const float *base = NULL;
    pencl_session_reset(m->session);
    if (m->base != NULL) {
        PENCL_TRY(base_of(&base, m, i));
    }
    for (int64_t first = 0; first < m->n; first += CHUNK) {
        const float *logits = NULL;
        int64_t now = m->n - first < CHUNK ? m->n - first : CHUNK;
        if (m->o->stopped != NULL && m->o->stopped(m->o->user)) {
            return PN_FAIL(m->lm->ctx, PENCL_E_CANCELLED, "cancelled");
        }
        PENCL_TRY(pencl_session_feed(&logits, m->session, m->tokens + i * m->n + first, (size_t)now,
                                     PENCL_LOGITS_ALL));
        for (int64_t k = 0; k < now; k++) {
            const float *row = logits + k * m->vocabulary;
            int64_t at = (first + k) * m->vocabulary;
            see(m, i, first + k, row, base != NULL ? base + at : NULL);
            if (keep != NULL) {
                memcpy(keep + at, row, (size_t)m->vocabulary * sizeof *row);
            }
        }
    }
    if (m->o->progress != NULL) {
        m->o->progress(m->o->user, (double)(i + 1) / (double)m->n_texts);
    }
    return PENCL_OK;
}

/* ---- the base ---- */

/* pn_tensor_source: texts are run as their logits are asked for. */
static pencl_status give(void *user, const pn_tensor *tensor, void *to)
{
    return run_text(user, strtoll(tensor->name + strlen("logits."), NULL, 10), to);
}

static pencl_status write_base(measuring *m)
{
    pn_safetensors_writer *w = pn_safetensors_writer_new();
    const size_t bytes = (size_t)(m->n * m->vocabulary) * sizeof(float);
    pn_tensor tokens = {.name = "tokens",
                        .dtype = PENCL_I32,
                        .n_dims = 2,
                        .dims = {m->n_texts, m->n},
                        .bytes = (size_t)(m->n_texts * m->n) * sizeof *m->tokens,
                        .data = (const void *)m->tokens};
    for (int64_t i = 0; i < m->n_texts; i++) {
        char name[NAME];
        snprintf(name, sizeof name, "logits.%04" PRId64, i);
        pn_safetensors_add_tensor(w, &(pn_tensor){.name = name,
                                                  .dtype = PENCL_F32,
                                                  .n_dims = 2,
                                                  .dims = {m->n, m->vocabulary},
                                                  .bytes = bytes});
    }
    pn_safetensors_add_tensor(w, &tokens);
    pencl_status st = pn_safetensors_write(w, m->lm->ctx, m->o->base, &(pn_tensor_source){give, m});
    pn_safetensors_writer_free(w);
    return st;
}

static pencl_status open_base(measuring *m)
{
    PENCL_TRY(pn_model_file_open(&m->base, m->lm->ctx, m->o->base));
    const pn_tensor *t = pn_model_file_find(m->base, "tokens");
    const size_t bytes = (size_t)(m->n_texts * m->n) * sizeof *m->tokens;
    if (t == NULL || t->dtype != PENCL_I32 || t->bytes != bytes ||
        memcmp(t->data, m->tokens, bytes) != 0) {
        return PN_FAIL(m->lm->ctx, PENCL_E_FORMAT, "%s is of other texts", m->o->base);
    }
    return PENCL_OK;
}

/* ---- all of it ---- */

static pencl_status check(const measuring *m)
{
    pencl_ctx *ctx = m->lm->ctx;
    size_t count = 0;
    if (m->n_texts < 1 || m->n < 2 || m->n_texts > 9999) {
        return PN_FAIL(ctx, PENCL_E_ARG,
                       "%" PRId64 " texts of %" PRId64
                       " tokens: 1 to 9999 of at least 2 are needed",
                       m->n_texts, m->n);
    }
    if (!pn_mul((size_t)m->n_texts, (size_t)m->n, &count)) {
        return PN_FAIL(ctx, PENCL_E_LIMIT, "too many tokens");
    }
    return pn_lm_check_tokens(m->lm, m->tokens, count);
}

static pencl_status measure(measuring *m)
{
    const char *path = m->o->base;
    const pencl_session_options how = {.context = m->n, .matmul = m->o->matmul};
    PENCL_TRY(check(m));
    PENCL_TRY(pencl_session_new(&m->session, m->lm, &how));
    if (path != NULL && access(path, F_OK) != 0) {
        return write_base(m);
    }
    if (path != NULL) {
        PENCL_TRY(open_base(m));
        m->out->compared = 1;
    }
    for (int64_t i = 0; i < m->n_texts; i++) {
        PENCL_TRY(run_text(m, i, NULL));
    }
    return PENCL_OK;
}

pencl_status pencl_perplexity_run(pencl_perplexity *out,
                                  pencl_lm *lm,
                                  const int32_t *tokens,
                                  int64_t n_texts,
                                  int64_t n,
                                  const pencl_perplexity_options *options)
{
    static const pencl_perplexity_options none = PENCL_PERPLEXITY_OPTIONS_INIT;
    measuring m = {.lm = lm,
                   .o = options != NULL ? options : &none,
                   .tokens = tokens,
                   .n_texts = n_texts,
                   .n = n,
                   .vocabulary = lm->metadata.vocab_size,
                   .out = out};
    pn_error_clear(lm->ctx);
    *out = (pencl_perplexity){0};
    pencl_status st = measure(&m);
    if (st == PENCL_OK) {
        double count = (double)out->n_scored;
        out->nll = m.sum / count;
        out->nll_error = sqrt(fmax(0, m.squares / count - out->nll * out->nll) / count);
        out->mean_kl = out->n_compared > 0 ? m.kl / (double)out->n_compared : 0;
    }
    pn_model_file_close(m.base);
    pencl_session_free(m.session);
    return st;
}
