/* SPDX-License-Identifier: Apache-2.0 */
/* neg, abs, relu of floating point numbers or integers; exp, log, sqrt, tanh of floating point
 * numbers. They differ by an expression and share their cases. */
#include "op/op.h"

#include <math.h>

static double negative(const double *x, const double *num)
{
    (void)num;
    return -x[0];
}

static double absolute(const double *x, const double *num)
{
    (void)num;
    return fabs(x[0]);
}

static double positive(const double *x, const double *num)
{
    (void)num;
    return x[0] > 0 || isnan(x[0]) ? x[0] : 0;
}

static double exponential(const double *x, const double *num)
{
    (void)num;
    return exp(x[0]);
}

static double logarithm(const double *x, const double *num)
{
    (void)num;
    return log(x[0]);
}

static double root(const double *x, const double *num)
{
    (void)num;
    return sqrt(x[0]);
}

static double hyperbolic(const double *x, const double *num)
{
    (void)num;
    return tanh(x[0]);
}

static int64_t negative_int(const int64_t *x, const double *num)
{
    (void)num;
    return -x[0];
}

static int64_t absolute_int(const int64_t *x, const double *num)
{
    (void)num;
    return x[0] < 0 ? -x[0] : x[0];
}

static const pn_op_case float_cases[] = {
    {.name = "noise", .in = {"seq=3 neurons=33"}},
    {.name = "above 0", .in = {"seq=3 neurons=96"}, .fill = {"positive"}},
    {.name = "inf, nan and zero", .in = {"neurons=35"}, .fill = {"odd"}},
    {.name = "half", .in = {"f16:seq=2 neurons=9"}, .fill = {"positive"}},
    {0},
};

static const pn_op_case cases[] = {
    {.name = "large", .in = {"seq=3 neurons=33"}, .fill = {"large"}},
    {.name = "inf, nan and zero", .in = {"neurons=35"}, .fill = {"odd"}},
    {.name = "bf16", .in = {"bf16:seq=2 neurons=9"}},
    {.name = "integers", .in = {"i32:seq=3 neurons=33"}, .fill = {"bits"}},
    {0},
};

#define ONE_NUMBER(op, text, op_cases, rule)                                                       \
    .name = op, .doc = text, .in = {"x"}, .flags = PN_OP_POINTWISE | PN_OP_ROWWISE, .infer = rule, \
    .ref = pn_ref_map, .cases = op_cases

const pn_op_def pn_op_neg = {
    ONE_NUMBER("neg", "-x", cases, pn_infer_like_number),
    .expr = "-a",
    .int_expr = "as_int(-as_uint(a))",
    .value = negative,
    .int_value = negative_int,
};

const pn_op_def pn_op_abs = {
    ONE_NUMBER("abs", "|x|", cases, pn_infer_like_number),
    .expr = "fabs(a)",
    .int_expr = "as_int(abs(a))",
    .value = absolute,
    .int_value = absolute_int,
};

const pn_op_def pn_op_relu = {
    ONE_NUMBER("relu", "x, or 0 where it is below 0", cases, pn_infer_like_number),
    .expr = "select(fmax(a, 0.0f), a, a != a)",
    .int_expr = "max(a, 0)",
    .value = positive,
};

const pn_op_def pn_op_exp = {
    ONE_NUMBER("exp", "e to the power of x", float_cases, pn_infer_like_first),
    .expr = "exp(a)",
    .value = exponential,
    .tol = {.relative = 1e-6},
};

const pn_op_def pn_op_log = {
    ONE_NUMBER("log", "natural logarithm", float_cases, pn_infer_like_first),
    .expr = "log(a)",
    .value = logarithm,
    .tol = {.absolute = 1e-6, .relative = 1e-6},
};

const pn_op_def pn_op_sqrt = {
    ONE_NUMBER("sqrt", "square root", float_cases, pn_infer_like_first),
    .expr = "sqrt(a)",
    .value = root,
    .tol = {.relative = 1e-6},
};

const pn_op_def pn_op_tanh = {
    ONE_NUMBER("tanh", "hyperbolic tangent", float_cases, pn_infer_like_first),
    .expr = "tanh(a)",
    .value = hyperbolic,
    .tol = {.absolute = 1e-6, .relative = 1e-6},
};
