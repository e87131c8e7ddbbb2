/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a device: "pocl:0/cores=1" is one compute unit of it. */
#include "device/part.h"

#include "base/os.h"
#include "device/caps.h"

#include <string.h>

#define TABLE       "parts" /* of cache.db: whether parts keep to their compute units */
#define MAX_THREADS 512
#define BUSY_SHARE  8   /* a thread that did an eighth of what the busiest one did took part */
#define ROUNDS      512 /* of a launch: about 10 ms of one core */
#define BUSY_NS     200000000u /* CPU time to watch: other programs may keep us from the cores ... */
#define DEADLINE_NS 2000000000u /* ... and from most of their time */

/* Only where the driver says that it divides: clCreateSubDevices crashes on others. */
static bool divides(const pn_cl *cl, cl_device_id id)
{
    cl_uint most = 0;
    cl_device_partition_property ways[16] = {0};
    size_t size = 0;
    if (cl->clGetDeviceInfo(id, CL_DEVICE_PARTITION_MAX_SUB_DEVICES, sizeof most, &most, NULL) !=
            CL_SUCCESS ||
        most < 2 ||
        cl->clGetDeviceInfo(id, CL_DEVICE_PARTITION_PROPERTIES, sizeof ways, ways, &size) !=
            CL_SUCCESS) {
        return false;
    }
    for (size_t i = 0; i < size / sizeof ways[0]; i++) {
        if (ways[i] == CL_DEVICE_PARTITION_BY_COUNTS) {
            return true;
        }
    }
    return false;
}

pencl_status pn_part_new(cl_device_id *out, pencl_device *d, uint32_t cores)
{
    const cl_device_partition_property counts[] = {CL_DEVICE_PARTITION_BY_COUNTS,
                                                   (cl_device_partition_property)cores,
                                                   CL_DEVICE_PARTITION_BY_COUNTS_LIST_END, 0};
    if (!divides(d->cl, d->id)) {
        return PN_FAIL(d->ctx, PENCL_E_DEVICE,
                       "the driver does not divide this device; a number of threads (-t %u) limits "
                       "a CPU",
                       cores);
    }
    PN_CL(d, clCreateSubDevices, d->id, counts, 1, out, NULL);
    return PENCL_OK;
}

/* Looks at the threads of the process, and how long they have worked since an earlier look. */
typedef struct look {
    pn_thread_time threads[MAX_THREADS];
    size_t n;
} look;

static void take_look(look *out)
{
    out->n = pn_thread_times(out->threads, MAX_THREADS);
}

static uint64_t worked(const pn_thread_time *thread, const look *since)
{
    for (size_t i = 0; i < since->n; i++) {
        if (since->threads[i].id == thread->id) {
            return thread->ns - since->threads[i].ns;
        }
    }
    return thread->ns;
}

/* Launches more than a few compute units can do at once, until that took BUSY_NS of CPU time. */
static pencl_status keep_busy(pencl_device *d, pn_kernel *kernel, const look *since, look *now)
{
    const size_t global[3] = {4096, 1, 1};
    const size_t local[3] = {1, 1, 1};
    const uint64_t start = pn_clock_ns();
    uint64_t spent = 0;
    while (spent < BUSY_NS && pn_clock_ns() - start < DEADLINE_NS) {
        PENCL_TRY(pn_kernel_run(kernel, 1, global, local));
        PENCL_TRY(pn_device_finish(d));
        take_look(now);
        spent = 0;
        for (size_t i = 0; i < now->n; i++) {
            spent += worked(&now->threads[i], since);
        }
    }
    return PENCL_OK;
}

/* Threads that took part in the work between two looks. */
static uint32_t count_busy(const look *then, const look *now)
{
    uint64_t most = 0;
    uint32_t n = 0;
    for (size_t i = 0; i < now->n; i++) {
        uint64_t ns = worked(&now->threads[i], then);
        most = ns > most ? ns : most;
    }
    for (size_t i = 0; i < now->n; i++) {
        n += most > 0 && worked(&now->threads[i], then) >= most / BUSY_SHARE;
    }
    return n;
}

static pencl_status measure(bool *keeps, pencl_device *d, uint32_t cores)
{
    const pn_kernel_source source = {
        .file = "limits", .name = "limits_fma16", .label = "limits/limits_fma16", .whole = true};
    const size_t one[3] = {1, 1, 1};
    pn_kernel *kernel = NULL;
    pn_buffer *out = NULL;
    look *looks = pn_calloc(2, sizeof *looks);
    pencl_status status = looks == NULL ? PN_NOMEM(d->ctx) : pn_buffer_new(&out, d, 4096 * 4);
    if (status == PENCL_OK) {
        status = pn_kernel_new(&kernel, d, &source);
    }
    if (status == PENCL_OK) {
        pn_kernel_arg_buffer(kernel, 0, out);
        pn_kernel_arg_i32(kernel, 1, ROUNDS);
        status = pn_kernel_run(kernel, 1, one, one); /* compilers have threads too */
    }
    if (status == PENCL_OK) {
        status = pn_device_finish(d);
    }
    if (status == PENCL_OK) {
        take_look(&looks[0]);
        status = keep_busy(d, kernel, &looks[0], &looks[1]);
        *keeps = count_busy(&looks[0], &looks[1]) <= cores;
    }
    pn_kernel_free(kernel);
    pn_buffer_free(out);
    pn_free(looks);
    return status;
}

pencl_status pn_part_check(pencl_device *d, uint32_t cores, uint32_t all)
{
    void *value = NULL;
    size_t size = 0;
    bool keeps = true;
    if (cores >= all) {
        return PENCL_OK;
    }
    if (pn_store_db_get(d->store, TABLE, d->programs_table, &value, &size)) {
        keeps = size == 4 && memcmp(value, "kept", 4) == 0;
        pn_free(value);
    } else {
        PENCL_TRY(measure(&keeps, d, cores));
        pn_store_db_put(d->store, TABLE, d->programs_table, keeps ? "kept" : "left", 4);
    }
    if (!keeps) {
        return PN_FAIL(d->ctx, PENCL_E_DEVICE,
                       "the driver does not keep a part of this device to its compute units; a "
                       "number of threads (-t %u) limits it",
                       cores);
    }
    return PENCL_OK;
}
