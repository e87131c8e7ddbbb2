/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of a plan's launches (op/chain.c). They are made when the plan ran a few times, and was
 * over so soon that what it takes to launch counts: no chain outlasts its run, so none is too long
 * for one launch, and what runs once waits for no build.
 *
 * A compiler may be wrong about a chain where it was right about each kernel. So the first run by
 * chains of a program that this device was never seen to get right is followed by the same launches
 * one by one, which have to leave the same outputs, bit for bit. If they do not, or a chain cannot
 * be built, or a process died in it, the plan does without.
 */
#include "plan/chains.h"

#include <stdio.h>
#include <string.h>

enum {
    LONG_NS = 50000000, /* of a run: half of what a launch may last */
    RUNS = 16           /* before chains: a build takes as long as some hundred short runs */
};

/* Another run over the same inputs does the same. */
static bool is_repeatable(const pn_plan *plan)
{
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        const pn_task *t = plan->ir->tasks[i];
        for (int p = 0; p < t->n_parts; p++) {
            const pn_pw *pw = t->program[p];
            const pn_op_call *last =
                pw != NULL && pw->n_steps > 0 ? pw->step[pw->n_steps - 1].call : t->call;
            if (t->out[p].slot >= 0 && !(last->def->flags & PN_OP_CACHE)) {
                return false;
            }
        }
    }
    return true;
}

/* ---- verdicts ---- */

static void name_chain(char out[PN_VERDICT_MAX], const pn_kernel *chain)
{
    snprintf(out, PN_VERDICT_MAX, "chain/%s", pn_chain_key(chain));
}

typedef struct verdicts {
    int none; /* programs without a verdict */
    int bad;
} verdicts;

static verdicts read_verdicts(const pn_plan *plan)
{
    verdicts v = {0};
    char name[PN_VERDICT_MAX];
    char why[8];
    for (size_t i = 0; i < plan->emit.n_launches; i++) {
        const pn_kernel *chain = plan->emit.launches[i].chain;
        if (chain != NULL) {
            name_chain(name, chain);
            const bool known = pn_device_verdict(plan->device, name, why, sizeof why);
            v.none += !known;
            v.bad += known && why[0] != '\0';
        }
    }
    return v;
}

static void judge(const pn_plan *plan, const char *why)
{
    char name[PN_VERDICT_MAX];
    for (size_t i = 0; i < plan->emit.n_launches; i++) {
        if (plan->emit.launches[i].chain != NULL) {
            name_chain(name, plan->emit.launches[i].chain);
            pn_device_judge(plan->device, name, why);
        }
    }
}

/* ---- proving ---- */

static bool is_plain_out(const pn_plan *plan, int i)
{
    const bool next = i >= plan->ir->first_next && i < plan->ir->first_next + plan->ir->n_next;
    return !next && plan->ir->outs[i].buffer != NULL;
}

/* All outputs, one after another; yours to free. */
static pencl_status read_outs(unsigned char **out, size_t *bytes, pn_plan *plan)
{
    *bytes = 0;
    for (int i = 0; i < plan->ir->n_outs; i++) {
        *bytes += is_plain_out(plan, i) ? pn_spec_bytes(pn_plan_out_spec(plan, i)) : 0;
    }
    unsigned char *at = *out = pn_alloc(*bytes + 1);
    if (at == NULL) {
        return PN_NOMEM(plan->ctx);
    }
    for (int i = 0; i < plan->ir->n_outs; i++) {
        const size_t n = is_plain_out(plan, i) ? pn_spec_bytes(pn_plan_out_spec(plan, i)) : 0;
        if (n > 0) {
            PENCL_TRY(pn_plan_read(plan, i, 0, at, n));
        }
        at += n;
    }
    return PENCL_OK;
}

/* By chains and then one by one, whose results stay. */
static pencl_status run_both(bool *same, pn_plan *plan)
{
    size_t bytes = 0;
    unsigned char *chained = NULL;
    unsigned char *single = NULL;
    pencl_status st = pn_emit_replay(&plan->emit, true);
    st = st == PENCL_OK ? read_outs(&chained, &bytes, plan) : st;
    st = st == PENCL_OK ? pn_emit_replay(&plan->emit, false) : st;
    st = st == PENCL_OK ? read_outs(&single, &bytes, plan) : st;
    *same = st == PENCL_OK && bytes > 0 && memcmp(chained, single, bytes) == 0;
    pn_free(chained);
    pn_free(single);
    return st;
}

static pencl_status prove(pn_plan *plan)
{
    bool same = false;
    PENCL_TRY(run_both(&same, plan));
    judge(plan, same ? "" : "it differs from its launches one by one");
    if (!same) {
        const pencl_device_info *info = pencl_device_describe(plan->device);
        pn_log(plan->ctx, PENCL_LOG_WARN, "plan",
               "launches are not chained on %s (%s, driver %s): the results differ", info->id,
               info->name, info->driver);
        pn_emit_unchain(&plan->emit);
    }
    plan->chains = same ? PN_CHAINS_READY : PN_CHAINS_NEVER;
    return PENCL_OK;
}

/* ---- replaying ---- */

/* Makes the chains; what cannot be built is not missed. */
static pencl_status make(pn_plan *plan)
{
    pencl_status st = pn_emit_chain(&plan->emit);
    const verdicts v = read_verdicts(plan);
    plan->chains = PN_CHAINS_READY;
    if (st == PENCL_OK && v.bad == 0 && (v.none == 0 || is_repeatable(plan))) {
        return v.none > 0 ? prove(plan) : pn_emit_replay(&plan->emit, true);
    }
    if (st != PENCL_OK) {
        pn_log(plan->ctx, PENCL_LOG_INFO, "plan", "launches are not chained: %s",
               pencl_error_text(plan->ctx));
        pn_error_clear(plan->ctx);
    }
    pn_emit_unchain(&plan->emit);
    plan->chains = PN_CHAINS_NEVER;
    return st == PENCL_E_NOMEM ? PN_NOMEM(plan->ctx) : pn_emit_replay(&plan->emit, false);
}

/* Launches that are timed anew may be cut from now on. */
pencl_status pn_chains_replay(pn_plan *plan, bool timed)
{
    if (timed && plan->chains == PN_CHAINS_READY) {
        pn_emit_unchain(&plan->emit);
        plan->chains = PN_CHAINS_LATER;
    }
    if (plan->chains == PN_CHAINS_LATER && plan->took > 0 && plan->took < LONG_NS &&
        ++plan->short_runs >= RUNS) {
        return make(plan);
    }
    return pn_emit_replay(&plan->emit, plan->chains == PN_CHAINS_READY);
}
