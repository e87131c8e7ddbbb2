/* SPDX-License-Identifier: Apache-2.0 */
/* full and arange: numbers known when the graph is built. A kernel that reads them computes them:
 * nothing is uploaded. */
#include "op/op.h"

#include <math.h>

enum { VALUE, FULL_DTYPE };
enum { START, STEP, COUNT, RANGE_DTYPE };

static bool is_int32(double x)
{
    return x >= INT32_MIN && x <= INT32_MAX && x == nearbyint(x);
}

static pencl_status check_dtype(pencl_ctx *ctx, const pn_op_call *c, double number)
{
    pencl_dtype dtype = (pencl_dtype)number;
    if (dtype != PENCL_F32 && dtype != PENCL_F16 && dtype != PENCL_BF16 && dtype != PENCL_I32) {
        return PN_FAIL(ctx, PENCL_E_DTYPE, "%s: cannot make %s", c->def->name,
                       pencl_dtype_name(dtype));
    }
    return PENCL_OK;
}

/* ---- full ---- */

/* One number; a view of it with strides of 0 has any shape. */
static pencl_status infer_full(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(check_dtype(ctx, c, c->num[FULL_DTYPE]));
    c->out = (pn_spec){.dtype = (pencl_dtype)c->num[FULL_DTYPE]};
    if (c->out.dtype == PENCL_I32 && !is_int32(c->num[VALUE])) {
        return PN_FAIL(ctx, PENCL_E_ARG, "full: %g is not an int32", c->num[VALUE]);
    }
    return PENCL_OK;
}

static double number(const double *x, const double *num)
{
    (void)x;
    return num[VALUE];
}

static const pn_op_case full_cases[] = {
    {.name = "third", .num = {1.0 / 3, PENCL_F32}},
    {.name = "minus infinity", .num = {-INFINITY, PENCL_F32}},
    {.name = "not a number", .num = {NAN, PENCL_F32}},
    {.name = "half", .num = {0.1, PENCL_F16}},
    {.name = "bf16", .num = {-0.1, PENCL_BF16}},
    {.name = "integer", .num = {16777217, PENCL_I32}},
    {.name = "lowest integer", .num = {INT32_MIN, PENCL_I32}},
    {0},
};

const pn_op_def pn_op_full = {
    .name = "full",
    .doc = "a number",
    .num = {"value", "dtype"},
    .flags = PN_OP_POINTWISE,
    .expr = "n0",
    .infer = infer_full,
    .value = number,
    .ref = pn_ref_map,
    .cases = full_cases,
};

/* ---- arange ---- */

static pencl_status infer_arange(pencl_ctx *ctx, pn_op_call *c)
{
    const double *num = c->num;
    PENCL_TRY(check_dtype(ctx, c, num[RANGE_DTYPE]));
    if (!(num[COUNT] >= 0 && num[COUNT] <= INT32_MAX) || !isfinite(num[START]) ||
        !isfinite(num[STEP])) {
        return PN_FAIL(ctx, PENCL_E_ARG, "arange: axis \"%s\": %g numbers from %g on, %g apart",
                       c->names[0], num[COUNT], num[START], num[STEP]);
    }
    c->out = (pn_spec){.dtype = (pencl_dtype)num[RANGE_DTYPE]};
    double last = num[COUNT] > 0 ? num[START] + (num[COUNT] - 1) * num[STEP] : num[START];
    if (c->out.dtype == PENCL_I32 &&
        (!is_int32(num[START]) || !is_int32(num[STEP]) || !is_int32(last))) {
        return PN_FAIL(ctx, PENCL_E_ARG,
                       "arange: axis \"%s\": %g to %g in steps of %g is not int32", c->names[0],
                       num[START], last, num[STEP]);
    }
    pn_spec_push(&c->out, c->names[0], (int64_t)num[COUNT]);
    return pn_need_valid_out(ctx, c);
}

static void ref_arange(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    (void)in;
    int64_t n = pn_spec_count(&out->view.spec);
    for (int64_t i = 0; i < n; i++) {
        pn_ref_set(out, &i, c->num[START] + (double)i * c->num[STEP]);
    }
}

static const pn_op_case arange_cases[] = {
    {.name = "positions", .num = {0, 1, 33, PENCL_I32}, .names = "seq"},
    {.name = "down", .num = {INT32_MAX, -1000000000, 4, PENCL_I32}, .names = "seq"},
    {.name = "fractions", .num = {-1, 1.0 / 3, 100, PENCL_F32}, .names = "seq"},
    {.name = "half", .num = {0, 0.25, 9, PENCL_F16}, .names = "seq"},
    {.name = "one", .num = {7, 0, 1, PENCL_I32}, .names = "seq"},
    {0},
};

const pn_op_def pn_op_arange = {
    .name = "arange",
    .doc = "start, start + step, ... along an axis",
    .num = {"start", "step", "count", "dtype"},
    .flags = PN_OP_POINTWISE | PN_OP_INDEX,
    .expr = "fma((float)at, n1, n0)",
    .int_expr = "as_int(as_uint(n0) + as_uint(at) * as_uint(n1))",
    .infer = infer_arange,
    .ref = ref_arange,
    .cases = arange_cases,
    .tol = {.relative = 1e-7},
};
