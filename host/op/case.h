/* SPDX-License-Identifier: Apache-2.0 */
/* One test case of an op, made from its texts: inputs in plain host memory and what the reference
 * gives for them. */
#ifndef PENCL_OP_CASE_H
#define PENCL_OP_CASE_H

#include "op/op.h"

/* An input, or the output, in C order of its spec. */
typedef struct pn_case_data {
    pn_spec spec;
    size_t bytes;
    void *plain;
} pn_case_data;

typedef struct pn_case {
    const pn_op_def *def;
    const pn_op_case *row;
    pn_op_call call; /* inferred */
    pn_case_data in[PN_MAX_IN];
    pn_case_data expected; /* of an op in place: all of input 0 afterwards */
} pn_case;

/* What an input is filled with (pn_op_case.fill); noise is seeded and from -1 to 1.
 *   NULL            noise
 *   "zero"          zeros
 *   "large"         noise times 10000
 *   "huge"          noise times 1e12
 *   "positive"      above 0
 *   "odd"           noise with NaN, both infinities and both zeros
 *   "ties"          whole numbers from 0 to 3
 *   "signs"         whole numbers from -3 to 3
 *   "beyond"        whole numbers from 2^24 on, which float32 cannot tell apart
 *   "bits"          any int32
 *   "masked"        noise, half of it replaced by mask's value, every third row wholly
 *   "positions:N"   N, N + 1, ... along the last axis; N may be left out
 *   "padded:N"      -1 for the first N along the last axis, then 0, 1, ...
 *   "ids:N"         whole numbers below N
 *   "counts:E,N"    {E, N, E + N, 0}: slots in use, new tokens, both */
pencl_status
pn_case_make(pn_case *out, pencl_ctx *ctx, const pn_op_def *def, const pn_op_case *row);
void pn_case_free(pn_case *c); /* also after a make that failed */

/* An output beside what is expected. */
typedef struct pn_difference {
    int64_t n_bad;  /* elements beyond `allowed` */
    double allowed; /* by the op's tolerance */
    double largest; /* absolute; NaN where only one of the two is NaN */
    double relative;
    double nmse;   /* of all elements: sum of squared differences / sum of squares expected */
    int64_t worst; /* the element that differs most */
} pn_difference;
pn_difference pn_case_compare(const pn_case *c, void *plain);
/* The same in words, with a few elements. */
void pn_case_explain(pn_text *out, const pn_case *c, void *plain, const pn_difference *difference);

#endif
