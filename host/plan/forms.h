/* SPDX-License-Identifier: Apache-2.0 */
/* Which fused forms a device is trusted with. */
#ifndef PENCL_PLAN_FORMS_H
#define PENCL_PLAN_FORMS_H

#include "plan/internal.h"

/* Runs each fused form of the plan that has no verdict yet once, over noise, and compares it with
 * its unfused subgraph. The plan's launches are recorded and its temporaries hold nothing. E_BUILD
 * and plan->form_refused when one is wrong: a plan that is made again has none of that op. */
pencl_status pn_forms_try(pn_plan *plan);

/* Before the passes: nothing is fused where a form was wrong on this device, or for a library. */
void pn_forms_refuse(pn_ir *ir);

#endif
