/* SPDX-License-Identifier: Apache-2.0 */
/* The logit lens: residual streams through the final norm and the unembedding. */
#include "pencl/study.h"

#include "lm/session.h"
#include "study/blocks.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { DEFAULT_TOP = 5, ROWS = 64 }; /* ROWS: tokens whose logits are on the host at once */

struct pencl_lens {
    int n_layers;
    size_t n_tokens;
    int top;
    pencl_lens_entry *entries; /* [layer][token][top] */
};

/* ---- the residual streams ---- */

/* The body up to its last block, every layer's input and the last one's output captured. */
static pencl_status
capturing_body(pencl_layer **out, pencl_ctx *ctx, const pencl_layer *body, const pn_blocks *b)
{
    pn_layers list = {0};
    for (int i = 0; i < b->end; i++) {
        char name[32];
        pencl_layer *layer = pencl_layer_ref(pencl_layer_child(body, "sublayers", i));
        snprintf(name, sizeof name, "%d", i + 1 - b->first);
        pn_layers_add(&list, i + 1 >= b->first ? pn_nn_capture(ctx, name, layer) : layer);
    }
    *out = pn_nn_list_of(ctx, "Sequential", &list);
    return *out != NULL ? PENCL_OK : ctx->error.status;
}

static pencl_status run_blocks(
    pencl_captures **out, pencl_lm *lm, const int32_t *tokens, size_t n, const pn_blocks *blocks)
{
    const pencl_axis seq = {PENCL_AXIS_SEQ, (int64_t)n};
    pencl_layer *body = NULL;
    pencl_array *ids = NULL;
    pencl_array *last = NULL;
    pencl_status st = capturing_body(&body, lm->ctx, lm->body, blocks);
    if (st == PENCL_OK) {
        st = pencl_array_new(&ids, lm->device, PENCL_I32, &seq, 1);
    }
    if (st == PENCL_OK) {
        st = pencl_array_upload(ids, tokens, n * sizeof *tokens);
    }
    if (st == PENCL_OK) {
        const pn_call call = {.device = lm->device, .pool = lm->pool, .layer = body, .x = ids};
        st = pn_call_run(&last, out, &call);
    }
    pencl_array_free(last);
    pencl_array_free(ids);
    pencl_layer_free(body);
    return st;
}

/* ---- one layer's logits ---- */

static void take_top(pencl_lens_entry *to, int top, const float *logits, size_t n)
{
    int found = 0;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        int at = found;
        while (at > 0 && logits[i] > to[at - 1].logit) {
            at--;
        }
        if (at == top) {
            continue;
        }
        found += found < top;
        for (int k = found - 1; k > at; k--) {
            to[k] = to[k - 1];
        }
        to[at] = (pencl_lens_entry){.token = (int32_t)i, .logit = logits[i]};
    }
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)logits[i] - (double)to[0].logit);
    }
    for (int k = 0; k < found; k++) {
        to[k].log_prob = (double)to[k].logit - (double)to[0].logit - log(sum);
    }
}

typedef struct unembedding {
    pencl_lens *lens;
    pencl_lm *lm;
    pencl_layer *tail;
    float *logits; /* [ROWS][vocabulary] */
} unembedding;

/* Tokens first .. first + n - 1 of one layer's residual stream [seq, embedding]. */
static pencl_status
unembed_rows(const unembedding *u, int layer, const pencl_array *residual, size_t first, size_t n)
{
    size_t vocabulary = (size_t)u->lm->metadata.vocab_size;
    pencl_array *rows = NULL;
    pencl_array *logits = NULL;
    PENCL_TRY(pencl_array_slice(&rows, residual, PENCL_AXIS_SEQ, (int64_t)first, (int64_t)n));
    const pn_call call = {
        .device = u->lm->device, .pool = u->lm->pool, .layer = u->tail, .x = rows};
    pencl_status st = pn_call_run(&logits, NULL, &call);
    if (st == PENCL_OK) {
        st = pencl_array_download_f32(logits, u->logits, (int64_t)(n * vocabulary));
    }
    for (size_t i = 0; st == PENCL_OK && i < n; i++) {
        size_t at = ((size_t)layer * u->lens->n_tokens + first + i) * (size_t)u->lens->top;
        take_top(&u->lens->entries[at], u->lens->top, u->logits + i * vocabulary, vocabulary);
    }
    pencl_array_free(logits);
    pencl_array_free(rows);
    return st;
}

