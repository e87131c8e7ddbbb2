/* SPDX-License-Identifier: Apache-2.0 */
/* What is amiss on a machine, and what mends it. Each rule is a function; their order is the order
 * in which a reader should mend. */
#include "device/machine.h"

#include "base/os.h"
#include "device/loader.h"
#include "device/quirks.h"

#include <stdio.h>
#include <string.h>

#define INSTALL "sudo apt-get install "

typedef struct judge {
    pencl_machine *m;
    const pencl_device_list *list;
    bool failed;         /* memory ran out ... */
    pencl_finding spare; /* ... and this takes what is said */
} judge;

typedef enum weight { NOTE, FAULT } weight;

/* A new finding, its texts for the caller to write. */
static pencl_finding *find(judge *j, const char *code, weight fault)
{
    pencl_machine *m = j->m;
    pencl_finding *more = pn_realloc(m->findings, m->n_findings + 1, sizeof *more);
    if (more == NULL) {
        j->failed = true;
        return &j->spare;
    }
    m->findings = more;
    pencl_finding *f = &more[m->n_findings++];
    *f = (pencl_finding){.code = code, .fault = fault};
    return f;
}

#define WHAT(f, ...) snprintf((f)->what, sizeof(f)->what, __VA_ARGS__)
#define MEND(f, ...) snprintf((f)->mend, sizeof(f)->mend, __VA_ARGS__)

/* Platforms by short name, and how many devices they have together. */
static int count_platforms(const judge *j, const char *name, int *devices)
{
    char its[48];
    int n = 0;
    *devices = 0;
    for (size_t i = 0; i < j->list->n_platforms; i++) {
        const pencl_platform_info *p = &j->list->platforms[i];
        pn_quirk_short_name(its, sizeof its, p->name);
        if (p->name[0] != '/' && strcmp(its, name) == 0) {
            n++;
            *devices += p->n_devices;
        }
    }
    return n;
}

static void no_loader(judge *j)
{
    if (pn_opencl() != NULL) {
        return;
    }
    pencl_finding *f = find(j, "no-loader", FAULT);
    WHAT(f, "no OpenCL library; tried %.560s", pn_opencl_tried());
    if (pn_get_env("PENCL_OPENCL") != NULL) {
        MEND(f, "unset PENCL_OPENCL, or name a libOpenCL.so.1 there");
    } else {
        MEND(f, INSTALL "ocl-icd-libopencl1");
    }
}

static void no_icds(judge *j)
{
    const char *set = pn_get_env("OCL_ICD_VENDORS");
    if (j->m->n_icds > 0) {
        return;
    }
    if (set != NULL) {
        pencl_finding *f = find(j, "icd-folder", FAULT);
        WHAT(f, "OCL_ICD_VENDORS is %.256s, where no .icd file is", set);
        MEND(f, "unset OCL_ICD_VENDORS: the system's are in /etc/OpenCL/vendors");
    } else if (pn_get_env("PENCL_OPENCL") == NULL) {
        pencl_finding *f = find(j, "no-driver", FAULT);
        WHAT(f, "no OpenCL driver is installed: /etc/OpenCL/vendors has no .icd file");
        MEND(f, INSTALL "pocl-opencl-icd (CPU)");
    }
}

static void bad_icds(judge *j)
{
    for (size_t i = 0; i < j->m->n_icds; i++) {
        const pencl_icd_file *icd = &j->m->icds[i];
        if (icd->library[0] != '/') {
            continue; /* the linker's paths decide */
        }
        if (!pn_file_exists(icd->library)) {
            pencl_finding *f = find(j, "icd-library", FAULT);
            WHAT(f, "%.256s names %.256s, which does not exist", icd->file, icd->library);
            MEND(f, "reinstall the driver's package, or: sudo rm %.256s", icd->file);
        } else if (icd->silent && pn_library_open(icd->library) == NULL) {
            pencl_finding *f = find(j, "icd-broken", FAULT);
            WHAT(f, "%.256s names %.256s, which cannot be loaded", icd->file, icd->library);
            MEND(f, "ldd %.256s (a library that it needs is missing)", icd->library);
        }
    }
}

/* The group is render or video, as a rule; root's is nobody's to join, and a number without a name
 * is a group outside of this container. */
static void mend_node(pencl_finding *f, const pencl_render_node *node)
{
    if (strcmp(node->group, "root") == 0) {
        MEND(f, "sudo chgrp render %.100s && sudo chmod g+rw %.100s", node->path, node->path);
    } else if (node->group[strspn(node->group, "0123456789")] == '\0') {
        MEND(f, "start the container with --group-add %s", node->group);
    } else {
        MEND(f, "sudo usermod -a -G %s \"$USER\", then log in again", node->group);
    }
}

static void no_permission(judge *j)
{
    for (size_t i = 0; i < j->m->n_nodes; i++) {
        const pencl_render_node *node = &j->m->nodes[i];
        if (!node->allowed) {
            pencl_finding *f = find(j, "no-permission", FAULT);
            WHAT(f, "no permission to use %s, which belongs to the group %s", node->path,
                 node->group);
            mend_node(f, node);
        }
    }
}

