/* SPDX-License-Identifier: Apache-2.0 */
/* pencl doctor: why a GPU is not there, and what mends it. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct settings {
    device_settings on; /* quiet: findings only */
    const char *report;
    bool json;
} settings;

static const settings defaults = {.on = DEVICE_DEFAULTS};
static const option options[] = {
    OPT_TEXT(0,
             "report",
             "F.json",
             offsetof(settings, report),
             "write it for a bug report: no names, homes, serials"),
    OPT_FLAG(0, "json", offsetof(settings, json), "one JSON document"),
    OPT_FLAG('q', "quiet", offsetof(settings, on.quiet), "only what is amiss"),
    OPT_FLAG('v', "verbose", offsetof(settings, on.verbose), "what the library does"),
    OPT_END,
};

static bool write_report(const char *path, const visit *v)
{
    char *text = doctor_report(v);
    FILE *file = text == NULL ? NULL : fopen(path, "wb");
    bool done = file != NULL && fputs(text, file) >= 0;
    done = (file == NULL || fclose(file) == 0) && done;
    free(text);
    if (!done) {
        say("%s cannot be written", path);
    }
    return done;
}

static int show(const visit *v, const settings *s)
{
    size_t faults = doctor_faults(v->machine);
    int status = EXIT_DONE;
    if (s->json) {
        status = print_json(doctor_json(v));
    } else {
        if (!s->on.quiet) {
            doctor_print(v);
        }
        doctor_print_findings(v->machine, s->on.quiet);
    }
    if (s->report != NULL && !write_report(s->report, v)) {
        status = EXIT_FAILED;
    }
    return faults > 0 ? EXIT_FAILED : status;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    work w = {0};
    pencl_device_list *list = NULL;
    pencl_machine *machine = NULL;
    (void)rest;
    int status = work_context(&w, &s->on);
    if (status == EXIT_DONE) {
        probe_drivers(&w);
        if (pencl_device_list_new(&list, w.ctx) != PENCL_OK ||
            pencl_machine_new(&machine, w.ctx, list) != PENCL_OK) {
            status = work_failed(&w);
        }
    }
    if (status == EXIT_DONE) {
        status = show(&(visit){.machine = machine, .list = list}, s);
    }
    pencl_machine_free(machine);
    pencl_device_list_free(list);
    work_close(&w);
    return status;
}

const command cmd_doctor = {
    .usage = "[-q] [--json] [--report F.json]",
    .example = "pencl doctor",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
