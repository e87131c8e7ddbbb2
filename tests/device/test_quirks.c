/* SPDX-License-Identifier: Apache-2.0 */
/* Short platform names and what else drivers are known by; limits; journalled risks. */
#include "base/os.h"
#include "device/caps.h"
#include "device/quirks.h"
#include "device/risk.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pencl_ctx *ctx;

static void setup(void)
{
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(ctx);
}

static void teardown(void)
{
    pencl_ctx_free(ctx);
}

static void expect_short(const char *platform, const char *name)
{
    char out[32];
    pn_quirk_short_name(out, sizeof out, platform);
    ck_assert_str_eq(out, name);
}

START_TEST(platforms_have_short_names)
{
    expect_short("Portable Computing Language", "pocl");
    expect_short("Intel(R) OpenCL", "intel-cpu");
    expect_short("Intel(R) OpenCL HD Graphics", "intel-gpu");
    expect_short("Intel(R) OpenCL Graphics", "intel-gpu");
    expect_short("Intel(R) FPGA Emulation Platform for OpenCL(TM)", "intel-fpga");
    expect_short("AMD Accelerated Parallel Processing", "amd");
    expect_short("NVIDIA CUDA", "nvidia");
    expect_short("Clover", "clover");
    expect_short("rusticl", "rusticl");
    expect_short("Oclgrind", "oclgrind");
    expect_short("ARM Platform", "arm");
    expect_short("QUALCOMM Snapdragon(TM)", "qualcomm");
    expect_short("", "unknown");
}
END_TEST

START_TEST(software_is_known_by_its_device)
{
    ck_assert_int_eq(pn_quirk_find("rusticl", "llvmpipe (LLVM 15.0.6)")->software, 1);
    ck_assert_str_eq(pn_quirk_find("rusticl", "llvmpipe (LLVM 15.0.6)")->threads, "LP_NUM_THREADS");
    ck_assert_int_eq(pn_quirk_find("rusticl", "AMD Radeon RX 6600")->software, 0);
    ck_assert_int_eq(pn_quirk_find("Oclgrind", "Oclgrind Simulator")->software, 1);
    ck_assert_ptr_null(pn_quirk_find("ARM Platform", "Mali-G78"));
}
END_TEST

static unsigned hidden(const char *platform, const char *name, const char *opencl)
{
    pencl_device_info info = {.driver = "1"};
    snprintf(info.platform, sizeof info.platform, "%s", platform);
    snprintf(info.name, sizeof info.name, "%s", name);
    snprintf(info.opencl, sizeof info.opencl, "%s", opencl);
    return pn_driver_faults_hide(&info);
}

START_TEST(faults_of_drivers_hide_capabilities)
{
    const char *snapdragon = "QUALCOMM Snapdragon(TM)";
    const char *adreno = "QUALCOMM Adreno(TM)";
    ck_assert_uint_eq(hidden(snapdragon, adreno, "OpenCL 2.0 QUALCOMM Compiler E031.37.12"),
                      PN_CAP_SUBGROUPS);
    ck_assert_uint_eq(hidden(snapdragon, adreno, "OpenCL 2.0 QUALCOMM Compiler E031.38.9.0"),
                      PN_CAP_SUBGROUPS);
    ck_assert_uint_eq(hidden(snapdragon, adreno, "OpenCL 2.0 QUALCOMM Compiler E031.38.11.0"), 0);
    ck_assert_uint_eq(hidden(snapdragon, adreno, "OpenCL 3.0 QUALCOMM Compiler E031.41.03.64"), 0);
    ck_assert_uint_eq(hidden(snapdragon, adreno, "OpenCL 3.0 QUALCOMM"), 0);
    ck_assert_uint_eq(hidden("ARM Platform", "Mali-G78", "E031.37"), 0);
    for (size_t i = 0; i < pn_n_driver_faults; i++) {
        const pn_driver_fault *f = &pn_driver_faults[i];
        ck_assert_msg(f->fault[0] != '\0' && f->source[0] != '\0' && f->platform[0] != '\0',
                      "fault %zu", i);
        ck_assert_int_eq(f->mark[0] == '\0', f->fixed[0] == '\0');
    }
}
END_TEST

