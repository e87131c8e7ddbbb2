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
#define PN_INPUT_TOKENS    "tokens"          /* int32 [batch.., seq] */
#define PN_INPUT_POSITIONS "token_positions" /* int32 [batch.., seq]; -1: padding */
#define PN_INPUT_COUNTS    "counts"          /* int32 [counts:4]: end, n_new, end + n_new, 0 */
#define PN_INPUT_LAST      "last"            /* int32 [seq:1]: the row whose logits are wanted */
#define PN_SIDE_COUNTS     "cache_end_index" /* the counts, for layers that write caches */

/* ---- transformer_lm.c ---- */
enum { PN_KEPT_PLANS = 16, PN_DEFAULT_CONTEXT = 4096 };

/* Side inputs as the caller's arrays. */
typedef struct pn_side_arrays {
    const pencl_side_array *items;
    int n;
} pn_side_arrays;

/* What a plan was made for; plans are kept with the wrapper and shared by its sessions. */
typedef struct pn_plan_key {
    pn_spec batch;
    int64_t n_tokens;
    int64_t slots;
    int64_t capacity;
    pencl_wanted wanted;
    char matmul[16];
    pn_side_arrays side; /* a plan with further side inputs serves once */
} pn_plan_key;

typedef struct pn_kept_plan {
    pn_plan_key key;
    pn_plan *plan;
    uint64_t used; /* by lm->clock, for throwing out the oldest */
    int n_cells;   /* of the caches that it is bound to, in the order of pn_caches.variables */
    pn_cell **cells;
} pn_kept_plan;

struct pencl_lm {
    pencl_ctx *ctx;
    pencl_device *device;
    pencl_layer *body;
    pencl_transformer_metadata metadata;
    pn_pool *pool;
    pn_kept_plan plans[PN_KEPT_PLANS];
    uint64_t clock;
};

/* metadata.c: E_SHAPE with everything in which they disagree. */
/* Query heads of a layer: the product of both kinds of head axes. */
int64_t pn_metadata_heads(const pencl_transformer_metadata *m);
pencl_status pn_metadata_check(pencl_ctx *ctx,
                               const pencl_layer *body,
                               const pencl_transformer_metadata *metadata);
/* E_TOKEN_RANGE with the index and the value. */
pencl_status pn_lm_check_tokens(const pencl_lm *lm, const int32_t *tokens, size_t n);
/* int32 with "seq", no positional axis, and no name that the layers use inside; `what` begins the
 * error text. */
pencl_status pn_lm_check_axes(pencl_ctx *ctx, const char *what, const pn_spec *spec);
/* The body traced on tokens; *out is the logits. */
pencl_status pn_lm_trace(pencl_value **out,
                         pencl_layer *body,
                         pencl_value *tokens,
                         const pencl_side_inputs *side);

/* ---- memory.c ---- */
/* Whether there is memory for a session of so many tokens, and for the weights if the wrapper is
 * only rehearsed; *chunk: for steps of how many tokens. E_LIMIT, in a text that begins with `what`,
 * says what would fit. */
pencl_status
pn_lm_check_memory(int64_t *chunk, const pencl_lm *lm, int64_t context, const char *what);

/* ---- session_plan.c ---- */
/* Frees what the place holds; it is empty then. */
void pn_kept_plan_drop(pn_kept_plan *kept);

/* ---- call.c ---- */
/* One call of a layer on arrays, through a plan of its own. */
typedef struct pn_call {
    pencl_device *device;
    pn_pool *pool; /* NULL: the plan has its own */
    pencl_layer *layer;
    const pencl_array *x;
    const pencl_array *positions; /* token_positions; NULL: 0, 1, ... along x's "seq" */
    pn_side_arrays side;
    bool last; /* only the last row of the result's "seq" is wanted */
} pn_call;
/* *captures may be NULL: not wanted. */
pencl_status pn_call_run(pencl_array **out, pencl_captures **captures, const pn_call *call);

/* ---- captures.c ---- */
/* Another array in place of the i-th, which is freed; takes it over. */
void pn_captures_set(pencl_captures *captures, int i, pencl_array *array);

/* ---- positions.c ---- */
/* 0, 1, ... n-1 from `start` on, then -1 up to `room`: penzai's default positions and padding. */
void pn_positions_fill(int32_t *out, int64_t start, int64_t n, int64_t room);

/* ---- sampling.c ---- */
/* The first word of Philox 4x32-10's block at a counter, with the seed as its key. */
uint32_t pn_philox(uint64_t seed, uint64_t counter);
/* A sampler that begins at another counter. */
pencl_status pn_sampler_new(pencl_sampler **out,
                            pencl_ctx *ctx,
                            const pencl_sampler_options *options,
                            uint64_t first_draw);

#endif
