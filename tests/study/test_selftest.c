/* SPDX-License-Identifier: Apache-2.0 */
/* The self-test: right kernels pass, a wrong one and one that does not build are named. */
#include "device/device.h"
#include "pencl/pencl.h"
#include "support/devices.h"
#include "support/folder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[TEST_PATH]; /* a copy of cl/ */

typedef struct seen {
    pencl_selftest_op op;
    char failures[4096]; /* "op/kernel: why" lines */
    int n_ops;
    size_t done;
} seen;

static int on_op(void *user, const pencl_selftest_op *op)
{
    seen *s = user;
    s->op = *op;
    return s->n_ops++ >= 1000;
}

static void on_failure(void *user, const pencl_selftest_failure *f)
{
    seen *s = user;
    size_t used = strlen(s->failures);
    snprintf(s->failures + used, sizeof s->failures - used, "%s/%s, %s: %.300s\n", f->op, f->kernel,
             f->name, f->why);
}

static void on_progress(void *user, const char *op, size_t done, size_t all)
{
    seen *s = user;
    ck_assert_ptr_nonnull(op);
    ck_assert_uint_le(done, all);
    ck_assert_uint_ge(done, s->done);
    s->done = done;
}

static void setup(void)
{
    char command[2 * TEST_PATH];
    test_folder_make(folder);
    snprintf(command, sizeof command, "cp -r %s/cl %s/cl", PENCL_SOURCE_DIR, folder);
    ck_assert_int_eq(system(command), 0);
    setenv("PENCL_CL_DIR", test_path(folder, "cl"), 1);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

/* The self-test of one operation after `sed` changed a kernel file. */
static void run(seen *s, const char *op, const char *sed, const char *file)
{
    char command[3 * TEST_PATH];
    snprintf(command, sizeof command, "sed -i '%s' %s/cl/%s", sed, folder, file);
    ck_assert_int_eq(system(command), 0);
    *s = (seen){0};
    pencl_ctx *ctx = pencl_ctx_new();
    pencl_device *device = test_device(ctx);
    const pencl_selftest_options o = {
        .op = op, .row = on_op, .failed = on_failure, .progress = on_progress, .user = s};
    pencl_status st = pencl_selftest(device, &o);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(s->n_ops, 1);
    ck_assert_str_eq(s->op.op, op);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}

START_TEST(right_kernels_pass)
{
    seen s;
    run(&s, "softmax", "", "softmax.cl");
    ck_assert_str_eq(s.failures, "");
    ck_assert_int_eq(s.op.n_failed, 0);
    ck_assert_int_ge(s.op.n_runs, s.op.n_cases);
    ck_assert_uint_eq(s.done, (size_t)s.op.n_cases);
    ck_assert(s.op.largest <= s.op.allowed && s.op.allowed > 0);
}
END_TEST

/* Only a run over everything leaves a verdict. */
START_TEST(the_verdict_is_known_later)
{
    seen s;
    setenv("PENCL_CACHE", test_path(folder, "cache"), 1);
    run(&s, "softmax", "", "softmax.cl");
    pencl_ctx *ctx = pencl_ctx_new();
    pencl_device *device = test_device(ctx);
    ck_assert_int_eq(pencl_selftest_known(device), PENCL_SELFTEST_NOT_RUN);
    if (!pn_device_caps(device)->is_ref) {
        pn_device_judge(device, "selftest", "1 of 9 runs differ");
        ck_assert_int_eq(pencl_selftest_known(device), PENCL_SELFTEST_FAILED);
    }
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}
END_TEST

static int on_ref(void)
{
    const char *name = getenv("PENCL_TEST_DEVICE");
    return name == NULL || strcmp(name, "ref") == 0;
}

START_TEST(a_wrong_kernel_is_named)
{
    seen s;
    run(&s, "softmax", "s/i = lane; i < cols;/i = lane; i < cols - 1;/", "softmax.cl");
    if (on_ref()) {
        ck_assert_int_eq(s.op.n_failed, 0);
        return;
    }
    ck_assert_int_gt(s.op.n_failed, 0);
    ck_assert_msg(strstr(s.failures, "softmax/softmax") != NULL, "%s", s.failures);
    ck_assert_msg(strstr(s.failures, " differ: max abs ") != NULL, "%s", s.failures);
    ck_assert(!(s.op.largest <= s.op.allowed));
}
END_TEST

START_TEST(a_kernel_that_does_not_build_is_named)
{
    seen s;
    run(&s, "cumsum", "s/__kernel/#error planted\\n__kernel/", "cumsum.cl");
    if (on_ref()) {
        return;
    }
    ck_assert_int_eq(s.op.n_failed, s.op.n_runs);
    ck_assert_msg(strstr(s.failures, "planted") != NULL, "%s", s.failures);
}
END_TEST

START_TEST(an_unknown_operation_is_refused)
{
    pencl_ctx *ctx = pencl_ctx_new();
    pencl_device *device = test_device(ctx);
    seen s = {0};
    const pencl_selftest_options o = {.op = "sofmax", .row = on_op, .user = &s};
    ck_assert_int_eq(pencl_selftest(device, &o), PENCL_E_ARG);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "softmax"));
    ck_assert_int_eq(s.n_ops, 0);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}
END_TEST

Suite *suite_study_selftest(void);
Suite *suite_study_selftest(void)
{
    Suite *suite = suite_create("study_selftest");
    TCase *tc = tcase_create("selftest");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, right_kernels_pass);
    tcase_add_test(tc, the_verdict_is_known_later);
    tcase_add_test(tc, a_wrong_kernel_is_named);
    tcase_add_test(tc, a_kernel_that_does_not_build_is_named);
    tcase_add_test(tc, an_unknown_operation_is_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
