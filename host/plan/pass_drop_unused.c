/* SPDX-License-Identifier: Apache-2.0 */
/* Drops tasks whose result nobody reads. What writes a variable stays. */
#include "plan/ir.h"

static void release(void *user, pn_operand *o)
{
    int *uses = user;
    if (o->temp >= 0) {
        uses[o->temp]--;
    }
}

pencl_status pn_pass_drop_unused(pn_ir *ir)
{
    PENCL_TRY(pn_ir_count_uses(ir));
    for (int i = ir->n_tasks - 1; i >= 0; i--) {
        pn_task *t = ir->tasks[i];
        bool used = false;
        for (int p = 0; p < t->n_parts; p++) {
            used |= t->out[p].temp < 0 || ir->uses[t->out[p].temp] > 0;
        }
        if (!used) {
            pn_task_inputs(t, release, ir->uses);
            if (pn_task_is_in_place(t)) {
                ir->uses[t->out[0].temp]++; /* never counted */
            }
            pn_ir_remove(ir, i);
        }
    }
    return PENCL_OK;
}
