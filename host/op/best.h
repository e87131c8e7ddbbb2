/* SPDX-License-Identifier: Apache-2.0 */
/* What argmax, argmin and top_k share: the best entries of a row, ties to the lowest index. */
#ifndef PENCL_OP_BEST_H
#define PENCL_OP_BEST_H

#include "op/rows.h"

/* Writes the k best indices of each row of in[0], best first; `into` is the output's axis for them,
 * NULL when k is 1 and there is none. The smallest is the best of argmin. */
void pn_best_ref(const pn_op_call *c,
                 const pn_ref_operand *in,
                 const pn_ref_operand *out,
                 int64_t k,
                 const char *into);

/* The candidates; the kernels of cl/best.cl find one entry after another, k times. */
extern const pn_candidate pn_best_kernels[];

#endif
