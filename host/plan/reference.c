/* SPDX-License-Identifier: Apache-2.0 */
/* Running tasks by their ops' C references: the `ref` device, and what the host computes. */
#include "plan/internal.h"

/* The operand in host memory; plain stored variables keep their matrix. */
static void describe(const pn_operand *o, unsigned char *at, pn_ref_operand *out)
{
    *out = (pn_ref_operand){.data = at + o->base, .view = o->view};
    if (o->store != NULL) {
        out->matrix = &o->store->matrix;
        out->stored = &o->store->spec;
        out->n_row_axes = o->store->n_row_axes;
    }
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
        describe(o, at, i < t->n_in ? &in[i] : &out);
    }
    t->call->def->ref(t->call, in, &out);
    return PENCL_OK;
}

pencl_status pn_reference_host(pn_plan *plan, const pn_task *t)
{
    pn_ref_operand in[PN_MAX_IN];
    pn_ref_operand out;
    for (int i = 0; i < t->n_in; i++) {
        if (t->in[i].temp < 0 || plan->ir->temps[t->in[i].temp].place != PN_IN_STEP) {
            return PN_FAIL(plan->ctx, PENCL_E_UNSUPPORTED, "%s: '%s' must be an input of the step",
                           t->call->def->name, t->call->def->in[i]);
        }
        describe(&t->in[i], plan->staging, &in[i]);
    }
    describe(&t->out[0], plan->staging, &out);
    t->call->def->ref(t->call, in, &out);
    return PENCL_OK;
}
