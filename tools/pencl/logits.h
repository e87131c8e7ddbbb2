/* SPDX-License-Identifier: Apache-2.0 */
/* Logits on the host: computed, cut, normalised, written, printed. Functions return an exit status,
 * after a message when it is not EXIT_DONE. */
#ifndef PENCL_TOOLS_LOGITS_H
#define PENCL_TOOLS_LOGITS_H

#include "work.h"

typedef struct logits {
    float *values; /* [batch, seq, vocabulary]; freed with free() */
    size_t batch;
    size_t seq;
    size_t vocabulary;
    bool batched; /* the tokens had a batch axis */
    bool last;    /* seq is 1 and no axis of the file */
    double ms;    /* computing them */
} logits;

/* Ids as an array [seq]. E_LIMIT when they exceed the context. */
int logits_tokens(pencl_array **out, const work *w, const int32_t *ids, size_t n);
/* An .npy file of integers as an array [seq] or [batch, seq]. */
int logits_load(pencl_array **out, const work *w, const char *path);
/* "NAME=F.npy" as a side input; "NAME:seq,kv_seq=F.npy" names its axes, which are else [seq],
 * [batch, seq] of integers or [seq, kv_seq] of others. `text` is cut up and stays in use; the array
 * is yours. */
int logits_side(pencl_side_array *out, const work *w, char *text);

/* What is computed, and how. */
typedef struct logits_call {
    const pencl_array *tokens;
    const pencl_array *positions; /* NULL: 0, 1, 2, ... */
    const pencl_side_array *side;
    size_t n_side;
    const int32_t *pieces; /* tokens of each call of the caching wrapper; none: all at once */
    size_t n_pieces;
    int64_t cache_len;
    int64_t pad_id; /* of the caching wrapper; -1: no padding */
} logits_call;
int logits_compute(logits *out, const work *w, const logits_call *call);
void logits_keep_last(logits *l);
/* Logits become log-probabilities. */
void logits_normalise(logits *l);
int logits_save(const logits *l, const work *w, const char *path);
/* The ten likeliest tokens after the last token of each sequence: id, logit, text. */
int logits_print(const logits *l, const work *w);

#endif
