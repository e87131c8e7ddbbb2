/* SPDX-License-Identifier: Apache-2.0 */
/* Looking inside from the command line: capture, patch, edits. */
#include "support/command.h"
#include "support/folder.h"
#include "support/golden.h"
#include "support/page.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TINY    "-m", PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf"
#define TOKENS  "--tokens", "1,72,263,8"
#define PATCH   "patch", TINY, TOKENS
#define FROM    "--from-tokens", "1,90,41,8"
#define CAPTURE "capture", TINY, TOKENS

enum { DONE, FAILED, USAGE, WIDTH = 64 };

static const command_row rows[] = {
    {"capture names its values",
     {CAPTURE, "--select", "//Softmax", "--names"},
     DONE,
     .out =
         ".sublayers[1].sublayers[0].delta.sublayers[1].query_key_to_attn.sublayers[2]  Softmax"},
    {"capture counts them", {CAPTURE, "--select", "all", "--names"}, DONE, .out = " values, "},
    {"capture knows other names",
     {CAPTURE, "--select", "blocks.1.hook_resid_pre", "--names"},
     DONE,
     .out = "seq:4,embedding:64  1.00 KiB"},
    {"capture takes its own names",
     {CAPTURE, "--select", ".sublayers[1].sublayers[0]", "--names"},
     DONE,
     .out = "1 values"},
    {"capture sums up", {CAPTURE, "--select", "all"}, DONE, .out = "largest"},
    {"capture writes npz", {CAPTURE, "--select", "all", "-o", "@/a.npz"}, DONE, .err = ""},
    {"capture writes safetensors",
     {CAPTURE, "--select", "all", "-o", "@/a.safetensors"},
     DONE,
     .err = ""},
    {"capture of some rows",
     {CAPTURE, "--select", "//TransformerFeedForward", "--at", "-1,0", "-o", "@/b.npz"},
     DONE,
     .err = ""},
    {"capture of nothing", {CAPTURE}, USAGE, .err = "--select S is missing"},
    {"capture into a strange file",
     {CAPTURE, "--select", "//TransformerFeedForward", "-o", "@/a.txt"},
     FAILED,
     .err = ".npz"},
    {"capture of an unknown type", {CAPTURE, "--select", "//Sofmax"}, FAILED, .err = "Softmax"},
    {"capture out of range",
     {CAPTURE, "--select", "//TransformerFeedForward", "--at", "4"},
     FAILED,
     .err = "position 4"},

    {"patch: a node",
     {PATCH, FROM, "--select", "//TransformerFeedForward"},
     DONE,
     .out = "% of the way"},
    {"patch: a metric",
     {PATCH, FROM, "--select", "//TransformerFeedForward", "--metric", "prob(#12) - 2*logit( )"},
     DONE,
     .out = "prob(#12) - 2*logit( )  #12 is "},
    {"patch: zeros",
     {PATCH, "--zero", "--select", "//TransformerFeedForward"},
     DONE,
     .out = "likeliest after"},
    {"patch: heads", {PATCH, "--knockout", "0:1,1:*"}, DONE, .out = "  after  "},
    {"patch: positions",
     {PATCH, FROM, "--sweep", "layer,pos"},
     DONE,
     .out = "share of the way, by layer and position"},
    {"patch names the tokens of its metric",
     {PATCH, FROM, "--select", "//Softmax"},
     DONE,
     .out = ")  #"},
    {"patch: heads one by one",
     {PATCH, "--sweep", "layer,head"},
     DONE,
     .out = "change of the metric, by layer and head"},
    {"patch writes its table",
     {PATCH, "--sweep", "layer,head", "-o", "@/t.safetensors"},
     DONE,
     .err = ""},
    {"patch without a change", {PATCH}, USAGE, .err = "nothing changes"},
    {"patch without values", {PATCH, FROM}, USAGE, .err = "--select S"},
    {"patch with two changes", {PATCH, FROM, "--zero"}, USAGE, .err = "exclude each other"},
    {"patch: positions of nothing", {PATCH, "--sweep", "layer,pos"}, USAGE, .err = "needs --from"},
    {"patch: a map of no sweep",
     {PATCH, "--zero", "--select", "//TransformerFeedForward", "--html", "@/m.html"},
     USAGE,
     .err = "--sweep is missing"},
    {"patch: other lengths",
     {PATCH, "--from-tokens", "1,2", "--sweep", "layer,pos"},
     FAILED,
     .err = "4 and 2 tokens"},
    {"patch: aligned lengths",
     {PATCH, "--from-tokens", "1,2", "--sweep", "layer,pos", "--align", "last"},
     DONE,
     .err = ""},
    {"patch: a bad metric",
     {PATCH, FROM, "--select", "//TransformerFeedForward", "--metric", "logit(the)"},
     FAILED,
     .err = "the"},
    {"patch: no such head", {PATCH, "--knockout", "0:9"}, FAILED, .err = "head"},
    {"patch: half a head", {PATCH, "--knockout", "0"}, USAGE, .err = "BLOCK:HEAD"},

    {"perplexity",
     {"perplexity", TINY, "-p", "the other and the other"},
     DONE,
     .out = "perplexity "},
    {"perplexity writes its base",
     {"perplexity", TINY, "-p", "the other and", "--kl-base", "@/kl.safetensors"},
     DONE,
     .err = "written: the next run compares with it"},
    {"perplexity of a text and of tokens",
     {"perplexity", TINY, "-p", "the", "--tokens-file", "@/x.npy"},
     USAGE,
     .err = "exclude each other"},
    {"perplexity of nothing", {"perplexity", TINY}, USAGE, .err = "-p"},

    {"steering",
     {"generate", TINY, "-p", "the", "--temp", "0", "-n", "2", "--add",
      "blocks.0.hook_resid_post=@/x.npy:4"},
     DONE,
     .err = ""},
    {"steering without a file",
     {"generate", TINY, "-p", "the", "--add", "//TransformerFeedForward"},
     USAGE,
     .err = "S=F.npy"},
    {"steering with what does not fit",
     {"generate", TINY, "-p", "the", "--add", "blocks.0.mlp.hook_post=@/x.npy"},
     FAILED,
     .err = "neurons"},
    {"generate from tokens",
     {"generate", TINY, TOKENS, "--temp", "0", "-n", "2", "--json"},
     DONE,
     .out = "\"prompt_tokens\": 4"},
    {"a text and tokens", {"generate", TINY, TOKENS, "-p", "the"}, USAGE, .err = "--tokens"},
};

