/* SPDX-License-Identifier: Apache-2.0 */
/* An OpenCL layer (OPENCL_LAYERS) in which calls fail, and which counts what is left behind.
 *
 *   PENCL_FAULT=12              the 12th call fails
 *   PENCL_FAULT=12+             and every one after it: a device that was lost
 *   PENCL_FAULT=3:clBuildProgram  the third call of that function
 *   PENCL_FAULT=12+=-2          with this error: -2 is CL_DEVICE_NOT_AVAILABLE
 *   PENCL_FAULT_IN=main         not in the processes that this one starts; =started: only in those
 *   PENCL_FAULT_REPORT=FILE     two numbers of 8 bytes: calls, and objects that are not released
 *                               yet; of all processes that this one started in FILE.started
 *
 * A call fails as drivers have it: a build with CL_BUILD_PROGRAM_FAILURE, a buffer for want of
 * memory, all others with CL_OUT_OF_RESOURCES. Releases always work. */
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "layer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long matching;

/* ---- the report ---- */

typedef struct report {
    int64_t calls;
    int64_t live;
} report;

/* In the file itself: programs may end without a word. */
static report *counters;

static report *map_report(const char *path)
{
    static report nowhere;
    int fd = path != NULL ? open(path, O_RDWR | O_CREAT, 0600) : -1;
    void *map = fd >= 0 && ftruncate(fd, sizeof nowhere) == 0
                    ? mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                    : MAP_FAILED;
    return map != MAP_FAILED ? map : &nowhere;
}

/* ---- which call fails ---- */

static struct {
    long at; /* 0: none */
    bool onwards;
    char only[64]; /* a function's name, or "" */
    cl_int code;   /* 0: as drivers have it */
} fault;

static void read_fault(const char *text)
{
    char *end = NULL;
    fault.at = strtol(text, &end, 10);
    fault.onwards = *end == '+';
    end += fault.onwards;
    if (*end == ':') {
        size_t n = strcspn(end + 1, "=");
        memcpy(fault.only, end + 1, n < sizeof fault.only ? n : 0);
        end += 1 + n;
    }
    fault.code = *end == '=' ? (cl_int)strtol(end + 1, NULL, 10) : 0;
}

/* At the first call: whose process this is stands in the name of its report. */
static void begin(void)
{
    static const char mark[] = ".started";
    const char *path = getenv("PENCL_FAULT_REPORT");
    const char *text = getenv("PENCL_FAULT");
    const char *where = getenv("PENCL_FAULT_IN");
    size_t n = path != NULL ? strlen(path) : 0;
    bool started = n >= sizeof mark && strcmp(path + n - (sizeof mark - 1), mark) == 0;
    if (text != NULL &&
        (where == NULL || *where == '\0' || strcmp(where, started ? "started" : "main") == 0)) {
        read_fault(text);
    }
    if (path != NULL && !started && n < 4096) {
        char name[4096 + sizeof mark];
        memcpy(name, path, n);
        memcpy(name + n, mark, sizeof mark);
        remove(path);
        remove(name);
        counters = map_report(path);
        setenv("PENCL_FAULT_REPORT", name, 1);
    } else {
        counters = map_report(path);
    }
}

static bool is_chosen(const char *name)
{
    if (counters == NULL) {
        begin();
    }
    counters->calls++;
    if (fault.only[0] != '\0' && strcmp(fault.only, name) != 0) {
        return false;
    }
    matching++;
    return fault.at > 0 && (matching == fault.at || (fault.onwards && matching > fault.at));
}

static bool fails(const char *name)
{
    pthread_mutex_lock(&lock);
    bool chosen = is_chosen(name);
    pthread_mutex_unlock(&lock);
    return chosen;
}

static void count(long objects)
{
    pthread_mutex_lock(&lock);
    if (counters != NULL) {
        counters->live += objects;
    }
    pthread_mutex_unlock(&lock);
}

