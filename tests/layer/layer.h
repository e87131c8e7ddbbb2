/* SPDX-License-Identifier: Apache-2.0 */
/* What every OpenCL layer of the tests is: the table of the calls below it, some of which it takes.
 * One file a layer includes this, with CL_TARGET_OPENCL_VERSION defined before. */
#ifndef PENCL_TESTS_LAYER_H
#define PENCL_TESTS_LAYER_H

#include <CL/cl_layer.h>

#include <string.h>

static const cl_icd_dispatch *below;
static cl_icd_dispatch table;

/* The layer's own: puts its functions into `table`, and begins its report. */
static void take_calls(void);

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name,
                                               size_t room,
                                               void *value,
                                               size_t *size)
{
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    if (name != CL_LAYER_API_VERSION || (value != NULL && room < sizeof version)) {
        return CL_INVALID_VALUE;
    }
    if (value != NULL) {
        memcpy(value, &version, sizeof version);
    }
    if (size != NULL) {
        *size = sizeof version;
    }
    return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint n,
                                            const cl_icd_dispatch *target,
                                            cl_uint *n_ours,
                                            const cl_icd_dispatch **ours)
{
    if (n < sizeof table / sizeof(void *) || target == NULL || n_ours == NULL || ours == NULL) {
        return CL_INVALID_VALUE;
    }
    below = target;
    table = *target;
    take_calls();
    *n_ours = (cl_uint)(sizeof table / sizeof(void *));
    *ours = &table;
    return CL_SUCCESS;
}

#endif
