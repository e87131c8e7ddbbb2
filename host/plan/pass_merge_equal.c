/* SPDX-License-Identifier: Apache-2.0 */
/* Computes equal things once: the same op, numbers and inputs (rotary angles of every block). */
#include "plan/ir.h"

#include <string.h>

static bool same_operand(const pn_operand *a, const pn_operand *b)
{
    return a->temp == b->temp && a->slot == b->slot && pn_view_equal(&a->view, &b->view);
}

static bool same_task(const pn_task *a, const pn_task *b)
{
    const pn_op_call *x = a->call;
    const pn_op_call *y = b->call;
    if (x->def != y->def || a->n_in != b->n_in || x->n_names != y->n_names ||
        memcmp(x->num, y->num, sizeof x->num) != 0 || !pn_spec_equal(&x->out, &y->out)) {
        return false;
    }
    for (int i = 0; i < x->n_names; i++) {
        if (strcmp(x->names[i], y->names[i]) != 0) {
            return false;
        }
    }
    for (int i = 0; i < a->n_in; i++) {
        if (!same_operand(&a->in[i], &b->in[i])) {
            return false;
        }
    }
    return true;
}

typedef struct replacement {
    int from;
    int to;
} replacement;

static void replace(void *user, pn_operand *o)
{
    const replacement *r = user;
    if (o->temp == r->from) {
        o->temp = r->to;
    }
}

/* Tasks that read no variable that changes, that nobody captures, and whose output no other task
 * writes, may be merged. */
static bool mergeable(const pn_ir *ir, const pn_task *t)
{
    return t->n_parts == 1 && t->out[0].temp >= 0 && !ir->temps[t->out[0].temp].keep &&
           ir->temps[t->out[0].temp].writing == PN_BY_ONE_TASK && !pn_task_is_in_place(t);
}

static void redirect(pn_ir *ir, int first, replacement r)
{
    for (int i = first; i < ir->n_tasks; i++) {
        for (int k = 0; k < ir->tasks[i]->n_in; k++) {
            replace(&r, &ir->tasks[i]->in[k]);
        }
        pn_task_inputs(ir->tasks[i], replace, &r);
    }
}

pencl_status pn_pass_merge_equal(pn_ir *ir)
{
    for (int i = 0; i < ir->n_tasks; i++) {
        if (!mergeable(ir, ir->tasks[i])) {
            continue;
        }
        for (int j = i + 1; j < ir->n_tasks;) {
            pn_task *other = ir->tasks[j];
            if (mergeable(ir, other) && same_task(ir->tasks[i], other)) {
                pn_ir_remove(ir, j);
                redirect(ir, j, (replacement){other->out[0].temp, ir->tasks[i]->out[0].temp});
            } else {
                j++;
            }
        }
    }
    return PENCL_OK;
}
