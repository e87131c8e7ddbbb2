/* SPDX-License-Identifier: Apache-2.0 */
/* What bench does with rows and with files of them. */
#include "bench_files.h"

#include "bench_read.h"
#include "output.h"
#include "work.h"

#include <stdio.h>
#include <string.h>

static bool two_files(const char *spec)
{
    return spec != NULL && strchr(spec, ',') != NULL;
}

bool bench_files_only(const bench_files *f)
{
    return f->history || f->merge || two_files(f->compare);
}

/* Writes rows to the files that were asked for. */
static int write_files(const bench_files *f, const json_t *rows)
{
    int status = EXIT_DONE;
    if (f->share != NULL) {
        status = bench_share(rows, f->share);
    }
    if (status == EXIT_DONE && f->html != NULL) {
        json_t *sorted = bench_sorted(rows, f->sort);
        status = bench_page(sorted, f->html);
        json_decref(sorted);
    }
    return status;
}

/* A table, or JSON; not needed where a file was asked for and neither of these. */
static int print_merged(const bench_files *f, bool json, const json_t *rows)
{
    if (!json && !f->md && (f->share != NULL || f->html != NULL)) {
        return EXIT_DONE;
    }
    json_t *sorted = bench_sorted(rows, f->sort);
    if (json) {
        return print_json(sorted);
    }
    bench_ranking(sorted);
    json_decref(sorted);
    return EXIT_DONE;
}

static int merge(const bench_files *f, bool json, const words *rest)
{
    if (rest->n == 0) {
        return usage_error("bench", "--merge needs files: pencl bench --merge A.json B.json");
    }
    json_t *rows = rows_read_all(rest->items, (size_t)rest->n);
    int status = rows != NULL ? write_files(f, rows) : EXIT_FAILED;
    if (status == EXIT_DONE) {
        status = print_merged(f, json, rows);
    }
    json_decref(rows);
    return status;
}

int bench_files_run(const bench_files *f, bool json, const words *rest)
{
    if (f->merge) {
        return merge(f, json, rest);
    }
    if (rest->n > 0) {
        return usage_error("bench", "\"%s\": files are taken by --merge only", rest->items[0]);
    }
    if (f->history) {
        json_t *rows = bench_kept();
        int status = write_files(f, rows);
        if (status == EXIT_DONE && (json || (f->share == NULL && f->html == NULL))) {
            status = bench_list(rows, json);
        }
        json_decref(rows);
        return status;
    }
    return bench_compare(f->compare, NULL, json);
}

int bench_files_finish(const bench_files *f, bool json, const json_t *rows)
{
    if (json_array_size(rows) == 0) {
        return EXIT_DONE;
    }
    int status = write_files(f, rows);
    if (f->compare != NULL) {
        int compared = bench_compare(f->compare, rows, json);
        status = status == EXIT_DONE ? compared : status;
    }
    bench_keep(rows);
    return status;
}
