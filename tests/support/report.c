/* SPDX-License-Identifier: Apache-2.0 */
/* Reads layers' reports; counts warnings. */
#include "support/report.h"

#include <check.h>
#include <stdio.h>

int64_t test_report(const char *path, int n, int i)
{
    int64_t numbers[4] = {0};
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "the layer was not loaded");
    ck_assert_int_lt(i, n);
    ck_assert_uint_eq(fread(numbers, sizeof *numbers, (size_t)n, file), (size_t)n);
    fclose(file);
    return numbers[i];
}

int test_warnings;

static void count(void *user, pencl_log_level level, const char *category, const char *text)
{
    (void)user;
    (void)category;
    (void)text;
    test_warnings += level == PENCL_LOG_WARN;
}

void test_count_warnings(pencl_ctx *ctx)
{
    test_warnings = 0;
    pencl_ctx_set_log(ctx, count, NULL);
}
