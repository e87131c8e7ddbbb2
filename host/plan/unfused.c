/* SPDX-License-Identifier: Apache-2.0 */
/* A fused task as the ops it was made of, by their references, in host memory. Every op's tolerance
 * counts, and what it does to the values after it. */
#include "plan/unfused.h"

#include <math.h>
#include <string.h>

/* ---- host memory ---- */

static pn_spec narrow(const pn_unfused *u, const pn_spec *spec)
{
    pn_spec n = *spec;
    const int at = pn_spec_find(&n, PENCL_AXIS_SEQ);
    if (at >= 0 && n.axes[at].size > u->tokens) {
        n.axes[at].size = u->tokens;
    }
    return n;
}

static pn_op_call *narrow_call(const pn_unfused *u, const pn_op_call *call)
{
    pn_op_call *c = pn_arena_alloc(u->arena, 1, sizeof *c);
    if (c != NULL) {
        *c = *call;
        for (int i = 0; i < c->n_in; i++) {
            c->in[i] = narrow(u, &call->in[i]);
        }
        c->out = narrow(u, &call->out);
    }
    return c;
}

static pn_ref_operand plain_operand(const pn_spec *spec, void *plain)
{
    return (pn_ref_operand){.data = plain, .view = pn_view_contiguous(spec)};
}

/* What the device has there, of the tokens that are compared. */
pencl_status pn_unfused_load(pn_ref_operand *out, const pn_unfused *u, const pn_operand *o)
{
    const size_t bytes = o->store != NULL ? pn_spec_bytes(&o->store->spec) : pn_operand_span(o);
    unsigned char *at = pn_arena_alloc(u->arena, bytes + 1, 1);
    if (at == NULL) {
        return PN_NOMEM(u->plan->ctx);
    }
    pn_reference_describe(o, at, out);
    out->view.spec = narrow(u, &o->view.spec);
    if (o->store != NULL) {
        return pn_store_download(o->store, u->plan->ctx, at);
    }
    return bytes > 0 ? pn_buffer_read(o->buffer, o->base, at, bytes) : PENCL_OK;
}

/* ---- the unfused subgraph ---- */

static double largest(const float *x, int64_t n)
{
    double top = 0;
    for (int64_t i = 0; i < n; i++) {
        top = isfinite(x[i]) ? fmax(top, fabs((double)x[i])) : top;
    }
    return top;
}

/* By how much the op's result changes when input `a` is `bound` larger. */
static pencl_status gain(double *out,
                         const pn_unfused *u,
                         const pn_op_call *call,
                         const pn_ref_operand *in,
                         int a,
                         const pn_unfused_value *input,
                         const pn_unfused_value *result)
{
    pn_ref_operand moved[PN_MAX_IN];
    const int64_t n = pn_spec_count(&call->out);
    const int64_t n_in = pn_spec_count(&in[a].view.spec);
    float *x = pn_arena_alloc(u->arena, (size_t)n_in + 1, sizeof *x);
    float *y = pn_arena_alloc(u->arena, (size_t)n + 1, sizeof *y);
    if (x == NULL || y == NULL) {
        return PN_NOMEM(u->plan->ctx);
    }
    memcpy(moved, in, sizeof moved);
    for (int64_t i = 0; i < n_in; i++) {
        x[i] = (float)(((const float *)in[a].data)[i] + input->bound);
    }
    moved[a].data = x;
    const pn_ref_operand to = plain_operand(&call->out, y);
    call->def->ref(call, moved, &to);
    for (int64_t i = 0; i < n; i++) {
        const double apart = fabs((double)y[i] - (double)((const float *)result->plain)[i]);
        *out = isfinite(apart) ? fmax(*out, apart) : *out;
    }
    return PENCL_OK;
}

/* The op of those inputs, and the bound of its own tolerance. */
static pencl_status compute(pn_unfused_value *out,
                            const pn_unfused *u,
                            const pn_op_call *call,
                            const pn_ref_operand *in)
{
    const pn_tolerance *tol = &call->def->tol;
    out->plain = pn_arena_alloc(u->arena, pn_spec_bytes(&call->out) + 1, 1);
    if (out->plain == NULL) {
        return PN_NOMEM(u->plan->ctx);
    }
    const pn_ref_operand to = plain_operand(&call->out, out->plain);
    call->def->ref(call, in, &to);
    out->n = pn_spec_count(&call->out);
    out->bound = tol->absolute + tol->relative * largest(out->plain, out->n);
    return PENCL_OK;
}

/* A value as an op reads it: a number may stand for as many as the op wants. */
static pencl_status
read_value(pn_ref_operand *out, const pn_unfused *u, const pn_spec *spec, const pn_unfused_value *v)
{
    const int64_t n = pn_spec_count(spec);
    float *all = v->plain;
    if (v->n == 1 && n > 1) {
        all = pn_arena_alloc(u->arena, (size_t)n, sizeof *all);
        for (int64_t i = 0; all != NULL && i < n; i++) {
            all[i] = *(const float *)v->plain;
        }
    }
    *out = plain_operand(spec, all);
    return all != NULL ? PENCL_OK : PN_NOMEM(u->plan->ctx);
}

