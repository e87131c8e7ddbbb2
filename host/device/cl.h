/* SPDX-License-Identifier: Apache-2.0 */
/* OpenCL as the files of this folder (and op/blas.c) see it: types, the functions of a libOpenCL
 * opened at run time, and errors with their names. */
#ifndef PENCL_DEVICE_CL_H
#define PENCL_DEVICE_CL_H

#include "base/base.h"

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 300
#endif
#ifndef CL_USE_DEPRECATED_OPENCL_1_2_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS  /* clCreateCommandQueue: the one that all devices have  \
                                            */
#endif
#include <CL/cl.h>
#include <CL/cl_ext.h>

/* Every function that is called; all of them are in OpenCL 1.2. */
#define PN_CL_FUNCTIONS(X)                                                                         \
    X(clBuildProgram)                                                                              \
    X(clCompileProgram)                                                                            \
    X(clCreateBuffer)                                                                              \
    X(clCreateCommandQueue)                                                                        \
    X(clCreateContext)                                                                             \
    X(clCreateKernel)                                                                              \
    X(clCreateProgramWithBinary)                                                                   \
    X(clCreateProgramWithSource)                                                                   \
    X(clCreateSubDevices)                                                                          \
    X(clEnqueueCopyBuffer)                                                                         \
    X(clEnqueueFillBuffer)                                                                         \
    X(clEnqueueMapBuffer)                                                                          \
    X(clEnqueueMarkerWithWaitList)                                                                 \
    X(clEnqueueNDRangeKernel)                                                                      \
    X(clEnqueueReadBuffer)                                                                         \
    X(clEnqueueUnmapMemObject)                                                                     \
    X(clEnqueueWriteBuffer)                                                                        \
    X(clFinish)                                                                                    \
    X(clFlush)                                                                                     \
    X(clGetDeviceIDs)                                                                              \
    X(clGetDeviceInfo)                                                                             \
    X(clGetEventProfilingInfo)                                                                     \
    X(clGetPlatformIDs)                                                                            \
    X(clGetPlatformInfo)                                                                           \
    X(clGetProgramBuildInfo)                                                                       \
    X(clGetProgramInfo)                                                                            \
    X(clLinkProgram)                                                                               \
    X(clReleaseCommandQueue)                                                                       \
    X(clReleaseContext)                                                                            \
    X(clReleaseDevice)                                                                             \
    X(clReleaseEvent)                                                                              \
    X(clReleaseKernel)                                                                             \
    X(clReleaseMemObject)                                                                          \
    X(clReleaseProgram)                                                                            \
    X(clSetKernelArg)

typedef struct pn_cl {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member's name */
#define PN_CL_MEMBER(name) __typeof__(&name) name;
    PN_CL_FUNCTIONS(PN_CL_MEMBER)
#undef PN_CL_MEMBER
} pn_cl;

/* "CL_OUT_OF_RESOURCES"; "CL_ERROR -1234" for codes that no header names. Static text or `room`. */
const char *pn_cl_error_name(cl_int code, char room[32]);

/* What a user can do about it, ": try again"; "" where nothing is known. */
const char *pn_cl_mend(cl_int code);

/* E_DEVICE; a failed allocation is E_LIMIT, on the host E_NOMEM. */
pencl_status pn_cl_status(cl_int code);
/* Records that status, "clFinish: CL_OUT_OF_RESOURCES on pocl:0 (...): what to do". */
pencl_status
pn_cl_fail(const pencl_device *device, const char *call, cl_int code, const char *file, int line);

/* Calls a function of a device's libOpenCL and leaves the calling function when it fails:
 * PN_CL(device, clFlush, device->queue). */
#define PN_CL(device, call, ...)                                                                   \
    do {                                                                                           \
        cl_int pn_cl_code_ = (device)->cl->call(__VA_ARGS__);                                      \
        if (pn_cl_code_ != CL_SUCCESS) {                                                           \
            return pn_cl_fail((device), #call, pn_cl_code_, __FILE__, __LINE__);                   \
        }                                                                                          \
    } while (0)

#endif
