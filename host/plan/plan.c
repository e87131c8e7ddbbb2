/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling a graph into a plan, and running it. */
#include "base/os.h"
#include "plan/chains.h"
#include "plan/forms.h"
#include "plan/trust.h"

#include <inttypes.h>
#include <string.h>

enum { LONG_NS = 100000000 }; /* what a launch may last */

/* ---- pools ---- */

pencl_status pn_pool_new(pn_pool **out, pencl_device *device)
{
    pn_pool *pool = pn_calloc(1, sizeof *pool);
    if (pool == NULL) {
        return PN_NOMEM(pn_device_ctx(device));
    }
    pool->device = device;
    *out = pool;
    return PENCL_OK;
}

void pn_pool_free(pn_pool *pool)
{
    if (pool != NULL) {
        pn_buffer_free(pool->buffer);
        pn_buffer_free(pool->scratch);
        pn_free(pool);
    }
}

size_t pn_pool_bytes(const pn_pool *pool)
{
    return (pool->buffer != NULL ? pn_buffer_bytes(pool->buffer) : 0) +
           (pool->scratch != NULL ? pn_buffer_bytes(pool->scratch) : 0);
}

/* ---- compiling ---- */

/* Captured values come after the outputs, so that they can be read the same way. */
static pencl_status add_captures(pn_ir *ir)
{
    int n = ir->n_outs;
    for (int i = 0; i < ir->n_temps; i++) {
        n += ir->temps[i].keep && ir->temps[i].name != NULL;
    }
    pn_operand *outs = pn_realloc(ir->outs, (size_t)n + 1, sizeof *outs);
    if (outs == NULL) {
        return PN_NOMEM(ir->ctx);
    }
    ir->outs = outs;
    for (int i = 0; i < ir->n_temps; i++) {
        const pn_temp *t = &ir->temps[i];
        if (t->keep && t->name != NULL && t->place == PN_IN_ARENA) {
            ir->outs[ir->n_outs++] =
                (pn_operand){.view = pn_view_contiguous(&t->spec), .temp = i, .slot = -1};
        }
    }
    return PENCL_OK;
}

static pencl_status record(pn_plan *plan)
{
    plan->emit.ctx = plan->ctx;
    plan->emit.device = plan->device;
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        const pn_task *t = plan->ir->tasks[i];
        plan->emit.task = i;
        if (t->chosen != NULL) {
            PENCL_TRY(t->chosen->emit(&plan->emit, t));
        } else if (!plan->is_ref && t->call->def->flags & PN_OP_HOST &&
                   !pn_task_is_early(plan->ir, t)) {
            PENCL_TRY(pn_reference_emit(plan, t));
        }
    }
    return plan->emit.failed ? PN_NOMEM(plan->ctx) : PENCL_OK;
}

/* E_BUILD when a launch would be refused: better known now, when another kernel can be taken. */
static pencl_status check_launches(pn_plan *plan)
{
    for (size_t i = 0; i < plan->emit.n_launches; i++) {
        const pn_launch *l = &plan->emit.launches[i];
        plan->emit.task = l->task;
        if (l->kernel != NULL) {
            PENCL_TRY(pn_kernel_check(l->kernel, l->dims, l->local));
        }
    }
    return PENCL_OK;
}

static pencl_status compile(pn_plan *plan,
                            pencl_graph *graph,
                            pencl_value *const outs[],
                            int n_outs,
                            const pn_plan_options *options)
{
    const char *passes = options->passes != NULL ? options->passes : pn_get_env("PENCL_PASSES");
    const char *check = pn_get_env("PENCL_CHECK");
    plan->checked = check != NULL && strcmp(check, "1") == 0 && !plan->is_ref;
    passes = plan->checked ? "none" : passes;
    PENCL_TRY(pn_lower(&plan->ir, graph, outs, n_outs));
    PENCL_TRY(pn_plan_take_variables(plan, graph));
    plan->ir->by_library = options->matmul != NULL && strcmp(options->matmul, "clblast") == 0;
    pn_forms_refuse(plan->ir);
    PENCL_TRY(pn_passes_run(plan->ir, plan->is_ref ? "drop_unused,merge_equal" : passes));
    PENCL_TRY(add_captures(plan->ir));
    PENCL_TRY(pn_plan_choose(plan, options));
    PENCL_TRY(pn_plan_place(plan));
    if (options->pool != NULL) {
        plan->pool = options->pool;
    } else {
        PENCL_TRY(pn_pool_new(&plan->pool, plan->device));
        plan->own_pool = true;
    }
    PENCL_TRY(pn_plan_resolve(plan));
    if (pn_device_rehearses(plan->device)) {
        return PENCL_OK; /* it will not run */
    }
    PENCL_TRY(record(plan));
    PENCL_TRY(check_launches(plan));
    const bool forced = options->trial || options->kernel != NULL || plan->checked;
    plan->chains = plan->ir->chained && !forced ? PN_CHAINS_LATER : PN_CHAINS_NEVER;
    return forced || plan->is_ref ? PENCL_OK : pn_forms_try(plan);
}

