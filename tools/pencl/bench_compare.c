/* SPDX-License-Identifier: Apache-2.0 */
/* What changed beyond noise between two sets of rows. */
#include "bench_files.h"
#include "bench_match.h"
#include "bench_read.h"
#include "output.h"
#include "pencl/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RUNS_MOST = 1024, LEAST_TURNS = 3, LABEL = 160 };
/* All intervals of one comparison hold at once with this probability. */
static const double CONFIDENCE = 0.95;

/* The rows of equal work and settings on one side; borrowed. */
typedef struct group {
    const json_t *rows[RUNS_MOST];
    size_t n;
} group;

typedef struct comparing {
    const json_t *was;
    const json_t *is;
    json_t *past;  /* rows of the history */
    json_t *found; /* pairs of rows: [old, new] of each comparison, the first of their groups */
    json_t *left;  /* what could not be compared */
} comparing;

/* ---- which with which ---- */

/* Is there an equal row before the i-th? Groups are named by their first row. */
static bool seen(const json_t *rows, size_t i)
{
    const json_t *row = json_array_get(rows, i);
    for (size_t k = 0; k < i; k++) {
        const json_t *other = json_array_get(rows, k);
        if (row_is_ours(other) == row_is_ours(row) && rows_differ(NULL, other, row) == 0) {
            return true;
        }
    }
    return false;
}

static void leave(comparing *c, const char *side, const json_t *row, const char *why)
{
    char model[LABEL];
    char test[LABEL];
    json_array_append_new(c->left, json_pack("{s:s, s:o, s:s, s:o, s:s}", "side", side, "model",
                                             json_text(row_model(model, sizeof model, row)), "test",
                                             row_test(test, sizeof test, row), "device",
                                             json_text(row_device(row)), "why", why));
}

/* Why a row has no partner: the row of the other side that is nearest to it. */
static void
leave_with_reason(comparing *c, const char *side, const json_t *row, const json_t *others)
{
    char why[WHY_ROOM];
    const json_t *best = NULL;
    int least = 0;
    for (size_t i = 0; i < json_array_size(others); i++) {
        const json_t *other = json_array_get(others, i);
        int n = rows_differ(NULL, row, other);
        if (rows_are_near(row, other) && (best == NULL || n < least)) {
            best = other;
            least = n;
        }
    }
    if (best == NULL) {
        leave(c, side, row, "the other side has no such model and test");
        return;
    }
    bool old = strcmp(side, "old") == 0;
    rows_differ(why, old ? row : best, old ? best : row);
    leave(c, side, row, why);
}

static void match(comparing *c)
{
    bool *used = calloc(json_array_size(c->was) + 1, sizeof *used);
    for (size_t i = 0; used != NULL && i < json_array_size(c->is); i++) {
        json_t *is = json_array_get(c->is, i);
        bool any = false;
        for (size_t k = 0; !seen(c->is, i) && k < json_array_size(c->was); k++) {
            json_t *was = json_array_get(c->was, k);
            if (rows_differ(NULL, was, is) == 0) {
                if (!seen(c->was, k)) {
                    json_array_append_new(c->found, json_pack("[O, O]", was, is));
                }
                used[k] = any = true;
            }
        }
        if (!any && !seen(c->is, i)) {
            leave_with_reason(c, "new", is, c->was);
        }
    }
    for (size_t k = 0; used != NULL && k < json_array_size(c->was); k++) {
        if (!used[k] && !seen(c->was, k)) {
            leave_with_reason(c, "old", json_array_get(c->was, k), c->is);
        }
    }
    free(used);
}

/* ---- runs ---- */

static void gather(group *g, const json_t *rows, const json_t *like)
{
    g->n = 0;
    for (size_t i = 0; i < json_array_size(rows) && g->n < RUNS_MOST; i++) {
        const json_t *row = json_array_get(rows, i);
        if (row_is_ours(row) == row_is_ours(like) && rows_differ(NULL, row, like) == 0) {
            g->rows[g->n++] = row;
        }
    }
}

