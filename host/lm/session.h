/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a session. */
#ifndef PENCL_LM_SESSION_H
#define PENCL_LM_SESSION_H

#include "lm/lm.h"

#include <stdatomic.h>

/* Rows of a captured value, gathered over the chunks of a feed. */
typedef struct pn_captured {
    char *name;
    pn_spec spec; /* its first axis grows */
    float *data;
    size_t count;
} pn_captured;

struct pencl_session {
    pencl_lm *lm;
    int64_t context;
    char matmul[16];
    int64_t length;
    pn_caches caches;
    pencl_layer *body; /* the caching copy over the present caches */
    float *logits;
    size_t logits_room;
    pn_captured *captured;
    int n_captured;
    atomic_int cancelled;
};

/* session_plan.c: a plan for so many new tokens over the present caches, bound to them. */
pencl_status
pn_session_plan(pn_plan **out, pencl_session *s, int64_t n_tokens, pencl_wanted wanted);

#endif
