/* SPDX-License-Identifier: Apache-2.0 */
/* Which device a command takes: scripted selections over every platform that needs no GPU, and over
 * made-up machines with GPUs. */
#include "support/command.h"
#include "support/folder.h"
#include "support/platform.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TINY PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf"

/* What is asked for on all platforms: Oclgrind, Intel's runtime, PoCL, Rusticl on llvmpipe, `ref`;
 * beside them Clover without a device and Intel's GPU driver without a platform. %N in `words` is
 * the number of the device with that id: "%pocl:0". */
typedef struct selection {
    const char *words; /* of -d; NULL: none */
    const char *ids;   /* "a b", best first: what is taken; NULL: refused */
    const char *said;  /* part of the refusal */
    const char *type;  /* of -D, or NULL */
    const char *env;   /* PENCL_DEVICE, or NULL */
} selection;

#define BOTH                                                                                       \
    "intel-cpu:0 pocl:0" /* in the order of the list, which is the loader's: sorted here           \
                          */

#define TAKES(given, wanted)                                                                       \
    {                                                                                              \
        .words = (given), .ids = (wanted)                                                          \
    }
#define REFUSED(given, reason)                                                                     \
    {                                                                                              \
        .words = (given), .said = (reason)                                                         \
    }
static const selection selections[] = {
    /* ids */
    TAKES("pocl:0", "pocl:0"),
    TAKES("POCL:0", "pocl:0"),
    TAKES("intel-cpu:0", "intel-cpu:0"),
    TAKES("rusticl:0", "rusticl:0"),
    TAKES("oclgrind:0", "oclgrind:0"),
    TAKES("ref", "ref"),
    TAKES("REF", "ref"),
    REFUSED("pocl:1", "no device is \"pocl:1\"; the choices are 0 "),
    REFUSED("pocl:", "no device is \"pocl:\""),
    REFUSED("pocl:00", "no device is \"pocl:00\""),
    REFUSED("pocl:-1", "no device is \"pocl:-1\""),
    REFUSED("clover:0", "no device is \"clover:0\""),
    REFUSED("intel-gpu:0", "no device is \"intel-gpu:0\""),
    REFUSED("ref:0", "no device is \"ref:0\""),
    /* numbers */
    TAKES("%pocl:0", "pocl:0"),
    TAKES("%intel-cpu:0", "intel-cpu:0"),
    TAKES("%rusticl:0", "rusticl:0"),
    TAKES("%oclgrind:0", "oclgrind:0"),
    TAKES("%ref", "ref"),
    TAKES(" %pocl:0 ", "pocl:0"),
    REFUSED("5", "no device is \"5\""),
    REFUSED("99999999999999999999", "no device is \"99999999999999999999\""),
    REFUSED("-1", "no device is \"-1\""),
    REFUSED("1.0", "no device is \"1.0\""),
    /* lists */
    TAKES("pocl:0,rusticl:0", "pocl:0 rusticl:0"),
    TAKES("rusticl:0,pocl:0", "rusticl:0 pocl:0"),
    TAKES("pocl:0, ref , oclgrind:0", "pocl:0 ref oclgrind:0"),
    TAKES("ref,ref,pocl:0,ref", "ref pocl:0"),
    REFUSED("pocl:0,,ref", "no device is \"\""),
    REFUSED("pocl:0,", "no device is \"\""),
    REFUSED(",", "no device is \"\""),
    REFUSED("pocl:0,nowhere", "no device is \"nowhere\""),
    REFUSED("0,1,2,3,4,5", "no device is \"5\""),
    /* words */
    TAKES("pocl", "pocl:0"),
    TAKES("intel", "intel-cpu:0"),
    TAKES("intel-cpu", "intel-cpu:0"),
    TAKES("intel cpu", "intel-cpu:0"),
    REFUSED("intel gpu", "no device is \"intel gpu\""),
    REFUSED("intel-gpu", "no device is \"intel-gpu\""),
    TAKES("rusticl", "rusticl:0"),
    TAKES("llvmpipe", "rusticl:0"),
    TAKES("mesa cpu", "rusticl:0"),
    TAKES("oclgrind", "oclgrind:0"),
    TAKES("simulator", "oclgrind:0"),
    TAKES("portable", "pocl:0"),
    TAKES("PORTABLE computing", "pocl:0"),
    TAKES("pthread cpu", "pocl:0"),
    REFUSED("amd", "no device is \"amd\""), /* a platform's name, though the CPU may be AMD's */
    REFUSED("nvidia", "no device is \"nvidia\""),
    REFUSED("clover", "no device is \"clover\""),
    REFUSED("adreno", "no device is \"adreno\""),
    REFUSED("pocl gpu", "no device is \"pocl gpu\""),
    REFUSED("gr\xc3\xb6\xc3\x9f", "no device is \"gr\xc3\xb6\xc3\x9f\""),
    /* types */
    TAKES("cpu", BOTH),
    TAKES("CPU", BOTH),
    TAKES("all", BOTH),
    REFUSED("gpu", "no device is \"gpu\""),
    REFUSED("accelerator", "no device is \"accelerator\""),
    {NULL, BOTH, .type = "cpu"},
    {NULL, BOTH, .type = "all"},
    {NULL, "ref", .type = "ref"},
    {NULL, NULL, "no device is \"gpu\"", .type = "gpu"},
    {"pocl:0", "pocl:0", .type = "gpu"}, /* -d overrides -D */
    TAKES("pocl,cpu", "pocl:0 intel-cpu:0"),
    TAKES("ref,all", "ref " BOTH),
    /* parts */
    TAKES("pocl:0/cores=1", "pocl:0/cores=1"),
    TAKES("pocl/cores=1,pocl", "pocl:0/cores=1 pocl:0"),
    REFUSED("pocl:0/cores=0", "\"pocl:0/cores=0\": a part of a device is asked for as"),
    REFUSED("pocl:0/cores=-1", "a part of a device is asked for as pocl:0/cores=1"),
    REFUSED("pocl:0/cores=9999", "pocl:0/cores=9999: pocl:0 has "),
    REFUSED("pocl:0#1", "no device is \"pocl:0#1\""),
    /* the environment */
    {"pocl:0", "pocl:0", .env = "nowhere"},
    {NULL, "ref", .type = "ref", .env = "nowhere"},
    {NULL, NULL, "PENCL_DEVICE: no device is \"nowhere\"; the choices are", .env = "nowhere"},
    {NULL, NULL, "PENCL_DEVICE: no device is \"pocl:7\"", .env = "rusticl,pocl:7"},
    {NULL, NULL, "PENCL_DEVICE: \"pocl/cores=x\": a part of a device", .env = "pocl/cores=x"},
};

