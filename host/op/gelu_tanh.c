/* SPDX-License-Identifier: Apache-2.0 */
/* gelu_tanh: the tanh approximation of the Gaussian error linear unit. */
#include "op/op.h"

#include <math.h>

static double f(const double *x, const double *num)
{
    (void)num;
    double root = 0.79788456080286535588; /* sqrt(2 / pi) */
    return 0.5 * x[0] * (1 + tanh(root * (x[0] + 0.044715 * x[0] * x[0] * x[0])));
}

static const pn_op_case cases[] = {
    {.name = "noise", .in = {"seq=3 neurons=96"}},
    {.name = "odd width", .in = {"seq=2 neurons=13"}},
    {.name = "large", .in = {"neurons=64"}, .fill = {"large"}},
    {0},
};

const pn_op_def pn_op_gelu_tanh = {
    .name = "gelu_tanh",
    .doc = "0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))",
    .in = {"x"},
    .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,
    .expr = "0.5f * a * (1.0f + tanh(0.7978845608f * (a + 0.044715f * a * a * a)))",
    .infer = pn_infer_like_first,
    .value = f,
    .ref = pn_ref_map,
    .cases = cases,
    .tol = {.absolute = 1e-6, .relative = 1e-6},
};
