/* SPDX-License-Identifier: Apache-2.0 */
/* Shows the devices as text and as JSON. */
#include "devices.h"

#include "doctor.h"

#include <stdio.h>

const pencl_device_info *
devices_row(const devices_shown *s, size_t i, char id[64], uint32_t *compute_units)
{
    const pencl_device_pick all = {.row = i};
    const pencl_device_pick *pick = s->all ? &all : &s->picks[i];
    const pencl_device_info *d = &s->list->devices[pick->row];
    int size = snprintf(id, 64, "%.40s", d->id);
    *compute_units = d->compute_units;
    if (pick->cores > 0) {
        snprintf(id + size, 64 - (size_t)size, "/cores=%u", pick->cores);
        *compute_units = pick->cores;
    }
    return d;
}

/* What the plain kernels make up for. */
typedef struct lack {
    const char *name;
    int has;
} lack;
enum { N_LACKS = 4 };

static void find_lacks(lack lacks[N_LACKS], const pencl_device_info *d)
{
    lacks[0] = (lack){"fp16", d->fp16};
    lacks[1] = (lack){"subgroups", d->subgroups[0] != 0};
    lacks[2] = (lack){"dot product", d->dot};
    lacks[3] = (lack){"images", d->images};
}

static const char *kernels(const pencl_device_info *d)
{
    if (d->type == PENCL_DEVICE_REF) {
        return "references";
    }
    return !d->usable ? "nothing" : d->vectors ? "vectors" : "lanes";
}

/* ---- JSON ---- */

static json_t *subgroups_json(const pencl_device_info *d)
{
    json_t *sizes = json_array();
    for (int i = 0; i < 8 && d->subgroups[i] != 0; i++) {
        json_array_append_new(sizes, json_integer(d->subgroups[i]));
    }
    return sizes;
}

static json_t *missing_json(const pencl_device_info *d)
{
    lack lacks[N_LACKS];
    json_t *names = json_array();
    find_lacks(lacks, d);
    for (int i = 0; i < N_LACKS && d->type != PENCL_DEVICE_REF; i++) {
        if (!lacks[i].has) {
            json_array_append_new(names, json_string(lacks[i].name));
        }
    }
    return names;
}

/* What the device lacks is null. */
static json_t *limits_json(const pencl_limits *l)
{
    return json_pack("{s:f, s:I, s:f, s:o, s:o, s:f}", "read_gbs", l->read_gbs, "read_bytes",
                     (json_int_t)l->read_bytes, "fma_gflops", l->fma_gflops, "fma_half_gflops",
                     l->fma_half_gflops > 0 ? json_real(l->fma_half_gflops) : json_null(),
                     "dot8_gops", l->dot8_gops > 0 ? json_real(l->dot8_gops) : json_null(),
                     "launch_us", l->launch_us);
}

static json_t *device_json(const devices_shown *s, size_t i)
{
    char id[64];
    uint32_t units = 0;
    const pencl_device_info *d = devices_row(s, i, id, &units);
    json_t *device = json_pack(
        "{s:i, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:b, s:o, s:b, s:b, "
        "s:o}",
        "number", d->number, "id", json_text(id), "name", json_text(d->name), "platform",
        json_text(d->platform), "vendor", json_text(d->vendor), "type", type_text(d->type),
        "driver", json_text(d->driver), "opencl", json_text(d->opencl), "opencl_c",
        json_text(d->opencl_c), "memory", (json_int_t)d->memory, "max_alloc",
        (json_int_t)d->max_alloc, "local", (json_int_t)d->local, "compute_units", (json_int_t)units,
        "fp16", d->fp16, "subgroups", subgroups_json(d), "usable", d->usable, "default",
        d->is_default, "why", json_text(d->why));
    json_t *more = json_pack("{s:I, s:b, s:b, s:b, s:s, s:o, s:o, s:o}", "work_group",
                             (json_int_t)d->work_group, "unified", d->unified, "dot", d->dot,
                             "images", d->images, "kernels", kernels(d), "missing", missing_json(d),
                             "pci", json_text(d->pci), "uuid", json_text(d->uuid));
    if (device != NULL && more != NULL) {
        json_object_update(device, more);
    }
    json_decref(more);
    if (device != NULL && s->limits != NULL && s->limits[i].read_gbs > 0) {
        json_object_update_new(device, limits_json(&s->limits[i]));
    }
    return device;
}

