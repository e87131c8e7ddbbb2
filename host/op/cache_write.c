/* SPDX-License-Identifier: Apache-2.0 */
/* cache_write: the step's new rows into the slots of a cache, from slot `end` on.
 *
 * counts = {end, n_new, kv_len, 0}: rows end .. end + n_new - 1 of the cache become rows
 * 0 .. n_new - 1 of x; nothing else changes. */
#include "op/op.h"

#include <string.h>

enum { CACHE, X, COUNTS };
enum { END, N_NEW };
enum { KV_SEQ, SEQ };

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_need_axis(ctx, c, CACHE, c->names[KV_SEQ]));
    PENCL_TRY(pn_need_axis(ctx, c, X, c->names[SEQ]));
    PENCL_TRY(pn_need_int(ctx, c, COUNTS));
    PENCL_TRY(pn_need_size(ctx, c, COUNTS, "counts", 4));
    pn_spec rows = c->in[CACHE];
    pencl_axis *slots = &rows.axes[pn_spec_find(&rows, c->names[KV_SEQ])];
    pn_copy(slots->name, sizeof slots->name, c->names[SEQ]);
    slots->size = pn_spec_size(&c->in[X], c->names[SEQ]);
    PENCL_TRY(pn_need_within(ctx, c, X, &rows));
    if (c->in[X].n_axes != rows.n_axes) {
        return pn_spec_fail(ctx, PENCL_E_SHAPE, &c->in[X],
                            "cache_write: x lacks axes that the cache has");
    }
    c->out = c->in[CACHE];
    return PENCL_OK;
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    const pn_spec *x = &in[X].view.spec;
    const pn_spec *cache = &out->view.spec;
    int seq = pn_spec_find(x, c->names[SEQ]);
    int slot = pn_spec_find(cache, c->names[KV_SEQ]);
    int64_t end = (int64_t)pn_ref_get(&in[COUNTS], &(int64_t){END});
    int64_t n_new = (int64_t)pn_ref_get(&in[COUNTS], &(int64_t){N_NEW});
    int64_t index[PENCL_MAX_AXES] = {0};
    for (bool more = pn_spec_count(x) > 0; more; more = pn_next_index(x, index)) {
        int64_t to[PENCL_MAX_AXES];
        if (index[seq] < n_new && end + index[seq] < cache->axes[slot].size) {
            pn_same_index(x, index, cache, to);
            to[slot] = end + index[seq];
            pn_ref_set(out, to, pn_ref_get(&in[X], index));
        }
    }
}

static const pn_op_case cases[] = {
    {.name = "one token",
     .in = {"kv_seq=32 head_groups=2 projection=16", "seq=1 head_groups=2 projection=16",
            "i32:counts=4"},
     .rows = {1},
     .names = "kv_seq seq",
     .fill = {NULL, NULL, "counts:17,1"}},
    {.name = "fewer than the plan's",
     .in = {"kv_seq=32 head_groups=2 projection=16", "seq=8 head_groups=2 projection=16",
            "i32:counts=4"},
     .rows = {1},
     .names = "kv_seq seq",
     .fill = {NULL, NULL, "counts:14,5"}},
    {.name = "other order",
     .in = {"kv_seq=16 heads=3 projection=4", "heads=3 seq=4 projection=4", "i32:counts=4"},
     .rows = {1},
     .names = "kv_seq seq",
     .fill = {NULL, NULL, "counts:0,4"}},
    {.name = "batch",
     .in = {"batch=2 kv_seq=16 projection=8", "batch=2 seq=3 projection=8", "i32:counts=4"},
     .rows = {2},
     .names = "kv_seq seq",
     .fill = {NULL, NULL, "counts:5,3"}},
    {0},
};

const pn_op_def pn_op_cache_write = {
    .name = "cache_write",
    .doc = "new rows into a cache, in place",
    .in = {"cache", "x", "counts"},
    .flags = PN_OP_POINTWISE | PN_OP_CACHE | PN_OP_IN_PLACE,
    .infer = infer,
    .ref = ref,
    .cases = cases,
};
