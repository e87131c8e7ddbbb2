/* SPDX-License-Identifier: Apache-2.0 */
/* What passes work on: tasks in execution order, over temporaries, step inputs and variables. */
#ifndef PENCL_PLAN_IR_H
#define PENCL_PLAN_IR_H

#include "graph/graph.h"
#include "op/task.h"

typedef enum pn_place {
    PN_IN_ARENA, /* written and read by tasks */
    PN_IN_STEP,  /* filled by the host before every run */
    PN_IN_ARRAY  /* an array that the caller keeps */
} pn_place;

/* Which tasks write a temporary. */
typedef enum pn_writing {
    PN_BY_ONE_TASK,
    PN_IN_PIECES, /* several tasks, parts that lie apart */
    PN_IN_LAYERS  /* several tasks, the later over the earlier: their order must stay */
} pn_writing;

typedef struct pn_temp {
    pn_spec spec;
    pn_place place;
    pn_writing writing;
    const char *name;         /* of a step input or a capture; else NULL */
    const pencl_array *array; /* PN_IN_ARRAY */
    bool keep;                /* an output or a capture: lives to the end, never fused away */
    size_t offset;            /* bytes into the arena or the step buffer */
} pn_temp;

typedef struct pn_ir {
    pencl_ctx *ctx;
    pencl_device *device;
    pn_arena *arena; /* owns tasks, programs and calls */
    pn_task **tasks;
    int n_tasks;
    int task_room;
    pn_temp *temps;
    int n_temps;
    int temp_room;
    pn_operand *outs; /* in the order of the plan's outputs */
    int n_outs;
    int *next_slots; /* outputs first_next .. are what variables become: the slot of each */
    int first_next;
    int n_next;
    int *uses;         /* of each temporary, by pn_ir_count_uses */
    bool by_library;   /* a library multiplies where it can */
    bool bare_matmuls; /* nothing is fused into matmuls, norms; nor elementwise tasks together */
    bool bare_norms;
    bool bare_pointwise;
    bool chained; /* launches that follow each other become one */
} pn_ir;

typedef pencl_status pn_pass(pn_ir *ir);
#define PASS(name) pencl_status pn_pass_##name(pn_ir *ir);
#include "plan/passes.def"
#undef PASS
/* Runs those that `list` names ("all", "none", "fuse,merge_matmuls"; NULL: all), in .def order. */
pencl_status pn_passes_run(pn_ir *ir, const char *list);

/* One task for each op that `outs` need, in graph order. */
pencl_status pn_lower(pn_ir **out, pencl_graph *graph, pencl_value *const outs[], int n);
void pn_ir_free(pn_ir *ir);

pn_task *pn_ir_new_task(pn_ir *ir); /* not yet in the list; NULL when memory is out */
pn_pw *pn_ir_new_program(pn_ir *ir);
pn_op_call *pn_ir_copy_call(pn_ir *ir, const pn_op_call *call);
int pn_ir_new_temp(pn_ir *ir, const pn_spec *spec); /* in the arena; -1 when memory is out */
void pn_ir_remove(pn_ir *ir, int index);
pencl_status pn_ir_insert(pn_ir *ir, int index, pn_task *task);

/* Calls visit for every operand that a task reads. */
typedef void pn_visit(void *user, pn_operand *o);
void pn_task_inputs(pn_task *t, pn_visit *visit, void *user);
/* Counts readers of every temporary into ir->uses; kept ones have one more. */
pencl_status pn_ir_count_uses(pn_ir *ir);
/* The last task that writes a temporary, or -1; and the one that writes all of it, -1 also when
 * there are several. `part` may be NULL. */
int pn_ir_writer(const pn_ir *ir, int temp, int *part);
int pn_ir_producer(const pn_ir *ir, int temp, int *part);
/* The task changes one of its own inputs. */
bool pn_task_is_in_place(const pn_task *t);
bool pn_task_reads_temp(pn_task *t, int temp);
bool pn_task_reads_slot(pn_task *t, int slot);
bool pn_task_is_pointwise(const pn_task *t);
/* True when the operand is the whole of its temporary in C order, whatever the axes' names. */
bool pn_operand_is_whole(const pn_ir *ir, const pn_operand *o);

#endif
