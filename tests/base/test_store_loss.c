/* SPDX-License-Identifier: Apache-2.0 */
/* Stores whose writer is killed, whose disk is full, whose file goes away: what was flushed is
 * there, and nothing wrong is. */
#include "base/store.h"
#include "support/folder.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KILLS = 40, LONG_KILLS = 300, VALUE = 3000 };

static char folder[TEST_PATH];
static char path[2 * TEST_PATH];
static pencl_ctx *ctx;

static void setup(void)
{
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/state.db", folder);
    ctx = pencl_ctx_new();
}

static void teardown(void)
{
    pencl_ctx_free(ctx);
    test_folder_remove(folder);
}

/* The value of row i: its bytes follow from its number. */
static void make_value(unsigned char value[VALUE], int i)
{
    for (int k = 0; k < VALUE; k++) {
        value[k] = (unsigned char)(i * 31 + k * 7);
    }
}

static void put(pn_store_db *db, int i)
{
    unsigned char value[VALUE];
    char key[32];
    make_value(value, i);
    snprintf(key, sizeof key, "row %d", i);
    pn_store_db_put(db, "tuning", key, value, VALUE);
}

/* 1: there, 0: absent; fails the test when it is another value. */
static int get(pn_store_db *db, int i)
{
    unsigned char value[VALUE];
    char key[32];
    void *bytes = NULL;
    size_t size = 0;
    make_value(value, i);
    snprintf(key, sizeof key, "row %d", i);
    bool found = pn_store_db_get(db, "tuning", key, &bytes, &size);
    ck_assert_msg(!found || (size == VALUE && memcmp(bytes, value, VALUE) == 0), "%s is wrong",
                  key);
    pn_free(bytes);
    return found;
}

/* Writes rows from `first` on for ever, each flushed, and says each number that is. */
static void write_for_ever(int out, int first)
{
    pencl_ctx *own = pencl_ctx_new();
    pn_store_db *db = pn_store_db_open(own, path);
    for (int i = first;; i++) {
        put(db, i);
        pn_store_db_flush(db);
        if (write(out, &i, sizeof i) != sizeof i) {
            _exit(1);
        }
    }
}

/* The last row that a writer, killed after some time, said was flushed. */
static int kill_a_writer(int first, unsigned microseconds)
{
    int ends[2];
    int row = 0;
    int last = first - 1;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(ends[0]);
        write_for_ever(ends[1], first);
    }
    close(ends[1]);
    nanosleep(&(struct timespec){0, (long)microseconds * 1000}, NULL);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    while (read(ends[0], &row, sizeof row) == sizeof row) {
        last = row;
    }
    close(ends[0]);
    return last;
}

START_TEST(a_killed_writer_loses_nothing)
{
    int kills = getenv("PENCL_TEST_LONG") != NULL ? LONG_KILLS : KILLS;
    int last = 0;
    unsigned seed = 7;
    for (int round = 0; round < kills; round++) {
        seed = seed * 1664525U + 1013904223U;
        last = kill_a_writer(last + 1, 1000 + (seed >> 8) % 20000);
    }
    ck_assert_int_gt(last, kills);
    pn_store_db *db = pn_store_db_open(ctx, path);
    for (int i = 1; i <= last; i++) {
        ck_assert_msg(get(db, i), "row %d of %d is lost", i, last);
    }
    printf("%d rows after %d kills\n", last, kills);
    pn_store_db_close(db);
}
END_TEST

/* Files may not grow beyond 64 KiB: as on a full disk, writes fail in the middle. */
START_TEST(a_full_disk_costs_rows_and_no_more)
{
    const struct rlimit small = {1 << 16, 1 << 16};
    int n = 0;
    ck_assert_int_eq(signal(SIGXFSZ, SIG_IGN) == SIG_ERR, 0);
    pn_store_db *db = pn_store_db_open(ctx, path);
    put(db, 1);
    pn_store_db_flush(db);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 2; i <= 60; i++) {
        put(db, i);
        pn_store_db_flush(db);
    }
    pn_store_db_close(db);
    db = pn_store_db_open(ctx, path);
    for (int i = 1; i <= 60; i++) {
        n += get(db, i);
    }
    ck_assert(get(db, 1));
    ck_assert_int_lt(n, 60);
    pn_store_db_close(db);
}
END_TEST

START_TEST(a_file_that_goes_away_costs_rows_and_no_more)
{
    pn_store_db *db = pn_store_db_open(ctx, path);
    put(db, 1);
    pn_store_db_flush(db);
    ck_assert_int_eq(remove(path), 0);
    put(db, 2);
    pn_store_db_flush(db);
    (void)get(db, 1);
    (void)get(db, 2);
    pn_store_db_close(db);
    db = pn_store_db_open(ctx, path);
    (void)get(db, 1);
    put(db, 3);
    pn_store_db_close(db);
    db = pn_store_db_open(ctx, path);
    ck_assert(get(db, 3));
    pn_store_db_close(db);
}
END_TEST

Suite *suite_base_store_loss(void);
Suite *suite_base_store_loss(void)
{
    Suite *suite = suite_create("base_store_loss");
    TCase *tc = tcase_create("loss");
    tcase_set_timeout(tc, 600);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_killed_writer_loses_nothing);
    tcase_add_test(tc, a_full_disk_costs_rows_and_no_more);
    tcase_add_test(tc, a_file_that_goes_away_costs_rows_and_no_more);
    suite_add_tcase(suite, tc);
    return suite;
}
