/* SPDX-License-Identifier: Apache-2.0 */
/* Which device words mean, over made-up tables of devices. */
#include "device/select.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* A machine with everything: two discrete GPUs of one vendor, an integrated one, CPUs, software. */
static const pencl_device_info zoo[] = {
    {.number = 0,
     .id = "pocl:0",
     .name = "pthread-AMD EPYC",
     .vendor = "AuthenticAMD",
     .platform = "Portable Computing Language",
     .type = PENCL_DEVICE_CPU,
     .compute_units = 8,
     .unified = 1,
     .usable = 1},
    {.number = 1,
     .id = "intel-cpu:0",
     .name = "Intel(R) Core(TM)",
     .vendor = "Intel(R) Corporation",
     .platform = "Intel(R) OpenCL",
     .type = PENCL_DEVICE_CPU,
     .unified = 1,
     .usable = 1},
    {.number = 2,
     .id = "intel-gpu:0",
     .name = "Intel(R) Iris(R) Xe",
     .vendor = "Intel(R) Corporation",
     .platform = "Intel(R) OpenCL Graphics",
     .type = PENCL_DEVICE_GPU,
     .unified = 1,
     .usable = 1},
    {.number = 3,
     .id = "amd:0",
     .name = "gfx1030",
     .vendor = "Advanced Micro Devices, Inc.",
     .platform = "AMD Accelerated Parallel Processing",
     .type = PENCL_DEVICE_GPU,
     .pci = "0000:03:00.0",
     .usable = 1},
    {.number = 4,
     .id = "amd:1",
     .name = "gfx90a",
     .vendor = "Advanced Micro Devices, Inc.",
     .platform = "AMD Accelerated Parallel Processing",
     .type = PENCL_DEVICE_GPU,
     .pci = "0000:83:00.0",
     .uuid = "00112233445566778899aabbccddeeff",
     .usable = 1},
    {.number = 5,
     .id = "rusticl:0",
     .name = "llvmpipe (LLVM 15)",
     .vendor = "Mesa/X.org",
     .platform = "rusticl",
     .type = PENCL_DEVICE_CPU,
     .unified = 1,
     .software = 1,
     .usable = 1},
    {.number = 6,
     .id = "old:0",
     .name = "Old Card",
     .vendor = "Old Inc.",
     .platform = "Old CL",
     .type = PENCL_DEVICE_GPU,
     .why = "cannot be used: older than OpenCL 1.2"},
    {.number = 7,
     .id = "acme:0",
     .name = "DSP 9",
     .vendor = "Acme",
     .platform = "Acme OpenCL",
     .type = PENCL_DEVICE_ACCELERATOR,
     .usable = 1},
    {.number = 8,
     .id = "ref",
     .name = "C reference",
     .vendor = "pencl",
     .platform = "pencl",
     .type = PENCL_DEVICE_REF,
     .unified = 1,
     .usable = 1},
};

static pencl_ctx *ctx;

static void setup(void)
{
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(ctx);
    unsetenv("PENCL_DEVICE");
}

static void teardown(void)
{
    pencl_ctx_free(ctx);
}

/* `words` mean exactly these ids, "a b c", best first. */
static void expect(const char *words, const char *ids)
{
    pn_choice choice;
    char got[256] = "";
    pn_error_clear(ctx);
    pencl_status status = pn_select(&choice, ctx, zoo, PN_COUNT(zoo), words, "device");
    ck_assert_msg(status == PENCL_OK, "%s: %s", words == NULL ? "(none)" : words,
                  pencl_error_text(ctx));
    for (size_t i = 0; i < choice.n; i++) {
        strcat(got, i == 0 ? "" : " ");
        char id[64];
        pn_pick_id(id, sizeof id, zoo, &choice.picks[i]);
        strcat(got, id);
    }
    ck_assert_str_eq(got, ids);
    pn_choice_free(&choice);
}

/* `words` are refused, and the text has this part. */
static void expect_refused(const char *words, const char *part)
{
    pn_choice choice;
    pn_error_clear(ctx);
    pencl_status status = pn_select(&choice, ctx, zoo, PN_COUNT(zoo), words, "device");
    ck_assert_msg(status == PENCL_E_DEVICE, "\"%s\" is not refused", words);
    ck_assert_msg(strstr(pencl_error_text(ctx), part) != NULL, "\"%s\" lacks \"%s\"",
                  pencl_error_text(ctx), part);
}

