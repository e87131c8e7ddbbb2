/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what is put is found again, and nothing that happens to the file is more than a
 * warning. */
#include "base/os.h"
#include "base/store.h"
#include "support/folder.h"
#include "support/report.h"

#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[TEST_PATH];
static char path[2 * TEST_PATH];
static pencl_ctx *ctx;

static void setup(void)
{
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/cache.db", folder);
    ctx = pencl_ctx_new();
    test_count_warnings(ctx);
}

static void teardown(void)
{
    pencl_ctx_free(ctx);
    test_folder_remove(folder);
}

static void put_text(pn_store_db *db, const char *key, const char *value)
{
    pn_store_db_put(db, "t", key, value, strlen(value));
}

static bool holds(pn_store_db *db, const char *key, const char *value)
{
    void *bytes = NULL;
    size_t size = 0;
    const bool found = pn_store_db_get(db, "t", key, &bytes, &size);
    const bool same = found && size == strlen(value) && memcmp(bytes, value, size) == 0;
    pn_free(bytes);
    return same;
}

static bool absent(pn_store_db *db, const char *key)
{
    void *bytes = NULL;
    size_t size = 0;
    const bool found = pn_store_db_get(db, "t", key, &bytes, &size);
    pn_free(bytes);
    return !found;
}

/* A store with key = value in its file, closed. */
static void make_store(void)
{
    pn_store_db *db = pn_store_db_open(ctx, path);
    put_text(db, "key", "value");
    pn_store_db_close(db);
}

/* ---- the good case ---- */

START_TEST(values_survive_and_are_replaced)
{
    make_store();
    pn_store_db *db = pn_store_db_open(ctx, path);
    ck_assert(holds(db, "key", "value"));
    ck_assert(absent(db, "other"));
    void *bytes = NULL;
    size_t size = 0;
    ck_assert(!pn_store_db_get(db, "other table", "key", &bytes, &size));
    put_text(db, "key", "new");
    ck_assert(holds(db, "key", "new")); /* from the queue */
    put_text(db, "key", "newer");
    pn_store_db_put(db, "t", "empty", "", 0);
    pn_store_db_flush(db);
    ck_assert(holds(db, "key", "newer"));
    ck_assert(holds(db, "empty", ""));
    pn_store_db_close(db);
    db = pn_store_db_open(ctx, path);
    ck_assert(holds(db, "key", "newer"));
    pn_store_db_close(db);
    ck_assert_int_eq(test_warnings, 0);
}
END_TEST

START_TEST(a_store_in_memory_keeps_its_values_until_closed)
{
    pn_store_db *db = pn_store_db_open(ctx, NULL);
    put_text(db, "key", "value");
    pn_store_db_flush(db);
    ck_assert(holds(db, "key", "value"));
    pn_store_db_close(db);
    pn_store_db_close(NULL);
}
END_TEST

START_TEST(nothing_is_written_before_the_first_value)
{
    char deep[3 * TEST_PATH];
    snprintf(deep, sizeof deep, "%s/a/b/cache.db", folder);
    pn_store_db *db = pn_store_db_open(ctx, deep);
    ck_assert(absent(db, "key"));
    pn_store_db_flush(db);
    ck_assert(!pn_file_exists(test_path(folder, "a")));
    put_text(db, "key", "value");
    pn_store_db_close(db);
    ck_assert(pn_file_exists(deep));
    ck_assert_int_eq(test_warnings, 0);
}
END_TEST

START_TEST(two_handles_see_each_others_flushes)
{
    make_store();
    pn_store_db *a = pn_store_db_open(ctx, path);
    pn_store_db *b = pn_store_db_open(ctx, path);
    put_text(a, "a", "1");
    ck_assert(absent(b, "a"));
    pn_store_db_flush(a);
    ck_assert(holds(b, "a", "1"));
    put_text(b, "b", "2");
    put_text(a, "c", "3");
    pn_store_db_flush(b);
    pn_store_db_flush(a);
    ck_assert(holds(a, "b", "2"));
    ck_assert(holds(b, "c", "3"));
    pn_store_db_close(a);
    pn_store_db_close(b);
    ck_assert_int_eq(test_warnings, 0);
}
END_TEST

