/* SPDX-License-Identifier: Apache-2.0 */
/* attention: softmax(q k, masked by positions) v, without scores in memory.
 *
 * q [(batch), seq, (groups), (query heads), projection], k and v [(batch), kv_seq, (groups),
 * projection]. A key is visible when its position is >= 0, at most the query's and nearer than the
 * window, and the sequence ids are equal where they are given. A row that sees no key gives zeros.
 * With counts, only the first kv_len slots of k and v are looked at. */
#include "op/attention.h"

#include <math.h>
#include <string.h>

pn_attention_inputs pn_attention_optional(const pn_op_call *c)
{
    pn_attention_inputs in = {-1, -1, -1};
    int next = PN_ATT_OPTIONAL;
    if (c->num[PN_ATT_HAS_COUNTS] != 0) {
        in.counts = next++;
    }
    if (c->num[PN_ATT_HAS_SEQUENCE] != 0) {
        in.token_sequence = next++;
        in.kv_sequence = next;
    }
    return in;
}

void pn_attention_axes(const pn_op_call *c, pn_spec *groups, pn_spec *heads)
{
    const pn_spec *q = &c->in[PN_ATT_Q];
    *groups = (pn_spec){.dtype = PENCL_F32};
    *heads = *groups;
    for (int i = 0; i < q->n_axes; i++) {
        const char *name = q->axes[i].name;
        if (strcmp(name, c->names[PN_ATT_SEQ]) != 0 &&
            strcmp(name, c->names[PN_ATT_PROJECTION]) != 0) {
            bool common = pn_spec_find(&c->in[PN_ATT_K], name) >= 0;
            pn_spec_push(common ? groups : heads, name, q->axes[i].size);
        }
    }
}

/* What positions and sequence ids may have: the axis `own` and those of groups. */
static pencl_status need_positions(pencl_ctx *ctx,
                                   const pn_op_call *c,
                                   int in,
                                   const pn_spec *groups,
                                   const char *own,
                                   int64_t size)
{
    pn_spec all = *groups;
    pn_spec_push(&all, own, size);
    PENCL_TRY(pn_need_int(ctx, c, in));
    PENCL_TRY(pn_need_axis(ctx, c, in, own));
    return pn_need_within(ctx, c, in, &all);
}

static pencl_status need_arity(pencl_ctx *ctx, const pn_op_call *c)
{
    pn_attention_inputs in = pn_attention_optional(c);
    int n = PN_ATT_OPTIONAL + (in.counts >= 0 ? 1 : 0) + (in.token_sequence >= 0 ? 2 : 0);
    if (c->n_in == n) {
        return PENCL_OK;
    }
    return PN_FAIL(ctx, PENCL_E_ARITY, "attention: %d inputs, not %d", c->n_in, n);
}

static pencl_status need_optional(pencl_ctx *ctx, const pn_op_call *c, const pn_spec *groups)
{
    pn_attention_inputs in = pn_attention_optional(c);
    if (in.counts >= 0) {
        PENCL_TRY(pn_need_int(ctx, c, in.counts));
        PENCL_TRY(pn_need_size(ctx, c, in.counts, "counts", 4));
    }
    if (in.token_sequence >= 0) {
        const char *seq = c->names[PN_ATT_SEQ];
        const char *kv_seq = c->names[PN_ATT_KV_SEQ];
        int64_t n_seq = pn_spec_size(&c->in[PN_ATT_Q], seq);
        int64_t n_kv = pn_spec_size(&c->in[PN_ATT_K], kv_seq);
        PENCL_TRY(need_positions(ctx, c, in.token_sequence, groups, seq, n_seq));
        PENCL_TRY(need_positions(ctx, c, in.kv_sequence, groups, kv_seq, n_kv));
    }
    return PENCL_OK;
}

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    const char *seq = c->names[PN_ATT_SEQ];
    const char *kv_seq = c->names[PN_ATT_KV_SEQ];
    const char *projection = c->names[PN_ATT_PROJECTION];
    const pn_spec *q = &c->in[PN_ATT_Q];
    PENCL_TRY(need_arity(ctx, c));
    PENCL_TRY(pn_need_float(ctx, c, PN_ATT_Q));
    PENCL_TRY(pn_need_axis(ctx, c, PN_ATT_Q, seq));
    PENCL_TRY(pn_need_axis(ctx, c, PN_ATT_Q, projection));
    PENCL_TRY(pn_need_axis(ctx, c, PN_ATT_K, kv_seq));
    int64_t n_kv = pn_spec_size(&c->in[PN_ATT_K], kv_seq);
    pn_spec groups;
    pn_spec heads;
    pn_attention_axes(c, &groups, &heads);
    pn_spec keys = groups;
    pn_spec_push(&keys, kv_seq, n_kv);
    pn_spec_push(&keys, projection, pn_spec_size(q, projection));
    for (int i = PN_ATT_K; i <= PN_ATT_V; i++) {
        PENCL_TRY(pn_need_float(ctx, c, i));
        PENCL_TRY(pn_need_axis(ctx, c, i, kv_seq));
        PENCL_TRY(pn_need_axis(ctx, c, i, projection));
        PENCL_TRY(pn_need_within(ctx, c, i, &keys));
    }
    PENCL_TRY(need_positions(ctx, c, PN_ATT_POSITIONS, &groups, seq, pn_spec_size(q, seq)));
    PENCL_TRY(need_positions(ctx, c, PN_ATT_KV_POSITIONS, &groups, kv_seq, n_kv));
    PENCL_TRY(need_optional(ctx, c, &groups));
    c->out = *q;
    int last = pn_spec_find(q, projection);
    pencl_axis axis = q->axes[last];
    pn_spec_remove(&c->out, last);
    pn_spec_push(&c->out, axis.name, axis.size);
    return PENCL_OK;
}

