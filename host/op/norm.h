/* SPDX-License-Identifier: Apache-2.0 */
/* What rms_norm and layer_norm share: shape rule, reference, launches. */
#ifndef PENCL_OP_NORM_H
#define PENCL_OP_NORM_H

#include "op/task.h"

typedef enum pn_norm_kind { PN_NORM_RMS, PN_NORM_LAYER } pn_norm_kind;

pencl_status pn_norm_infer(pencl_ctx *ctx, pn_op_call *c);
/* Statistics in double: x / sqrt(mean(x^2) + eps), after x -= mean(x) for PN_NORM_LAYER. */
void pn_norm_ref(const pn_op_call *c,
                 const pn_ref_operand *in,
                 const pn_ref_operand *out,
                 pn_norm_kind kind);
/* Kernels `NAME_row`, `NAME_wide`, `NAME_lanes` and `NAME_subgroup` of cl/NAME.cl. */
pencl_status pn_norm_emit_row(pn_emit *e, const pn_task *t);
pencl_status pn_norm_emit_wide(pn_emit *e, const pn_task *t);
pencl_status pn_norm_emit_lanes(pn_emit *e, const pn_task *t);
pencl_status pn_norm_emit_subgroup(pn_emit *e, const pn_task *t);

#endif
