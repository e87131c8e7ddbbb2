/* SPDX-License-Identifier: Apache-2.0 */
/* Shows a machine as text. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>

size_t doctor_faults(const pencl_machine *machine)
{
    size_t n = 0;
    for (size_t i = 0; i < machine->n_findings; i++) {
        n += machine->findings[i].fault != 0;
    }
    return n;
}

static void print_hardware(const pencl_machine *m)
{
    printf("GPUs on the bus%s\n", m->n_gpus == 0 ? ": none" : "");
    for (size_t i = 0; i < m->n_gpus; i++) {
        const pencl_gpu *g = &m->gpus[i];
        printf("  %s %s %04x:%04x, kernel driver %s, %s\n", g->pci,
               g->maker[0] != '\0' ? g->maker : "no maker of OpenCL drivers", g->vendor, g->device,
               g->driver[0] != '\0' ? g->driver : "none",
               g->offered ? "offered by a platform" : "offered by no platform");
    }
    printf("render nodes%s\n", m->n_nodes == 0 ? ": none" : "");
    for (size_t i = 0; i < m->n_nodes; i++) {
        printf("  %s, group %s, %s\n", m->nodes[i].path, m->nodes[i].group,
               m->nodes[i].allowed ? "may be used" : "may not be used");
    }
}

static void print_drivers(const pencl_machine *m)
{
    printf("libOpenCL: %s\n", m->loader[0] != '\0' ? m->loader : "none");
    printf(".icd files%s\n", m->n_icds == 0 ? ": none" : "");
    for (size_t i = 0; i < m->n_icds; i++) {
        printf("  %s: %s%s\n", m->icds[i].file, m->icds[i].library,
               m->icds[i].silent ? " (no platform)" : "");
    }
}

static void print_list(const pencl_device_list *list)
{
    printf("platforms%s\n", list->n_platforms == 0 ? ": none" : "");
    for (size_t i = 0; i < list->n_platforms; i++) {
        const pencl_platform_info *p = &list->platforms[i];
        printf("  %s: %d device%s%s%s\n", p->name, p->n_devices, p->n_devices == 1 ? "" : "s",
               p->error[0] != '\0' ? "; " : "", p->error);
    }
    printf("devices\n");
    for (size_t i = 0; i < list->n_devices; i++) {
        const pencl_device_info *d = &list->devices[i];
        printf("  %s %s, driver %s: %s\n", d->id, d->name, d->driver, d->why);
    }
}

static void print_environment(void)
{
    bool any = false;
    printf("environment");
    for (int i = 0; doctor_variables[i] != NULL; i++) {
        const char *value = getenv(doctor_variables[i]);
        if (value != NULL) {
            printf("\n  %s=%s", doctor_variables[i], value);
            any = true;
        }
    }
    printf("%s\n", any ? "" : ": nothing that drivers look at");
}

void doctor_print(const visit *v)
{
    char size[32];
    const pencl_machine *m = v->machine;
    printf("pencl %s\n", pencl_version());
    print_hardware(m);
    print_drivers(m);
    print_list(v->list);
    print_environment();
    printf("store: %s, %s; %zu calls left by dead processes\n\n",
           m->cache[0] != '\0' ? m->cache : "none", bytes_text(size, sizeof size, m->cache_bytes),
           m->n_left);
}

void doctor_print_findings(const pencl_machine *m, bool brief)
{
    size_t faults = doctor_faults(m);
    for (size_t i = 0; i < m->n_findings; i++) {
        const pencl_finding *f = &m->findings[i];
        if (f->fault || !brief) {
            printf("%s: %s\n  %s: %s\n", f->fault ? "amiss" : "note", f->what,
                   f->fault ? "mend" : "try", f->mend);
        }
    }
    if (faults == 0) {
        printf("nothing is amiss\n");
    } else {
        printf("%zu thing%s amiss\n", faults, faults == 1 ? " is" : "s are");
    }
}
