/* SPDX-License-Identifier: Apache-2.0 */
/* Computes only the rows that are wanted: a `take` along "seq" moves up through tasks that work
 * row by row, so that the logits of one position cost one row. */
#include "plan/ir.h"

#include <string.h>

/* Works on each element of "seq" alone, and may be asked for fewer of them. */
static bool row_by_row(const pn_task *t)
{
    const pn_op_def *def = t->call->def;
    if (def->flags &
        (PN_OP_PAIR | PN_OP_GATHER | PN_OP_CACHE | PN_OP_SCALAR | PN_OP_IN_PLACE | PN_OP_INDEX)) {
        return false;
    }
    return t->n_parts == 1 && (def->flags & (PN_OP_POINTWISE | PN_OP_ROWWISE)) != 0;
}

/* A task that takes the same rows of another operand, before task `at`. */
static pencl_status take_operand(pn_ir *ir, int at, const pn_task *take, pn_operand *o)
{
    pn_op_call *call = pn_ir_copy_call(ir, take->call);
    pn_task *t = pn_ir_new_task(ir);
    pn_pw *pw = pn_ir_new_program(ir);
    if (call == NULL || t == NULL || pw == NULL) {
        return PN_NOMEM(ir->ctx);
    }
    call->in[0] = o->view.spec;
    PENCL_TRY(call->def->infer(ir->ctx, call));
    *t = *take;
    *pw = *take->program[0];
    pw->in[0] = *o;
    pw->step[0].call = call;
    t->call = call;
    t->in[0] = *o;
    t->program[0] = pw;
    int temp = pn_ir_new_temp(ir, &call->out);
    if (temp < 0) {
        return PN_NOMEM(ir->ctx);
    }
    t->out[0] = (pn_operand){.view = pn_view_contiguous(&call->out), .temp = temp, .slot = -1};
    *o = t->out[0];
    return pn_ir_insert(ir, at, t);
}

/* take(f(x)) becomes f(take(x)); the take at `at` goes, its result is written by f. */
static pencl_status push(pn_ir *ir, int at, int writer)
{
    pn_task *take = ir->tasks[at];
    pn_task *f = ir->tasks[writer];
    pn_op_call *call = pn_ir_copy_call(ir, f->call);
    if (call == NULL) {
        return PN_NOMEM(ir->ctx);
    }
    pn_ir_remove(ir, at);
    for (int i = 0; i < f->n_in; i++) {
        if (pn_spec_find(&f->in[i].view.spec, take->call->names[0]) >= 0) {
            PENCL_TRY(take_operand(ir, writer, take, &f->in[i]));
            writer++;
        }
        call->in[i] = f->in[i].view.spec;
        if (pn_task_is_pointwise(f)) {
            f->program[0]->in[i] = f->in[i];
        }
    }
    PENCL_TRY(call->def->infer(ir->ctx, call));
    f->call = call;
    if (pn_task_is_pointwise(f)) {
        f->program[0]->step[0].call = call;
    }
    f->out[0] = take->out[0];
    f->out[0].view = pn_view_contiguous(&call->out);
    ir->temps[f->out[0].temp].spec = call->out;
    return PENCL_OK;
}

/* The task whose result this take may be moved above, or -1. */
static int movable(const pn_ir *ir, const pn_task *take)
{
    if (take->call->def != &pn_op_take || take->n_in != 2 ||
        strcmp(take->call->names[0], PENCL_AXIS_SEQ) != 0 || take->in[1].temp < 0 ||
        ir->temps[take->in[1].temp].place != PN_IN_STEP || take->in[1].view.spec.n_axes != 1 ||
        !pn_operand_is_whole(ir, &take->in[0]) || ir->uses[take->in[0].temp] != 1) {
        return -1;
    }
    int writer = pn_ir_producer(ir, take->in[0].temp, NULL);
    return writer >= 0 && row_by_row(ir->tasks[writer]) ? writer : -1;
}

pencl_status pn_pass_skip_rows(pn_ir *ir)
{
    PENCL_TRY(pn_ir_count_uses(ir));
    for (int i = ir->n_tasks - 1; i >= 0; i--) {
        int writer = movable(ir, ir->tasks[i]);
        if (writer >= 0) {
            PENCL_TRY(push(ir, i, writer));
            PENCL_TRY(pn_pass_merge_equal(ir));
            PENCL_TRY(pn_ir_count_uses(ir));
            i = ir->n_tasks; /* the list has changed: look again */
        }
    }
    return PENCL_OK;
}
