/* SPDX-License-Identifier: Apache-2.0 */
/* Files, maps, folders, threads, paths. */
#include "base/os.h"
#include "support/folder.h"

#include <check.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[TEST_PATH];
static pencl_ctx *ctx;

static void setup(void)
{
    test_folder_make(folder);
    ctx = pencl_ctx_new();
}

static void teardown(void)
{
    pencl_ctx_free(ctx);
    test_folder_remove(folder);
}

/* ---- maps ---- */

static void expect_no_map(const char *path, const char *said)
{
    pn_map *map = NULL;
    ck_assert_int_eq(pn_map_open(&map, ctx, path), PENCL_E_IO);
    ck_assert_ptr_null(map);
    ck_assert_msg(strstr(pencl_error_text(ctx), said) != NULL, "%s", pencl_error_text(ctx));
    ck_assert_msg(strstr(pencl_error_text(ctx), path) != NULL, "%s", pencl_error_text(ctx));
    pn_error_clear(ctx);
}

START_TEST(what_is_no_file_is_not_mapped)
{
    expect_no_map(folder, "is a folder");
    expect_no_map(test_path(folder, "missing"), "No such file");
    ck_assert_int_eq(mkfifo(test_path(folder, "pipe"), 0600), 0);
    expect_no_map(test_path(folder, "pipe"), "not a regular file");
}
END_TEST

START_TEST(an_empty_file_maps_to_no_bytes)
{
    pn_map *map = NULL;
    test_write(test_path(folder, "empty"), "", 0);
    ck_assert_int_eq(pn_map_open(&map, ctx, test_path(folder, "empty")), PENCL_OK);
    ck_assert_uint_eq(map->size, 0);
    ck_assert_ptr_nonnull(map->data);
    ck_assert(pn_map_read(map, 0, NULL, 0));
    pn_map_drop(map, 0, 0);
    pn_map_close(map);
    pn_map_close(NULL);
}
END_TEST

START_TEST(a_map_reads_drops_and_sees_the_file_shrink)
{
    static unsigned char bytes[100000];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i % 251);
    }
    const char *path = test_path(folder, "data");
    test_write(path, bytes, sizeof bytes);
    pn_map *map = NULL;
    ck_assert_int_eq(pn_map_open(&map, ctx, path), PENCL_OK);
    ck_assert_int_eq(memcmp(map->data, bytes, sizeof bytes), 0);
    pn_map_drop(map, 5, 90000);
    pn_map_drop(map, 5, sizeof bytes);
    ck_assert_int_eq(memcmp(map->data, bytes, sizeof bytes), 0);
    unsigned char got[10];
    ck_assert(pn_map_read(map, 99990, got, 10));
    ck_assert_int_eq(memcmp(got, bytes + 99990, 10), 0);
    ck_assert(!pn_map_read(map, 99991, got, 10));
    ck_assert(!pn_map_read(map, SIZE_MAX, got, 10));
    ck_assert_int_eq(truncate(path, 50000), 0);
    ck_assert(!pn_map_read(map, 99990, got, 10));
    pn_map_close(map);
}
END_TEST

/* ---- files ---- */

START_TEST(a_file_is_replaced_whole)
{
    const char *path = test_path(folder, "out");
    const pn_span spans[] = {{"one ", 4}, {"", 0}, {"two", 3}};
    ck_assert_int_eq(pn_file_write(ctx, path, "old and longer", 14), PENCL_OK);
    ck_assert_int_eq(pn_file_write_spans(ctx, path, spans, 3), PENCL_OK);
    pn_text text = {0};
    ck_assert_int_eq(pn_file_read(&text, ctx, path, 7), PENCL_OK);
    ck_assert_str_eq(pn_text_get(&text), "one two");
    pn_text names = {0};
    ck_assert(pn_list_folder(&names, folder));
    ck_assert_str_eq(pn_text_get(&names), "out\n"); /* no temporary file is left */
    pn_text_free(&names);
    pn_text_free(&text);
}
END_TEST

START_TEST(failures_of_files_name_the_path)
{
    pn_text text = {0};
    test_write(test_path(folder, "long"), "12345678", 8);
    ck_assert_int_eq(pn_file_read(&text, ctx, test_path(folder, "long"), 7), PENCL_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "long: more than 7 bytes"));
    pn_error_clear(ctx);
    ck_assert_int_eq(pn_file_read(&text, ctx, folder, 7), PENCL_E_IO);
    pn_error_clear(ctx);
    ck_assert_int_eq(pn_file_write(ctx, folder, "x", 1), PENCL_E_IO);
    pn_error_clear(ctx);
    ck_assert_int_eq(pn_file_write(ctx, test_path(folder, "no/such"), "x", 1), PENCL_E_IO);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "no/such"));
    pn_text names = {0};
    ck_assert(pn_list_folder(&names, folder));
    ck_assert_str_eq(pn_text_get(&names), "long\n");
    pn_text_free(&names);
    pn_text_free(&text);
}
END_TEST

START_TEST(a_device_is_written_in_place)
{
    ck_assert_int_eq(pn_file_write(ctx, "/dev/null", "x", 1), PENCL_OK);
    struct stat st;
    ck_assert_int_eq(stat("/dev/null", &st), 0);
    ck_assert(S_ISCHR(st.st_mode));
}
END_TEST

