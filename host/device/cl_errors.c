/* SPDX-License-Identifier: Apache-2.0 */
/* Names of OpenCL's error codes, and the record of a failed call. */
#include "device/internal.h"

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

const char *pn_cl_mend(cl_int code)
{
    switch (code) {
    case CL_OUT_OF_RESOURCES:
    case CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST:
        return ": the driver gave up, or the device was reset; try again, with a shorter context "
               "or on another device";
    case CL_DEVICE_NOT_AVAILABLE:
    case CL_DEVICE_NOT_FOUND:
    case CL_INVALID_COMMAND_QUEUE:
    case CL_INVALID_CONTEXT:
        return ": the device is lost or taken; try again, or take another one (pencl devices)";
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
    case CL_OUT_OF_HOST_MEMORY:
        return ": a shorter context or smaller weights need less memory";
    default:
        return "";
    }
}

pencl_status
pn_cl_fail(const pencl_device *d, const char *call, cl_int code, const char *file, int line)
{
    char room[32];
    return pn_fail(d->ctx, pn_cl_status(code), code, file, line, "%s: %s on %s (%s, driver %s)%s",
                   call, pn_cl_error_name(code, room), d->info.id, d->info.name, d->info.driver,
                   pn_cl_mend(code));
}
