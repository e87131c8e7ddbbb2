/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks and temporaries: making them, walking them, counting their uses. */
#include "plan/ir.h"

#include <string.h>

void pn_ir_free(pn_ir *ir)
{
    if (ir == NULL) {
        return;
    }
    pn_free(ir->tasks);
    pn_free(ir->temps);
    pn_free(ir->outs);
    pn_free(ir->next_slots);
    pn_free(ir->uses);
    pn_arena_free(ir->arena);
    pn_free(ir);
}

pn_task *pn_ir_new_task(pn_ir *ir)
{
    return pn_arena_alloc(ir->arena, 1, sizeof(pn_task));
}

pn_pw *pn_ir_new_program(pn_ir *ir)
{
    return pn_arena_alloc(ir->arena, 1, sizeof(pn_pw));
}

pn_op_call *pn_ir_copy_call(pn_ir *ir, const pn_op_call *call)
{
    pn_op_call *copy = pn_arena_alloc(ir->arena, 1, sizeof *copy);
    if (copy != NULL) {
        *copy = *call;
    }
    return copy;
}

int pn_ir_new_temp(pn_ir *ir, const pn_spec *spec)
{
    if (ir->n_temps == ir->temp_room) {
        int room = ir->temp_room == 0 ? 256 : ir->temp_room * 2;
        pn_temp *temps = pn_realloc(ir->temps, (size_t)room, sizeof *temps);
        if (temps == NULL) {
            return -1;
        }
        ir->temps = temps;
        ir->temp_room = room;
    }
    ir->temps[ir->n_temps] = (pn_temp){.spec = *spec};
    return ir->n_temps++;
}

void pn_ir_remove(pn_ir *ir, int index)
{
    ir->n_tasks--;
    memmove(&ir->tasks[index], &ir->tasks[index + 1],
            (size_t)(ir->n_tasks - index) * sizeof *ir->tasks);
}

pencl_status pn_ir_insert(pn_ir *ir, int index, pn_task *task)
{
    if (ir->n_tasks == ir->task_room) {
        int room = ir->task_room == 0 ? 256 : ir->task_room * 2;
        pn_task **tasks = pn_realloc(ir->tasks, (size_t)room, sizeof(pn_task *));
        if (tasks == NULL) {
            return PN_NOMEM(ir->ctx);
        }
        ir->tasks = tasks;
        ir->task_room = room;
    }
    memmove(&ir->tasks[index + 1], &ir->tasks[index],
            (size_t)(ir->n_tasks - index) * sizeof *ir->tasks);
    ir->tasks[index] = task;
    ir->n_tasks++;
    return PENCL_OK;
}

void pn_task_inputs(pn_task *t, pn_visit *visit, void *user)
{
    if (!pn_task_is_pointwise(t)) {
        for (int i = 0; i < t->n_in; i++) {
            visit(user, &t->in[i]);
        }
    }
    for (int i = 0; t->norm_program != NULL && i < t->norm_program->n_in; i++) {
        visit(user, &t->norm_program->in[i]);
    }
    for (int p = 0; p < t->n_parts; p++) {
        for (int i = 0; t->program[p] != NULL && i < t->program[p]->n_in; i++) {
            visit(user, &t->program[p]->in[i]);
        }
    }
}

static void count_use(void *user, pn_operand *o)
{
    int *uses = user;
    if (o->temp >= 0) {
        uses[o->temp]++;
    }
}

pencl_status pn_ir_count_uses(pn_ir *ir)
{
    pn_free(ir->uses);
    ir->uses = pn_calloc((size_t)ir->n_temps + 1, sizeof *ir->uses);
    if (ir->uses == NULL) {
        return PN_NOMEM(ir->ctx);
    }
    for (int i = 0; i < ir->n_tasks; i++) {
        pn_task *t = ir->tasks[i];
        pn_task_inputs(t, count_use, ir->uses);
        if (pn_task_is_in_place(t) && t->out[0].temp >= 0) {
            ir->uses[t->out[0].temp]--; /* what it changes, it does not use */
        }
    }
    for (int i = 0; i < ir->n_temps; i++) {
        ir->uses[i] += ir->temps[i].keep ? 1 : 0;
    }
    return PENCL_OK;
}

int pn_ir_writer(const pn_ir *ir, int temp, int *part)
{
    for (int i = ir->n_tasks - 1; temp >= 0 && i >= 0; i--) {
        for (int p = 0; p < ir->tasks[i]->n_parts; p++) {
            if (ir->tasks[i]->out[p].temp == temp) {
                if (part != NULL) {
                    *part = p;
                }
                return i;
            }
        }
    }
    return -1;
}

int pn_ir_producer(const pn_ir *ir, int temp, int *part)
{
    bool one = temp >= 0 && ir->temps[temp].writing == PN_BY_ONE_TASK;
    return one ? pn_ir_writer(ir, temp, part) : -1;
}

typedef struct wanted {
    int temp;
    int slot;
    bool found;
} wanted;

static void look(void *user, pn_operand *o)
{
    wanted *w = user;
    w->found |= (w->temp >= 0 && o->temp == w->temp) || (w->slot >= 0 && o->slot == w->slot);
}

bool pn_task_reads_temp(pn_task *t, int temp)
{
    wanted w = {.temp = temp, .slot = -1};
    pn_task_inputs(t, look, &w);
    return w.found;
}

bool pn_task_reads_slot(pn_task *t, int slot)
{
    wanted w = {.temp = -1, .slot = slot};
    pn_task_inputs(t, look, &w);
    return w.found;
}

bool pn_task_is_pointwise(const pn_task *t)
{
    return (t->call->def->flags & PN_OP_POINTWISE) != 0;
}

bool pn_task_is_in_place(const pn_task *t)
{
    return (t->call->def->flags & PN_OP_IN_PLACE) != 0;
}

bool pn_operand_is_whole(const pn_ir *ir, const pn_operand *o)
{
    return o->temp >= 0 && pn_view_is_contiguous(&o->view) && o->view.offset == 0 &&
           pn_spec_count(&o->view.spec) == pn_spec_count(&ir->temps[o->temp].spec);
}
