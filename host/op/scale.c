/* SPDX-License-Identifier: Apache-2.0 */
/* scale: x times a number. */
#include "op/op.h"

static double f(const double *x, const double *num)
{
    return x[0] * num[0];
}

static const pn_op_case cases[] = {
    {.name = "eighth", .in = {"seq=3 embedding=64"}, .num = {0.125}},
    {.name = "odd width", .in = {"seq=3 embedding=7"}, .num = {-3.3}},
    {.name = "large", .in = {"embedding=576"}, .num = {1e-3}, .fill = {"large"}},
    {0},
};

const pn_op_def pn_op_scale = {
    .name = "scale",
    .doc = "x times a number",
    .in = {"x"},
    .num = {"by"},
    .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,
    .expr = "a * n0",
    .infer = pn_infer_like_first,
    .value = f,
    .ref = pn_ref_map,
    .cases = cases,
    .tol = {.relative = 1e-6},
};
