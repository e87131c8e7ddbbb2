/* SPDX-License-Identifier: Apache-2.0 */
/* Trials of fused forms. Candidates are tried out on cases of their op alone; what is fused into
 * them makes another kernel, and compilers are wrong about some of those. So when a plan is made,
 * each form that this device was never seen to get right is run once, over noise, and compared with
 * its unfused subgraph by the ops' references: in the plan, so that nothing more is built. When one
 * is wrong, nothing is fused into its op on this device any more.
 *
 * Where other types than float32 are written, rounding between the ops is the kernel's to choose,
 * and what changes a variable cannot be tried: those forms are taken on trust.
 */
#include "plan/forms.h"

#include "array/dtypes.h"
#include "base/store.h"
#include "plan/trust.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_FLOPS 2e8 /* of a form's references: a tenth of a second, or two */

/* A value of the unfused subgraph, in C order. */
typedef struct value {
    void *plain;
    double bound; /* how far from it one that is right may be */
} value;

typedef struct trial {
    pn_plan *plan;
    pn_task *task;
    int64_t tokens; /* that are compared, of "seq" */
    pn_arena *arena;
    uint64_t noise;
    pencl_status filled; /* how writing the inputs went */
} trial;

/* ---- names ---- */

static bool has_steps(const pn_pw *pw, int more_than)
{
    return pw != NULL && pw->n_steps > more_than;
}

static bool is_state(const pn_ir *ir, const pn_operand *o)
{
    return o->temp < 0 || ir->temps[o->temp].place != PN_IN_ARENA ||
           o->view.spec.dtype != PENCL_F32;
}

/* Whether anything is fused in the task, and it can be tried. */
static bool is_form(const pn_ir *ir, const pn_task *t)
{
    const bool alone = pn_task_is_pointwise(t);
    bool fused = t->norm != NULL || t->n_parts > 1;
    if (t->chosen == NULL || t->chosen->forced_only || t->call->out.dtype != PENCL_F32) {
        return false;
    }
    for (int p = 0; p < t->n_parts; p++) {
        const bool written = p == 0 || !t->joint;
        if (written && is_state(ir, &t->out[p])) {
            return false;
        }
        fused = fused || has_steps(t->program[p], alone ? 1 : 0);
        for (int s = 0; has_steps(t->program[p], s); s++) {
            if (t->program[p]->step[s].call->out.dtype != PENCL_F32) {
                return false;
            }
        }
    }
    return fused;
}

/* "form/matmul_wide/HASH/8": what is fused, the types, where weights lie; a bound on the tokens. */
static void name_form(char out[PN_VERDICT_MAX], const pn_task *t)
{
    char anchor[PN_VERDICT_MAX];
    char label[256];
    char hash[33];
    pn_text text = {0};
    pn_trust_name(anchor, t, t->chosen);
    pn_task_label(t, label, sizeof label);
    pn_text_add(&text, "%s %s %d %d", anchor, label, t->n_parts, t->joint);
    for (int i = 0; i < t->n_in; i++) {
        pn_text_add(&text, " %d", (int)t->in[i].view.spec.dtype);
    }
    pn_hash_hex(hash, pn_text_get(&text), text.size);
    pn_text_free(&text);
    snprintf(out, PN_VERDICT_MAX, "form/%s/%s%s", t->chosen->name, hash, strrchr(anchor, '/'));
}

/* What nothing is fused into once a form of it was wrong. */
static const char *kind_of(const pn_task *t)
{
    return pn_task_is_pointwise(t)            ? "pointwise"
           : t->call->def->flags & PN_OP_NORM ? "norm"
                                              : t->call->def->name;
}

static void name_kind(char out[PN_VERDICT_MAX], const char *kind)
{
    snprintf(out, PN_VERDICT_MAX, "fused/%s", kind);
}

static bool is_wrong(pencl_device *device, const char *kind)
{
    char name[PN_VERDICT_MAX];
    char why[8];
    name_kind(name, kind);
    return pn_device_verdict(device, name, why, sizeof why) && why[0] != '\0';
}

void pn_forms_refuse(pn_ir *ir)
{
    ir->bare_matmuls = ir->by_library || is_wrong(ir->device, "matmul");
    ir->bare_norms = is_wrong(ir->device, "norm");
    ir->bare_pointwise = is_wrong(ir->device, "pointwise");
}

/* ---- host memory ---- */

static pn_spec narrow(const trial *t, const pn_spec *spec)
{
    pn_spec n = *spec;
    const int at = pn_spec_find(&n, PENCL_AXIS_SEQ);
    if (at >= 0 && n.axes[at].size > t->tokens) {
        n.axes[at].size = t->tokens;
    }
    return n;
}

