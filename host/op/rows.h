/* SPDX-License-Identifier: Apache-2.0 */
/* What ops share that work on rows along one axis: norms, softmax, argmax, top_k. */
#ifndef PENCL_OP_ROWS_H
#define PENCL_OP_ROWS_H

#include "op/task.h"

/* Rows: the axes of input 0 without the call's first axis name, flattened in C order. */
pn_spec pn_row_axes(const pn_op_call *c);
/* The number of rows, and of columns: input 0's size along the axis. */
int64_t pn_row_count(const pn_op_call *c);
int64_t pn_col_count(const pn_op_call *c);

/* One input and one output that kernels can address, and no absorbed norm; with a program: the
 * columns are the output's last axis and the program can follow them. */
bool pn_rows_fit(const pn_task *t, const pn_caps *caps);
/* ... and both are float32 with unit steps along the axis, 16 columns at a time. */
bool pn_rows_fit_wide(const pn_task *t, const pn_caps *caps);

enum { PN_ROW_LANES = 64 }; /* work-items that share a row in `simt` kernels */

/* How a row kernel is launched: one work-item, or one group of PN_ROW_LANES, a row. */
typedef struct pn_row_kernel {
    const char *file;
    const char *name;
    const char *defines; /* more macros: "#define EPS 1e-6f\n"; or NULL */
    size_t lanes;        /* 1 or PN_ROW_LANES */
} pn_row_kernel;
/* The kernel sees X_AT, X_GET, OUT_AT, OUT_PUT (row, col) and EPILOGUE, see cl/lib/rows.clh. */
pencl_status pn_emit_rows(pn_emit *e, const pn_task *t, const pn_row_kernel *kernel);

#endif
