/* SPDX-License-Identifier: Apache-2.0 */
/* Measures what a device can do at most: how fast it reads memory, multiplies, starts a kernel.
 *
 * No form of a kernel is the fastest everywhere, so each is tried and the best one measured. Sizes
 * grow from small ones until a launch takes long enough to be timed: a simulator is done in seconds
 * and no launch is longer than 100 ms anywhere. The fastest sample stands. */
#include "pencl/study.h"

#include "base/os.h"
#include "device/device.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MIB         ((size_t)1 << 20)
#define LEAST_READ  (64 * MIB)
#define MOST_READ   (1024 * MIB)
#define MOST_ROUNDS ((size_t)1 << 24)
#define LAUNCH_NS   8000000u    /* a launch is long enough then */
#define TRIAL_NS    100000000u  /* where the smallest one takes longer, no other form is tried */
#define PATIENCE_NS 1000000000u /* for one figure */

enum {
    SAMPLES_LEAST = 5,
    SAMPLES_MOST = 40,
    CHAINS = 12, /* of cl/limits.cl */
};

/* A way to do the same work. Work-items are lanes in groups, or few and each a vector unit. */
typedef struct form {
    const char *kernel;
    int width; /* elements of a vector */
    bool lanes;
    bool runs; /* each work-item reads a run of pairs of vectors */
} form;

/* In the order of what each kind of device is usually best at. */
static const form reads[] = {{"limits_read_beside4", 4, true, false},
                             {"limits_read_beside1", 1, true, false},
                             {"limits_read_runs4", 4, true, true},
                             {"limits_read_runs16", 16, false, true},
                             {0}};
static const form wide_reads[] = {{"limits_read_runs16", 16, false, true},
                                  {"limits_read_runs8", 8, false, true},
                                  {"limits_read_runs4", 4, true, true},
                                  {0}};
static const form fmas[] = {{"limits_fma4", 4, true, false},
                            {"limits_fma1", 1, true, false},
                            {"limits_fma16", 16, false, false},
                            {0}};
static const form wide_fmas[] = {{"limits_fma16", 16, false, false},
                                 {"limits_fma8", 8, false, false},
                                 {"limits_fma1", 1, true, false},
                                 {0}};
static const form dots[] = {{"limits_dot", 4, true, false}, {0}};

typedef struct limits {
    pencl_device *device;
    pencl_ctx *ctx;
    const pn_caps *caps;
    size_t units; /* compute units, as a power of two */
    size_t group; /* work-items of a group of lanes */
    pn_buffer *out;
} limits;

/* What is to be done, by one of several forms. */
typedef struct work {
    const form *forms;
    const char *options;
    pn_buffer *x; /* to be read; NULL: numbers are multiplied */
    size_t most;  /* bytes, or rounds, of a launch */
} work;

/* One form at work. */
typedef struct runner {
    const limits *l;
    const work *w;
    const form *form;
    pn_kernel *kernel;
    size_t global[3];
    size_t local[3];
    size_t size; /* bytes, or rounds, of a launch */
    uint64_t ns; /* of a launch of that size */
} runner;

static size_t items(const limits *l, bool lanes)
{
    return lanes ? 8 * l->units * l->group : 16 * l->units;
}

static pencl_status limits_open(limits *l, pencl_device *device)
{
    *l = (limits){.device = device,
                  .ctx = pn_device_ctx(device),
                  .caps = pn_device_caps(device),
                  .units = 1,
                  .group = 256};
    pn_error_clear(l->ctx);
    if (l->caps->is_ref) {
        return PN_FAIL(l->ctx, PENCL_E_UNSUPPORTED, "ref runs no kernels that could be measured");
    }
    while (l->units < l->caps->compute_units && l->units < 256) {
        l->units *= 2;
    }
    while (l->group > 1 && l->group > l->caps->max_work_group) {
        l->group /= 2;
    }
    size_t n = items(l, true) > items(l, false) ? items(l, true) : items(l, false);
    return pn_buffer_new(&l->out, device, n * sizeof(float));
}

static void limits_close(limits *l)
{
    pn_buffer_free(l->out);
    pn_device_idle(l->device);
}

static pencl_status
new_kernel(pn_kernel **out, const limits *l, const char *name, const char *options)
{
    const pn_kernel_source source = {
        .file = "limits", .name = name, .options = options, .label = name, .whole = true};
    PENCL_TRY(pn_kernel_new(out, l->device, &source));
    pn_kernel_arg_buffer(*out, 0, l->out);
    return PENCL_OK;
}

/* ---- one form ---- */

