/* SPDX-License-Identifier: Apache-2.0 */
/* Measures what a device can do at most: how fast it reads memory, multiplies, starts a kernel.
 *
 * Sizes grow from small ones until a launch takes long enough to be timed, so that a simulator is
 * done in seconds and no launch is longer than 100 ms anywhere. The fastest sample stands. */
#include "pencl/study.h"

#include "base/os.h"
#include "device/device.h"

#include <string.h>

#define MIB         ((size_t)1 << 20)
#define LEAST_READ  (64 * MIB)
#define MOST_READ   (1024 * MIB)
#define LAUNCH_NS   8000000u    /* a launch is long enough then */
#define PATIENCE_NS 2000000000u /* for one figure */
#define SAMPLES     3

typedef struct limits {
    pencl_device *device;
    const pn_caps *caps;
    pn_buffer *out; /* a float for each work-item */
    size_t global[3];
    size_t local[3];
} limits;

static pencl_status
new_kernel(pn_kernel **k, const limits *l, const char *wide, const char *lanes, const char *label)
{
    return pn_kernel_new(
        k, l->device,
        &(pn_kernel_source){
            .file = "limits", .name = l->caps->wide ? wide : lanes, .label = label, .whole = true});
}

/* Enough work-items for every compute unit, a power of two of them: a few vector units' worth, or
 * work-groups of lanes. */
static void choose_sizes(limits *l)
{
    size_t units = 1;
    while (units < l->caps->compute_units && units < 256) {
        units *= 2;
    }
    size_t lanes = 256;
    while (lanes > 1 && lanes > l->caps->max_work_group) {
        lanes /= 2;
    }
    l->local[0] = l->caps->wide ? 1 : lanes;
    l->global[0] = l->caps->wide ? 16 * units : 8 * units * lanes;
    l->global[1] = l->global[2] = l->local[1] = l->local[2] = 1;
}

static pencl_status time_launch(uint64_t *ns, const limits *l, pn_kernel *kernel)
{
    const uint64_t start = pn_clock_ns();
    PENCL_TRY(pn_kernel_run(kernel, 1, l->global, l->local));
    PENCL_TRY(pn_device_finish(l->device));
    *ns = pn_clock_ns() - start;
    return PENCL_OK;
}

/* ---- reading ---- */

/* Four times what the caches hold, so that they are of no use. */
static size_t read_bytes(const limits *l)
{
    size_t cache = (size_t)l->caps->cache;
    size_t bytes = LEAST_READ;
    while (bytes < 4 * cache && bytes < MOST_READ) {
        bytes *= 2;
    }
    while (bytes > MIB && (bytes > l->caps->max_alloc || bytes > l->caps->memory / 4)) {
        bytes /= 2;
    }
    return bytes;
}

/* Sums the first `bytes` of the buffer, `piece` at a time. */
static pencl_status
read_all(uint64_t *ns, const limits *l, pn_kernel *kernel, size_t bytes, size_t piece)
{
    const size_t vector = (l->caps->wide ? 16 : 4) * sizeof(float);
    const uint64_t start = pn_clock_ns();
    for (size_t at = 0; at < bytes; at += piece) {
        pn_kernel_arg_u32(kernel, 2, (uint32_t)(at / vector));
        pn_kernel_arg_u32(kernel, 3, (uint32_t)(piece / vector));
        PENCL_TRY(pn_kernel_run(kernel, 1, l->global, l->local));
    }
    PENCL_TRY(pn_device_finish(l->device));
    *ns = pn_clock_ns() - start;
    return PENCL_OK;
}

/* A device that is too slow for all of it in good time gets a part. */
static pencl_status sample_reads(pencl_limits *out, const limits *l, pn_kernel *kernel, size_t all)
{
    uint64_t ns = 0;
    size_t piece = MIB;
    PENCL_TRY(read_all(&ns, l, kernel, piece, piece)); /* built, and journalled */
    PENCL_TRY(read_all(&ns, l, kernel, piece, piece));
    while (ns < LAUNCH_NS && piece < all) {
        piece *= 2;
        PENCL_TRY(read_all(&ns, l, kernel, piece, piece));
    }
    size_t bytes = piece;
    while (bytes < all && ns * (2 * bytes / piece) < PATIENCE_NS / SAMPLES) {
        bytes *= 2;
    }
    for (int i = 0; i < SAMPLES; i++) {
        PENCL_TRY(read_all(&ns, l, kernel, bytes, piece));
        double gbs = (double)bytes / (double)(ns > 0 ? ns : 1);
        out->read_gbs = gbs > out->read_gbs ? gbs : out->read_gbs;
    }
    out->read_bytes = bytes;
    return PENCL_OK;
}

