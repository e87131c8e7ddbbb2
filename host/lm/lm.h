/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of host/lm: the wrapper, the weights of a file, caching, sessions. */
#ifndef PENCL_LM_LM_H
#define PENCL_LM_LM_H

#include "io/io.h"
#include "nn/nn.h"
#include "pencl/generate.h"
#include "plan/plan.h"
#include "text/text.h"

/* Step inputs of every plan of a session. */
#define PN_INPUT_TOKENS    "tokens"          /* int32 [seq] */
#define PN_INPUT_POSITIONS "token_positions" /* int32 [seq]; -1: padding */
#define PN_INPUT_COUNTS    "counts"          /* int32 [counts:4]: end, n_new, end + n_new, 0 */
#define PN_INPUT_LAST      "last"            /* int32 [seq:1]: the row whose logits are wanted */
#define PN_SIDE_COUNTS     "cache_end_index" /* the counts, for layers that write caches */

/* ---- transformer_lm.c ---- */
enum { PN_KEPT_PLANS = 16 };

/* What a plan was made for; plans are kept with the wrapper and shared by its sessions. */
typedef struct pn_plan_key {
    int64_t n_tokens;
    int64_t capacity;
    pencl_wanted wanted;
    char matmul[16];
} pn_plan_key;

typedef struct pn_kept_plan {
    pn_plan_key key;
    pn_plan *plan;
    uint64_t used; /* by lm->clock, for throwing out the oldest */
    int n_slots;   /* of caches, in the order of pn_caches.stores */
    int *slots;
} pn_kept_plan;

struct pencl_lm {
    pencl_ctx *ctx;
    pencl_device *device;
    pencl_layer *body;
    pencl_lm_metadata metadata;
    pn_pool *pool;
    pn_kept_plan plans[PN_KEPT_PLANS];
    uint64_t clock;
};

/* E_TOKEN_RANGE with the index and the value. */
pencl_status pn_lm_check_tokens(const pencl_lm *lm, const int32_t *tokens, size_t n);
/* The body traced on tokens; *out is the logits. */
pencl_status pn_lm_trace(pencl_value **out,
                         pencl_layer *body,
                         pencl_value *tokens,
                         const pencl_side_inputs *side);

/* ---- positions.c ---- */
/* 0, 1, ... n-1 from `start` on, then -1 up to `room`: penzai's default positions and padding. */
void pn_positions_fill(int32_t *out, int64_t start, int64_t n, int64_t room);

/* ---- kv_caching.c ---- */
/* Caches of a session: keys and values of each Attention in traversal order, and the positions of
 * the cached tokens last. Content in stores[i]. */
typedef struct pn_caches {
    int64_t capacity; /* tokens; a multiple of 16 */
    int n;
    pencl_variable **variables;
} pn_caches;

extern const pencl_layer_type pn_layer_KVCachingAttention;

/* Fresh caches for a body, empty: positions are -1. */
pencl_status pn_caches_new(pn_caches *out, const pencl_lm *lm, int64_t capacity);
void pn_caches_free(pn_caches *caches);
/* The first n tokens of `from` into `to`. */
pencl_status pn_caches_copy(const pn_caches *to, const pn_caches *from, int64_t n);
/* The body with every Attention replaced by a KVCachingAttention over these caches. */
pencl_status pn_caching_body(pencl_layer **out, pencl_lm *lm, const pn_caches *caches);

/* ---- sampling.c ---- */
/* The first word of Philox 4x32-10's block at a counter, with the seed as its key. */
uint32_t pn_philox(uint64_t seed, uint64_t counter);

#endif
