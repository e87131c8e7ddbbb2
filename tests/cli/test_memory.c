/* SPDX-License-Identifier: Apache-2.0 */
/* Memory as it was planned, against the buffers that are created (tests/layer/memory.c counts
 * them); and what is said when it does not suffice. */
#include "support/command.h"
#include "support/folder.h"
#include "support/report.h"

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DONE, FAILED, LIVE = 0, PEAK, ALL };

static command_result got;
static char folder[TEST_PATH];

static void use_layer(const char *layer)
{
    setenv("OPENCL_LAYERS", layer, 1);
}

static void setup(void)
{
    test_folder_make(folder);
    setenv("PENCL_DEVICE", getenv("PENCL_TEST_DEVICE"), 1);
    setenv("PENCL_MEMORY_REPORT", test_path(folder, "report"), 1);
    setenv("PENCL_FAULT_REPORT", test_path(folder, "faults"), 1);
    use_layer(PENCL_TEST_MEMORY);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

static int64_t report(int i)
{
    return test_report(test_path(folder, "report"), 3, i);
}

/* "1.50 MiB" behind `name`. */
static double bytes_of(const char *name)
{
    double value = 0;
    char unit[4] = "";
    const char *line = strstr(got.out, "memory: ");
    const char *at = line != NULL ? strstr(line, name) : NULL;
    ck_assert_msg(at != NULL && sscanf(at + strlen(name), " %lf %3s", &value, unit) == 2, "%s: %s",
                  name, got.out);
    return value * (strcmp(unit, "KiB") == 0   ? 1024.0
                    : strcmp(unit, "MiB") == 0 ? 1048576.0
                                               : 1073741824.0);
}

/* ---- planned and created ---- */

static const struct plan_row {
    const char *model;
    int context;
    const char *env;
} plans[] = {
    {"tiny_mix", 64, NULL},
    {"tiny_mix", 300, NULL},
    {"tiny_q4_0", 200, "PENCL_PASSES=none"},
    {"tiny_f16", 256, "PENCL_LIMIT=alloc:256K"},
};

/* n ids, "1,2,3,..". */
static void write_ids(char *to, size_t room, int n)
{
    size_t size = 0;
    for (int i = 0; i < n; i++) {
        size += (size_t)snprintf(to + size, room - size, "%s%d", i > 0 ? "," : "", 1 + i % 40);
    }
}

START_TEST(plans_agree_with_what_is_created)
{
    const struct plan_row *p = &plans[_i];
    char path[TEST_PATH];
    char context[16];
    char ids[4096];
    snprintf(path, sizeof path, "%s/tiny/%s.gguf", PENCL_TEST_DATA, p->model);
    snprintf(context, sizeof context, "%d", p->context);
    write_ids(ids, sizeof ids, p->context - 4);
    const command_row plan = {.name = path,
                              .args = {"inspect", "-q", "-m", path, "--plan", "-c", context},
                              .env = p->env};
    const command_row run = {
        .name = path,
        .args = {"generate", "-q", "-m", path, "--tokens", ids, "-n", "3", "-c", context},
        .env = p->env};
    command_run(&got, &plan, folder);
    ck_assert_msg(got.status == DONE, "%s", got.err);
    const double total = bytes_of("total");
    const double sum = bytes_of("weights") + bytes_of("cache") + bytes_of("temporaries");
    ck_assert_msg(fabs(sum - total) < 0.01 * total, "%.0f is not the sum, %.0f", total, sum);
    command_run(&got, &run, folder);
    ck_assert_msg(got.status == DONE, "%s", got.err);
    ck_assert_int_eq(report(LIVE), 0);
    ck_assert_msg(fabs((double)report(PEAK) - total) <= 0.05 * total,
                  "%s in %d tokens: %.0f bytes planned, %lld created", p->model, p->context, total,
                  (long long)report(PEAK));
}
END_TEST

/* ---- refusals ---- */

#define MODEL PENCL_TEST_DATA "/tiny/tiny_mix.gguf"

static void run_with_context(const char *context, const char *env)
{
    const command_row row = {
        .name = context,
        .args = {"generate", "-q", "-m", MODEL, "--tokens", "1,2,3", "-n", "3", "-c", context},
        .env = env};
    command_run(&got, &row, folder);
}

/* Refused before anything is created; the context that is named does, and the next one does not. */
START_TEST(the_longest_context_is_named)
{
    static const char *const limits[] = {"PENCL_LIMIT=mem:2M", "PENCL_LIMIT=alloc:200K"};
    char context[16];
    int most = 0;
    run_with_context("8000", NULL); /* kernels are tried out */
    ck_assert_msg(got.status == DONE, "%s", got.err);
    run_with_context("8000", limits[_i]);
    ck_assert_int_eq(got.status, FAILED);
    ck_assert_int_eq(report(ALL), 0);
    ck_assert_msg(strstr(got.err, "tiny_mix.gguf does not fit on ") != NULL, "%s", got.err);
    const char *at = strstr(got.err, "What would fit: a context of ");
    ck_assert_msg(at != NULL, "%s", got.err);
    ck_assert_int_eq(sscanf(at, "What would fit: a context of %d tokens", &most), 1);
    ck_assert(most >= 16 && most < 8000);
    snprintf(context, sizeof context, "%d", most);
    run_with_context(context, limits[_i]);
    ck_assert_msg(got.status == DONE, "%s", got.err);
    snprintf(context, sizeof context, "%d", most + 16);
    run_with_context(context, limits[_i]);
    ck_assert_int_eq(got.status, FAILED);
}
END_TEST

/* 1 MiB is for trials; what is left holds less than the weights. */
START_TEST(nothing_is_promised_that_does_not_fit)
{
    run_with_context("64", "PENCL_LIMIT=mem:1050K");
    ck_assert_int_eq(got.status, FAILED);
    ck_assert_msg(strstr(got.err, "does not fit") != NULL, "%s", got.err);
    ck_assert_msg(strstr(got.err, "What would fit") == NULL, "%s", got.err);
    ck_assert_int_eq(report(ALL), 0);
}
END_TEST

/* float16 weights take more than there is, blocks of 4 bits less. */
START_TEST(a_smaller_type_is_named)
{
    const command_row row = {.name = "f16",
                             .args = {"generate", "-m", PENCL_TEST_DATA "/tiny/tiny_f16.gguf",
                                      "--tokens", "1,2,3", "-c", "16"},
                             .status = FAILED,
                             .err = "What would fit: weights in q",
                             .env = "PENCL_LIMIT=mem:1200K"};
    command_check(&row, folder);
}
END_TEST

/* ---- the driver has no memory ---- */

START_TEST(a_failed_allocation_says_how_much)
{
    static const char *const sizes = " bytes more than the ";
    char fault[32];
    int64_t left[2];
    run_with_context("64", NULL);
    use_layer(PENCL_TEST_FAULTS);
    for (int n = 1; n < 30; n += 6) {
        snprintf(fault, sizeof fault, "%d:clCreateBuffer", n);
        setenv("PENCL_FAULT", fault, 1);
        run_with_context("64", NULL);
        ck_assert_msg(got.status == FAILED && strstr(got.err, "clCreateBuffer: CL_MEM_") != NULL &&
                          strstr(got.err, sizes) != NULL,
                      "%s: status %d, %s", fault, got.status, got.err);
        FILE *file = fopen(test_path(folder, "faults"), "rb");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fread(left, sizeof *left, 2, file), 2);
        fclose(file);
        ck_assert_msg(left[1] == 0, "%s: %d objects are left", fault, (int)left[1]);
    }
}
END_TEST

Suite *suite_cli_memory(void);
Suite *suite_cli_memory(void)
{
    Suite *suite = suite_create("cli_memory");
    TCase *tc = tcase_create("memory");
    tcase_set_timeout(tc, 600);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, plans_agree_with_what_is_created, 0,
                        (int)(sizeof plans / sizeof *plans));
    tcase_add_loop_test(tc, the_longest_context_is_named, 0, 2);
    tcase_add_test(tc, nothing_is_promised_that_does_not_fit);
    tcase_add_test(tc, a_smaller_type_is_named);
    tcase_add_test(tc, a_failed_allocation_says_how_much);
    suite_add_tcase(suite, tc);
    return suite;
}