/* The next step towards OpenCL on a GPU that has none. */
static void mend_gpu(judge *j, pencl_finding *f, const pn_gpu_maker *maker)
{
    int devices = 0;
    bool installed = false;
    for (size_t i = 0; i < j->m->n_icds; i++) {
        installed = installed || strstr(j->m->icds[i].library, maker->library) != NULL;
    }
    if (count_platforms(j, "rusticl", &devices) > 0) {
        MEND(f, "RUSTICL_ENABLE=%s pencl devices", maker->gallium);
    } else if (installed) {
        MEND(f, INSTALL "mesa-opencl-icd, then RUSTICL_ENABLE=%s pencl devices", maker->gallium);
    } else if (strcmp(maker->package, "mesa-opencl-icd") == 0) {
        MEND(f, INSTALL "%s, then RUSTICL_ENABLE=%s pencl devices", maker->package, maker->gallium);
    } else {
        MEND(f, INSTALL "%s", maker->package);
    }
}

static void silent_gpus(judge *j)
{
    for (size_t i = 0; i < j->m->n_gpus; i++) {
        const pencl_gpu *gpu = &j->m->gpus[i];
        const pn_gpu_maker *maker = pn_gpu_maker_find(gpu->vendor);
        if (maker == NULL || gpu->offered) {
            continue;
        }
        if (gpu->driver[0] == '\0') {
            pencl_finding *f = find(j, "gpu-without-kernel-driver", FAULT);
            WHAT(f, "the %s GPU %04x:%04x at %s has no driver of the kernel", maker->name,
                 gpu->vendor, gpu->device, gpu->pci);
            MEND(f, INSTALL "%s, then restart", maker->firmware);
            continue;
        }
        pencl_finding *f = find(j, "gpu-without-platform", FAULT);
        WHAT(f, "no OpenCL platform has the %s GPU %04x:%04x at %s", maker->name, gpu->vendor,
             gpu->device, gpu->pci);
        mend_gpu(j, f, maker);
    }
}

static void empty_rusticl(judge *j)
{
    int devices = 0;
    if (count_platforms(j, "rusticl", &devices) == 0 || devices > 0) {
        return;
    }
    bool gpu = j->m->n_nodes > 0;
    for (size_t i = 0; i < j->m->n_gpus; i++) {
        gpu = gpu || j->m->gpus[i].maker[0] != '\0';
    }
    pencl_finding *f = find(j, "rusticl-empty", gpu ? FAULT : NOTE);
    WHAT(f, "Rusticl has no device%s: RUSTICL_ENABLE names the drivers that it may use",
         gpu ? "" : ", and there is no GPU");
    MEND(f, "RUSTICL_ENABLE=%s pencl devices", gpu ? "radeonsi,iris" : "llvmpipe");
}

static void clover_beside(judge *j)
{
    int devices = 0;
    int others = 0;
    count_platforms(j, "clover", &devices);
    if (devices > 0 && count_platforms(j, "rusticl", &others) > 0) {
        pencl_finding *f = find(j, "clover", NOTE);
        WHAT(f, "Clover, Mesa's older OpenCL, has the GPU that Rusticl is for");
        MEND(f, others > 0 ? "-d rusticl" : "RUSTICL_ENABLE=radeonsi,iris pencl devices");
    }
}

static void unusable_devices(judge *j)
{
    for (size_t i = 0; i < j->list->n_devices; i++) {
        const pencl_device_info *d = &j->list->devices[i];
        if (!d->usable) {
            pencl_finding *f = find(j, "old-device", FAULT);
            WHAT(f, "%s (%s) %.200s", d->id, d->name, d->why);
            MEND(f, "a newer driver: this one (%s) says %s", d->driver, d->opencl);
        }
    }
}

static void no_default(judge *j)
{
    for (size_t i = 0; i < j->list->n_devices; i++) {
        if (j->list->devices[i].is_default) {
            return;
        }
    }
    const char *set = pn_get_env("PENCL_DEVICE");
    if (set != NULL) {
        pencl_finding *f = find(j, "device-variable", FAULT);
        WHAT(f, "PENCL_DEVICE is \"%.256s\", which no device is that can be used", set);
        MEND(f, "unset PENCL_DEVICE, or set it to an id of pencl devices");
        return;
    }
    pencl_finding *f = find(j, "no-device", FAULT);
    WHAT(f, "no device can be used without being named");
    MEND(f, INSTALL "pocl-opencl-icd (CPU), or -d ref (slow)");
}

static void bad_store(judge *j)
{
    const pencl_machine *m = j->m;
    if (m->cache[0] == '\0') {
        pencl_finding *f = find(j, "no-store", FAULT);
        WHAT(f, "there is no folder for compiled kernels: each start compiles again");
        MEND(f, "set HOME or PENCL_CACHE");
    } else if (pn_file_exists(m->cache) && !pn_file_allowed(m->cache)) {
        pencl_finding *f = find(j, "no-store", FAULT);
        WHAT(f, "%.256s cannot be written: each start compiles again", m->cache);
        MEND(f, "sudo chown -R \"$USER\" %.256s", m->cache);
    }
    if (m->n_refused > 0) {
        pencl_finding *f = find(j, "journal", FAULT);
        WHAT(f, "%zu calls into drivers ended a process; they are left out", m->n_refused);
        MEND(f, "PENCL_RETRY=1 pencl devices, after the driver was updated");
    }
}

bool pn_machine_judge(pencl_machine *machine, const pencl_device_list *list)
{
    static void (*const rules[])(judge *) = {
        no_loader,     no_icds,       bad_icds,         no_permission, silent_gpus,
        empty_rusticl, clover_beside, unusable_devices, no_default,    bad_store};
    judge j = {.m = machine, .list = list};
    for (size_t i = 0; i < PN_COUNT(rules); i++) {
        rules[i](&j);
    }
    return !j.failed;
}
