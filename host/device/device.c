/* SPDX-License-Identifier: Apache-2.0 */
/* Opens and closes devices: context, queue, store. */
#include "base/os.h"
#include "device/caps.h"
#include "device/drivers.h"
#include "device/loader.h"
#include "device/part.h"
#include "device/platform.h"
#include "device/program.h"
#include "device/quirks.h"
#include "device/risk.h"

#include <stdio.h>
#include <string.h>

static void name_table(pencl_device *d, cl_platform_id platform)
{
    char version[128] = "";
    d->cl->clGetPlatformInfo(platform, CL_PLATFORM_VERSION, sizeof version - 1, version, NULL);
    snprintf(d->programs_table, sizeof d->programs_table, "programs %s|%s|%s", d->info.name,
             d->info.driver, version);
}

static pencl_status connect(pencl_device *d, const pn_handle *handle, uint32_t cores)
{
    cl_int code = CL_SUCCESS;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)handle->platform, 0};
    d->cl = pn_opencl();
    d->id = handle->id;
    if (cores > 0) {
        PENCL_TRY(pn_part_new(&d->part, d, cores));
        d->id = d->part;
    }
    d->best_std = pn_caps_best_std(d->cl, d->id);
    name_table(d, handle->platform);
    d->context = d->cl->clCreateContext(properties, 1, &d->id, NULL, NULL, &code);
    if (code != CL_SUCCESS) {
        d->context = NULL;
        return pn_cl_fail(d, "clCreateContext", code, __FILE__, __LINE__);
    }
    d->queue = d->cl->clCreateCommandQueue(d->context, d->id, 0, &code);
    if (code != CL_SUCCESS) {
        d->queue = NULL;
        return pn_cl_fail(d, "clCreateCommandQueue", code, __FILE__, __LINE__);
    }
    return PENCL_OK;
}

static void log_faults(const pencl_device *d)
{
    for (size_t i = 0; i < pn_n_driver_faults; i++) {
        const pn_driver_fault *f = &pn_driver_faults[i];
        if (pn_driver_fault_fits(f, &d->info)) {
            pn_log(d->ctx, PENCL_LOG_INFO, "device", "%s: known of this driver: %s (%s)",
                   d->info.id, f->fault, f->source);
        }
    }
}

/* The device goes without its store: it stays the caller's. */
static pencl_status give_up(pencl_device *d, pencl_status status)
{
    pn_error_prefix(d->ctx, d->info.id);
    d->store = NULL;
    pn_device_release(d);
    return status;
}

/* The device that was picked of the listing. Takes the store when it succeeds. */
static pencl_status open_pick(pencl_device **out,
                              pencl_ctx *ctx,
                              const pn_listing *listing,
                              const pn_choice *choice,
                              pn_store_db *store)
{
    const pencl_device_pick *pick = &choice->picks[0];
    const pn_handle *handle = &listing->handles[pick->row];
    pencl_device *d = pn_calloc(1, sizeof *d);
    if (d == NULL) {
        return PN_NOMEM(ctx);
    }
    d->ctx = ctx;
    d->refs = 1;
    d->store = store;
    d->info = listing->list->devices[pick->row];
    d->caps = handle->caps;
    pn_copy(d->reason, sizeof d->reason, choice->reason);
    const uint32_t all = d->caps.compute_units;
    if (pick->cores > 0) {
        pn_pick_id(d->info.id, sizeof d->info.id, listing->list->devices, pick);
        d->info.compute_units = pick->cores;
        d->caps.compute_units = pick->cores;
    }
    pencl_status status = d->caps.is_ref ? PENCL_OK : connect(d, handle, pick->cores);
    if (status == PENCL_OK && pick->cores > 0) {
        status = pn_part_check(d, pick->cores, all);
    }
    if (status != PENCL_OK) {
        return give_up(d, status);
    }
    log_faults(d);
    *out = d;
    return PENCL_OK;
}

/* Lists, decides, opens; `words` are from `origin`. */
static pencl_status open_words(
    pencl_device **out, pencl_ctx *ctx, pn_store_db *store, const char *words, const char *origin)
{
    pn_listing listing;
    pn_choice choice;
    bool is_ref = words != NULL && strcmp(words, "ref") == 0;
    PENCL_TRY(pn_listing_new(&listing, ctx, store, is_ref ? PN_SCOPE_REF : PN_SCOPE_ALL));
    const pencl_device_list *list = listing.list;
    pencl_status status = pn_select(&choice, ctx, list->devices, list->n_devices, words, origin);
    if (status == PENCL_OK) {
        status = open_pick(out, ctx, &listing, &choice, store);
        pn_choice_free(&choice);
    } else if (list->n_platforms > 0 && list->n_devices == 1) {
        pn_error_prefix(ctx, list->platforms[0].error); /* only `ref`: why no OpenCL? */
    }
    pn_listing_free(&listing);
    return status;
}

