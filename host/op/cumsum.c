/* SPDX-License-Identifier: Apache-2.0 */
/* cumsum: the sum of the elements up to and with each one, along an axis. int32 wraps around. */
#include "op/rows.h"

#include <stdio.h>

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_need_axis(ctx, c, 0, c->names[0]));
    return pn_infer_like_number(ctx, c);
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    bool integers = c->out.dtype == PENCL_I32;
    int64_t index[PENCL_MAX_AXES] = {0};
    for (bool more = pn_spec_count(&c->in[0]) > 0; more; more = pn_next_row(c, index)) {
        double sum = 0;
        int64_t whole = 0;
        for (bool more_cols = true; more_cols; more_cols = pn_next_col(c, index)) {
            double x = pn_ref_get(in, index);
            if (integers) {
                whole += (int64_t)x;
                pn_ref_set_int(out, index, whole);
            } else {
                sum += x;
                pn_ref_set(out, index, sum);
            }
        }
    }
}

static bool fits(const pn_task *t, const pn_caps *caps)
{
    return t->program[0] == NULL && pn_rows_fit(t, caps);
}

static bool fits_one(const pn_task *t, const pn_caps *caps)
{
    return t->program[0] == NULL && pn_rows_fit_one(t, caps);
}

static pencl_status emit(pn_emit *e, const pn_task *t, const char *name, pn_group group)
{
    const char *integers = "#define INTEGERS 1\n";
    const char *defines = t->call->out.dtype == PENCL_I32 ? integers : NULL;
    return pn_emit_rows(e, t, &(pn_row_kernel){"cumsum", name, defines, group});
}

static pencl_status emit_row(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "cumsum_row", PN_GROUP_ALONE);
}

static pencl_status emit_lanes(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "cumsum_lanes", PN_GROUP_TREE);
}

static const pn_candidate kernels[] = {
    {.name = "cumsum_lanes", .family = PN_SIMT, .fits = fits, .emit = emit_lanes},
    {.name = "cumsum_row", .family = PN_ANY, .fits = fits_one, .emit = emit_row},
    {0},
};

static const pn_op_case cases[] = {
    {.name = "positions", .in = {"i32:batch=3 seq=40"}, .names = "seq", .fill = {"ids:2"}},
    {.name = "long", .in = {"i32:batch=2 seq=4097"}, .names = "seq", .fill = {"bits"}},
    {.name = "strided", .in = {"i32:seq=65 batch=3"}, .names = "seq", .fill = {"bits"}},
    {.name = "noise", .in = {"batch=2 seq=33 heads=2"}, .names = "seq"},
    {.name = "one element", .in = {"seq=5 heads=1"}, .names = "heads"},
    {.name = "zero", .in = {"seq=5 heads=7"}, .names = "heads", .fill = {"zero"}},
    {.name = "half", .in = {"f16:seq=20 heads=3"}, .names = "seq", .fill = {"ties"}},
    {.name = "bf16", .in = {"bf16:seq=20 heads=3"}, .names = "seq", .fill = {"ties"}},
    {.name = "large", .in = {"seq=2 embedding=80"}, .names = "embedding", .fill = {"large"}},
    {0},
};

const pn_op_def pn_op_cumsum = {
    .name = "cumsum",
    .doc = "sums of the elements up to each one along an axis",
    .in = {"x"},
    .infer = infer,
    .ref = ref,
    .kernels = kernels,
    .cases = cases,
    .tol = {.absolute = 1e-6, .relative = 1e-6},
};
