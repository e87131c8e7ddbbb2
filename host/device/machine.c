/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at what lies around OpenCL: GPUs on the bus, render nodes, .icd files, the store. */
#include "device/machine.h"

#include "base/os.h"
#include "base/system.h"
#include "device/icd.h"
#include "device/loader.h"
#include "device/risk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISPLAY_CLASS 0x03 /* of the three bytes in /sys/bus/pci/devices/X/class */

static const pn_gpu_maker makers[] = {
#define GPU_MAKER(vendor, name, word, other, library, package, gallium, firmware)                  \
    {vendor, name, {word, other}, library, package, gallium, firmware},
#include "device/gpu_makers.def"
#undef GPU_MAKER
};

const pn_gpu_maker *pn_gpu_maker_find(uint32_t vendor)
{
    for (size_t i = 0; i < PN_COUNT(makers); i++) {
        if (makers[i].vendor == vendor) {
            return &makers[i];
        }
    }
    return NULL;
}

/* The next line of a list of names; NULL behind the last. */
static const char *next_name(char *to, size_t room, const char *at)
{
    size_t n = strcspn(at, "\n");
    if (*at == '\0') {
        return NULL;
    }
    pn_copy(to, n + 1 < room ? n + 1 : room, at);
    return at + n + (at[n] == '\n');
}

/* ---- GPUs ---- */

/* A number such as "0x030000" in a file; 0 without it. */
static uint32_t read_number(const char *folder, const char *name)
{
    char path[PN_PATH_MAX + 128];
    pencl_ctx quiet = {0};
    pn_text text = {0};
    unsigned long value = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (pn_file_read(&text, &quiet, path, 64) == PENCL_OK) {
        value = strtoul(pn_text_get(&text), NULL, 16);
    }
    pn_text_free(&text);
    return (uint32_t)value;
}

/* A driver that tells the address is believed; else the maker must do. */
static bool is_offered(const pencl_gpu *gpu, const pencl_device_list *list)
{
    const pn_gpu_maker *maker = pn_gpu_maker_find(gpu->vendor);
    for (size_t i = 0; i < list->n_devices; i++) {
        const pencl_device_info *d = &list->devices[i];
        if (d->type != PENCL_DEVICE_GPU || d->software) {
            continue;
        }
        bool of_maker = false;
        for (int k = 0; k < 2 && maker != NULL; k++) {
            of_maker = of_maker || pn_contains_nocase(d->vendor, maker->words[k]) ||
                       pn_contains_nocase(d->name, maker->words[k]);
        }
        if (d->pci[0] != '\0' ? strcmp(d->pci, gpu->pci) == 0 : of_maker) {
            return true;
        }
    }
    return false;
}

static bool look_at_bus(pencl_machine *m, const pencl_device_list *list)
{
    char bus[PN_PATH_MAX];
    char folder[PN_PATH_MAX + 64];
    char path[PN_PATH_MAX + 80];
    char name[32];
    pn_text names = {0};
    bool ok = true;
    snprintf(bus, sizeof bus, "%s/sys/bus/pci/devices", pn_root());
    if (!pn_list_folder(&names, bus)) {
        return true; /* no PCI here, or no permission to look at it */
    }
    const char *at = pn_text_get(&names);
    while (ok && (at = next_name(name, sizeof name, at)) != NULL) {
        snprintf(folder, sizeof folder, "%s/%s", bus, name);
        if (read_number(folder, "class") >> 16 != DISPLAY_CLASS) {
            continue;
        }
        pencl_gpu *more = pn_realloc(m->gpus, m->n_gpus + 1, sizeof *more);
        ok = more != NULL;
        if (ok) {
            m->gpus = more;
            pencl_gpu *gpu = &more[m->n_gpus++];
            *gpu = (pencl_gpu){.vendor = read_number(folder, "vendor"),
                               .device = read_number(folder, "device")};
            const pn_gpu_maker *maker = pn_gpu_maker_find(gpu->vendor);
            pn_copy(gpu->pci, sizeof gpu->pci, name);
            pn_copy(gpu->maker, sizeof gpu->maker, maker != NULL ? maker->name : "");
            snprintf(path, sizeof path, "%s/driver", folder);
            pn_link_name(gpu->driver, sizeof gpu->driver, path);
            gpu->offered = is_offered(gpu, list);
        }
    }
    pn_text_free(&names);
    return ok;
}

