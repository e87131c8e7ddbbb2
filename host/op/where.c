/* SPDX-License-Identifier: Apache-2.0 */
/* where: a where the condition (int32) is not 0, else b, over the union of their axes. */
#include "op/op.h"

enum { CONDITION, A, B };

static double f(const double *x, const double *num)
{
    (void)num;
    return x[CONDITION] != 0 ? x[A] : x[B];
}

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    const pn_spec *specs[PN_MAX_IN];
    pn_specs all = pn_call_specs(c, specs);
    pencl_dtype dtype = PENCL_F32;
    PENCL_TRY(pn_need_int(ctx, c, CONDITION));
    PENCL_TRY(pn_need_common(ctx, c, A, &dtype));
    PENCL_TRY(pn_specs_union(&c->out, ctx, &all));
    c->out.dtype = dtype;
    return PENCL_OK;
}

static const pn_op_case cases[] = {
    {.name = "mask of scores",
     .in = {"i32:seq=5 kv_seq=33", "seq=5 heads=2 kv_seq=33", ""},
     .fill = {"ids:2"}},
    {.name = "other orders",
     .in = {"i32:kv_seq=9 seq=5", "seq=5 kv_seq=9", "kv_seq=9"},
     .fill = {"signs"}},
    {.name = "outer", .in = {"i32:seq=3", "heads=4", "kv_seq=5"}, .fill = {"ids:2"}},
    {.name = "inf and nan",
     .in = {"i32:seq=35", "seq=35", "seq=35"},
     .fill = {"ids:2", "odd", "odd"}},
    {.name = "half and bf16", .in = {"i32:seq=9", "f16:seq=9", "bf16:seq=9"}, .fill = {"ids:2"}},
    {.name = "integers",
     .in = {"i32:seq=33", "i32:seq=33", "i32:"},
     .fill = {"ids:2", "bits", "bits"}},
    {0},
};

const pn_op_def pn_op_where = {
    .name = "where",
    .doc = "a where the condition is not 0, else b",
    .in = {"condition", "a", "b"},
    .flags = PN_OP_POINTWISE | PN_OP_SCALAR | PN_OP_ROWWISE,
    .expr = "a != 0 ? b : c",
    .infer = infer,
    .value = f,
    .ref = pn_ref_map,
    .cases = cases,
};