static pencl_status measure_reads(pencl_limits *out, const limits *l)
{
    const size_t all = read_bytes(l);
    pn_kernel *kernel = NULL;
    pn_buffer *x = NULL;
    pencl_status status = pn_buffer_new(&x, l->device, all);
    if (status == PENCL_OK) {
        status = pn_buffer_fill(x, 0, all, 0);
    }
    if (status == PENCL_OK) {
        status =
            new_kernel(&kernel, l, "limits_read_wide", "limits_read_lanes", "limits/limits_read");
    }
    if (status == PENCL_OK) {
        pn_kernel_arg_buffer(kernel, 0, l->out);
        pn_kernel_arg_buffer(kernel, 1, x);
        status = sample_reads(out, l, kernel, all);
    }
    pn_kernel_free(kernel);
    pn_buffer_free(x);
    return status;
}

/* ---- multiplying and starting ---- */

static pencl_status sample_fma(pencl_limits *out, const limits *l, pn_kernel *kernel)
{
    const double flops = 2.0 * 8 * (l->caps->wide ? 16 : 4) * (double)l->global[0];
    const uint64_t start = pn_clock_ns();
    uint64_t ns = 0;
    int32_t rounds = 1;
    pn_kernel_arg_buffer(kernel, 0, l->out);
    pn_kernel_arg_i32(kernel, 1, rounds);
    PENCL_TRY(time_launch(&ns, l, kernel));
    PENCL_TRY(time_launch(&ns, l, kernel));
    while (ns < LAUNCH_NS && rounds < 1 << 24) {
        rounds *= 2;
        pn_kernel_arg_i32(kernel, 1, rounds);
        PENCL_TRY(time_launch(&ns, l, kernel));
    }
    for (int i = 0; i < 8 * SAMPLES && pn_clock_ns() - start < PATIENCE_NS; i++) {
        double gflops = flops * rounds / (double)(ns > 0 ? ns : 1);
        out->fma_gflops = gflops > out->fma_gflops ? gflops : out->fma_gflops;
        PENCL_TRY(time_launch(&ns, l, kernel));
    }
    return PENCL_OK;
}

static pencl_status measure_fma(pencl_limits *out, const limits *l)
{
    pn_kernel *kernel = NULL;
    PENCL_TRY(new_kernel(&kernel, l, "limits_fma_wide", "limits_fma_lanes", "limits/limits_fma"));
    pencl_status status = sample_fma(out, l, kernel);
    pn_kernel_free(kernel);
    return status;
}

/* Launches one behind the other, as decoding does. */
static pencl_status sample_launches(pencl_limits *out, const limits *l, pn_kernel *kernel)
{
    enum { LAUNCHES = 100 };
    uint64_t ns = 0;
    pn_kernel_arg_buffer(kernel, 0, l->out);
    PENCL_TRY(time_launch(&ns, l, kernel));
    for (int i = 0; i < SAMPLES; i++) {
        const uint64_t start = pn_clock_ns();
        for (int k = 0; k < LAUNCHES; k++) {
            PENCL_TRY(pn_kernel_run(kernel, 1, l->local, l->local));
        }
        PENCL_TRY(pn_device_finish(l->device));
        double us = (double)(pn_clock_ns() - start) / 1e3 / LAUNCHES;
        out->launch_us = i == 0 || us < out->launch_us ? us : out->launch_us;
    }
    return PENCL_OK;
}

static pencl_status measure_launches(pencl_limits *out, const limits *l)
{
    pn_kernel *kernel = NULL;
    PENCL_TRY(new_kernel(&kernel, l, "limits_nothing", "limits_nothing", "limits/limits_nothing"));
    pencl_status status = sample_launches(out, l, kernel);
    pn_kernel_free(kernel);
    return status;
}

pencl_status pencl_device_measure(pencl_limits *out, pencl_device *device)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    limits l = {.device = device, .caps = pn_device_caps(device)};
    pn_error_clear(ctx);
    *out = (pencl_limits){0};
    if (l.caps->is_ref) {
        return PN_FAIL(ctx, PENCL_E_UNSUPPORTED, "ref runs no kernels that could be measured");
    }
    choose_sizes(&l);
    pencl_status status = pn_buffer_new(&l.out, device, l.global[0] * sizeof(float));
    if (status == PENCL_OK) {
        status = measure_reads(out, &l);
    }
    if (status == PENCL_OK) {
        status = measure_fma(out, &l);
    }
    if (status == PENCL_OK) {
        status = measure_launches(out, &l);
    }
    pn_buffer_free(l.out);
    pn_device_idle(device);
    return status;
}
