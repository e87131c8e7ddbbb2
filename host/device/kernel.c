/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel objects: arguments and launches. */
#include "device/program.h"
#include "device/risk.h"

#include <stdio.h>
#include <string.h>

struct pn_kernel {
    pencl_device *device;
    pn_program *program;
    cl_kernel kernel;
    char *name;
    char *label;
    int bad_arg; /* the first argument that was refused, with its code; told at the launch */
    cl_int bad_code;
    size_t proven[3]; /* the local size of the last launch: needs no second look */
    bool is_proven;
};

pencl_status pn_kernel_new(pn_kernel **out, pencl_device *device, const pn_kernel_source *source)
{
    *out = NULL;
    if (device->caps.is_ref) {
        return PN_FAIL(device->ctx, PENCL_E_UNSUPPORTED, "ref has no kernels (%s)", source->label);
    }
    pn_kernel *k = pn_calloc(1, sizeof *k);
    if (k == NULL) {
        return PN_NOMEM(device->ctx);
    }
    k->device = device;
    pn_device_hold(device);
    k->name = pn_strdup(source->name);
    k->label = pn_strdup(source->label);
    pencl_status status = k->name == NULL || k->label == NULL
                              ? PN_NOMEM(device->ctx)
                              : pn_program_get(&k->program, device, source);
    if (status == PENCL_OK) {
        cl_int code = CL_SUCCESS;
        char room[32];
        k->kernel = device->cl->clCreateKernel(k->program->program, k->name, &code);
        if (code != CL_SUCCESS) {
            status =
                PN_FAIL_CODE(device->ctx, PENCL_E_BUILD, code, "clCreateKernel: %s: %s in cl/%s.cl",
                             pn_cl_error_name(code, room), k->name, source->file);
        }
    }
    if (status != PENCL_OK) {
        pn_error_prefix(device->ctx, source->label);
        pn_kernel_free(k);
        return status;
    }
    *out = k;
    return PENCL_OK;
}

void pn_kernel_free(pn_kernel *kernel)
{
    if (kernel == NULL) {
        return;
    }
    if (kernel->kernel != NULL) {
        kernel->device->cl->clReleaseKernel(kernel->kernel);
    }
    pn_program_free(kernel->program);
    pn_device_release(kernel->device);
    pn_free(kernel->name);
    pn_free(kernel->label);
    pn_free(kernel);
}

static void set_arg(pn_kernel *k, int index, size_t size, const void *value)
{
    cl_int code = k->device->cl->clSetKernelArg(k->kernel, (cl_uint)index, size, value);
    if (code != CL_SUCCESS && k->bad_code == CL_SUCCESS) {
        k->bad_arg = index;
        k->bad_code = code;
    }
}

void pn_kernel_arg_buffer(pn_kernel *k, int index, pn_buffer *buffer)
{
    cl_mem mem = buffer == NULL ? NULL : buffer->mem;
    set_arg(k, index, sizeof(cl_mem), &mem); // NOLINT(bugprone-sizeof-expression): the handle
}

void pn_kernel_arg_i32(pn_kernel *k, int index, int32_t value)
{
    set_arg(k, index, sizeof value, &value);
}

void pn_kernel_arg_u32(pn_kernel *k, int index, uint32_t value)
{
    set_arg(k, index, sizeof value, &value);
}

void pn_kernel_arg_i64(pn_kernel *k, int index, int64_t value)
{
    set_arg(k, index, sizeof value, &value);
}

void pn_kernel_arg_f32(pn_kernel *k, int index, float value)
{
    set_arg(k, index, sizeof value, &value);
}

void pn_kernel_arg_local(pn_kernel *k, int index, size_t bytes)
{
    set_arg(k, index, bytes, NULL);
}

