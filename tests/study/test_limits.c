/* SPDX-License-Identifier: Apache-2.0 */
/* What a device can do at most: the kernels do the work that they are timed for, and the figures
 * are possible ones. */
#include "device/device.h"
#include "support/devices.h"

#include "pencl/study.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static pencl_ctx *ctx;
static pencl_device *device;

static void setup(void)
{
    ctx = pencl_ctx_new();
    device = test_device(ctx);
}

static void teardown(void)
{
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}

static pn_buffer *new_buffer(size_t bytes)
{
    pn_buffer *b = NULL;
    ck_assert_msg(pn_buffer_new(&b, device, bytes) == PENCL_OK, "%s", pencl_error_text(ctx));
    return b;
}

static pn_kernel *new_kernel(const char *name)
{
    pn_kernel *k = NULL;
    const pn_kernel_source source = {.file = "limits", .name = name, .label = name};
    ck_assert_msg(pn_kernel_new(&k, device, &source) == PENCL_OK, "%s", pencl_error_text(ctx));
    return k;
}

enum { ITEMS = 8, FLOATS = 16 * 32 * ITEMS, FIRST = 16 * 2 };

/* Runs a kernel over ITEMS work-items; their results are added. */
static double run(pn_kernel *k)
{
    float out[ITEMS];
    const size_t global[3] = {ITEMS, 1, 1};
    const size_t local[3] = {1, 1, 1};
    pn_buffer *b = new_buffer(sizeof out);
    double sum = 0;
    pn_kernel_arg_buffer(k, 0, b);
    ck_assert_msg(pn_kernel_run(k, 1, global, local) == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(pn_buffer_read(b, 0, out, sizeof out), PENCL_OK);
    for (int i = 0; i < ITEMS; i++) {
        sum += out[i];
    }
    pn_buffer_free(b);
    return sum;
}

/* Whole numbers, all different in their share of the sum: whatever is left out or read twice shows.
 */
static void check_read(const char *name, uint32_t vector)
{
    static float x[FIRST + FLOATS];
    double wanted = 0;
    for (int i = 0; i < FIRST + FLOATS; i++) {
        x[i] = (float)(i % 251 + (i == 0 ? 100000 : 0));
        wanted += i >= FIRST ? (double)x[i] : 0;
    }
    pn_kernel *k = new_kernel(name);
    pn_buffer *b = new_buffer(sizeof x);
    ck_assert_int_eq(pn_buffer_write(b, 0, x, sizeof x), PENCL_OK);
    pn_kernel_arg_buffer(k, 1, b);
    pn_kernel_arg_u32(k, 2, FIRST / vector);
    pn_kernel_arg_u32(k, 3, FLOATS / vector);
    ck_assert_double_eq(run(k), wanted);
    pn_kernel_free(k);
    pn_buffer_free(b);
}

START_TEST(reads_sum_everything_once)
{
    if (!pn_device_caps(device)->is_ref) {
        check_read("limits_read_beside1", 1);
        check_read("limits_read_beside4", 4);
        check_read("limits_read_runs4", 4);
        check_read("limits_read_runs8", 8);
        check_read("limits_read_runs16", 16);
    }
}
END_TEST

/* The same recurrence in double: none of the rounds and chains may be left out. */
static void check_fma(const char *name, int lanes)
{
    enum { ROUNDS = 50 };
    double wanted = 0;
    for (int item = 0; item < ITEMS; item++) {
        for (int chain = 0; chain < 12; chain++) {
            double x = chain + (item & 7);
            for (int i = 0; i < ROUNDS; i++) {
                x = x * 0.999 + 0.001;
            }
            wanted += lanes * x;
        }
    }
    pn_kernel *k = new_kernel(name);
    pn_kernel_arg_i32(k, 1, ROUNDS);
    ck_assert_double_eq_tol(run(k), wanted, 1e-4 * wanted);
    pn_kernel_free(k);
}

START_TEST(multiplications_are_all_done)
{
    if (!pn_device_caps(device)->is_ref) {
        check_fma("limits_fma1", 1);
        check_fma("limits_fma4", 4);
        check_fma("limits_fma8", 8);
        check_fma("limits_fma16", 16);
    }
}
END_TEST

START_TEST(figures_are_possible)
{
    pencl_limits limits;
    pencl_status status = pencl_device_measure(&limits, device);
    if (pn_device_caps(device)->is_ref) {
        ck_assert_int_eq(status, PENCL_E_UNSUPPORTED);
        return;
    }
    ck_assert_msg(status == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_double_gt(limits.read_gbs, 0.01);
    ck_assert_double_lt(limits.read_gbs, 2000);
    ck_assert_uint_ge(limits.read_bytes, 1 << 20);
    ck_assert_double_gt(limits.fma_gflops, 0.05);
    ck_assert_double_lt(limits.fma_gflops, 20000);
    ck_assert_double_gt(limits.launch_us, 0.05);
    ck_assert_double_lt(limits.launch_us, 100000);
    size_t now = 0;
    size_t peak = 0;
    pn_device_memory(device, &now, &peak);
    ck_assert_uint_eq(now, 0);
    ck_assert_uint_ge(peak, limits.read_bytes);
}
END_TEST

Suite *suite_study_limits(void);
Suite *suite_study_limits(void)
{
    Suite *suite = suite_create("study_limits");
    TCase *tcase = tcase_create("limits");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, reads_sum_everything_once);
    tcase_add_test(tcase, multiplications_are_all_done);
    tcase_add_test(tcase, figures_are_possible);
    suite_add_tcase(suite, tcase);
    return suite;
}
