/* SPDX-License-Identifier: Apache-2.0 */
/* A plan's tasks one by one: what they cost, and how long they took. */
#ifndef PENCL_PLAN_PROFILE_H
#define PENCL_PLAN_PROFILE_H

#include "plan/internal.h"

typedef struct pn_cost {
    double bytes;
    double flops;   /* steps of elementwise programs count one each */
    double weights; /* stored ones that are multiplied, each by so many tokens */
    double tokens;
    pencl_dtype dtype; /* of the weights */
} pn_cost;
/* `filled`: slots of the caches that are in use. */
pn_cost pn_task_cost(const pn_task *t, int64_t filled);

typedef struct pn_task_time {
    double ns;     /* of its launches */
    double before; /* ns that the device waited between the launch in front and its first one */
} pn_task_time;
/* One run with the inputs that the plan has, each task's times added to times[n_tasks].
 * `by_clock`: every launch is waited for and timed by the host; else by the device's clock, whose
 * times are all 0 where the driver does not tell them. E_UNSUPPORTED on `ref`. */
pencl_status pn_plan_profile(pn_plan *plan, pn_task_time *times, bool by_clock);

#endif
