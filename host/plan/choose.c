/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernel runs a task: the first candidate that fits and that the device is trusted with,
 * those of the device's family first. */
#include "op/pointwise.h"
#include "plan/internal.h"
#include "plan/trust.h"

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

/* Nothing is known against it; `why` says what is. */
static bool trusted(const pn_candidate *c, const pn_task *t, pencl_device *device, char why[512])
{
    char name[PN_VERDICT_MAX];
    pn_trust_name(name, t, c);
    why[0] = '\0';
    return !pn_device_verdict(device, name, why, 512) || why[0] == '\0';
}

static const pn_candidate *
first_of(const pn_task *t, pencl_device *device, pn_family family, bool all)
{
    char why[512];
    const pn_caps *caps = pn_device_caps(device);
    for (const pn_candidate *c = candidates_of(t); c != NULL && c->name != NULL; c++) {
        bool wanted = !c->forced_only && (c->gains == NULL || c->gains(t, caps));
        if (c->family == family && wanted && runs(c, t, caps) &&
            (all || trusted(c, t, device, why))) {
            return c;
        }
    }
    return NULL;
}

static const pn_candidate *choose(const pn_task *t, pencl_device *device, bool all)
{
    bool wide = pn_device_caps(device)->wide;
    const pn_candidate *c = first_of(t, device, wide ? PN_WIDE : PN_SIMT, all);
    if (c == NULL) {
        c = first_of(t, device, PN_ANY, all);
    }
    if (c == NULL) {
        c = first_of(t, device, wide ? PN_SIMT : PN_WIDE, all);
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

/* Says what there would be, and why it is not used. */
static pencl_status none_left(const pn_plan *plan, const pn_task *t)
{
    char label[128];
    char why[512];
    const pn_caps *caps = pn_device_caps(plan->device);
    pn_text text = {0};
    pn_task_label(t, label, sizeof label);
    pn_spec_print(&text, &t->call->out);
    for (const pn_candidate *c = candidates_of(t); c != NULL && c->name != NULL; c++) {
        if (!c->forced_only && runs(c, t, caps) && !trusted(c, t, plan->device, why)) {
            pn_text_add(&text, "\n%s: %s", c->name, why);
        }
    }
    pencl_status st =
        PN_FAIL(plan->ctx, PENCL_E_UNSUPPORTED, "no kernel of '%s' is left on %s for %s", label,
                pencl_device_describe(plan->device)->id, pn_text_get(&text));
    pn_text_free(&text);
    return st;
}

/* Adds the task's candidate to `names` when it was never tried. */
static void note_untried(pn_text *names, const pn_plan *plan, const pn_task *t)
{
    char why[8];
    char name[PN_VERDICT_MAX];
    pn_trust_name(name, t, t->chosen);
    if (pn_device_verdict(plan->device, name, why, sizeof why)) {
        return;
    }
    size_t n = strlen(name);
    for (const char *at = pn_text_get(names); *at != '\0'; at += strcspn(at, "\n") + 1) {
        if (strncmp(at, name, n) == 0 && at[n] == '\n') {
            return;
        }
    }
    pn_text_add(names, "%s\n", name);
}

/* A candidate for every task; `untried` gets the names of those to be tried out first. A rehearsal
 * expects them to be good. */
static pencl_status choose_all(pn_plan *plan, const pn_plan_options *options, pn_text *untried)
{
    const pn_caps *caps = pn_device_caps(plan->device);
    bool all = options->trial || plan->checked; /* PENCL_CHECK wants to see what is wrong */
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        pn_task *t = plan->ir->tasks[i];
        if (plan->is_ref || t->call->def->flags & PN_OP_HOST || is_empty(t)) {
            continue;
        }
        t->chosen = forced(t, caps, options, plan->ir->by_library);
        if (t->chosen != NULL || (options->trial && options->kernel != NULL)) {
            continue;
        }
        t->chosen = choose(t, plan->device, all);
        if (t->chosen == NULL) {
            return none_left(plan, t);
        }
        if (!all && !pn_device_rehearses(plan->device)) {
            note_untried(untried, plan, t);
        }
    }
    return PENCL_OK;
}

static size_t scratch_of(const pn_plan *plan)
{
    size_t most = 0;
    const pn_caps *caps = pn_device_caps(plan->device);
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        const pn_task *t = plan->ir->tasks[i];
        size_t bytes =
            t->chosen != NULL && t->chosen->scratch != NULL ? t->chosen->scratch(t, caps) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

pencl_status pn_plan_choose(pn_plan *plan, const pn_plan_options *options)
{
    for (bool done = false; !done;) {
        pn_text untried = {0};
        pencl_status st = choose_all(plan, options, &untried);
        done = untried.size == 0;
        if (st == PENCL_OK && !done) {
            st = pn_trust_try(plan->device, &untried);
        }
        pn_text_free(&untried);
        PENCL_TRY(st);
    }
    plan->scratch_bytes = scratch_of(plan);
    return PENCL_OK;
}