static char folder[TEST_PATH];

static void setup(void)
{
    test_folder_make(folder);
    unsetenv("PENCL_DEVICE");
}

static void teardown(void)
{
    test_folder_remove(folder);
}

/* `words` with a "%id" replaced by that device's number. */
static const char *with_number(char to[64], const char *words)
{
    static command_result r;
    const char *at = words == NULL ? NULL : strchr(words, '%');
    if (at == NULL) {
        return words;
    }
    char id[32];
    snprintf(id, sizeof id, "%.*s", (int)strcspn(at + 1, " "), at + 1);
    command_run(&r, &(command_row){.args = {"devices", "--json"}}, folder);
    json_t *list = json_loads(r.out, 0, NULL);
    const json_t *device = NULL;
    size_t i = 0;
    int number = -1;
    json_array_foreach(json_object_get(list, "devices"), i, device)
    {
        if (strcmp(json_string_value(json_object_get(device, "id")), id) == 0) {
            number = (int)json_integer_value(json_object_get(device, "number"));
            ck_assert_int_eq(number, (int)i);
        }
    }
    json_decref(list);
    ck_assert_msg(number >= 0, "no %s in %s", id, r.out);
    snprintf(to, 64, "%.*s%d%s", (int)(at - words), words, number, at + 1 + strlen(id));
    return to;
}

