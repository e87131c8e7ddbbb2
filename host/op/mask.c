/* SPDX-License-Identifier: Apache-2.0 */
/* mask: scores where the query may see the key, a very low number elsewhere.
 *
 * Visible: the key's position is >= 0, at most the query's, nearer than the window (0: any), and
 * the sequence ids are equal where they are given. */
#include "op/op.h"

#include <math.h>

enum { SCORES, POSITIONS, KV_POSITIONS, TOKEN_SEQUENCE, KV_SEQUENCE };
enum { WINDOW };
enum { SEQ, KV_SEQ };

/* What penzai puts there: far below any score, yet finite in float32 and bfloat16. */
static const double masked = -2.3819763e38;

/* An absent pair of sequence inputs arrives as two zeros. */
static double f(const double *x, const double *num)
{
    double ahead = x[POSITIONS] - x[KV_POSITIONS];
    bool visible = x[KV_POSITIONS] >= 0 && ahead >= 0 &&
                   (num[WINDOW] == 0 || ahead < num[WINDOW]) && x[TOKEN_SEQUENCE] == x[KV_SEQUENCE];
    return visible ? x[SCORES] : masked;
}

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    if (c->n_in != 3 && c->n_in != 5) {
        return PN_FAIL(ctx, PENCL_E_SIDE_INPUT,
                       "mask: token_sequence and kv_sequence are given together or not at all");
    }
    PENCL_TRY(pn_need_float(ctx, c, SCORES));
    for (int i = POSITIONS; i < c->n_in; i++) {
        bool of_keys = i == KV_POSITIONS || i == KV_SEQUENCE;
        PENCL_TRY(pn_need_int(ctx, c, i));
        PENCL_TRY(pn_need_axis(ctx, c, i, c->names[of_keys ? KV_SEQ : SEQ]));
        PENCL_TRY(pn_need_within(ctx, c, i, &c->in[SCORES]));
    }
    c->out = c->in[SCORES];
    return PENCL_OK;
}

static const pn_op_case cases[] = {
    {.name = "causal",
     .in = {"seq=5 heads=2 kv_seq=7", "i32:seq=5", "i32:kv_seq=7"},
     .num = {0},
     .names = "seq kv_seq",
     .fill = {NULL, "positions:1", "positions"}},
    {.name = "window",
     .in = {"heads=2 seq=9 kv_seq=16", "i32:seq=9", "i32:kv_seq=16"},
     .num = {3},
     .names = "seq kv_seq",
     .fill = {NULL, "positions:7", "positions"}},
    {.name = "padding in a batch",
     .in = {"batch=2 seq=4 kv_seq=4", "i32:batch=2 seq=4", "i32:batch=2 kv_seq=4"},
     .num = {0},
     .names = "seq kv_seq",
     .fill = {NULL, "padded:2", "padded:2"}},
    {.name = "two sequences",
     .in = {"seq=6 kv_seq=6", "i32:seq=6", "i32:kv_seq=6", "i32:seq=6", "i32:kv_seq=6"},
     .num = {0},
     .names = "seq kv_seq",
     .fill = {NULL, "positions", "positions", "ids:2", "ids:2"}},
    {0},
};

const pn_op_def pn_op_mask = {
    .name = "mask",
    .doc = "scores of visible keys, a very low number elsewhere",
    .in = {"scores", "positions", "kv_positions", "token_sequence?", "kv_sequence?"},
    .num = {"window"},
    .flags = PN_OP_POINTWISE | PN_OP_SCALAR | PN_OP_ROWWISE,
    .expr = "(c >= 0 && c <= b && (n0 == 0 || b - c < n0) && d == e) ? a : -2.3819763e38f",
    .infer = infer,
    .value = f,
    .ref = pn_ref_map,
    .cases = cases,
    .tol = {.relative = 1e-7},
};
