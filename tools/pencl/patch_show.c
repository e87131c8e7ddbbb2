/* SPDX-License-Identifier: Apache-2.0 */
/* What a patch found: as text, as JSON, as an array. */
#include "output.h"
#include "patch.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 64, CELL = 8, TOP = 5 };

double patched_effect(const patched *r, double value)
{
    double before = pencl_patch_before(r->patch);
    double from = pencl_patch_from(r->patch);
    if (isnan(from)) {
        return value - before;
    }
    return from != before ? (value - before) / (from - before) : NAN;
}

double patched_largest(const patched *r)
{
    double largest = 0;
    for (int row = 0; row < pencl_patch_n_rows(r->patch); row++) {
        for (int c = 0; c < pencl_patch_n_columns(r->patch); c++) {
            largest = fmax(largest, fabs(patched_effect(r, pencl_patch_value(r->patch, row, c))));
        }
    }
    return largest;
}

size_t patched_column(char *to, size_t room, const patched *r, int column)
{
    int64_t at = pencl_patch_column(r->patch, column);
    if (r->sweep == PENCL_SWEEP_POSITION) {
        return work_piece(to, room, r->p->w, r->p->ids[at]);
    }
    return (size_t)snprintf(to, room, "%" PRId64, at);
}

size_t patched_row(char *to, size_t room, const patched *r, int row)
{
    int block = -1;
    const char *name = pencl_patch_row(r->patch, row, &block);
    size_t size = block >= 0 ? (size_t)snprintf(to, room, "%d", block)
                             : (size_t)snprintf(to, room, "%s", name);
    return size < room ? size : room - 1;
}

/* ---- the likeliest tokens ---- */

typedef struct likeliest {
    int32_t tokens[TOP];
    double probs[TOP];
    int n;
} likeliest;