/* The ids of a list in its order, as words. */
static void read_ids(char to[256], const char *document)
{
    json_t *list = json_loads(document, 0, NULL);
    const json_t *device = NULL;
    size_t i = 0;
    to[0] = '\0';
    json_array_foreach(json_object_get(list, "devices"), i, device)
    {
        const char *id = json_string_value(json_object_get(device, "id"));
        strcat(to, i == 0 ? "" : " ");
        strcat(to, id);
    }
    json_decref(list);
}

/* Neither of the two CPU runtimes comes first everywhere. */
static void put_in_order(char ids[256])
{
    char *at = strstr(ids, "pocl:0 intel-cpu:0");
    if (at != NULL && strstr(ids, "pocl:0/") == NULL) {
        memcpy(at, BOTH, strlen(BOTH));
    }
}

/* One command line; the choice is the same for every command, of which the list is the fastest. */
static void check_selection(const selection *s)
{
    static command_result r;
    char number[64];
    char got[256];
    const char *words = with_number(number, s->words);
    command_row row = {.args = {"devices", "--json"}};
    int n = 2;
    if (words != NULL) {
        row.args[n++] = "-d";
        row.args[n++] = words;
    }
    if (s->type != NULL) {
        row.args[n++] = "-D";
        row.args[n++] = s->type;
    }
    if (s->env != NULL) {
        setenv("PENCL_DEVICE", s->env, 1);
    }
    command_run(&r, &row, folder);
    if (s->ids == NULL) {
        ck_assert_msg(r.status == 3 && r.out_size == 0 && strstr(r.err, s->said) != NULL,
                      "-d \"%s\": status %d, \"%s\" lacks \"%s\"", words, r.status, r.err, s->said);
        return;
    }
    ck_assert_msg(r.status == 0, "-d \"%s\": status %d, %s", words, r.status, r.err);
    read_ids(got, r.out);
    if (s->words == NULL || strcmp(s->words, "pocl,cpu") != 0) {
        put_in_order(got);
    }
    ck_assert_str_eq(got, s->ids);
}

START_TEST(words_mean_these_devices)
{
    if (platform_use("all")) {
        check_selection(&selections[_i]);
    }
}
END_TEST

/* Commands that compute: what they say on standard error. */
static const command_row commands[] = {
    {"generate on an id",
     {"generate", "-d", "pocl:0", "-m", TINY, "-p", "the", "-n", "1"},
     0,
     .err = "device pocl:0 ("},
    {"logits on a platform's name",
     {"logits", "-d", "intel", "-m", TINY, "--tokens", "1"},
     0,
     .err = "device intel-cpu:0 ("},
    {"score on the reference",
     {"score", "-d", "ref", "-m", TINY, "-p", "the"},
     0,
     .err = "device ref (C reference): matches \"ref\""},
    {"bench on a list",
     {"bench", "--op", "abs", "-r", "1", "-d", "pocl:0,ref"},
     0,
     .err = "device ref ("},
    {"bench with threads",
     {"bench", "--op", "abs", "-r", "1", "-d", "pocl:0", "-t", "2"},
     0,
     .out = "| abs |"},
    {"a part of PoCL's device",
     {"generate", "-d", "pocl:0/cores=1", "-m", TINY, "-p", "the", "-n", "1"},
     0,
     .err = "device pocl:0/cores=1 ("},
    {"a part of a device that does not divide",
     {"generate", "-d", "rusticl:0/cores=1", "-m", TINY, "-p", "the"},
     3,
     .err = "rusticl:0/cores=1: the driver does not divide this device"},
    {"a part that its driver does not keep to",
     {"generate", "-d", "intel-cpu:0/cores=1", "-m", TINY, "-p", "the"},
     3,
     .err = "does not keep a part of this device to its compute units"},
    {"the environment",
     {"generate", "-m", TINY, "-p", "the", "-n", "1"},
     0,
     .err = "device pocl:0 (",
     .env = "PENCL_DEVICE=portable"},
    {"an environment that names nothing",
     {"inspect", "-m", TINY, "--plan"},
     3,
     .err = "PENCL_DEVICE: no device is \"nowhere\"; the choices are",
     .env = "PENCL_DEVICE=nowhere"},
    {"an empty environment is none",
     {"logits", "-m", TINY, "--tokens", "1"},
     0,
     .err = "the first by type",
     .env = "PENCL_DEVICE="},
    {"a type that nothing is",
     {"bench", "--op", "abs", "-D", "gpu"},
     3,
     .err = "no device is \"gpu\"; the choices are"},
    {"a type that there is not", {"bench", "--op", "abs", "-D", "tpu"}, 2, .err = "-D/--type"},
};

