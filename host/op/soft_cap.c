/* SPDX-License-Identifier: Apache-2.0 */
/* soft_cap: squeezes x smoothly into (-cap, cap). */
#include "op/op.h"

#include <math.h>

static double f(const double *x, const double *num)
{
    return tanh(x[0] / num[0]) * num[0];
}

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    if (!(c->num[0] > 0)) {
        return PN_FAIL(ctx, PENCL_E_ARG, "soft_cap: the cap must be above 0, not %g", c->num[0]);
    }
    return pn_infer_like_first(ctx, c);
}

static const pn_op_case cases[] = {
    {.name = "scores", .in = {"seq=3 kv_seq=48"}, .num = {50}},
    {.name = "tight", .in = {"seq=2 kv_seq=13"}, .num = {0.5}},
    {.name = "large", .in = {"vocabulary=64"}, .num = {30}, .fill = {"large"}},
    {0},
};

const pn_op_def pn_op_soft_cap = {
    .name = "soft_cap",
    .doc = "tanh(x / cap) * cap",
    .in = {"x"},
    .num = {"cap"},
    .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,
    .expr = "tanh(a / n0) * n0",
    .infer = infer,
    .value = f,
    .ref = pn_ref_map,
    .cases = cases,
    .tol = {.absolute = 1e-7, .relative = 1e-6},
};
