/* SPDX-License-Identifier: Apache-2.0 */
/* add, sub, mul, div, pow, minimum, maximum: two numbers, over the union of their axes. They differ
 * by an expression and share their cases. int32 wraps around, as in JAX; NaN wins in minimum and
 * maximum. */
#include "op/op.h"

#include <math.h>

/* ---- in double ---- */

static double add(const double *x, const double *num)
{
    (void)num;
    return x[0] + x[1];
}

static double sub(const double *x, const double *num)
{
    (void)num;
    return x[0] - x[1];
}

static double mul(const double *x, const double *num)
{
    (void)num;
    return x[0] * x[1];
}

static double divide(const double *x, const double *num)
{
    (void)num;
    return x[0] / x[1];
}

static double power(const double *x, const double *num)
{
    (void)num;
    return pow(x[0], x[1]);
}

static double minimum(const double *x, const double *num)
{
    (void)num;
    return x[0] < x[1] || isnan(x[0]) ? x[0] : x[1];
}

static double maximum(const double *x, const double *num)
{
    (void)num;
    return x[0] > x[1] || isnan(x[0]) ? x[0] : x[1];
}

/* ---- of integers ---- */

static int64_t add_int(const int64_t *x, const double *num)
{
    (void)num;
    return x[0] + x[1];
}

static int64_t sub_int(const int64_t *x, const double *num)
{
    (void)num;
    return x[0] - x[1];
}

static int64_t mul_int(const int64_t *x, const double *num)
{
    (void)num;
    return x[0] * x[1];
}

/* The low 32 bits of the power; what is left of 1 / x^n for a negative exponent. */
static int64_t power_int(const int64_t *x, const double *num)
{
    (void)num;
    if (x[1] < 0) {
        return x[0] == 1 ? 1 : x[0] != -1 ? 0 : x[1] % 2 == 0 ? 1 : -1;
    }
    uint32_t result = 1;
    uint32_t square = (uint32_t)x[0];
    for (int64_t n = x[1]; n > 0; n /= 2) {
        result *= n % 2 == 1 ? square : 1;
        square *= square;
    }
    return result;
}

/* ---- the ops ---- */

static pencl_status infer_div(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_need_float(ctx, c, 0)); /* of integers, it is the quotient of their casts */
    return pn_infer_union(ctx, c);
}

/* Where the ops find their operands is one for all: `add` tries more shapes than the others. */
static const pn_op_case add_cases[] = {
    {.name = "same axes", .in = {"seq=3 embedding=64", "seq=3 embedding=64"}},
    {.name = "bias", .in = {"seq=5 embedding=33", "embedding=33"}},
    {.name = "of rows", .in = {"seq=5 embedding=48", "seq=5"}},
    {.name = "other order", .in = {"seq=5 embedding=48", "embedding=48 seq=5"}},
    {.name = "outer", .in = {"seq=5", "embedding=7"}},
    {.name = "one number", .in = {"seq=4 embedding=16", ""}},
    {.name = "zero", .in = {"seq=4 embedding=16", "embedding=16"}, .fill = {"zero", "zero"}},
    {.name = "large", .in = {"seq=2 embedding=80", "embedding=80"}, .fill = {"large", "large"}},
    {.name = "inf and nan", .in = {"seq=35", "seq=35"}, .fill = {"odd", "odd"}},
    {.name = "half weights", .in = {"seq=2 embedding=32", "f16:embedding=32"}},
    {.name = "half and bf16", .in = {"f16:seq=2 embedding=9", "bf16:embedding=9"}},
    {.name = "integers",
     .in = {"i32:seq=5 embedding=33", "i32:embedding=33 seq=5"},
     .fill = {"bits", "bits"}},
    {0},
};

