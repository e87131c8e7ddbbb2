/* SPDX-License-Identifier: Apache-2.0 */
/* pencl doctor on made-up machines: every fault with its mend, and nothing where nothing is amiss.
 */
#include "support/command.h"
#include "support/folder.h"
#include "support/machine.h"

#include "pencl/machine.h"

#include <check.h>
#include <grp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DONE, FAILED };

static char folder[TEST_PATH];
static command_result r;

static const machine_gpu radeon = {"0000:03:00.0", "0x1002", "0x73bf", "amdgpu"};
static const machine_gpu arc = {"0000:04:00.0", "0x8086", "0x56a0", "i915"};
static const machine_gpu geforce = {"0000:05:00.0", "0x10de", "0x2684", "nvidia"};
static const machine_gpu server = {"0000:06:00.0", "0x1a03", "0x2000", "ast"};

/* A machine of this name of made_up.c, with nothing in its tree. */
static void setup(void)
{
    test_folder_make(folder);
    setenv("PENCL_ROOT", folder, 1);
    setenv("PENCL_OPENCL", PENCL_MADE_UP_OPENCL, 1);
    setenv("PENCL_CACHE", test_path(folder, "cache"), 1);
    setenv("MADE_UP", "intel", 1);
    unsetenv("OCL_ICD_VENDORS");
    unsetenv("RUSTICL_ENABLE");
    unsetenv("PENCL_DEVICE");
}

static void teardown(void)
{
    test_folder_remove(folder);
}

/* The finding of a code, or NULL; json_decref the document. */
static const json_t *finding(const json_t *document, const char *code)
{
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(json_object_get(document, "findings"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "code")), code) == 0) {
            return row;
        }
    }
    return NULL;
}

/* Runs doctor and devices; both must have the finding, saying this. */
static void expect(const char *code, int status, const char *what, const char *mend)
{
    const char *const commands[] = {"doctor", "devices"};
    for (int i = 0; i < 2; i++) {
        command_run(&r, &(command_row){.args = {commands[i], "--json"}}, folder);
        json_t *document = json_loads(r.out, 0, NULL);
        const json_t *row = finding(document, code);
        ck_assert_msg(row != NULL, "no %s in %s", code, r.out);
        const char *said = json_string_value(json_object_get(row, "what"));
        const char *does = json_string_value(json_object_get(row, "mend"));
        ck_assert_msg(strstr(said, what) != NULL, "\"%s\" lacks \"%s\"", said, what);
        ck_assert_msg(strstr(does, mend) != NULL, "\"%s\" lacks \"%s\"", does, mend);
        ck_assert_int_eq(json_is_true(json_object_get(row, "fault")), status == FAILED);
        ck_assert_int_eq(r.status, i == 0 ? status : DONE);
        json_decref(document);
    }
}

static void expect_no(const char *code)
{
    command_run(&r, &(command_row){.args = {"doctor", "--json"}}, folder);
    json_t *document = json_loads(r.out, 0, NULL);
    ck_assert_msg(document != NULL && finding(document, code) == NULL, "%s: %s", code, r.out);
    json_decref(document);
}

START_TEST(nothing_is_amiss_on_a_sound_machine)
{
    machine_add_gpu(folder, &arc);
    machine_add_gpu(folder, &server); /* a display of no OpenCL maker is no fault */
    machine_add_node(folder, "renderD128", 0600);
    command_check(&(command_row){"sound", {"doctor"}, DONE, .out = "nothing is amiss\n"}, folder);
    command_check(
        &(command_row){"the GPU is there",
                       {"doctor"},
                       DONE,
                       .out = "0000:04:00.0 Intel 8086:56a0, kernel driver i915, offered"},
        folder);
    command_check(&(command_row){"in brief", {"doctor", "-q"}, DONE, .out = "nothing is amiss\n"},
                  folder);
}
END_TEST

START_TEST(a_gpu_that_no_platform_has)
{
    machine_add_gpu(folder, &radeon);
    expect("gpu-without-platform", FAILED,
           "no OpenCL platform has the AMD GPU 1002:73bf at 0000:03",
           "apt-get install mesa-opencl-icd, then RUSTICL_ENABLE=radeonsi");
}
END_TEST

START_TEST(each_maker_has_its_package)
{
    setenv("MADE_UP", "twins", 1);
    machine_add_gpu(folder, &arc);
    expect("gpu-without-platform", FAILED, "Intel GPU 8086:56a0", "install intel-opencl-icd");
    machine_add_icd(folder, "intel.icd", "libigdrcl.so");
    expect("gpu-without-platform", FAILED, "Intel GPU 8086:56a0",
           "install mesa-opencl-icd, then RUSTICL_ENABLE=iris");
}
END_TEST

START_TEST(nvidia_has_its_package)
{
    machine_add_gpu(folder, &geforce);
    expect("gpu-without-platform", FAILED, "NVIDIA GPU 10de:2684", "install nvidia-opencl-icd");
}
END_TEST

