/* SPDX-License-Identifier: Apache-2.0 */
/* silu: x * sigmoid(x). */
#include "op/op.h"

#include <math.h>

static double f(const double *x, const double *num)
{
    (void)num;
    return x[0] / (1 + exp(-x[0]));
}

static const pn_op_case cases[] = {
    {.name = "noise", .in = {"seq=3 neurons=96"}},
    {.name = "odd width", .in = {"seq=2 neurons=13"}},
    {.name = "large", .in = {"neurons=64"}, .fill = {"large"}}, /* exp(-x) overflows to inf */
    {.name = "zero", .in = {"neurons=16"}, .fill = {"zero"}},
    {0},
};

const pn_op_def pn_op_silu = {
    .name = "silu",
    .doc = "x * sigmoid(x)",
    .in = {"x"},
    .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,
    .expr = "a / (1.0f + exp(-a))",
    .infer = pn_infer_like_first,
    .value = f,
    .ref = pn_ref_map,
    .cases = cases,
    .tol = {.absolute = 1e-6, .relative = 1e-6},
};
