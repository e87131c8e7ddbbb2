/* SPDX-License-Identifier: Apache-2.0 */
/* pencl devices: every device of every platform, whether it can be used, and what is missing. */
#include "output.h"
#include "work.h"

#include <stdio.h>

typedef struct settings {
    device_settings on;
    bool json;
} settings;

static const settings defaults = {.on = DEVICE_DEFAULTS};
static const option options[] = {
    OPT_FLAG(0, "json", offsetof(settings, json), "one JSON document"),
    OPT_FLAG('q', "quiet", offsetof(settings, on.quiet), "only errors on standard error"),
    OPT_FLAG('v', "verbose", offsetof(settings, on.verbose), "what each device can do"),
    OPT_END,
};

static json_t *subgroups_json(const pencl_device_info *d)
{
    json_t *sizes = json_array();
    for (int i = 0; i < 8 && d->subgroups[i] != 0; i++) {
        json_array_append_new(sizes, json_integer(d->subgroups[i]));
    }
    return sizes;
}

static json_t *device_json(const pencl_device_info *d)
{
    return json_pack(
        "{s:i, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:b, s:o, s:b, s:b, "
        "s:o}",
        "number", d->number, "id", json_text(d->id), "name", json_text(d->name), "platform",
        json_text(d->platform), "vendor", json_text(d->vendor), "type", type_text(d->type),
        "driver", json_text(d->driver), "opencl", json_text(d->opencl), "opencl_c",
        json_text(d->opencl_c), "memory", (json_int_t)d->memory, "max_alloc",
        (json_int_t)d->max_alloc, "local", (json_int_t)d->local, "compute_units",
        (json_int_t)d->compute_units, "fp16", d->fp16, "subgroups", subgroups_json(d), "usable",
        d->usable, "default", d->is_default, "why", json_text(d->why));
}

static int print_list_json(const pencl_device_list *list)
{
    json_t *devices = json_array();
    json_t *platforms = json_array();
    for (size_t i = 0; i < list->n_devices; i++) {
        json_array_append_new(devices, device_json(&list->devices[i]));
    }
    for (size_t i = 0; i < list->n_platforms; i++) {
        const pencl_platform_info *p = &list->platforms[i];
        json_array_append_new(platforms,
                              json_pack("{s:o, s:i, s:o}", "name", json_text(p->name), "devices",
                                        p->n_devices, "error", json_text(p->error)));
    }
    return print_json(json_pack("{s:o, s:o}", "devices", devices, "platforms", platforms));
}

static void print_details(const pencl_device_info *d)
{
    char alloc[32];
    char local[32];
    if (d->type != PENCL_DEVICE_REF) {
        printf("     %s; %s; driver %s\n", d->opencl, d->opencl_c, d->driver);
    }
    printf("     %u compute units, largest buffer %s, local memory %s%s, subgroups",
           d->compute_units, bytes_text(alloc, sizeof alloc, d->max_alloc),
           bytes_text(local, sizeof local, d->local), d->fp16 ? ", fp16" : ", no fp16");
    for (int i = 0; i < 8 && d->subgroups[i] != 0; i++) {
        printf(" %u", d->subgroups[i]);
    }
    printf("%s\n", d->subgroups[0] == 0 ? " none" : "");
}

static int print_list(const pencl_device_list *list, bool details)
{
    for (size_t i = 0; i < list->n_devices; i++) {
        const pencl_device_info *d = &list->devices[i];
        char memory[32];
        printf("%c%2d  %-14s %-11s %10s  %s (%s)\n", d->is_default ? '*' : ' ', d->number, d->id,
               type_text(d->type), bytes_text(memory, sizeof memory, d->memory), d->name,
               d->platform);
        printf("     %s\n", d->why);
        if (details) {
            print_details(d);
        }
    }
    for (size_t i = 0; i < list->n_platforms; i++) {
        if (list->platforms[i].error[0] != '\0') {
            printf("%s: %s\n", list->platforms[i].name, list->platforms[i].error);
        }
    }
    return EXIT_DONE;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    work w = {0};
    pencl_device_list *list = NULL;
    (void)rest;
    int status = work_context(&w, &s->on);
    if (status == EXIT_DONE) {
        probe_drivers(&w);
        status = pencl_device_list_new(&list, w.ctx) == PENCL_OK ? EXIT_DONE : work_failed(&w);
    }
    if (status == EXIT_DONE) {
        status = s->json ? print_list_json(list) : print_list(list, s->on.verbose);
    }
    pencl_device_list_free(list);
    work_close(&w);
    return status;
}

const command cmd_devices = {
    .usage = "[--json]",
    .example = "pencl devices",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