static double log_sum(const float *logits, int64_t n)
{
    double largest = (double)logits[0];
    double sum = 0;
    for (int64_t i = 1; i < n; i++) {
        largest = fmax(largest, (double)logits[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        sum += exp((double)logits[i] - largest);
    }
    return largest + log(sum);
}

static likeliest find_likeliest(const work *w, const float *logits)
{
    likeliest best = {.n = 0};
    int64_t n = pencl_lm_metadata(pencl_model_lm(w->model))->vocab_size;
    double total = log_sum(logits, n);
    for (int32_t i = 0; i < n; i++) {
        int at = best.n;
        while (at > 0 && logits[best.tokens[at - 1]] < logits[i]) {
            at--;
        }
        if (at < TOP) {
            best.n += best.n < TOP;
            memmove(&best.tokens[at + 1], &best.tokens[at],
                    (size_t)(best.n - 1 - at) * sizeof *best.tokens);
            best.tokens[at] = i;
        }
    }
    for (int i = 0; i < best.n; i++) {
        best.probs[i] = exp((double)logits[best.tokens[i]] - total);
    }
    return best;
}

/* ---- text ---- */

static void print_likeliest(const work *w, const char *what, const float *logits)
{
    char piece[PIECE];
    const likeliest best = find_likeliest(w, logits);
    printf("  likeliest %-7s", what);
    for (int i = 0; i < best.n; i++) {
        putchar(' ');
        print_quoted(piece, work_piece(piece, sizeof piece, w, best.tokens[i]));
        printf(" %.3f", best.probs[i]);
    }
    putchar('\n');
}

/* A number in CELL columns; on a terminal the more coloured the larger: red for the way to the
 * other text (or up), blue for the other direction. */
static void print_cell(double effect, double largest)
{
    static const int up[] = {0, 224, 217, 210, 203};
    static const int down[] = {0, 189, 147, 111, 69};
    if (isnan(effect)) {
        printf("%*s", CELL, "");
        return;
    }
    int shade = largest > 0 ? (int)fmin(4, fabs(effect) / largest * 5) : 0;
    bool coloured = colours() && shade > 0;
    if (coloured) {
        printf("\033[48;5;%d;30m", effect > 0 ? up[shade] : down[shade]);
    }
    printf("%*.3f%s", CELL, effect, coloured ? "\033[0m" : "");
}

static int label_width(const patched *r)
{
    char label[128];
    int width = 5;
    for (int row = 0; row < pencl_patch_n_rows(r->patch); row++) {
        int size = (int)patched_row(label, sizeof label, r, row);
        width = size > width ? size : width;
    }
    return width;
}

static void print_header(const patched *r, int width, int first)
{
    char piece[PIECE];
    printf("%*s", width, r->sweep == PENCL_SWEEP_HEAD ? "head" : "");
    for (int c = first; c < pencl_patch_n_columns(r->patch); c++) {
        size_t size = patched_column(piece, sizeof piece, r, c);
        print_field(piece, size, CELL);
    }
    putchar('\n');
}

static void print_grid(const patched *r)
{
    char label[128];
    int width = label_width(r);
    int n = pencl_patch_n_columns(r->patch);
    int fit = (terminal_width() - width) / CELL;
    int first = n > fit && fit > 0 ? n - fit : 0;
    double largest = patched_largest(r);
    printf("  %s, by layer and %s%s:\n\n",
           isnan(pencl_patch_from(r->patch)) ? "change of the metric" : "share of the way",
           r->sweep == PENCL_SWEEP_HEAD ? "head" : "position",
           first > 0 ? " (the last ones; -o, --html or --json have all)" : "");
    print_header(r, width, first);
    for (int row = 0; row < pencl_patch_n_rows(r->patch); row++) {
        patched_row(label, sizeof label, r, row);
        printf("%*s", width, label);
        for (int c = first; c < n; c++) {
            print_cell(patched_effect(r, pencl_patch_value(r->patch, row, c)), largest);
        }
        putchar('\n');
    }
}

/* "logit(#7042)  #7042 is " Paris"" */
static void print_metric(const work *w, const char *text)
{
    char piece[PIECE];
    printf("%s", text);
    for (const char *at = strchr(text, '#'); at != NULL; at = strchr(at + 1, '#')) {
        char *end = NULL;
        long id = strtol(at + 1, &end, 10);
        if (end > at + 1 && *end == ')') {
            printf("  #%ld is ", id);
            print_quoted(piece, work_piece(piece, sizeof piece, w, (int32_t)id));
        }
    }
    putchar('\n');
}

void patch_print(const patched *r)
{
    const work *w = r->p->w;
    double before = pencl_patch_before(r->patch);
    double from = pencl_patch_from(r->patch);
    print_metric(w, pencl_metric_text(pencl_patch_metric(r->patch)));
    printf("  before %12.5f\n", before);
    if (!isnan(from)) {
        printf("  from   %12.5f\n", from);
    }
    if (r->sweep != PENCL_SWEEP_NONE) {
        print_grid(r);
        return;
    }
    double after = pencl_patch_value(r->patch, 0, 0);
    double effect = patched_effect(r, after);
    if (isnan(from)) {
        printf("  after  %12.5f  (%+.5f)\n", after, effect);
    } else {
        printf("  after  %12.5f  (%.1f %% of the way)\n", after, 100 * effect);
    }
    print_likeliest(w, "before", pencl_patch_logits(r->patch, 0));
    print_likeliest(w, "after", pencl_patch_logits(r->patch, 1));
}

/* ---- JSON ---- */

/* A number; null where there is none. */
static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *top_json(const work *w, const float *logits)
{
    char piece[PIECE + 1];
    json_t *list = json_array();
    const likeliest best = find_likeliest(w, logits);
    for (int i = 0; i < best.n; i++) {
        piece[work_piece(piece, PIECE, w, best.tokens[i])] = '\0';
        json_array_append_new(list, json_pack("{s:i, s:o, s:f}", "token", (int)best.tokens[i],
                                              "text", json_text(piece), "prob", best.probs[i]));
    }
    return list;
}

static json_t *rows_json(const patched *r)
{
    json_t *rows = json_array();
    for (int row = 0; row < pencl_patch_n_rows(r->patch); row++) {
        int block = -1;
        const char *name = pencl_patch_row(r->patch, row, &block);
        json_t *values = json_array();
        for (int c = 0; c < pencl_patch_n_columns(r->patch); c++) {
            json_array_append_new(values, number(pencl_patch_value(r->patch, row, c)));
        }
        json_array_append_new(rows, json_pack("{s:s, s:o, s:o}", "point", name, "layer",
                                              block >= 0 ? json_integer(block) : json_null(),
                                              "metric", values));
    }
    return rows;
}

static json_t *columns_json(const patched *r)
{
    json_t *columns = json_array();
    for (int c = 0; c < pencl_patch_n_columns(r->patch); c++) {
        json_array_append_new(columns, json_integer(pencl_patch_column(r->patch, c)));
    }
    return columns;
}

int patch_json(const patched *r)
{
    const work *w = r->p->w;
    json_t *out = json_pack(
        "{s:s, s:s, s:o, s:o, s:o}", "device", pencl_device_describe(w->device)->id, "metric",
        pencl_metric_text(pencl_patch_metric(r->patch)), "tokens", json_ids(r->p->ids, r->p->n),
        "before", number(pencl_patch_before(r->patch)), "from", number(pencl_patch_from(r->patch)));
    if (r->from != NULL) {
        json_object_set_new(out, "from_tokens", json_ids(r->from, r->n_from));
    }
    if (r->sweep == PENCL_SWEEP_NONE) {
        json_object_set_new(out, "after", number(pencl_patch_value(r->patch, 0, 0)));
        json_object_set_new(out, "top_before", top_json(w, pencl_patch_logits(r->patch, 0)));
        json_object_set_new(out, "top_after", top_json(w, pencl_patch_logits(r->patch, 1)));
    } else {
        json_object_set_new(out, r->sweep == PENCL_SWEEP_HEAD ? "heads" : "positions",
                            columns_json(r));
        json_object_set_new(out, "rows", rows_json(r));
    }
    return print_json(out);
}

/* ---- an array ---- */

int patch_save(const patched *r, const char *path)
{
    const work *w = r->p->w;
    pencl_captures *all = NULL;
    pencl_array *table = NULL;
    bool done = pencl_patch_table(&table, r->patch) == PENCL_OK;
    if (done && pencl_captures_new(&all, w->device) == PENCL_OK) {
        done = pencl_captures_add(all, "metric", table) == PENCL_OK &&
               pencl_captures_save(all, w->ctx, path) == PENCL_OK;
    } else {
        pencl_array_free(table);
        done = false;
    }
    pencl_captures_free(all);
    return done ? EXIT_DONE : work_failed(w);
}
