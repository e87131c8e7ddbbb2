/* SPDX-License-Identifier: Apache-2.0 */
/* Chains: the work of several launches in one (cl/chain.cl). Between two launches a CPU's driver
 * wakes its threads and puts them to sleep again, which takes about as long as a small launch; the
 * stages of a chain wait for each other by counters.
 *
 * Each stage is the text of its kernel, compiled by itself as a function, since texts define the
 * same names; the chain is linked from them. A function's name and parameters are made up here,
 * from the arguments that the kernel was given.
 */
#include "device/kernel.h"
#include "device/source.h"

#include <stdio.h>

enum {
    LINE = 64,        /* bytes of a cache line */
    STAGE_NUMBERS = 2 /* arguments of a stage before its own: groups along x, groups */
};

bool pn_device_chains(const pencl_device *device)
{
    /* Work-groups that run have to go on, whatever else runs: GPUs promise nothing of the kind. */
    return device->info.type == PENCL_DEVICE_CPU && device->caps.wide && !device->info.software;
}

/* ---- which launches ---- */

/* Work-groups along an axis. */
static uint32_t groups_along(const pn_stage *s, int axis)
{
    return axis < s->dims ? (uint32_t)(s->global[axis] / s->local[axis]) : 1;
}

/* Bytes of arguments that the launch adds to a chain; 0: it cannot be in one, or was not made yet.
 */
static size_t stage_bytes(const pn_stage *s)
{
    const pn_kernel *k = s->kernel;
    if (k == NULL || k->args == NULL || k->n_args > PN_STAGE_ARGS || k->proven.dims == 0 ||
        k->piece > 0 || s->dims > 2 || s->local[0] == 0 || (s->dims == 2 && s->local[1] != 1)) {
        return 0;
    }
    size_t bytes = STAGE_NUMBERS * sizeof(uint32_t);
    for (int i = 0; i < k->n_args; i++) {
        bytes += pn_arg_bytes(&k->args[i]);
    }
    return bytes;
}

/* Of arguments that a kernel takes. */
static size_t most_bytes(const pencl_device *d)
{
    size_t bytes = 0;
    return d->cl->clGetDeviceInfo(d->id, CL_DEVICE_MAX_PARAMETER_SIZE, sizeof bytes, &bytes,
                                  NULL) == CL_SUCCESS
               ? bytes
               : 0;
}

/* A chain ends where it began: layers that are alike have the same program then. */
int pn_chain_length(const pencl_device *device, const pn_stage *stages, int n)
{
    size_t room = most_bytes(device);
    size_t used = sizeof(cl_mem); // NOLINT(bugprone-sizeof-expression): the handle
    int length = 0;
    for (; length < n && length < PN_CHAIN_MOST; length++) {
        const pn_stage *s = &stages[length];
        const size_t bytes = stage_bytes(s);
        used += bytes;
        if (bytes == 0 || used > room ||
            (length > 0 && s->kernel->program == stages[0].kernel->program)) {
            break;
        }
    }
    return length;
}

/* ---- texts ---- */

/* "__global void *a0, const long a1, ...": the types as the host gave them. */
static void add_params(pn_text *out, const pn_kernel *k, const char *prefix)
{
    static const char *const types[] = {"__global void *", "const int ", "const uint ",
                                        "const long ", "const float "};
    for (int i = 0; i < k->n_args; i++) {
        pn_text_add(out, ", %s%s%d", types[k->args[i].kind], prefix, i);
    }
}

static void add_args(pn_text *out, const pn_kernel *k, const char *prefix)
{
    for (int i = 0; i < k->n_args; i++) {
        pn_text_add(out, ", %s%d", prefix, i);
    }
}

static void declare(pn_text *out, const pn_stage *s, int number)
{
    pn_text_add(out, "void stage_%d(const uint x, const uint y", number);
    add_params(out, s->kernel, "a");
    pn_text_add(out, ")");
}

/* A stage's text: the kernel as a function, and one that calls it for each lane of a group. */
static pencl_status add_stage(pn_text *out, pencl_device *d, const pn_stage *s, int number)
{
    const pn_kernel *k = s->kernel;
    pn_text prelude = {0};
    pn_text_add(&prelude, "#define STAGE\n%s", k->program->prelude);
    pencl_status st = prelude.failed
                          ? PN_NOMEM(d->ctx)
                          : pn_source_join(out, d->ctx, k->program->file, pn_text_get(&prelude));
    pn_text_free(&prelude);
    declare(out, s, number);
    st = out->failed ? PN_NOMEM(d->ctx) : st;
    pn_text_add(out, "\n{\n    for (uint lane = 0; lane < %zu; lane++) {\n", s->local[0]);
    pn_text_add(out, "        %s(x * %zu + lane, y", k->name, s->local[0]);
    add_args(out, k, "a");
    pn_text_add(out, ");\n    }\n}\n");
    return st;
}

