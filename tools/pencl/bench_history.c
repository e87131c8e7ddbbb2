/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that were measured before on this machine. */
#include "bench_files.h"
#include "bench_read.h"
#include "output.h"
#include "pencl/history.h"

#include <stdio.h>
#include <stdlib.h>

enum { LABEL = 160 };

static int add_row(void *user, const char *text)
{
    json_t *row = json_loads(text, 0, NULL);
    if (json_is_object(row) && row_rate(row) > 0) { /* else it is of another version */
        json_array_append(user, row);
    }
    json_decref(row);
    return 0;
}

json_t *bench_kept(void)
{
    json_t *rows = json_array();
    pencl_ctx *ctx = pencl_ctx_new();
    if (ctx != NULL) {
        pencl_history_read(ctx, add_row, rows);
    }
    pencl_ctx_free(ctx);
    return rows;
}

void bench_keep(const json_t *rows)
{
    size_t n = json_array_size(rows);
    char **written = calloc(n + 1, sizeof *written);
    pencl_ctx *ctx = pencl_ctx_new();
    size_t kept = 0;
    for (size_t i = 0; written != NULL && i < n; i++) {
        char *text = json_dumps(json_array_get(rows, i), JSON_COMPACT | JSON_REAL_PRECISION(12));
        if (text != NULL) {
            written[kept++] = text;
        }
    }
    if (written != NULL && ctx != NULL) {
        pencl_history_add(ctx, (const char *const *)written, kept);
    }
    for (size_t i = 0; i < kept; i++) {
        free(written[i]);
    }
    free(written);
    pencl_ctx_free(ctx);
}

static void list_row(const json_t *row)
{
    char model[LABEL];
    char test[LABEL];
    char why[LABEL];
    row_unstable(why, sizeof why, row);
    printf("| %s | %s | %s | %s | %s | %.2f | %s%s |\n", row_text(row, "test_time", "?"),
           row_text(row, "version", "?"), row_model(model, sizeof model, row),
           row_test(test, sizeof test, row), row_device(row), row_rate(row),
           *why != '\0' ? "unstable: " : "", why);
}

int bench_list(const json_t *rows, bool json)
{
    if (json) {
        return print_json(json_deep_copy(rows));
    }
    printf("| time | pencl | model | test | device | t/s | |\n"
           "| --- | --- | --- | --- | --- | ---: | --- |\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        list_row(json_array_get(rows, i));
    }
    return EXIT_DONE;
}
