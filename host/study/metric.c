/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: sums of what logits say of single tokens, from texts such as
 * "logit( Paris)-logit( Rome)". */
#include "study/metric.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TERMS = 16, TOKEN_ROOM = 256 };

typedef enum term_kind { LOGIT, PROB, LOG_PROB, KL } term_kind;

static const struct {
    const char *name;
    term_kind kind;
} kinds[] = {{"logit", LOGIT}, {"prob", PROB}, {"logprob", LOG_PROB}};

typedef struct term {
    term_kind kind;
    double weight;
    int32_t token;
} term;

struct pencl_metric {
    char *text;
    int64_t vocabulary;
    int n;
    term terms[MOST_TERMS];
};

/* ---- reading ---- */

typedef struct reader {
    pencl_ctx *ctx;
    const pencl_tokenizer *tokenizer; /* or NULL */
    const char *text;
    const char *at;
    pencl_metric *out;
} reader;

#define BAD(r, ...) bad_text(r, (r)->at, __VA_ARGS__)

PN_PRINTF(3, 4)
static pencl_status bad_text(const reader *r, const char *at, const char *fmt, ...)
{
    char why[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    return PN_FAIL(r->ctx, PENCL_E_ARG, "metric: \"%.160s\", column %d: %s", r->text,
                   (int)(at - r->text) + 1, why);
}

static void skip_spaces(reader *r)
{
    r->at += strspn(r->at, " \t");
}

/* The text up to the closing parenthesis, which is passed; "\)" stands for ")". */
static pencl_status read_argument(reader *r, char *to)
{
    const char *start = r->at;
    size_t n = 0;
    for (; *r->at != ')'; r->at++) {
        r->at += r->at[0] == '\\' && (r->at[1] == ')' || r->at[1] == '\\');
        if (*r->at == '\0' || n + 1 == TOKEN_ROOM) {
            return bad_text(r, start, "a token and ) are expected");
        }
        to[n++] = *r->at;
    }
    r->at++;
    to[n] = '\0';
    return PENCL_OK;
}

/* "#123" is an id, everything else a text of exactly one token. */
static pencl_status read_token(reader *r, int32_t *out)
{
    char text[TOKEN_ROOM];
    const char *start = r->at;
    PENCL_TRY(read_argument(r, text));
    char *end = NULL;
    long id = text[0] == '#' ? strtol(text + 1, &end, 10) : -1;
    if (end != NULL && end > text + 1 && *end == '\0') {
        *out = (int32_t)id;
        return id >= 0 && id < r->out->vocabulary
                   ? PENCL_OK
                   : bad_text(r, start, "token %ld is outside the vocabulary of %" PRId64, id,
                              r->out->vocabulary);
    }
    if (r->tokenizer == NULL) {
        return bad_text(r, start, "the model has no vocabulary: tokens are ids such as #123");
    }
    int32_t *ids = NULL;
    size_t n = 0;
    PENCL_TRY(pencl_tokenizer_encode(&ids, &n, r->tokenizer, text, strlen(text),
                                     PENCL_ENCODE_PARSE_SPECIAL));
    *out = n > 0 ? ids[0] : -1;
    pencl_tokens_free(ids);
    return n == 1 ? PENCL_OK
                  : bad_text(r, start, "\"%s\" is %zu tokens, not one%s", text, n,
                             text[0] != ' ' ? "; within a text most words begin with a space" : "");
}

/* [number "*"] name "(" token ")", or "kl" */
static pencl_status read_term(reader *r, double sign)
{
    term t = {.weight = sign, .token = -1};
    char *end = NULL;
    double number = strtod(r->at, &end);
    if (end > r->at) {
        r->at = end;
        skip_spaces(r);
        if (*r->at != '*' || !isfinite(number)) {
            return BAD(r, "* and logit(..), prob(..), logprob(..) or kl are expected");
        }
        r->at++;
        skip_spaces(r);
        t.weight *= number;
    }
    size_t length = strspn(r->at, "abcdefghijklmnopqrstuvwxyz");
    if (length == 2 && strncmp(r->at, "kl", 2) == 0) {
        r->at += 2;
        t.kind = KL;
        r->out->terms[r->out->n++] = t;
        return PENCL_OK;
    }
    for (size_t i = 0; i < PN_COUNT(kinds); i++) {
        const char *name = kinds[i].name;
        if (strlen(name) == length && strncmp(r->at, name, length) == 0 && r->at[length] == '(') {
            r->at += length + 1;
            t.kind = kinds[i].kind;
            PENCL_TRY(read_token(r, &t.token));
            r->out->terms[r->out->n++] = t;
            return PENCL_OK;
        }
    }
    return BAD(r, "logit(..), prob(..), logprob(..) or kl is expected");
}

static pencl_status read_terms(reader *r)
{
    double sign = 1;
    skip_spaces(r);
    if (*r->at == '-') {
        sign = -1;
        r->at++;
    }
    for (;;) {
        skip_spaces(r);
        if (r->out->n == MOST_TERMS) {
            return BAD(r, "more than %d terms", MOST_TERMS);
        }
        PENCL_TRY(read_term(r, sign));
        skip_spaces(r);
        if (*r->at == '\0') {
            return PENCL_OK;
        }
        if (*r->at != '+' && *r->at != '-') {
            return BAD(r, "+ or - is expected");
        }
        sign = *r->at++ == '-' ? -1 : 1;
    }
}

/* ---- life ---- */

pencl_status
pencl_metric_new(pencl_metric **out, pencl_ctx *ctx, const pencl_model *model, const char *text)
{
    pn_error_clear(ctx);
    *out = NULL;
    pencl_metric *m = pn_calloc(1, sizeof *m);
    if (m == NULL) {
        return PN_NOMEM(ctx);
    }
    m->vocabulary = pencl_lm_metadata(pencl_model_lm(model))->vocab_size;
    m->text = pn_strdup(text);
    reader r = {
        .ctx = ctx, .tokenizer = pencl_model_tokenizer(model), .text = text, .at = text, .out = m};
    pencl_status st = m->text != NULL ? read_terms(&r) : PN_NOMEM(ctx);
    if (st != PENCL_OK) {
        pencl_metric_free(m);
        return st;
    }
    *out = m;
    return PENCL_OK;
}

pencl_status pn_metric_difference(pencl_metric **out, pencl_ctx *ctx, int32_t a, int32_t b)
{
    pn_text text = {0};
    pencl_metric *m = pn_calloc(1, sizeof *m);
    pn_text_add(&text, "logit(#%" PRId32 ")", a);
    if (b != a) {
        pn_text_add(&text, "-logit(#%" PRId32 ")", b);
    }
    if (m != NULL) {
        m->text = pn_strdup(pn_text_get(&text));
        m->terms[m->n++] = (term){.kind = LOGIT, .weight = 1, .token = a};
        if (b != a) {
            m->terms[m->n++] = (term){.kind = LOGIT, .weight = -1, .token = b};
        }
    }
    pn_text_free(&text);
    if (m == NULL || m->text == NULL) {
        pencl_metric_free(m);
        return PN_NOMEM(ctx);
    }
    *out = m;
    return PENCL_OK;
}

void pencl_metric_free(pencl_metric *m)
{
    if (m != NULL) {
        pn_free(m->text);
        pn_free(m);
    }
}

const char *pencl_metric_text(const pencl_metric *m)
{
    return m->text;
}

/* ---- values ---- */

int32_t pn_likeliest(const float *logits, int64_t n)
{
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++) {
        best = logits[i] > logits[best] ? i : best;
    }
    return best;
}

