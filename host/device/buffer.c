/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers: ranges of device memory, or of host memory on `ref`. */
#include "base/os.h"
#include "device/internal.h"

#include <inttypes.h>
#include <string.h>

#define FILL_WIDTH 16 /* bytes of one pattern: drivers fill faster by the vector */

static pencl_status allocate_host(pn_buffer *b, size_t bytes)
{
    size_t align = b->device->caps.align;
    size_t room = 0;
    b->unaligned = pn_add(bytes, align, &room) ? pn_alloc(room) : NULL;
    if (b->unaligned == NULL) {
        return PN_NOMEM(b->device->ctx);
    }
    uintptr_t at = (uintptr_t)b->unaligned;
    b->host = (unsigned char *)b->unaligned + (align - at % align) % align;
    return PENCL_OK;
}

/* Where host and device share memory, ALLOC_HOST_PTR lets maps be free of copies. */
static pencl_status allocate_device(pn_buffer *b, size_t bytes)
{
    pencl_device *d = b->device;
    cl_int code = CL_SUCCESS;
    char room[32];
    cl_mem_flags flags = CL_MEM_READ_WRITE;
    flags |= d->caps.unified ? CL_MEM_ALLOC_HOST_PTR : 0;
    b->mem = d->cl->clCreateBuffer(d->context, flags, bytes, NULL, &code);
    if (code == CL_SUCCESS) {
        return PENCL_OK;
    }
    b->mem = NULL;
    return PN_FAIL_CODE(d->ctx, pn_cl_status(code), code,
                        "clCreateBuffer: %s: %s: %zu bytes more than the %zu in use, of %" PRIu64
                        "%s",
                        pn_cl_error_name(code, room), d->info.id, bytes, d->memory_now,
                        d->caps.memory, pn_cl_mend(code));
}

/* Memory for a buffer that has none. */
static pencl_status allocate(pn_buffer *b, size_t bytes)
{
    pencl_device *d = b->device;
    size_t room = bytes > 0 ? bytes : 1; /* OpenCL refuses empty buffers */
    PENCL_TRY(pn_memory_check(d, bytes));
    if (!b->rehearsed) {
        PENCL_TRY(d->caps.is_ref ? allocate_host(b, room) : allocate_device(b, room));
    }
    b->bytes = bytes;
    pn_memory_add(b);
    return PENCL_OK;
}

void pn_buffer_clear(pn_buffer *b)
{
    if (b->mem != NULL) {
        b->device->cl->clReleaseMemObject(b->mem);
    }
    pn_free(b->unaligned);
    pn_memory_remove(b);
    b->mem = NULL;
    b->host = NULL;
    b->unaligned = NULL;
    b->bytes = 0;
}

pencl_status pn_buffer_new(pn_buffer **out, pencl_device *device, size_t bytes)
{
    *out = NULL;
    pn_buffer *b = pn_calloc(1, sizeof *b);
    if (b == NULL) {
        return PN_NOMEM(device->ctx);
    }
    b->device = device;
    b->refs = 1;
    b->rehearsed = device->rehearsal != NULL;
    pencl_status status = allocate(b, bytes);
    if (status != PENCL_OK) {
        pn_free(b);
        return status;
    }
    pn_device_hold(device);
    *out = b;
    return PENCL_OK;
}

pencl_status pn_buffer_resize(pn_buffer *b, size_t bytes)
{
    pn_buffer_clear(b);
    return allocate(b, bytes);
}

pn_buffer *pn_buffer_ref(pn_buffer *buffer)
{
    if (buffer != NULL) {
        buffer->refs++;
    }
    return buffer;
}

void pn_buffer_free(pn_buffer *buffer)
{
    if (buffer == NULL || --buffer->refs > 0) {
        return;
    }
    pn_buffer_clear(buffer);
    pn_device_release(buffer->device);
    pn_free(buffer);
}

size_t pn_buffer_bytes(const pn_buffer *buffer)
{
    return buffer->bytes;
}

pencl_device *pn_buffer_device(const pn_buffer *buffer)
{
    return buffer->device;
}

long pn_buffer_count(const pn_buffer *buffer)
{
    return buffer->refs;
}

void *pn_buffer_host(pn_buffer *b)
{
    return b->host;
}

void *pn_buffer_raw(pn_buffer *buffer)
{
    return buffer->mem;
}

static pencl_status check_range(const pn_buffer *b, size_t offset, size_t bytes)
{
    if (offset > b->bytes || bytes > b->bytes - offset) {
        return PN_FAIL(b->device->ctx, PENCL_E_ARG, "%zu bytes at %zu of a buffer of %zu", bytes,
                       offset, b->bytes);
    }
    return PENCL_OK;
}

