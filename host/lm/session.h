/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a session: sequences that grow together, their caches, and the steps that extend them.
 */
#ifndef PENCL_LM_SESSION_H
#define PENCL_LM_SESSION_H

#include "lm/caches.h"

#include <stdatomic.h>

enum { PN_SESSION_CHUNK = 512 }; /* tokens computed at once of a long prompt */

/* Rows of a captured value, gathered over the chunks of a feed. */
typedef struct pn_captured {
    char *name;
    pn_spec row; /* of one token: its first axis is "seq", of size 1 */
    pn_buffer *buffer;
    int64_t rows;
} pn_captured;

struct pencl_session {
    pencl_lm *lm;
    pn_spec batch;   /* batch axes, maybe none */
    int64_t context; /* tokens at most */
    char matmul[16];
    int64_t length;    /* tokens so far, of every batch entry */
    pn_caches *caches; /* shared with forks until one of them writes */
    pencl_layer *body; /* the caching copy over the present caches */
    float *logits;
    size_t logits_room;
    pn_captured *captured;
    int n_captured;
    atomic_int cancelled;
};

typedef struct pn_session_config {
    pn_spec batch;
    int64_t context;
    int64_t slots;      /* of the caches at first; doubled up to the context */
    const char *matmul; /* NULL: auto */
} pn_session_config;
pencl_status pn_session_open(pencl_session **out, pencl_lm *lm, const pn_session_config *config);
/* Another session over the same caches; the first that writes takes a copy. */
pencl_status pn_session_fork(pencl_session **out, const pencl_session *s);
/* Forgets the tokens from `length` on. */
pencl_status pn_session_truncate(pencl_session *s, int64_t length);

/* Tokens to append, [batch.., n] in C order; positions likewise, NULL: places in the sequence. */
typedef struct pn_feed {
    const int32_t *tokens;
    const int32_t *positions;
    int64_t n;
    pencl_wanted wanted;
    pn_side_arrays side; /* with any, all tokens are one step */
} pn_feed;
/* Called for each chunk that has wanted logits: output 0 of the plan is [batch.., rows,
 * vocabulary], of which the first n rows of every batch entry are those of tokens first .. first +
 * n - 1 (of the last token alone for PENCL_LOGITS_LAST). */
typedef struct pn_chunk {
    pn_plan *plan;
    int64_t first;
    int64_t n;
    int64_t rows;
} pn_chunk;
typedef pencl_status pn_take_logits(void *user, const pn_chunk *chunk);
/* Appends, chunk by chunk. Nothing is appended when it fails: E_CACHE_FULL before any write, ... */
pencl_status
pn_session_run(pencl_session *s, const pn_feed *feed, pn_take_logits *take, void *user);

/* How many tokens the next step's plan is made for, when so many are left. */
int64_t pn_session_step_size(int64_t left);

/* session_plan.c: a plan for so many new tokens, with the feed's side inputs and wanted logits,
 * over the present caches and bound to them. */
pencl_status
pn_session_plan(pn_plan **out, pencl_session *s, const pn_feed *feed, int64_t n_tokens);

/* session_capture.c */
void pn_captured_drop(pencl_session *s);
/* Keeps the first n rows of every captured value of a plan that has run. */
pencl_status pn_captured_keep(pencl_session *s, pn_plan *plan, int64_t n);

#endif