static pencl_status make(pn_plan **out,
                         pencl_graph *graph,
                         pencl_value *const outs[],
                         int n_outs,
                         const pn_plan_options *options)
{
    pn_plan *plan = pn_calloc(1, sizeof *plan);
    if (plan == NULL) {
        return PN_NOMEM(graph->ctx);
    }
    plan->ctx = graph->ctx;
    plan->device = graph->device;
    plan->is_ref = pn_device_caps(graph->device)->is_ref;
    *out = plan;
    return compile(plan, graph, outs, n_outs, options);
}

/* The task whose kernels were being built when that failed; NULL: another way is not wanted. */
static const pn_task *refused_task(const pn_plan *plan, const pn_plan_options *options)
{
    if (plan->ir == NULL || plan->emit.ctx == NULL || options->kernel != NULL) {
        return NULL;
    }
    const pn_task *t = plan->ir->tasks[plan->emit.task];
    return t->chosen != NULL && !t->chosen->forced_only ? t : NULL;
}

/* A candidate that was tried out may still fail to build with what is fused into it. The build gets
 * a second chance, then the next candidate serves. Where what is fused is wrong, nothing will be.
 */
pencl_status pn_plan_new(pn_plan **out,
                         pencl_graph *graph,
                         pencl_value *const outs[],
                         int n_outs,
                         const pn_plan_options *options)
{
    static const pn_plan_options none = {0};
    pn_plan *plan = NULL;
    options = options != NULL ? options : &none;
    PENCL_TRY(pencl_graph_finish(graph));
    PENCL_TRY(pn_graph_follow(graph));
    pencl_status st = make(&plan, graph, outs, n_outs, options);
    for (int failures = 0; st == PENCL_E_BUILD;) {
        const pn_task *t = refused_task(plan, options);
        if (t == NULL && !plan->form_refused) {
            break;
        }
        if (!plan->form_refused && ++failures % 2 == 0) {
            st = pn_trust_drop(plan->device, t);
            if (st != PENCL_OK) {
                break;
            }
        }
        pn_error_clear(plan->ctx);
        pn_plan_free(plan);
        plan = NULL;
        st = make(&plan, graph, outs, n_outs, options);
        if (st == PENCL_OK) {
            pn_device_settle_doubts(plan->device);
        }
    }
    if (st != PENCL_OK) {
        pn_plan_free(plan);
        return st;
    }
    *out = plan;
    return PENCL_OK;
}

void pn_plan_free(pn_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    pn_emit_free(&plan->emit);
    pn_plan_free_variables(plan);
    pn_buffer_free(plan->arena);
    pn_buffer_free(plan->step);
    pn_buffer_free(plan->scratch);
    pn_free(plan->staging);
    if (plan->own_pool) {
        pn_pool_free(plan->pool);
    }
    pn_ir_free(plan->ir);
    pn_free(plan);
}

/* ---- running ---- */

void *pn_plan_input(pn_plan *plan, const char *name, const pn_spec **spec)
{
    for (int i = 0; i < plan->ir->n_temps; i++) {
        const pn_temp *t = &plan->ir->temps[i];
        if (t->place == PN_IN_STEP && t->name != NULL && strcmp(t->name, name) == 0) {
            if (spec != NULL) {
                *spec = &t->spec;
            }
            return plan->staging + t->offset;
        }
    }
    return NULL;
}

/* The pool grew for another plan since: its buffers have other memory. Where that was not to be
 * had, they are too small now. */
static pencl_status follow_pool(pn_plan *plan)
{
    PENCL_TRY(pn_plan_grow_pool(plan));
    if (plan->grown != plan->pool->grown) {
        pn_emit_resized(&plan->emit, plan->arena);
        pn_emit_resized(&plan->emit, plan->scratch);
        plan->grown = plan->pool->grown;
    }
    return PENCL_OK;
}

static pencl_status run_references(pn_plan *plan)
{
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        const pn_task *t = plan->ir->tasks[i];
        if (!pn_task_is_early(plan->ir, t)) {
            PENCL_TRY(pn_reference_run(plan, t));
        }
    }
    return PENCL_OK;
}

/* The device has done all that was enqueued. */
static void note_end(pn_plan *plan)
{
    if (plan->started != 0) {
        plan->took = pn_clock_ns() - plan->started;
        plan->started = 0;
    }
}

/* Launches are cut by what they took when they were first made, and attention takes longer as
 * sequences grow. No launch outlasts its run, so those of a long run, that grew by half since they
 * were timed, are timed again: far more often, and a token would wait for it. */
static pencl_status replay(pn_plan *plan)
{
    const bool grew = plan->took > LONG_NS && plan->took > plan->timed + plan->timed / 2;
    plan->started = pn_clock_ns();
    pn_device_time_launches(plan->device, grew);
    pencl_status st = plan->checked ? pn_plan_run_checked(plan) : pn_chains_replay(plan, grew);
    pn_device_time_launches(plan->device, false);
    if (grew && st == PENCL_OK) {
        plan->timed = plan->took;
    }
    return st;
}

