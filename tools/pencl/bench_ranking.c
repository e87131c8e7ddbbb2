/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of many machines as one table: the same work together, the best device first. */
#include "bench_files.h"
#include "bench_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL = 192 };

/* ---- order ---- */

/* The share that rates a test: of reading where a token reads every weight, else of arithmetic. */
static double share_of(const json_t *row)
{
    return row_number(row, row_number(row, "n_gen") > 0 ? "bandwidth_share" : "flops_share");
}

typedef struct ordered {
    json_t *row;
    size_t group; /* of the same work, in order of appearance */
    size_t at;    /* where it stood */
    double key;
} ordered;

static int compare(const void *a, const void *b)
{
    const ordered *x = a;
    const ordered *y = b;
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    if (x->key != y->key) {
        return x->key > y->key ? -1 : 1;
    }
    double rates[] = {row_rate(x->row), row_rate(y->row)};
    if (rates[0] != rates[1]) {
        return rates[0] > rates[1] ? -1 : 1;
    }
    return x->at < y->at ? -1 : 1;
}

/* Rows without what is sorted by come last, and behind them those without a rank. */
static double key_of(const json_t *row, const char *by)
{
    double key = strcmp(by, "ts") == 0 ? row_rate(row) : share_of(row);
    return !row_is_ranked(row) ? -2 : isnan(key) ? -1 : key;
}

json_t *bench_sorted(const json_t *rows, const char *by)
{
    size_t n = json_array_size(rows);
    ordered *all = calloc(n + 1, sizeof *all);
    json_t *sorted = json_array();
    for (size_t i = 0; all != NULL && i < n; i++) {
        all[i] = (ordered){json_array_get(rows, i), i, i, key_of(json_array_get(rows, i), by)};
        for (size_t k = 0; k < i; k++) {
            if (row_same_work(all[k].row, all[i].row)) {
                all[i].group = all[k].group;
                break;
            }
        }
    }
    if (all != NULL) {
        qsort(all, n, sizeof *all, compare);
    }
    for (size_t i = 0; all != NULL && i < n; i++) {
        json_array_append(sorted, all[i].row);
    }
    free(all);
    return sorted;
}

/* ---- the table ---- */

static const char *percent(char *to, size_t room, double share)
{
    if (isnan(share)) {
        snprintf(to, room, " ");
    } else {
        snprintf(to, room, "%.0f %%", 100 * share);
    }
    return to;
}

static const char *rate_text(char *to, size_t room, const json_t *row)
{
    const json_t *interval = row_at(row, "ci95_ts");
    double low = json_number_value(json_array_get(interval, 0));
    double high = json_number_value(json_array_get(interval, 1));
    if (low > 0 && high >= low) {
        snprintf(to, room, "%.2f (%.2f to %.2f)", row_rate(row), low, high);
    } else {
        snprintf(to, room, "%.2f", row_rate(row));
    }
    return to;
}

/* The device by its own name: ids such as pocl:0 mean something on their machine only. */
static const char *device_name(const json_t *row)
{
    return row_text(row, "device.name", row_device(row));
}

static void print_row(const json_t *row)
{
    char model[LABEL];
    char test[LABEL];
    char place[LABEL];
    char rate[LABEL];
    char remark[2 * LABEL];
    char shares[2][16];
    char joules[16] = " ";
    if (row_number(row, "joules_per_token") > 0) {
        snprintf(joules, sizeof joules, "%.3f", row_number(row, "joules_per_token"));
    }
    printf("| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", row_model(model, sizeof model, row),
           row_test(test, sizeof test, row), device_name(row), row_place(place, sizeof place, row),
           rate_text(rate, sizeof rate, row),
           percent(shares[0], sizeof shares[0], row_number(row, "bandwidth_share")),
           percent(shares[1], sizeof shares[1], row_number(row, "flops_share")), joules,
           row_remarks(remark, sizeof remark, row));
}

void bench_ranking(const json_t *rows)
{
    printf("| model | test | device | through | t/s (95 %%) | of reading | of FMA | J/token | |\n"
           "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | --- |\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        print_row(json_array_get(rows, i));
    }
}