static pn_op_call *narrow_call(const trial *t, const pn_op_call *call)
{
    pn_op_call *c = pn_arena_alloc(t->arena, 1, sizeof *c);
    if (c != NULL) {
        *c = *call;
        for (int i = 0; i < c->n_in; i++) {
            c->in[i] = narrow(t, &call->in[i]);
        }
        c->out = narrow(t, &call->out);
    }
    return c;
}

static pn_ref_operand plain_operand(const pn_spec *spec, void *plain)
{
    return (pn_ref_operand){.data = plain, .view = pn_view_contiguous(spec)};
}

/* What the device has there, of the tokens that are compared. */
static pencl_status load(pn_ref_operand *out, const trial *t, const pn_operand *o)
{
    const size_t bytes = o->store != NULL ? pn_spec_bytes(&o->store->spec) : pn_operand_span(o);
    unsigned char *at = pn_arena_alloc(t->arena, bytes + 1, 1);
    if (at == NULL) {
        return PN_NOMEM(t->plan->ctx);
    }
    pn_reference_describe(o, at, out);
    out->view.spec = narrow(t, &o->view.spec);
    if (o->store != NULL) {
        return pn_store_download(o->store, t->plan->ctx, at);
    }
    return bytes > 0 ? pn_buffer_read(o->buffer, o->base, at, bytes) : PENCL_OK;
}

/* From -1 to 1, xorshift64*. */
static float next_noise(trial *t)
{
    t->noise ^= t->noise >> 12;
    t->noise ^= t->noise << 25;
    t->noise ^= t->noise >> 27;
    return (float)((double)((t->noise * 0x2545F4914F6CDD1DULL) >> 11) * 0x1p-52 - 1.0);
}

/* Noise where a run would find temporaries and the step's inputs; whole numbers are 0. */
static void fill_input(void *user, pn_operand *o)
{
    trial *t = user;
    const size_t bytes = o->buffer != NULL ? pn_operand_span(o) : 0;
    if (o->temp < 0 || t->plan->ir->temps[o->temp].place == PN_IN_ARRAY || bytes == 0 ||
        t->filled != PENCL_OK) {
        return;
    }
    float *noise = pn_arena_alloc(t->arena, bytes / sizeof *noise + 1, sizeof *noise);
    if (noise == NULL) {
        t->filled = PN_NOMEM(t->plan->ctx);
        return;
    }
    for (size_t i = 0; o->view.spec.dtype == PENCL_F32 && i < bytes / sizeof *noise; i++) {
        noise[i] = next_noise(t);
    }
    t->filled = pn_buffer_write(o->buffer, o->base, noise, bytes);
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
                         const trial *t,
                         const pn_op_call *call,
                         const pn_ref_operand *in,
                         int a,
                         const value *v)
{
    pn_ref_operand moved[PN_MAX_IN];
    const int64_t n = pn_spec_count(&call->out);
    const int64_t n_in = pn_spec_count(&in[a].view.spec);
    float *x = pn_arena_alloc(t->arena, (size_t)n_in + 1, sizeof *x);
    float *y = pn_arena_alloc(t->arena, (size_t)n + 1, sizeof *y);
    if (x == NULL || y == NULL) {
        return PN_NOMEM(t->plan->ctx);
    }
    memcpy(moved, in, sizeof moved);
    for (int64_t i = 0; i < n_in; i++) {
        x[i] = (float)(((const float *)in[a].data)[i] + v[0].bound);
    }
    moved[a].data = x;
    const pn_ref_operand to = plain_operand(&call->out, y);
    call->def->ref(call, moved, &to);
    for (int64_t i = 0; i < n; i++) {
        const double apart = fabs((double)y[i] - (double)((const float *)v[1].plain)[i]);
        *out = isfinite(apart) ? fmax(*out, apart) : *out;
    }
    return PENCL_OK;
}

static pencl_status new_value(value *v, const trial *t, const pn_spec *spec)
{
    v->plain = pn_arena_alloc(t->arena, pn_spec_bytes(spec) + 1, 1);
    return v->plain == NULL ? PN_NOMEM(t->plan->ctx) : PENCL_OK;
}

/* The op of those inputs, and the bound of its own tolerance. */
static pencl_status
compute(value *out, const trial *t, const pn_op_call *call, const pn_ref_operand *in)
{
    const pn_tolerance *tol = &call->def->tol;
    PENCL_TRY(new_value(out, t, &call->out));
    const pn_ref_operand to = plain_operand(&call->out, out->plain);
    call->def->ref(call, in, &to);
    out->bound = tol->absolute + tol->relative * largest(out->plain, pn_spec_count(&call->out));
    return PENCL_OK;
}

