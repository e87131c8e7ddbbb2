/* SPDX-License-Identifier: Apache-2.0 */
/* Logits on the host: computed, cut, normalised, written, printed. Functions return an exit status,
 * after a message when it is not EXIT_DONE. */
#ifndef PENCL_TOOLS_LOGITS_H
#define PENCL_TOOLS_LOGITS_H

#include "options.h"
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
/* How they are computed: the part of a command's settings beside the tokens. */
typedef struct logits_settings {
    const char *positions; /* F.npy; NULL: 0, 1, 2, ... */
    texts side;            /* "NAME=F.npy"; "NAME:seq,kv_seq=F.npy" names its axes, which are else
                              [seq], [batch, seq] of integers or [seq, kv_seq] of others */
    const char *feed;      /* "5,8" */
    int64_t cache_len;     /* 0: as many as there are tokens */
    int64_t pad_id;        /* of the caching wrapper; -1: no padding */
} logits_settings;

typedef struct logits_call {
    const pencl_array *tokens;
    pencl_array *positions;
    pencl_side_array side[OPTION_TEXTS_MAX];
    size_t n_side;
    int32_t *pieces; /* tokens of each call of the caching wrapper; none: all at once */
    size_t n_pieces;
    int64_t cache_len;
    int64_t pad_id;
} logits_call;
int logits_read_call(logits_call *c, const work *w, const logits_settings *s, pencl_array *tokens);
void logits_free_call(logits_call *c); /* in any state; the tokens stay */
int logits_compute(logits *out, const work *w, const logits_call *call);
/* What is made of them. */
typedef struct logits_shown {
    bool last;       /* of the last token only */
    bool log_probs;  /* normalised */
    const char *out; /* a file; NULL: the ten likeliest tokens after each sequence are printed */
} logits_shown;
int logits_show(logits *l, const work *w, const logits_shown *how);

#endif
