/* SPDX-License-Identifier: Apache-2.0 */
/* How the work-items of a group reduce: the forms of cl/lib/group.clh. */
#ifndef PENCL_OP_GROUP_H
#define PENCL_OP_GROUP_H

#include "op/task.h"

enum { PN_GROUP_LANES = 64 }; /* work-items of a group that reduces */

typedef enum pn_group {
    PN_GROUP_ALONE,     /* one work-item, nothing to reduce */
    PN_GROUP_TREE,      /* through local memory */
    PN_GROUP_SUBGROUPS, /* by subgroups of any size; where there is PN_CAP_SUBGROUPS */
} pn_group;

size_t pn_group_lanes(pn_group group);
/* Appends the macros that tell cl/lib/group.clh the form. */
void pn_group_define(pn_text *prelude, pn_group group, const pencl_device *device);
/* The options of such a program, or NULL: OpenCL C 1.2 knows no subgroups. */
const char *pn_group_options(pn_group group, const pencl_device *device);

#endif
