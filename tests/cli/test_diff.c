/* SPDX-License-Identifier: Apache-2.0 */
/* pencl diff: a kernel that is wrong in one row, which no case of its op has, is found by the node
 * and the token where values part. */
#include "support/command.h"
#include "support/folder.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS "9,8,7,6,5,4,3,12,11,10,13,14"
#define DIFF   "diff", "-m", PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", "--tokens", TOKENS
/* The first norm of the first block. */
#define NORM ".sublayers[1].sublayers[0].delta.sublayers[0].sublayers[0]"

enum { DONE, APART, USAGE, COMMAND = 4 * TEST_PATH };

static char folder[TEST_PATH]; /* a copy of cl/, and the cache */
static char both[64];          /* "pocl,ref" */
static const char *device;

static int on_ref(void)
{
    return device == NULL || *device == '\0' || strcmp(device, "ref") == 0;
}

static void shell(const char *command)
{
    ck_assert_msg(system(command) == 0, "%s", command);
}

static void setup(void)
{
    char command[COMMAND];
    device = getenv("PENCL_TEST_DEVICE");
    snprintf(both, sizeof both, "%s,ref", on_ref() ? "ref" : device);
    test_folder_make(folder);
    snprintf(command, sizeof command, "cp -r %s/cl %s/cl", PENCL_SOURCE_DIR, folder);
    shell(command);
    setenv("PENCL_CACHE", test_path(folder, "cache"), 1);
    setenv("PENCL_CL_DIR", test_path(folder, "cl"), 1);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

/* The norm of row 9 comes out half as large again. */
static void plant(void)
{
    char command[COMMAND];
    snprintf(command, sizeof command,
             "sed -i 's/^#define SCALE(squares) (/&(row == 9 ? 1.5f : 1.0f) * /' "
             "%s/cl/lib/norm_rows.clh && grep -q 'row == 9' %s/cl/lib/norm_rows.clh",
             folder, folder);
    shell(command);
}

static const command_result *run(int status, const char *more)
{
    static command_result r;
    const command_row row = {.name = "diff", .args = {DIFF, "-d", both, more}};
    command_run(&r, &row, folder);
    ck_assert_msg(r.status == status, "exit status %d:\n%s%s", r.status, r.out, r.err);
    return &r;
}

static void expect(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in\n%s", part, text);
}

START_TEST(right_kernels_do_not_part)
{
    if (on_ref()) {
        return;
    }
    const command_result *r = run(DONE, NULL);
    expect(r->out, ": 0 of ");
    expect(r->out, "most apart: ");
    expect(r->out, "the likeliest next tokens are the same after all 12");
}
END_TEST

START_TEST(a_wrong_row_is_found)
{
    if (on_ref()) {
        return;
    }
    plant();
    const command_result *r = run(APART, NULL);
    expect(r->out, "first apart: " NORM " (RMSStandardize) at {seq:9, embedding:");
    expect(r->out, "0.333 of the largest");
}
END_TEST

START_TEST(json_has_every_value)
{
    if (on_ref()) {
        return;
    }
    plant();
    const command_result *r = run(APART, "--json");
    json_t *rows = json_loads(r->out, 0, NULL);
    json_t *first = json_object_get(json_array_get(rows, 0), "first");
    json_t *nodes = json_object_get(json_array_get(rows, 0), "nodes");
    ck_assert_str_eq(json_string_value(json_object_get(first, "name")), NORM);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(first, "at"), "seq")), 9);
    ck_assert_double_eq_tol(json_real_value(json_object_get(first, "share")), 1 - 1 / 1.5, 1e-3);
    ck_assert(json_is_false(json_object_get(json_array_get(nodes, 0), "parts")));
    ck_assert_str_eq(json_string_value(json_object_get(
                         json_array_get(nodes, json_array_size(nodes) - 1), "name")),
                     "logits");
    json_decref(rows);
}
END_TEST

START_TEST(two_devices_are_needed)
{
    const command_row row = {.name = "one device",
                             .args = {DIFF, "-d", "ref"},
                             .status = USAGE,
                             .err = "two devices are compared"};
    command_check(&row, folder);
}
END_TEST

Suite *suite_cli_diff(void);
Suite *suite_cli_diff(void)
{
    Suite *suite = suite_create("cli_diff");
    TCase *tcase = tcase_create("diff");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, right_kernels_do_not_part);
    tcase_add_test(tcase, a_wrong_row_is_found);
    tcase_add_test(tcase, json_has_every_value);
    tcase_add_test(tcase, two_devices_are_needed);
    suite_add_tcase(suite, tcase);
    return suite;
}
