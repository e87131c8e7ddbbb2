/* SPDX-License-Identifier: Apache-2.0 */
/* pencl devices: every device of every platform, whether it can be used, and what is missing. */
#include "devices.h"

#include <stdlib.h>

typedef struct settings {
    device_settings on;
    bool json;
    bool measure;
} settings;

static const settings defaults = {.on = DEVICE_DEFAULTS};
#define AT(field) offsetof(settings, field)
static const option options[] = {
    OPT_TEXT('d', "device", "DEV", AT(on.device), "only what these words mean, best first"),
    OPT_CHOICE(
        'D', "type", "TYPE", AT(on.type), "cpu gpu accelerator ref all", "only devices of a type"),
    OPT_WHOLE('t', "threads", "N", AT(on.threads), 1, 4096, "threads of CPU devices"),
    OPT_FLAG(0, "measure", AT(measure), "also how fast each reads, multiplies, starts a kernel"),
    OPT_FLAG(0, "json", AT(json), "one JSON document"),
    OPT_FLAG('q', "quiet", AT(on.quiet), "only errors on standard error"),
    OPT_FLAG('v', "verbose", AT(on.verbose), "what the library does, on standard error"),
    OPT_END,
};

/* The rows to show: all, or those that the words mean. A PENCL_DEVICE that means nothing is an
 * error here as everywhere. */
static int pick(devices_shown *shown, const work *w, const char *asked)
{
    const pencl_device_list *list = shown->list;
    const char *set = getenv("PENCL_DEVICE");
    if ((asked != NULL || (set != NULL && *set != '\0')) &&
        pencl_device_match(&shown->picks, &shown->n, w->ctx, list, asked) != PENCL_OK) {
        bool missing = pencl_error_status(w->ctx) == PENCL_E_DEVICE;
        work_failed(w);
        return missing ? EXIT_NO_DEVICE : EXIT_FAILED;
    }
    shown->all = asked == NULL;
    shown->n = shown->all ? list->n_devices : shown->n;
    return EXIT_DONE;
}

/* Software renderers and simulators are measured when they are asked for by name. */
static int measure(devices_shown *shown, work *w)
{
    shown->limits = calloc(shown->n, sizeof *shown->limits);
    if (shown->limits == NULL) {
        say("%s", pencl_status_text(PENCL_E_NOMEM));
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < shown->n; i++) {
        char id[64];
        uint32_t units = 0;
        const pencl_device_info *d = devices_row(shown, i, id, &units);
        if (!d->usable || d->type == PENCL_DEVICE_REF || (shown->all && d->software)) {
            continue;
        }
        if (pencl_device_open(&w->device, w->ctx, id) != PENCL_OK ||
            pencl_device_measure(&shown->limits[i], w->device) != PENCL_OK) {
            return work_failed(w);
        }
        pencl_device_close(w->device);
        w->device = NULL;
    }
    return EXIT_DONE;
}

static int show(work *w, const settings *s, pencl_device_list *list)
{
    pencl_machine *machine = NULL;
    if (pencl_machine_new(&machine, w->ctx, list) != PENCL_OK) {
        return work_failed(w);
    }
    devices_shown shown = {.list = list, .machine = machine};
    int status = pick(&shown, w, s->on.device != NULL ? s->on.device : s->on.type);
    if (status == EXIT_DONE && s->measure) {
        status = measure(&shown, w);
    }
    if (status == EXIT_DONE) {
        status = s->json ? devices_json(&shown) : devices_print(&shown);
    }
    pencl_device_picks_free(shown.picks);
    pencl_machine_free(machine);
    free(shown.limits);
    return status;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    work w = {0};
    pencl_device_list *list = NULL;
    (void)rest;
    int status = work_context(&w, &s->on);
    if (status == EXIT_DONE && pencl_set_threads(w.ctx, (int)s->on.threads) != PENCL_OK) {
        status = work_failed(&w);
    }
    if (status == EXIT_DONE) {
        probe_drivers(&w);
        status = pencl_device_list_new(&list, w.ctx) == PENCL_OK ? EXIT_DONE : work_failed(&w);
    }
    if (status == EXIT_DONE) {
        status = show(&w, s, list);
    }
    pencl_device_list_free(list);
    work_close(&w);
    return status;
}

const command cmd_devices = {
    .usage = "[-d DEV] [--measure] [--json]",
    .example = "pencl devices",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
