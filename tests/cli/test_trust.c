/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that are wrong, do not build, kill the compiler or never return: the command finds them
 * at their first use, says so once, and takes the next ones. */
#include "support/command.h"
#include "support/folder.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN                                                                                        \
    "generate", "-m", PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", "-p", "the", "-n", "6", "--temp", "0"
#define RUN_LONG                                                                                   \
    "generate", "-m", PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", "-p", "the", "-n", "40", "--temp", "0"

enum { DONE, FAILED, COMMAND = 4 * TEST_PATH };

static char folder[TEST_PATH];        /* a copy of cl/, and the cache */
static char expected[COMMAND_OUTPUT]; /* what `ref` says */
static const char *device;

static void shell(const char *command)
{
    ck_assert_msg(system(command) == 0, "%s", command);
}

static void setup(void)
{
    static const command_row ref = {.name = "ref", .args = {RUN, "-d", "ref"}};
    static command_result r;
    char command[COMMAND];
    device = getenv("PENCL_TEST_DEVICE");
    ck_assert_msg(device != NULL && strcmp(device, "ref") != 0, "on ref there is no compiler");
    test_folder_make(folder);
    snprintf(command, sizeof command, "cp -r %s/cl %s/cl", PENCL_SOURCE_DIR, folder);
    shell(command);
    command_run(&r, &ref, folder);
    ck_assert_int_eq(r.status, DONE);
    snprintf(expected, sizeof expected, "%s", r.out);
    setenv("PENCL_CACHE", test_path(folder, "cache"), 1);
    setenv("PENCL_CL_DIR", test_path(folder, "cl"), 1);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

/* Puts a line in front of the one that `before` matches in a kernel file. */
static void plant(const char *file, const char *before, const char *line)
{
    char command[COMMAND];
    snprintf(command, sizeof command, "sed -i '/%s/i %s' %s/cl/%s", before, line, folder, file);
    shell(command);
    snprintf(command, sizeof command, "grep -qF '%s' %s/cl/%s", line, folder, file);
    shell(command);
}

/* Into the kernels that multiply matrices, whichever the device likes first. */
static void plant_matmul(const char *line)
{
    plant("matmul_wide.cl", "^    X_SPACE const float \\*x;$", line);
    plant("matmul_simt.cl", "^    __local float4 room.VALUES ", line);
}

static const command_result *run(int status)
{
    static command_result r;
    const command_row row = {.name = "planted", .args = {RUN, "-d", device}};
    command_run(&r, &row, folder);
    ck_assert_msg(r.status == status, "exit status %d:\n%s", r.status, r.err);
    return &r;
}

static void expect(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in\n%s", part, text);
}

/* The first start names the kernel and why, the second says nothing; both give the right text. */
static void found_named_and_replaced(const char *why)
{
    const command_result *r = run(DONE);
    expect(r->err, "matmul: the kernel matmul_");
    expect(r->err, " is not used on ");
    expect(r->err, why);
    ck_assert_str_eq(r->out, expected);
    r = run(DONE);
    ck_assert_ptr_null(strstr(r->err, "is not used"));
    ck_assert_ptr_null(strstr(r->err, "first time"));
    ck_assert_str_eq(r->out, expected);
}

START_TEST(right_kernels_are_tried_once)
{
    const command_result *r = run(DONE);
    expect(r->err, " kernels on ");
    ck_assert_ptr_null(strstr(r->err, "is not used"));
    ck_assert_str_eq(r->out, expected);
    r = run(DONE);
    ck_assert_ptr_null(strstr(r->err, "first time"));
    ck_assert_str_eq(r->out, expected);
}
END_TEST

/* A process that was killed in one kernel's build: neither the drivers nor other kernels are meant.
 */
START_TEST(a_single_death_disturbs_no_later_start)
{
    char command[COMMAND];
    run(DONE);
    snprintf(command, sizeof command, "echo '+build 00 other/kernel' >> %s/cache/journal.left",
             folder);
    shell(command);
    const command_result *r = run(DONE);
    ck_assert_ptr_null(strstr(r->err, "first time"));
    ck_assert_str_eq(r->out, expected);
}
END_TEST

START_TEST(a_wrong_kernel_is_replaced)
{
    plant_matmul("return; /* planted */");
    found_named_and_replaced(" differ: max abs ");
    setenv("PENCL_RETRY", "1", 1);
    expect(run(DONE)->err, " is not used on ");
}
END_TEST

START_TEST(a_kernel_that_does_not_build_is_replaced)
{
    plant_matmul("#error planted");
    found_named_and_replaced("clBuildProgram: CL_BUILD_PROGRAM_FAILURE");
}
END_TEST

START_TEST(a_kernel_that_kills_the_compiler_is_replaced)
{
    setenv("OPENCL_LAYERS", PENCL_TEST_PLANTED, 1);
    plant_matmul("/* planted: abort */");
    found_named_and_replaced("two processes died in it");
}
END_TEST

/* Right by itself, so that no case of the op tells: the form of the plan does. */
START_TEST(a_wrong_fused_form_is_left_out)
{
    plant_matmul("#ifdef NORM");
    plant_matmul("return; /* planted */");
    plant_matmul("#endif");
    found_named_and_replaced("matmul+rms_norm");
    setenv("PENCL_RETRY", "1", 1);
    expect(run(DONE)->err, "with other ops fused into it is not used on ");
}
END_TEST

/* Enough tokens for launches to be chained, where they are: the same text as by the references. */
static const command_result *run_long(const char *on)
{
    static command_result r;
    const command_row row = {.name = "long", .args = {RUN_LONG, "-d", on}};
    command_run(&r, &row, folder);
    ck_assert_msg(r.status == DONE, "exit status %d:\n%s", r.status, r.err);
    return &r;
}

START_TEST(wrong_chains_are_left_out)
{
    static const char *const plants[] = {"/* planted */", "return; /* planted */",
                                         "#error planted"};
    const int chains = strcmp(device, "rusticl") != 0;
    snprintf(expected, sizeof expected, "%s", run_long("ref")->out);
    plant("chain.cl", "^    do {$", plants[_i]);
    const command_result *r = run_long(device);
    ck_assert_str_eq(r->out, expected);
    ck_assert_int_eq(strstr(r->err, "are not chained") != NULL, chains && _i == 1);
    r = run_long(device);
    ck_assert_str_eq(r->out, expected);
    ck_assert_ptr_null(strstr(r->err, "are not chained"));
}
END_TEST

/* Right by itself, and deadly with what is fused into it: no trial tells, but the journal does. */
START_TEST(a_fused_kernel_that_kills_twice_is_replaced)
{
    static const char *const plants[] = {"/* planted: fused */", "/* planted: launch */"};
    enum { ABORTED = 128 + SIGABRT };
    setenv("OPENCL_LAYERS", PENCL_TEST_PLANTED, 1);
    plant_matmul(plants[_i]);
    run(ABORTED);
    run(ABORTED);
    found_named_and_replaced("two processes died in it");
}
END_TEST

/* Rusticl's llvmpipe leaves loops after 65535 turns, so nothing hangs there. */
START_TEST(a_kernel_that_never_returns_is_replaced)
{
    if (strcmp(device, "rusticl") == 0) {
        return;
    }
    plant_matmul("for (volatile int planted = 1; planted != 0;) { }");
    found_named_and_replaced("two processes died in it");
}
END_TEST

/* The only kernel of its op: the device is not changed, nor is anything guessed. */
START_TEST(without_a_kernel_the_command_stops)
{
    char command[COMMAND];
    snprintf(command, sizeof command, "sed -i 's/(uint)(id - first), col/0u, col/' %s/cl/lookup.cl",
             folder);
    shell(command);
    const command_result *r = run(FAILED);
    expect(r->err, "no kernel of 'lookup' is left on ");
    expect(r->err, "lookup_rows: ");
    ck_assert_str_eq(r->out, "");
    expect(run(FAILED)->err, "lookup_rows: ");
}
END_TEST

Suite *suite_cli_trust(void);
Suite *suite_cli_trust(void)
{
    Suite *suite = suite_create("cli_trust");
    TCase *tc = tcase_create("trust");
    tcase_set_timeout(tc, 240);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, right_kernels_are_tried_once);
    tcase_add_test(tc, a_single_death_disturbs_no_later_start);
    tcase_add_test(tc, a_wrong_kernel_is_replaced);
    tcase_add_test(tc, a_kernel_that_does_not_build_is_replaced);
    tcase_add_test(tc, a_kernel_that_kills_the_compiler_is_replaced);
    tcase_add_test(tc, a_wrong_fused_form_is_left_out);
    tcase_add_loop_test(tc, wrong_chains_are_left_out, 0, 3);
    tcase_add_loop_test(tc, a_fused_kernel_that_kills_twice_is_replaced, 0, 2);
    tcase_add_test(tc, a_kernel_that_never_returns_is_replaced);
    tcase_add_test(tc, without_a_kernel_the_command_stops);
    suite_add_tcase(suite, tc);
    return suite;
}
