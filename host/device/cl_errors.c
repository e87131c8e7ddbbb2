/* SPDX-License-Identifier: Apache-2.0 */
/* Names of OpenCL's error codes, and the record of a failed call. */
#include "device/cl.h"

#include <stdio.h>

const char *pn_cl_error_name(cl_int code, char room[32])
{
    switch (code) {
#define ERROR(name)                                                                                \
    case name:                                                                                     \
        return #name;
#include "device/cl_errors.def"
#undef ERROR
    default:
        snprintf(room, 32, "CL_ERROR %d", (int)code);
        return room;
    }
}

pencl_status pn_cl_status(cl_int code)
{
    if (code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_INVALID_BUFFER_SIZE) {
        return PENCL_E_LIMIT;
    }
    return code == CL_OUT_OF_HOST_MEMORY ? PENCL_E_NOMEM : PENCL_E_DEVICE;
}

pencl_status pn_cl_fail(pencl_ctx *ctx, const char *call, cl_int code, const char *file, int line)
{
    char room[32];
    return pn_fail(ctx, pn_cl_status(code), code, file, line, "%s: %s", call,
                   pn_cl_error_name(code, room));
}
