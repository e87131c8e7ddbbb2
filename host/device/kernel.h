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

/* An argument as it was set: for chains, which get it too. */
typedef enum pn_arg_kind {
    PN_ARG_BUFFER,
    PN_ARG_I32,
    PN_ARG_U32,
    PN_ARG_I64,
    PN_ARG_F32
} pn_arg_kind;
typedef struct pn_arg {
    pn_arg_kind kind;
    union {
        cl_mem mem;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        float f32;
    } value;
} pn_arg;

enum {
    PN_STAGE_ARGS = 48
}; /* what is kept of a kernel that may be a stage: with more it is none */

struct pn_kernel {
    pencl_device *device;
    pn_program *program;
    cl_kernel kernel;
    char *name;
    char *label;
    int bad_arg; /* the first argument that was refused, with its code; told at the launch */
    cl_int bad_code;
    bool whole;   /* launches are never cut */
    bool once;    /* no part of a launch is done twice */
    pn_arg *args; /* of one that may be a stage; else NULL */
    int n_args;
    pn_kernel *chain; /* that has this kernel's arguments too, from chain_at on; or NULL */
    int chain_at;
    pn_range proven; /* the last launch: the same again needs no second look */
    size_t piece;    /* of `proven`, as many work-groups as one launch takes; 0: all */
};

size_t pn_arg_bytes(const pn_arg *arg);
void pn_kernel_arg(pn_kernel *kernel, int index, const pn_arg *arg);
/* The chain has the arguments of this kernel from index `at` on, now and whenever they are set. */
void pn_kernel_follow(pn_kernel *chain, int at, pn_kernel *kernel);

#endif
