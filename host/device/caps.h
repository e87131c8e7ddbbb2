/* SPDX-License-Identifier: Apache-2.0 */
/* What a device can do, asked once; and the environment variables that make it look smaller, which
 * is how the paths for lesser devices are tested on the ones at hand. */
#ifndef PENCL_DEVICE_CAPS_H
#define PENCL_DEVICE_CAPS_H

#include "device/cl.h"
#include "device/device.h"

/* PENCL_HIDE=fp16,subgroups,dot,images,unified and
 * PENCL_LIMIT=alloc:1M,wg:64,local:16K,mem:1G,subgroup:16. */
typedef struct pn_limits {
    unsigned hide; /* PN_CAP_ bits */
    bool apart;    /* host and device memory, whatever the driver says */
    uint64_t max_alloc;
    uint64_t memory;
    uint64_t local_bytes;
    size_t max_work_group;
    uint64_t subgroup; /* 0 in these five: no limit */
} pn_limits;

/* Reads both; E_ARG names a word that is not understood. */
pencl_status pn_limits_read(pn_limits *out, pencl_ctx *ctx);
void pn_limits_apply(pn_caps *caps, const pn_limits *limits);

/* Fills the row's OpenCL part and `caps`, before limits. Never fails: what a driver does not answer
 * is zero or empty. */
void pn_caps_query(pencl_device_info *info, pn_caps *caps, const pn_cl *cl, cl_device_id id);
/* Fills the PCI address and the UUID (identity.c). */
void pn_caps_identify(pencl_device_info *info, const pn_cl *cl, cl_device_id id);
void pn_caps_ref(pencl_device_info *info, pn_caps *caps);

/* "" when the device can run every op, else what it lacks. By capability, never by name. */
const char *pn_caps_missing(const pencl_device_info *info,
                            const pn_caps *caps,
                            const pn_cl *cl,
                            cl_device_id id);

/* The option for kernels that need subgroups: the highest of -cl-std=CL3.0, CL2.0, CL1.2. */
const char *pn_caps_best_std(const pn_cl *cl, cl_device_id id);

#endif
