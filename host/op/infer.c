/* SPDX-License-Identifier: Apache-2.0 */
/* What shape rules have in common. Messages name the op, the input and its shape. */
#include "op/op.h"

#include <stdio.h>
#include <string.h>

pn_specs pn_call_specs(const pn_op_call *c, const pn_spec *specs[PN_MAX_IN])
{
    for (int i = 0; i < c->n_in; i++) {
        specs[i] = &c->in[i];
    }
    return (pn_specs){.what = c->def->name, .specs = specs, .names = c->def->in, .n = c->n_in};
}

/* "rms_norm: x " before the rest of a message, and the shapes after it. */
static pencl_status
fail(pencl_ctx *ctx, pencl_status status, const pn_op_call *c, int in, const char *problem)
{
    const pn_spec *specs[PN_MAX_IN];
    pn_specs all = pn_call_specs(c, specs);
    const char *name = c->def->in[in];
    char text[2 * PENCL_AXIS_NAME_MAX + 128];
    snprintf(text, sizeof text, "%.*s %s", (int)strcspn(name, "?"), name, problem);
    return pn_specs_fail(ctx, status, &all, text);
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

pencl_status pn_need_valid_out(pencl_ctx *ctx, const pn_op_call *c)
{
    pn_spec shown = c->out;
    pn_spec_unhide(&shown);
    return pn_spec_check(ctx, &shown, c->def->name);
}

/* ---- element types ---- */

static bool is_float(pencl_dtype dtype)
{
    return dtype == PENCL_F32 || dtype == PENCL_F16 || dtype == PENCL_BF16;
}

pencl_dtype pn_promote(pencl_dtype a, pencl_dtype b)
{
    if (a == b && (is_float(a) || a == PENCL_I32)) {
        return a;
    }
    if (a == PENCL_I32 || b == PENCL_I32) {
        pencl_dtype other = a == PENCL_I32 ? b : a;
        return is_float(other) ? other : PENCL_F32;
    }
    return PENCL_F32;
}

pencl_status pn_need_common(pencl_ctx *ctx, const pn_op_call *c, int first, pencl_dtype *out)
{
    *out = c->in[first].dtype;
    for (int i = first; i < c->n_in; i++) {
        if (c->in[i].dtype != PENCL_I32) {
            PENCL_TRY(pn_need_float(ctx, c, i));
        }
        if ((c->in[i].dtype == PENCL_I32) != (c->in[first].dtype == PENCL_I32)) {
            return fail(ctx, PENCL_E_DTYPE, c, i,
                        "is not of a type with the others: one must be cast");
        }
        *out = pn_promote(*out, c->in[i].dtype);
    }
    return PENCL_OK;
}

/* ---- whole rules ---- */

pencl_status pn_infer_union(pencl_ctx *ctx, pn_op_call *c)
{
    const pn_spec *specs[PN_MAX_IN];
    pn_specs all = pn_call_specs(c, specs);
    pencl_dtype dtype = PENCL_F32;
    PENCL_TRY(pn_need_common(ctx, c, 0, &dtype));
    PENCL_TRY(pn_specs_union(&c->out, ctx, &all));
    c->out.dtype = dtype;
    return PENCL_OK;
}

pencl_status pn_infer_like_first(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_need_float(ctx, c, 0));
    c->out = c->in[0];
    return PENCL_OK;
}

pencl_status pn_infer_like_number(pencl_ctx *ctx, pn_op_call *c)
{
    if (c->in[0].dtype == PENCL_I32) {
        c->out = c->in[0];
        return PENCL_OK;
    }
    return pn_infer_like_first(ctx, c);
}
