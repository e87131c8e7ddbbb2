/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a device and its compiler still work: a kernel of one line, built anew. */
#include "base/os.h"
#include "device/internal.h"
#include "device/risk.h"

#include <stdio.h>

typedef struct probe {
    cl_program program;
    cl_kernel kernel;
    pn_buffer *buffer;
} probe;

/* The number makes the text a new one: drivers keep what they compiled. */
static pencl_status make(probe *p, pencl_device *d, int32_t number)
{
    char text[96];
    const char *source = text;
    cl_int code = CL_SUCCESS;
    snprintf(text, sizeof text, "__kernel void alive(__global int *x) { x[0] = %d; }", (int)number);
    p->program = d->cl->clCreateProgramWithSource(d->context, 1, &source, NULL, &code);
    if (code != CL_SUCCESS) {
        return pn_cl_fail(d, "clCreateProgramWithSource", code, __FILE__, __LINE__);
    }
    PN_CL(d, clBuildProgram, p->program, 1, &d->id, "-cl-std=CL1.2", NULL, NULL);
    p->kernel = d->cl->clCreateKernel(p->program, "alive", &code);
    if (code != CL_SUCCESS) {
        return pn_cl_fail(d, "clCreateKernel", code, __FILE__, __LINE__);
    }
    return pn_buffer_new(&p->buffer, d, sizeof number);
}

static pencl_status run(probe *p, pencl_device *d, int32_t number)
{
    const size_t one = 1;
    int32_t got = 0;
    PENCL_TRY(pn_buffer_write(p->buffer, 0, &got, sizeof got));
    PN_CL(d, clSetKernelArg, p->kernel, 0, sizeof p->buffer->mem, &p->buffer->mem);
    PN_CL(d, clEnqueueNDRangeKernel, d->queue, p->kernel, 1, NULL, &one, NULL, 0, NULL, NULL);
    PENCL_TRY(pn_device_flush(d));
    PENCL_TRY(pn_device_finish(d));
    PENCL_TRY(pn_buffer_read(p->buffer, 0, &got, sizeof got));
    return got == number
               ? PENCL_OK
               : PN_FAIL(d->ctx, PENCL_E_DEVICE, "it gives %d, not %d", (int)got, (int)number);
}

static void free_probe(probe *p, pencl_device *d)
{
    pn_buffer_free(p->buffer);
    if (p->kernel != NULL) {
        d->cl->clReleaseKernel(p->kernel);
    }
    if (p->program != NULL) {
        d->cl->clReleaseProgram(p->program);
    }
}

pencl_status pn_device_check_alive(pencl_device *device)
{
    static const char risk[] = "launch alive";
    const int32_t number = (int32_t)(pn_process_id() & INT32_MAX);
    probe p = {0};
    if (device->caps.is_ref) {
        return PENCL_OK;
    }
    pencl_status status = pn_device_risk(device, risk);
    if (status == PENCL_OK) {
        status = make(&p, device, number);
        status = status == PENCL_OK ? run(&p, device, number) : status;
        pn_risk_end(device->journal, device->ctx, risk);
    }
    free_probe(&p, device);
    if (status != PENCL_OK) {
        pn_error_prefix(device->ctx, "not even a kernel of one line runs");
        pn_error_prefix(device->ctx, device->info.id);
    }
    return status;
}
