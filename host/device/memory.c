/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory a device has: in use, free, and counted without being taken. */
#include "base/os.h"
#include "device/internal.h"

#include <inttypes.h>

#ifndef CL_DEVICE_GLOBAL_FREE_MEMORY_AMD
#define CL_DEVICE_GLOBAL_FREE_MEMORY_AMD 0x4039 /* cl_amd_device_attribute_query: KiB */
#endif

void pn_device_memory(const pencl_device *device, size_t *now, size_t *peak)
{
    *now = device->memory_now;
    *peak = device->memory_peak;
}

/* What the driver or the system says is free; UINT64_MAX when neither does. */
static uint64_t told_free(const pencl_device *d)
{
    size_t kib[2] = {0}; /* in all, and the largest block */
    if (d->caps.unified) {
        const uint64_t host = pn_memory_available();
        return host > 0 ? host : UINT64_MAX;
    }
    if (d->cl->clGetDeviceInfo(d->id, CL_DEVICE_GLOBAL_FREE_MEMORY_AMD, sizeof kib, kib, NULL) ==
            CL_SUCCESS &&
        kib[0] > 0) {
        return (uint64_t)kib[0] << 10;
    }
    return UINT64_MAX;
}

uint64_t pn_device_memory_free(const pencl_device *d)
{
    const uint64_t own = d->caps.memory > d->memory_now ? d->caps.memory - d->memory_now : 0;
    const uint64_t told = told_free(d);
    return own < told ? own : told;
}

/* ---- rehearsals ---- */

pn_rehearsal *pn_device_rehearse(pencl_device *device, pn_rehearsal *rehearsal)
{
    pn_rehearsal *before = device->rehearsal;
    device->rehearsal = rehearsal;
    return before;
}

bool pn_device_rehearses(const pencl_device *device)
{
    return device->rehearsal != NULL;
}

uint64_t pn_device_largest(const pencl_device *device)
{
    const pn_rehearsal *r = device->rehearsal;
    return r != NULL && r->any_size ? SIZE_MAX : device->caps.max_alloc;
}

/* ---- buffers ---- */

pencl_status pn_memory_check(pencl_device *d, size_t bytes)
{
    if (bytes > pn_device_largest(d)) {
        return PN_FAIL(d->ctx, PENCL_E_LIMIT,
                       "%s: a buffer of %zu bytes, the device allocates at most %" PRIu64
                       " at a time",
                       d->info.id, bytes, d->caps.max_alloc);
    }
    if (d->rehearsal == NULL &&
        (d->memory_now > d->caps.memory || bytes > d->caps.memory - d->memory_now)) {
        return PN_FAIL(d->ctx, PENCL_E_LIMIT,
                       "%s: out of device memory: %zu bytes more than the %zu in use, of %" PRIu64,
                       d->info.id, bytes, d->memory_now, d->caps.memory);
    }
    return PENCL_OK;
}

void pn_memory_add(const pn_buffer *b)
{
    pencl_device *d = b->device;
    pn_rehearsal *r = d->rehearsal;
    if (b->rehearsed) {
        r->now += b->bytes;
        r->largest = b->bytes > r->largest ? b->bytes : r->largest;
        return;
    }
    d->memory_now += b->bytes;
    d->memory_peak = d->memory_now > d->memory_peak ? d->memory_now : d->memory_peak;
}

void pn_memory_remove(const pn_buffer *b)
{
    *(b->rehearsed ? &b->device->rehearsal->now : &b->device->memory_now) -= b->bytes;
}