/* The macros of cl/chain.cl, which name the stages' programs: they are part of the key. */
static void add_chain(pn_text *out, const pn_stage *stages, int n)
{
    char prefix[16];
    for (int i = 0; i < n; i++) {
        pn_text_add(out, "/* %s */\n", stages[i].kernel->program->store_key);
        declare(out, &stages[i], i);
        pn_text_add(out, ";\n");
    }
    pn_text_add(out, "#define STAGES %d\n#define CHAIN_PARAMS", n);
    for (int i = 0; i < n; i++) {
        snprintf(prefix, sizeof prefix, "s%d_", i);
        pn_text_add(out, ", const uint s%d_x, const uint s%d_n", i, i);
        add_params(out, stages[i].kernel, prefix);
    }
    pn_text_add(out, "\n#define CHAIN");
    for (int i = 0; i < n; i++) {
        snprintf(prefix, sizeof prefix, "s%d_", i);
        pn_text_add(out, " \\\n    STAGE_LOOP(%d, s%d_n, stage_%d(place %% s%d_x, place / s%d_x", i,
                    i, i, i, i);
        add_args(out, stages[i].kernel, prefix);
        pn_text_add(out, "))");
    }
    pn_text_add(out, "\n");
}

/* ---- kernels ---- */

/* Zeros, once for all chains of the device: one runs at a time, and leaves them as it found them.
 */
static pencl_status make_counters(pencl_device *d)
{
    cl_int code = CL_SUCCESS;
    unsigned char zeros[(2 * PN_CHAIN_MOST + 1) * LINE] = {0};
    if (d->counters == NULL) {
        d->counters = d->cl->clCreateBuffer(d->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                                            sizeof zeros, zeros, &code);
    }
    return code == CL_SUCCESS ? PENCL_OK
                              : pn_cl_fail(d, "clCreateBuffer", code, __FILE__, __LINE__);
}

static void set_args(pn_kernel *chain, const pn_stage *stages, int n)
{
    int index = 1;
    pn_kernel_arg(chain, 0, &(pn_arg){PN_ARG_BUFFER, .value.mem = chain->device->counters});
    for (int i = 0; i < n; i++) {
        const uint32_t x = groups_along(&stages[i], 0);
        const uint32_t groups = x * groups_along(&stages[i], 1);
        pn_kernel *k = stages[i].kernel;
        pn_kernel_arg_u32(chain, index, x);
        pn_kernel_arg_u32(chain, index + 1, groups);
        pn_kernel_follow(chain, index + STAGE_NUMBERS, k);
        index += STAGE_NUMBERS + k->n_args;
    }
}

static pencl_status
make(pn_kernel **out, pencl_device *d, const pn_stage *stages, pn_text *units, int n)
{
    pn_text prelude = {0};
    pencl_status st = make_counters(d);
    add_chain(&prelude, stages, n);
    for (int i = 0; i < n && st == PENCL_OK; i++) {
        st = add_stage(&units[i], d, &stages[i], i);
    }
    if (st == PENCL_OK) {
        const pn_kernel_source source = {.file = "chain",
                                         .name = "chain",
                                         .prelude = pn_text_get(&prelude),
                                         .label = "chain",
                                         .whole = true,
                                         .once = true,
                                         .units = units,
                                         .n_units = n};
        st = prelude.failed ? PN_NOMEM(d->ctx) : pn_kernel_new(out, d, &source);
    }
    pn_text_free(&prelude);
    return st;
}

pencl_status pn_chain_new(pn_kernel **out, pencl_device *device, const pn_stage *stages, int n)
{
    static const size_t one[3] = {1, 1, 1};
    pn_text units[PN_CHAIN_MOST] = {{0}};
    *out = NULL;
    pencl_status st = make(out, device, stages, units, n);
    for (int i = 0; i < n; i++) {
        pn_text_free(&units[i]);
    }
    PENCL_TRY(st);
    set_args(*out, stages, n);
    return pn_kernel_check(*out, 1, one);
}

const char *pn_chain_key(const pn_kernel *chain)
{
    return chain->program->store_key;
}

pencl_status pn_chain_run(pn_kernel *chain)
{
    return pn_kernel_run(chain, 1, (size_t[3]){chain->device->caps.compute_units}, (size_t[3]){1});
}

void pn_chain_leave(pn_kernel *kernel)
{
    kernel->chain = NULL;
}