START_TEST(default_ranks_discrete_integrated_accelerator_cpu)
{
    expect(NULL, "amd:0 amd:1 intel-gpu:0 acme:0 pocl:0 intel-cpu:0");
    expect("", "amd:0 amd:1 intel-gpu:0 acme:0 pocl:0 intel-cpu:0");
}
END_TEST

START_TEST(default_never_takes_software_or_ref)
{
    pn_choice choice;
    const pencl_device_info only[] = {zoo[5], zoo[8]};
    ck_assert_int_eq(pn_select(&choice, ctx, only, 2, NULL, ""), PENCL_E_DEVICE);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "ref"));
}
END_TEST

START_TEST(numbers_and_ids_mean_one_device)
{
    expect("0", "pocl:0");
    expect("5", "rusticl:0");
    expect("8", "ref");
    expect("amd:1", "amd:1");
    expect("Intel-CPU:0", "intel-cpu:0");
    expect("0,2", "pocl:0 intel-gpu:0");
    expect("2, 0", "intel-gpu:0 pocl:0");
    expect("0,0", "pocl:0");
}
END_TEST

START_TEST(short_platform_names_match_only_their_platform)
{
    expect("amd", "amd:0 amd:1"); /* not PoCL on AMD's CPU */
    expect("intel", "intel-gpu:0 intel-cpu:0");
    expect("intel-cpu", "intel-cpu:0");
    expect("pocl", "pocl:0");
    expect("acme", "acme:0"); /* a short name that only the list knows */
    expect_refused("nvidia", "no device is \"nvidia\"");
}
END_TEST

START_TEST(other_words_match_parts_of_vendor_platform_and_name)
{
    expect("epyc", "pocl:0");
    expect("portable", "pocl:0");
    expect("Advanced", "amd:0 amd:1");
    expect("xe", "intel-gpu:0");
}
END_TEST

START_TEST(every_word_must_match)
{
    expect("intel gpu", "intel-gpu:0");
    expect("intel  cpu", "intel-cpu:0");
    expect("amd gfx90a", "amd:1");
    expect_refused("amd cpu", "no device is \"amd cpu\"");
}
END_TEST

START_TEST(types_match_types_and_leave_out_software)
{
    expect("cpu", "pocl:0 intel-cpu:0");
    expect("GPU", "amd:0 amd:1 intel-gpu:0");
    expect("accelerator", "acme:0");
    expect("all", "amd:0 amd:1 intel-gpu:0 acme:0 pocl:0 intel-cpu:0");
    expect("gpu,cpu", "amd:0 amd:1 intel-gpu:0 pocl:0 intel-cpu:0");
}
END_TEST

START_TEST(software_and_ref_are_taken_when_named)
{
    expect("rusticl", "rusticl:0");
    expect("llvmpipe", "rusticl:0");
    expect("mesa cpu", "rusticl:0");
    expect("ref", "ref");
    expect("pocl,ref", "pocl:0 ref");
}
END_TEST

START_TEST(refusals_list_the_choices)
{
    expect_refused("9", "no device is \"9\"; the choices are 0 pocl:0 (pthread-AMD EPYC, cpu), 1");
    expect_refused("pocl:1", "8 ref");
    expect_refused("0,nothing", "device: no device is \"nothing\"");
    expect_refused("0,", "no device is \"\"");
    expect_refused("-1", "no device is \"-1\"");
    expect_refused("99999999999999999999", "no device is");
}
END_TEST

