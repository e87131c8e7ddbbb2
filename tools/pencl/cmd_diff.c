/* SPDX-License-Identifier: Apache-2.0 */
/* pencl diff: the first value of a model at which two devices part, and whether tokens differ. */
#include "diff.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct settings {
    prompted_settings on;
    const char *select;
    double tolerance;
    bool json;
    diff_sides *sides; /* no option: what was found so far */
} settings;

static const settings defaults = {.on = PROMPTED_DEFAULTS, .tolerance = 1e-3};

static const option options[] = {
    PROMPTED_OPTIONS,
    OPT_TEXT(0,
             "select",
             "S",
             offsetof(settings, select),
             "only what leaves these nodes (default: all that is computed)"),
    OPT_REAL(0,
             "tolerance",
             "E",
             offsetof(settings, tolerance),
             0,
             1,
             "values part when they are apart by more than this share of the token's largest"),
    OPT_FLAG(0, "json", offsetof(settings, json), "one JSON document"),
    OPT_END,
};

/* The ids as a list for the next device: standard input is read once. */
static int keep_ids(diff_sides *s, const prompted *p)
{
    size_t room = 12 * p->n + 1;
    size_t size = 0;
    s->tokens = s->tokens == NULL ? malloc(room) : s->tokens;
    if (s->tokens == NULL) {
        say("%s", pencl_status_text(PENCL_E_NOMEM));
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < p->n; i++) {
        size += (size_t)snprintf(s->tokens + size, room - size, "%s%" PRId32, i > 0 ? "," : "",
                                 p->ids[i]);
    }
    return EXIT_DONE;
}

/* One device: the first is what the later ones are compared with. */
static int look(const prompted *p)
{
    const settings *s = p->settings;
    diff_sides *sides = s->sides;
    pencl_diff_side *side = NULL;
    pencl_diff *diff = NULL;
    const char *id = pencl_device_describe(p->w->device)->id;
    double start = now_ms();
    if (pencl_diff_side_new(&side, work_lm(p->w), p->ids, p->n, s->select) != PENCL_OK) {
        return work_failed(p->w);
    }
    work_summary(p->w, p->n, now_ms() - start, 0, 0);
    if (sides->first == NULL) {
        sides->first = side;
        snprintf(sides->first_id, sizeof sides->first_id, "%s", id);
        return keep_ids(sides, p);
    }
    int status = EXIT_DONE;
    if (pencl_diff_new(&diff, p->w->ctx, sides->first, side, s->tolerance) != PENCL_OK) {
        status = work_failed(p->w);
    } else if (sides->rows != NULL) {
        json_array_append_new(sides->rows, diff_json(diff, p, sides->first_id, s->tolerance));
    } else {
        diff_print(diff, p, sides->first_id, s->tolerance);
    }
    sides->n_apart += diff != NULL && pencl_diff_first(diff) >= 0;
    pencl_diff_free(diff);
    pencl_diff_side_free(side);
    return status;
}

static int compare_all(settings *s, const work_devices *devices)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < devices->n && status == EXIT_DONE; i++) {
        s->on.use.on.device = devices->ids[i];
        status = with_prompt("diff", &s->on, look);
        s->on.prompt = (prompt_settings){0};
        s->on.tokens = s->sides->tokens;
    }
    if (s->json && status == EXIT_DONE) {
        status = print_json(s->sides->rows);
        s->sides->rows = NULL;
    }
    return status == EXIT_DONE && s->sides->n_apart > 0 ? EXIT_FAILED : status;
}

static int run(const void *given, const words *rest)
{
    settings s = *(const settings *)given;
    diff_sides sides = {.rows = s.json ? json_array() : NULL};
    work_devices devices = {0};
    (void)rest;
    s.sides = &sides;
    int status = work_find_devices(&devices, &s.on.use.on);
    if (status == EXIT_DONE && devices.n < 2) {
        status = usage_error("diff", "two devices are compared: -d A,B");
    }
    if (status == EXIT_DONE) {
        status = compare_all(&s, &devices);
    }
    json_decref(sides.rows);
    free(sides.tokens);
    pencl_diff_side_free(sides.first);
    work_free_devices(&devices);
    return status;
}

const command cmd_diff = {
    .usage = "-m MODEL (-p TEXT | -f FILE | --tokens 1,2,3) -d A,B",
    .example = "pencl diff -m model.gguf -p \"Hi there\" -d \"amd gpu,ref\"",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
