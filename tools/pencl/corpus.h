/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of one length, as token ids. Functions return an exit status, after a message when it is
 * not EXIT_DONE. */
#ifndef PENCL_TOOLS_CORPUS_H
#define PENCL_TOOLS_CORPUS_H

#include "work.h"

typedef struct corpus {
    int32_t *ids; /* [n_texts][n]; freed with free() in any case */
    int64_t n_texts;
    int64_t n;
} corpus;

/* A text in pieces of `context` tokens (0: 512); what is left at its end is dropped when there is
 * more. */
int corpus_text(
    corpus *c, const work *w, const char *name, const prompt_settings *s, int64_t context);
/* An .npy file of ids [seq] or [batch, seq]. */
int corpus_file(corpus *c, const work *w, const char *path);

#endif