/* One query row of the reference: where it reads, and its scores. */
typedef struct query {
    const pn_op_call *call;
    const pn_ref_operand *in;
    const pn_spec *spec;  /* of the output */
    const int64_t *index; /* into it, 0 along projection */
    int64_t n_slots;
    int64_t size; /* of projection */
} query;

/* Element of an input at the query's coordinates, slot `slot` and entry `d`. */
static double at(const query *row, int input, int64_t slot, int64_t d)
{
    const pn_ref_operand *o = &row->in[input];
    const pn_spec *spec = &o->view.spec;
    int64_t index[PENCL_MAX_AXES];
    pn_same_index(row->spec, row->index, spec, index);
    int kv = pn_spec_find(spec, row->call->names[PN_ATT_KV_SEQ]);
    int projection = pn_spec_find(spec, row->call->names[PN_ATT_PROJECTION]);
    if (kv >= 0) {
        index[kv] = slot;
    }
    if (projection >= 0) {
        index[projection] = d;
    }
    return pn_ref_get(o, index);
}

static bool visible(const query *row, int64_t slot)
{
    pn_attention_inputs in = pn_attention_optional(row->call);
    double window = row->call->num[PN_ATT_WINDOW];
    double key = at(row, PN_ATT_KV_POSITIONS, slot, 0);
    double ahead = at(row, PN_ATT_POSITIONS, 0, 0) - key;
    if (key < 0 || ahead < 0 || (window > 0 && ahead >= window)) {
        return false;
    }
    return in.token_sequence < 0 ||
           at(row, in.token_sequence, 0, 0) == at(row, in.kv_sequence, slot, 0);
}

static double score(const query *row, int64_t slot)
{
    double sum = 0;
    for (int64_t d = 0; d < row->size; d++) {
        sum += at(row, PN_ATT_Q, 0, d) * at(row, PN_ATT_K, slot, d);
    }
    double cap = row->call->num[PN_ATT_SOFT_CAP];
    return cap > 0 ? tanh(sum / cap) * cap : sum;
}

/* Leaves the row's values in y[size]. */
static void attend(const query *row, double *scores, double *y)
{
    double top = -INFINITY;
    for (int64_t s = 0; s < row->n_slots; s++) {
        scores[s] = visible(row, s) ? score(row, s) : -INFINITY;
        top = fmax(top, scores[s]);
    }
    memset(y, 0, (size_t)row->size * sizeof *y);
    double sum = 0;
    for (int64_t s = 0; s < row->n_slots; s++) {
        double p = scores[s] > -INFINITY ? exp(scores[s] - top) : 0;
        sum += p;
        for (int64_t d = 0; p > 0 && d < row->size; d++) {
            y[d] += p * at(row, PN_ATT_V, s, d);
        }
    }
    for (int64_t d = 0; sum > 0 && d < row->size; d++) {
        y[d] /= sum;
    }
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    const pn_spec *spec = &out->view.spec;
    int projection = pn_spec_find(spec, c->names[PN_ATT_PROJECTION]);
    int counts = pn_attention_optional(c).counts;
    int64_t n_kv = pn_spec_size(&in[PN_ATT_K].view.spec, c->names[PN_ATT_KV_SEQ]);
    int64_t used = counts >= 0 ? (int64_t)pn_ref_get(&in[counts], &(int64_t){2}) : n_kv;
    int64_t index[PENCL_MAX_AXES] = {0};
    query row = {c, in, spec, index, used < n_kv ? used : n_kv, spec->axes[projection].size};
    double *room = pn_calloc((size_t)(row.n_slots + row.size) + 1, sizeof *room);
    pn_spec rows = *spec;
    rows.axes[projection].size = row.size > 0 ? 1 : 0;
    bool more = room != NULL && pn_spec_count(&rows) > 0;
    for (; more; more = pn_next_index(&rows, index)) {
        attend(&row, room + row.size, room);
        for (int64_t d = 0; d < row.size; d++) {
            index[projection] = d;
            pn_ref_set(out, index, room[d]);
        }
        index[projection] = 0;
    }
    pn_free(room);
}

/* Two products, as if every key were visible. */
static double flops(const pn_op_call *c)
{
    double kv = (double)pn_spec_size(&c->in[PN_ATT_K], c->names[PN_ATT_KV_SEQ]);
    return 4 * (double)pn_spec_count(&c->out) * kv;
}

#define NAMES "seq kv_seq projection"