/* One step of a program; what it takes from steps before brings their bounds along. */
static pencl_status run_step(pn_unfused_value *done,
                             const pn_unfused *u,
                             const pn_pw *pw,
                             int s,
                             const pn_unfused_value *anchors)
{
    const pn_pw_step *step = &pw->step[s];
    const pn_op_call *call = narrow_call(u, step->call);
    const pn_unfused_value *from[PN_MAX_IN] = {NULL};
    pn_ref_operand in[PN_MAX_IN];
    if (call == NULL) {
        return PN_NOMEM(u->plan->ctx);
    }
    for (int a = 0; a < step->n_args; a++) {
        const int arg = step->arg[a];
        if (arg >= 0) {
            PENCL_TRY(pn_unfused_load(&in[a], u, &pw->in[arg]));
            continue;
        }
        from[a] =
            arg <= PN_PW_STEP(0) ? &done[PN_PW_STEP(0) - arg] : &anchors[PN_PW_VALUE(0) - arg];
        PENCL_TRY(read_value(&in[a], u, &call->in[a], from[a]));
    }
    PENCL_TRY(compute(&done[s], u, call, in));
    for (int a = 0; a < step->n_args; a++) {
        double more = 0;
        if (from[a] != NULL && from[a]->bound > 0) {
            PENCL_TRY(gain(&more, u, call, in, a, from[a], &done[s]));
            done[s].bound += more;
        }
    }
    return PENCL_OK;
}

/* The program's result; without steps that of the anchor. */
static pencl_status run_program(pn_unfused_value *out,
                                const pn_unfused *u,
                                const pn_pw *pw,
                                const pn_unfused_value *anchors,
                                int part)
{
    pn_unfused_value done[PN_PW_STEPS];
    *out = anchors[part];
    for (int s = 0; pw != NULL && s < pw->n_steps; s++) {
        PENCL_TRY(run_step(done, u, pw, s, anchors));
        *out = done[s];
    }
    return PENCL_OK;
}

/* What the anchor reads: its input, through the norm that it absorbed. */
static pencl_status run_norm(pn_ref_operand *x, double *relative, const pn_unfused *u)
{
    pn_unfused_value normed;
    pn_unfused_value result;
    const pn_task *task = u->task;
    PENCL_TRY(pn_unfused_load(x, u, &task->in[0]));
    if (task->norm == NULL) {
        return PENCL_OK;
    }
    const pn_op_call *norm = narrow_call(u, task->norm);
    const pn_op_call *call = narrow_call(u, task->call);
    if (norm == NULL || call == NULL) {
        return PN_NOMEM(u->plan->ctx);
    }
    PENCL_TRY(compute(&normed, u, norm, x));
    PENCL_TRY(run_program(&result, u, task->norm_program, &normed, 0));
    *x = plain_operand(&call->in[0], result.plain);
    const double top = largest(result.plain, pn_spec_count(&call->in[0]));
    *relative = top > 0 ? result.bound / top : 0;
    return PENCL_OK;
}

/* The anchor's value of one part. A product is as much off as its input, for its size. */
static pencl_status run_anchor(
    pn_unfused_value *out, const pn_unfused *u, int part, const pn_ref_operand *x, double relative)
{
    const pn_task *task = u->task;
    pn_ref_operand in[PN_MAX_IN];
    pn_op_call *call = narrow_call(u, task->call);
    if (call == NULL) {
        return PN_NOMEM(u->plan->ctx);
    }
    in[0] = *x;
    for (int i = 1; i < call->n_in; i++) {
        PENCL_TRY(pn_unfused_load(&in[i], u, &task->in[i + part]));
        call->in[i] = in[i].view.spec;
    }
    if (part > 0) {
        PENCL_TRY(call->def->infer(u->plan->ctx, call));
    }
    PENCL_TRY(compute(out, u, call, in));
    out->bound += relative * largest(out->plain, pn_spec_count(&call->out));
    return PENCL_OK;
}

pencl_status pn_unfused_run(pn_unfused_value out[PN_MAX_PARTS], const pn_unfused *u)
{
    const pn_task *task = u->task;
    pn_unfused_value anchors[PN_MAX_PARTS] = {{0}};
    if (!pn_task_is_pointwise(task)) {
        pn_ref_operand x;
        double relative = 0;
        PENCL_TRY(run_norm(&x, &relative, u));
        for (int p = 0; p < task->n_parts; p++) {
            PENCL_TRY(run_anchor(&anchors[p], u, p, &x, relative));
        }
    }
    for (int p = 0; p < (task->joint ? 1 : task->n_parts); p++) {
        PENCL_TRY(run_program(&out[p], u, task->program[p], anchors, p));
    }
    return PENCL_OK;
}
