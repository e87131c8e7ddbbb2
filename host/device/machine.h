/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of pencl_machine_new: looking around, then drawing conclusions. */
#ifndef PENCL_DEVICE_MACHINE_H
#define PENCL_DEVICE_MACHINE_H

#include "base/base.h"
#include "pencl/machine.h"

typedef struct pn_gpu_maker {
    uint32_t vendor;
    const char *name;
    const char *words[2];
    const char *library;
    const char *package;
    const char *gallium;
    const char *firmware;
} pn_gpu_maker;

/* NULL for one that has no OpenCL driver (or is no GPU: servers' and virtual displays). */
const pn_gpu_maker *pn_gpu_maker_find(uint32_t vendor);

/* Adds what is amiss. False when memory is out. */
bool pn_machine_judge(pencl_machine *machine, const pencl_device_list *list);

#endif
