/* SPDX-License-Identifier: Apache-2.0 */
/* The one libOpenCL of the process, opened when it is first asked for. */
#ifndef PENCL_DEVICE_LOADER_H
#define PENCL_DEVICE_LOADER_H

#include "device/cl.h"

/* Opens libOpenCL on the first call, from any thread; NULL when there is none. */
const pn_cl *pn_opencl(void);
/* After pn_opencl(): the file in use, "" without one; and the names that were tried, with what was
 * wrong with each: "libOpenCL.so.1 (cannot be loaded), ...". */
const char *pn_opencl_path(void);
const char *pn_opencl_tried(void);
/* True once the library was asked for: from then on drivers may have read their environment. */
bool pn_opencl_asked(void);

#endif