static cl_int error_of(const char *name)
{
    return fault.code != 0                       ? fault.code
           : strcmp(name, "clBuildProgram") == 0 ? CL_BUILD_PROGRAM_FAILURE
           : strcmp(name, "clCreateBuffer") == 0 ? CL_MEM_OBJECT_ALLOCATION_FAILURE
                                                 : CL_OUT_OF_RESOURCES;
}

/* ---- the calls ---- */

#define STATUS(name, parameters, arguments)                                                        \
    static cl_int CL_API_CALL do_##name parameters                                                 \
    {                                                                                              \
        return fails(#name) ? error_of(#name) : below->name arguments;                             \
    }

#define RELEASE(name, type)                                                                        \
    static cl_int CL_API_CALL do_##name(type object)                                               \
    {                                                                                              \
        count(-1);                                                                                 \
        return below->name(object);                                                                \
    }

#define OBJECT(name, type, parameters, arguments)                                                  \
    static type CL_API_CALL do_##name parameters                                                   \
    {                                                                                              \
        type object = NULL;                                                                        \
        if (!fails(#name)) {                                                                       \
            object = below->name arguments;                                                        \
        } else if (code != NULL) {                                                                 \
            *code = error_of(#name);                                                               \
        }                                                                                          \
        count(object != NULL ? 1 : 0);                                                             \
        return object;                                                                             \
    }

typedef void(CL_CALLBACK *done_fn)(cl_program, void *);
typedef void(CL_CALLBACK *notify_fn)(const char *, const void *, size_t, void *);

STATUS(clBuildProgram,
       (cl_program p, cl_uint n, const cl_device_id *d, const char *o, done_fn f, void *user),
       (p, n, d, o, f, user))
STATUS(clEnqueueCopyBuffer,
       (cl_command_queue q,
        cl_mem a,
        cl_mem b,
        size_t from,
        size_t to,
        size_t size,
        cl_uint n,
        const cl_event *w,
        cl_event *e),
       (q, a, b, from, to, size, n, w, e))
STATUS(clEnqueueFillBuffer,
       (cl_command_queue q,
        cl_mem b,
        const void *p,
        size_t ps,
        size_t at,
        size_t size,
        cl_uint n,
        const cl_event *w,
        cl_event *e),
       (q, b, p, ps, at, size, n, w, e))
STATUS(clEnqueueNDRangeKernel,
       (cl_command_queue q,
        cl_kernel k,
        cl_uint dims,
        const size_t *from,
        const size_t *global,
        const size_t *local,
        cl_uint n,
        const cl_event *w,
        cl_event *e),
       (q, k, dims, from, global, local, n, w, e))
STATUS(clEnqueueReadBuffer,
       (cl_command_queue q,
        cl_mem b,
        cl_bool blocking,
        size_t at,
        size_t size,
        void *to,
        cl_uint n,
        const cl_event *w,
        cl_event *e),
       (q, b, blocking, at, size, to, n, w, e))
STATUS(clEnqueueUnmapMemObject,
       (cl_command_queue q, cl_mem b, void *p, cl_uint n, const cl_event *w, cl_event *e),
       (q, b, p, n, w, e))
STATUS(clEnqueueWriteBuffer,
       (cl_command_queue q,
        cl_mem b,
        cl_bool blocking,
        size_t at,
        size_t size,
        const void *from,
        cl_uint n,
        const cl_event *w,
        cl_event *e),
       (q, b, blocking, at, size, from, n, w, e))
STATUS(clFinish, (cl_command_queue q), (q))
STATUS(clFlush, (cl_command_queue q), (q))
STATUS(clGetDeviceIDs,
       (cl_platform_id p, cl_device_type t, cl_uint n, cl_device_id *d, cl_uint *got),
       (p, t, n, d, got))
STATUS(clGetDeviceInfo,
       (cl_device_id d, cl_device_info i, size_t size, void *to, size_t *got),
       (d, i, size, to, got))
STATUS(clGetPlatformIDs, (cl_uint n, cl_platform_id *p, cl_uint *got), (n, p, got))
STATUS(clGetPlatformInfo,
       (cl_platform_id p, cl_platform_info i, size_t size, void *to, size_t *got),
       (p, i, size, to, got))
STATUS(clGetProgramBuildInfo,
       (cl_program p, cl_device_id d, cl_program_build_info i, size_t size, void *to, size_t *got),
       (p, d, i, size, to, got))
STATUS(clGetProgramInfo,
       (cl_program p, cl_program_info i, size_t size, void *to, size_t *got),
       (p, i, size, to, got))
STATUS(clSetKernelArg, (cl_kernel k, cl_uint i, size_t size, const void *v), (k, i, size, v))

OBJECT(clCreateBuffer,
       cl_mem,
       (cl_context c, cl_mem_flags f, size_t size, void *host, cl_int *code),
       (c, f, size, host, code))
OBJECT(clCreateCommandQueue,
       cl_command_queue,
       (cl_context c, cl_device_id d, cl_command_queue_properties p, cl_int *code),
       (c, d, p, code))
OBJECT(clCreateContext,
       cl_context,
       (const cl_context_properties *p,
        cl_uint n,
        const cl_device_id *d,
        notify_fn f,
        void *user,
        cl_int *code),
       (p, n, d, f, user, code))
OBJECT(clCreateKernel, cl_kernel, (cl_program p, const char *name, cl_int *code), (p, name, code))
OBJECT(clCreateProgramWithBinary,
       cl_program,
       (cl_context c,
        cl_uint n,
        const cl_device_id *d,
        const size_t *sizes,
        const unsigned char **bytes,
        cl_int *status,
        cl_int *code),
       (c, n, d, sizes, bytes, status, code))
OBJECT(clCreateProgramWithSource,
       cl_program,
       (cl_context c, cl_uint n, const char **texts, const size_t *sizes, cl_int *code),
       (c, n, texts, sizes, code))

static void *CL_API_CALL do_clEnqueueMapBuffer(cl_command_queue q,
                                               cl_mem b,
                                               cl_bool blocking,
                                               cl_map_flags flags,
                                               size_t at,
                                               size_t size,
                                               cl_uint n,
                                               const cl_event *w,
                                               cl_event *e,
                                               cl_int *code)
{
    if (fails("clEnqueueMapBuffer")) {
        if (code != NULL) {
            *code = fault.code != 0 ? fault.code : CL_MAP_FAILURE;
        }
        return NULL;
    }
    return below->clEnqueueMapBuffer(q, b, blocking, flags, at, size, n, w, e, code);
}

RELEASE(clReleaseCommandQueue, cl_command_queue)
RELEASE(clReleaseContext, cl_context)
RELEASE(clReleaseKernel, cl_kernel)
RELEASE(clReleaseMemObject, cl_mem)
RELEASE(clReleaseProgram, cl_program)

/* ---- the layer ---- */

static void take_calls(void)
{
#define OURS(name) table.name = do_##name;
    OURS(clBuildProgram)
    OURS(clCreateBuffer)
    OURS(clCreateCommandQueue)
    OURS(clCreateContext)
    OURS(clCreateKernel)
    OURS(clCreateProgramWithBinary)
    OURS(clCreateProgramWithSource)
    OURS(clEnqueueCopyBuffer)
    OURS(clEnqueueFillBuffer)
    OURS(clEnqueueMapBuffer)
    OURS(clEnqueueNDRangeKernel)
    OURS(clEnqueueReadBuffer)
    OURS(clEnqueueUnmapMemObject)
    OURS(clEnqueueWriteBuffer)
    OURS(clFinish)
    OURS(clFlush)
    OURS(clGetDeviceIDs)
    OURS(clGetDeviceInfo)
    OURS(clGetPlatformIDs)
    OURS(clGetPlatformInfo)
    OURS(clGetProgramBuildInfo)
    OURS(clGetProgramInfo)
    OURS(clReleaseCommandQueue)
    OURS(clReleaseContext)
    OURS(clReleaseKernel)
    OURS(clReleaseMemObject)
    OURS(clReleaseProgram)
    OURS(clSetKernelArg)
}