double pn_log_sum(const float *logits, int64_t n, int64_t *largest)
{
    double sum = 0;
    *largest = pn_likeliest(logits, n);
    for (int64_t i = 0; i < n; i++) {
        sum += exp((double)logits[i] - (double)logits[*largest]);
    }
    return (double)logits[*largest] + log(sum);
}

double pn_divergence(
    const float *logits, double log_sum, const float *from, double from_log_sum, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double log_p = (double)from[i] - from_log_sum;
        sum += exp(log_p) * (log_p - ((double)logits[i] - log_sum));
    }
    return sum;
}

static double divergence(const float *logits, const float *reference, int64_t n)
{
    int64_t largest = 0;
    double total = pn_log_sum(logits, n, &largest);
    return pn_divergence(logits, total, reference, pn_log_sum(reference, n, &largest), n);
}

double pn_metric_value(const pencl_metric *m, const float *logits, const float *reference)
{
    double sum = 0;
    double total = NAN; /* log of the sum of exponentials, once it is needed */
    int64_t largest = 0;
    for (int i = 0; i < m->n; i++) {
        const term *t = &m->terms[i];
        if (t->kind == KL) {
            sum += t->weight * divergence(logits, reference, m->vocabulary);
            continue;
        }
        double logit = (double)logits[t->token];
        if (t->kind != LOGIT && isnan(total)) {
            total = pn_log_sum(logits, m->vocabulary, &largest);
        }
        sum += t->weight * (t->kind == LOGIT      ? logit
                            : t->kind == LOG_PROB ? logit - total
                                                  : exp(logit - total));
    }
    return sum;
}