int devices_json(const devices_shown *s)
{
    json_t *devices = json_array();
    json_t *platforms = json_array();
    for (size_t i = 0; i < s->n; i++) {
        json_array_append_new(devices, device_json(s, i));
    }
    for (size_t i = 0; i < s->list->n_platforms; i++) {
        const pencl_platform_info *p = &s->list->platforms[i];
        json_array_append_new(platforms,
                              json_pack("{s:o, s:i, s:o}", "name", json_text(p->name), "devices",
                                        p->n_devices, "error", json_text(p->error)));
    }
    return print_json(json_pack("{s:o, s:o, s:o}", "devices", devices, "platforms", platforms,
                                "findings", doctor_findings_json(s->machine)));
}

/* ---- text ---- */

static void print_opencl(const pencl_device_info *d, uint32_t units)
{
    char alloc[32];
    char local[32];
    printf("     %s; %s; driver %s%s%s\n", d->opencl, d->opencl_c, d->driver,
           d->pci[0] != '\0' ? "; PCI " : "", d->pci);
    printf("     %u compute units, largest buffer %s, local memory %s, work-groups to %llu%s\n",
           units, bytes_text(alloc, sizeof alloc, d->max_alloc),
           bytes_text(local, sizeof local, d->local), (unsigned long long)d->work_group,
           d->unified ? ", memory shared with the host" : "");
}

static void print_abilities(const pencl_device_info *d)
{
    lack lacks[N_LACKS];
    const char *between = "";
    find_lacks(lacks, d);
    printf("     used by kernels over %s; has", d->vectors ? "vectors" : "lanes");
    for (int i = 0; i < N_LACKS; i++) {
        if (lacks[i].has) {
            printf("%s %s", between, lacks[i].name);
            between = ",";
        }
        for (int k = 0; i == 1 && k < 8 && d->subgroups[k] != 0; k++) {
            printf(" %u", d->subgroups[k]);
        }
    }
    printf("%s; lacks", between[0] == '\0' ? " nothing special" : "");
    between = "";
    for (int i = 0; i < N_LACKS; i++) {
        if (!lacks[i].has) {
            printf("%s %s", between, lacks[i].name);
            between = ",";
        }
    }
    printf("%s\n", between[0] == '\0' ? " nothing" : "");
}

static void print_limits(const pencl_limits *l)
{
    char bytes[32];
    printf("     measured: reads %.1f GB/s (over %s), multiplies and adds %.1f GFLOP/s",
           l->read_gbs, bytes_text(bytes, sizeof bytes, l->read_bytes), l->fma_gflops);
    if (l->fma_half_gflops > 0) {
        printf(" (half: %.1f)", l->fma_half_gflops);
    }
    if (l->dot8_gops > 0) {
        printf(", products of bytes %.1f GOP/s", l->dot8_gops);
    }
    printf(", starts a kernel in %.1f us\n", l->launch_us);
}

static void print_device(const devices_shown *s, size_t i)
{
    char id[64];
    char memory[32];
    uint32_t units = 0;
    const pencl_device_info *d = devices_row(s, i, id, &units);
    printf("%c%2d  %-14s %-11s %10s  %s (%s)\n", d->is_default ? '*' : ' ', d->number, id,
           type_text(d->type), bytes_text(memory, sizeof memory, d->memory), d->name, d->platform);
    printf("     %s\n", d->why);
    if (d->type == PENCL_DEVICE_REF) {
        return;
    }
    print_opencl(d, units);
    if (d->usable) {
        print_abilities(d);
    }
    if (s->limits != NULL && s->limits[i].read_gbs > 0) {
        print_limits(&s->limits[i]);
    }
}

int devices_print(const devices_shown *s)
{
    for (size_t i = 0; i < s->n; i++) {
        print_device(s, i);
    }
    for (size_t i = 0; i < s->list->n_platforms && s->all; i++) {
        const pencl_platform_info *p = &s->list->platforms[i];
        if (p->error[0] != '\0') {
            printf("%s: %s\n", p->name, p->error);
        }
    }
    for (size_t i = 0; i < s->machine->n_findings && s->all; i++) {
        const pencl_finding *f = &s->machine->findings[i];
        printf("%s: %s: %s\n", f->fault ? "amiss" : "note", f->what, f->mend);
    }
    return EXIT_DONE;
}
