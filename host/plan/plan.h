/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: a graph compiled for one device into recorded launches, and replayed. */
#ifndef PENCL_PLAN_PLAN_H
#define PENCL_PLAN_PLAN_H

#include "graph/graph.h"

/* Device memory for temporaries, shared by the plans of a model: one runs at a time. */
typedef struct pn_pool pn_pool;
pencl_status pn_pool_new(pn_pool **out, pencl_device *device);
void pn_pool_free(pn_pool *pool);
size_t pn_pool_bytes(const pn_pool *pool);

typedef struct pn_plan pn_plan;

typedef struct pn_plan_options {
    pn_pool *pool;      /* NULL: the plan has its own */
    const char *passes; /* "all", "none" or a list; NULL: PENCL_PASSES, else all */
    const char *kernel; /* a candidate to take wherever it fits: "matmul_simt"; or NULL */
    const char *matmul; /* "auto", "native" or "clblast"; NULL: auto */
    bool trial;         /* a task runs by `kernel` or not at all, whatever is known against it */
} pn_plan_options;

/* The graph may be freed afterwards; its variables' cells and stores are counted up. */
pencl_status pn_plan_new(pn_plan **out,
                         pencl_graph *graph,
                         pencl_value *const outs[],
                         int n_outs,
                         const pn_plan_options *options);
void pn_plan_free(pn_plan *plan);

/* Host memory of a step input, to be filled before a run; NULL when the plan has no such input. */
void *pn_plan_input(pn_plan *plan, const char *name, const pn_spec **spec);
/* Variables that are found in cell `from` are found in `to` from now on: another session's. */
void pn_plan_bind(pn_plan *plan, const pn_cell *from, pn_cell *to);
/* Whether every variable still has what the plan was made for: type, axes and layout. */
bool pn_plan_fits(const pn_plan *plan);
/* Uploads the step inputs and enqueues the launches, over what the variables hold now; does not
 * wait. */
pencl_status pn_plan_run(pn_plan *plan);
/* Output i as plain bytes of its spec, from byte `offset` on; waits. */
pencl_status pn_plan_read(pn_plan *plan, int i, size_t offset, void *to, size_t bytes);
/* The same into a buffer of the device; does not wait. */
pencl_status
pn_plan_copy(pn_plan *plan, int i, size_t offset, pn_buffer *to, size_t to_offset, size_t bytes);
const pn_spec *pn_plan_out_spec(const pn_plan *plan, int i);
/* Captured values follow the outputs: the name of output i as a capture, or NULL. */
int pn_plan_n_outs(const pn_plan *plan);
const char *pn_plan_capture_name(const pn_plan *plan, int i);
/* A new array with a copy of output i. */
pencl_status pn_plan_array(pencl_array **out, pn_plan *plan, int i);

size_t pn_plan_launches(const pn_plan *plan);
size_t pn_plan_bytes(const pn_plan *plan); /* of temporaries */
/* A row a task: kernel, label, shapes; then "launches N, bytes B". */
void pn_plan_print(pn_text *out, const pn_plan *plan);

#endif