static char folder[TEST_PATH];

static void setup(void)
{
    const int64_t shape[] = {WIDTH};
    float x[WIDTH];
    const char *device = getenv("PENCL_TEST_DEVICE");
    test_folder_make(folder);
    for (int i = 0; i < WIDTH; i++) {
        x[i] = (float)(i % 3) - 1;
    }
    npy_write(test_path(folder, "x.npy"), "<f4", shape, 1, x);
    setenv("PENCL_DEVICE", device != NULL && *device != '\0' ? device : "ref", 1);
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

/* What a command prints with --json. */
static json_t *json_of(const command_row *row)
{
    static command_result r;
    json_error_t error;
    command_run(&r, row, folder);
    ck_assert_msg(r.status == DONE, "%s", r.err);
    json_t *out = json_loads(r.out, 0, &error);
    ck_assert_msg(out != NULL, "%s", error.text);
    return out;
}

static double real(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* A point that is patched whole gives what the sweep gives when only that position differs. */
START_TEST(json_of_a_patch_and_of_a_sweep_agree)
{
    static const command_row one = {
        .args = {PATCH, FROM, "--select", "blocks.1.hook_resid_pre", "--at", "2", "--json"}};
    static const command_row all = {.args = {PATCH, FROM, "--sweep", "layer,pos", "--json"}};
    json_t *a = json_of(&one);
    json_t *b = json_of(&all);
    json_t *row = json_array_get(json_object_get(b, "rows"), 1);
    ck_assert_double_eq_tol(real(a, "before"), real(b, "before"), 1e-6);
    ck_assert_double_eq_tol(real(a, "from"), real(b, "from"), 1e-6);
    ck_assert_int_eq(json_integer_value(json_object_get(row, "layer")), 1);
    ck_assert_double_eq_tol(real(a, "after"),
                            json_number_value(json_array_get(json_object_get(row, "metric"), 2)),
                            1e-4);
    ck_assert_uint_eq(json_array_size(json_object_get(a, "top_after")), 5);
    json_decref(a);
    json_decref(b);
}
END_TEST

/* Zero times a vector is nothing, and much of it something. */
START_TEST(steering_changes_what_is_said)
{
    static const command_row plain = {.args = {"score", TINY, TOKENS, "--json"}};
    static const command_row none = {
        .args = {"score", TINY, TOKENS, "--json", "--add", "blocks.0.hook_resid_post=@/x.npy:0"}};
    static const command_row much = {
        .args = {"score", TINY, TOKENS, "--json", "--add", "blocks.0.hook_resid_post=@/x.npy:3"}};
    json_t *a = json_of(&plain);
    json_t *b = json_of(&none);
    json_t *c = json_of(&much);
    ck_assert_double_eq_tol(real(a, "total"), real(b, "total"), 1e-5);
    ck_assert_double_gt(fabs(real(a, "total") - real(c, "total")), 0.1);
    json_decref(a);
    json_decref(b);
    json_decref(c);
}
END_TEST

START_TEST(pages_are_whole)
{
    static const command_row map = {
        .args = {PATCH, FROM, "--sweep", "layer,pos", "--html", "@/map.html"}};
    static const command_row lens = {.args = {"lens", TINY, TOKENS, "--html", "@/lens.html"}};
    command_check(&map, folder);
    command_check(&lens, folder);
    char *page = page_read(test_path(folder, "map.html"));
    int cells = 0;
    for (const char *at = strstr(page, "<td style"); at != NULL; at = strstr(at + 1, "<td style")) {
        cells++;
    }
    ck_assert_int_eq(cells, 2 * 4);
    free(page);
    free(page_read(test_path(folder, "lens.html")));
}
END_TEST

Suite *suite_cli_study(void);
Suite *suite_cli_study(void)
{
    Suite *suite = suite_create("cli_study");
    TCase *tc = tcase_create("study");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, command_line, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tc, json_of_a_patch_and_of_a_sweep_agree);
    tcase_add_test(tc, steering_changes_what_is_said);
    tcase_add_test(tc, pages_are_whole);
    suite_add_tcase(suite, tc);
    return suite;
}
