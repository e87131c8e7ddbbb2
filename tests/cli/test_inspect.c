/* SPDX-License-Identifier: Apache-2.0 */
/* A model as text, as JSON and as a page. */
#include "support/command.h"
#include "support/folder.h"
#include "support/page.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TINY    PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf"
#define INSPECT "inspect", "-m", TINY, "-d", "ref", "-q"

enum { DONE, FAILED, USAGE, LINES = 10 };

static char folder[TEST_PATH];

static const command_row rows[] = {
    {"blocks share a line", {INSPECT}, DONE, .out = "├─ .sublayers[1..2] 2 x TransformerBlock"},
    {"parameters have shapes and bytes",
     {INSPECT},
     DONE,
     .out = "\"transformer/embedder.embeddings\" q8_0(| vocabulary:300, embedding:64)  19.92 KiB"},
    {"shared tables say so", {INSPECT}, DONE, .out = "shared with .sublayers[0].table.embeddings"},
    {"usual fields are left out", {INSPECT}, DONE, .out = "ApplyCausalAttentionMask\n"},
    {"--all has every field", {INSPECT, "--all"}, DONE, .out = "masked_out_value=-2.381976e+38"},
    {"--all has every block", {INSPECT, "--all"}, DONE, .out = "├─ .sublayers[2] TransformerBlock"},
    {"--select opens and marks",
     {INSPECT, "--select", "blocks.1.attn.hook_pattern"},
     DONE,
     .out = ".sublayers[2] * Softmax axes={kv_seq}"},
    {"--select leaves the rest closed",
     {INSPECT, "--select", "blocks.1.attn.hook_pattern"},
     DONE,
     .out = "├─ .sublayers[1] TransformerBlock  32.38 KiB\n├─ .sublayers[2] TransformerBlock"},
    {"--select counts", {INSPECT, "--select", "//Softmax"}, DONE, .out = "\n2 selected\n"},
    {"--select repeats",
     {INSPECT, "--select", "//Softmax", "--select", "//EmbeddingTable"},
     DONE,
     .out = "\n4 selected, 19.92 KiB\n"},
    {"a bad selection", {INSPECT, "--select", "//Sofmax"}, FAILED, .err = "column 3"},
    {"--plan with a tree's options", {INSPECT, "--plan", "--json"}, USAGE, .err = "stands alone"},
    {"a page into no folder", {INSPECT, "--html", "@/none/p.html"}, FAILED, .err = "none/p.html"},
};