#define FLOAT_CASES                                                                                \
    {.name = "other order", .in = {"seq=5 embedding=33", "embedding=33 seq=5"}},                   \
        {.name = "large and zero",                                                                 \
         .in = {"seq=2 embedding=80", "embedding=80"},                                             \
         .fill = {"large", "zero"}},                                                               \
        {.name = "inf and nan",                                                                    \
         .in = {"seq=7 embedding=5", "embedding=5 seq=7"},                                         \
         .fill = {"odd", "odd"}},                                                                  \
    {                                                                                              \
        .name = "half and bf16", .in = { "f16:seq=2 embedding=9", "bf16:embedding=9" }             \
    }

static const pn_op_case float_cases[] = {FLOAT_CASES, {0}};

static const pn_op_case cases[] = {
    FLOAT_CASES,
    {.name = "integers",
     .in = {"i32:seq=5 embedding=33", "i32:embedding=33 seq=5"},
     .fill = {"bits", "bits"}},
    {0},
};

static const pn_op_case pow_cases[] = {
    {.name = "other order",
     .in = {"seq=5 embedding=33", "embedding=33 seq=5"},
     .fill = {"positive"}},
    {.name = "of zero", .in = {"seq=4 embedding=16", "embedding=16"}, .fill = {"zero", "ties"}},
    {.name = "negative base", .in = {"embedding=48", "embedding=48"}, .fill = {"large", "ties"}},
    {.name = "integers",
     .in = {"i32:seq=5 embedding=33", "i32:embedding=33"},
     .fill = {"bits", "ids:9"}},
    {.name = "negative exponents",
     .in = {"i32:seq=5 embedding=9", "i32:embedding=9"},
     .fill = {"signs", "large"}},
    {0},
};

#define TWO_NUMBERS(op, text, op_cases, rule)                                                      \
    .name = op, .doc = text, .in = {"a", "b"}, .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,           \
    .infer = rule, .ref = pn_ref_map, .cases = op_cases

const pn_op_def pn_op_add = {
    TWO_NUMBERS("add", "a + b", add_cases, pn_infer_union),
    .expr = "a + b",
    .int_expr = "as_int(as_uint(a) + as_uint(b))",
    .value = add,
    .int_value = add_int,
    .tol = {.relative = 1e-6},
};

const pn_op_def pn_op_sub = {
    TWO_NUMBERS("sub", "a - b", cases, pn_infer_union),
    .expr = "a - b",
    .int_expr = "as_int(as_uint(a) - as_uint(b))",
    .value = sub,
    .int_value = sub_int,
    .tol = {.relative = 1e-6},
};

const pn_op_def pn_op_mul = {
    TWO_NUMBERS("mul", "a * b", cases, pn_infer_union),
    .expr = "a * b",
    .int_expr = "as_int(as_uint(a) * as_uint(b))",
    .value = mul,
    .int_value = mul_int,
    .tol = {.relative = 1e-6},
};

const pn_op_def pn_op_div = {
    TWO_NUMBERS("div", "a / b, of floating point numbers", float_cases, infer_div),
    .expr = "a / b",
    .value = divide,
    .tol = {.relative = 1e-6},
};

const pn_op_def pn_op_pow = {
    TWO_NUMBERS("pow", "a to the power of b", pow_cases, pn_infer_union),
    .expr = "pow(a, b)",
    .int_expr = "int_pow(a, b)",
    .value = power,
    .int_value = power_int,
    .tol = {.absolute = 1e-6, .relative = 4e-6},
};

const pn_op_def pn_op_minimum = {
    TWO_NUMBERS("minimum", "the smaller of a and b", cases, pn_infer_union),
    .expr = "select(b, a, a < b || a != a)",
    .int_expr = "min(a, b)",
    .value = minimum,
    .tol = {.relative = 1e-7},
};

const pn_op_def pn_op_maximum = {
    TWO_NUMBERS("maximum", "the larger of a and b", cases, pn_infer_union),
    .expr = "select(b, a, a > b || a != a)",
    .int_expr = "max(a, b)",
    .value = maximum,
    .tol = {.relative = 1e-7},
};
