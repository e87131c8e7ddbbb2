/* SPDX-License-Identifier: Apache-2.0 */
/* Running tasks by their ops' C references: the `ref` device, and what the host computes. */
#include "plan/internal.h"

void pn_reference_describe(const pn_operand *o, unsigned char *data, pn_ref_operand *out)
{
    *out = (pn_ref_operand){.data = data, .view = o->view};
    if (o->store != NULL) {
        out->matrix = &o->store->matrix;
        out->stored = &o->store->spec;
        out->n_row_axes = o->store->n_row_axes;
    }
}

size_t pn_operand_span(const pn_operand *o)
{
    int64_t last = o->view.offset;
    for (int i = 0; i < o->view.spec.n_axes; i++) {
        if (o->view.spec.axes[i].size == 0) {
            return 0;
        }
        last += (o->view.spec.axes[i].size - 1) * o->view.strides[i];
    }
    return (size_t)(last + 1) * pn_dtype_of(o->view.spec.dtype)->block_bytes;
}

pencl_status pn_reference_run(pn_plan *plan, const pn_task *t)
{
    pn_ref_operand in[PN_MAX_IN];
    pn_ref_operand out;
    for (int i = 0; i <= t->n_in; i++) {
        const pn_operand *o = i < t->n_in ? &t->in[i] : &t->out[0];
        unsigned char *at = o->buffer == NULL ? NULL : pn_buffer_host(o->buffer);
        if (at == NULL) {
            return PN_FAIL(plan->ctx, PENCL_E_UNSUPPORTED, "%s: memory of another device",
                           t->call->def->name);
        }
        pn_reference_describe(o, at + o->base, i < t->n_in ? &in[i] : &out);
    }
    t->call->def->ref(t->call, in, &out);
    return PENCL_OK;
}

/* ---- what the host computes ---- */

bool pn_task_is_early(const pn_ir *ir, const pn_task *t)
{
    if (!(t->call->def->flags & PN_OP_HOST)) {
        return false;
    }
    for (int i = 0; i < t->n_in; i++) {
        if (t->in[i].temp < 0 || ir->temps[t->in[i].temp].place != PN_IN_STEP) {
            return false;
        }
    }
    return true;
}

void pn_reference_early(pn_plan *plan, const pn_task *t)
{
    pn_ref_operand in[PN_MAX_IN];
    pn_ref_operand out;
    for (int i = 0; i < t->n_in; i++) {
        pn_reference_describe(&t->in[i], plan->staging + t->in[i].base, &in[i]);
    }
    pn_reference_describe(&t->out[0], plan->staging + t->out[0].base, &out);
    t->call->def->ref(t->call, in, &out);
}

/* Copies the inputs to host memory, computes, copies the output back. */
static pencl_status run_between(pn_plan *plan, const pn_task *t, unsigned char **copies)
{
    pn_ref_operand in[PN_MAX_IN];
    pn_ref_operand out;
    for (int i = 0; i <= t->n_in; i++) {
        const pn_operand *o = i < t->n_in ? &t->in[i] : &t->out[0];
        size_t bytes = pn_operand_span(o);
        if (o->buffer == NULL || (o->store != NULL && o->store->layout != &pn_layout_plain)) {
            return PN_FAIL(plan->ctx, PENCL_E_UNSUPPORTED, "%s: an input that lies in blocks",
                           t->call->def->name);
        }
        copies[i] = pn_calloc(bytes + 1, 1);
        if (copies[i] == NULL) {
            return PN_NOMEM(plan->ctx);
        }
        if (i < t->n_in && bytes > 0) {
            PENCL_TRY(pn_buffer_read(o->buffer, o->base, copies[i], bytes));
        }
        pn_reference_describe(o, copies[i], i < t->n_in ? &in[i] : &out);
    }
    t->call->def->ref(t->call, in, &out);
    const pn_operand *o = &t->out[0];
    size_t bytes = pn_operand_span(o);
    return bytes > 0 ? pn_buffer_write(o->buffer, o->base, copies[t->n_in], bytes) : PENCL_OK;
}

typedef struct between {
    pn_plan *plan;
    const pn_task *task;
} between;

static pencl_status on_step(void *user, pencl_device *device)
{
    const between *b = user;
    unsigned char *copies[PN_MAX_IN + 1] = {0};
    (void)device;
    pencl_status st = run_between(b->plan, b->task, copies);
    for (size_t i = 0; i < PN_COUNT(copies); i++) {
        pn_free(copies[i]);
    }
    return st;
}

pencl_status pn_reference_emit(pn_plan *plan, const pn_task *t)
{
    between *b = pn_calloc(1, sizeof *b);
    if (b == NULL) {
        return PN_NOMEM(plan->ctx);
    }
    *b = (between){plan, t};
    return pn_emit_host(&plan->emit, on_step, b, pn_free);
}
