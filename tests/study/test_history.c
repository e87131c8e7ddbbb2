/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are kept between runs. */
#include "base/os.h"
#include "pencl/history.h"
#include "support/folder.h"
#include "support/report.h"

#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static char folder[TEST_PATH];
static pencl_ctx *ctx;
static char seen[256];

static void setup(void)
{
    test_folder_make(folder);
    pn_set_env("PENCL_CACHE", folder, true);
    ctx = pencl_ctx_new();
    test_count_warnings(ctx);
}

static void teardown(void)
{
    pencl_ctx_free(ctx);
    test_folder_remove(folder);
}

static int note(void *user, const char *text)
{
    int *left = user;
    strcat(seen, text);
    return left != NULL && --*left == 0;
}

static const char *all(int *most)
{
    seen[0] = '\0';
    pencl_history_read(ctx, note, most);
    return seen;
}

START_TEST(rows_come_back_in_their_order)
{
    static const char *const first[] = {"{1}", "{2}", "{3}"};
    static const char *const second[] = {"{4}"};
    int two = 2;
    ck_assert_str_eq(all(NULL), "");
    ck_assert(!pn_file_exists(test_path(folder, "state.db")));
    pencl_history_add(ctx, first, 3);
    pencl_history_add(ctx, second, 1);
    ck_assert_str_eq(all(NULL), "{1}{2}{3}{4}");
    ck_assert_str_eq(all(&two), "{1}{2}");
    ck_assert_int_eq(test_warnings, 0);
}
END_TEST

START_TEST(a_damaged_row_is_left_out)
{
    static const char *const rows[] = {"{1}", "{2}"};
    sqlite3 *sql = NULL;
    pencl_history_add(ctx, rows, 2);
    ck_assert_int_eq(sqlite3_open(test_path(folder, "state.db"), &sql), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(sql,
                                  "UPDATE entries SET bytes='{x}' WHERE key IN "
                                  "(SELECT min(key) FROM entries)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(sql);
    ck_assert_str_eq(all(NULL), "{2}");
    ck_assert_int_eq(test_warnings, 1);
}
END_TEST

START_TEST(a_place_that_cannot_be_written_costs_a_warning)
{
    static const char *const rows[] = {"{1}"};
    pn_set_env("PENCL_CACHE", "/dev/null", true);
    pencl_history_add(ctx, rows, 1);
    ck_assert_int_eq(test_warnings, 1);
    ck_assert_str_eq(all(NULL), "");
    ck_assert_int_eq(pencl_error_status(ctx), PENCL_OK);
}
END_TEST

Suite *suite_study_history(void);
Suite *suite_study_history(void)
{
    Suite *s = suite_create("study_history");
    TCase *c = tcase_create("history");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, rows_come_back_in_their_order);
    tcase_add_test(c, a_damaged_row_is_left_out);
    tcase_add_test(c, a_place_that_cannot_be_written_costs_a_warning);
    suite_add_tcase(s, c);
    return s;
}