/* ---- trouble ---- */

START_TEST(a_locked_file_is_a_warning_and_the_queue_waits)
{
    make_store();
    sqlite3 *other = NULL;
    ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    pn_store_db *db = pn_store_db_open(ctx, path);
    ck_assert(holds(db, "key", "value")); /* readers need no lock */
    put_text(db, "key", "second");
    const uint64_t before = pn_clock_ns();
    pn_store_db_flush(db);
    ck_assert_uint_lt(pn_clock_ns() - before, 1000000000U);
    ck_assert_int_eq(test_warnings, 1);
    ck_assert_int_eq(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    pn_store_db_close(db);
    db = pn_store_db_open(ctx, path);
    ck_assert(holds(db, "key", "second"));
    pn_store_db_close(db);
}
END_TEST

/* Opens whatever is at `path`, uses it, and uses it again: no result may be wrong. */
static void use_damaged(const char *what)
{
    test_warnings = 0;
    pn_store_db *db = pn_store_db_open(ctx, path);
    ck_assert_msg(absent(db, "key") || holds(db, "key", "value"), "%s", what);
    put_text(db, "fresh", "data");
    pn_store_db_close(db);
    ck_assert_msg(test_warnings <= 1, "%s: %d warnings", what, test_warnings);
    ck_assert_int_eq(pencl_error_status(ctx), PENCL_OK);
}

START_TEST(garbage_is_set_aside_and_a_new_file_made)
{
    test_write(path, "this is not a database, it only looks like one from far away", 60);
    use_damaged("garbage");
    ck_assert_int_eq(test_warnings, 1);
    ck_assert(pn_file_exists(test_path(folder, "cache.db.damaged")));
    pn_store_db *db = pn_store_db_open(ctx, path);
    ck_assert(holds(db, "fresh", "data"));
    pn_store_db_close(db);
    test_write(path, "more garbage", 12);
    use_damaged("garbage again");
    ck_assert(pn_file_exists(test_path(folder, "cache.db.damaged.2")));
}
END_TEST

START_TEST(a_file_cut_or_changed_anywhere_gives_no_wrong_value)
{
    make_store();
    pn_text whole = {0};
    ck_assert_int_eq(pn_file_read(&whole, ctx, path, 1 << 20), PENCL_OK);
    for (size_t i = 0; i < 40; i++) {
        test_folder_remove(folder);
        ck_assert(pn_make_folders(folder));
        test_write(path, whole.data, whole.size * i / 40);
        use_damaged("cut");
    }
    srand(7);
    for (size_t i = 0; i < 150; i++) {
        test_folder_remove(folder);
        ck_assert(pn_make_folders(folder));
        char *copy = pn_alloc(whole.size);
        memcpy(copy, whole.data, whole.size);
        for (int k = 0; k < 1 + (int)i % 20; k++) { /* a few bytes, half of them in the header */
            const size_t at = (size_t)rand() % (k % 2 == 0 ? 100 : whole.size);
            copy[at] = (char)rand();
        }
        test_write(path, copy, whole.size);
        use_damaged("changed");
        pn_free(copy);
    }
    pn_text_free(&whole);
}
END_TEST

START_TEST(a_changed_value_is_absent)
{
    make_store();
    sqlite3 *sql = NULL;
    ck_assert_int_eq(sqlite3_open(path, &sql), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(sql, "UPDATE entries SET bytes='valuE'", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(sql);
    pn_store_db *db = pn_store_db_open(ctx, path);
    ck_assert(absent(db, "key"));
    ck_assert_int_eq(test_warnings, 1);
    pn_store_db_close(db);
}
END_TEST

START_TEST(a_file_of_another_version_is_left_alone)
{
    make_store();
    sqlite3 *sql = NULL;
    ck_assert_int_eq(sqlite3_open(path, &sql), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(sql, "PRAGMA user_version=2", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(sql);
    use_damaged("newer version");
    ck_assert_int_eq(test_warnings, 1);
    ck_assert_int_eq(sqlite3_open(path, &sql), SQLITE_OK);
    sqlite3_stmt *count = NULL;
    sqlite3_prepare_v2(sql, "SELECT count(*) FROM entries", -1, &count, NULL);
    ck_assert_int_eq(sqlite3_step(count), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(count, 0), 1);
    sqlite3_finalize(count);
    sqlite3_close(sql);
}
END_TEST

START_TEST(places_that_cannot_be_written_cost_one_warning)
{
    static const char *const places[] = {"/proc/no/such/cache.db", "/dev/null/cache.db", "/"};
    for (size_t i = 0; i < PN_COUNT(places); i++) {
        test_warnings = 0;
        pn_store_db *db = pn_store_db_open(ctx, places[i]);
        put_text(db, "key", "value");
        pn_store_db_flush(db);
        put_text(db, "key", "value");
        pn_store_db_flush(db);
        ck_assert(absent(db, "key"));
        pn_store_db_close(db);
        ck_assert_msg(test_warnings == 1, "%s: %d warnings", places[i], test_warnings);
    }
}
END_TEST

/* In a process of its own, which gives up root's right to write anywhere. */
static int use_as_nobody(void)
{
    if (geteuid() == 0 && setuid(65534) != 0) {
        return 1;
    }
    pn_store_db *db = pn_store_db_open(ctx, path);
    (void)absent(db, "key"); /* found or not, as SQLite can: no failure */
    put_text(db, "other", "value");
    pn_store_db_flush(db);
    pn_store_db_flush(db);
    pn_store_db_close(db);
    return test_warnings;
}

START_TEST(a_read_only_folder_costs_one_warning)
{
    make_store();
    chmod(path, 0444);
    chmod(folder, 0555);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        _exit(use_as_nobody());
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 1);
}
END_TEST

START_TEST(opening_is_quick)
{
    make_store();
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 5; i++) {
        const uint64_t start = pn_clock_ns();
        pn_store_db *db = pn_store_db_open(ctx, path);
        ck_assert(holds(db, "key", "value"));
        const uint64_t took = pn_clock_ns() - start;
        best = took < best ? took : best;
        pn_store_db_close(db);
    }
    ck_assert_uint_lt(best, 5000000U); /* 5 ms, with the first read */
}
END_TEST

START_TEST(hashes_are_hex_and_differ)
{
    char a[33];
    char b[33];
    pn_hash_hex(a, "a", 1);
    pn_hash_hex(b, "b", 1);
    ck_assert_uint_eq(strspn(a, "0123456789abcdef"), 32);
    ck_assert_str_ne(a, b);
    pn_hash_hex(b, "", 0);
    ck_assert_str_eq(b, "99aa06d3014798d86001c324468d497f"); /* XXH3's published value */
}
END_TEST

Suite *suite_base_store(void);
Suite *suite_base_store(void)
{
    Suite *s = suite_create("base_store");
    TCase *c = tcase_create("store");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, values_survive_and_are_replaced);
    tcase_add_test(c, a_store_in_memory_keeps_its_values_until_closed);
    tcase_add_test(c, nothing_is_written_before_the_first_value);
    tcase_add_test(c, two_handles_see_each_others_flushes);
    tcase_add_test(c, a_locked_file_is_a_warning_and_the_queue_waits);
    tcase_add_test(c, garbage_is_set_aside_and_a_new_file_made);
    tcase_add_test(c, a_file_cut_or_changed_anywhere_gives_no_wrong_value);
    tcase_add_test(c, a_changed_value_is_absent);
    tcase_add_test(c, a_file_of_another_version_is_left_alone);
    tcase_add_test(c, places_that_cannot_be_written_cost_one_warning);
    tcase_add_test(c, a_read_only_folder_costs_one_warning);
    tcase_add_test(c, opening_is_quick);
    tcase_add_test(c, hashes_are_hex_and_differ);
    suite_add_tcase(s, c);
    return s;
}