static void setup(void)
{
    test_folder_make(folder);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

START_TEST(command_line)
{
    command_check(&rows[_i], folder);
}
END_TEST

START_TEST(ten_lines_sum_it_up)
{
    static const command_row row = {.args = {INSPECT}};
    static const char *const want[LINES] = {
        "file          " TINY ", 84.92 KiB",
        "model         tiny, llama, 0.08 M parameters",
        "weights       q8_0 83.67 KiB, f32 1.25 KiB",
        "blocks        2, embedding 64, mlp 96",
        "heads         head_groups 2, query_heads 2, projection 16: 4 heads on 2 of keys and "
        "values",
        "attention     rope 10000",
        "vocabulary    300 tokens, one table in and out",
        "chat          no chat template, begins with 1, ends with 2",
        "context       128 tokens trained, 0.50 KiB a token in the caches",
        "memory        149.42 KiB on ref: weights 84.92 KiB, caches 64.50 KiB for 128 tokens",
    };
    static command_result r;
    command_run(&r, &row, folder);
    char *line = r.out;
    for (int i = 0; i < LINES; i++) {
        char *end = strchr(line, '\n');
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        ck_assert_str_eq(line, want[i]);
        line = end + 1;
    }
    ck_assert_int_eq(*line, '\n');
}
END_TEST

/* ---- JSON ---- */

/* Calls with every node of a tree. */
static void walk(const json_t *node, void (*see)(const json_t *node, void *user), void *user)
{
    see(node, user);
    size_t i;
    json_t *child;
    json_array_foreach(json_object_get(node, "children"), i, child)
    {
        walk(child, see, user);
    }
}

typedef struct seen {
    int nodes;
    int parameters;
    int shared;
    json_int_t bytes;
} seen;

static const char *text(const json_t *object, const char *key)
{
    const char *found = json_string_value(json_object_get(object, key));
    ck_assert_msg(found != NULL, "%s is missing", key);
    return found;
}

static void count(const json_t *node, void *user)
{
    seen *s = user;
    s->nodes++;
    ck_assert_uint_gt(strlen(text(json_object_get(node, "color"), "border")), 3);
    if (strcmp(text(node, "type"), "Parameter") == 0) {
        s->parameters++;
        s->shared += json_object_get(node, "shared_with") != NULL;
        s->bytes += json_integer_value(json_object_get(node, "bytes"));
        ck_assert_uint_gt(json_array_size(json_object_get(node, "axes")), 0);
        ck_assert_uint_gt(strlen(text(node, "label")), 5);
    }
}

START_TEST(json_has_everything)
{
    static const command_row row = {.args = {INSPECT, "--json", "--select", "//Softmax"},
                                    .to = "@/m.json"};
    json_error_t error;
    seen s = {0};
    command_check(&row, folder);
    json_t *all = json_load_file(test_path(folder, "m.json"), 0, &error);
    ck_assert_msg(all != NULL, "%s", error.text);
    walk(json_object_get(all, "tree"), count, &s);
    ck_assert_int_eq(s.parameters, 2 + 1 + 2 * 9); /* a table twice, a norm, two blocks of nine */
    ck_assert_int_eq(s.shared, 1);
    ck_assert_int_eq(s.bytes,
                     json_integer_value(json_object_get(json_object_get(all, "tree"), "bytes")));
    ck_assert_int_eq(s.bytes, json_integer_value(json_object_get(all, "weight_bytes")));
    ck_assert_uint_eq(json_array_size(json_object_get(all, "selected")), 2);
    json_t *metadata = json_object_get(all, "metadata");
    ck_assert_int_eq(json_integer_value(json_object_get(metadata, "mlp_hidden_dim")), 96);
    ck_assert_str_eq(text(json_array_get(json_object_get(metadata, "common_head_axes"), 0), "name"),
                     "head_groups");
    json_decref(all);
}
END_TEST

/* ---- pages ---- */

static int occurrences(const char *page, const char *of)
{
    int n = 0;
    for (const char *at = strstr(page, of); at != NULL; at = strstr(at + 1, of)) {
        n++;
    }
    return n;
}

START_TEST(the_page_is_whole)
{
    static const command_row row = {
        .args = {INSPECT, "--html", "@/p.html", "--select", "blocks.1.attn.hook_pattern"}};
    command_check(&row, folder);
    char *page = page_read(test_path(folder, "p.html"));
    ck_assert_int_eq(occurrences(page, "<b>Parameter</b>"), 2 + 1 + 2 * 9);
    ck_assert_int_eq(occurrences(page, "<b>2 x TransformerBlock</b>"), 0); /* one is opened */
    ck_assert_int_eq(occurrences(page, " sel\""), 1);
    ck_assert_int_eq(occurrences(page, "<details"), occurrences(page, "</details>"));
    ck_assert_int_eq(occurrences(page, "<div"), occurrences(page, "</div>"));
    ck_assert_int_ge(occurrences(page, "<dt>"), 15);
    free(page);
}
END_TEST

/* A file in which the model is called "<i>&" shows that, and no element. */
START_TEST(names_are_text)
{
    static const command_row row = {
        .args = {"inspect", "-m", "@/m.gguf", "-d", "ref", "-q", "--html", "@/p.html"}};
    static char file[1 << 17];
    FILE *f = fopen(TINY, "rb");
    ck_assert_ptr_nonnull(f);
    size_t size = fread(file, 1, sizeof file, f);
    fclose(f);
    char *name = file;
    while (memcmp(name, "general.name", 12) != 0) {
        ck_assert(++name < file + size - 40);
    }
    memcpy(name + 12 + 4 + 8, "<i>&", 4); /* behind a type and a length */
    test_write(test_path(folder, "m.gguf"), file, size);
    command_check(&row, folder);
    char *page = page_read(test_path(folder, "p.html"));
    ck_assert_int_eq(occurrences(page, "<h1>&lt;i&gt;&amp;</h1>"), 1);
    ck_assert_int_eq(occurrences(page, "<i>&"), 0);
    free(page);
}
END_TEST

Suite *suite_cli_inspect(void);
Suite *suite_cli_inspect(void)
{
    Suite *suite = suite_create("cli_inspect");
    TCase *tc = tcase_create("inspect");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, command_line, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tc, ten_lines_sum_it_up);
    tcase_add_test(tc, json_has_everything);
    tcase_add_test(tc, the_page_is_whole);
    tcase_add_test(tc, names_are_text);
    suite_add_tcase(suite, tc);
    return suite;
}
