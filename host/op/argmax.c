/* SPDX-License-Identifier: Apache-2.0 */
/* argmax and argmin: index of the largest, or smallest, entry, the lowest of equals. Along several
 * axes it counts through all of them, the last given fastest. */
#include "op/best.h"

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_infer_rows(ctx, c));
    c->out.dtype = PENCL_I32;
    return pn_need_elements(ctx, c);
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    pn_best_ref(c, in, out, 1, NULL);
}

static const pn_op_case cases[] = {
    {.name = "vocabulary", .in = {"seq=2 vocabulary=4096"}, .names = "vocabulary"},
    {.name = "strided", .in = {"vocabulary=48 seq=3"}, .names = "vocabulary"},
    {.name = "two axes", .in = {"heads=5 seq=3 kv_seq=7"}, .names = "kv_seq heads"},
    {.name = "all equal", .in = {"seq=2 vocabulary=80"}, .names = "vocabulary", .fill = {"zero"}},
    {.name = "ties", .in = {"seq=5 vocabulary=100"}, .names = "vocabulary", .fill = {"ties"}},
    {.name = "inf and nan", .in = {"seq=9 vocabulary=11"}, .names = "vocabulary", .fill = {"odd"}},
    {.name = "integers beyond float",
     .in = {"i32:seq=5 vocabulary=100"},
     .names = "vocabulary",
     .fill = {"beyond"}},
    {.name = "any integers",
     .in = {"i32:vocabulary=100 seq=5"},
     .names = "vocabulary",
     .fill = {"bits"}},
    {0},
};

#define BEST(op, text)                                                                             \
    {                                                                                              \
        .name = op, .doc = text, .in = {"x"}, .flags = PN_OP_REDUCE, .infer = infer, .ref = ref,   \
        .kernels = pn_best_kernels, .cases = cases,                                                \
    }

const pn_op_def pn_op_argmax = BEST("argmax", "index of the largest entry along axes");
const pn_op_def pn_op_argmin = BEST("argmin", "index of the smallest entry along axes");
