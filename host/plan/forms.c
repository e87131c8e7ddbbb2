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

#include "base/store.h"
#include "plan/trust.h"
#include "plan/unfused.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_FLOPS 2e8 /* of a form's references: a tenth of a second, or two */

typedef struct trial {
    pn_unfused unfused;
    uint64_t noise;
    pencl_status filled; /* how writing the inputs went */
} trial;

/* ---- names ---- */

static bool has_steps(const pn_pw *pw, int more_than)
{
    return pw != NULL && pw->n_steps > more_than;
}

static bool is_float_temp(const pn_ir *ir, const pn_operand *o)
{
    return o->temp >= 0 && ir->temps[o->temp].place == PN_IN_ARENA &&
           o->view.spec.dtype == PENCL_F32;
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
        if (written && !is_float_temp(ir, &t->out[p])) {
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

/* ---- trying ---- */

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
    if (o->temp < 0 || t->unfused.plan->ir->temps[o->temp].place == PN_IN_ARRAY || bytes == 0 ||
        t->filled != PENCL_OK) {
        return;
    }
    float *noise = pn_arena_alloc(t->unfused.arena, bytes / sizeof *noise + 1, sizeof *noise);
    if (noise == NULL) {
        t->filled = PN_NOMEM(t->unfused.plan->ctx);
        return;
    }
    for (size_t i = 0; o->view.spec.dtype == PENCL_F32 && i < bytes / sizeof *noise; i++) {
        noise[i] = next_noise(t);
    }
    t->filled = pn_buffer_write(o->buffer, o->base, noise, bytes);
}

static pencl_status compare(pn_text *fault, const trial *t, int part, const pn_unfused_value *want)
{
    const pn_operand *o = &t->unfused.task->out[part];
    pn_ref_operand got;
    int64_t index[PENCL_MAX_AXES] = {0};
    const float *w = want->plain;
    PENCL_TRY(pn_unfused_load(&got, &t->unfused, o));
    const pn_spec *spec = &got.view.spec;
    for (bool more = pn_spec_count(spec) > 0; more; more = pn_next_index(spec, index), w++) {
        const double g = pn_ref_get(&got, index);
        if (!(fabs(g - (double)*w) <= want->bound) && g != (double)*w && !(isnan(g) && isnan(*w))) {
            char label[128];
            pn_task_label(t->unfused.task, label, sizeof label);
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
    const pn_task *task = t->unfused.task;
    const int n_out = task->joint ? 1 : task->n_parts;
    pn_unfused_value want[PN_MAX_PARTS];
    for (int p = 0; p < n_out; p++) {
        const pn_operand *o = &task->out[p];
        PENCL_TRY(pn_buffer_fill(o->buffer, o->base, pn_operand_span(o), UNTOUCHED));
    }
    PENCL_TRY(pn_emit_replay_task(&t->unfused.plan->emit, number));
    PENCL_TRY(pn_unfused_run(want, &t->unfused));
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

/* As many tokens as take the references little time, but one; 0: they would have to be all. */
static int64_t tokens_for(const pn_task *t)
{
    const pn_op_call *c = t->call;
    const int at = pn_spec_find(&c->out, PENCL_AXIS_SEQ);
    const double all = at >= 0 ? (double)c->out.axes[at].size : 1;
    const double flops = c->def->flops != NULL ? c->def->flops(c) * t->n_parts : 0;
    if (flops <= MOST_FLOPS) {
        return INT64_MAX;
    }
    const double some = MOST_FLOPS / flops * all;
    return needs_all_tokens(t) ? 0 : some > 1 ? (int64_t)some : 1;
}

static pencl_status try_form(pn_text *fault, pn_plan *plan, int number)
{
    pn_task *task = plan->ir->tasks[number];
    trial t = {.unfused = {.plan = plan, .task = task, .tokens = tokens_for(task)},
               .noise = 0x9E3779B97F4A7C15ULL};
    t.unfused.arena = pn_arena_new();
    if (t.unfused.arena == NULL) {
        return PN_NOMEM(plan->ctx);
    }
    pn_task_inputs(task, fill_input, &t);
    pencl_status st = t.filled == PENCL_OK ? run(fault, &t, number) : t.filled;
    pn_arena_free(t.unfused.arena);
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
        if (!is_form(plan->ir, t) || tokens_for(t) == 0) {
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