pencl_status pn_plan_begin(pn_plan *plan)
{
    PENCL_TRY(follow_pool(plan));
    PENCL_TRY(pn_plan_follow(plan));
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        if (pn_task_is_early(plan->ir, plan->ir->tasks[i])) {
            pn_reference_early(plan, plan->ir->tasks[i]);
        }
    }
    if (plan->step != NULL) {
        PENCL_TRY(pn_buffer_write(plan->step, 0, plan->staging, plan->step_bytes));
        note_end(plan);
    }
    return PENCL_OK;
}

pencl_status pn_plan_end(pn_plan *plan)
{
    PENCL_TRY(pn_plan_leave(plan));
    return pn_device_flush(plan->device);
}

pencl_status pn_plan_run(pn_plan *plan)
{
    PENCL_TRY(pn_plan_begin(plan));
    if (plan->is_ref) {
        PENCL_TRY(run_references(plan));
    } else {
        PENCL_TRY(replay(plan));
    }
    return pn_plan_end(plan);
}

const pn_spec *pn_plan_out_spec(const pn_plan *plan, int i)
{
    return &plan->ir->outs[i].view.spec;
}

int pn_plan_n_outs(const pn_plan *plan)
{
    return plan->ir->n_outs;
}

const char *pn_plan_capture_name(const pn_plan *plan, int i)
{
    const pn_operand *o = &plan->ir->outs[i];
    bool captured = o->temp >= 0 && plan->ir->temps[o->temp].place == PN_IN_ARENA;
    return captured ? plan->ir->temps[o->temp].name : NULL;
}

/* Where output i begins in its buffer. */
static pencl_status find_out(pn_plan *plan, int i, size_t *start)
{
    const pn_operand *o = &plan->ir->outs[i];
    if (o->buffer == NULL) {
        return PN_FAIL(plan->ctx, PENCL_E_UNSUPPORTED, "an output in several parts");
    }
    *start = o->base + (size_t)o->view.offset * pn_dtype_of(o->view.spec.dtype)->block_bytes;
    return PENCL_OK;
}

pencl_status pn_plan_read(pn_plan *plan, int i, size_t offset, void *to, size_t bytes)
{
    size_t start = 0;
    PENCL_TRY(find_out(plan, i, &start));
    PENCL_TRY(pn_buffer_read(plan->ir->outs[i].buffer, start + offset, to, bytes));
    note_end(plan);
    return PENCL_OK;
}

pencl_status
pn_plan_copy(pn_plan *plan, int i, size_t offset, pn_buffer *to, size_t to_offset, size_t bytes)
{
    size_t start = 0;
    PENCL_TRY(find_out(plan, i, &start));
    return pn_buffer_copy(to, to_offset, plan->ir->outs[i].buffer, start + offset, bytes);
}

pencl_status pn_plan_array(pencl_array **out, pn_plan *plan, int i)
{
    const pn_spec *spec = pn_plan_out_spec(plan, i);
    size_t bytes = pn_spec_bytes(spec);
    pn_buffer *copy = NULL;
    PENCL_TRY(pn_buffer_new(&copy, plan->device, bytes > 0 ? bytes : 1));
    pencl_status st = bytes > 0 ? pn_plan_copy(plan, i, 0, copy, 0, bytes) : PENCL_OK;
    if (st == PENCL_OK) {
        pn_view view = pn_view_contiguous(spec);
        st = pn_array_wrap(out, copy, 0, &view);
    }
    pn_buffer_free(copy);
    return st;
}

/* ---- telling ---- */

size_t pn_plan_launches(const pn_plan *plan)
{
    return plan->is_ref ? (size_t)plan->ir->n_tasks : plan->emit.n_launches;
}

size_t pn_plan_bytes(const pn_plan *plan)
{
    return plan->arena_bytes + plan->step_bytes + plan->scratch_bytes;
}

void pn_plan_print(pn_text *out, const pn_plan *plan)
{
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        const pn_task *t = plan->ir->tasks[i];
        char label[128];
        int launches = 0;
        for (size_t k = 0; k < plan->emit.n_launches; k++) {
            launches += plan->emit.launches[k].task == i;
        }
        pn_task_label(t, label, sizeof label);
        const char *kernel = t->chosen != NULL ? t->chosen->name
                             : plan->is_ref    ? "reference"
                                               : "host";
        pn_text_add(out, "%4d  %d x %-18s %-40s ", i, launches, kernel, label);
        for (int p = 0; p < (t->joint ? 1 : t->n_parts); p++) {
            pn_text_add(out, p > 0 ? ", " : "");
            pn_spec_print(out, &t->out[p].view.spec);
        }
        pn_text_add(out, "\n");
    }
    pn_text_add(out, "launches %zu, bytes %zu\n", pn_plan_launches(plan), pn_plan_bytes(plan));
}
