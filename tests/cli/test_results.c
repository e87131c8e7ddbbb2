/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of measurements in files: compared, merged, shared, shown; and those in tools/results. */
#include "support/command.h"
#include "support/folder.h"
#include "support/page.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA PENCL_TEST_DATA "/bench"
#define WAS  DATA "/was.json"
#define IS   DATA "/is.json"

enum { DONE, FAILED, USAGE, COMMAND = 4 * TEST_PATH };

static const command_row rows[] = {
    {"what is slower is said",
     {"bench", "--compare", WAS "," IS},
     DONE,
     .out = "| pp64 | pocl:0 | 1000.50 | 800.40 | -20.0 % | "},
    {"what is not is not",
     {"bench", "--compare", WAS "," IS},
     DONE,
     .out = "| tg32 | pocl:0 | 200.25 | 200.25 | +0.0 % | "},
    {"unstable rows have no verdict",
     {"bench", "--compare", WAS "," IS},
     DONE,
     .out = "- pp128, pocl:0: unstable: foreign load 0.8"},
    {"what has no partner is named, with the reason",
     {"bench", "--compare", WAS "," IS},
     DONE,
     .out = "- not compared, new: llama 134.5M Q4_1, pp64 @ d2048, pocl:0: depth 0 and 2048"},
    {"a file with itself", {"bench", "--compare", WAS "," WAS}, DONE, .out = "+0.0 %"},
    {"llama-bench's lines are read",
     {"bench", "--compare", DATA "/llama.jsonl," IS},
     DONE,
     .out = "| tg32 | EPYC -> pocl:0 |"},
    {"another type of cache is no comparison",
     {"bench", "--compare", DATA "/llama.jsonl," IS},
     DONE,
     .out = "cache of keys f16 and f32"},
    {"nothing in common",
     {"bench", "--compare", DATA "/llama.jsonl," DATA "/secret.json"},
     FAILED,
     .err = "nothing could be compared"},
    {"a file that is missing",
     {"bench", "--compare", "@/none.json," IS},
     FAILED,
     .err = "none.json"},
    {"a file that is no JSON",
     {"bench", "--merge", DATA "/../MANIFEST.json"},
     FAILED,
     .err = "no measurement"},
    {"a merged table",
     {"bench", "--merge", WAS, DATA "/llama.jsonl", "--md"},
     DONE,
     .out = "| llama 134.5M Q4_1 | pp64 | pthread-EPYC | Portable Computing Language, 3.1 |"},
    {"merging nothing", {"bench", "--merge"}, USAGE, .err = "--merge needs files"},
    {"a file that nobody asked for", {"bench", WAS}, USAGE, .err = "--merge only"},
    {"an empty history", {"bench", "--history"}, DONE, .out = "| time |"},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static char folder[TEST_PATH];

static void setup(void)
{
    test_folder_make(folder);
    setenv("PENCL_CACHE", folder, 1);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

START_TEST(command_lines)
{
    command_check(&rows[_i], folder);
}
END_TEST

static json_t *json_of(const char *path)
{
    json_t *document = json_load_file(path, 0, NULL);
    ck_assert_msg(document != NULL, "%s", path);
    return document;
}

START_TEST(the_comparison_is_a_document)
{
    static const char *const verdicts[] = {"slower", "within noise", "unstable"};
    const command_row row = {.args = {"bench", "--compare", WAS "," IS, "--json"},
                             .to = "@/c.json"};
    command_check(&row, folder);
    json_t *c = json_of(test_path(folder, "c.json"));
    const json_t *found = json_object_get(c, "rows");
    ck_assert_uint_eq(json_array_size(found), 3);
    ck_assert_uint_eq(json_array_size(json_object_get(c, "not_compared")), 2);
    for (size_t i = 0; i < 3; i++) {
        const json_t *one = json_array_get(found, i);
        ck_assert_str_eq(json_string_value(json_object_get(one, "verdict")), verdicts[i]);
        double ratio = json_number_value(json_object_get(one, "ratio"));
        ck_assert_double_lt(json_number_value(json_object_get(one, "low")), ratio);
        ck_assert_double_gt(json_number_value(json_object_get(one, "high")), ratio);
    }
    json_decref(c);
}
END_TEST

START_TEST(a_shared_file_tells_nothing_of_its_owner)
{
    static const char *const secrets[] = {"ada",  "difference", "3f2504e0", "C02XK1",
                                          "home", "uuid",       "HOME"};
    static char text[1 << 16];
    const command_row row = {
        .args = {"bench", "--merge", DATA "/secret.json", "--share", "@/s.json"},
        .env = "USER=ada"};
    command_check(&row, folder);
    FILE *file = fopen(test_path(folder, "s.json"), "r");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        const char *at = strstr(text, secrets[i]);
        ck_assert_msg(at == NULL, "%s: %.60s", secrets[i], at);
    }
    ck_assert_ptr_nonnull(strstr(text, "\"model_filename\": \"m.gguf\""));
    ck_assert_ptr_nonnull(strstr(text, "1dff70ef9e211d0ab8951aa641e75aa1"));
}
END_TEST

START_TEST(the_page_is_whole)
{
    const command_row row = {
        .args = {"bench", "--merge", WAS, IS, DATA "/llama.jsonl", "--html", "@/p.html"}};
    command_check(&row, folder);
    char *page = page_read(test_path(folder, "p.html"));
    ck_assert_ptr_nonnull(strstr(page, "llama 134.5M Q4_1, pp64</h2>"));
    ck_assert_ptr_nonnull(strstr(page, "foreign load 0.8"));
    ck_assert_ptr_nonnull(strstr(page, "<svg "));
    ck_assert_ptr_nonnull(strstr(page, "device.driver</th><td>3.1</td>"));
    free(page);
}
END_TEST

/* tests/cli/check_results.py says what is wrong; it needs Python's jsonschema. */
START_TEST(published_results_fit_their_schema)
{
    char command[COMMAND];
    snprintf(command, sizeof command, "python3 %s/tests/cli/check_results.py %s %s",
             PENCL_SOURCE_DIR, PENCL_SOURCE_DIR "/tools/results", WAS);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

Suite *suite_cli_results(void);
Suite *suite_cli_results(void)
{
    Suite *suite = suite_create("cli_results");
    TCase *tc = tcase_create("results");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, command_lines, 0, N_ROWS);
    tcase_add_test(tc, the_comparison_is_a_document);
    tcase_add_test(tc, a_shared_file_tells_nothing_of_its_owner);
    tcase_add_test(tc, the_page_is_whole);
    tcase_add_test(tc, published_results_fit_their_schema);
    suite_add_tcase(suite, tc);
    return suite;
}
