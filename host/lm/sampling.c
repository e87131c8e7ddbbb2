/* SPDX-License-Identifier: Apache-2.0 */
/* The sampler: candidates sorted by (logit, id), in llama.cpp's order penalised, cut by top-k,
 * top-p and min-p, then drawn at the temperature; in double, with Philox 4x32-10 (Salmon and
 * others, 2011), so that a seed gives the same tokens on every device. */
#include "lm/lm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REMEMBERED = 64 };

typedef struct candidate {
    double logit;
    int32_t id;
} candidate;

struct pencl_sampler {
    pencl_ctx *ctx;
    pencl_sampler_options options;
    uint64_t drawn;
    int32_t recent[REMEMBERED];
    size_t n_recent; /* ever accepted */
    candidate *candidates;
    size_t room;
};

static bool in_unit(double x)
{
    return x >= 0 && x <= 1;
}

pencl_status pn_sampler_new(pencl_sampler **out,
                            pencl_ctx *ctx,
                            const pencl_sampler_options *o,
                            uint64_t first_draw)
{
    *out = NULL;
    if (!isfinite(o->temperature) || o->temperature < 0) {
        return PN_FAIL(ctx, PENCL_E_ARG, "temperature %g: 0 or more is needed", o->temperature);
    }
    if (o->top_k < 0 || !in_unit(o->top_p) || !in_unit(o->min_p)) {
        return PN_FAIL(ctx, PENCL_E_ARG,
                       "top_k %d, top_p %g, min_p %g: top_k >= 0, the others within 0..1", o->top_k,
                       o->top_p, o->min_p);
    }
    if (!isfinite(o->repeat_penalty) || o->repeat_penalty <= 0) {
        return PN_FAIL(ctx, PENCL_E_ARG, "repeat_penalty %g: more than 0 is needed",
                       o->repeat_penalty);
    }
    pencl_sampler *s = pn_calloc(1, sizeof *s);
    if (s == NULL) {
        return PN_NOMEM(ctx);
    }
    s->ctx = ctx;
    s->options = *o;
    s->drawn = first_draw;
    *out = s;
    return PENCL_OK;
}

pencl_status
pencl_sampler_new(pencl_sampler **out, pencl_ctx *ctx, const pencl_sampler_options *options)
{
    pn_error_clear(ctx);
    return pn_sampler_new(out, ctx, options, 0);
}

void pencl_sampler_free(pencl_sampler *s)
{
    if (s != NULL) {
        pn_free(s->candidates);
        pn_free(s);
    }
}

void pencl_sampler_accept(pencl_sampler *s, int32_t token)
{
    s->recent[s->n_recent++ % REMEMBERED] = token;
}

uint32_t pn_philox(uint64_t seed, uint64_t counter)
{
    uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), 0, 0};
    uint32_t k[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c[0];
        uint64_t b = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k[0], (uint32_t)b,
                            (uint32_t)(a >> 32) ^ c[3] ^ k[1], (uint32_t)a};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return c[0];
}

/* Best first: higher logit, then lower id. */
static int better(const void *left, const void *right)
{
    const candidate *a = left;
    const candidate *b = right;
    if (a->logit != b->logit) {
        return a->logit > b->logit ? -1 : 1;
    }
    return a->id < b->id ? -1 : a->id > b->id;
}

static double penalised(const pencl_sampler *s, double logit, int32_t id)
{
    if (s->options.repeat_penalty == 1.0) {
        return logit;
    }
    size_t n = s->n_recent < REMEMBERED ? s->n_recent : REMEMBERED;
    for (size_t i = 0; i < n; i++) {
        if (s->recent[i] == id) {
            double p = s->options.repeat_penalty;
            return logit > 0 ? logit / p : logit * p;
        }
    }
    return logit;
}

static int32_t greedy(const pencl_sampler *s, const float *logits, size_t n)
{
    int32_t best = 0;
    double most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double logit = penalised(s, logits[i], (int32_t)i);
        if (logit > most) {
            most = logit;
            best = (int32_t)i;
        }
    }
    return best;
}

/* Puts the k best first in s->candidates, sorted; returns how many that are. */
static size_t collect(pencl_sampler *s, const float *logits, size_t n)
{
    candidate *all = s->candidates;
    for (size_t i = 0; i < n; i++) {
        all[i] = (candidate){penalised(s, logits[i], (int32_t)i), (int32_t)i};
    }
    size_t k = s->options.top_k > 0 && (size_t)s->options.top_k < n ? (size_t)s->options.top_k : n;
    qsort(all, k, sizeof *all, better);
    for (size_t i = k; i < n; i++) { /* k is small where this loop is long: few are inserted */
        candidate c = all[i];
        size_t at = k;
        for (; at > 0 && better(&c, &all[at - 1]) < 0; at--) {
            if (at < k) {
                all[at] = all[at - 1];
            }
        }
        if (at < k) {
            all[at] = c;
        }
    }
    return k;
}

/* How many of k sorted candidates top-p and min-p leave: at least one. */
static size_t cut(const pencl_sampler *s, size_t k)
{
    const candidate *all = s->candidates;
    double total = 0;
    for (size_t i = 0; i < k; i++) {
        total += exp(all[i].logit - all[0].logit);
    }
    double sum = 1;
    size_t end = 1;
    while (end < k && sum < s->options.top_p * total &&
           exp(all[end].logit - all[0].logit) >= s->options.min_p) {
        sum += exp(all[end].logit - all[0].logit);
        end++;
    }
    return end;
}

int32_t pencl_sampler_draw(pencl_sampler *s, const float *logits, size_t n)
{
    if (n > s->room) {
        candidate *more = pn_realloc(s->candidates, n, sizeof *more);
        if (more == NULL) {
            return greedy(s, logits, n); /* without memory the likeliest is still an answer */
        }
        s->candidates = more;
        s->room = n;
    }
    if (s->options.temperature == 0) {
        return greedy(s, logits, n);
    }
    size_t k = cut(s, collect(s, logits, n));
    candidate *all = s->candidates;
    double best = all[0].logit;
    double total = 0;
    for (size_t i = 0; i < k; i++) { /* weights in the place of logits */
        all[i].logit = exp((all[i].logit - best) / s->options.temperature);
        total += all[i].logit;
    }
    double u = (pn_philox(s->options.seed, s->drawn++) + 0.5) / 4294967296.0 * total;
    for (size_t i = 0; i + 1 < k; i++) {
        u -= all[i].logit;
        if (u < 0) {
            return all[i].id;
        }
    }
    return all[k - 1].id;
}