START_TEST(commands_take_this_device)
{
    if (platform_use("all")) {
        command_check(&commands[_i], folder);
    }
}
END_TEST

/* ---- made-up machines ---- */

static void expect_made_up(const char *machine, const char *words, const char *ids)
{
    static command_result r;
    char got[256];
    setenv("PENCL_OPENCL", PENCL_MADE_UP_OPENCL, 1);
    setenv("MADE_UP", machine, 1);
    setenv("PENCL_CACHE", folder, 1);
    command_run(&r, &(command_row){.args = {"devices", "--json", "-d", words}}, folder);
    read_ids(got, r.out);
    ck_assert_msg(strcmp(got, ids) == 0, "%s: \"%s\" is %s: %s", machine, words, got, r.err);
}

START_TEST(identical_devices_have_their_own_ids_and_addresses)
{
    static command_result r;
    expect_made_up("twins", "amd", "amd:0 amd:1 amd:2");
    expect_made_up("twins", "2", "amd:2");
    expect_made_up("twins", "0000:03:00.0", "amd:0");
    expect_made_up("twins", "0000:83:00.0", "amd:1");
    expect_made_up("twins", "ab000000000000000000000000000083", "amd:1");
    command_run(&r, &(command_row){.args = {"devices", "--json"}}, folder);
    ck_assert_ptr_nonnull(strstr(r.out, "\"pci\": \"0000:83:00.0\""));
    ck_assert_ptr_nonnull(strstr(r.out, "\"uuid\": \"ab000000000000000000000000000003\""));
}
END_TEST

START_TEST(old_devices_are_listed_with_the_reason)
{
    expect_made_up("old", "ref", "ref");
    command_check(
        &(command_row){
            "an OpenCL 1.1 device", {"devices"}, 0, .out = "cannot be used: older than OpenCL 1.2"},
        folder);
    command_check(&(command_row){"an OpenCL 1.1 device is refused",
                                 {"bench", "--op", "abs", "-d", "old:0"},
                                 3,
                                 .err = "old:0 cannot be used: older than OpenCL 1.2"},
                  folder);
}
END_TEST

Suite *suite_cli_selections(void);
Suite *suite_cli_selections(void)
{
    Suite *suite = suite_create("cli_selections");
    TCase *tcase = tcase_create("selections");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, words_mean_these_devices, 0,
                        (int)(sizeof selections / sizeof selections[0]));
    tcase_add_loop_test(tcase, commands_take_this_device, 0,
                        (int)(sizeof commands / sizeof commands[0]));
    tcase_add_test(tcase, identical_devices_have_their_own_ids_and_addresses);
    tcase_add_test(tcase, old_devices_are_listed_with_the_reason);
    suite_add_tcase(suite, tcase);
    return suite;
}