pencl_status pencl_device_open(pencl_device **out, pencl_ctx *ctx, const char *words)
{
    const char *origin = words != NULL ? "device" : "PENCL_DEVICE";
    *out = NULL;
    pn_error_clear(ctx);
    words = words != NULL ? words : pn_get_env("PENCL_DEVICE");
    pn_store_db *store = pn_cache_open(ctx);
    if (store == NULL) {
        return PN_NOMEM(ctx);
    }
    pencl_status status = open_words(out, ctx, store, words, origin);
    if (status != PENCL_OK) {
        pn_store_db_close(store);
    }
    return status;
}

pencl_status pn_device_risk(pencl_device *device, const char *what)
{
    pencl_status status = pn_risk_begin(&device->journal, device->ctx, what, PN_TWO_DEATHS);
    if (status != PENCL_OK) {
        pn_text_add(&device->refused, "%s\n", what);
    }
    return status;
}

void pn_device_hold(pencl_device *device)
{
    device->refs++;
}

void pn_device_release(pencl_device *device)
{
    if (--device->refs > 0) {
        return;
    }
    if (device->counters != NULL) {
        device->cl->clReleaseMemObject(device->counters);
    }
    if (device->queue != NULL) {
        device->cl->clReleaseCommandQueue(device->queue);
    }
    if (device->context != NULL) {
        device->cl->clReleaseContext(device->context);
    }
    pn_text_free(&device->verdicts);
    pn_text_free(&device->doubts);
    pn_text_free(&device->refused);
    if (device->part != NULL) {
        device->cl->clReleaseDevice(device->part);
    }
    pn_store_db_close(device->store);
    pn_journal_close(device->journal);
    pn_free(device);
}

void pencl_device_close(pencl_device *device)
{
    if (device != NULL) {
        pn_device_idle(device);
        pn_device_release(device);
    }
}

const pencl_device_info *pencl_device_describe(const pencl_device *device)
{
    return &device->info;
}

const char *pencl_device_reason(const pencl_device *device)
{
    return device->reason;
}

/* Whether the drivers were told so before. */
static bool threads_are(const char *value)
{
    for (size_t i = 0; i < pn_n_quirks; i++) {
        const char *name = pn_quirks[i].threads;
        const char *set = name[0] != '\0' ? pn_get_env(name) : value;
        if (set == NULL || strcmp(set, value) != 0) {
            return false;
        }
    }
    return true;
}

pencl_status pencl_set_threads(pencl_ctx *ctx, int threads)
{
    char value[16];
    pn_error_clear(ctx);
    if (threads < 0) {
        return PN_FAIL(ctx, PENCL_E_ARG, "%d threads", threads);
    }
    if (threads == 0) {
        return PENCL_OK;
    }
    snprintf(value, sizeof value, "%d", threads);
    if (pn_opencl_asked() && threads_are(value)) {
        return PENCL_OK;
    }
    if (pn_opencl_asked()) {
        return PN_FAIL(ctx, PENCL_E_ARG,
                       "the number of threads was set after the drivers were loaded");
    }
    for (size_t i = 0; i < pn_n_quirks; i++) {
        if (pn_quirks[i].threads[0] != '\0') {
            pn_set_env(pn_quirks[i].threads, value, true);
        }
    }
    return PENCL_OK;
}

const pn_caps *pn_device_caps(const pencl_device *device)
{
    return &device->caps;
}

pencl_ctx *pn_device_ctx(const pencl_device *device)
{
    return device->ctx;
}

const char *pn_device_best_std(const pencl_device *device)
{
    return device->best_std;
}

pencl_status pn_device_flush(pencl_device *device)
{
    if (!device->caps.is_ref) {
        PN_CL(device, clFlush, device->queue);
        device->flushed = true;
    }
    return PENCL_OK;
}

/* Rusticl (Mesa 22.3) waits only for what came after the last clFlush: a marker does. */
pencl_status pn_device_finish(pencl_device *device)
{
    if (!device->caps.is_ref) {
        if (device->flushed) {
            PN_CL(device, clEnqueueMarkerWithWaitList, device->queue, 0, NULL, NULL);
            device->flushed = false;
        }
        PN_CL(device, clFinish, device->queue);
    }
    return PENCL_OK;
}

void pn_device_time_launches(pencl_device *device, bool on)
{
    device->timing = on;
}

void pn_device_idle(pencl_device *device)
{
    for (pn_program *p = device->programs; p != NULL; p = p->next) {
        pn_program_save(p);
    }
    pn_store_db_flush(device->store);
}

void *pn_device_raw_queue(pencl_device *device)
{
    return device->queue;
}

const char *pn_device_library_path(const pencl_device *device)
{
    return device->caps.is_ref ? "" : pn_opencl_path();
}