/* ---- render nodes ---- */

static bool look_at_nodes(pencl_machine *m)
{
    char folder[PN_PATH_MAX];
    char name[64];
    pn_text names = {0};
    bool ok = true;
    snprintf(folder, sizeof folder, "%s/dev/dri", pn_root());
    if (!pn_list_folder(&names, folder)) {
        return true;
    }
    const char *at = pn_text_get(&names);
    while (ok && (at = next_name(name, sizeof name, at)) != NULL) {
        if (strncmp(name, "renderD", 7) != 0) {
            continue;
        }
        pencl_render_node *more = pn_realloc(m->nodes, m->n_nodes + 1, sizeof *more);
        ok = more != NULL;
        if (ok) {
            m->nodes = more;
            pencl_render_node *node = &more[m->n_nodes++];
            *node = (pencl_render_node){0};
            snprintf(node->path, sizeof node->path, "%.180s/%s", folder, name);
            pn_file_group(node->group, sizeof node->group, node->path);
            node->allowed = pn_file_allowed(node->path);
        }
    }
    pn_text_free(&names);
    return ok;
}

/* ---- .icd files and the store ---- */

/* The list has a row with an error for each file that gave no platform, named by the file. */
static bool is_silent(const pn_icd *icd, const pencl_device_list *list)
{
    char name[sizeof list->platforms[0].name];
    pn_copy(name, sizeof name, icd->file);
    for (size_t i = 0; i < list->n_platforms; i++) {
        if (strcmp(list->platforms[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool look_at_icds(pencl_machine *m, const pencl_device_list *list)
{
    size_t n = 0;
    pn_icd *icds = pn_icd_list(&n);
    m->icds = pn_calloc(n + 1, sizeof *m->icds);
    for (size_t i = 0; m->icds != NULL && i < n; i++) {
        pn_copy(m->icds[i].file, sizeof m->icds[i].file, icds[i].file);
        pn_copy(m->icds[i].library, sizeof m->icds[i].library, icds[i].library);
        m->icds[i].silent = is_silent(&icds[i], list);
        m->n_icds++;
    }
    pn_free(icds);
    return m->icds != NULL;
}

static void look_at_store(pencl_machine *m, pencl_ctx *ctx)
{
    char path[sizeof m->cache + 16];
    int64_t time = 0;
    if (!pn_cache_folder(m->cache, sizeof m->cache)) {
        m->cache[0] = '\0';
        return;
    }
    snprintf(path, sizeof path, "%s/cache.db", m->cache);
    pn_file_stamp(path, &m->cache_bytes, &time);
    pn_journal *journal = pn_journal_open(ctx, m->cache);
    for (const char *row; (row = pn_journal_left_at(journal, m->n_left)) != NULL; m->n_left++) {
        m->n_refused += pn_risk_refused(row);
    }
    pn_journal_close(journal);
}

pencl_status pencl_machine_new(pencl_machine **out, pencl_ctx *ctx, const pencl_device_list *list)
{
    pn_error_clear(ctx);
    pencl_machine *m = pn_calloc(1, sizeof *m);
    *out = NULL;
    if (m == NULL) {
        return PN_NOMEM(ctx);
    }
    pn_copy(m->loader, sizeof m->loader, pn_opencl() != NULL ? pn_opencl_path() : "");
    look_at_store(m, ctx);
    if (!look_at_bus(m, list) || !look_at_nodes(m) || !look_at_icds(m, list) ||
        !pn_machine_judge(m, list)) {
        pencl_machine_free(m);
        return PN_NOMEM(ctx);
    }
    *out = m;
    return PENCL_OK;
}

void pencl_machine_free(pencl_machine *machine)
{
    if (machine == NULL) {
        return;
    }
    pn_free(machine->gpus);
    pn_free(machine->nodes);
    pn_free(machine->icds);
    pn_free(machine->findings);
    pn_free(machine);
}
