/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbouring elementwise tasks that do not depend on each other share a launch. */
#include "plan/ir.h"

/* `b`, which comes right after `a`, neither reads nor overwrites what `a` writes, nor the reverse.
 */
static bool independent(const pn_ir *ir, pn_task *a, pn_task *b)
{
    for (int p = 0; p < a->n_parts; p++) {
        const pn_operand *o = &a->out[p];
        if ((o->temp >= 0 && pn_task_reads_temp(b, o->temp)) ||
            (o->slot >= 0 && pn_task_reads_slot(b, o->slot))) {
            return false;
        }
        for (int q = 0; q < b->n_parts; q++) {
            bool over = o->temp >= 0 && o->temp == b->out[q].temp &&
                        ir->temps[o->temp].writing == PN_IN_LAYERS;
            if (over || (o->slot >= 0 && o->slot == b->out[q].slot)) {
                return false;
            }
        }
    }
    for (int q = 0; q < b->n_parts; q++) {
        if (b->out[q].slot >= 0 && pn_task_reads_slot(a, b->out[q].slot)) {
            return false;
        }
    }
    return true;
}

pencl_status pn_pass_merge_pointwise(pn_ir *ir)
{
    for (int i = 0; i + 1 < ir->n_tasks && !ir->bare_pointwise;) {
        pn_task *a = ir->tasks[i];
        pn_task *b = ir->tasks[i + 1];
        if (pn_task_is_pointwise(a) && pn_task_is_pointwise(b) &&
            a->n_parts + b->n_parts <= PN_MAX_PARTS && independent(ir, a, b)) {
            for (int q = 0; q < b->n_parts; q++) {
                a->program[a->n_parts] = b->program[q];
                a->out[a->n_parts++] = b->out[q];
            }
            pn_ir_remove(ir, i + 1);
        } else {
            i++;
        }
    }
    return PENCL_OK;
}