START_TEST(hide_and_limit_make_a_device_smaller)
{
    pn_limits limits;
    pn_caps caps = {.has = PN_CAP_FP16 | PN_CAP_SUBGROUPS | PN_CAP_OPENCL,
                    .memory = 1u << 30,
                    .max_alloc = 1u << 28,
                    .local_bytes = 65536,
                    .max_work_group = 1024,
                    .subgroups = {16, 32}};
    setenv("PENCL_HIDE", "subgroups,dot", 1);
    setenv("PENCL_LIMIT", "alloc:1M,wg:64,local:16K,mem:2G", 1);
    ck_assert_int_eq(pn_limits_read(&limits, ctx), PENCL_OK);
    pn_limits_apply(&caps, &limits);
    ck_assert_uint_eq(caps.has, PN_CAP_FP16 | PN_CAP_OPENCL);
    ck_assert_uint_eq(caps.subgroups[0], 0);
    ck_assert_uint_eq(caps.max_alloc, 1u << 20);
    ck_assert_uint_eq(caps.max_work_group, 64);
    ck_assert_uint_eq(caps.local_bytes, 16384);
    ck_assert_uint_eq(caps.memory, 1u << 30); /* a limit never makes it bigger */
}
END_TEST

static uint32_t size_of_subgroups(const char *limit, pn_caps *caps)
{
    pn_limits limits;
    setenv("PENCL_LIMIT", limit, 1);
    ck_assert_int_eq(pn_limits_read(&limits, ctx), PENCL_OK);
    pn_limits_apply(caps, &limits);
    ck_assert_uint_eq(caps->subgroups[1], 0);
    ck_assert_int_eq((caps->has & PN_CAP_SUBGROUPS) != 0, caps->subgroups[0] != 0);
    return caps->subgroups[0];
}

START_TEST(one_size_of_subgroups_is_left)
{
    pn_caps several = {.has = PN_CAP_SUBGROUPS, .subgroups = {8, 16, 32}};
    pn_caps without = several;
    pn_caps one = {.has = PN_CAP_SUBGROUPS, .subgroups = {64}};
    ck_assert_uint_eq(size_of_subgroups("subgroup:16", &several), 16);
    ck_assert_uint_eq(several.subgroup_size, 16);
    ck_assert_uint_eq(size_of_subgroups("subgroup:64", &one), 64);
    ck_assert_uint_eq(one.subgroup_size, 0); /* there is nothing to ask the compiler for */
    ck_assert_uint_eq(size_of_subgroups("subgroup:12", &without), 0);
}
END_TEST

static void expect_bad(const char *variable, const char *value, const char *named)
{
    pn_limits limits;
    setenv(variable, value, 1);
    pn_error_clear(ctx);
    ck_assert_msg(pn_limits_read(&limits, ctx) == PENCL_E_ARG, "%s is taken", value);
    ck_assert_msg(strstr(pencl_error_text(ctx), named) != NULL, "%s", pencl_error_text(ctx));
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), variable));
    unsetenv(variable);
}

START_TEST(words_that_are_not_understood_are_errors)
{
    expect_bad("PENCL_HIDE", "fp16,warp", "\"warp\"");
    expect_bad("PENCL_HIDE", "fp16,,dot", "\"\"");
    expect_bad("PENCL_LIMIT", "alloc:0", "\"alloc:0\"");
    expect_bad("PENCL_LIMIT", "alloc:1T", "\"alloc:1T\"");
    expect_bad("PENCL_LIMIT", "alloc:-1", "\"alloc:-1\"");
    expect_bad("PENCL_LIMIT", "alloc:99999999999999G", "alloc");
    expect_bad("PENCL_LIMIT", "size:1", "\"size:1\"");
    expect_bad("PENCL_LIMIT", "wg", "\"wg\"");
    expect_bad("PENCL_LIMIT", "subgroup:0", "\"subgroup:0\"");
}
END_TEST

