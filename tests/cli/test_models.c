/* SPDX-License-Identifier: Apache-2.0 */
/* The command on small models, on the device that DEVICE suites run on. */
#include "support/command.h"
#include "support/folder.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* A round of as few samples as may be. */
#define BRIEF  "--seconds", "0", "--no-limits"
#define TINY   "-m", PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf"
#define GREEDY "--temp", "0", "-n", "4"

enum { DONE, FAILED, USAGE };

static const command_row rows[] = {
    {"generate says what was chosen",
     {"generate", TINY, "-p", "the"},
     DONE,
     .err = "pencl: device "},
    {"generate prints its seed", {"generate", TINY, "-p", "the", "-n", "1"}, DONE, .err = "seed "},
    {"generate closes with speeds", {"run", TINY, "-p", "the", GREEDY}, DONE, .err = "t/s, memory"},
    {"--echo", {"generate", TINY, "-p", "the", "--echo", GREEDY}, DONE, .out = "the"},
    {"-p - reads standard input",
     {"generate", TINY, "-p", "-", "--echo", GREEDY},
     DONE,
     .out = "input text",
     .in = "@/text"},
    {"-f reads a file",
     {"generate", TINY, "-f", "@/text", "--echo", GREEDY},
     DONE,
     .out = "input text"},
    {"--json",
     {"generate", TINY, "-p", "the", GREEDY, "--json"},
     DONE,
     .out = "\"stop\": \"length\""},
    {"--json has the seed",
     {"generate", TINY, "-p", "the", "--seed", "7", "--json"},
     DONE,
     .out = "\"seed\": 7"},
    {"-n -1 ends with the context",
     {"generate", TINY, "-p", "the", "-c", "16", "-n", "-1", "--json"},
     DONE,
     .out = "\"stop\": "},
    {"logits name the likeliest",
     {"logits", TINY, "--tokens", "1,72,263"},
     DONE,
     .out = "    294  "},
    {"log-probabilities", {"logits", TINY, "--tokens", "1", "--log-probs"}, DONE, .out = "  -"},
    {"lens", {"lens", TINY, "-p", "the"}, DONE, .out = "after the last token, by layer"},
    {"lens as JSON", {"lens", TINY, "-p", "the", "--json"}, DONE, .out = "\"layers\": ["},
    {"lens as a page", {"lens", TINY, "-p", "the", "--html", "@/l.html"}, DONE, .out = ""},
    {"lens into no folder",
     {"lens", TINY, "-p", "the", "--html", "@/none/l.html"},
     FAILED,
     .err = "none/l.html"},
    {"score", {"score", TINY, "-p", "the"}, DONE, .out = "perplexity "},
    {"score as JSON", {"score", TINY, "-p", "the", "--json"}, DONE, .out = "\"log_prob\": -"},
    {"tokenize", {"tokenize", TINY, "the"}, DONE, .out = "86 260\n"},
    {"tokenize a file byte for byte", {"tokenize", TINY, "-f", "@/the"}, DONE, .out = "86 260\n"},
    {"tokenize as JSON", {"tokenize", TINY, "--json", "the"}, DONE, .out = "\"tokens\""},
    {"tokenize special text",
     {"tokenize", TINY, "--parse-special", "<|im_end|>"},
     DONE,
     .out = "2\n"},
    {"tokenize after --", {"tokenize", TINY, "--", "-1"}, DONE, .out = "15 19\n"},
    {"detokenize", {"detokenize", TINY, "86,260"}, DONE, .out = "the"},
    {"detokenize in words", {"detokenize", TINY, "86", "260"}, DONE, .out = "the"},
    {"inspect the plan", {"inspect", TINY, "--plan"}, DONE, .out = "\nlaunches "},
    {"bench", {"bench", TINY, BRIEF, "-p", "8", "-n", "2", "-r", "2"}, DONE, .out = "| pp8 |"},
    {"bench as JSON",
     {"bench", TINY, BRIEF, "-p", "8", "-n", "0", "-r", "2", "--json"},
     DONE,
     .out = "\"samples_ns\""},
    {"bench as lines",
     {"bench", TINY, BRIEF, "-p", "0", "-n", "2", "--jsonl"},
     DONE,
     .out = "\"schema\":\"pencl-bench/1\""},
    {"bench as CSV",
     {"bench", TINY, BRIEF, "-p", "8", "-n", "0", "--csv"},
     DONE,
     .out = "build_commit,build_number,cpu_info,"},
    {"bench of lists",
     {"bench", TINY, BRIEF, "-p", "4,8", "-n", "0", "--depth", "0,3", "--batch", "2"},
     DONE,
     .out = "| pp8 @ d3 x2 |"},
    {"bench of a word",
     {"bench", TINY, "-p", "4,x"},
     USAGE,
     .err = "-p/--n-prompt takes whole numbers from 0 to 16777216 with commas between"},
    {"bench of nothing", {"bench", TINY, "-p", "0", "-n", "0"}, USAGE, .err = "nothing to measure"},
    {"bench of no preset",
     {"bench", "--preset", "gpt-5"},
     USAGE,
     .err = "there are gemma-2-2b, llama-3.1-8b, "},
    {"bench of a preset of no type",
     {"bench", "--preset", "smollm2-135m", "--quant", "q4_0,q9"},
     USAGE,
     .err = "--quant takes q4_0, "},
    {"bench of a model in a type",
     {"bench", TINY, "--quant", "q4_0"},
     USAGE,
     .err = "--quant is for presets"},
    {"bench in two forms", {"bench", TINY, "--json", "--csv"}, USAGE, .err = "exclude each other"},
    {"bench of an operation",
     {"bench", "--op", "rms_norm", "-r", "1"},
     DONE,
     .out = "| rms_norm |"},
};