static bool is_stable(const json_t *row)
{
    char why[WHY_ROOM];
    return *row_unstable(why, sizeof why, row) == '\0';
}

/* Both sides were run by turns: of each pair, neither began after the next pair's. */
static bool took_turns(const group *was, const group *is)
{
    bool turns = was->n == is->n && was->n >= LEAST_TURNS;
    for (size_t i = 0; turns && i + 1 < was->n; i++) {
        const char *now[] = {row_text(was->rows[i], "test_time", "~"),
                             row_text(is->rows[i], "test_time", "~")};
        const char *next[] = {row_text(was->rows[i + 1], "test_time", ""),
                              row_text(is->rows[i + 1], "test_time", "")};
        for (int k = 0; k < 4; k++) {
            turns = turns && strcmp(now[k / 2], next[k % 2]) <= 0;
        }
    }
    return turns;
}

/* Keeps the runs that were stable: of turns, the pairs that both were. */
static void drop_unstable(group *was, group *is, bool turns)
{
    size_t n = 0;
    for (size_t i = 0; turns && i < was->n; i++) {
        if (is_stable(was->rows[i]) && is_stable(is->rows[i])) {
            was->rows[n] = was->rows[i];
            is->rows[n++] = is->rows[i];
        }
    }
    if (turns) {
        was->n = is->n = n;
        return;
    }
    for (int side = 0; side < 2; side++) {
        group *g = side == 0 ? was : is;
        n = 0;
        for (size_t i = 0; i < g->n; i++) {
            if (is_stable(g->rows[i])) {
                g->rows[n++] = g->rows[i];
            }
        }
        g->n = n;
    }
}

static pencl_run run_of(const double *samples, size_t n, const json_t *row)
{
    return n > 0 ? pencl_run_of(samples, n) : (pencl_run){.rate = row_rate(row)};
}

/* The rounds of a row, or all its samples as one; returns how many runs were added. */
static size_t add_runs(pencl_run *to, size_t room, const json_t *row, bool by_rounds)
{
    double samples[RUNS_MOST];
    const json_t *list = row_samples(row);
    const json_t *rounds = row_at(row, "rounds");
    size_t n = json_array_size(list) < RUNS_MOST ? json_array_size(list) : RUNS_MOST;
    size_t at = 0;
    size_t added = 0;
    for (size_t i = 0; i < n; i++) {
        samples[i] = json_number_value(json_array_get(list, i));
    }
    for (size_t i = 0; by_rounds && i < json_array_size(rounds) && added < room; i++) {
        double count = row_number(json_array_get(rounds, i), "samples");
        if (count >= 1 && count <= (double)(n - at)) {
            to[added++] = run_of(samples + at, (size_t)count, row);
            at += (size_t)count;
        }
    }
    if (added == 0 && room > 0) {
        to[added++] = run_of(samples, n, row);
    }
    return added;
}

static size_t runs_of(pencl_run *to, const group *g, bool by_rounds)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        n += add_runs(to + n, RUNS_MOST - n, g->rows[i], by_rounds);
    }
    return n;
}

/* Rates of earlier stable runs of this work, one build after another. */
static size_t past_of(double *to, const json_t *past, const json_t *like)
{
    size_t n = 0;
    for (size_t i = 0; row_is_ours(like) && i < json_array_size(past) && n < RUNS_MOST; i++) {
        const json_t *row = json_array_get(past, i);
        if (row_is_ours(row) && is_stable(row) && rows_differ(NULL, row, like) == 0) {
            to[n++] = row_rate(row);
        }
    }
    return n;
}

/* ---- one comparison ---- */

static const char *verdict(const pencl_comparison *r)
{
    return !r->found ? "within noise" : r->ratio > 1 ? "faster" : "slower";
}

