/* SPDX-License-Identifier: Apache-2.0 */
/* top_k: indices of the k largest entries along one axis, best first, the lowest of equals first.
 */
#include "op/best.h"

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_infer_rows(ctx, c));
    int64_t size = pn_spec_size(&c->in[0], c->names[0]);
    int64_t k = (int64_t)c->num[0];
    if (k < 1 || k > size) {
        return pn_spec_fail(ctx, PENCL_E_SHAPE, &c->in[0],
                            "top_k: cannot take %lld of %lld along \"%s\"", (long long)k,
                            (long long)size, c->names[0]);
    }
    c->out.dtype = PENCL_I32;
    pn_spec_push(&c->out, c->names[1], k);
    return pn_need_valid_out(ctx, c); /* the new axis may be there already */
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    pn_best_ref(c, in, out, (int64_t)c->num[0], c->names[1]);
}

static const pn_op_case cases[] = {
    /* llvmpipe leaves a work-item's loops after 65535 rounds: k times the width stays below. */
    {.name = "vocabulary", .in = {"seq=2 vocabulary=1536"}, .num = {40}, .names = "vocabulary top"},
    {.name = "all of them", .in = {"seq=3 vocabulary=11"}, .num = {11}, .names = "vocabulary top"},
    {.name = "strided", .in = {"vocabulary=48 seq=3"}, .num = {5}, .names = "vocabulary top"},
    {.name = "all equal",
     .in = {"vocabulary=80"},
     .num = {8},
     .names = "vocabulary top",
     .fill = {"zero"}},
    {.name = "ties",
     .in = {"seq=3 vocabulary=100"},
     .num = {30},
     .names = "vocabulary top",
     .fill = {"ties"}},
    {0},
};

const pn_op_def pn_op_top_k = {
    .name = "top_k",
    .doc = "indices of the largest entries along an axis, best first",
    .in = {"x"},
    .num = {"k"},
    .infer = infer,
    .ref = ref,
    .kernels = pn_best_kernels,
    .cases = cases,
};
