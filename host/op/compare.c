/* SPDX-License-Identifier: Apache-2.0 */
/* equal, not_equal, less, less_equal, greater, greater_equal: int32 1 where it holds, else 0, over
 * the union of the axes. NaN is equal to nothing, nor less or greater. */
#include "op/op.h"

static double equal(const double *x, const double *num)
{
    (void)num;
    return x[0] == x[1];
}

static double not_equal(const double *x, const double *num)
{
    (void)num;
    return x[0] != x[1];
}

static double less(const double *x, const double *num)
{
    (void)num;
    return x[0] < x[1];
}

static double less_equal(const double *x, const double *num)
{
    (void)num;
    return x[0] <= x[1];
}

static double greater(const double *x, const double *num)
{
    (void)num;
    return x[0] > x[1];
}

static double greater_equal(const double *x, const double *num)
{
    (void)num;
    return x[0] >= x[1];
}

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_infer_union(ctx, c));
    c->out.dtype = PENCL_I32;
    return PENCL_OK;
}

static const pn_op_case cases[] = {
    {.name = "ties", .in = {"seq=5 kv_seq=33", "kv_seq=33 seq=5"}, .fill = {"ties", "ties"}},
    {.name = "inf, nan and zero", .in = {"seq=7 kv_seq=5", "kv_seq=5"}, .fill = {"odd", "odd"}},
    {.name = "half and bf16", .in = {"f16:seq=40", "bf16:seq=40"}, .fill = {"ties", "ties"}},
    {.name = "integers beyond float",
     .in = {"i32:seq=7", "i32:kv_seq=9"},
     .fill = {"beyond", "beyond"}},
    {0},
};

#define COMPARISON(op, sign)                                                                       \
    {                                                                                              \
        .name = #op, .doc = "1 where a " sign " b, else 0", .in = {"a", "b"},                      \
        .flags = PN_OP_POINTWISE | PN_OP_ROWWISE, .expr = "a " sign " b", .infer = infer,          \
        .value = op, .ref = pn_ref_map, .cases = cases,                                            \
    }

const pn_op_def pn_op_equal = COMPARISON(equal, "==");
const pn_op_def pn_op_not_equal = COMPARISON(not_equal, "!=");
const pn_op_def pn_op_less = COMPARISON(less, "<");
const pn_op_def pn_op_less_equal = COMPARISON(less_equal, "<=");
const pn_op_def pn_op_greater = COMPARISON(greater, ">");
const pn_op_def pn_op_greater_equal = COMPARISON(greater_equal, ">=");