static pencl_status check_launch(pn_kernel *k, int dims, const size_t *local)
{
    pencl_device *d = k->device;
    char room[32];
    if (k->bad_code != CL_SUCCESS) {
        return PN_FAIL_CODE(d->ctx, PENCL_E_DEVICE, k->bad_code, "clSetKernelArg: %s: argument %d",
                            pn_cl_error_name(k->bad_code, room), k->bad_arg);
    }
    size_t items = 1;
    for (int i = 0; i < dims && local != NULL; i++) {
        items *= local[i];
    }
    if (items > d->caps.max_work_group) {
        return PN_FAIL(d->ctx, PENCL_E_LIMIT, "a work-group of %zu, the device takes %zu", items,
                       d->caps.max_work_group);
    }
    return PENCL_OK;
}

static pencl_status enqueue(pn_kernel *k, int dims, const size_t *global, const size_t *local)
{
    pencl_device *d = k->device;
    cl_event *event = pn_times_next(d);
    PN_CL(d, clEnqueueNDRangeKernel, d->queue, k->kernel, (cl_uint)dims, NULL, global, local, 0,
          NULL, event);
    if (event != NULL) {
        pn_times_launched(d, event);
    }
    return PENCL_OK;
}

/* What a launch is called: in the program's list, and in the journal. */
typedef struct launch_name {
    char line[128];
    char risk[PN_RISK_MAX];
} launch_name;

static void name_launch(launch_name *name, const pn_kernel *k, const size_t size[3])
{
    snprintf(name->line, sizeof name->line, "%.60s %zu,%zu,%zu", k->name, size[0], size[1],
             size[2]);
    snprintf(name->risk, sizeof name->risk, "launch %s %s", k->program->store_key, name->line);
}

/* The launch of a kernel at a local size that this driver has not been through: drivers compile
 * here, and die here, so it is journalled and waited for. */
static pencl_status
prove(pn_kernel *k, int dims, const size_t *global, const size_t *local, const launch_name *name)
{
    pencl_device *d = k->device;
    PENCL_TRY(pn_device_risk(d, name->risk));
    pencl_status status = enqueue(k, dims, global, local);
    if (status == PENCL_OK) {
        status = pn_device_finish(d);
    }
    pn_risk_end(d->journal, d->ctx, name->risk);
    if (status == PENCL_OK) {
        pn_program_add_launched(k->program, name->line);
    }
    return status;
}

static void copy_size(size_t size[3], int dims, const size_t *local)
{
    for (int i = 0; i < 3; i++) {
        size[i] = i < dims && local != NULL ? local[i] : 0;
    }
}

static pencl_status run(pn_kernel *k, int dims, const size_t *global, const size_t *local)
{
    size_t size[3];
    launch_name name;
    copy_size(size, dims, local);
    if (k->is_proven && memcmp(size, k->proven, sizeof size) == 0) {
        return enqueue(k, dims, global, local);
    }
    PENCL_TRY(check_launch(k, dims, local));
    name_launch(&name, k, size);
    if (pn_program_was_launched(k->program, name.line)) {
        PENCL_TRY(enqueue(k, dims, global, local));
    } else {
        PENCL_TRY(prove(k, dims, global, local, &name));
    }
    memcpy(k->proven, size, sizeof size);
    k->is_proven = true;
    return PENCL_OK;
}

pencl_status pn_kernel_check(pn_kernel *k, int dims, const size_t local[3])
{
    pencl_device *d = k->device;
    size_t size[3];
    launch_name name;
    copy_size(size, dims, local);
    name_launch(&name, k, size);
    if (pn_program_was_launched(k->program, name.line)) {
        return PENCL_OK;
    }
    pencl_status status = pn_risk_check(&d->journal, d->ctx, name.risk, PN_TWO_DEATHS);
    if (status != PENCL_OK) {
        pn_text_add(&d->refused, "%s\n", name.risk);
        pn_error_prefix(d->ctx, k->label);
    }
    return status;
}

pencl_status pn_kernel_run(pn_kernel *k, int dims, const size_t global[3], const size_t local[3])
{
    pencl_status status = run(k, dims, global, local);
    if (status != PENCL_OK) {
        pn_error_prefix(k->device->ctx, k->label);
    }
    return status;
}
