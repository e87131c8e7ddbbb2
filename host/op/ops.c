/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations. */
#include "op/op.h"

#include <string.h>

const pn_op_def *const pn_ops[] = {
#define OP(name) &pn_op_##name,
#include "op/ops.def"
#undef OP
    NULL,
};

const pn_op_def *pn_op_by_name(const char *name)
{
    for (const pn_op_def *const *def = pn_ops; *def != NULL; def++) {
        if (strcmp((*def)->name, name) == 0) {
            return *def;
        }
    }
    return NULL;
}