static unsigned char *host_at(pn_buffer *b, size_t offset)
{
    return (unsigned char *)b->host + offset;
}

static pencl_status
write_at(pn_buffer *b, size_t offset, const void *from, size_t bytes, cl_bool wait)
{
    pencl_device *d = b->device;
    PENCL_TRY(check_range(b, offset, bytes));
    if (bytes == 0 || b->rehearsed) {
        return PENCL_OK;
    }
    if (d->caps.is_ref) {
        memcpy(host_at(b, offset), from, bytes);
        return PENCL_OK;
    }
    PN_CL(d, clEnqueueWriteBuffer, d->queue, b->mem, wait, offset, bytes, from, 0, NULL, NULL);
    return PENCL_OK;
}

pencl_status pn_buffer_write(pn_buffer *b, size_t offset, const void *from, size_t bytes)
{
    return write_at(b, offset, from, bytes, CL_TRUE);
}

pencl_status pn_buffer_write_async(pn_buffer *b, size_t offset, const void *from, size_t bytes)
{
    return write_at(b, offset, from, bytes, CL_FALSE);
}

pencl_status pn_buffer_read(pn_buffer *b, size_t offset, void *to, size_t bytes)
{
    pencl_device *d = b->device;
    PENCL_TRY(check_range(b, offset, bytes));
    if (bytes == 0 || b->rehearsed) {
        memset(to, 0, bytes);
        return PENCL_OK;
    }
    if (d->caps.is_ref) {
        memcpy(to, host_at(b, offset), bytes);
        return PENCL_OK;
    }
    PN_CL(d, clEnqueueReadBuffer, d->queue, b->mem, CL_TRUE, offset, bytes, to, 0, NULL, NULL);
    return PENCL_OK;
}

pencl_status
pn_buffer_copy(pn_buffer *to, size_t to_offset, pn_buffer *from, size_t from_offset, size_t bytes)
{
    pencl_device *d = to->device;
    PENCL_TRY(check_range(to, to_offset, bytes));
    PENCL_TRY(check_range(from, from_offset, bytes));
    if (d != from->device) {
        return PN_FAIL(d->ctx, PENCL_E_ARG, "a copy between two devices");
    }
    if (bytes == 0 || to->rehearsed) {
        return PENCL_OK;
    }
    if (d->caps.is_ref) {
        memmove(host_at(to, to_offset), host_at(from, from_offset), bytes);
        return PENCL_OK;
    }
    PN_CL(d, clEnqueueCopyBuffer, d->queue, from->mem, to->mem, from_offset, to_offset, bytes, 0,
          NULL, NULL);
    return PENCL_OK;
}

pencl_status pn_buffer_fill(pn_buffer *b, size_t offset, size_t bytes, unsigned char value)
{
    pencl_device *d = b->device;
    unsigned char pattern[FILL_WIDTH];
    PENCL_TRY(check_range(b, offset, bytes));
    if (bytes == 0 || b->rehearsed) {
        return PENCL_OK;
    }
    if (d->caps.is_ref) {
        memset(host_at(b, offset), value, bytes);
        return PENCL_OK;
    }
    memset(pattern, value, sizeof pattern);
    size_t width = offset % FILL_WIDTH == 0 && bytes % FILL_WIDTH == 0 ? FILL_WIDTH : 1;
    PN_CL(d, clEnqueueFillBuffer, d->queue, b->mem, pattern, width, offset, bytes, 0, NULL, NULL);
    return PENCL_OK;
}

pencl_status pn_buffer_map(void **out, pn_buffer *b, pn_map_mode mode)
{
    pencl_device *d = b->device;
    *out = NULL;
    if (d->caps.is_ref) {
        *out = b->host;
        return PENCL_OK;
    }
    cl_int code = CL_SUCCESS;
    cl_map_flags flags = mode == PN_MAP_READ ? CL_MAP_READ : CL_MAP_WRITE_INVALIDATE_REGION;
    size_t bytes = b->bytes > 0 ? b->bytes : 1;
    void *at =
        d->cl->clEnqueueMapBuffer(d->queue, b->mem, CL_TRUE, flags, 0, bytes, 0, NULL, NULL, &code);
    if (code != CL_SUCCESS) {
        return pn_cl_fail(d, "clEnqueueMapBuffer", code, __FILE__, __LINE__);
    }
    *out = at;
    return PENCL_OK;
}

pencl_status pn_buffer_unmap(pn_buffer *b, void *at)
{
    pencl_device *d = b->device;
    if (!d->caps.is_ref) {
        PN_CL(d, clEnqueueUnmapMemObject, d->queue, b->mem, at, 0, NULL, NULL);
    }
    return PENCL_OK;
}