static char folder[TEST_PATH];

/* The user's own cache stays in use, so that kernels need not be built for every row. */
static void setup(void)
{
    const char *device = getenv("PENCL_TEST_DEVICE");
    test_folder_make(folder);
    test_write(test_path(folder, "text"), "input text", strlen("input text"));
    test_write(test_path(folder, "the"), "the", strlen("the"));
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

static void check_same(const command_row *a, const command_row *b)
{
    static command_result first;
    static command_result second;
    command_run(&first, a, folder);
    command_run(&second, b, folder);
    ck_assert_int_eq(first.status, DONE);
    ck_assert_int_eq(second.status, DONE);
    ck_assert_uint_gt(first.out_size, 0);
    ck_assert_uint_eq(first.out_size, second.out_size);
    ck_assert_mem_eq(first.out, second.out, first.out_size);
}

START_TEST(a_seed_repeats_its_text)
{
    static const command_row row = {.args = {"generate", TINY, "-p", "the", "--seed", "5"}};
    check_same(&row, &row);
}
END_TEST

START_TEST(quiet_prints_the_text_alone)
{
    static const command_row quiet = {.args = {"generate", TINY, "-p", "the", GREEDY, "-q"}};
    static command_result r;
    command_run(&r, &quiet, folder);
    ck_assert_int_eq(r.status, DONE);
    ck_assert_str_eq(r.err, "");
    ck_assert_uint_gt(r.out_size, 0);
}
END_TEST

START_TEST(stop_text_is_left_out)
{
    static command_result all;
    static command_result cut;
    char stop[2] = "";
    const command_row plain = {.args = {"generate", TINY, "-p", "the", "--seed", "1"}};
    command_run(&all, &plain, folder);
    ck_assert_uint_gt(all.out_size, 2);
    for (size_t i = 1; i < all.out_size && stop[0] == '\0'; i++) {
        stop[0] = all.out[i] > ' ' && all.out[i] != '@' ? all.out[i] : '\0'; /* an ASCII letter */
    }
    ck_assert_msg(stop[0] != '\0', "no ASCII letter in \"%s\"", all.out);
    const command_row row = {
        .args = {"generate", TINY, "-p", "the", "--seed", "1", "--stop", stop}};
    command_run(&cut, &row, folder);
    ck_assert_int_eq(cut.status, DONE);
    ck_assert_uint_eq(cut.out_size, (size_t)(strchr(all.out, stop[0]) - all.out));
}
END_TEST

START_TEST(logits_are_written_as_npy)
{
    static const command_row all = {
        .args = {"logits", TINY, "--tokens", "1,72,263", "-o", "@/all.npy"}};
    static const command_row last = {
        .args = {"logits", TINY, "--tokens", "1,72,263", "--last", "-o", "@/last.npy"}};
    static const command_row shown = {.args = {"logits", TINY, "--tokens", "1,72,263", "-q"}};
    static const command_row read = {.args = {"logits", TINY, "--tokens-file", "@/ids.npy", "-q"}};
    static const unsigned char ids[] = "\x93NUMPY\x01\x00\x46\x00"
                                       "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }"
                                       "            \n"
                                       "\x01\x00\x00\x00\x48\x00\x00\x00\x07\x01\x00\x00";
    test_write(test_path(folder, "ids.npy"), ids, sizeof ids - 1);
    command_check(&all, folder);
    command_check(&last, folder);
    check_same(&shown, &read);
}
END_TEST

Suite *suite_cli_models(void);
Suite *suite_cli_models(void)
{
    Suite *suite = suite_create("cli_models");
    TCase *tcase = tcase_create("rows");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, command_line, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(tcase, a_seed_repeats_its_text);
    tcase_add_test(tcase, quiet_prints_the_text_alone);
    tcase_add_test(tcase, stop_text_is_left_out);
    tcase_add_test(tcase, logits_are_written_as_npy);
    suite_add_tcase(suite, tcase);
    return suite;
}
