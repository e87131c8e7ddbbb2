/* SPDX-License-Identifier: Apache-2.0 */
/* Measures rows in rounds: forwards, then backwards, so that whatever drifts meets every device on
 * both ends. Neighbours of one device share its model. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLE_SECONDS 8.0 /* no longer, unless the size of the test was asked for */
#define SHORT_SECONDS                                                                              \
    30.0 /* of sampling where it was not: three minutes are enough for a device                    \
          */

typedef struct runner {
    bench_rows *rows;
    const bench_settings *s;
    bench_settings here; /* with the device that is open */
    work w;
    bool open;
    bool *failed;  /* of each row */
    size_t device; /* of `open` */
    bench_preset preset;
    size_t steps; /* rows by rounds: done, and all */
    size_t all;
    double start; /* ms */
} runner;

/* One line of a terminal: what is being measured, and how long the rest may take. */
static void show(const runner *r, const bench_row *row, int64_t round)
{
    char left[48] = "";
    if (r->s->use.on.quiet || !isatty(STDERR_FILENO)) {
        return;
    }
    if (r->steps > 0) {
        const double one = (now_ms() - r->start) / (double)r->steps;
        snprintf(left, sizeof left, ", about %.0f s left", one * (double)(r->all - r->steps) / 1e3);
    }
    fprintf(stderr, "\rround %d of %d, row %zu of %zu: %s %s%lld%s\033[K", (int)round + 1,
            (int)r->s->rounds, (size_t)(row - r->rows->rows) + 1, r->rows->n,
            r->rows->devices.ids[row->device], row->how.n_prompt > 0 ? "pp" : "tg",
            (long long)(row->how.n_prompt + row->how.n_gen), left);
    fflush(stderr);
}

