/* SPDX-License-Identifier: Apache-2.0 */
/* What bench is to measure: lists that multiply, on every device. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 16, MOST_TOKENS = 1 << 24, MOST_BATCH = 256 };

typedef struct list {
    int64_t items[LIST_MAX];
    int n;
} list;

/* "512,1024" */
static int read_list(list *out, const char *name, const char *text, int64_t least, int64_t most)
{
    *out = (list){{0}, 0};
    for (const char *at = text; at != NULL; at = strchr(at, ','), at += at != NULL) {
        char number[24] = "";
        const size_t length = strcspn(at, ",");
        int64_t value = 0;
        if (length < sizeof number) {
            memcpy(number, at, length);
        }
        if (!parse_whole(number, &value) || value < least || value > most) {
            return usage_error("bench",
                               "%s takes whole numbers from %lld to %lld with commas between, not "
                               "\"%s\"",
                               name, (long long)least, (long long)most, text);
        }
        if (out->n == LIST_MAX) {
            return usage_error("bench", "%s: more than %d numbers", name, LIST_MAX);
        }
        out->items[out->n++] = value;
    }
    return EXIT_DONE;
}

typedef struct lists {
    list prompts;
    list gens;
    list depths;
    list batches;
} lists;

static int read_lists(lists *out, const bench_settings *s)
{
    int status = read_list(&out->prompts, "-p/--n-prompt", s->prompts != NULL ? s->prompts : "512",
                           0, MOST_TOKENS);
    if (status == EXIT_DONE) {
        status =
            read_list(&out->gens, "-n/--n-gen", s->gens != NULL ? s->gens : "128", 0, MOST_TOKENS);
    }
    if (status == EXIT_DONE) {
        status =
            read_list(&out->depths, "--depth", s->depths != NULL ? s->depths : "0", 0, MOST_TOKENS);
    }
    if (status == EXIT_DONE) {
        status = read_list(&out->batches, "--batch", s->batches != NULL ? s->batches : "1", 1,
                           MOST_BATCH);
    }
    return status;
}

static bool add_row(bench_rows *to, size_t device, const pencl_bench_options *how)
{
    bench_row *rows = realloc(to->rows, (to->n + 1) * sizeof *rows);
    if (rows == NULL) {
        return false;
    }
    to->rows = rows;
    rows[to->n++] = (bench_row){.device = device, .how = *how};
    return true;
}

/* The prompt tests, then the tests of generation. */
static bool add_tests(bench_rows *to, size_t device, const lists *l, pencl_bench_options how)
{
    bool ok = true;
    for (int i = 0; ok && i < l->prompts.n; i++) {
        how.n_prompt = l->prompts.items[i];
        how.n_gen = 0;
        ok = how.n_prompt == 0 || add_row(to, device, &how);
    }
    for (int i = 0; ok && i < l->gens.n; i++) {
        how.n_prompt = 0;
        how.n_gen = l->gens.items[i];
        ok = how.n_gen == 0 || add_row(to, device, &how);
    }
    return ok;
}

static bool add_device(bench_rows *to, size_t device, const lists *l, const bench_settings *s)
{
    pencl_bench_options how = PENCL_BENCH_OPTIONS_INIT;
    bool ok = true;
    how.samples = (int)((s->repetitions + s->rounds - 1) / s->rounds);
    how.seconds = s->seconds / (double)s->rounds;
    how.warm_seconds = how.warm_seconds < s->seconds / 6 ? how.warm_seconds : s->seconds / 6;
    how.matmul = s->use.on.matmul;
    how.stopped = work_stopped;
    for (int b = 0; b < l->batches.n; b++) {
        for (int d = 0; ok && d < l->depths.n; d++) {
            how.batch = l->batches.items[b];
            how.depth = l->depths.items[d];
            ok = add_tests(to, device, l, how);
        }
    }
    return ok;
}

int bench_rows_make(bench_rows *out, const bench_settings *s)
{
    lists l;
    *out = (bench_rows){0};
    int status = read_lists(&l, s);
    if (status == EXIT_DONE) {
        status = work_find_devices(&out->devices, &s->use.on);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    pencl_host_describe(&out->host);
    out->limits = calloc(out->devices.n, sizeof *out->limits);
    bool ok = out->limits != NULL;
    for (size_t i = 0; ok && i < out->devices.n; i++) {
        ok = add_device(out, i, &l, s);
    }
    if (!ok) {
        say("%s", pencl_status_text(PENCL_E_NOMEM));
        return EXIT_FAILED;
    }
    return out->n > 0 ? EXIT_DONE : usage_error("bench", "-p 0 and -n 0 leave nothing to measure");
}

void bench_rows_free(bench_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        pencl_bench_result_free(&rows->rows[i].result);
    }
    free(rows->rows);
    free(rows->limits);
    work_free_devices(&rows->devices);
    *rows = (bench_rows){0};
}
