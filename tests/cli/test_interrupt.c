/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C during a long measurement: what was measured is printed, whole, in every form. */
#include "support/folder.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static char folder[TEST_PATH];
static char text[1 << 20];

static void setup(void)
{
    test_folder_make(folder);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

/* Hours of work, interrupted after two seconds; the standard output. */
static const char *interrupted_bench(const char *form)
{
    char command[2048];
    snprintf(command, sizeof command,
             "timeout --foreground --preserve-status -s INT 2 %s bench -q -d ref -m "
             "%s/tiny/tiny_q8_0.gguf "
             "-p 4,5 -n 4 -r 1000 --rounds 2 --seconds 3600 %s > %s/out 2> %s/err",
             PENCL_COMMAND, PENCL_TEST_DATA, form, folder, folder);
    const int status = system(command);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 1);
    FILE *file = fopen(test_path(folder, "out"), "r");
    ck_assert_ptr_nonnull(file);
    const size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    return text;
}

static void check_row(const json_t *row)
{
    const size_t n = json_array_size(json_object_get(row, "samples_ns"));
    ck_assert_uint_ge(n, 1);
    ck_assert_uint_lt(n, 1000);
    ck_assert_int_eq(json_integer_value(json_object_get(row, "n_prompt")), 4);
}

START_TEST(an_array_is_closed)
{
    json_t *rows = json_loads(interrupted_bench("--json"), 0, NULL);
    ck_assert_uint_ge(json_array_size(rows), 1);
    check_row(json_array_get(rows, 0));
    json_decref(rows);
}
END_TEST

START_TEST(lines_are_whole)
{
    const char *lines = interrupted_bench("--jsonl");
    json_t *row = json_loads(lines, JSON_DISABLE_EOF_CHECK, NULL);
    check_row(row);
    ck_assert_int_eq(lines[strlen(lines) - 1], '\n');
    json_decref(row);
}
END_TEST

START_TEST(tables_have_their_rows)
{
    ck_assert_ptr_nonnull(strstr(interrupted_bench(""), "| ref | pp4 |"));
    const char *csv = interrupted_bench("--csv");
    ck_assert_int_eq(strncmp(csv, "build_commit,", 13), 0);
    ck_assert_ptr_nonnull(strstr(csv, "\"pencl-bench/1\""));
}
END_TEST

Suite *suite_cli_interrupt(void);
Suite *suite_cli_interrupt(void)
{
    Suite *suite = suite_create("cli_interrupt");
    TCase *tcase = tcase_create("interrupt");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, an_array_is_closed);
    tcase_add_test(tcase, lines_are_whole);
    tcase_add_test(tcase, tables_have_their_rows);
    suite_add_tcase(suite, tcase);
    return suite;
}