/* n launches one behind the other: the next parts of the buffer, or the same again. */
static pencl_status run_launches(uint64_t *ns, const runner *r, size_t n)
{
    const size_t vector = (size_t)r->form->width * sizeof(float);
    const uint64_t start = pn_clock_ns();
    for (size_t i = 0; i < n; i++) {
        if (r->w->x != NULL) {
            pn_kernel_arg_u32(r->kernel, 2, (uint32_t)(i * r->size / vector));
            pn_kernel_arg_u32(r->kernel, 3, (uint32_t)(r->size / vector));
        } else {
            pn_kernel_arg_i32(r->kernel, 1, (int32_t)r->size);
        }
        PENCL_TRY(pn_kernel_run(r->kernel, 1, r->global, r->local));
    }
    PENCL_TRY(pn_device_finish(r->l->device));
    *ns = pn_clock_ns() - start + 1;
    return PENCL_OK;
}

/* Bytes, or operations, in a ns. */
static double rate(const runner *r, size_t n, uint64_t ns)
{
    double each = r->w->x != NULL ? 1 : 2.0 * CHAINS * r->form->width * (double)r->global[0];
    return each * (double)r->size * (double)n / (double)ns;
}

/* The least that is read, or done: 1 MiB, or a pair of vectors for each work-item; one round. */
static size_t least(const runner *r)
{
    size_t pairs = 2 * r->global[0] * (size_t)r->form->width * sizeof(float);
    size_t size = MIB;
    while (r->form->runs && size < pairs) {
        size *= 2;
    }
    return r->w->x != NULL ? size : 1;
}

/* The size grows until a launch can be timed, which is done twice. The first one is built and
 * journalled. */
static pencl_status grow(runner *r)
{
    r->size = least(r);
    PENCL_TRY(run_launches(&r->ns, r, 1));
    PENCL_TRY(run_launches(&r->ns, r, 1));
    while (r->ns < LAUNCH_NS && 2 * r->size <= r->w->most) {
        r->size *= 2;
        PENCL_TRY(run_launches(&r->ns, r, 1));
    }
    uint64_t again = r->ns;
    if (r->ns < TRIAL_NS) {
        PENCL_TRY(run_launches(&again, r, 1));
    }
    r->ns = again < r->ns ? again : r->ns;
    return PENCL_OK;
}

static pencl_status try_form(runner *r, const limits *l, const work *w, const form *f)
{
    *r = (runner){.l = l, .w = w, .form = f, .global = {1, 1, 1}, .local = {1, 1, 1}};
    r->local[0] = f->lanes ? l->group : 1;
    r->global[0] = items(l, f->lanes);
    if (least(r) > w->most) {
        return PENCL_OK;
    }
    PENCL_TRY(new_kernel(&r->kernel, l, f->kernel, w->options));
    if (w->x != NULL) {
        pn_kernel_arg_buffer(r->kernel, 1, w->x);
    }
    return grow(r);
}

/* ---- the best of several ---- */

static void take_better(runner *best, runner *r)
{
    bool better = r->ns > 0 && (best->ns == 0 || rate(r, 1, r->ns) > rate(best, 1, best->ns));
    if (better) {
        pn_kernel_free(best->kernel);
        *best = *r;
    } else {
        pn_kernel_free(r->kernel);
    }
}

/* A form that the driver does not build is passed over, as long as there is another. */
static pencl_status choose(runner *best, const limits *l, const work *w)
{
    pencl_status status = PENCL_OK;
    for (const form *f = w->forms; f->kernel != NULL; f++) {
        runner r;
        if (status == PENCL_E_BUILD) {
            pn_error_clear(l->ctx);
        }
        status = try_form(&r, l, w, f);
        if (status != PENCL_OK) {
            pn_kernel_free(r.kernel);
        } else {
            take_better(best, &r);
        }
        if ((status != PENCL_OK && status != PENCL_E_BUILD) ||
            (r.size == least(&r) && r.ns > TRIAL_NS)) {
            break;
        }
    }
    if (status == PENCL_E_BUILD && best->ns > 0) {
        pn_error_clear(l->ctx);
        return PENCL_OK;
    }
    return status;
}

/* Samples of n launches each, the fastest counts. A device that is too slow for all of the memory
 * in good time reads a part. */
static pencl_status sample(double *most, uint64_t *amount, const runner *r)
{
    const uint64_t start = pn_clock_ns();
    size_t n = r->w->x != NULL ? r->w->most / r->size : 1;
    while (n > 1 && n * r->ns > PATIENCE_NS / SAMPLES_LEAST) {
        n /= 2;
    }
    for (int i = 0; i < SAMPLES_MOST; i++) {
        uint64_t ns = 0;
        if (i >= SAMPLES_LEAST && pn_clock_ns() - start > PATIENCE_NS) {
            break;
        }
        PENCL_TRY(run_launches(&ns, r, n));
        double now = rate(r, n, ns);
        *most = now > *most ? now : *most;
    }
    *amount = n * r->size;
    return PENCL_OK;
}

