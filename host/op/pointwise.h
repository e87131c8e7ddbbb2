/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels composed from elementwise programs: addresses, steps, whole pointwise kernels. */
#ifndef PENCL_OP_POINTWISE_H
#define PENCL_OP_POINTWISE_H

#include "op/task.h"

/* Appends the element address of an operand at the given index texts (one for each axis of its
 * view): strides are written as literals; rows16 storage of a dense type is understood. */
void pn_address(pn_text *out, const pn_operand *o, const char *const *index);
/* Defines the macro that such an address uses; once a program. */
void pn_address_macro(pn_text *out);
/* A load of type float (int for I32) from parameter pointer `p` at address text `at`. */
void pn_load(pn_text *out, pencl_dtype dtype, const char *p, const char *at);
/* A literal of the type that a step computes in: int for I32, else float. */
void pn_number(pn_text *out, double value, pencl_dtype dtype);
/* The OpenCL C pointer type of a dtype's storage: "float", "half", "ushort", "int". */
const char *pn_storage_type(pencl_dtype dtype);
size_t pn_storage_bytes(pencl_dtype dtype);

/* What a program runs over and writes: its result, or the new rows of a cache. */
const pn_spec *pn_pw_domain(const pn_pw *pw);

/* The candidates of a pointwise task: one generated kernel. */
extern const pn_candidate pn_pointwise_candidates[];

#endif
