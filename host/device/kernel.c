/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel objects and their arguments. */
#include "device/kernel.h"

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
    k->whole = source->whole;
    k->once = source->once;
    pn_device_hold(device);
    const bool stage = source->stage && source->options == NULL && pn_device_chains(device);
    k->args = stage ? pn_calloc(PN_STAGE_ARGS, sizeof *k->args) : NULL;
    k->name = pn_strdup(source->name);
    k->label = pn_strdup(source->label);
    pencl_status status = k->name == NULL || k->label == NULL || (stage && k->args == NULL)
                              ? PN_NOMEM(device->ctx)
                              : pn_program_get(&k->program, device, source);
    if (status == PENCL_OK) {
        cl_int code = CL_SUCCESS;
        k->kernel = device->cl->clCreateKernel(k->program->program, k->name, &code);
        if (code == CL_INVALID_KERNEL_NAME) {
            status =
                PN_FAIL_CODE(device->ctx, PENCL_E_BUILD, code,
                             "clCreateKernel: there is no %s in cl/%s.cl", k->name, source->file);
        } else if (code != CL_SUCCESS) {
            status = pn_cl_fail(device, "clCreateKernel", code, __FILE__, __LINE__);
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
    pn_free(kernel->args);
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

size_t pn_arg_bytes(const pn_arg *arg)
{
    static const size_t bytes[] = {sizeof(cl_mem), 4, 4, 8, 4};
    return bytes[arg->kind];
}

void pn_kernel_arg(pn_kernel *k, int index, const pn_arg *arg)
{
    set_arg(k, index, pn_arg_bytes(arg), &arg->value);
    if (k->args != NULL) {
        if (index < PN_STAGE_ARGS) {
            k->args[index] = *arg;
        }
        k->n_args = index < k->n_args ? k->n_args : index + 1;
    }
    if (k->chain != NULL) {
        pn_kernel_arg(k->chain, k->chain_at + index, arg);
    }
}

void pn_kernel_follow(pn_kernel *chain, int at, pn_kernel *kernel)
{
    kernel->chain = chain;
    kernel->chain_at = at;
    for (int i = 0; i < kernel->n_args; i++) {
        pn_kernel_arg(chain, at + i, &kernel->args[i]);
    }
}

void pn_kernel_arg_buffer(pn_kernel *k, int index, pn_buffer *buffer)
{
    pn_kernel_arg(k, index,
                  &(pn_arg){PN_ARG_BUFFER, .value.mem = buffer == NULL ? NULL : buffer->mem});
}

void pn_kernel_arg_i32(pn_kernel *k, int index, int32_t value)
{
    pn_kernel_arg(k, index, &(pn_arg){PN_ARG_I32, .value.i32 = value});
}

void pn_kernel_arg_u32(pn_kernel *k, int index, uint32_t value)
{
    pn_kernel_arg(k, index, &(pn_arg){PN_ARG_U32, .value.u32 = value});
}

void pn_kernel_arg_i64(pn_kernel *k, int index, int64_t value)
{
    pn_kernel_arg(k, index, &(pn_arg){PN_ARG_I64, .value.i64 = value});
}

void pn_kernel_arg_f32(pn_kernel *k, int index, float value)
{
    pn_kernel_arg(k, index, &(pn_arg){PN_ARG_F32, .value.f32 = value});
}

void pn_kernel_arg_local(pn_kernel *k, int index, size_t bytes)
{
    set_arg(k, index, bytes, NULL);
}
