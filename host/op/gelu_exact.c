/* SPDX-License-Identifier: Apache-2.0 */
/* gelu_exact: the Gaussian error linear unit itself, x times the normal distribution's integral. */
#include "op/op.h"

#include <math.h>

static double f(const double *x, const double *num)
{
    (void)num;
    return 0.5 * x[0] * erfc(-x[0] * 0.70710678118654752440);
}

static const pn_op_case cases[] = {
    {.name = "noise", .in = {"seq=3 neurons=96"}},
    {.name = "odd width", .in = {"seq=2 neurons=13"}},
    {.name = "large", .in = {"neurons=64"}, .fill = {"large"}},
    {0},
};

const pn_op_def pn_op_gelu_exact = {
    .name = "gelu_exact",
    .doc = "0.5 x erfc(-x / sqrt(2))",
    .in = {"x"},
    .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,
    .expr = "0.5f * a * erfc(a * -0.70710678f)",
    .infer = pn_infer_like_first,
    .value = f,
    .ref = pn_ref_map,
    .cases = cases,
    .tol = {.absolute = 1e-6, .relative = 1e-6},
};
