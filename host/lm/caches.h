/* SPDX-License-Identifier: Apache-2.0 */
/* Caches of keys and values, and the bodies that write them. */
#ifndef PENCL_LM_CACHES_H
#define PENCL_LM_CACHES_H

#include "lm/lm.h"

/* Keys and values of each Attention in traversal order, then the positions of the cached tokens:
 *   key, value          float32 [stack axes.., batch.., kv_seq, common head axes, projection]
 *   positions           int32 [batch.., kv_seq]; -1: nothing there, or padding
 * The cache of keys lies as rows16 on devices (16 tokens side by side: one vector of scores), that
 * of values as rows. A slot is a token's place in the cache; what a query sees is decided by the
 * positions that are cached beside, never by slots. Memory for all slots is taken at once, but
 * nobody touches those that are not in use yet, and systems give no pages for them. Counted: forks
 * share caches until one writes. */
typedef struct pn_caches {
    long refs;
    pencl_ctx *ctx;
    int64_t most;     /* tokens at most */
    int64_t capacity; /* slots that there are: `most` up to a multiple of 16 */
    int64_t slots;    /* that plans look at */
    int64_t n_batch;  /* product of the batch axes */
    int n;
    pencl_variable **variables;
} pn_caches;

/* Fresh caches for a body, of so many tokens, none of their slots in use. `batch` has the batch
 * axes, maybe none. */
pencl_status pn_caches_new(pn_caches **out, const pencl_lm *lm, const pn_spec *batch, int64_t most);
/* So many slots, or all, are in use: those that were not are empty, their positions -1. */
pencl_status pn_caches_use(pn_caches *caches, int64_t slots);
pn_caches *pn_caches_ref(pn_caches *caches);
void pn_caches_free(pn_caches *caches); /* drops one reference */
pencl_variable *pn_caches_positions(const pn_caches *caches);
/* The first n slots of `from` into `to`. */
pencl_status pn_caches_copy(const pn_caches *to, const pn_caches *from, int64_t n);
/* Slots from `slot` on are empty. */
pencl_status pn_caches_empty(const pn_caches *caches, int64_t slot);

extern const pencl_layer_type pn_layer_KVCachingAttention;
/* The body with every Attention replaced by a KVCachingAttention over these caches. */
pencl_status
pn_caching_body(pencl_layer **out, pencl_ctx *ctx, pencl_layer *body, const pn_caches *caches);

#endif