static const pn_op_case cases[] = {
    {.name = "decode over a cache",
     .in = {"seq=1 head_groups=3 query_heads=3 projection=64",
            "kv_seq=512 head_groups=3 projection=64", "kv_seq=512 head_groups=3 projection=64",
            "i32:seq=1", "i32:kv_seq=512", "i32:counts=4"},
     .rows = {0, 1, 1},
     .num = {0, 0, 1, 0},
     .names = NAMES,
     .fill = {NULL, NULL, NULL, "positions:204", "positions", "counts:204,1"}},
    {.name = "chunk after a cache",
     .in = {"seq=16 head_groups=2 query_heads=4 projection=16",
            "kv_seq=64 head_groups=2 projection=16", "kv_seq=64 head_groups=2 projection=16",
            "i32:seq=16", "i32:kv_seq=64", "i32:counts=4"},
     .rows = {0, 1, 1},
     .num = {0, 0, 1, 0},
     .names = NAMES,
     .fill = {NULL, NULL, NULL, "positions:21", "positions", "counts:21,16"}},
    {.name = "window, cap, odd cache",
     .in = {"seq=7 heads=4 projection=32", "kv_seq=43 heads=4 projection=32",
            "kv_seq=43 heads=4 projection=32", "i32:seq=7", "i32:kv_seq=43", "i32:counts=4"},
     .rows = {0, 1, 1},
     .num = {5, 9, 1, 0},
     .names = NAMES,
     .fill = {NULL, NULL, NULL, "positions:30", "positions", "counts:30,7"}},
    {.name = "no cache",
     .in = {"seq=19 head_groups=2 query_heads=2 projection=64",
            "kv_seq=19 head_groups=2 projection=64", "kv_seq=19 head_groups=2 projection=64",
            "i32:seq=19", "i32:kv_seq=19"},
     .names = NAMES,
     .fill = {NULL, NULL, NULL, "positions", "positions"}},
    {.name = "one key head, width 80",
     .in = {"seq=5 query_heads=8 projection=80", "kv_seq=33 projection=80",
            "kv_seq=33 projection=80", "i32:seq=5", "i32:kv_seq=33"},
     .names = NAMES,
     .fill = {NULL, NULL, NULL, "positions:28", "positions"}},
    {.name = "narrow",
     .in = {"seq=5 head_groups=2 query_heads=2 projection=4", "kv_seq=5 head_groups=2 projection=4",
            "kv_seq=5 head_groups=2 projection=4", "i32:seq=5", "i32:kv_seq=5"},
     .names = NAMES,
     .fill = {NULL, NULL, NULL, "positions", "positions"}},
    {.name = "narrow, over a cache",
     .in = {"seq=2 heads=3 projection=8", "kv_seq=32 heads=3 projection=8",
            "kv_seq=32 heads=3 projection=8", "i32:seq=2", "i32:kv_seq=32", "i32:counts=4"},
     .rows = {0, 1, 1},
     .num = {0, 0, 1, 0},
     .names = NAMES,
     .fill = {NULL, NULL, NULL, "positions:17", "positions", "counts:17,2"}},
    {.name = "batch with padding",
     .in = {"batch=2 seq=6 head_groups=2 query_heads=2 projection=16",
            "batch=2 kv_seq=6 head_groups=2 projection=16",
            "batch=2 kv_seq=6 head_groups=2 projection=16", "i32:batch=2 seq=6",
            "i32:batch=2 kv_seq=6"},
     .names = NAMES,
     .fill = {NULL, NULL, NULL, "padded:2", "padded:2"}},
    {.name = "batch over a cache",
     .in = {"batch=2 seq=3 heads=2 projection=16", "batch=2 kv_seq=48 heads=2 projection=16",
            "batch=2 kv_seq=48 heads=2 projection=16", "i32:batch=2 seq=3", "i32:batch=2 kv_seq=48",
            "i32:counts=4"},
     .rows = {0, 2, 2},
     .num = {0, 0, 1, 0},
     .names = NAMES,
     .fill = {NULL, NULL, NULL, "positions:20", "positions", "counts:20,3"}},
    {.name = "two sequences, sees nothing",
     .in = {"seq=9 heads=2 projection=32", "kv_seq=32 heads=2 projection=32",
            "kv_seq=32 heads=2 projection=32", "i32:seq=9", "i32:kv_seq=32", "i32:seq=9",
            "i32:kv_seq=32"},
     .num = {0, 4, 0, 1},
     .names = NAMES,
     .fill = {NULL, NULL, NULL, "positions:25", "positions", "ids:3", "ids:2"}},
    {0},
};

const pn_op_def pn_op_attention = {
    .name = "attention",
    .doc = "softmax of masked scores, times values",
    .in = {"q", "k", "v", "positions", "kv_positions", "counts?", "token_sequence?",
           "kv_sequence?"},
    .num = {"soft_cap", "window", "has_counts", "has_sequence"},
    .infer = infer,
    .ref = ref,
    .kernels = pn_attention_kernels,
    .flops = flops,
    .cases = cases,
    .tol = {.absolute = 1e-6, .relative = 5e-6},
};
