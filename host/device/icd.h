/* SPDX-License-Identifier: Apache-2.0 */
/* The .icd files that tell libOpenCL which drivers there are: one line each, a library's name. */
#ifndef PENCL_DEVICE_ICD_H
#define PENCL_DEVICE_ICD_H

#include "device/cl.h"

#define PN_PATH_MAX 512

typedef struct pn_icd {
    char file[PN_PATH_MAX];
    char library[PN_PATH_MAX];
} pn_icd;

/* The .icd files that libOpenCL reads; the rows are yours: pn_free. NULL and 0 when none. */
pn_icd *pn_icd_list(size_t *n);

/* True when one of the platforms comes from this library. */
bool pn_icd_yields(const pn_icd *icd, const cl_platform_id *platforms, size_t n);

#endif
