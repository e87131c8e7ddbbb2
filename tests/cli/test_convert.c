/* SPDX-License-Identifier: Apache-2.0 */
/* pencl convert, and the command on what it wrote: a model without a vocabulary. */
#include "support/command.h"
#include "support/folder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GGUF   PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf"
#define TOKENS "--tokens", "1,72,263"

enum { DONE, FAILED, USAGE };

static const command_row rows[] = {
    {"convert of nothing", {"convert"}, USAGE, .err = "MODEL and OUT are missing"},
    {"convert into nothing", {"convert", GGUF}, USAGE, .err = "OUT is missing"},
    {"convert into another form",
     {"convert", GGUF, "@/m.gguf"},
     USAGE,
     .err = "/m.gguf does not end with .safetensors"},
    {"convert with a word too many",
     {"convert", GGUF, "a.safetensors", "b.safetensors"},
     USAGE,
     .err = "what is \"b.safetensors\"?"},
    {"convert of no file",
     {"convert", "@/none", "x.safetensors"},
     FAILED,
     .out = "",
     .err = "/none"},
    {"convert into no folder",
     {"convert", GGUF, "@/none/m.safetensors"},
     FAILED,
     .out = "",
     .err = "none/m.safetensors"},
    {"convert tells what becomes float32",
     {"convert", GGUF, "@/again.safetensors"},
     DONE,
     .out = "",
     .err = "16 tensors of q8_0 are written as float32"},
    {"convert of what was converted",
     {"convert", "@/m.safetensors", "@/again.safetensors"},
     DONE,
     .out = ""},

    {"inspect", {"inspect", "-m", "@/m.safetensors"}, DONE, .out = "chat          no vocabulary"},
    {"inspect names the builder",
     {"inspect", "-m", "@/m.safetensors"},
     DONE,
     .out = "model         llamalike, "},
    {"logits of ids", {"logits", "-m", "@/m.safetensors", TOKENS}, DONE, .out = "    294  "},
    {"log-probabilities of ids",
     {"logits", "-m", "@/m.safetensors", TOKENS, "--log-probs"},
     DONE,
     .out = "  -"},
    {"logits of a text",
     {"logits", "-m", "@/m.safetensors", "-p", "the"},
     FAILED,
     .out = "",
     .err = "m.safetensors has no vocabulary"},
    {"generate",
     {"generate", "-m", "@/m.safetensors", "-p", "the"},
     FAILED,
     .out = "",
     .err = "m.safetensors has no vocabulary"},
    {"tokenize",
     {"tokenize", "-m", "@/m.safetensors", "the"},
     FAILED,
     .out = "",
     .err = "m.safetensors: has no vocabulary"},
    {"detokenize",
     {"detokenize", "-m", "@/m.safetensors", "1"},
     FAILED,
     .out = "",
     .err = "m.safetensors: has no vocabulary"},
    {"bench",
     {"bench", "-m", "@/m.safetensors", "-p", "4", "-n", "1", "--seconds", "0", "-r", "1"},
     DONE,
     .out = "| pp4 |"},
};

static char folder[TEST_PATH];

static void setup(void)
{
    static const command_row convert = {.name = "convert",
                                        .args = {"convert", GGUF, "@/m.safetensors", "-q"},
                                        .status = DONE,
                                        .out = "",
                                        .err = ""};
    test_folder_make(folder);
    setenv("PENCL_CACHE", test_path(folder, "cache"), 1);
    setenv("PENCL_DEVICE", "ref", 1);
    command_check(&convert, folder);
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

/* The bytes of a file; returns how many. */
static size_t read_file(const char *name, unsigned char *to, size_t room)
{
    FILE *f = fopen(test_path(folder, name), "rb");
    ck_assert_ptr_nonnull(f);
    const size_t n = fread(to, 1, room, f);
    fclose(f);
    return n;
}

/* On ref both files hold the same numbers: block types become float32 without rounding. */
START_TEST(the_converted_model_gives_the_same_logits)
{
    static unsigned char first[1 << 16];
    static unsigned char second[1 << 16];
    const command_row from_gguf = {.args = {"logits", "-m", GGUF, TOKENS, "-o", "@/a.npy"}};
    const command_row converted = {
        .args = {"logits", "-m", "@/m.safetensors", TOKENS, "-o", "@/b.npy"}};
    command_check(&from_gguf, folder);
    command_check(&converted, folder);
    const size_t n = read_file("a.npy", first, sizeof first);
    ck_assert_uint_gt(n, 3 * 300 * sizeof(float));
    ck_assert_uint_eq(read_file("b.npy", second, sizeof second), n);
    ck_assert_mem_eq(first, second, n);
}
END_TEST

Suite *suite_cli_convert(void);
Suite *suite_cli_convert(void)
{
    Suite *suite = suite_create("cli_convert");
    TCase *tcase = tcase_create("rows");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, command_line, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(tcase, the_converted_model_gives_the_same_logits);
    suite_add_tcase(suite, tcase);
    return suite;
}