static void wipe(const runner *r)
{
    if (!r->s->use.on.quiet && isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
}

/* ---- models ---- */

int bench_open(work *w, const bench_settings *s, const bench_preset *preset)
{
    if (preset->name[0] == '\0') {
        return work_model(w, "bench", &s->use);
    }
    int status = work_device(w, &s->use.on);
    const double start = now_ms();
    const pencl_model_options options = {.progress = work_loading, .user = w};
    if (status == EXIT_DONE && pencl_model_preset(&w->model, w->device, preset->name, preset->dtype,
                                                  &options) != PENCL_OK) {
        status = work_failed(w);
    }
    w->load_ms = now_ms() - start;
    return status;
}

bool bench_preset_same(const bench_preset *a, const bench_preset *b)
{
    return a->dtype == b->dtype && strcmp(a->name, b->name) == 0;
}

/* ---- the device that is open ---- */

static int measure_limits(runner *r, bool before)
{
    bench_limits *l = &r->rows->limits[r->device];
    const pencl_device_info *d = pencl_device_describe(r->w.device);
    if (r->s->no_limits || d->type == PENCL_DEVICE_REF || interrupted()) {
        return EXIT_DONE;
    }
    pencl_limits now;
    if (pencl_device_measure(&now, r->w.device) != PENCL_OK) {
        return work_failed(&r->w);
    }
    if (before && !l->measured) {
        l->before = now;
        l->measured = true;
    }
    l->after = now;
    return EXIT_DONE;
}

/* Towards another row's device, or NULL at the end. */
static int leave(runner *r, const bench_row *next)
{
    int status = EXIT_DONE;
    if (r->open && (next == NULL || next->device != r->device)) {
        status = measure_limits(r, false);
    }
    work_close(&r->w);
    r->open = false;
    return status;
}

static int enter(runner *r, const bench_row *row)
{
    if (r->open && r->device == row->device && bench_preset_same(&r->preset, &row->preset)) {
        return EXIT_DONE;
    }
    int status = leave(r, row);
    if (status != EXIT_DONE) {
        return status;
    }
    r->here = *r->s;
    r->here.use.on.device = r->rows->devices.ids[row->device];
    r->device = row->device;
    r->preset = row->preset;
    status = bench_open(&r->w, &r->here, &row->preset);
    if (status == EXIT_DONE) {
        r->open = true;
        status = measure_limits(r, true);
    }
    if (status != EXIT_DONE) {
        work_close(&r->w);
        r->open = false;
    }
    interrupt_catch(NULL);
    return status;
}

/* ---- rows ---- */

static int64_t threads_of(const work *w)
{
    const pencl_device_info *d = pencl_device_describe(w->device);
    if (d->type != PENCL_DEVICE_CPU) {
        return 0;
    }
    return w->on->threads > 0 ? w->on->threads : d->compute_units;
}

static void describe(bench_row *row, const work *w)
{
    row->on = *pencl_device_describe(w->device);
    row->model = *pencl_model_describe(w->model);
    row->threads = threads_of(w);
    row->selftest = pencl_selftest_known(w->device);
    row->load_ms = row->load_ms > 0 ? row->load_ms : w->load_ms;
}

/* Hashes of the file and of what it says; each taken once, of the latter one a device. */
static int take_hashes(bench_row *row, const bench_rows *rows, const work *w)
{
    if (row->model.path[0] == '\0' || row->digest[0] != '\0') {
        return EXIT_DONE; /* a preset; or known */
    }
    for (size_t i = 0; i < rows->n; i++) {
        const bench_row *other = &rows->rows[i];
        if (other->hash[0] != '\0') {
            memcpy(row->hash, other->hash, sizeof row->hash);
        }
        if (other->digest[0] != '\0' && other->device == row->device) {
            memcpy(row->digest, other->digest, sizeof row->digest);
        }
    }
    if (row->hash[0] == '\0' && pencl_file_hash(row->hash, w->ctx, row->model.path) != PENCL_OK) {
        return work_failed(w);
    }
    if (row->digest[0] == '\0' &&
        pencl_bench_digest(row->digest, w->model, w->on->matmul) != PENCL_OK) {
        return work_failed(w);
    }
    return EXIT_DONE;
}

/* How fast the device reads as much as the weights are, once a model. */
static int read_weights(const runner *r, bench_row *row)
{
    if (!r->rows->limits[row->device].measured || row->weights_gbs > 0) {
        return EXIT_DONE;
    }
    for (size_t i = 0; i < r->rows->n; i++) {
        const bench_row *other = &r->rows->rows[i];
        if (other->device == row->device && other->weights_gbs > 0 &&
            other->model.file_bytes == row->model.file_bytes) {
            row->weights_gbs = other->weights_gbs;
            return EXIT_DONE;
        }
    }
    if (pencl_device_measure_reads(&row->weights_gbs, r->w.device, row->model.file_bytes) !=
        PENCL_OK) {
        return work_failed(&r->w);
    }
    return EXIT_DONE;
}

static int measure(runner *r, bench_row *row, int64_t round)
{
    int status = enter(r, row);
    if (status != EXIT_DONE) {
        return status;
    }
    describe(row, &r->w);
    show(r, row, round);
    status = take_hashes(row, r->rows, &r->w);
    if (status == EXIT_DONE) {
        status = read_weights(r, row);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    pencl_status st = PENCL_OK;
    if (row->may_halve) {
        st = pencl_bench_shorten(&row->how, &row->halved, r->w.model, SAMPLE_SECONDS);
        row->may_halve = false;
        if (row->halved && row->how.seconds > SHORT_SECONDS) {
            row->how.seconds = SHORT_SECONDS;
        }
    }
    if (st == PENCL_OK) {
        st = pencl_bench_round(&row->result, r->w.model, &row->how);
    }
    wipe(r);
    row->memory = pencl_device_peak_bytes(r->w.device);
    return st == PENCL_OK ? EXIT_DONE : work_failed(&r->w);
}

static int run_rounds(runner *r)
{
    int status = EXIT_DONE;
    const size_t n = r->rows->n;
    for (int64_t round = 0; round < r->s->rounds; round++) {
        for (size_t i = 0; i < n && !interrupted(); i++, r->steps++) {
            const size_t at = round % 2 == 0 ? i : n - 1 - i;
            if (r->failed[at]) {
                continue;
            }
            const int one = measure(r, &r->rows->rows[at], round);
            r->failed[at] = one != EXIT_DONE;
            status = status == EXIT_DONE ? one : status;
        }
    }
    const int last = leave(r, NULL);
    return interrupted() ? EXIT_FAILED : status == EXIT_DONE ? last : status;
}

int bench_run(bench_rows *rows, const bench_settings *s, bench_take *take, void *user)
{
    runner r = {.rows = rows, .s = s, .all = rows->n * (size_t)s->rounds, .start = now_ms()};
    r.failed = calloc(rows->n, sizeof *r.failed);
    if (r.failed == NULL) {
        say("%s", pencl_status_text(PENCL_E_NOMEM));
        return EXIT_FAILED;
    }
    const int status = run_rounds(&r);
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->rows[i].result.n_samples > 0) {
            take(user, bench_record(rows, &rows->rows[i], s));
        }
    }
    free(r.failed);
    return status;
}
