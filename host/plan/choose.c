/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernel runs a task: the first candidate that fits, those of the device's family first. */
#include "op/pointwise.h"
#include "plan/internal.h"

#include <string.h>

static const pn_candidate *candidates_of(const pn_task *t)
{
    return pn_task_is_pointwise(t) ? pn_pointwise_candidates : t->call->def->kernels;
}

static bool runs(const pn_candidate *c, const pn_task *t, const pn_caps *caps)
{
    return (c->needs & caps->has) == c->needs && (c->fits == NULL || c->fits(t, caps));
}

/* A candidate asked for by name: "matmul_simt", or the library behind --matmul. */
static const pn_candidate *
forced(const pn_task *t, const pn_caps *caps, const pn_plan_options *options, bool library)
{
    const char *blas = library ? "matmul_clblast" : NULL;
    for (const pn_candidate *c = candidates_of(t); c != NULL && c->name != NULL; c++) {
        bool named = (options->kernel != NULL && strcmp(c->name, options->kernel) == 0) ||
                     (blas != NULL && strcmp(c->name, blas) == 0);
        if (named && runs(c, t, caps)) {
            return c;
        }
    }
    return NULL;
}

static const pn_candidate *first_of(const pn_task *t, const pn_caps *caps, pn_family family)
{
    for (const pn_candidate *c = candidates_of(t); c != NULL && c->name != NULL; c++) {
        if (c->family == family && !c->forced_only && runs(c, t, caps)) {
            return c;
        }
    }
    return NULL;
}

static const pn_candidate *
choose(const pn_task *t, const pn_caps *caps, const pn_plan_options *options, bool library)
{
    const pn_candidate *c = forced(t, caps, options, library);
    if (c != NULL || (options->trial && options->kernel != NULL)) {
        return c;
    }
    if (c == NULL) {
        c = first_of(t, caps, caps->wide ? PN_WIDE : PN_SIMT);
    }
    if (c == NULL) {
        c = first_of(t, caps, PN_ANY);
    }
    if (c == NULL) {
        c = first_of(t, caps, caps->wide ? PN_SIMT : PN_WIDE);
    }
    return c;
}

/* Nothing to compute: somewhere an axis has size 0. */
static bool is_empty(const pn_task *t)
{
    for (int p = 0; p < t->n_parts; p++) {
        if (pn_spec_count(&t->out[p].view.spec) > 0) {
            return false;
        }
    }
    return true;
}

pencl_status pn_plan_choose(pn_plan *plan, const pn_plan_options *options)
{
    const pn_caps *caps = pn_device_caps(plan->device);
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        pn_task *t = plan->ir->tasks[i];
        if (plan->is_ref || t->call->def->flags & PN_OP_HOST || is_empty(t)) {
            continue;
        }
        t->chosen = choose(t, caps, options, plan->ir->bare_matmuls);
        if (t->chosen == NULL && options->trial && options->kernel != NULL) {
            continue;
        }
        if (t->chosen == NULL) {
            char label[128];
            pn_text shape = {0};
            pn_task_label(t, label, sizeof label);
            pn_spec_print(&shape, &t->call->out);
            pencl_status st =
                PN_FAIL(plan->ctx, PENCL_E_UNSUPPORTED, "no kernel of '%s' fits this device for %s",
                        label, pn_text_get(&shape));
            pn_text_free(&shape);
            return st;
        }
        size_t scratch = t->chosen->scratch != NULL ? t->chosen->scratch(t, caps) : 0;
        if (scratch > plan->scratch_bytes) {
            plan->scratch_bytes = scratch;
        }
    }
    return PENCL_OK;
}
