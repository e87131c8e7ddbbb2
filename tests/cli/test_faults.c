/* SPDX-License-Identifier: Apache-2.0 */
/* OpenCL calls that fail, one after another (tests/layer/faults.c): a run either says what it says
 * otherwise or ends with a message, and leaves no object behind. */
#include "support/command.h"
#include "support/folder.h"
#include "support/report.h"

#include <check.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DONE, FAILED, NO_DEVICE = 3, STEP = 97 };

/* Four tokens, then three. */
static const command_row row = {.args = {"generate", "-q", "-m",
                                         PENCL_TEST_DATA "/tiny/tiny_mix.gguf", "-p",
                                         "the and of in", "-n", "3", "--temp", "0"}};
static command_result want;
static command_result got;
static int64_t calls; /* of a run in which none fails, on a warm store */
static char folder[TEST_PATH];

static void setup(void)
{
    const char *device = getenv("PENCL_TEST_DEVICE");
    test_folder_make(folder);
    setenv("PENCL_DEVICE", device, 1);
    setenv("OPENCL_LAYERS", PENCL_TEST_FAULTS, 1);
    setenv("PENCL_FAULT_REPORT", test_path(folder, "report"), 1);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

static int64_t report(int i)
{
    return test_report(test_path(folder, "report"), 2, i);
}

static void use_store(const char *name)
{
    setenv("PENCL_CACHE", test_path(folder, name), 1);
}

/* No lock and no row of the journal: those would keep the next start from what is good. */
static void check_store(const char *fault)
{
    DIR *store = opendir(getenv("PENCL_CACHE"));
    for (const struct dirent *entry; store != NULL && (entry = readdir(store)) != NULL;) {
        ck_assert_msg(entry->d_name[0] == '.' || strncmp(entry->d_name, "cache.db", 8) == 0,
                      "fault %s: %s is left", fault, entry->d_name);
    }
    ck_assert_ptr_nonnull(store);
    closedir(store);
}

/* A run in which a call fails as `fault` says. */
static void check_run(const char *fault)
{
    setenv("PENCL_FAULT", fault, 1);
    command_run(&got, &row, folder);
    if (got.status == DONE) {
        ck_assert_msg(strcmp(got.out, want.out) == 0, "fault %s: says \"%s\"", fault, got.out);
    } else {
        ck_assert_msg(got.status == FAILED || got.status == NO_DEVICE, "fault %s: status %d, %s",
                      fault, got.status, got.err);
        ck_assert_msg(strncmp(got.err, "pencl: ", 7) == 0, "fault %s: \"%s\"", fault, got.err);
    }
    ck_assert_msg(strstr(got.err, "no kernel of '") == NULL,
                  "fault %s is taken for one of kernels: %s", fault, got.err);
    ck_assert_msg(report(1) == 0, "fault %s: %d objects are left", fault, (int)report(1));
    check_store(fault);
}

static void run_without(void)
{
    use_store("warm");
    setenv("PENCL_FAULT", "", 1);
    command_run(&want, &row, folder); /* fills the store */
    command_run(&want, &row, folder);
    ck_assert_msg(want.status == DONE, "%s", want.err);
    ck_assert_int_eq(report(1), 0);
    calls = report(0);
    ck_assert_int_gt(calls, 100);
}

START_TEST(calls_fail_on_a_warm_store)
{
    char fault[32];
    int step = getenv("PENCL_TEST_LONG") != NULL ? 1 : STEP;
    run_without();
    for (int64_t n = 1; n <= calls; n += step) {
        snprintf(fault, sizeof fault, "%d", (int)n);
        check_run(fault);
        snprintf(fault, sizeof fault, "%d+", (int)n);
        check_run(fault);
    }
}
END_TEST

/* Each time on a store of its own: programs are built, and their binaries read. */
START_TEST(calls_fail_on_a_cold_store)
{
    char fault[32];
    char store[32];
    int step = getenv("PENCL_TEST_LONG") != NULL ? 7 : 5 * STEP;
    run_without();
    for (int64_t n = 1; n <= calls; n += step) {
        snprintf(store, sizeof store, "cold%d", (int)n);
        use_store(store);
        snprintf(fault, sizeof fault, "%d", (int)n);
        check_run(fault);
        check_run(""); /* what it left in the store serves */
        ck_assert_int_eq(got.status, DONE);
    }
}
END_TEST

/* On a warm store, and on one of its own. -2: a device that was lost. */
START_TEST(functions_fail)
{
    static const char *const warm[] = {"1:clCreateBuffer",
                                       "3+:clCreateBuffer",
                                       "1+:clEnqueueNDRangeKernel",
                                       "5:clEnqueueNDRangeKernel",
                                       "4+:clEnqueueNDRangeKernel=-2",
                                       "2+:clEnqueueReadBuffer=-2",
                                       "1:clCreateCommandQueue",
                                       "1:clCreateContext",
                                       "1+:clGetProgramInfo",
                                       "1+:clFinish",
                                       "1+:clFlush",
                                       "1+:clCreateProgramWithBinary",
                                       "300+=-2"};
    static const char *const cold[] = {"1:clBuildProgram",
                                       "2+:clBuildProgram",
                                       "5+:clBuildProgram",
                                       "20:clGetDeviceInfo",
                                       "20+:clGetDeviceInfo",
                                       "35+:clCreateBuffer=-2",
                                       "10+:clEnqueueNDRangeKernel=-5"};
    char store[32];
    run_without();
    for (size_t i = 0; i < sizeof warm / sizeof *warm; i++) {
        check_run(warm[i]);
    }
    for (size_t i = 0; i < sizeof cold / sizeof *cold; i++) {
        snprintf(store, sizeof store, "cold%d", (int)i);
        use_store(store);
        check_run(cold[i]);
        check_run(""); /* no kernel is given up for it */
        ck_assert_msg(got.status == DONE, "after fault %s: %s", cold[i], got.err);
    }
}
END_TEST

/* A driver that does not say how large a work-group may be has no device that can be used: it is
 * not that its kernels fail. */
START_TEST(a_device_that_does_not_answer_is_refused)
{
    bool refused = false;
    run_without();
    for (int n = 1; n <= 60; n++) {
        char fault[32];
        snprintf(fault, sizeof fault, "%d:clGetDeviceInfo", n);
        check_run(fault);
        refused = refused || strstr(got.err, "does not answer what every device") != NULL;
    }
    ck_assert(refused);
}
END_TEST

Suite *suite_cli_faults(void);
Suite *suite_cli_faults(void)
{
    Suite *suite = suite_create("cli_faults");
    TCase *tc = tcase_create("faults");
    tcase_set_timeout(tc, 7200);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, calls_fail_on_a_warm_store);
    tcase_add_test(tc, calls_fail_on_a_cold_store);
    tcase_add_test(tc, functions_fail);
    tcase_add_test(tc, a_device_that_does_not_answer_is_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
