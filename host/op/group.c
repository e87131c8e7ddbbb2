/* SPDX-License-Identifier: Apache-2.0 */
/* What a program is told of how its work-groups reduce. */
#include "op/group.h"

size_t pn_group_lanes(pn_group group)
{
    return group == PN_GROUP_ALONE ? 1 : PN_GROUP_LANES;
}

void pn_group_define(pn_text *prelude, pn_group group, const pencl_device *device)
{
    const pn_caps *caps = pn_device_caps(device);
    if (group == PN_GROUP_ALONE) {
        pn_text_add(prelude, "#define GROUP_ALONE\n");
    }
    if (group == PN_GROUP_SUBGROUPS) {
        pn_text_add(prelude, "#define GROUP_SUBGROUPS\n");
    }
    if (group == PN_GROUP_SUBGROUPS && caps->subgroup_size > 0) {
        pn_text_add(prelude, "#define SUBGROUP_SIZE %u\n", (unsigned)caps->subgroup_size);
    }
}

const char *pn_group_options(pn_group group, const pencl_device *device)
{
    return group == PN_GROUP_SUBGROUPS ? pn_device_best_std(device) : NULL;
}
