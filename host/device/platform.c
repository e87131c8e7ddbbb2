/* SPDX-License-Identifier: Apache-2.0 */
/* Lists platforms and devices. A platform that fails becomes a row with its error, and so does an
 * .icd file that yields no platform. */
#include "device/platform.h"

#include "base/os.h"
#include "device/caps.h"
#include "device/drivers.h"
#include "device/icd.h"
#include "device/loader.h"
#include "device/quirks.h"
#include "device/risk.h"
#include "device/select.h"

#include <stdio.h>
#include <string.h>

#define MAX_PLATFORMS 64
#define MAX_DEVICES   256 /* of one platform */

/* A new row of the platforms; NULL when memory is out. */
static pencl_platform_info *add_platform(pn_listing *l, const char *name)
{
    pencl_device_list *list = l->list;
    pencl_platform_info *rows =
        pn_realloc(list->platforms, list->n_platforms + 1, sizeof *list->platforms);
    if (rows == NULL) {
        return NULL;
    }
    list->platforms = rows;
    pencl_platform_info *row = &rows[list->n_platforms++];
    *row = (pencl_platform_info){0};
    pn_copy(row->name, sizeof row->name, name);
    return row;
}

/* A new, empty row of the devices and of the handles beside it. */
static bool add_device(pn_listing *l)
{
    pencl_device_list *list = l->list;
    size_t n = list->n_devices + 1;
    pencl_device_info *rows = pn_realloc(list->devices, n, sizeof *rows);
    list->devices = rows != NULL ? rows : list->devices;
    pn_handle *handles = rows == NULL ? NULL : pn_realloc(l->handles, n, sizeof *handles);
    if (handles == NULL) {
        return false;
    }
    l->handles = handles;
    rows[n - 1] = (pencl_device_info){.number = (int)n - 1};
    handles[n - 1] = (pn_handle){0};
    list->n_devices = n;
    return true;
}

/* Copies what the public row shows of the capabilities. */
static void show_caps(pencl_device_info *info, const pn_caps *caps)
{
    info->memory = caps->memory;
    info->max_alloc = caps->max_alloc;
    info->local = caps->local_bytes;
    info->compute_units = caps->compute_units;
    info->unified = caps->unified;
    info->work_group = caps->max_work_group;
    info->fp16 = (caps->has & PN_CAP_FP16) != 0;
    info->dot = (caps->has & PN_CAP_DOT) != 0;
    info->images = (caps->has & PN_CAP_IMAGES) != 0;
    info->vectors = caps->wide;
    memcpy(info->subgroups, caps->subgroups, sizeof info->subgroups);
}

/* An id that no earlier row has: two drivers may be of one name (a runtime installed twice). */
static void name_device(pn_listing *l, pencl_device_info *info)
{
    char name[48];
    int index = 0;
    pn_quirk_short_name(name, sizeof name, info->platform);
    for (size_t i = 0; &l->list->devices[i] != info; i++) {
        const char *id = l->list->devices[i].id;
        size_t n = strlen(name);
        index += strncmp(id, name, n) == 0 && id[n] == ':';
    }
    snprintf(info->id, sizeof info->id, "%s:%d", name, index);
}

static bool
add_opencl_device(pn_listing *l, const pn_limits *limits, cl_platform_id platform, cl_device_id id)
{
    const pn_cl *cl = pn_opencl();
    if (!add_device(l)) {
        return false;
    }
    pencl_device_info *info = &l->list->devices[l->list->n_devices - 1];
    pn_handle *handle = &l->handles[l->list->n_devices - 1];
    handle->platform = platform;
    handle->id = id;
    cl->clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof info->platform - 1, info->platform,
                          NULL);
    pn_caps_query(info, &handle->caps, cl, id);
    pn_caps_identify(info, cl, id);
    pn_limits_apply(&handle->caps, &(pn_limits){.hide = pn_driver_faults_hide(info)});
    pn_limits_apply(&handle->caps, limits);
    show_caps(info, &handle->caps);
    name_device(l, info);
    const pn_quirk *quirk = pn_quirk_find(info->platform, info->name);
    info->software = quirk != NULL && quirk->software;
    const char *missing = pn_caps_missing(info, &handle->caps, cl, id);
    info->usable = *missing == '\0';
    if (!info->usable) {
        snprintf(info->why, sizeof info->why, "cannot be used: %s", missing);
    }
    return true;
}