static json_t *row_json(const json_t *was, const json_t *is)
{
    char model[LABEL];
    char test[LABEL];
    return json_pack("{s:o, s:s, s:o, s:o, s:o}", "model",
                     json_text(row_model(model, sizeof model, is)), "test",
                     row_test(test, sizeof test, is), "old_device", json_text(row_device(was)),
                     "device", json_text(row_device(is)), "differs", rows_noted(was, is));
}

static void set_unstable(json_t *to, const group *was, const group *is)
{
    json_t *why = json_array();
    char text[WHY_ROOM];
    for (size_t i = 0; i < was->n + is->n; i++) {
        const json_t *row = i < was->n ? was->rows[i] : is->rows[i - was->n];
        if (*row_unstable(text, sizeof text, row) != '\0') {
            json_array_append_new(why, json_text(text));
        }
    }
    json_object_set_new(to, "unstable", why);
}

static json_t *compare_groups(const comparing *c, const json_t *pair)
{
    static group was;
    static group is;
    static pencl_run runs[2][RUNS_MOST];
    static double past[RUNS_MOST];
    const json_t *first = json_array_get(pair, 0);
    const json_t *second = json_array_get(pair, 1);
    json_t *to = row_json(first, second);
    pencl_comparison r;
    gather(&was, c->was, first);
    gather(&is, c->is, second);
    set_unstable(to, &was, &is);
    bool turns = took_turns(&was, &is);
    drop_unstable(&was, &is, turns);
    bool stable = was.n > 0 && is.n > 0;
    if (!stable) { /* the figures are shown all the same */
        gather(&was, c->was, first);
        gather(&is, c->is, second);
    }
    turns = turns && stable && was.n > 1;
    size_t n_was = runs_of(runs[0], &was, !turns);
    size_t n_is = runs_of(runs[1], &is, !turns);
    const pencl_compare_options how = {
        .confidence = 1 - (1 - CONFIDENCE) / (double)json_array_size(c->found),
        .alternating = turns,
        .past = past,
        .n_past = past_of(past, c->past, second),
    };
    pencl_compare_runs(&r, runs[0], n_was, runs[1], n_is, &how);
    json_t *numbers = json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:[I, I], s:b, s:I, s:s}", "old_ts", r.was, "new_ts",
        r.is, "ratio", r.ratio, "low", r.low, "high", r.high, "noise", r.noise, "freedom",
        r.freedom, "runs", (json_int_t)n_was, (json_int_t)n_is, "alternating", turns, "past",
        (json_int_t)how.n_past, "verdict", stable ? verdict(&r) : "unstable");
    json_object_update(to, numbers);
    json_decref(numbers);
    return to;
}

static json_t *compare(comparing *c)
{
    json_t *rows = json_array();
    c->found = json_array();
    c->left = json_array();
    match(c);
    for (size_t i = 0; i < json_array_size(c->found); i++) {
        json_array_append_new(rows, compare_groups(c, json_array_get(c->found, i)));
    }
    json_decref(c->found);
    return json_pack("{s:f, s:o, s:o}", "confidence", CONFIDENCE, "rows", rows, "not_compared",
                     c->left);
}

/* ---- text ---- */

static void print_note(const json_t *note)
{
    char *was = json_dumps(json_object_get(note, "old"), JSON_ENCODE_ANY | JSON_REAL_PRECISION(4));
    char *is = json_dumps(json_object_get(note, "new"), JSON_ENCODE_ANY | JSON_REAL_PRECISION(4));
    printf("%s %s -> %s", row_text(note, "what", ""), was != NULL ? was : "", is != NULL ? is : "");
    free(was);
    free(is);
}

