/* SPDX-License-Identifier: Apache-2.0 */
/* How pencl devices shows its list. */
#ifndef PENCL_TOOLS_DEVICES_H
#define PENCL_TOOLS_DEVICES_H

#include "output.h"
#include "work.h"

typedef struct devices_shown {
    const pencl_device_list *list;
    const pencl_machine *machine;
    bool all;                 /* every row and every platform, in order; else `picks` */
    pencl_device_pick *picks; /* what -d or -D means, best first */
    size_t n;
    pencl_limits *limits; /* n of them, all zeros where nothing was measured; NULL: not asked for */
} devices_shown;

/* The i-th device that is shown, its id, and how many compute units are meant. */
const pencl_device_info *
devices_row(const devices_shown *shown, size_t i, char id[64], uint32_t *compute_units);

/* Both return an exit status. */
int devices_print(const devices_shown *shown);
int devices_json(const devices_shown *shown);

#endif
