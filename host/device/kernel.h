/* SPDX-License-Identifier: Apache-2.0 */
/* The struct behind a kernel object, for kernel.c and launch.c. */
#ifndef PENCL_DEVICE_KERNEL_H
#define PENCL_DEVICE_KERNEL_H

#include "device/program.h"

/* What is launched: work-items, in work-groups. */
typedef struct pn_range {
    int dims;
    size_t global[3];
    size_t local[3]; /* 0: the driver's choice */
} pn_range;

struct pn_kernel {
    pencl_device *device;
    pn_program *program;
    cl_kernel kernel;
    char *name;
    char *label;
    int bad_arg; /* the first argument that was refused, with its code; told at the launch */
    cl_int bad_code;
    bool whole;      /* launches are never cut */
    bool once;       /* no part of a launch is done twice */
    pn_range proven; /* the last launch: the same again needs no second look */
    size_t piece;    /* of `proven`, as many work-groups as one launch takes; 0: all */
};

#endif
