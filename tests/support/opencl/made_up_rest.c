/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of a libOpenCL that are looked for and, without a context, never called. They have
 * no prototypes here, so that one macro makes them all. */
#include <stdlib.h>

#define NEVER(name)                                                                                \
    __attribute__((visibility("default"))) void name(void);                                        \
    void name(void)                                                                                \
    {                                                                                              \
        abort();                                                                                   \
    }

NEVER(clBuildProgram)
NEVER(clCompileProgram)
NEVER(clCreateBuffer)
NEVER(clCreateCommandQueue)
NEVER(clCreateKernel)
NEVER(clCreateProgramWithBinary)
NEVER(clCreateProgramWithSource)
NEVER(clCreateSubDevices)
NEVER(clEnqueueCopyBuffer)
NEVER(clEnqueueFillBuffer)
NEVER(clEnqueueMapBuffer)
NEVER(clEnqueueMarkerWithWaitList)
NEVER(clEnqueueNDRangeKernel)
NEVER(clEnqueueReadBuffer)
NEVER(clEnqueueUnmapMemObject)
NEVER(clEnqueueWriteBuffer)
NEVER(clFinish)
NEVER(clFlush)
NEVER(clGetEventProfilingInfo)
NEVER(clGetProgramBuildInfo)
NEVER(clGetProgramInfo)
NEVER(clLinkProgram)
NEVER(clReleaseCommandQueue)
NEVER(clReleaseContext)
NEVER(clReleaseDevice)
NEVER(clReleaseEvent)
NEVER(clReleaseKernel)
NEVER(clReleaseMemObject)
NEVER(clReleaseProgram)
NEVER(clSetKernelArg)
