/* SPDX-License-Identifier: Apache-2.0 */
/* --lora on every command that opens a model. */
#include "support/command.h"
#include "support/folder.h"

#include <check.h>

#define MODEL  "-d", "ref", "-m", PENCL_TEST_DATA "/tiny/tiny_mix.gguf"
#define TOKENS "--tokens", "1,72,263"
#define FIRST  "--lora", PENCL_TEST_DATA "/lora/first"
#define SECOND "--lora", PENCL_TEST_DATA "/lora/second.safetensors:0.5"

enum { DONE, FAILED, USAGE };

/* The likeliest token, and its logit by transformers and PEFT (tests/golden/lora). */
static const command_row rows[] = {
    {"logits without", {"logits", MODEL, TOKENS}, DONE, .out = "      4    33.652"},
    {"logits with one", {"logits", MODEL, TOKENS, FIRST}, DONE, .out = "      4    31.39"},
    {"logits with a scale", {"logits", MODEL, TOKENS, SECOND}, DONE, .out = "      4    28.61"},
    {"logits with both", {"logits", MODEL, TOKENS, FIRST, SECOND}, DONE, .out = "     70    27.42"},
    {"logits with a scale of 0",
     {"logits", MODEL, TOKENS, "--lora", PENCL_TEST_DATA "/lora/first:0"},
     DONE,
     .out = "      4    33.652"},
    {"generate", {"generate", MODEL, "-p", "the", "-n", "2", FIRST}, DONE, .err = "decode"},
    {"score", {"score", MODEL, TOKENS, FIRST}, DONE, .out = "-"},
    {"lens", {"lens", MODEL, TOKENS, FIRST}, DONE, .out = "   0  "},
    {"bench",
     {"bench", MODEL, "-p", "2", "-n", "1", "--seconds", "0", "-r", "1", FIRST},
     DONE,
     .out = "| pp2 |"},
    {"capture",
     {"capture", MODEL, TOKENS, FIRST, "--select", "//LowRankAdapter", "--names"},
     DONE,
     .out = "15 values"},
    {"patch",
     {"patch", MODEL, TOKENS, FIRST, "--zero", "--select", "//LowRankAdapter"},
     DONE,
     .out = "likeliest after"},
    {"inspect", {"inspect", MODEL, SECOND}, DONE, .out = "query/adapter_0/LoRA_A.weights"},
    {"its own help", {"logits", "--help"}, DONE, .out = "--lora F[:SCALE]"},
    {"a missing adapter",
     {"logits", MODEL, TOKENS, "--lora", "@/none:2"},
     FAILED,
     .out = "",
     .err = "/none: No such file"},
    {"a scale that is none",
     {"logits", MODEL, TOKENS, "--lora", "@/none:nan"},
     FAILED,
     .out = "",
     .err = "/none:nan: No such file"},
    {"a value that is missing", {"logits", MODEL, "--lora"}, USAGE, .err = "--lora needs a value"},
};

static char folder[TEST_PATH];

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

Suite *suite_cli_lora(void);
Suite *suite_cli_lora(void)
{
    Suite *suite = suite_create("cli_lora");
    TCase *tcase = tcase_create("rows");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, command_line, 0, (int)(sizeof rows / sizeof rows[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
