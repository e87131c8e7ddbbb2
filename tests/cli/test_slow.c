/* SPDX-License-Identifier: Apache-2.0 */
/* A slow device (tests/layer/slow.c), whose driver would end long launches: none is long, the text
 * is the same, and what was learnt of its speed is kept. */
#include "support/command.h"
#include "support/folder.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As the layer has it. */
typedef struct report {
    int64_t launches;
    int64_t cut;
    int64_t longest; /* ns */
    char kernel[104];
} report;

enum { DONE, LONGEST_NS = 100000000 };

static char folder[TEST_PATH];
static command_result result;

static void setup(void)
{
    test_folder_make(folder);
    setenv("PENCL_DEVICE", getenv("PENCL_TEST_DEVICE"), 1);
    setenv("PENCL_CACHE", test_path(folder, "cache"), 1);
    setenv("OPENCL_LAYERS", PENCL_TEST_SLOW, 1);
    setenv("PENCL_SLOW_REPORT", test_path(folder, "report"), 1);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

/* A prompt of 32 tokens, and 3 more; a work-item takes `ns`. */
static report run(const char *ns)
{
    static const command_row row = {
        .args = {"generate", "-q", "-m", PENCL_TEST_DATA "/tiny/tiny_mix.gguf", "-p",
                 "the and of in the and of in the and of in the and of in "
                 "the and of in the and of in the and of in the and of in",
                 "-n", "3", "--temp", "0"}};
    report r = {0};
    setenv("PENCL_SLOW", ns, 1);
    command_run(&result, &row, folder);
    ck_assert_msg(result.status == DONE, "%s", result.err);
    FILE *file = fopen(test_path(folder, "report"), "rb");
    ck_assert_msg(file != NULL, "the layer was not loaded");
    ck_assert_uint_eq(fread(&r, sizeof r, 1, file), 1);
    fclose(file);
    return r;
}

static void expect_short(const report *r)
{
    ck_assert_msg(r->longest <= LONGEST_NS, "a launch of %s takes %.0f ms", r->kernel,
                  (double)r->longest / 1e6);
}

START_TEST(no_launch_is_long)
{
    static char expected[COMMAND_OUTPUT];
    const char *slow = "400000"; /* 26 ms a work-group of 64: the largest launch takes SECONDS */
    setenv("PENCL_CACHE", test_path(folder, "fast"), 1);
    const report fast = run("0");
    snprintf(expected, sizeof expected, "%s", result.out);
    ck_assert_int_eq(fast.cut, 0);

    setenv("PENCL_CACHE", test_path(folder, "cache"), 1);
    const report first = run(slow);
    ck_assert_str_eq(result.out, expected);
    ck_assert_int_gt(first.cut, 0);
    expect_short(&first);

    const report second = run(slow);
    ck_assert_str_eq(result.out, expected);
    ck_assert_int_gt(second.cut, 0);
    ck_assert_int_lt(second.launches, first.launches);
    expect_short(&second);
}
END_TEST

Suite *suite_cli_slow(void);
Suite *suite_cli_slow(void)
{
    Suite *suite = suite_create("cli_slow");
    TCase *tc = tcase_create("slow");
    tcase_set_timeout(tc, 240);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, no_launch_is_long);
    suite_add_tcase(suite, tc);
    return suite;
}