START_TEST(parts_of_devices_have_so_many_cores)
{
    expect("pocl:0/cores=1", "pocl:0/cores=1");
    expect("0/cores=8", "pocl:0/cores=8");
    expect("epyc/cores=2, pocl:0", "pocl:0/cores=2 pocl:0");
    expect("0/cores=1,0/cores=2,pocl:0/cores=1", "pocl:0/cores=1 pocl:0/cores=2");
    expect_refused("pocl:0/cores=9", "device: pocl:0/cores=9: pocl:0 has 8 compute units");
    expect_refused("ref/cores=1", "ref has 0 compute units");
    expect_refused("nowhere/cores=1", "no device is \"nowhere\"");
    expect_refused("pocl:0/cores=0", "\"pocl:0/cores=0\": a part of a device is asked for as");
    expect_refused("pocl:0/cores=", "a part of a device");
    expect_refused("pocl:0/cores=x", "a part of a device");
    expect_refused("pocl:0/cores=99999999999999999999", "a part of a device");
    expect_refused("/cores=1", "a part of a device");
    expect_refused("pocl:0/threads=1", "no device is \"pocl:0/threads=1\"");
}
END_TEST

START_TEST(identical_devices_are_told_apart)
{
    expect("0000:03:00.0", "amd:0");
    expect("0000:83:00.0", "amd:1");
    expect("00112233445566778899AABBCCDDEEFF", "amd:1");
    expect_refused("0000:04:00.0", "no device is");
}
END_TEST

START_TEST(unusable_device_is_refused_with_its_reason)
{
    expect_refused("old:0", "device: old:0 cannot be used: older than OpenCL 1.2");
    expect_refused("6", "older than OpenCL 1.2");
}
END_TEST

START_TEST(reason_names_the_others)
{
    pn_choice choice;
    ck_assert_int_eq(pn_select(&choice, ctx, zoo, PN_COUNT(zoo), "intel", "device"), PENCL_OK);
    ck_assert_str_eq(choice.reason, "matches \"intel\"; also there: intel-cpu:0");
    pn_choice_free(&choice);
    ck_assert_int_eq(pn_select(&choice, ctx, zoo, 1, NULL, ""), PENCL_OK);
    ck_assert_str_eq(choice.reason, "the only device that need not be named");
    pn_choice_free(&choice);
}
END_TEST

START_TEST(match_reads_the_environment_and_names_it)
{
    pencl_device_info rows[PN_COUNT(zoo)];
    pencl_device_list list = {.n_devices = PN_COUNT(zoo), .devices = rows};
    pencl_device_pick *found = NULL;
    size_t n = 0;
    memcpy(rows, zoo, sizeof zoo);
    setenv("PENCL_DEVICE", "intel-gpu", 1);
    ck_assert_int_eq(pencl_device_match(&found, &n, ctx, &list, NULL), PENCL_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_eq(found[0].row, 2);
    pencl_device_picks_free(found);
    setenv("PENCL_DEVICE", "nowhere", 1);
    ck_assert_int_eq(pencl_device_match(&found, &n, ctx, &list, NULL), PENCL_E_DEVICE);
    ck_assert_ptr_null(found);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "PENCL_DEVICE: no device is \"nowhere\""));
    ck_assert_int_eq(pencl_device_match(&found, &n, ctx, &list, "ref"), PENCL_OK);
    ck_assert_uint_eq(found[0].row, 8);
    pencl_device_picks_free(found);
}
END_TEST

Suite *suite_device_select(void);
Suite *suite_device_select(void)
{
    Suite *suite = suite_create("device_select");
    TCase *tcase = tcase_create("words");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, default_ranks_discrete_integrated_accelerator_cpu);
    tcase_add_test(tcase, default_never_takes_software_or_ref);
    tcase_add_test(tcase, numbers_and_ids_mean_one_device);
    tcase_add_test(tcase, short_platform_names_match_only_their_platform);
    tcase_add_test(tcase, other_words_match_parts_of_vendor_platform_and_name);
    tcase_add_test(tcase, every_word_must_match);
    tcase_add_test(tcase, types_match_types_and_leave_out_software);
    tcase_add_test(tcase, software_and_ref_are_taken_when_named);
    tcase_add_test(tcase, refusals_list_the_choices);
    tcase_add_test(tcase, parts_of_devices_have_so_many_cores);
    tcase_add_test(tcase, identical_devices_are_told_apart);
    tcase_add_test(tcase, unusable_device_is_refused_with_its_reason);
    tcase_add_test(tcase, reason_names_the_others);
    tcase_add_test(tcase, match_reads_the_environment_and_names_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
