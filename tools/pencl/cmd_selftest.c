/* SPDX-License-Identifier: Apache-2.0 */
/* pencl selftest: every kernel against the reference in plain C, on the devices that are asked for.
 */
#include "output.h"
#include "work.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

typedef struct settings {
    device_settings on;
    const char *op;
    bool json;
} settings;

static const settings defaults = {.on = DEVICE_DEFAULTS, .op = "all"};

#define AT(field) offsetof(settings, field)
static const option options[] = {
    OPT_TEXT(0, "op", "X", AT(op), "one operation instead of all of them"),
    OPT_FLAG(0, "json", AT(json), "one JSON array"),
    DEVICE_OPTIONS,
    OPT_END,
};

typedef struct output {
    const work *w;
    json_t *rows;     /* NULL: lines are printed */
    json_t *failures; /* of the operation that is running; only with `rows` */
    int n_failed;
} output;

static const char *device_id(const output *to)
{
    return pencl_device_describe(to->w->device)->id;
}

static bool shows_progress(const output *to)
{
    return !to->w->on->quiet && isatty(STDERR_FILENO);
}

static void wipe(const output *to)
{
    if (shows_progress(to)) {
        fprintf(stderr, "\r%30s\r", "");
        fflush(stderr);
    }
}

static void on_progress(void *user, const char *op, size_t done, size_t all)
{
    if (shows_progress(user)) {
        fprintf(stderr, "\r%3.0f %% %-24s", 100.0 * (double)done / (double)all, op);
        fflush(stderr);
    }
}

static void on_failure(void *user, const pencl_selftest_failure *f)
{
    const output *to = user;
    if (to->rows != NULL) {
        json_array_append_new(to->failures,
                              json_pack("{s:s, s:s, s:s, s:o}", "case", f->name, "kernel",
                                        f->kernel, "layout", f->layout, "why", json_text(f->why)));
        return;
    }
    wipe(to);
    printf("%s %s: FAILED: %s, weights %s, by %s: %s\n", device_id(to), f->op, f->name, f->layout,
           f->kernel, f->why);
}

/* JSON has no NaN: a difference from a number to none is null. */
static json_t *number_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static int on_op(void *user, const pencl_selftest_op *op)
{
    output *to = user;
    to->n_failed += op->n_failed;
    if (to->rows != NULL) {
        json_array_append_new(to->rows,
                              json_pack("{s:s, s:s, s:i, s:i, s:i, s:o, s:o, s:o}", "device_id",
                                        device_id(to), "op", op->op, "cases", op->n_cases, "runs",
                                        op->n_runs, "failed", op->n_failed, "max_abs",
                                        number_json(op->largest), "allowed",
                                        number_json(op->allowed), "failures", to->failures));
        to->failures = json_array();
    } else {
        wipe(to);
        printf("%-14s %-14s %3d cases %4d runs  max %-8.2g of %-8.2g %s\n", device_id(to), op->op,
               op->n_cases, op->n_runs, op->largest, op->allowed,
               op->n_failed == 0 ? "ok" : "FAILED");
    }
    return fflush(stdout) != 0 || interrupted();
}

static int test_device(const settings *s, json_t *rows)
{
    work w = {0};
    output to = {.w = &w, .rows = rows, .failures = rows != NULL ? json_array() : NULL};
    const pencl_selftest_options how = {
        .op = s->op, .row = on_op, .failed = on_failure, .progress = on_progress, .user = &to};
    int status = work_device(&w, &s->on);
    if (status == EXIT_DONE && pencl_selftest(w.device, &how) != PENCL_OK) {
        wipe(&to);
        status = work_failed(&w);
    }
    if (status == EXIT_DONE && to.n_failed > 0) {
        say("%s: %d runs of kernels differ from the reference", device_id(&to), to.n_failed);
        status = EXIT_FAILED;
    }
    json_decref(to.failures);
    work_close(&w);
    return status;
}

static int run(const void *given, const words *rest)
{
    settings s = *(const settings *)given;
    work_devices devices = {0};
    (void)rest;
    interrupt_catch(NULL);
    int status = work_find_devices(&devices, &s.on);
    json_t *rows = s.json && status == EXIT_DONE ? json_array() : NULL;
    for (size_t i = 0; i < devices.n && !interrupted(); i++) {
        s.on.device = devices.ids[i];
        int one = test_device(&s, rows);
        status = status == EXIT_DONE ? one : status;
    }
    if (rows != NULL && print_json(rows) != EXIT_DONE) {
        status = EXIT_FAILED;
    }
    work_free_devices(&devices);
    status = interrupted() ? EXIT_FAILED : status;
    interrupt_release();
    return status;
}

const command cmd_selftest = {
    .usage = "[-d DEV,..]",
    .example = "pencl selftest -d all",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
