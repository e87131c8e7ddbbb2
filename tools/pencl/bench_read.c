/* SPDX-License-Identifier: Apache-2.0 */
/* Reads rows of measurements and says what they are of. */
#include "bench_read.h"

#include "input.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_PART = 64, LABEL = 192 };

/* ---- files ---- */

static bool is_row(const json_t *row)
{
    return json_is_object(row) && row_rate(row) > 0;
}

/* Adds one document: a row or an array of rows. */
static bool add_document(json_t *to, const json_t *document, const char *path)
{
    size_t n = json_is_array(document) ? json_array_size(document) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_is_array(document) ? json_array_get(document, i) : document;
        if (!is_row(row)) {
            say("%s: row %zu is no measurement of pencl bench or llama-bench: it needs samples_ts",
                path, i + 1);
            return false;
        }
        json_array_append(to, (json_t *)(size_t)row);
    }
    return true;
}

bool rows_read(json_t *to, const char *path)
{
    input in;
    bool good = input_read(&in, path) == EXIT_DONE;
    for (size_t at = 0; good;) {
        json_error_t error;
        at += strspn(in.data + at, " \t\r\n");
        if (at >= in.size) {
            break;
        }
        json_t *document = json_loadb(in.data + at, in.size - at, JSON_DISABLE_EOF_CHECK, &error);
        if (document == NULL) {
            say("%s: no JSON: %s (byte %zu)", path, error.text, at + (size_t)error.position);
        }
        good = document != NULL && add_document(to, document, path);
        at += good ? (size_t)error.position : 0;
        json_decref(document);
    }
    free(in.data);
    return good;
}

json_t *rows_read_all(const char *const *paths, size_t n)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++) {
        if (!rows_read(rows, paths[i])) {
            json_decref(rows);
            return NULL;
        }
    }
    return rows;
}

/* ---- fields ---- */

const json_t *row_at(const json_t *row, const char *path)
{
    char part[PATH_PART];
    while (row != NULL && *path != '\0') {
        size_t size = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)size, path);
        row = json_object_get(row, part);
        path += size + (path[size] == '.');
    }
    return json_is_null(row) ? NULL : row;
}

const char *row_text(const json_t *row, const char *path, const char *otherwise)
{
    const char *text = json_string_value(row_at(row, path));
    return text != NULL && *text != '\0' ? text : otherwise;
}

