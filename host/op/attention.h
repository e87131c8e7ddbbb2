/* SPDX-License-Identifier: Apache-2.0 */
/* Attention's inputs and axes, for its shape rule, reference and kernels. */
#ifndef PENCL_OP_ATTENTION_H
#define PENCL_OP_ATTENTION_H

#include "op/task.h"

/* Inputs. After the first five come counts, if num[HAS_COUNTS], then the two sequence inputs, if
 * num[HAS_SEQUENCE]. */
enum { PN_ATT_Q, PN_ATT_K, PN_ATT_V, PN_ATT_POSITIONS, PN_ATT_KV_POSITIONS, PN_ATT_OPTIONAL };
enum { PN_ATT_SOFT_CAP, PN_ATT_WINDOW, PN_ATT_HAS_COUNTS, PN_ATT_HAS_SEQUENCE }; /* numbers */
enum { PN_ATT_SEQ, PN_ATT_KV_SEQ, PN_ATT_PROJECTION };                           /* names */

/* Indices of optional inputs; -1: absent. */
typedef struct pn_attention_inputs {
    int counts; /* i32 [counts:4] = {end, n_new, kv_len, 0} */
    int token_sequence;
    int kv_sequence;
} pn_attention_inputs;
pn_attention_inputs pn_attention_optional(const pn_op_call *c);

/* The axes of q apart from seq and projection, in q's order: `groups` are those that k has as well
 * (batch, key-value heads), `heads` those that share keys (query heads of a group). */
void pn_attention_axes(const pn_op_call *c, pn_spec *groups, pn_spec *heads);

extern const pn_candidate pn_attention_kernels[];

#endif