static void print_row(const json_t *row)
{
    const char *was = row_text(row, "old_device", "");
    const char *is = row_text(row, "device", "");
    bool other = strcmp(was, is) != 0;
    printf("| %s | %s | %s%s%s | %.2f | %.2f | %+.1f %% | %+.1f to %+.1f %% | %s |\n",
           row_text(row, "model", ""), row_text(row, "test", ""), other ? was : "",
           other ? " -> " : "", is, row_number(row, "old_ts"), row_number(row, "new_ts"),
           100 * row_number(row, "ratio") - 100, 100 * row_number(row, "low") - 100,
           100 * row_number(row, "high") - 100, row_text(row, "verdict", ""));
}

static void print_notes(const json_t *row)
{
    const json_t *differs = json_object_get(row, "differs");
    const json_t *unstable = json_object_get(row, "unstable");
    if (json_array_size(differs) + json_array_size(unstable) == 0) {
        return;
    }
    printf("- %s, %s: ", row_text(row, "test", ""), row_text(row, "device", ""));
    for (size_t i = 0; i < json_array_size(unstable); i++) {
        printf("%sunstable: %s", i > 0 ? "; " : "", json_string_value(json_array_get(unstable, i)));
    }
    for (size_t i = 0; i < json_array_size(differs); i++) {
        printf("%s", i + json_array_size(unstable) > 0 ? "; " : "");
        print_note(json_array_get(differs, i));
    }
    putchar('\n');
}

static void print_left(const json_t *left)
{
    for (size_t i = 0; i < json_array_size(left); i++) {
        const json_t *row = json_array_get(left, i);
        printf("- not compared, %s: %s, %s, %s: %s\n", row_text(row, "side", ""),
               row_text(row, "model", ""), row_text(row, "test", ""), row_text(row, "device", ""),
               row_text(row, "why", ""));
    }
}

static void print_text(const json_t *document)
{
    const json_t *rows = json_object_get(document, "rows");
    const json_t *left = json_object_get(document, "not_compared");
    size_t n = json_array_size(rows);
    if (n > 0) {
        printf("| model | test | device | old t/s | new t/s | change | interval | |\n"
               "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |\n");
    }
    for (size_t i = 0; i < n; i++) {
        print_row(json_array_get(rows, i));
    }
    printf("%s", n > 0 && json_array_size(left) + n > 0 ? "\n" : "");
    for (size_t i = 0; i < n; i++) {
        print_notes(json_array_get(rows, i));
    }
    print_left(left);
    if (n > 0) {
        printf("- intervals: %.0f %% for all rows together\n", 100 * CONFIDENCE);
    }
}

/* ---- files ---- */

/* Reads OLD and NEW of "OLD,NEW"; a file that has a comma in its name is one file. */
static bool read_both(json_t *was, json_t *is, const char *spec, bool second)
{
    const char *comma = access(spec, F_OK) != 0 ? strrchr(spec, ',') : NULL;
    char *old = strdup(spec);
    bool good = old != NULL;
    if (good && second && comma == NULL) {
        say("--compare takes OLD,NEW, or OLD and something to measure");
        good = false;
    }
    if (good && second) {
        old[comma - spec] = '\0';
        good = rows_read(is, comma + 1);
    }
    good = good && rows_read(was, old);
    free(old);
    return good;
}

int bench_compare(const char *spec, const json_t *measured, bool json)
{
    json_t *was = json_array();
    json_t *is = measured != NULL ? json_deep_copy(measured) : json_array();
    comparing c = {.was = was, .is = is};
    int status = EXIT_FAILED;
    if (read_both(was, is, spec, measured == NULL)) {
        c.past = bench_kept();
        json_t *document = compare(&c);
        bool any = json_array_size(json_object_get(document, "rows")) > 0;
        status = any ? EXIT_DONE : EXIT_FAILED;
        if (json) {
            print_json(document);
        } else {
            print_text(document);
            json_decref(document);
        }
        if (!any) {
            say("nothing could be compared");
        }
        json_decref(c.past);
    }
    json_decref(was);
    json_decref(is);
    return status;
}