/* One step of a program; what it takes from steps before brings their bounds along. */
static pencl_status
run_step(value *done, const trial *t, const pn_pw *pw, int s, const value *anchors)
{
    const pn_pw_step *step = &pw->step[s];
    const pn_op_call *call = narrow_call(t, step->call);
    const value *from[PN_MAX_IN] = {NULL};
    pn_ref_operand in[PN_MAX_IN];
    if (call == NULL) {
        return PN_NOMEM(t->plan->ctx);
    }
    for (int a = 0; a < step->n_args; a++) {
        const int arg = step->arg[a];
        if (arg >= 0) {
            PENCL_TRY(load(&in[a], t, &pw->in[arg]));
            continue;
        }
        from[a] =
            arg <= PN_PW_STEP(0) ? &done[PN_PW_STEP(0) - arg] : &anchors[PN_PW_VALUE(0) - arg];
        in[a] = plain_operand(&call->in[a], from[a]->plain);
    }
    PENCL_TRY(compute(&done[s], t, call, in));
    for (int a = 0; a < step->n_args; a++) {
        double more = 0;
        if (from[a] != NULL && from[a]->bound > 0) {
            const value pair[2] = {*from[a], done[s]};
            PENCL_TRY(gain(&more, t, call, in, a, pair));
            done[s].bound += more;
        }
    }
    return PENCL_OK;
}

/* The program's result; without steps that of the anchor. */
static pencl_status
run_program(value *out, const trial *t, const pn_pw *pw, const value *anchors, int part)
{
    value done[PN_PW_STEPS];
    *out = anchors[part];
    for (int s = 0; pw != NULL && s < pw->n_steps; s++) {
        PENCL_TRY(run_step(done, t, pw, s, anchors));
        *out = done[s];
    }
    return PENCL_OK;
}

/* What the anchor reads: its input, through the norm that it absorbed. */
static pencl_status run_norm(pn_ref_operand *x, double *relative, const trial *t)
{
    value normed;
    value result;
    const pn_task *task = t->task;
    PENCL_TRY(load(x, t, &task->in[0]));
    if (task->norm == NULL) {
        return PENCL_OK;
    }
    const pn_op_call *norm = narrow_call(t, task->norm);
    const pn_op_call *call = narrow_call(t, task->call);
    if (norm == NULL || call == NULL) {
        return PN_NOMEM(t->plan->ctx);
    }
    PENCL_TRY(compute(&normed, t, norm, x));
    PENCL_TRY(run_program(&result, t, task->norm_program, &normed, 0));
    *x = plain_operand(&call->in[0], result.plain);
    const double top = largest(result.plain, pn_spec_count(&call->in[0]));
    *relative = top > 0 ? result.bound / top : 0;
    return PENCL_OK;
}

/* The anchor's value of one part. A product is as much off as its input, for its size. */
static pencl_status
run_anchor(value *out, const trial *t, int part, const pn_ref_operand *x, double relative)
{
    const pn_task *task = t->task;
    pn_ref_operand in[PN_MAX_IN];
    pn_op_call *call = narrow_call(t, task->call);
    if (call == NULL) {
        return PN_NOMEM(t->plan->ctx);
    }
    in[0] = *x;
    for (int i = 1; i < call->n_in; i++) {
        PENCL_TRY(load(&in[i], t, &task->in[i + part]));
        call->in[i] = in[i].view.spec;
    }
    if (part > 0) {
        PENCL_TRY(call->def->infer(t->plan->ctx, call));
    }
    PENCL_TRY(compute(out, t, call, in));
    out->bound += relative * largest(out->plain, pn_spec_count(&call->out));
    return PENCL_OK;
}

static pencl_status run_unfused(value out[PN_MAX_PARTS], const trial *t)
{
    const pn_task *task = t->task;
    value anchors[PN_MAX_PARTS] = {{0}};
    if (!pn_task_is_pointwise(task)) {
        pn_ref_operand x;
        double relative = 0;
        PENCL_TRY(run_norm(&x, &relative, t));
        for (int p = 0; p < task->n_parts; p++) {
            PENCL_TRY(run_anchor(&anchors[p], t, p, &x, relative));
        }
    }
    for (int p = 0; p < (task->joint ? 1 : task->n_parts); p++) {
        PENCL_TRY(run_program(&out[p], t, task->program[p], anchors, p));
    }
    return PENCL_OK;
}

/* ---- comparing ---- */

static pencl_status compare(pn_text *fault, const trial *t, int part, const value *want)
{
    const pn_operand *o = &t->task->out[part];
    pn_ref_operand got;
    int64_t index[PENCL_MAX_AXES] = {0};
    const float *w = want->plain;
    PENCL_TRY(load(&got, t, o));
    const pn_spec *spec = &got.view.spec;
    for (bool more = pn_spec_count(spec) > 0; more; more = pn_next_index(spec, index), w++) {
        const double g = pn_ref_get(&got, index);
        if (!(fabs(g - (double)*w) <= want->bound) && g != (double)*w && !(isnan(g) && isnan(*w))) {
            char label[128];
            pn_task_label(t->task, label, sizeof label);
            pn_text_add(fault, "%s: %.9g, its parts give %.9g, %.2g apart at most", label, g,
                        (double)*w, want->bound);
            return PENCL_OK;
        }
    }
    return PENCL_OK;
}

