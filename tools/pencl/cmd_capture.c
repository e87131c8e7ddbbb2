/* SPDX-License-Identifier: Apache-2.0 */
/* pencl capture: values where they flow through a model. */
#include "output.h"
#include "prompted.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    prompted_settings on;
    texts select;
    const char *at;
    const char *out;
    bool names;
    bool summary;
} settings;

static const settings defaults = {.on = PROMPTED_DEFAULTS};

static const option options[] = {
    PROMPTED_OPTIONS,
    OPT_TEXTS(0,
              "select",
              "S",
              offsetof(settings, select),
              "what leaves these nodes: //Softmax, blocks.*.hook_resid_pre, all; repeats"),
    OPT_TEXT(0,
             "at",
             "POS,..",
             offsetof(settings, at),
             "of these tokens only; -1 is the last (default: all)"),
    OPT_TEXT('o', "output", "OUT", offsetof(settings, out), "OUT.npz or OUT.safetensors"),
    OPT_FLAG(0, "names", offsetof(settings, names), "what there is, with its bytes; runs nothing"),
    OPT_FLAG(0, "summary", offsetof(settings, summary), "mean, norm and largest of each value"),
    OPT_END,
};

static void print_axes(const pencl_axis *axes, int n)
{
    for (int i = 0; i < n; i++) {
        printf("%s%s:%" PRId64, i > 0 ? "," : "  ", axes[i].name, axes[i].size);
    }
}

static void print_names(const pencl_points *points)
{
    uint64_t total = 0;
    char text[32];
    for (int i = 0; i < pencl_points_count(points); i++) {
        const pencl_point_info info = pencl_points_info(points, i);
        printf("%s  %s  %s", info.name, info.type, pencl_dtype_name(info.dtype));
        print_axes(info.axes, info.n_axes);
        printf("  %s\n", bytes_text(text, sizeof text, info.bytes));
        total += info.bytes;
    }
    printf("%d values, %s\n", pencl_points_count(points), bytes_text(text, sizeof text, total));
}

/* ---- summaries ---- */

static int print_summary(const work *w, const pencl_captures *captures)
{
    printf("%12s %12s %12s  %s\n", "mean", "norm", "largest", "value");
    for (int i = 0; i < pencl_captures_count(captures); i++) {
        const pencl_capture *c = pencl_captures_at(captures, i);
        int64_t n = pencl_array_count(c->array);
        float *x = malloc((size_t)n * sizeof *x);
        double sum = 0;
        double squares = 0;
        double largest = 0;
        if (x == NULL || pencl_array_download_f32(c->array, x, n) != PENCL_OK) {
            free(x);
            return work_failed(w);
        }
        for (int64_t k = 0; k < n; k++) {
            sum += (double)x[k];
            squares += (double)x[k] * (double)x[k];
            largest = fmax(largest, fabs((double)x[k]));
        }
        printf("%12.5g %12.5g %12.5g  %s\n", n > 0 ? sum / (double)n : 0, sqrt(squares), largest,
               c->name);
        free(x);
    }
    return EXIT_DONE;
}

/* ---- the command ---- */

static int capture(const prompted *p, const pencl_points *points)
{
    const settings *s = p->settings;
    int64_t *at = NULL;
    size_t n_at = 0;
    pencl_captures *captures = NULL;
    double start = now_ms();
    int status = s->at != NULL ? input_places(&at, &n_at, "capture", s->at) : EXIT_DONE;
    if (status == EXIT_DONE &&
        pencl_points_capture(&captures, points, p->ids, p->n, at, n_at) != PENCL_OK) {
        status = work_failed(p->w);
    }
    double ms = now_ms() - start;
    if (status == EXIT_DONE && s->out != NULL &&
        pencl_captures_save(captures, p->w->ctx, s->out) != PENCL_OK) {
        status = work_failed(p->w);
    }
    if (status == EXIT_DONE && (s->summary || s->out == NULL)) {
        status = print_summary(p->w, captures);
    }
    if (status == EXIT_DONE) {
        work_summary(p->w, p->n, ms, 0, 0);
    }
    pencl_captures_free(captures);
    free(at);
    return status;
}

static int look(const prompted *p)
{
    const settings *s = p->settings;
    pencl_points *points = NULL;
    if (pencl_points_new(&points, work_lm(p->w), s->select.items, (int)s->select.n,
                         (int64_t)p->n) != PENCL_OK) {
        return work_failed(p->w);
    }
    int status = EXIT_DONE;
    if (s->names) {
        print_names(points);
    } else {
        status = capture(p, points);
    }
    pencl_points_free(points);
    return status;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    (void)rest;
    if (s->select.n == 0) {
        return usage_error("capture", "nothing to capture: --select S is missing");
    }
    return with_prompt("capture", &s->on, look);
}

const command cmd_capture = {
    .usage = "-m MODEL (-p TEXT | -f FILE | --tokens 1,2,3) --select S [--names | -o OUT]",
    .example = "pencl capture -m model.gguf -p \"Hi there\" --select //Softmax -o patterns.npz",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
