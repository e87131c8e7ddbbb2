/* SPDX-License-Identifier: Apache-2.0 */
/* Scores of a text's tokens: the log-probability that each had after those before it. */
#include "pencl/study.h"

#include "lm/session.h"

#include <inttypes.h>
#include <math.h>

enum { CHUNK = 64 }; /* tokens whose logits are on the host at once */

/* What logits [n] say of the token that came. */
static pencl_token_score score_of(const float *logits, size_t n, int32_t token)
{
    pencl_token_score s = {.token = token, .best = 0};
    double top = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if ((double)logits[i] > top) {
            top = (double)logits[i];
            s.best = (int32_t)i;
        }
        s.rank += logits[i] > logits[token];
    }
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)logits[i] - top);
    }
    s.log_prob = (double)logits[token] - top - log(sum);
    s.best_log_prob = -log(sum);
    return s;
}

/* Logits of a chunk's token i are about token i + 1 of the text. */
static pencl_status score_chunk(
    pencl_token_score *scores, pencl_session *s, const int32_t *tokens, size_t n, size_t first)
{
    const float *logits = NULL;
    size_t vocabulary = (size_t)s->lm->metadata.vocab_size;
    size_t now = n - first < CHUNK ? n - first : CHUNK;
    PENCL_TRY(pencl_session_feed(&logits, s, tokens + first, now, PENCL_LOGITS_ALL));
    for (size_t i = 0; i < now && first + i + 1 < n; i++) {
        scores[first + i + 1] =
            score_of(logits + i * vocabulary, vocabulary, tokens[first + i + 1]);
    }
    return PENCL_OK;
}

pencl_status pencl_score(pencl_token_score *scores,
                         pencl_lm *lm,
                         const int32_t *tokens,
                         size_t n,
                         const pencl_score_options *options)
{
    static const pencl_score_options none = PENCL_SCORE_OPTIONS_INIT;
    const pencl_score_options *o = options != NULL ? options : &none;
    const pencl_session_options how = {.context = o->context, .matmul = o->matmul};
    pencl_session *s = NULL;
    pn_error_clear(lm->ctx);
    if (n == 0) {
        return PN_FAIL(lm->ctx, PENCL_E_ARG, "there are no tokens to score");
    }
    PENCL_TRY(pn_lm_check_tokens(lm, tokens, n));
    PENCL_TRY(pencl_session_new(&s, lm, &how));
    pencl_status st = PENCL_OK;
    if ((int64_t)n > pencl_session_context(s)) {
        st = PN_FAIL(lm->ctx, PENCL_E_LIMIT, "the text has %zu tokens, the context %" PRId64, n,
                     pencl_session_context(s));
    }
    scores[0] = (pencl_token_score){
        .token = tokens[0], .log_prob = NAN, .rank = -1, .best = -1, .best_log_prob = NAN};
    for (size_t first = 0; st == PENCL_OK && first < n; first += CHUNK) {
        st = o->stopped != NULL && o->stopped(o->user)
                 ? PN_FAIL(lm->ctx, PENCL_E_CANCELLED, "cancelled")
                 : score_chunk(scores, s, tokens, n, first);
    }
    pencl_session_free(s);
    return st;
}
