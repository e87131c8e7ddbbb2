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
/* `positions` may be NULL. */
int logits_compute(logits *out,
                   const work *w,
                   const pencl_array *tokens,
                   const pencl_array *positions);
void logits_keep_last(logits *l);
/* Logits become log-probabilities. */
void logits_normalise(logits *l);
int logits_save(const logits *l, const work *w, const char *path);
/* The ten likeliest tokens after the last token of each sequence: id, logit, text. */
int logits_print(const logits *l, const work *w);

#endif
