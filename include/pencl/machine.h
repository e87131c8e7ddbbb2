/* SPDX-License-Identifier: Apache-2.0 */
/* The machine around the devices: what should be there, what is amiss, and what mends it.
 *
 *     pencl_device_list *list = NULL;
 *     pencl_machine *machine = NULL;
 *     pencl_status st = pencl_device_list_new(&list, ctx);
 *     if (!st) st = pencl_machine_new(&machine, ctx, list);
 *     for (size_t i = 0; !st && i < machine->n_findings; i++) {
 *         printf("%s; %s\n", machine->findings[i].what, machine->findings[i].mend);
 *     }
 *     pencl_machine_free(machine);
 *     pencl_device_list_free(list);
 */
#ifndef PENCL_MACHINE_H
#define PENCL_MACHINE_H

#include "pencl/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A display controller on the PCI bus, as /sys/bus/pci has it. */
typedef struct pencl_gpu {
    char pci[32]; /* "0000:03:00.0" */
    uint32_t vendor;
    uint32_t device;
    char maker[32];  /* "AMD"; "" when none of those that have OpenCL drivers */
    char driver[32]; /* the kernel's: "amdgpu"; "" for none */
    int offered;     /* 1: a device of the list is, or may be, this one */
} pencl_gpu;

/* /dev/dri/renderD*: what a driver opens to compute. */
typedef struct pencl_render_node {
    char path[256];
    char group[64]; /* the group that owns it; its number when it has no name */
    int allowed;    /* 1: this process may read and write it */
} pencl_render_node;

typedef struct pencl_icd_file {
    char file[512];
    char library[512]; /* what it names */
    int silent;        /* 1: no platform came of it */
} pencl_icd_file;

typedef struct pencl_finding {
    const char *code; /* "no-permission": a short name for scripts */
    int fault;        /* 1: amiss; 0: good to know */
    char what[640];
    char mend[320]; /* a command, or what to do */
} pencl_finding;

typedef struct pencl_machine {
    char loader[512]; /* libOpenCL in use; "" without one */
    size_t n_gpus;
    pencl_gpu *gpus;
    size_t n_nodes;
    pencl_render_node *nodes;
    size_t n_icds;
    pencl_icd_file *icds;
    size_t n_findings;
    pencl_finding *findings;
    char cache[512];      /* folder of binaries and verdicts; "" without a home */
    uint64_t cache_bytes; /* of its cache.db */
    size_t n_left;        /* calls that processes died in ... */
    size_t n_refused;     /* ... of these, not made any more; the others get one more try */
} pencl_machine;

/* Looks around, with a list of this process. PENCL_ROOT goes before /dev, /sys and /etc: a test's
 * tree, or another system's. E_NOMEM. Free with pencl_machine_free. */
PENCL_API PENCL_NODISCARD pencl_status pencl_machine_new(pencl_machine **out,
                                                         pencl_ctx *ctx,
                                                         const pencl_device_list *list);
PENCL_API void pencl_machine_free(pencl_machine *machine);

#ifdef __cplusplus
}
#endif

#endif
