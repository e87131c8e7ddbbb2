/* SPDX-License-Identifier: Apache-2.0 */
/* mul: a * b over the union of their axes. */
#include "op/op.h"

static double f(const double *x, const double *num)
{
    (void)num;
    return x[0] * x[1];
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    pn_ref_map(c, in, out, f);
}

static const pn_op_case cases[] = {
    {.name = "same axes", .in = {"seq=3 neurons=64", "seq=3 neurons=64"}},
    {.name = "norm scale", .in = {"seq=5 embedding=33", "embedding=33"}},
    {.name = "scale of rows", .in = {"seq=5 embedding=48", "seq=5"}},
    {.name = "half weights", .in = {"seq=2 embedding=32", "f16:embedding=32"}},
    {.name = "bf16 weights", .in = {"seq=2 embedding=32", "bf16:embedding=32"}},
    {0},
};

const pn_op_def pn_op_mul = {
    .name = "mul",
    .doc = "product, element by element",
    .in = {"a", "b"},
    .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,
    .expr = "a * b",
    .infer = pn_infer_union,
    .ref = ref,
    .cases = cases,
    .tol = {.relative = 1e-6},
};