/* A process that dies in the middle of `what`, or that refuses it. */
static void die_in(const char *what, pn_deaths most, pencl_status expected)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        pn_journal *journal = NULL;
        _exit(pn_risk_begin(&journal, ctx, what, most) == expected ? 0 : 1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

static char cache[] = "/tmp/pencl-test-XXXXXX";

static void setup_cache(void)
{
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(mkdtemp(cache));
    setenv("PENCL_CACHE", cache, 1);
}

static void teardown_cache(void)
{
    pencl_ctx_free(ctx);
    ck_assert_int_eq(rmdir(cache), 0); /* nothing is left behind */
}

static pencl_status begin_and_end(pn_journal **journal, const char *what, pn_deaths most)
{
    pn_error_clear(ctx);
    pencl_status status = pn_risk_begin(journal, ctx, what, most);
    pn_risk_end(*journal, ctx, what);
    return status;
}

START_TEST(what_killed_a_process_is_refused_until_asked_for)
{
    pn_journal *journal = NULL;
    die_in("list 1234", PN_ONE_DEATH, PENCL_OK);
    ck_assert_int_eq(pencl_drivers_proven(ctx), 0);
    ck_assert_int_eq(begin_and_end(&journal, "list 1234", PN_ONE_DEATH), PENCL_E_BUILD);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "the last process died in it"));
    ck_assert_int_eq(begin_and_end(&journal, "list 5678", PN_ONE_DEATH), PENCL_OK);
    setenv("PENCL_RETRY", "1", 1);
    ck_assert_int_eq(begin_and_end(&journal, "list 1234", PN_ONE_DEATH), PENCL_OK);
    unsetenv("PENCL_RETRY");
    ck_assert_int_eq(begin_and_end(&journal, "list 1234", PN_ONE_DEATH), PENCL_OK);
    pn_journal_close(journal);
}
END_TEST

START_TEST(one_death_may_be_bad_luck)
{
    pn_journal *journal = NULL;
    die_in("build 1234 matmul", PN_TWO_DEATHS, PENCL_OK);
    ck_assert_int_eq(begin_and_end(&journal, "build 1234 matmul", PN_TWO_DEATHS), PENCL_OK);
    pn_journal_close(journal);
    journal = NULL;
    for (int i = 0; i < 2; i++) { /* the first death was forgotten */
        die_in("build 1234 matmul", PN_TWO_DEATHS, PENCL_OK);
    }
    die_in("build 1234 matmul", PN_TWO_DEATHS, PENCL_E_BUILD);
    ck_assert_int_eq(begin_and_end(&journal, "build 1234 matmul", PN_TWO_DEATHS), PENCL_E_BUILD);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "two processes died in it"));
    setenv("PENCL_RETRY", "1", 1);
    ck_assert_int_eq(begin_and_end(&journal, "build 1234 matmul", PN_TWO_DEATHS), PENCL_OK);
    unsetenv("PENCL_RETRY");
    pn_journal_close(journal);
}
END_TEST

Suite *suite_device_quirks(void);
Suite *suite_device_quirks(void)
{
    Suite *suite = suite_create("device_quirks");
    TCase *tcase = tcase_create("drivers");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, platforms_have_short_names);
    tcase_add_test(tcase, software_is_known_by_its_device);
    tcase_add_test(tcase, faults_of_drivers_hide_capabilities);
    tcase_add_test(tcase, hide_and_limit_make_a_device_smaller);
    tcase_add_test(tcase, one_size_of_subgroups_is_left);
    tcase_add_test(tcase, words_that_are_not_understood_are_errors);
    suite_add_tcase(suite, tcase);
    TCase *risks = tcase_create("risks");
    tcase_add_checked_fixture(risks, setup_cache, teardown_cache);
    tcase_add_test(risks, what_killed_a_process_is_refused_until_asked_for);
    tcase_add_test(risks, one_death_may_be_bad_luck);
    suite_add_tcase(suite, risks);
    return suite;
}