double row_number(const json_t *row, const char *path)
{
    const json_t *value = row_at(row, path);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

bool row_flag(const json_t *row, const char *name)
{
    const json_t *flags = row_at(row, "flags");
    for (size_t i = 0; i < json_array_size(flags); i++) {
        const char *flag = json_string_value(json_array_get(flags, i));
        if (flag != NULL && strcmp(flag, name) == 0) {
            return true;
        }
    }
    return false;
}

bool row_is_ours(const json_t *row)
{
    return row_text(row, "schema", NULL) != NULL;
}

/* ---- rates ---- */

const json_t *row_samples(const json_t *row)
{
    const json_t *samples = row_at(row, "samples_ts");
    for (size_t i = 0; i < json_array_size(samples); i++) {
        if (!(json_number_value(json_array_get(samples, i)) > 0)) {
            return NULL;
        }
    }
    return json_array_size(samples) > 0 ? samples : NULL;
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const json_t *list)
{
    size_t n = json_array_size(list);
    double *x = malloc((n + 1) * sizeof *x);
    if (x == NULL || n == 0) {
        free(x);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = json_number_value(json_array_get(list, i));
    }
    qsort(x, n, sizeof *x, compare_numbers);
    double middle = n % 2 == 1 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
    free(x);
    return middle;
}

double row_rate(const json_t *row)
{
    double rate = row_number(row, "median_ts");
    if (rate > 0) {
        return rate;
    }
    const json_t *samples = row_samples(row);
    double ns = row_number(row, "ns"); /* of an operation */
    if (samples != NULL) {
        return median(samples);
    }
    return ns > 0 ? 1e9 / ns : 0;
}

/* ---- what it is of ---- */

/* llama-bench writes "llama 1B Q4_K - Medium", pencl "llama 134.5M Q4_1": family, size, type. */
const char *row_type(char *to, size_t room, const json_t *row)
{
    const char *given = row_text(row, "quant", NULL);
    const char *text = row_text(row, "model_type", "");
    for (int word = 0; word < 2 && given == NULL; word++) {
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    snprintf(to, room, "%s", given != NULL ? given : text);
    for (char *c = to; *c != '\0'; c++) {
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    }
    return to;
}

const char *row_model(char *to, size_t room, const json_t *row)
{
    const char *op = row_text(row, "op", NULL);
    if (op != NULL) {
        snprintf(to, room, "%s %s", op, row_text(row, "case", ""));
        return to;
    }
    const char *preset = row_text(row, "preset", NULL);
    char type[64];
    if (preset != NULL) {
        snprintf(to, room, "%s %s", preset, row_type(type, sizeof type, row));
    } else {
        snprintf(to, room, "%s", row_text(row, "model_type", "?"));
    }
    return to;
}

double row_number_or(const json_t *row, const char *path, double otherwise)
{
    double value = row_number(row, path);
    return isnan(value) ? otherwise : value;
}

const char *row_test(char *to, size_t room, const json_t *row)
{
    char parts[4][40] = {""};
    double prompt = row_number_or(row, "n_prompt", 0);
    double gen = row_number_or(row, "n_gen", 0);
    double depth = row_number_or(row, "n_depth", 0);
    double batch = row_number_or(row, "n_parallel", 1);
    if (row_text(row, "op", NULL) != NULL) {
        snprintf(to, room, "%s", row_text(row, "candidate", row_text(row, "kernel", "")));
        return to;
    }
    if (prompt > 0) {
        snprintf(parts[0], sizeof parts[0], "pp%.0f", prompt);
    }
    if (gen > 0) {
        snprintf(parts[1], sizeof parts[1], "%stg%.0f", prompt > 0 ? "+" : "", gen);
    }
    if (depth > 0) {
        snprintf(parts[2], sizeof parts[2], " @ d%.0f", depth);
    }
    if (batch > 1) {
        snprintf(parts[3], sizeof parts[3], " x %.0f", batch);
    }
    snprintf(to, room, "%s%s%s%s", parts[0], parts[1], parts[2], parts[3]);
    return to;
}

const char *row_device(const json_t *row)
{
    const char *other = row_text(row, "gpu_info", row_text(row, "cpu_info", "?"));
    return row_text(row, "device.id", row_text(row, "device_id", other));
}

const char *row_place(char *to, size_t room, const json_t *row)
{
    if (row_is_ours(row)) {
        snprintf(to, room, "%s, %s", row_text(row, "device.platform", "?"),
                 row_text(row, "device.driver", "?"));
    } else {
        snprintf(to, room, "llama.cpp %s, %s", row_text(row, "build_commit", "?"),
                 row_text(row, "backends", "?"));
    }
    return to;
}

const char *row_unstable(char *to, size_t room, const json_t *row)
{
    const json_t *reasons = row_at(row, "unstable");
    size_t size = 0;
    to[0] = '\0';
    for (size_t i = 0; i < json_array_size(reasons) && size < room; i++) {
        const char *reason = json_string_value(json_array_get(reasons, i));
        size += (size_t)snprintf(to + size, room - size, "%s%s", i > 0 ? ", " : "",
                                 reason != NULL ? reason : "?");
    }
    if (to[0] == '\0' && row_flag(row, "unstable")) {
        snprintf(to, room, "unstable");
    }
    return to;
}

bool row_same_work(const json_t *a, const json_t *b)
{
    char x[2][LABEL];
    char y[2][LABEL];
    bool one = row_number(a, "model_n_params") == row_number(b, "model_n_params") &&
               strcmp(row_type(x[0], LABEL, a), row_type(y[0], LABEL, b)) == 0;
    return (one || strcmp(row_model(x[0], LABEL, a), row_model(y[0], LABEL, b)) == 0) &&
           strcmp(row_test(x[1], LABEL, a), row_test(y[1], LABEL, b)) == 0;
}

bool row_is_ranked(const json_t *row)
{
    return strcmp(row_text(row, "selftest", ""), "failed") != 0;
}

const char *row_remarks(char *to, size_t room, const json_t *row)
{
    char why[LABEL];
    row_unstable(why, sizeof why, row);
    snprintf(to, room, "%s%s%s%s%s%s", row_is_ranked(row) ? "" : "self-test failed; ",
             row_flag(row, "short") ? "short; " : "",
             row_flag(row, "cached") ? "in the cache; " : "",
             strcmp(row_text(row, "mode", "exact"), "exact") != 0 ? "fast; " : "",
             *why != '\0' ? "unstable: " : "", why);
    size_t size = strlen(to);
    if (size > 2 && strcmp(to + size - 2, "; ") == 0) {
        to[size - 2] = '\0';
    }
    return to;
}
