/* SPDX-License-Identifier: Apache-2.0 */
/* What shape rules have in common. Messages name the op, the input and its shape. */
#include "op/op.h"

#include <stdio.h>
#include <string.h>

/* "rms_norm: x " before the rest of a message, and the input's shape after it. */
static pencl_status
fail(pencl_ctx *ctx, pencl_status status, const pn_op_call *c, int in, const char *problem)
{
    const char *name = c->def->in[in] != NULL ? c->def->in[in] : "?";
    pn_text shape = {0};
    pn_spec_print(&shape, &c->in[in]);
    status = PN_FAIL(ctx, status, "%s: %.*s %s: %s", c->def->name, (int)strcspn(name, "?"), name,
                     problem, pn_text_get(&shape));
    pn_text_free(&shape);
    return status;
}

pencl_status pn_need_axis(pencl_ctx *ctx, const pn_op_call *c, int in, const char *axis)
{
    if (pn_spec_find(&c->in[in], axis) >= 0) {
        return PENCL_OK;
    }
    char problem[PENCL_AXIS_NAME_MAX + 32];
    snprintf(problem, sizeof problem, "has no axis \"%s\"", axis);
    return fail(ctx, PENCL_E_AXIS, c, in, problem);
}

pencl_status pn_need_no_axis(pencl_ctx *ctx, const pn_op_call *c, int in, const char *axis)
{
    if (pn_spec_find(&c->in[in], axis) < 0) {
        return PENCL_OK;
    }
    char problem[PENCL_AXIS_NAME_MAX + 32];
    snprintf(problem, sizeof problem, "already has the axis \"%s\"", axis);
    return fail(ctx, PENCL_E_AXIS, c, in, problem);
}

pencl_status pn_need_float(pencl_ctx *ctx, const pn_op_call *c, int in)
{
    pencl_dtype dtype = c->in[in].dtype;
    if (dtype == PENCL_F32 || dtype == PENCL_F16 || dtype == PENCL_BF16) {
        return PENCL_OK;
    }
    return fail(ctx, PENCL_E_DTYPE, c, in, "must hold floating point numbers");
}

pencl_status pn_need_int(pencl_ctx *ctx, const pn_op_call *c, int in)
{
    if (c->in[in].dtype == PENCL_I32) {
        return PENCL_OK;
    }
    return fail(ctx, PENCL_E_DTYPE, c, in, "must hold integers");
}

pencl_status pn_need_size(pencl_ctx *ctx, const pn_op_call *c, int in, const char *axis, int64_t n)
{
    PENCL_TRY(pn_need_axis(ctx, c, in, axis));
    if (pn_spec_size(&c->in[in], axis) == n) {
        return PENCL_OK;
    }
    char problem[PENCL_AXIS_NAME_MAX + 64];
    snprintf(problem, sizeof problem, "must have size %lld along \"%s\"", (long long)n, axis);
    return fail(ctx, PENCL_E_SHAPE, c, in, problem);
}

pencl_status pn_need_within(pencl_ctx *ctx, const pn_op_call *c, int in, const pn_spec *all)
{
    for (int i = 0; i < c->in[in].n_axes; i++) {
        const pencl_axis *axis = &c->in[in].axes[i];
        char problem[PENCL_AXIS_NAME_MAX + 64];
        if (pn_spec_find(all, axis->name) < 0) {
            snprintf(problem, sizeof problem, "has the axis \"%s\" of no other input", axis->name);
            return fail(ctx, PENCL_E_AXIS, c, in, problem);
        }
        PENCL_TRY(pn_need_size(ctx, c, in, axis->name, pn_spec_size(all, axis->name)));
    }
    return PENCL_OK;
}

pencl_status pn_infer_union(pencl_ctx *ctx, pn_op_call *c)
{
    const pn_spec *specs[PN_MAX_IN];
    for (int i = 0; i < c->n_in; i++) {
        PENCL_TRY(pn_need_float(ctx, c, i));
        specs[i] = &c->in[i];
    }
    return pn_spec_union(&c->out, ctx, specs, c->n_in);
}

pencl_status pn_infer_like_first(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_need_float(ctx, c, 0));
    c->out = c->in[0];
    return PENCL_OK;
}
