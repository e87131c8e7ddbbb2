/* SPDX-License-Identifier: Apache-2.0 */
/* The fake GPU's buffers, which are host memory, and its queue, which runs no kernel. */
#include "device/cl.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct _cl_mem {
    unsigned char data[1];
};
static char context_object;
static char queue_object;

EXPORT cl_context CL_API_CALL
clCreateContext(const cl_context_properties *properties,
                cl_uint n,
                const cl_device_id *devices,
                void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *),
                void *user,
                cl_int *code)
{
    (void)properties;
    (void)n;
    (void)devices;
    (void)notify;
    (void)user;
    *code = CL_SUCCESS;
    return (cl_context)&context_object;
}

EXPORT cl_int CL_API_CALL clReleaseContext(cl_context context)
{
    (void)context;
    return CL_SUCCESS;
}

EXPORT cl_command_queue CL_API_CALL clCreateCommandQueue(cl_context context,
                                                         cl_device_id device,
                                                         cl_command_queue_properties properties,
                                                         cl_int *code)
{
    (void)context;
    (void)device;
    (void)properties;
    *code = CL_SUCCESS;
    return (cl_command_queue)&queue_object;
}

EXPORT cl_int CL_API_CALL clReleaseCommandQueue(cl_command_queue queue)
{
    (void)queue;
    return CL_SUCCESS;
}

/* ---- buffers ---- */

EXPORT cl_mem CL_API_CALL
clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code)
{
    (void)context;
    (void)flags;
    (void)host;
    cl_mem mem = calloc(bytes, 1);
    *code = mem != NULL ? CL_SUCCESS : CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return mem;
}

EXPORT cl_int CL_API_CALL clReleaseMemObject(cl_mem mem)
{
    free(mem);
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clEnqueueReadBuffer(cl_command_queue queue,
                                              cl_mem mem,
                                              cl_bool blocking,
                                              size_t offset,
                                              size_t bytes,
                                              void *to,
                                              cl_uint n,
                                              const cl_event *events,
                                              cl_event *event)
{
    (void)queue;
    (void)blocking;
    (void)n;
    (void)events;
    (void)event;
    memcpy(to, mem->data + offset, bytes);
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clEnqueueWriteBuffer(cl_command_queue queue,
                                               cl_mem mem,
                                               cl_bool blocking,
                                               size_t offset,
                                               size_t bytes,
                                               const void *from,
                                               cl_uint n,
                                               const cl_event *events,
                                               cl_event *event)
{
    (void)queue;
    (void)blocking;
    (void)n;
    (void)events;
    (void)event;
    memcpy(mem->data + offset, from, bytes);
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clEnqueueCopyBuffer(cl_command_queue queue,
                                              cl_mem from,
                                              cl_mem to,
                                              size_t from_offset,
                                              size_t to_offset,
                                              size_t bytes,
                                              cl_uint n,
                                              const cl_event *events,
                                              cl_event *event)
{
    (void)queue;
    (void)n;
    (void)events;
    (void)event;
    memcpy(to->data + to_offset, from->data + from_offset, bytes);
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clEnqueueFillBuffer(cl_command_queue queue,
                                              cl_mem mem,
                                              const void *pattern,
                                              size_t pattern_bytes,
                                              size_t offset,
                                              size_t bytes,
                                              cl_uint n,
                                              const cl_event *events,
                                              cl_event *event)
{
    (void)queue;
    (void)n;
    (void)events;
    (void)event;
    for (size_t i = 0; i < bytes; i += pattern_bytes) {
        memcpy(mem->data + offset + i, pattern, pattern_bytes);
    }
    return CL_SUCCESS;
}

EXPORT void *CL_API_CALL clEnqueueMapBuffer(cl_command_queue queue,
                                            cl_mem mem,
                                            cl_bool blocking,
                                            cl_map_flags flags,
                                            size_t offset,
                                            size_t bytes,
                                            cl_uint n,
                                            const cl_event *events,
                                            cl_event *event,
                                            cl_int *code)
{
    (void)queue;
    (void)blocking;
    (void)flags;
    (void)bytes;
    (void)n;
    (void)events;
    (void)event;
    *code = CL_SUCCESS;
    return mem->data + offset;
}

EXPORT cl_int CL_API_CALL clEnqueueUnmapMemObject(cl_command_queue queue,
                                                  cl_mem mem,
                                                  void *at,
                                                  cl_uint n,
                                                  const cl_event *events,
                                                  cl_event *event)
{
    (void)queue;
    (void)mem;
    (void)at;
    (void)n;
    (void)events;
    (void)event;
    return CL_SUCCESS;
}

/* ---- kernels ---- */

EXPORT cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue,
                                                 cl_kernel kernel,
                                                 cl_uint dims,
                                                 const size_t *offset,
                                                 const size_t *global,
                                                 const size_t *local,
                                                 cl_uint n,
                                                 const cl_event *events,
                                                 cl_event *event)
{
    (void)queue;
    (void)kernel;
    (void)dims;
    (void)offset;
    (void)global;
    (void)local;
    (void)n;
    (void)events;
    (void)event;
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clFlush(cl_command_queue queue)
{
    (void)queue;
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clFinish(cl_command_queue queue)
{
    (void)queue;
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clEnqueueMarkerWithWaitList(cl_command_queue queue,
                                                      cl_uint n,
                                                      const cl_event *events,
                                                      cl_event *event)
{
    (void)queue;
    (void)n;
    (void)events;
    (void)event;
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clGetEventProfilingInfo(
    cl_event event, cl_profiling_info what, size_t room, void *value, size_t *size)
{
    (void)event;
    (void)what;
    (void)room;
    (void)value;
    (void)size;
    return CL_PROFILING_INFO_NOT_AVAILABLE;
}

EXPORT cl_int CL_API_CALL clReleaseEvent(cl_event event)
{
    (void)event;
    return CL_SUCCESS;
}