static pencl_status
unembed_all(const unembedding *u, const pencl_captures *c, const pencl_lens_options *o)
{
    size_t n = u->lens->n_tokens;
    for (int layer = 0; layer < u->lens->n_layers; layer++) {
        char name[32];
        snprintf(name, sizeof name, "%d", layer);
        const pencl_array *residual = pencl_captures_find(c, name);
        if (o->stopped != NULL && o->stopped(o->user)) {
            return PN_FAIL(u->lm->ctx, PENCL_E_CANCELLED, "cancelled");
        }
        for (size_t first = 0; first < n; first += ROWS) {
            PENCL_TRY(unembed_rows(u, layer, residual, first, n - first < ROWS ? n - first : ROWS));
        }
    }
    return PENCL_OK;
}

/* ---- life ---- */

static pencl_status fill(pencl_lens *lens,
                         pencl_lm *lm,
                         const int32_t *tokens,
                         const pn_blocks *blocks,
                         const pencl_lens_options *o)
{
    pencl_captures *captures = NULL;
    unembedding u = {.lens = lens, .lm = lm};
    size_t places = (size_t)lens->n_layers * lens->n_tokens;
    lens->entries = pn_calloc(places, (size_t)lens->top * sizeof *lens->entries);
    u.logits = pn_calloc(ROWS, (size_t)lm->metadata.vocab_size * sizeof *u.logits);
    pencl_status st = lens->entries == NULL || u.logits == NULL ? PN_NOMEM(lm->ctx) : PENCL_OK;
    if (st == PENCL_OK) {
        st = run_blocks(&captures, lm, tokens, lens->n_tokens, blocks);
    }
    if (st == PENCL_OK) {
        st = pn_blocks_part(&u.tail, lm->ctx, lm->body, blocks->end, blocks->n_layers);
    }
    if (st == PENCL_OK) {
        st = unembed_all(&u, captures, o);
    }
    pencl_layer_free(u.tail);
    pn_free(u.logits);
    pencl_captures_free(captures);
    return st;
}

pencl_status pencl_lens_new(pencl_lens **out,
                            pencl_lm *lm,
                            const int32_t *tokens,
                            size_t n,
                            const pencl_lens_options *options)
{
    static const pencl_lens_options none = PENCL_LENS_OPTIONS_INIT;
    const pencl_lens_options *o = options != NULL ? options : &none;
    pn_blocks blocks;
    pn_error_clear(lm->ctx);
    *out = NULL;
    if (n == 0 || n > INT32_MAX || o->top < 0) {
        return PN_FAIL(lm->ctx, PENCL_E_ARG, "%zu tokens, top %d", n, o->top);
    }
    PENCL_TRY(pn_lm_check_tokens(lm, tokens, n));
    PENCL_TRY(pn_blocks_find(&blocks, lm->ctx, lm->body));
    if (blocks.first == 0) {
        return PN_FAIL(lm->ctx, PENCL_E_UNSUPPORTED, "no layer in front of the blocks");
    }
    pencl_lens *lens = pn_calloc(1, sizeof *lens);
    if (lens == NULL) {
        return PN_NOMEM(lm->ctx);
    }
    int64_t top = o->top > 0 ? o->top : DEFAULT_TOP;
    lens->top = (int)(top < lm->metadata.vocab_size ? top : lm->metadata.vocab_size);
    lens->n_tokens = n;
    lens->n_layers = blocks.end - blocks.first + 1;
    pencl_status st = fill(lens, lm, tokens, &blocks, o);
    if (st != PENCL_OK) {
        pencl_lens_free(lens);
        return st;
    }
    *out = lens;
    return PENCL_OK;
}

void pencl_lens_free(pencl_lens *lens)
{
    if (lens != NULL) {
        pn_free(lens->entries);
        pn_free(lens);
    }
}

int pencl_lens_n_layers(const pencl_lens *lens)
{
    return lens->n_layers;
}

size_t pencl_lens_n_tokens(const pencl_lens *lens)
{
    return lens->n_tokens;
}

int pencl_lens_n_top(const pencl_lens *lens)
{
    return lens->top;
}

const pencl_lens_entry *pencl_lens_top(const pencl_lens *lens, int layer, size_t at, int i)
{
    if (layer < 0 || layer >= lens->n_layers || at >= lens->n_tokens || i < 0 || i >= lens->top) {
        return NULL;
    }
    return &lens->entries[((size_t)layer * lens->n_tokens + at) * (size_t)lens->top + (size_t)i];
}
