/* SPDX-License-Identifier: Apache-2.0 */
/* An OpenCL layer (OPENCL_LAYERS) that makes a device slow, and one that watches its launches.
 *
 *   PENCL_SLOW=NS              a work-item takes so long more, and launches wait for each other
 *   PENCL_SLOW_REPORT=FILE     what the struct below says, of all launches of the process
 *
 * With PENCL_SLOW a launch is said to last what its work-items do; without, what it was measured to
 * take, with what the driver may compile then. */
#define CL_TARGET_OPENCL_VERSION 300
#include "layer.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef struct report {
    int64_t launches;
    int64_t cut;      /* of them those that do not start at 0 */
    int64_t longest;  /* ns */
    char kernel[104]; /* the longest one's */
} report;

static report nowhere;
static report *told = &nowhere;
static double slow; /* ns a work-item; < 0: as it is */

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void rest(int64_t ns)
{
    const struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&t, NULL);
}

static void note(cl_kernel kernel, const size_t *from, cl_uint dims, int64_t ns)
{
    told->launches++;
    for (cl_uint i = 0; from != NULL && i < dims; i++) {
        if (from[i] > 0) {
            told->cut++;
            break;
        }
    }
    if (ns > told->longest) {
        told->longest = ns;
        below->clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof told->kernel, told->kernel,
                               NULL);
    }
}

static CL_API_ENTRY cl_int CL_API_CALL launch(cl_command_queue queue,
                                              cl_kernel kernel,
                                              cl_uint dims,
                                              const size_t *from,
                                              const size_t *global,
                                              const size_t *local,
                                              cl_uint n,
                                              const cl_event *events,
                                              cl_event *event)
{
    double items = 1;
    for (cl_uint i = 0; i < dims; i++) {
        items *= (double)global[i];
    }
    below->clFinish(queue);
    const int64_t start = now();
    cl_int code =
        below->clEnqueueNDRangeKernel(queue, kernel, dims, from, global, local, n, events, event);
    below->clFinish(queue);
    if (slow > 0) {
        rest((int64_t)(items * slow));
    }
    note(kernel, from, dims, slow > 0 ? (int64_t)(items * slow) : now() - start);
    return code;
}

static void open_report(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0 && ftruncate(fd, sizeof *told) == 0) {
        void *map = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        told = map != MAP_FAILED ? map : told;
    }
    unsetenv("PENCL_SLOW_REPORT"); /* a process that this one starts is not counted */
}

static void take_calls(void)
{
    const char *ns = getenv("PENCL_SLOW");
    const char *path = getenv("PENCL_SLOW_REPORT");
    slow = ns != NULL ? strtod(ns, NULL) : 0;
    if (path != NULL) {
        open_report(path);
    }
    table.clEnqueueNDRangeKernel = launch;
}