static pencl_status measure(double *most, uint64_t *amount, const limits *l, const work *w)
{
    runner best = {0};
    pencl_status status = choose(&best, l, w);
    if (status == PENCL_OK && best.ns > 0) {
        status = sample(most, amount, &best);
    }
    pn_kernel_free(best.kernel);
    return status;
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

static pencl_status measure_reads(double *gbs, uint64_t *read, const limits *l, size_t bytes)
{
    work w = {.forms = l->caps->wide ? wide_reads : reads, .most = bytes};
    pencl_status status = pn_buffer_new(&w.x, l->device, bytes);
    if (status == PENCL_OK) {
        status = pn_buffer_fill(w.x, 0, bytes, 0);
    }
    if (status == PENCL_OK) {
        status = measure(gbs, read, l, &w);
    }
    pn_buffer_free(w.x);
    return status;
}

/* ---- multiplying ---- */

static pencl_status
measure_products(double *giga, const limits *l, const form *forms, const char *options)
{
    const work w = {.forms = forms, .options = options, .most = MOST_ROUNDS};
    uint64_t rounds = 0;
    return measure(giga, &rounds, l, &w);
}

/* What a device says to have, and then does not build, it has not. */
static pencl_status forgive(const limits *l, pencl_status status)
{
    if (status == PENCL_E_BUILD) {
        pn_error_clear(l->ctx);
        return PENCL_OK;
    }
    return status;
}

/* ---- multiplying and starting ---- */

/* What launches add that follow each other and keep every unit busy for BUSY_NS, as decoding does:
 * their time less that of the same work in one launch, by turns, the fastest of each. An empty
 * kernel would not tell: drivers that wake their threads for each launch wake one for it. */
static pencl_status sample_launches(double *us, const runner *long_one)
{
    enum { LAUNCHES = 100, PAIRS = 15, BUSY_NS = 20000 };
    double apart = INFINITY;
    double at_once = INFINITY;
    runner one = *long_one;
    runner many = *long_one;
    many.size = (size_t)(BUSY_NS * (double)one.size / (double)one.ns) + 1;
    one.size = many.size * LAUNCHES;
    const uint64_t start = pn_clock_ns();
    /* Beside other work the fastest come late: more are taken while launches seem to cost nothing.
     */
    for (int i = 0; i < PAIRS || apart <= at_once; i++) {
        uint64_t ns = 0;
        if (i >= SAMPLES_LEAST && pn_clock_ns() - start > PATIENCE_NS) {
            break;
        }
        PENCL_TRY(run_launches(&ns, &many, LAUNCHES));
        apart = fmin(apart, (double)ns);
        PENCL_TRY(run_launches(&ns, &one, 1));
        at_once = fmin(at_once, (double)ns);
    }
    *us = fmax(apart - at_once, 0) / LAUNCHES / 1e3;
    return PENCL_OK;
}

/* The form that multiplies the fastest also keeps the device busy between launches. */
static pencl_status measure_floats(pencl_limits *out, const limits *l)
{
    runner best = {0};
    uint64_t rounds = 0;
    const work w = {.forms = l->caps->wide ? wide_fmas : fmas, .most = MOST_ROUNDS};
    pencl_status status = choose(&best, l, &w);
    if (status == PENCL_OK && best.ns > 0) {
        status = sample(&out->fma_gflops, &rounds, &best);
        status = status == PENCL_OK ? sample_launches(&out->launch_us, &best) : status;
    }
    pn_kernel_free(best.kernel);
    return status;
}

static pencl_status measure_all_products(pencl_limits *out, const limits *l)
{
    PENCL_TRY(measure_floats(out, l));
    const form *forms = l->caps->wide ? wide_fmas : fmas;
    if (l->caps->has & PN_CAP_FP16) {
        PENCL_TRY(forgive(l, measure_products(&out->fma_half_gflops, l, forms, "-DT=half")));
    }
    if (l->caps->has & PN_CAP_DOT) {
        char options[64];
        snprintf(options, sizeof options, "%s -DHAS_DOT", pn_device_best_std(l->device));
        PENCL_TRY(forgive(l, measure_products(&out->dot8_gops, l, dots, options)));
    }
    return PENCL_OK;
}

/* ---- all of it ---- */

pencl_status pencl_device_measure(pencl_limits *out, pencl_device *device)
{
    limits l;
    *out = (pencl_limits){0};
    PENCL_TRY(limits_open(&l, device));
    pencl_status status = measure_reads(&out->read_gbs, &out->read_bytes, &l, read_bytes(&l));
    if (status == PENCL_OK) {
        status = measure_all_products(out, &l);
    }
    limits_close(&l);
    return status;
}

pencl_status pencl_device_measure_reads(double *gbs, pencl_device *device, uint64_t bytes)
{
    limits l;
    uint64_t read = 0;
    *gbs = 0;
    PENCL_TRY(limits_open(&l, device));
    uint64_t largest = l.caps->max_alloc < MOST_READ ? l.caps->max_alloc : MOST_READ;
    size_t size = MIB;
    while (2 * (uint64_t)size <= bytes && 2 * (uint64_t)size <= largest) {
        size *= 2;
    }
    pencl_status status = measure_reads(gbs, &read, &l, size);
    limits_close(&l);
    return status;
}
