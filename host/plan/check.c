/* SPDX-License-Identifier: Apache-2.0 */
/* PENCL_CHECK=1: after each task its reference is computed from the same inputs, and the run stops
 * at the first output that differs by more than the op's tolerance. Plans are then made without
 * passes, so that every op stands alone. For finding the kernel that a driver gets wrong; slow. */
#include "plan/internal.h"

#include <inttypes.h>
#include <math.h>

/* An operand copied to host memory. */
typedef struct copy {
    unsigned char *bytes;
    pn_ref_operand ref;
} copy;

/* Stored variables as plain matrices, whatever their layout. */
static pencl_status load(copy *c, pn_plan *plan, const pn_operand *o)
{
    size_t bytes = o->store != NULL ? pn_spec_bytes(&o->store->spec) : pn_operand_span(o);
    c->bytes = pn_calloc(bytes + 1, 1);
    if (c->bytes == NULL) {
        return PN_NOMEM(plan->ctx);
    }
    pn_reference_describe(o, c->bytes, &c->ref);
    if (o->store != NULL) {
        return pn_store_download(o->store, plan->ctx, c->bytes);
    }
    return bytes > 0 ? pn_buffer_read(o->buffer, o->base, c->bytes, bytes) : PENCL_OK;
}

static double largest(const pn_ref_operand *o)
{
    int64_t index[PENCL_MAX_AXES] = {0};
    const pn_spec *spec = &o->view.spec;
    double top = 0;
    for (bool more = pn_spec_count(spec) > 0; more; more = pn_next_index(spec, index)) {
        double size = fabs(pn_ref_get(o, index));
        top = isfinite(size) ? fmax(top, size) : top;
    }
    return top;
}

static void add_index(pn_text *text, const pn_spec *spec, const int64_t *index)
{
    for (int i = 0; i < spec->n_axes; i++) {
        pn_text_add(text, "%s%s:%" PRId64, i > 0 ? ", " : "", spec->axes[i].name, index[i]);
    }
}

static pencl_status
compare(pn_plan *plan, int number, const pn_ref_operand *want, const pn_ref_operand *got)
{
    const pn_task *t = plan->ir->tasks[number];
    const pn_tolerance *tol = &t->call->def->tol;
    double allowed = tol->absolute + tol->relative * largest(want);
    int64_t index[PENCL_MAX_AXES] = {0};
    const pn_spec *spec = &want->view.spec;
    for (bool more = pn_spec_count(spec) > 0; more; more = pn_next_index(spec, index)) {
        double a = pn_ref_get(got, index);
        double b = pn_ref_get(want, index);
        if (a == b || fabs(a - b) <= allowed || (isnan(a) && isnan(b))) {
            continue;
        }
        char label[128];
        pn_text at = {0};
        pn_task_label(t, label, sizeof label);
        add_index(&at, spec, index);
        pencl_status st =
            PN_FAIL(plan->ctx, PENCL_E_DEVICE,
                    "PENCL_CHECK: task %d, %s by %s: %.9g at {%s}, its reference says %.9g", number,
                    label, t->chosen->name, a, pn_text_get(&at), b);
        pn_text_free(&at);
        return st;
    }
    return PENCL_OK;
}

/* The inputs before, the launches, the output after; copies[n_in] is what the device wrote,
 * copies[n_in + 1] what the reference writes. */
static pencl_status check_task(pn_plan *plan, int number, copy *copies)
{
    const pn_task *t = plan->ir->tasks[number];
    pn_ref_operand in[PN_MAX_IN];
    copy *got = &copies[t->n_in];
    copy *want = &copies[t->n_in + 1];
    for (int i = 0; i < t->n_in; i++) {
        PENCL_TRY(load(&copies[i], plan, &t->in[i]));
        in[i] = copies[i].ref;
    }
    PENCL_TRY(load(want, plan, &t->out[0])); /* what is changed in place begins as it was */
    PENCL_TRY(pn_emit_replay_task(&plan->emit, number));
    PENCL_TRY(load(got, plan, &t->out[0]));
    t->call->def->ref(t->call, in, &want->ref);
    return compare(plan, number, &want->ref, &got->ref);
}

pencl_status pn_plan_run_checked(pn_plan *plan)
{
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        copy copies[PN_MAX_IN + 2] = {{0}};
        pencl_status st = PENCL_OK;
        if (plan->ir->tasks[i]->chosen != NULL) {
            st = check_task(plan, i, copies);
        } else {
            st = pn_emit_replay_task(&plan->emit, i); /* the host's own work */
        }
        for (size_t k = 0; k < PN_COUNT(copies); k++) {
            pn_free(copies[k].bytes);
        }
        PENCL_TRY(st);
    }
    return PENCL_OK;
}
