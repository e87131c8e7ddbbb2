/* SPDX-License-Identifier: Apache-2.0 */
/* Which operations a study is about: a name of the table, or "all". */
#ifndef PENCL_STUDY_OPS_H
#define PENCL_STUDY_OPS_H

#include "op/op.h"

/* E_ARG with the names when `asked` is none of them. */
pencl_status pn_ops_find(pencl_ctx *ctx, const char *asked);
bool pn_ops_wanted(const char *asked, const pn_op_def *def);

#endif
