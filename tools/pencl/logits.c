/* SPDX-License-Identifier: Apache-2.0 */
/* Computes logits of arrays of tokens: at once, or in pieces through a key-value cache. */
#include "logits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- computing ---- */

/* Sizes by the tokens' axes; a context that is too small is an error here, since a call without a
 * cache knows none. */
static int take_sizes(logits *l, const work *w, const pencl_array *tokens)
{
    int n = pencl_array_n_axes(tokens);
    int64_t seq = pencl_array_axis(tokens, n - 1)->size;
    if (seq < 1) {
        say("there are no tokens");
        return EXIT_FAILED;
    }
    if (seq > w->context) {
        say("the prompt has %" PRId64 " tokens, the context %" PRId64
            ": shorten it or ask for a larger context with -c",
            seq, w->context);
        return EXIT_FAILED;
    }
    l->batched = n == 2;
    l->batch = l->batched ? (size_t)pencl_array_axis(tokens, 0)->size : 1;
    l->seq = (size_t)seq;
    l->vocabulary = (size_t)pencl_lm_metadata(pencl_model_lm(w->model))->vocab_size;
    return EXIT_DONE;
}

/* Rows first .. of every sequence, from an array of any order of axes, and frees it. */
static pencl_status take_rows(logits *l, pencl_array *result, size_t first)
{
    static const char *const order[] = {PENCL_AXIS_BATCH, PENCL_AXIS_SEQ, PENCL_AXIS_VOCABULARY};
    pencl_array *ordered = NULL;
    int skip = l->batched ? 0 : 1;
    pencl_status st = pencl_array_order(&ordered, result, order + skip, 3 - skip);
    size_t count = st == PENCL_OK ? (size_t)pencl_array_count(ordered) : 0;
    size_t n = count / l->batch; /* values of one sequence */
    float *all = malloc(count * sizeof *all + 1);
    if (st == PENCL_OK && all != NULL) {
        st = pencl_array_download_f32(ordered, all, (int64_t)count);
    }
    for (size_t b = 0; st == PENCL_OK && all != NULL && b < l->batch; b++) {
        memcpy(l->values + (b * l->seq + first) * l->vocabulary, all + b * n, n * sizeof *all);
    }
    free(all);
    pencl_array_free(ordered);
    pencl_array_free(result);
    return st == PENCL_OK && all == NULL ? PENCL_E_NOMEM : st;
}

static pencl_status call_at_once(logits *l, const work *w, const logits_call *c)
{
    const pencl_lm_call_options how = {
        .token_positions = c->positions, .side = c->side, .n_side = (int)c->n_side};
    pencl_array *result = NULL;
    pencl_status st = pencl_lm_call(&result, pencl_model_lm(w->model), c->tokens, &how);
    return st == PENCL_OK ? take_rows(l, result, 0) : st;
}

/* One piece after another through the caching wrapper. */
static pencl_status call_in_pieces(logits *l, const work *w, const logits_call *c)
{
    const pencl_axis batch = {PENCL_AXIS_BATCH, (int64_t)l->batch};
    pencl_kv_lm *kv = NULL;
    size_t first = 0;
    pencl_status st = pencl_kv_lm_from_uncached(&kv, pencl_model_lm(w->model), c->cache_len, &batch,
                                                l->batched ? 1 : 0, (int32_t)c->pad_id);
    for (size_t i = 0; st == PENCL_OK && i < c->n_pieces; i++) {
        pencl_array *piece = NULL;
        pencl_array *result = NULL;
        st = pencl_array_slice(&piece, c->tokens, PENCL_AXIS_SEQ, (int64_t)first, c->pieces[i]);
        if (st == PENCL_OK) {
            st = pencl_kv_lm_call(&result, kv, piece, c->side, (int)c->n_side);
        }
        if (st == PENCL_OK) {
            st = take_rows(l, result, first);
        }
        pencl_array_free(piece);
        first += (size_t)c->pieces[i];
    }
    pencl_kv_lm_free(kv);
    return st;
}

/* The pieces are the tokens, no more and no less. */
static int check_pieces(const logits *l, const logits_call *c)
{
    size_t sum = 0;
    for (size_t i = 0; i < c->n_pieces; i++) {
        sum += (size_t)c->pieces[i];
    }
    if (c->n_pieces > 0 && sum != l->seq) {
        say("--feed: the pieces have %zu tokens, the prompt %zu", sum, l->seq);
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

int logits_compute(logits *out, const work *w, const logits_call *c)
{
    int status = take_sizes(out, w, c->tokens);
    if (status == EXIT_DONE) {
        status = check_pieces(out, c);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    out->values = calloc(out->batch * out->seq, out->vocabulary * sizeof *out->values);
    if (out->values == NULL) {
        say("out of host memory");
        return EXIT_FAILED;
    }
    double start = now_ms();
    pencl_status st = c->n_pieces > 0 ? call_in_pieces(out, w, c) : call_at_once(out, w, c);
    if (st != PENCL_OK) {
        return work_failed(w);
    }
    out->ms = now_ms() - start;
    work_summary(w, out->batch * out->seq, out->ms, 0, 0);
    return EXIT_DONE;
}