/* One platform and its devices; false when memory is out. */
static bool list_platform(pn_listing *l, const pn_limits *limits, cl_platform_id platform)
{
    const pn_cl *cl = pn_opencl();
    char room[32];
    cl_device_id ids[MAX_DEVICES];
    cl_uint n = 0;
    pencl_platform_info *row = add_platform(l, "");
    if (row == NULL) {
        return false;
    }
    cl->clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof row->name - 1, row->name, NULL);
    cl_int code = cl->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &n);
    if (code == CL_DEVICE_NOT_FOUND || (code == CL_SUCCESS && n == 0)) {
        pn_copy(row->error, sizeof row->error, "the platform has no device");
        return true;
    }
    if (code != CL_SUCCESS) {
        snprintf(row->error, sizeof row->error, "clGetDeviceIDs: %s", pn_cl_error_name(code, room));
        return true;
    }
    n = n < MAX_DEVICES ? n : MAX_DEVICES;
    row->n_devices = (int)n;
    for (cl_uint i = 0; i < n; i++) {
        if (!add_opencl_device(l, limits, platform, ids[i])) {
            return false;
        }
    }
    return true;
}

/* Rows for the .icd files that yielded none of the platforms. */
static bool list_silent_icds(pn_listing *l, const cl_platform_id *platforms, size_t n)
{
    size_t n_icds = 0;
    bool ok = true;
    pn_icd *icds = pn_icd_list(&n_icds);
    for (size_t i = 0; i < n_icds && ok; i++) {
        if (pn_icd_yields(&icds[i], platforms, n)) {
            continue;
        }
        pencl_platform_info *row = add_platform(l, icds[i].file);
        ok = row != NULL;
        if (ok && icds[i].library[0] == '/' && !pn_file_exists(icds[i].library)) {
            snprintf(row->error, sizeof row->error, "no such library: %.200s", icds[i].library);
        } else if (ok) {
            snprintf(row->error, sizeof row->error,
                     "%.120s gave no platform: it found no device of its kind, or a library that "
                     "it needs is missing",
                     icds[i].library);
        }
    }
    pn_free(icds);
    return ok;
}

/* Every platform of libOpenCL; false when memory is out. */
static bool list_opencl(pn_listing *l, const pn_limits *limits)
{
    const pn_cl *cl = pn_opencl();
    if (cl == NULL) {
        pencl_platform_info *row = add_platform(l, "OpenCL");
        if (row != NULL) {
            snprintf(row->error, sizeof row->error, "no libOpenCL was found; tried %.440s",
                     pn_opencl_tried());
        }
        return row != NULL;
    }
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint n = 0;
    char room[32];
    cl_int code = cl->clGetPlatformIDs(MAX_PLATFORMS, platforms, &n);
    n = n < MAX_PLATFORMS ? n : MAX_PLATFORMS;
    if (code != CL_SUCCESS) {
        n = 0;
        pencl_platform_info *row = add_platform(l, "OpenCL");
        if (row == NULL) {
            return false;
        }
        snprintf(row->error, sizeof row->error, "%.160s has no platform: %s", pn_opencl_path(),
                 pn_cl_error_name(code, room));
    }
    for (cl_uint i = 0; i < n; i++) {
        if (!list_platform(l, limits, platforms[i])) {
            return false;
        }
    }
    return list_silent_icds(l, platforms, n);
}

/* As list_opencl. The first listing of a set of drivers is journalled; once it is survived, the
 * store has the verdict and later ones are not. */