START_TEST(a_driver_that_tells_addresses_is_believed)
{
    machine_gpu other = radeon;
    setenv("MADE_UP", "single", 1);
    machine_add_gpu(folder, &radeon);
    expect_no("gpu-without-platform");
    other.pci = "0000:c3:00.0";
    machine_add_gpu(folder, &other);
    expect("gpu-without-platform", FAILED, "at 0000:c3:00.0", "mesa-opencl-icd");
    setenv("MADE_UP", "twins", 1); /* the third of these does not tell its address */
    expect_no("gpu-without-platform");
}
END_TEST

START_TEST(a_gpu_without_a_driver_of_the_kernel)
{
    machine_gpu bare = radeon;
    bare.driver = NULL;
    machine_add_gpu(folder, &bare);
    expect("gpu-without-kernel-driver", FAILED, "AMD GPU 1002:73bf", "firmware-amd-graphics");
}
END_TEST

START_TEST(rusticl_without_devices)
{
    setenv("MADE_UP", "rusticl", 1);
    expect("rusticl-empty", DONE, "there is no GPU", "RUSTICL_ENABLE=llvmpipe");
}
END_TEST

START_TEST(rusticl_without_the_gpu_that_is_there)
{
    setenv("MADE_UP", "rusticl", 1);
    machine_add_gpu(folder, &radeon);
    machine_add_node(folder, "renderD128", 0600);
    expect("rusticl-empty", FAILED, "Rusticl has no device", "RUSTICL_ENABLE=radeonsi,iris");
    expect("gpu-without-platform", FAILED, "AMD GPU", "RUSTICL_ENABLE=radeonsi pencl devices");
}
END_TEST

START_TEST(clover_beside_rusticl)
{
    setenv("MADE_UP", "mesa", 1);
    machine_add_gpu(folder, &radeon);
    command_check(&(command_row){"Clover", {"devices"}, DONE, .out = "note: Clover, Mesa's older"},
                  folder);
    command_check(&(command_row){"what to do", {"doctor"}, FAILED, .out = "try: -d rusticl"},
                  folder);
}
END_TEST

START_TEST(a_device_of_opencl_1_1)
{
    setenv("MADE_UP", "old", 1);
    expect("old-device", FAILED, "old:0 (Old Card) cannot be used: older than OpenCL 1.2",
           "a newer driver");
    expect("no-device", FAILED, "no device can be used", "pocl-opencl-icd");
}
END_TEST

START_TEST(an_icd_file_of_a_missing_library)
{
    machine_add_icd(folder, "gone.icd", "/nonexistent/libgone.so");
    expect("icd-library", FAILED, "gone.icd names /nonexistent/libgone.so, which does not exist",
           "sudo rm ");
}
END_TEST

START_TEST(an_icd_file_of_a_library_that_cannot_be_loaded)
{
    char library[2 * TEST_PATH];
    snprintf(library, sizeof library, "%s/libbroken.so", folder);
    test_write(library, "no library", 10);
    machine_add_icd(folder, "broken.icd", library);
    expect("icd-broken", FAILED, "which cannot be loaded", "ldd ");
}
END_TEST

START_TEST(no_loader_at_all)
{
    setenv("PENCL_OPENCL", "/nonexistent/libOpenCL.so", 1);
    expect("no-loader", FAILED, "tried /nonexistent/libOpenCL.so", "unset PENCL_OPENCL");
}
END_TEST

START_TEST(a_strange_folder_of_icd_files)
{
    setenv("OCL_ICD_VENDORS", "/nonexistent/vendors", 1);
    expect("icd-folder", FAILED, "OCL_ICD_VENDORS is /nonexistent/vendors",
           "unset OCL_ICD_VENDORS");
}
END_TEST

START_TEST(a_variable_that_names_no_device)
{
    machine_add_gpu(folder, &arc);
    setenv("PENCL_DEVICE", "nowhere", 1);
    command_check(&(command_row){"PENCL_DEVICE",
                                 {"doctor"},
                                 FAILED,
                                 .out = "amiss: PENCL_DEVICE is \"nowhere\", which no device is"},
                  folder);
}
END_TEST

/* Looks at two render nodes of a group as nobody, in this process: the command's file may be where
 * nobody may not go. */
static void expect_denied(gid_t group, const char *mend)
{
    machine_add_node(folder, "renderD128", 0660);
    machine_add_node(folder, "renderD129", 0666);
    chmod(folder, 0711);
    chmod(test_path(folder, "dev"), 0755);
    chmod(test_path(folder, "dev/dri"), 0755);
    ck_assert_int_eq(chown(test_path(folder, "dev/dri/renderD128"), 0, group), 0);
    ck_assert_int_eq(setgroups(0, NULL), 0);
    ck_assert_int_eq(setgid(65534), 0);
    ck_assert_int_eq(setuid(65534), 0);
    prctl(PR_SET_DUMPABLE, 1); /* for leak checkers, which look at the process from outside */
    pencl_device_list list = {0};
    pencl_machine *machine = NULL;
    pencl_ctx *ctx = pencl_ctx_new();
    ck_assert_int_eq(pencl_machine_new(&machine, ctx, &list), PENCL_OK);
    ck_assert_uint_eq(machine->n_nodes, 2);
    ck_assert_int_eq(machine->nodes[0].allowed, 0);
    ck_assert_int_eq(machine->nodes[1].allowed, 1);
    const pencl_finding *found = NULL;
    for (size_t i = 0; i < machine->n_findings; i++) {
        if (strcmp(machine->findings[i].code, "no-permission") == 0) {
            ck_assert_ptr_null(found);
            found = &machine->findings[i];
        }
    }
    ck_assert_ptr_nonnull(found);
    ck_assert_ptr_nonnull(strstr(found->what, "/dev/dri/renderD128, which belongs to the group "));
    ck_assert_msg(strstr(found->mend, mend) != NULL, "%s", found->mend);
    pencl_machine_free(machine);
    pencl_ctx_free(ctx);
}

