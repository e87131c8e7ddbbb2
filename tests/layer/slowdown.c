/* SPDX-License-Identifier: Apache-2.0 */
/* An OpenCL layer (OPENCL_LAYERS) that makes a device slower by a known share: PENCL_SLOWDOWN=0.1
 * adds a tenth. Every time the host has waited for the device, it keeps the processor busy for that
 * share of the time that passed since the last such wait. Spinning where kernels are enqueued would
 * run beside the kernels before it and slow nothing down. */
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "layer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void slow_down(void)
{
    static uint64_t last;
    const char *share = getenv("PENCL_SLOWDOWN");
    const uint64_t now = now_ns();
    if (last != 0 && share != NULL) {
        const uint64_t end = now + (uint64_t)((double)(now - last) * strtod(share, NULL));
        while (now_ns() < end) {
        }
    }
    last = now_ns();
}

static CL_API_ENTRY cl_int CL_API_CALL finish(cl_command_queue queue)
{
    const cl_int code = below->clFinish(queue);
    slow_down();
    return code;
}

static CL_API_ENTRY cl_int CL_API_CALL read_buffer(cl_command_queue queue,
                                                   cl_mem buffer,
                                                   cl_bool wait,
                                                   size_t offset,
                                                   size_t bytes,
                                                   void *to,
                                                   cl_uint n,
                                                   const cl_event *events,
                                                   cl_event *event)
{
    const cl_int code =
        below->clEnqueueReadBuffer(queue, buffer, wait, offset, bytes, to, n, events, event);
    if (wait) {
        slow_down();
    }
    return code;
}

static void take_calls(void)
{
    table.clFinish = finish;
    table.clEnqueueReadBuffer = read_buffer;
}
