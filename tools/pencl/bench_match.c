/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows may be compared, and what else differs between them. */
#include "bench_match.h"

#include "bench_read.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Limits of a device that moved by more than this point at the machine. */
static const double LIMIT_MOVED = 0.05;

typedef struct reasons {
    char *text; /* NULL: only counted */
    size_t size;
    int n;
} reasons;

static void add(reasons *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(reasons *r, const char *fmt, ...)
{
    va_list args;
    if (r->text != NULL && r->size < WHY_ROOM) {
        r->size +=
            (size_t)snprintf(r->text + r->size, WHY_ROOM - r->size, "%s", r->n > 0 ? ", " : "");
    }
    if (r->text != NULL && r->size < WHY_ROOM) {
        va_start(args, fmt);
        r->size += (size_t)vsnprintf(r->text + r->size, WHY_ROOM - r->size, fmt, args);
        va_end(args);
    }
    r->n++;
}

/* ---- single fields ---- */

static bool same_word(const char *a, const char *b)
{
    while (*a != '\0' && tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Both have it, and it differs. */
static bool texts_differ(const json_t *a, const json_t *b, const char *path)
{
    const char *x = row_text(a, path, NULL);
    const char *y = row_text(b, path, NULL);
    return x != NULL && y != NULL && !same_word(x, y);
}

static void
check_text(reasons *r, const json_t *a, const json_t *b, const char *path, const char *name)
{
    if (texts_differ(a, b, path)) {
        add(r, "%s %s and %s", name, row_text(a, path, ""), row_text(b, path, ""));
    }
}

static void check_number(reasons *r,
                         const json_t *a,
                         const json_t *b,
                         const char *path,
                         const char *name,
                         double otherwise)
{
    double x = row_number_or(a, path, otherwise);
    double y = row_number_or(b, path, otherwise);
    if (!(fabs(x - y) < 0.5)) {
        add(r, "%s %.0f and %.0f", name, x, y);
    }
}

/* ---- models ---- */

/* By the hash of the file where both have one, else by what made it, else by its size. */
static bool models_differ(const json_t *a, const json_t *b)
{
    if (row_text(a, "op", NULL) != NULL || row_text(b, "op", NULL) != NULL) {
        return !same_word(row_text(a, "op", ""), row_text(b, "op", "")) ||
               !same_word(row_text(a, "case", ""), row_text(b, "case", ""));
    }
    if (row_text(a, "model_sha", NULL) != NULL && row_text(b, "model_sha", NULL) != NULL) {
        return texts_differ(a, b, "model_sha");
    }
    bool presets = row_text(a, "preset", NULL) != NULL && row_text(b, "preset", NULL) != NULL;
    return presets ? texts_differ(a, b, "preset")
                   : row_number(a, "model_n_params") != row_number(b, "model_n_params");
}

static void check_model(reasons *r, const json_t *a, const json_t *b)
{
    char x[128];
    char y[128];
    if (models_differ(a, b)) {
        add(r, "model %s and %s", row_model(x, sizeof x, a), row_model(y, sizeof y, b));
    }
    row_type(x, sizeof x, a);
    row_type(y, sizeof y, b);
    if (strcmp(x, y) != 0) {
        add(r, "file type %s and %s", x, y);
    }
}

/* ---- settings ---- */

/* Tokens that go through the model at once; what a prompt does not fill is of no matter. */
static double chunk_of(const json_t *row)
{
    double prompt = row_number_or(row, "n_prompt", 0);
    return fmin(prompt, row_number_or(row, "n_ubatch", prompt));
}

static void check_chunk(reasons *r, const json_t *a, const json_t *b)
{
    double x = chunk_of(a);
    double y = chunk_of(b);
    bool same_prompt =
        fabs(row_number_or(a, "n_prompt", 0) - row_number_or(b, "n_prompt", 0)) < 0.5;
    if (same_prompt && !(fabs(x - y) < 0.5)) {
        add(r, "prompt in pieces of %.0f and %.0f", x, y);
    }
}

/* 0 on devices whose threads nobody counts. */
static void check_threads(reasons *r, const json_t *a, const json_t *b)
{
    if (row_number_or(a, "n_threads", 0) > 0 && row_number_or(b, "n_threads", 0) > 0) {
        check_number(r, a, b, "n_threads", "threads", 0);
    }
}

int rows_differ(char why[WHY_ROOM], const json_t *a, const json_t *b)
{
    reasons r = {.text = why};
    if (why != NULL) {
        why[0] = '\0';
    }
    check_model(&r, a, b);
    check_number(&r, a, b, "n_prompt", "prompt", 0);
    check_number(&r, a, b, "n_gen", "generation", 0);
    check_number(&r, a, b, "n_depth", "depth", 0);
    check_number(&r, a, b, "n_parallel", "batch", 1);
    check_chunk(&r, a, b);
    check_text(&r, a, b, "type_k", "cache of keys");
    check_text(&r, a, b, "type_v", "cache of values");
    check_text(&r, a, b, "mode", "mode");
    check_text(&r, a, b, "candidate", "candidate"); /* of an operation */
    check_threads(&r, a, b);
    if (row_is_ours(a) && row_is_ours(b)) {
        check_text(&r, a, b, "device.id", "device");
        check_text(&r, a, b, "device_id", "device");
        check_text(&r, a, b, "device.name", "device");
    }
    return r.n;
}

bool rows_are_near(const json_t *a, const json_t *b)
{
    return !models_differ(a, b) &&
           fabs(row_number_or(a, "n_prompt", 0) - row_number_or(b, "n_prompt", 0)) < 0.5 &&
           fabs(row_number_or(a, "n_gen", 0) - row_number_or(b, "n_gen", 0)) < 0.5;
}

/* ---- what else ---- */

static void note(json_t *to, const char *what, json_t *was, json_t *is)
{
    json_array_append_new(to, json_pack("{s:s, s:o, s:o}", "what", what, "old", was, "new", is));
}

static void
note_limit(json_t *to, const json_t *was, const json_t *is, const char *path, const char *what)
{
    double x = row_number(was, path);
    double y = row_number(is, path);
    if (x > 0 && y > 0 && fabs(log(y / x)) > LIMIT_MOVED) {
        note(to, what, json_real(x), json_real(y));
    }
}

json_t *rows_noted(const json_t *was, const json_t *is)
{
    static const struct {
        const char *path;
        const char *what;
    } texts[] = {
        {"version", "pencl"},          {"build_commit", "build"},
        {"backends", "backend"},       {"device.platform", "platform"},
        {"device.driver", "driver"},   {"device.opencl_c", "OpenCL C"},
        {"host.cpu", "CPU"},           {"host.kernel", "kernel"},
        {"host.mesa", "Mesa"},         {"host.governor", "governor"},
        {"protocol.name", "protocol"}, {"passes", "passes"},
        {"tuning", "tuning"},          {"matmul", "matmul"},
    };
    json_t *to = json_array();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts_differ(was, is, texts[i].path)) {
            note(to, texts[i].what, json_string(row_text(was, texts[i].path, "")),
                 json_string(row_text(is, texts[i].path, "")));
        }
    }
    const json_t *chosen = row_at(was, "candidates");
    if (chosen != NULL && row_at(is, "candidates") != NULL &&
        !json_equal((json_t *)(size_t)chosen, (json_t *)(size_t)row_at(is, "candidates"))) {
        note(to, "candidates", json_deep_copy(chosen), json_deep_copy(row_at(is, "candidates")));
    }
    note_limit(to, was, is, "limits.before.read_gbs", "the device's reading, GB/s");
    note_limit(to, was, is, "limits.before.fma_gflops", "the device's arithmetic, GFLOP/s");
    note_limit(to, was, is, "clock_mhz.before", "clock, MHz");
    return to;
}
