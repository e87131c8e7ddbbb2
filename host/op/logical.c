/* SPDX-License-Identifier: Apache-2.0 */
/* logical_and, logical_not, logical_or: int32 1 or 0 of int32, any number but 0 being true. */
#include "op/op.h"

static double both(const double *x, const double *num)
{
    (void)num;
    return x[0] != 0 && x[1] != 0;
}

static double neither(const double *x, const double *num)
{
    (void)num;
    return x[0] == 0;
}

static double either(const double *x, const double *num)
{
    (void)num;
    return x[0] != 0 || x[1] != 0;
}

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    for (int i = 0; i < c->n_in; i++) {
        PENCL_TRY(pn_need_int(ctx, c, i));
    }
    return pn_infer_union(ctx, c);
}

static const pn_op_case cases[] = {
    {.name = "masks",
     .in = {"i32:seq=5 kv_seq=33", "i32:kv_seq=33 seq=5"},
     .fill = {"ids:2", "ids:2"}},
    {.name = "any numbers", .in = {"i32:seq=5 kv_seq=9", "i32:seq=5"}, .fill = {"signs", "signs"}},
    {0},
};

static const pn_op_case not_cases[] = {
    {.name = "any numbers", .in = {"i32:seq=5 kv_seq=9"}, .fill = {"signs"}},
    {0},
};

const pn_op_def pn_op_logical_and = {
    .name = "logical_and",
    .doc = "1 where both are true",
    .in = {"a", "b"},
    .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,
    .expr = "a != 0 && b != 0",
    .infer = infer,
    .value = both,
    .ref = pn_ref_map,
    .cases = cases,
};

const pn_op_def pn_op_logical_not = {
    .name = "logical_not",
    .doc = "1 where it is false",
    .in = {"a"},
    .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,
    .expr = "a == 0",
    .infer = infer,
    .value = neither,
    .ref = pn_ref_map,
    .cases = not_cases,
};

const pn_op_def pn_op_logical_or = {
    .name = "logical_or",
    .doc = "1 where one of them is true",
    .in = {"a", "b"},
    .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,
    .expr = "a != 0 || b != 0",
    .infer = infer,
    .value = either,
    .ref = pn_ref_map,
    .cases = cases,
};
