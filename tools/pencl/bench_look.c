/* SPDX-License-Identifier: Apache-2.0 */
/* Walks devices and tests for --profile, --predict and --sustain. */
#include "bench_look.h"

#include <stdio.h>

enum { CHUNK = 512 };

pencl_profile_options bench_step(const bench_row *row)
{
    pencl_profile_options o = PENCL_PROFILE_OPTIONS_INIT;
    o.depth = row->how.depth;
    o.matmul = row->how.matmul;
    o.stopped = row->how.stopped;
    if (row->how.n_gen > 0) {
        o.depth += row->how.n_gen / 2;
        return o;
    }
    while (2 * o.n_tokens <= row->how.n_prompt && o.n_tokens < CHUNK) {
        o.n_tokens *= 2;
    }
    return o;
}

static bench_look_at *chosen(const bench_settings *s)
{
    return s->profile ? bench_profile : s->predict != NULL ? bench_predict : bench_sustain;
}

/* All tests of one device. */
static int
look_at_device(const bench_rows *rows, size_t device, const bench_settings *s, json_t *to)
{
    bench_settings here = *s;
    work w = {0};
    const bench_row *last = NULL;
    int status = EXIT_DONE;
    here.use.on.device = rows->devices.ids[device];
    for (size_t i = 0; i < rows->n && status == EXIT_DONE && !interrupted(); i++) {
        const bench_row *row = &rows->rows[i];
        if (row->device != device) {
            continue;
        }
        if (last == NULL || !bench_preset_same(&last->preset, &row->preset)) {
            work_close(&w);
            status = bench_open(&w, &here, &row->preset);
            interrupt_catch(NULL);
        }
        if (status == EXIT_DONE) {
            status = chosen(s)(&w, row, &here, to);
            fflush(stdout);
        }
        last = row;
    }
    work_close(&w);
    return status;
}

/* The kept plans are those of one sequence. */
static int check(const bench_rows *rows, const bench_settings *s)
{
    if (s->profile + (s->predict != NULL) + (s->sustain > 0) > 1) {
        return usage_error("bench", "--profile, --predict and --sustain exclude each other");
    }
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->rows[i].how.batch != 1) {
            return usage_error("bench", "--profile, --predict and --sustain take one sequence");
        }
    }
    return EXIT_DONE;
}

int bench_look(const bench_settings *s)
{
    bench_rows rows;
    json_t *to = s->json || s->jsonl ? json_array() : NULL;
    int status = bench_rows_make(&rows, s);
    status = status == EXIT_DONE ? check(&rows, s) : status;
    for (size_t i = 0; i < rows.devices.n && status != EXIT_USAGE && !interrupted(); i++) {
        const int one = look_at_device(&rows, i, s, to);
        status = status == EXIT_DONE ? one : status;
    }
    if (s->json && (status == EXIT_DONE || json_array_size(to) > 0)) {
        print_json(json_incref(to));
    }
    for (size_t i = 0; s->jsonl && i < json_array_size(to); i++) {
        bench_print_line(json_array_get(to, i));
    }
    json_decref(to);
    bench_rows_free(&rows);
    return interrupted() ? EXIT_FAILED : status;
}