static pencl_status run(pn_text *fault, trial *t, int number)
{
    enum { UNTOUCHED = 0xff }; /* as floats NaN */
    const pn_task *task = t->task;
    const int n_out = task->joint ? 1 : task->n_parts;
    value want[PN_MAX_PARTS];
    pn_task_inputs(t->task, fill_input, t);
    PENCL_TRY(t->filled);
    for (int p = 0; p < n_out; p++) {
        const pn_operand *o = &task->out[p];
        PENCL_TRY(pn_buffer_fill(o->buffer, o->base, pn_operand_span(o), UNTOUCHED));
    }
    PENCL_TRY(pn_emit_replay_task(&t->plan->emit, number));
    PENCL_TRY(run_unfused(want, t));
    for (int p = 0; p < n_out && fault->size == 0; p++) {
        PENCL_TRY(compare(fault, t, p, &want[p]));
    }
    return PENCL_OK;
}

/* The op is about "seq" itself: some of the tokens are another result. */
static bool is_about_tokens(const pn_op_call *c)
{
    for (int i = 0; c != NULL && i < c->n_names; i++) {
        if (strcmp(c->names[i], PENCL_AXIS_SEQ) == 0) {
            return true;
        }
    }
    return false;
}

static bool needs_all_tokens(const pn_task *t)
{
    bool needs = is_about_tokens(t->call) || is_about_tokens(t->norm);
    for (int p = -1; p < t->n_parts; p++) {
        const pn_pw *pw = p < 0 ? t->norm_program : t->program[p];
        for (int s = 0; has_steps(pw, s); s++) {
            needs = needs || is_about_tokens(pw->step[s].call);
        }
    }
    return needs;
}

/* As many tokens as take the references little time; 0: not even one does. */
static int64_t tokens_for(const pn_task *t)
{
    const pn_op_call *c = t->call;
    const int at = pn_spec_find(&c->out, PENCL_AXIS_SEQ);
    const double all = at >= 0 ? (double)c->out.axes[at].size : 1;
    const double flops = c->def->flops != NULL ? c->def->flops(c) * t->n_parts : 0;
    if (flops <= MOST_FLOPS) {
        return INT64_MAX;
    }
    return needs_all_tokens(t) ? 0 : (int64_t)(MOST_FLOPS / flops * all);
}

static pencl_status try_form(pn_text *fault, pn_plan *plan, int number)
{
    trial t = {.plan = plan,
               .task = plan->ir->tasks[number],
               .tokens = tokens_for(plan->ir->tasks[number]),
               .arena = pn_arena_new(),
               .noise = 0x9E3779B97F4A7C15ULL};
    if (t.arena == NULL) {
        return PN_NOMEM(plan->ctx);
    }
    pencl_status st = t.tokens > 0 ? run(fault, &t, number) : PENCL_OK;
    pn_arena_free(t.arena);
    return st;
}

/* The form and its kind are judged; the user is told once. */
static pencl_status refuse(pn_plan *plan, const pn_task *t, const char *name, const char *why)
{
    char kind[PN_VERDICT_MAX];
    const pencl_device_info *info = pencl_device_describe(plan->device);
    name_kind(kind, kind_of(t));
    pn_device_judge(plan->device, name, why);
    pn_device_judge(plan->device, kind, why);
    pn_log(plan->ctx, PENCL_LOG_WARN, "plan",
           "%s: the kernel %s with other ops fused into it is not used on %s (%s, driver %s): %s",
           kind_of(t), t->chosen->name, info->id, info->name, info->driver, why);
    plan->form_refused = true;
    return PN_FAIL(plan->ctx, PENCL_E_BUILD, "%s", why);
}

pencl_status pn_forms_try(pn_plan *plan)
{
    char name[PN_VERDICT_MAX];
    char why[8];
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        const pn_task *t = plan->ir->tasks[i];
        if (!is_form(plan->ir, t)) {
            continue;
        }
        name_form(name, t);
        if (pn_device_verdict(plan->device, name, why, sizeof why)) {
            continue;
        }
        pn_text fault = {0};
        pencl_status st = try_form(&fault, plan, i);
        if (st == PENCL_OK && fault.size > 0) {
            st = refuse(plan, t, name, pn_text_get(&fault));
        } else if (st == PENCL_OK) {
            pn_device_judge(plan->device, name, "");
        }
        pn_text_free(&fault);
        PENCL_TRY(st);
    }
    return PENCL_OK;
}
