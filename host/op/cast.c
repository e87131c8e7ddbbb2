/* SPDX-License-Identifier: Apache-2.0 */
/* cast: the same numbers as another element type; storing them does the rounding. To int32 it goes
 * towards zero and saturates; NaN gives 0. */
#include "array/dtypes.h"
#include "op/op.h"

static double f(const double *x, const double *num)
{
    (void)num;
    return x[0];
}

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    pencl_dtype to = (pencl_dtype)c->num[0];
    const pn_dtype *dtype = pn_dtype_of(to);
    if (dtype == NULL || dtype->quantised) {
        return PN_FAIL(ctx, PENCL_E_DTYPE, "cast: cannot make %s of computed numbers",
                       dtype != NULL ? dtype->name : "an unknown type");
    }
    PENCL_TRY(pn_infer_like_number(ctx, c));
    c->out.dtype = to;
    return PENCL_OK;
}

static const pn_op_case cases[] = {
    {.name = "same type", .in = {"seq=3 embedding=40"}, .num = {PENCL_F32}},
    {.name = "to half", .in = {"seq=3 embedding=40"}, .num = {PENCL_F16}},
    {.name = "to bf16", .in = {"seq=3 embedding=40"}, .num = {PENCL_BF16}},
    {.name = "from half", .in = {"f16:seq=3 embedding=7"}, .num = {PENCL_F32}},
    {.name = "from bf16", .in = {"bf16:seq=3 embedding=7"}, .num = {PENCL_F32}},
    {.name = "to integers", .in = {"seq=3 embedding=40"}, .num = {PENCL_I32}, .fill = {"large"}},
    {.name = "inf and nan to integers", .in = {"seq=35"}, .num = {PENCL_I32}, .fill = {"odd"}},
    {.name = "huge to integers", .in = {"seq=35"}, .num = {PENCL_I32}, .fill = {"huge"}},
    {.name = "from integers", .in = {"i32:seq=35"}, .num = {PENCL_F32}, .fill = {"bits"}},
    {.name = "integers to half", .in = {"i32:seq=35"}, .num = {PENCL_F16}, .fill = {"beyond"}},
    {0},
};

const pn_op_def pn_op_cast = {
    .name = "cast",
    .doc = "the same numbers as another element type",
    .in = {"x"},
    .num = {"dtype"},
    .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,
    .expr = "a",
    .int_expr = "a != a ? 0 : convert_int_sat(a)", /* drivers differ on NaN */
    .infer = infer,
    .value = f,
    .ref = pn_ref_map,
    .cases = cases,
    .tol = {.relative = 1e-7},
};
