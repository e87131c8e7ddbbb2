/* SPDX-License-Identifier: Apache-2.0 */
/* argmax: index of the largest entry along one axis, the lowest of equals. */
#include "op/best.h"

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_need_float(ctx, c, 0));
    PENCL_TRY(pn_need_axis(ctx, c, 0, c->names[0]));
    c->out = c->in[0];
    c->out.dtype = PENCL_I32;
    pn_spec_remove(&c->out, pn_spec_find(&c->out, c->names[0]));
    return PENCL_OK;
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    pn_best_ref(c, in, out, 1, NULL);
}

static const pn_op_case cases[] = {
    {.name = "vocabulary", .in = {"seq=2 vocabulary=4096"}, .names = "vocabulary"},
    {.name = "odd width", .in = {"seq=3 vocabulary=37"}, .names = "vocabulary"},
    {.name = "strided", .in = {"vocabulary=48 seq=3"}, .names = "vocabulary"},
    {.name = "all equal", .in = {"seq=2 vocabulary=80"}, .names = "vocabulary", .fill = {"zero"}},
    {.name = "ties", .in = {"seq=5 vocabulary=100"}, .names = "vocabulary", .fill = {"ties"}},
    {0},
};

const pn_op_def pn_op_argmax = {
    .name = "argmax",
    .doc = "index of the largest entry along an axis",
    .in = {"x"},
    .infer = infer,
    .ref = ref,
    .kernels = pn_best_kernels,
    .cases = cases,
};