START_TEST(appending_adds)
{
    const char *path = test_path(folder, "log");
    ck_assert(pn_file_append(path, "a\n", 2, true));
    ck_assert(pn_file_append(path, "b\n", 2, false));
    pn_text text = {0};
    ck_assert_int_eq(pn_file_read(&text, ctx, path, 100), PENCL_OK);
    ck_assert_str_eq(pn_text_get(&text), "a\nb\n");
    pn_text_free(&text);
    ck_assert(!pn_file_append(folder, "x", 1, false));
}
END_TEST

START_TEST(folders_are_made_and_listed_in_order)
{
    ck_assert(pn_make_folders(test_path(folder, "a/b/c")));
    ck_assert(pn_make_folders(test_path(folder, "a/b/c")));
    test_write(test_path(folder, "a/z"), "", 0);
    test_write(test_path(folder, "a/.hidden"), "", 0);
    pn_text names = {0};
    ck_assert(pn_list_folder(&names, test_path(folder, "a")));
    ck_assert_str_eq(pn_text_get(&names), ".hidden\nb\nz\n");
    ck_assert(!pn_list_folder(&names, test_path(folder, "missing")));
    ck_assert(!pn_make_folders(test_path(folder, "a/z/under_a_file")));
    pn_text_free(&names);
}
END_TEST

/* ---- process ---- */

START_TEST(folders_of_the_user_follow_the_environment)
{
    char path[64];
    pn_set_env("PENCL_CACHE", "/own", true);
    ck_assert(pn_cache_folder(path, sizeof path));
    ck_assert_str_eq(path, "/own");
    ck_assert(pn_state_folder(path, sizeof path));
    ck_assert_str_eq(path, "/own");
    pn_set_env("PENCL_CACHE", "", true);
    pn_set_env("HOME", "/home/me", true);
    pn_set_env("XDG_CACHE_HOME", "relative/is/ignored", true);
    pn_set_env("XDG_STATE_HOME", "/state", true);
    ck_assert(pn_cache_folder(path, sizeof path));
    ck_assert_str_eq(path, "/home/me/.cache/pencl");
    ck_assert(pn_state_folder(path, sizeof path));
    ck_assert_str_eq(path, "/state/pencl");
    ck_assert(!pn_cache_folder(path, 10));
    pn_set_env("HOME", "", true);
    ck_assert(!pn_cache_folder(path, sizeof path));
}
END_TEST

static atomic_int seen[1000];

static void visit(void *arg, size_t i)
{
    (void)arg;
    atomic_fetch_add(&seen[i], 1);
}

START_TEST(parallel_visits_each_index_once)
{
    pn_parallel(0, visit, NULL);
    pn_parallel(PN_COUNT(seen), visit, NULL);
    for (size_t i = 0; i < PN_COUNT(seen); i++) {
        ck_assert_int_eq(atomic_load(&seen[i]), 1);
    }
}
END_TEST

START_TEST(libraries_open_and_name_their_file)
{
    ck_assert_ptr_null(pn_library_open("libno_such_library.so.9"));
    void *self = pn_library_open(NULL);
    ck_assert_ptr_nonnull(self);
    void *symbol = pn_library_symbol(self, "malloc");
    char path[512];
    ck_assert(pn_library_path(path, sizeof path, symbol));
    ck_assert_uint_gt(strlen(path), 0);
    ck_assert(!pn_library_path(path, 1, symbol));
    ck_assert(!pn_library_path(path, sizeof path, NULL));
}
END_TEST

START_TEST(machine_and_process_are_known)
{
    ck_assert_int_ge(pn_core_count(), 1);
    ck_assert_uint_gt(pn_memory_total(), 1 << 20);
    ck_assert(pn_process_alive(pn_process_id()));
    ck_assert(pn_process_alive(1)); /* somebody else's */
    ck_assert(!pn_process_alive(0));
    ck_assert(!pn_process_alive(0x3ffffff0)); /* above every pid_max */
    const uint64_t before = pn_clock_ns();
    ck_assert_uint_ge(pn_clock_ns(), before);
}
END_TEST

Suite *suite_base_os(void);
Suite *suite_base_os(void)
{
    Suite *s = suite_create("base_os");
    TCase *c = tcase_create("os");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, what_is_no_file_is_not_mapped);
    tcase_add_test(c, an_empty_file_maps_to_no_bytes);
    tcase_add_test(c, a_map_reads_drops_and_sees_the_file_shrink);
    tcase_add_test(c, a_file_is_replaced_whole);
    tcase_add_test(c, failures_of_files_name_the_path);
    tcase_add_test(c, a_device_is_written_in_place);
    tcase_add_test(c, appending_adds);
    tcase_add_test(c, folders_are_made_and_listed_in_order);
    tcase_add_test(c, folders_of_the_user_follow_the_environment);
    tcase_add_test(c, parallel_visits_each_index_once);
    tcase_add_test(c, libraries_open_and_name_their_file);
    tcase_add_test(c, machine_and_process_are_known);
    suite_add_tcase(s, c);
    return s;
}
