/* SPDX-License-Identifier: Apache-2.0 */
/* A run whose launches are timed one by one. */
#include "plan/profile.h"

#include "base/os.h"

typedef struct watch {
    pn_plan *plan;
    pn_task_time *times;
    size_t *launches; /* that wait for their times */
    pn_time *events;
    size_t n;
    uint64_t last_end; /* of the launch in front; 0: unknown */
} watch;

/* The times of the launches since the last call. */
static pencl_status collect(watch *w)
{
    PENCL_TRY(pn_times_take(w->events, w->plan->device));
    for (size_t i = 0; i < w->n; i++) {
        const pn_time *t = &w->events[i];
        pn_task_time *to = &w->times[w->plan->emit.launches[w->launches[i]].task];
        to->ns += (double)(t->end - t->start);
        if (w->last_end > 0 && t->start > w->last_end) {
            to->before += (double)(t->start - w->last_end);
        }
        w->last_end = t->end;
    }
    w->n = 0;
    return PENCL_OK;
}

/* What the device does not time by an event of its own: a library's launches, the host's work. */
static pencl_status by_clock(watch *w, const pn_launch *l)
{
    PENCL_TRY(collect(w));
    const uint64_t start = pn_clock_ns();
    PENCL_TRY(pn_emit_replay_launch(&w->plan->emit, l));
    PENCL_TRY(pn_device_finish(w->plan->device));
    w->times[l->task].ns += (double)(pn_clock_ns() - start);
    w->last_end = 0;
    size_t own = pn_times_count(w->plan->device);
    pn_time *events = pn_calloc(own + 1, sizeof *events);
    if (events == NULL) {
        return PN_NOMEM(w->plan->ctx);
    }
    pencl_status st = pn_times_take(events, w->plan->device); /* are in the sum already */
    pn_free(events);
    return st;
}

static pencl_status run(watch *w, bool all_by_clock)
{
    const pn_emit *e = &w->plan->emit;
    PENCL_TRY(pn_plan_begin(w->plan));
    for (size_t i = 0; i < e->n_launches; i++) {
        if (all_by_clock || e->launches[i].kernel == NULL) {
            PENCL_TRY(by_clock(w, &e->launches[i]));
            continue;
        }
        PENCL_TRY(pn_emit_replay_launch(&w->plan->emit, &e->launches[i]));
        w->launches[w->n++] = i;
    }
    PENCL_TRY(collect(w));
    return pn_plan_end(w->plan);
}

pencl_status pn_plan_profile(pn_plan *plan, pn_task_time *times, bool all_by_clock)
{
    const size_t n = plan->emit.n_launches;
    watch w = {.plan = plan, .times = times};
    PENCL_TRY(pn_times_start(plan->device));
    w.launches = pn_calloc(n + 1, sizeof *w.launches);
    w.events = pn_calloc(n + 1, sizeof *w.events);
    pencl_status st = w.launches == NULL || w.events == NULL ? PN_NOMEM(plan->ctx) : PENCL_OK;
    if (st == PENCL_OK) {
        st = run(&w, all_by_clock);
    }
    pn_free(w.launches);
    pn_free(w.events);
    pn_times_stop(plan->device);
    return st;
}
