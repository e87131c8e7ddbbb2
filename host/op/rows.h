/* SPDX-License-Identifier: Apache-2.0 */
/* What ops share that work on rows: norms, softmax, argmax, top_k, reductions, cumsum. */
#ifndef PENCL_OP_ROWS_H
#define PENCL_OP_ROWS_H

#include "op/group.h"

/* A row runs along the call's first axis; with PN_OP_REDUCE along all that it names, the first
 * outermost. */
pn_spec pn_col_axes(const pn_op_call *c);
/* Rows: the other axes of input 0, flattened in C order. */
pn_spec pn_row_axes(const pn_op_call *c);
/* The number of rows, and of columns. */
int64_t pn_row_count(const pn_op_call *c);
int64_t pn_col_count(const pn_op_call *c);

/* For shape rules: `out` is what input 0 is, floating point or integers, without the axes that rows
 * run along; E_AXIS when one is missing or given twice. */
pencl_status pn_infer_rows(pencl_ctx *ctx, pn_op_call *c);
/* Rows have elements, as many as int32 can count: E_SHAPE. */
pencl_status pn_need_elements(pencl_ctx *ctx, const pn_op_call *c);

/* Walks the rows of input 0, for references: `index` is into its view; start with zeros. */
bool pn_next_row(const pn_op_call *c, int64_t *index);
/* Steps along the row, through its columns; back at the first after the last, then false. */
bool pn_next_col(const pn_op_call *c, int64_t *index);

/* One input and one output that kernels can address, and no absorbed norm; with a program: the
 * columns are the output's last axis and the program can follow them. */
bool pn_rows_fit(const pn_task *t, const pn_caps *caps);
/* ... and the row is not too long for one work-item. */
bool pn_rows_fit_one(const pn_task *t, const pn_caps *caps);
/* ... and both are float32 with unit steps along the axis, 16 columns at a time. */
bool pn_rows_fit_wide(const pn_task *t, const pn_caps *caps);

/* How a row kernel is launched: one work-item, or one group of PN_GROUP_LANES, a row. */
typedef struct pn_row_kernel {
    const char *file;
    const char *name;
    const char *defines; /* more macros: "#define EPS 1e-6f\n"; or NULL */
    pn_group group;
} pn_row_kernel;
/* The kernel sees X_AT, X_GET, OUT_AT, OUT_PUT (row, col) and EPILOGUE, see cl/lib/rows.clh. */
pencl_status pn_emit_rows(pn_emit *e, const pn_task *t, const pn_row_kernel *kernel);

#endif
