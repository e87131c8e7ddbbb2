/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers which sets of drivers were listed without harm. */
#include "device/drivers.h"

#include "base/os.h"
#include "device/icd.h"

#include <inttypes.h>
#include <stdio.h>

#define TABLE "drivers" /* of cache.db */

/* What makes loaders and drivers do something else. */
static const char *const variables[] = {
    "PENCL_OPENCL",  "OCL_ICD_VENDORS", "OCL_ICD_FILENAMES",
    "OPENCL_LAYERS", "RUSTICL_ENABLE",  "LD_LIBRARY_PATH",
};

/* Where the system's linker looks for a bare name; a driver elsewhere counts by its name alone. */
static const char *const folders[] = {
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
};

static bool add_stamp(pn_text *text, const char *path)
{
    uint64_t size = 0;
    int64_t time = 0;
    bool found = pn_file_stamp(path, &size, &time);
    if (found) {
        pn_text_add(text, "%s %" PRIu64 " %" PRId64 "\n", path, size, time);
    }
    return found;
}

static void add_library(pn_text *text, const char *library)
{
    char path[2 * PN_PATH_MAX];
    bool found = add_stamp(text, library);
    for (size_t i = 0; i < PN_COUNT(folders) && !found; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], library);
        found = add_stamp(text, path);
    }
}

void pn_drivers_read(pn_drivers *out)
{
    pn_text text = {0};
    size_t n = 0;
    for (size_t i = 0; i < PN_COUNT(variables); i++) {
        const char *value = pn_get_env(variables[i]);
        pn_text_add(&text, "%s=%s\n", variables[i], value == NULL ? "" : value);
    }
    pn_icd *icds = pn_icd_list(&n);
    for (size_t i = 0; i < n; i++) {
        pn_text_add(&text, "%s: %s\n", icds[i].file, icds[i].library);
        add_library(&text, icds[i].library);
    }
    add_library(&text, "libOpenCL.so.1");
    pn_free(icds);
    pn_hash_hex(out->key, pn_text_get(&text), text.size);
    snprintf(out->risk, sizeof out->risk, "list %s", out->key);
    pn_text_free(&text);
}

bool pn_drivers_known(const pn_drivers *drivers, pn_store_db *store)
{
    void *value = NULL;
    size_t size = 0;
    bool known = pn_store_db_get(store, TABLE, drivers->key, &value, &size);
    pn_free(value);
    return known;
}

void pn_drivers_prove(const pn_drivers *drivers, pn_store_db *store)
{
    pn_store_db_put(store, TABLE, drivers->key, "listed", 6);
}

pn_store_db *pn_cache_open(pencl_ctx *ctx)
{
    char folder[PN_PATH_MAX];
    char path[PN_PATH_MAX + 16];
    if (!pn_cache_folder(folder, sizeof folder)) {
        return pn_store_db_open(ctx, NULL);
    }
    snprintf(path, sizeof path, "%s/cache.db", folder);
    return pn_store_db_open(ctx, path);
}

int pencl_drivers_proven(pencl_ctx *ctx)
{
    pn_drivers drivers;
    pn_drivers_read(&drivers);
    pn_store_db *store = pn_cache_open(ctx);
    bool proven = pn_drivers_known(&drivers, store);
    pn_store_db_close(store);
    return proven;
}
