/* SPDX-License-Identifier: Apache-2.0 */
/* A plan's inside, shared by the files that compile and run it. */
#ifndef PENCL_PLAN_INTERNAL_H
#define PENCL_PLAN_INTERNAL_H

#include "op/emit.h"
#include "plan/ir.h"
#include "plan/plan.h"

/* Buffers stay the same when they grow, so that nobody keeps old memory. */
struct pn_pool {
    pencl_device *device;
    pn_buffer *buffer;   /* NULL until a plan needs it */
    pn_buffer *scratch;  /* likewise */
    unsigned long grown; /* how often one of them was resized */
};

/* A variable of the plan. */
typedef struct pn_slot {
    pn_source source;      /* counted; its cell is NULL where the store stays */
    const char *name;      /* label; owned by the plan's ir */
    const pn_limit *limit; /* owned by the plan's ir; or NULL */
    bool written;
    pn_store *seen;  /* what the cell held when `store` was found there; counted */
    pn_store *store; /* that the launches have; counted */
} pn_slot;

/* When launches that follow each other are one. */
typedef enum pn_chaining {
    PN_CHAINS_NEVER,
    PN_CHAINS_LATER, /* when it ran often, and not for long */
    PN_CHAINS_READY
} pn_chaining;

struct pn_plan {
    pencl_ctx *ctx;
    pencl_device *device;
    pn_ir *ir; /* tasks in order, with their chosen candidates */
    pn_emit emit;
    pn_pool *pool;
    bool own_pool;
    unsigned long grown; /* the pool's, when arguments were set */
    pn_buffer *arena;    /* the pool's; counted */
    size_t arena_bytes;
    pn_buffer *step; /* step inputs and what the host computes from them */
    unsigned char *staging;
    size_t step_bytes;
    pn_buffer *scratch;   /* the pool's; counted */
    size_t scratch_bytes; /* of the candidate that wants most */
    pn_slot *slots;
    int n_slots;
    bool is_ref;
    bool checked;      /* PENCL_CHECK: every task is compared with its reference */
    bool form_refused; /* something fused was wrong: the plan is to be made again */
    bool idle_told;    /* the device was told once that the first run is over */
    pn_chaining chains;
    int short_runs;   /* so far, until there are chains */
    uint64_t started; /* when the last run's launches began to be enqueued, ns; 0: it is over */
    uint64_t took;    /* by the last run, at most */
    uint64_t timed;   /* by the last run whose launches were timed */
};

/* choose.c: a candidate for every task that a kernel runs. */
pencl_status pn_plan_choose(pn_plan *plan, const pn_plan_options *options);
/* place.c: offsets of temporaries by lifetime; sizes of arena, step and scratch buffers. */
pencl_status pn_plan_place(pn_plan *plan);
/* place.c: the pool's buffers are as large as this plan needs. */
pencl_status pn_plan_grow_pool(pn_plan *plan);
/* place.c: buffers, and the operands of all tasks resolved to them. */
pencl_status pn_plan_resolve(pn_plan *plan);
/* place.c: again, after a variable was rebound. */
void pn_plan_resolve_operands(pn_plan *plan);
/* reference.c: the operand, whose element 0 is at `data`, for references; stored variables keep
 * their matrix, which is plain. */
void pn_reference_describe(const pn_operand *o, unsigned char *data, pn_ref_operand *out);
/* reference.c: bytes from the start of an operand's storage to the end of its view's last element.
 */
size_t pn_operand_span(const pn_operand *o);
/* variables.c: the graph's variables, by slot. */
pencl_status pn_plan_take_variables(pn_plan *plan, const pencl_graph *graph);
void pn_plan_free_variables(pn_plan *plan);
/* Before a run: limits are checked, what will be written belongs to its variable alone, and the
 * launches have the stores that the variables hold now. */
pencl_status pn_plan_follow(pn_plan *plan);
/* After a run: variables take their new values. */
pencl_status pn_plan_leave(pn_plan *plan);
/* plan.c: what comes before the launches of a run, and after them. */
pencl_status pn_plan_begin(pn_plan *plan);
pencl_status pn_plan_end(pn_plan *plan);
/* check.c: instead of a replay. */
pencl_status pn_plan_run_checked(pn_plan *plan);
/* reference.c: runs one task by its op's reference, on a device whose memory is the host's. */
pencl_status pn_reference_run(pn_plan *plan, const pn_task *task);
/* reference.c: a host op whose inputs are the step's is computed before the launches, from staging
 * to staging; any other between them, at the price of a wait. */
bool pn_task_is_early(const pn_ir *ir, const pn_task *task);
void pn_reference_early(pn_plan *plan, const pn_task *task);
pencl_status pn_reference_emit(pn_plan *plan, const pn_task *task);

#endif