/* Changing owners takes root. */
static bool is_root(void)
{
    if (geteuid() != 0) {
        const char *all = getenv("PENCL_REQUIRE_ALL");
        ck_assert(all == NULL || strcmp(all, "1") != 0);
        printf("SKIPPED: render nodes of other groups are made by root\n");
    }
    return geteuid() == 0;
}

START_TEST(no_permission_on_a_render_node)
{
    const struct group *video = getgrnam("video");
    if (is_root() && video != NULL) {
        expect_denied(video->gr_gid, "sudo usermod -a -G video \"$USER\", then log in again");
    }
}
END_TEST

START_TEST(no_permission_on_a_render_node_of_a_group_outside)
{
    if (is_root()) {
        expect_denied(54321, "--group-add 54321");
    }
}
END_TEST

START_TEST(no_permission_on_a_render_node_of_root)
{
    if (is_root()) {
        expect_denied(0, "sudo chgrp render ");
    }
}
END_TEST

START_TEST(reports_name_nobody)
{
    char path[2 * TEST_PATH];
    static char text[COMMAND_OUTPUT];
    setenv("HOME", folder, 1);
    setenv("USER", "ada", 1);
    setenv("MADE_UP", "twins", 1);
    setenv("LD_LIBRARY_PATH", "/home/ada/lib:/home/grace/lib:/home/user/lib", 1);
    machine_add_icd(folder, "gone.icd", "/home/ada/libgone.so");
    snprintf(path, sizeof path, "%s/report.json", folder);
    command_check(&(command_row){"report", {"doctor", "--report", path}, FAILED, .out = "amiss"},
                  folder);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    json_t *document = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(document);
    ck_assert_ptr_nonnull(finding(document, "icd-library"));
    json_decref(document);
    ck_assert_ptr_nonnull(
        strstr(text, "\"LD_LIBRARY_PATH\": \"/home/user/lib:/home/user/lib:/home/user/lib\""));
    ck_assert_ptr_nonnull(strstr(text, "~/cache"));
    ck_assert_msg(strstr(text, "ada") == NULL, "%s", text);
    ck_assert_msg(strstr(text, "grace") == NULL, "%s", text);
    ck_assert_msg(strstr(text, folder) == NULL, "%s", text);
    ck_assert_msg(strstr(text, "ab0000") == NULL, "%s", text); /* the start of made-up UUIDs */
}
END_TEST

START_TEST(a_report_that_cannot_be_written)
{
    machine_add_gpu(folder, &arc);
    command_check(&(command_row){"no folder",
                                 {"doctor", "--report", "/nonexistent/r.json"},
                                 FAILED,
                                 .err = "/nonexistent/r.json cannot be written"},
                  folder);
}
END_TEST

Suite *suite_cli_doctor(void);
Suite *suite_cli_doctor(void)
{
    Suite *suite = suite_create("cli_doctor");
    TCase *tcase = tcase_create("machines");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, nothing_is_amiss_on_a_sound_machine);
    tcase_add_test(tcase, a_gpu_that_no_platform_has);
    tcase_add_test(tcase, each_maker_has_its_package);
    tcase_add_test(tcase, nvidia_has_its_package);
    tcase_add_test(tcase, a_driver_that_tells_addresses_is_believed);
    tcase_add_test(tcase, a_gpu_without_a_driver_of_the_kernel);
    tcase_add_test(tcase, rusticl_without_devices);
    tcase_add_test(tcase, rusticl_without_the_gpu_that_is_there);
    tcase_add_test(tcase, clover_beside_rusticl);
    tcase_add_test(tcase, a_device_of_opencl_1_1);
    tcase_add_test(tcase, an_icd_file_of_a_missing_library);
    tcase_add_test(tcase, an_icd_file_of_a_library_that_cannot_be_loaded);
    tcase_add_test(tcase, no_loader_at_all);
    tcase_add_test(tcase, a_strange_folder_of_icd_files);
    tcase_add_test(tcase, a_variable_that_names_no_device);
    tcase_add_test(tcase, no_permission_on_a_render_node);
    tcase_add_test(tcase, no_permission_on_a_render_node_of_a_group_outside);
    tcase_add_test(tcase, no_permission_on_a_render_node_of_root);
    tcase_add_test(tcase, reports_name_nobody);
    tcase_add_test(tcase, a_report_that_cannot_be_written);
    suite_add_tcase(suite, tcase);
    return suite;
}
