/* SPDX-License-Identifier: Apache-2.0 */
/* Replays in which launches that follow each other are one. */
#ifndef PENCL_PLAN_CHAINS_H
#define PENCL_PLAN_CHAINS_H

#include "plan/internal.h"

/* Enqueues the plan's launches: one by one at first and where `timed`, later by chains. */
pencl_status pn_chains_replay(pn_plan *plan, bool timed);

#endif
