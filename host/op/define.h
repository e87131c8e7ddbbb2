/* SPDX-License-Identifier: Apache-2.0 */
/* Macros through which a kernel written by hand reads and writes operands of any strides and dense
 * element type. */
#ifndef PENCL_OP_DEFINE_H
#define PENCL_OP_DEFINE_H

#include "op/task.h"

/* OpenCL C texts, one for each axis of an operand's view: the index along it. */
typedef struct pn_index {
    char text[PENCL_MAX_AXES][48];
    const char *of[PENCL_MAX_AXES];
} pn_index;

/* All axes at "0". */
void pn_index_clear(pn_index *index, const pn_spec *spec);
/* The axis `name` of `spec`, if it is there, at `text`; borrowed. */
void pn_index_axis(pn_index *index, const pn_spec *spec, const char *name, const char *text);
/* The axes of `spec` that `all` has, from `flat`, a count through `all` in C order. */
void pn_index_flat(pn_index *index, const pn_spec *spec, const pn_spec *all, const char *flat);

/* For NAME "X" and parameters "row, col" appends the macros
 *   X_AT(row, col)      element address from the operand's argument on (pn_emit_operand)
 *   X_T                 type of the elements in memory
 *   X_GET(p, at)        an element as float (int for I32)
 *   X_PUT(p, at, value) */
void pn_define_operand(
    pn_text *out, const char *name, const char *params, const pn_operand *o, const pn_index *index);
/* True when pn_define_operand can describe it: a dense element type, in one part. */
bool pn_definable(const pn_operand *o);

#endif
