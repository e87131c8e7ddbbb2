/* SPDX-License-Identifier: Apache-2.0 */
/* An OpenCL layer (OPENCL_LAYERS) that counts the bytes of buffers, images and shared virtual
 * memory.
 *
 *   PENCL_MEMORY_REPORT=FILE    three numbers of 8 bytes: bytes that live, the most that lived at
 *                               one time, and all that were ever created */
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#include "layer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_SHARED = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the report ---- */

typedef struct report {
    int64_t live;
    int64_t peak;
    int64_t all;
} report;

/* In the file itself: programs may end without a word. */
static report *counters(void)
{
    static report nowhere;
    static report *found;
    const char *path = getenv("PENCL_MEMORY_REPORT");
    if (found == NULL) {
        int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;
        void *map = fd >= 0 && ftruncate(fd, sizeof nowhere) == 0
                        ? mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                        : MAP_FAILED;
        found = map != MAP_FAILED ? map : &nowhere;
        unsetenv("PENCL_MEMORY_REPORT"); /* a process that this one starts is not counted */
    }
    return found;
}

static void count(int64_t bytes)
{
    pthread_mutex_lock(&lock);
    report *r = counters();
    r->live += bytes;
    r->peak = r->live > r->peak ? r->live : r->peak;
    r->all += bytes > 0 ? bytes : 0;
    pthread_mutex_unlock(&lock);
}

/* ---- buffers and images ---- */

/* The bytes of an object that are its own; a part of another's has none. */
static int64_t size_of(cl_mem object)
{
    size_t bytes = 0;
    cl_mem whole = NULL;
    below->clGetMemObjectInfo(object, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof whole, &whole, NULL);
    below->clGetMemObjectInfo(object, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    return whole == NULL ? (int64_t)bytes : 0;
}

/* The driver calls it when the object is gone, which may be after its release: a launch can hold
 * it. */
static void CL_CALLBACK gone(cl_mem object, void *bytes)
{
    (void)object;
    count(-(int64_t)(intptr_t)bytes);
}

static cl_mem counted(cl_mem object)
{
    if (object != NULL) {
        int64_t bytes = size_of(object);
        count(bytes);
        below->clSetMemObjectDestructorCallback(object, gone, (void *)(intptr_t)bytes);
    }
    return object;
}

static cl_mem CL_API_CALL
create_buffer(cl_context c, cl_mem_flags flags, size_t size, void *host, cl_int *code)
{
    return counted(below->clCreateBuffer(c, flags, size, host, code));
}

static cl_mem CL_API_CALL create_image(cl_context c,
                                       cl_mem_flags flags,
                                       const cl_image_format *format,
                                       const cl_image_desc *desc,
                                       void *host,
                                       cl_int *code)
{
    return counted(below->clCreateImage(c, flags, format, desc, host, code));
}

/* ---- shared virtual memory ---- */

static struct shared {
    void *at;
    int64_t bytes;
} shared[MOST_SHARED];

/* The row of a pointer; of NULL a free one. */
static struct shared *row_of(const void *at)
{
    for (int i = 0; i < MOST_SHARED; i++) {
        if (shared[i].at == at) {
            return &shared[i];
        }
    }
    return NULL;
}

static void *CL_API_CALL svm_alloc(cl_context c, cl_svm_mem_flags flags, size_t size, cl_uint align)
{
    void *at = below->clSVMAlloc(c, flags, size, align);
    struct shared *row = at != NULL ? row_of(NULL) : NULL;
    if (row != NULL) {
        *row = (struct shared){at, (int64_t)size};
        count(row->bytes);
    }
    return at;
}

static void CL_API_CALL svm_free(cl_context c, void *at)
{
    struct shared *row = at != NULL ? row_of(at) : NULL;
    if (row != NULL) {
        count(-row->bytes);
        *row = (struct shared){0};
    }
    below->clSVMFree(c, at);
}

/* ---- the layer ---- */

static void take_calls(void)
{
    table.clCreateBuffer = create_buffer;
    table.clCreateImage = create_image;
    table.clSVMAlloc = svm_alloc;
    table.clSVMFree = svm_free;
    count(0); /* a report is there even when nothing is ever created */
}
