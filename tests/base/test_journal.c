/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: a process that dies in a risky call is remembered, all others leave nothing. */
#include "base/journal.h"
#include "base/os.h"
#include "support/folder.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
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

static void expect_files(const char *names)
{
    pn_text got = {0};
    ck_assert(pn_list_folder(&got, folder));
    ck_assert_str_eq(pn_text_get(&got), names);
    pn_text_free(&got);
}

/* Runs body in a child that dies right after it, and waits for its end. */
static void in_dying_process(void (*body)(pn_journal *j))
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        body(pn_journal_open(ctx, folder));
        _exit(1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
}

static void die_in_build(pn_journal *j)
{
    pn_journal_begin(j, "pocl:0/build/a");
    pn_journal_end(j, "pocl:0/build/a");
    pn_journal_begin(j, "pocl:0/build/b");
}

static void die_after_build(pn_journal *j)
{
    pn_journal_begin(j, "pocl:0/build/a");
    pn_journal_end(j, "pocl:0/build/a");
}

START_TEST(nothing_is_written_without_a_risky_call)
{
    pn_journal *j = pn_journal_open(ctx, folder);
    ck_assert(!pn_journal_left(j, "a"));
    pn_journal_end(j, "never begun");
    expect_files("");
    pn_journal_begin(j, "a");
    ck_assert(!pn_journal_left(j, "a")); /* ours, and we live */
    pn_journal_end(j, "a");
    pn_journal_close(j);
    expect_files("");
}
END_TEST

START_TEST(the_call_that_killed_a_process_is_left)
{
    in_dying_process(die_in_build);
    for (int i = 0; i < 2; i++) { /* the second start finds it as well */
        pn_journal *j = pn_journal_open(ctx, folder);
        ck_assert(pn_journal_left(j, "pocl:0/build/b"));
        ck_assert(!pn_journal_left(j, "pocl:0/build/a"));
        ck_assert(!pn_journal_left(j, "pocl:0/build"));
        ck_assert_str_eq(pn_journal_left_at(j, 0), "pocl:0/build/b");
        ck_assert_ptr_null(pn_journal_left_at(j, 1));
        pn_journal_close(j);
        expect_files("journal.left\n");
    }
    pn_journal *j = pn_journal_open(ctx, folder);
    pn_journal_forget(j, "pocl:0/build/b");
    ck_assert(!pn_journal_left(j, "pocl:0/build/b"));
    pn_journal_close(j);
    expect_files("");
}
END_TEST

START_TEST(a_process_that_died_elsewhere_leaves_nothing)
{
    in_dying_process(die_after_build);
    pn_journal *j = pn_journal_open(ctx, folder);
    ck_assert_ptr_null(pn_journal_left_at(j, 0));
    pn_journal_close(j);
    expect_files("");
}
END_TEST

static void die_in_c(pn_journal *j)
{
    pn_journal_begin(j, "c");
}

START_TEST(several_rows_are_forgotten_one_by_one)
{
    in_dying_process(die_in_build);
    in_dying_process(die_in_c);
    in_dying_process(die_in_c);
    pn_journal *j = pn_journal_open(ctx, folder);
    ck_assert_str_eq(pn_journal_left_at(j, 0), "pocl:0/build/b");
    ck_assert_str_eq(pn_journal_left_at(j, 1), "c");
    ck_assert_ptr_null(pn_journal_left_at(j, 2));
    pn_journal_forget(j, "pocl:0/build/b");
    pn_journal_close(j);
    j = pn_journal_open(ctx, folder);
    ck_assert_str_eq(pn_journal_left_at(j, 0), "c");
    ck_assert_ptr_null(pn_journal_left_at(j, 1));
    pn_journal_close(j);
}
END_TEST

START_TEST(processes_and_handles_that_live_are_not_disturbed)
{
    pn_journal *a = pn_journal_open(ctx, folder);
    pn_journal_begin(a, "risky");
    pn_journal *b = pn_journal_open(ctx, folder);
    ck_assert(!pn_journal_left(b, "risky"));
    pn_journal_begin(b, "risky too");
    in_dying_process(die_after_build); /* opens the journal: its parent lives */
    pn_journal *c = pn_journal_open(ctx, folder);
    ck_assert_ptr_null(pn_journal_left_at(c, 0));
    pn_journal_close(c);
    pn_journal_end(a, "risky");
    pn_journal_end(b, "risky too");
    pn_journal_close(a);
    pn_journal_close(b);
    expect_files("");
}
END_TEST

START_TEST(a_file_of_an_earlier_process_with_our_number_is_left)
{
    for (int n = 0; n < 4; n++) { /* whichever number this process is at */
        char name[64];
        snprintf(name, sizeof name, "journal.%ld.%d", pn_process_id(), n);
        test_write(test_path(folder, name), "+old\n", 5);
    }
    pn_journal *j = pn_journal_open(ctx, folder);
    ck_assert(pn_journal_left(j, "old"));
    pn_journal_close(j);
}
END_TEST

START_TEST(strange_files_and_keys_do_no_harm)
{
    test_write(test_path(folder, "journal.x.y"), "+a\n", 3);
    test_write(test_path(folder, "journal.1073741800.0"), "\n\n-\n+\n+cut", 10);
    test_write(test_path(folder, "journal.1073741800.1.old"), "+b\n", 3);
    test_write(test_path(folder, "journal.left"), "junk\n-a\n+c\n\n", 13);
    pn_journal *j = pn_journal_open(ctx, folder);
    ck_assert_str_eq(pn_journal_left_at(j, 0), "c");
    ck_assert_str_eq(pn_journal_left_at(j, 1), "cut");
    ck_assert_ptr_null(pn_journal_left_at(j, 2));
    pn_journal_begin(j, "two\nlines");
    pn_journal_begin(j, "");
    pn_journal_close(j);
    expect_files("journal.1073741800.1.old\njournal.left\njournal.x.y\n");
}
END_TEST

START_TEST(a_folder_that_cannot_be_written_is_no_failure)
{
    pn_journal *j = pn_journal_open(ctx, "/proc/no/such");
    pn_journal_begin(j, "a");
    pn_journal_end(j, "a");
    ck_assert(!pn_journal_left(j, "a"));
    pn_journal_close(j);
    j = pn_journal_open(ctx, NULL);
    pn_journal_begin(j, "a");
    pn_journal_end(j, "a");
    pn_journal_close(j);
    pn_journal_begin(NULL, "a");
    pn_journal_end(NULL, "a");
    pn_journal_forget(NULL, "a");
    ck_assert(!pn_journal_left(NULL, "a"));
    ck_assert_ptr_null(pn_journal_left_at(NULL, 0));
    pn_journal_close(NULL);
    ck_assert_int_eq(pencl_error_status(ctx), PENCL_OK);
}
END_TEST

Suite *suite_base_journal(void);
Suite *suite_base_journal(void)
{
    Suite *s = suite_create("base_journal");
    TCase *c = tcase_create("journal");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, nothing_is_written_without_a_risky_call);
    tcase_add_test(c, the_call_that_killed_a_process_is_left);
    tcase_add_test(c, a_process_that_died_elsewhere_leaves_nothing);
    tcase_add_test(c, several_rows_are_forgotten_one_by_one);
    tcase_add_test(c, processes_and_handles_that_live_are_not_disturbed);
    tcase_add_test(c, a_file_of_an_earlier_process_with_our_number_is_left);
    tcase_add_test(c, strange_files_and_keys_do_no_harm);
    tcase_add_test(c, a_folder_that_cannot_be_written_is_no_failure);
    suite_add_tcase(s, c);
    return s;
}
