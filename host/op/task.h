/* SPDX-License-Identifier: Apache-2.0 */
/* A task: one anchor op with the elementwise neighbours fused into it, or a group of elementwise
 * programs; what a kernel candidate sees, and how it records its launches. */
#ifndef PENCL_OP_TASK_H
#define PENCL_OP_TASK_H

#include "op/op.h"

#define PN_MAX_PARTS 4
#define PN_PW_IN     8
#define PN_PW_STEPS  12

/* Where a value lives: a view over a temporary, an input or a variable. */
typedef struct pn_operand {
    pn_view view;      /* logical axes, strides in elements */
    int temp;          /* temporary or input of the plan; -1 */
    int slot;          /* variable of the plan; -1 */
    pn_store *store;   /* the variable's storage when the plan was made (spec, layout); borrowed */
    pn_buffer *buffer; /* resolved before candidates emit; NULL for stores of several parts */
    size_t base;       /* bytes from the buffer's start to element 0 of view's storage */
} pn_operand;

/* A straight-line elementwise program. Arguments of a step are >= 0: external input; otherwise
 * PN_PW_VALUE(i): the anchor's value i; PN_PW_STEP(i): the result of step i. */
#define PN_PW_VALUE(i) (-1 - (i))
#define PN_PW_STEP(i)  (-101 - (i))
typedef struct pn_pw_step {
    const pn_op_call *call; /* op and numbers; borrowed from the graph */
    int n_args;
    int arg[PN_MAX_IN];
} pn_pw_step;
typedef struct pn_pw {
    int n_in;
    pn_operand in[PN_PW_IN];
    int n_steps;
    pn_pw_step step[PN_PW_STEPS];
} pn_pw; /* its result: the last step, or PN_PW_VALUE(0) without steps */

struct pn_task {
    const pn_op_call *call; /* the anchor's; of a pointwise task: that of its first step */
    const char *path;       /* of the layer that the anchor came from, or NULL */
    int n_in;
    pn_operand in[PN_MAX_IN];     /* matmul: in[0] = x; weights are in[1 .. n_parts] */
    int n_parts;                  /* outputs; > 1 for merged matmuls and pointwise groups */
    bool joint;                   /* all parts' values feed program[0] and out[0] */
    const pn_op_call *norm;       /* absorbed norm over in[0], or NULL ... */
    pn_pw *norm_program;          /* ... and the elementwise program on its result, or NULL */
    pn_pw *program[PN_MAX_PARTS]; /* epilogues, or the segments of a pointwise task; NULL: none */
    pn_operand out[PN_MAX_PARTS];
    const pn_candidate *chosen;
    pn_buffer *scratch; /* of chosen->scratch bytes, or NULL */
};

/* ---- recording ---- */
pencl_ctx *pn_emit_ctx(pn_emit *e);
pencl_device *pn_emit_device(pn_emit *e);
/* A kernel owned by the plan. Name, file, prelude and options as in pn_kernel_source. */
pencl_status pn_emit_kernel(pn_emit *e, pn_kernel **out, const pn_kernel_source *source);
/* Sets argument `index` to the operand's buffer and `index + 1` (long) to its offset in elements
 * of `element` bytes: of the storage's element 0 for rows16 stores, else of the view's; remembers
 * it if the operand is a variable that may be rebound. `part` picks a part of a store. */
void pn_emit_operand(
    pn_emit *e, pn_kernel *k, int index, const pn_operand *o, int part, size_t element);
/* One launch, after its arguments are set. */
pencl_status
pn_emit_launch(pn_emit *e, pn_kernel *k, int dims, const size_t global[3], const size_t local[3]);
/* A host action between launches (CLBlast): called in order at every replay. */
typedef pencl_status pn_host_step(void *user, pencl_device *device);
pencl_status pn_emit_host(pn_emit *e, pn_host_step *run, void *user, void (*free_user)(void *));

/* ---- composing programs into kernels (pointwise.c) ---- */
/* Rows and columns of a task's output as its kernel sees it: the columns are the last axes of
 * `out` that multiply to `cols`, the rows the others. */
typedef struct pn_rows {
    int64_t rows;
    int64_t cols;
} pn_rows;
/* True when the program can run on an anchor's values at (row, column): every input has, over
 * (row, column), one stride a row and stride 0 or 1 a column. */
bool pn_pw_fits_rows(const pn_pw *pw, const pn_spec *out, int64_t cols);
/* Appends to `out` a macro `NAME(V0, V1, ROW, COL)`, an expression that gives the program's result
 * for anchor values V0, V1 at a row and a column; F (float or float16) and LOADF(pointer, index)
 * must be defined where it is used; with float16, COL is the first of 16 columns. `pw` may be NULL:
 * the result is V0. The inputs become kernel parameters "p0, p0_at, p1, ...": their declarations
 * are appended to `params` with a leading comma. Returns the number of parameters. */
int pn_pw_macro(pn_text *out,
                pn_text *params,
                const char *name,
                const pn_pw *pw,
                const pn_spec *spec,
                int64_t cols,
                int first_param);
/* Sets those parameters from kernel argument `index` on; returns the next index. */
int pn_pw_args(pn_emit *e, pn_kernel *k, int index, const pn_pw *pw);

/* The parts that a candidate walks: those of a variable's store, else one. */
int pn_operand_parts(const pn_operand *o);

/* The task's profile label: "matmul+rms_norm+add". Writes into `out`. */
void pn_task_label(const pn_task *t, char *out, size_t room);

#endif