static bool list_guarded(pn_listing *l, pencl_ctx *ctx, const pn_limits *limits, pn_store_db *store)
{
    pencl_ctx quiet = {.deadline = ctx->deadline};
    pn_journal *journal = NULL;
    pn_drivers drivers;
    pn_drivers_read(&drivers);
    if (pn_drivers_known(&drivers, store)) {
        return list_opencl(l, limits);
    }
    pn_deaths most = ctx->expendable ? PN_TWO_DEATHS : PN_ONE_DEATH;
    if (pn_risk_begin(&journal, &quiet, drivers.risk, most) != PENCL_OK) {
        pn_journal_close(journal);
        pencl_platform_info *row = add_platform(l, "OpenCL");
        if (row != NULL) {
            pn_copy(row->error, sizeof row->error, pencl_error_text(&quiet));
        }
        return row != NULL;
    }
    bool ok = list_opencl(l, limits);
    pn_risk_end(journal, &quiet, drivers.risk);
    pn_journal_close(journal);
    pn_drivers_prove(&drivers, store);
    return ok;
}

static bool list_ref(pn_listing *l, const pn_limits *limits)
{
    if (!add_device(l)) {
        return false;
    }
    pencl_device_info *info = &l->list->devices[l->list->n_devices - 1];
    pn_handle *handle = &l->handles[l->list->n_devices - 1];
    pn_caps_ref(info, &handle->caps);
    pn_limits_apply(&handle->caps, limits);
    show_caps(info, &handle->caps);
    info->usable = 1;
    return true;
}

/* Marks the device that is taken when nothing is asked for, and says why each is or is not. */
static void mark_default(pn_listing *l)
{
    pencl_ctx quiet = {0};
    pn_choice choice;
    pencl_device_list *list = l->list;
    const char *asked = pn_get_env("PENCL_DEVICE");
    bool found = pn_select(&choice, &quiet, list->devices, list->n_devices, asked, "") == PENCL_OK;
    for (size_t i = 0; i < list->n_devices; i++) {
        pencl_device_info *info = &list->devices[i];
        if (found && choice.picks[0].row == i) {
            info->is_default = 1;
            snprintf(info->why, sizeof info->why, "default: %.240s", choice.reason);
        } else if (info->software) {
            pn_copy(info->why, sizeof info->why, "taken only when named: it runs in software");
        } else if (info->type == PENCL_DEVICE_REF) {
            pn_copy(info->why, sizeof info->why,
                    "taken only when named: the references in C, slow and without OpenCL");
        } else if (info->usable) {
            snprintf(info->why, sizeof info->why, "usable; %s comes first",
                     found ? list->devices[choice.picks[0].row].id : "another");
        }
    }
    if (found) {
        pn_choice_free(&choice);
    }
}

pencl_status pn_listing_new(pn_listing *out, pencl_ctx *ctx, pn_store_db *store, pn_scope scope)
{
    pn_limits limits;
    *out = (pn_listing){0};
    PENCL_TRY(pn_limits_read(&limits, ctx));
    out->list = pn_calloc(1, sizeof *out->list);
    bool ok = out->list != NULL;
    ok = ok && (scope == PN_SCOPE_REF || list_guarded(out, ctx, &limits, store));
    if (!ok || !list_ref(out, &limits)) {
        pn_listing_free(out);
        return PN_NOMEM(ctx);
    }
    mark_default(out);
    return PENCL_OK;
}

void pn_listing_free(pn_listing *listing)
{
    pencl_device_list_free(listing->list);
    pn_free(listing->handles);
    *listing = (pn_listing){0};
}

pencl_status pencl_device_list_new(pencl_device_list **out, pencl_ctx *ctx)
{
    pn_listing listing;
    *out = NULL;
    pn_error_clear(ctx);
    pn_store_db *store = pn_cache_open(ctx);
    if (store == NULL) {
        return PN_NOMEM(ctx);
    }
    pencl_status status = pn_listing_new(&listing, ctx, store, PN_SCOPE_ALL);
    if (status == PENCL_OK) {
        *out = listing.list;
        listing.list = NULL;
        pn_listing_free(&listing);
    }
    pn_store_db_close(store);
    return status;
}

void pencl_device_list_free(pencl_device_list *list)
{
    if (list == NULL) {
        return;
    }
    pn_free(list->devices);
    pn_free(list->platforms);
    pn_free(list);
}
