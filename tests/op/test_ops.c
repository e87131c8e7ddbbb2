/* SPDX-License-Identifier: Apache-2.0 */
/* Every case of every op, through every kernel that the device can run, against the C reference.
 * PENCL_TEST_OP=softmax keeps the others out. */
#include "base/os.h"
#include "plan/trial.h"
#include "support/devices.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pencl_ctx *ctx;
static pencl_device *device;
static char reports[64]; /* what Oclgrind says of the test's kernels */

static void setup(void)
{
    snprintf(reports, sizeof reports, "/tmp/pencl-oclgrind-%ld", pn_process_id());
    setenv("OCLGRIND_LOG", reports, 1);
    setenv("OCLGRIND_CHECK_API", "1", 1);
    setenv("OCLGRIND_DATA_RACES", "1", 1);
    ctx = pencl_ctx_new();
    device = test_device(ctx);
}

/* Accesses out of bounds, races and wrong calls are found even where the result is right. */
static void check_reports(void)
{
    pn_text text = {0};
    if (pn_file_exists(reports)) {
        ck_assert_int_eq(pn_file_read(&text, ctx, reports, 1 << 20), PENCL_OK);
        pn_file_remove(reports);
    }
    ck_assert_msg(text.size == 0, "Oclgrind: %.3000s", pn_text_get(&text));
    pn_text_free(&text);
}

static void teardown(void)
{
    pencl_device_close(device);
    check_reports();
    pencl_ctx_free(ctx);
}

/* ---- which cases ---- */

static bool wanted(const pn_op_def *def)
{
    const char *only = getenv("PENCL_TEST_OP");
    return only == NULL || *only == '\0' || strcmp(only, def->name) == 0;
}

/* Case number `at` of all wanted ops; false after the last. */
static bool find_case(int at, const pn_op_def **def, const pn_op_case **row)
{
    for (int i = 0; pn_ops[i] != NULL; i++) {
        *def = pn_ops[i];
        *row = (*def)->cases;
        for (; wanted(*def) && *row != NULL && (*row)->name != NULL; (*row)++) {
            if (at-- == 0) {
                return true;
            }
        }
    }
    return false;
}

/* 1 when the candidate, NULL: whichever is chosen, takes the case; then it has to agree. */
static int run(const pn_case *c, pn_storage storage, const char *kernel)
{
    pn_trial trial;
    pencl_status st = pn_trial_run(&trial, device, c, storage, kernel);
    ck_assert_msg(st == PENCL_OK && trial.fault.size == 0, "%s, %s, stored %s, kernel %s: %s%s",
                  c->def->name, c->row->name, pn_storage_name(storage),
                  kernel != NULL ? kernel : "of choice", pencl_error_text(ctx),
                  pn_text_get(&trial.fault));
    return trial.taken;
}

START_TEST(kernels_agree_with_the_reference)
{
    const pn_op_def *def = NULL;
    const pn_op_case *row = NULL;
    ck_assert(find_case(_i, &def, &row));
    pn_case c;
    pencl_status st = pn_case_make(&c, ctx, def, row);
    ck_assert_msg(st == PENCL_OK, "%s, %s: %s", def->name, row->name, pencl_error_text(ctx));
    bool is_ref = pn_device_caps(device)->is_ref;
    int n_runs = 0;
    for (int storage = PN_ALL_PLAIN; storage < PN_STORAGES; storage++) {
        if (!pn_case_can_be_stored(&c, device, (pn_storage)storage)) {
            continue;
        }
        if (is_ref || def->kernels == NULL) { /* else the choice is among the candidates below */
            n_runs += run(&c, (pn_storage)storage, NULL);
        }
        for (const pn_candidate *k = def->kernels; k != NULL && k->name != NULL; k++) {
            if (!is_ref && !k->forced_only) {
                n_runs += run(&c, (pn_storage)storage, k->name);
            }
        }
    }
    ck_assert_int_gt(n_runs, 0);
    pn_case_free(&c);
}
END_TEST

START_TEST(the_table_is_complete)
{
    for (int i = 0; pn_ops[i] != NULL; i++) {
        const pn_op_def *def = pn_ops[i];
        ck_assert_ptr_eq(pn_op_by_name(def->name), def);
        ck_assert_msg(def->doc != NULL && def->infer != NULL && def->ref != NULL, "%s", def->name);
        ck_assert_msg(def->cases != NULL && def->cases[0].name != NULL, "%s", def->name);
        ck_assert_msg(i == 0 || strcmp(pn_ops[i - 1]->name, def->name) < 0,
                      "%s: ops.def is not in order", def->name);
    }
    ck_assert_ptr_null(pn_op_by_name("no such op"));
}
END_TEST

Suite *suite_op_ops(void);
Suite *suite_op_ops(void)
{
    Suite *suite = suite_create("op_ops");
    TCase *table = tcase_create("table");
    tcase_add_test(table, the_table_is_complete);
    suite_add_tcase(suite, table);
    TCase *kernels = tcase_create("kernels");
    tcase_set_timeout(kernels, 300);
    tcase_add_checked_fixture(kernels, setup, teardown);
    const pn_op_def *def = NULL;
    const pn_op_case *row = NULL;
    int n_cases = 0;
    while (find_case(n_cases, &def, &row)) {
        n_cases++;
    }
    tcase_add_loop_test(kernels, kernels_agree_with_the_reference, 0, n_cases);
    suite_add_tcase(suite, kernels);
    return suite;
}
