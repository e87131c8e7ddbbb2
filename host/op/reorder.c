/* SPDX-License-Identifier: Apache-2.0 */
/* reorder: a copy whose axes lie in memory in the order of the given names. */
#include "op/op.h"

static double f(const double *x, const double *num)
{
    (void)num;
    return x[0];
}

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    const pn_spec *x = &c->in[0];
    if (c->n_names != x->n_axes) {
        return PN_FAIL(ctx, PENCL_E_AXIS, "reorder: %d names for %d axes", c->n_names, x->n_axes);
    }
    c->out = (pn_spec){.dtype = x->dtype};
    for (int i = 0; i < c->n_names; i++) {
        PENCL_TRY(pn_need_axis(ctx, c, 0, c->names[i]));
        pn_spec_push(&c->out, c->names[i], pn_spec_size(x, c->names[i]));
    }
    return pn_need_valid_out(ctx, c); /* a name given twice */
}

static const pn_op_case cases[] = {
    {.name = "same order", .in = {"seq=3 embedding=32"}, .names = "seq embedding"},
    {.name = "transposed", .in = {"seq=5 embedding=33"}, .names = "embedding seq"},
    {.name = "middle out", .in = {"seq=4 heads=3 projection=8"}, .names = "heads seq projection"},
    {.name = "half", .in = {"f16:seq=5 embedding=16"}, .names = "embedding seq"},
    {.name = "integers", .in = {"i32:seq=5 batch=2"}, .names = "batch seq", .fill = {"ids:99"}},
    {0},
};

const pn_op_def pn_op_reorder = {
    .name = "reorder",
    .doc = "a copy in the order of the given axes",
    .in = {"x"},
    .flags = PN_OP_POINTWISE | PN_OP_ROWWISE,
    .expr = "a",
    .infer = infer,
    .value = f,
    .ref = pn_ref_map,
    .cases = cases,
};
