/* SPDX-License-Identifier: Apache-2.0 */
/* The command without OpenCL: help, usage errors, bad input, the list of devices. */
#include "support/command.h"
#include "support/folder.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define TINY   PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf"
#define ON_REF "-d", "ref", "-m", TINY
#define PROMPT "-p", "the"

enum { DONE, FAILED, USAGE, NO_DEVICE };

static const command_row rows[] = {
    /* help */
    {"no command lists the commands", {NULL}, DONE, .out = "  generate     continue a text"},
    {"help lists the commands", {"help"}, DONE, .out = "  devices      list every device"},
    {"--help lists the commands", {"--help"}, DONE, .out = "usage: pencl COMMAND"},
    {"help of a command", {"help", "generate"}, DONE, .out = "--temp T"},
    {"--help of a command has defaults", {"generate", "--help"}, DONE, .out = "(default 0.8)"},
    {"--help has an example", {"bench", "--help"}, DONE, .out = "example: pencl bench"},
    {"an alias has help", {"run", "--help"}, DONE, .out = "usage: pencl run -m MODEL"},
    {"help of an unknown command", {"help", "devcies"}, USAGE, .err = "the nearest is devices"},
    {"version", {"version"}, DONE, .out = "pencl 0."},
    {"version as JSON", {"version", "--json"}, DONE, .out = "\"library\": \"0."},
    {"--version", {"--version"}, DONE, .out = "pencl 0."},

    /* the self-test */
    {"selftest of the references", {"selftest", "-d", "ref", "--op", "silu"}, DONE, .out = " ok\n"},
    {"selftest as JSON",
     {"selftest", "-d", "ref", "--op", "silu", "--json"},
     DONE,
     .out = "\"runs\""},
    {"selftest of no operation", {"selftest", "-d", "ref", "--op", "slu"}, FAILED, .err = "silu"},
    {"selftest of no device", {"selftest", "-d", "nothing"}, NO_DEVICE, .err = "nothing"},

    /* usage */
    {"an unknown command",
     {"genrate"},
     USAGE,
     .err = "unknown command genrate; the nearest is gen"},
    {"a command that is no word", {"xyzzy"}, USAGE, .err = "unknown command xyzzy\n"},
    {"an unknown option", {"generate", "--tmp", "1"}, USAGE, .err = "the nearest is --temp"},
    {"an unknown letter", {"generate", "-x"}, USAGE, .err = "unknown option -x"},
    {"no --fast", {"generate", "--fast"}, USAGE, .err = "unknown option --fast"},
    {"no --cache-type", {"generate", "--cache-type", "f16"}, USAGE, .err = "--cache-type"},
    {"an option without its value", {"generate", "-m"}, USAGE, .err = "-m/--model needs a value"},
    {"a flag with a value", {"generate", "--echo=1"}, USAGE, .err = "--echo takes no value"},
    {"no model", {"generate", PROMPT}, USAGE, .err = "-m MODEL is missing"},
    {"no prompt", {"generate", ON_REF}, USAGE, .err = "-p TEXT or -f FILE is missing"},
    {"two prompts", {"generate", ON_REF, PROMPT, "-f", "x"}, USAGE, .err = "exclude each other"},
    {"a word too many", {"generate", ON_REF, PROMPT, "more"}, USAGE, .err = "what is \"more\"?"},
    {"-n below -1", {"generate", ON_REF, "-n", "-5"}, USAGE, .err = "from -1 to 2147483647"},
    {"-n that is no number", {"generate", "-n", "5x"}, USAGE, .err = "-n/--n-predict takes"},
    {"-n that is too large", {"generate", "-n", "99999999999999999999"}, USAGE, .err = "-n/"},
    {"--temp nan", {"generate", "--temp", "nan"}, USAGE, .err = "--temp takes a number from 0 to"},
    {"--temp inf", {"generate", "--temp", "inf"}, USAGE, .err = "not \"inf\""},
    {"--temp below 0", {"generate", "--temp", "-1"}, USAGE, .err = "not \"-1\""},
    {"--temp of nothing", {"generate", "--temp="}, USAGE, .err = "--temp takes a number"},
    {"--top-p above 1",
     {"generate", "--top-p", "1.5"},
     USAGE,
     .err = "--top-p takes a number from"},
    {"--min-p above 1", {"generate", "--min-p", "2"}, USAGE, .err = "from 0 to 1, not \"2\""},
    {"--repeat-penalty 0", {"generate", "--repeat-penalty", "0"}, USAGE, .err = "from 0.01 to 100"},
    {"--seed below 0", {"generate", "--seed", "-1"}, USAGE, .err = "--seed takes a whole number"},
    {"-t 0", {"generate", "-t", "0"}, USAGE, .err = "-t/--threads takes a whole number from 1"},
    {"-c 0", {"generate", "-c", "0"}, USAGE, .err = "-c/--ctx-size takes a whole number from 1"},
    {"-r 0", {"bench", "-r", "0"}, USAGE, .err = "-r/--repetitions takes a whole number from 1"},
    {"-D of no type", {"generate", "-D", "tpu"}, USAGE, .err = "one of: cpu gpu accelerator ref"},
    {"--matmul of no kind", {"generate", "--matmul", "fast"}, USAGE, .err = "auto native clblast"},
    {"bench of nothing", {"bench"}, USAGE, .err = "-m MODEL is missing"},
    {"bench of two things", {"bench", "--op", "all", "-m", TINY}, USAGE, .err = "exclude"},
    {"logits of nothing", {"logits", ON_REF}, USAGE, .err = "no tokens"},
    {"logits of two things", {"logits", ON_REF, PROMPT, "--tokens", "1"}, USAGE, .err = "exclude"},
    {"--cache-len without --feed",
     {"logits", ON_REF, PROMPT, "--cache-len", "8"},
     USAGE,
     .err = "--cache-len goes with --feed"},
    {"--feed with positions",
     {"logits", ON_REF, PROMPT, "--feed", "1", "--positions", "x.npy"},
     USAGE,
     .err = "makes positions itself"},
    {"--feed of other lengths",
     {"logits", ON_REF, "--tokens", "1,2,3", "--feed", "1,1"},
     FAILED,
     .err = "the pieces have 2 tokens, the prompt 3"},
    {"--feed into a cache that is too short",
     {"logits", ON_REF, "--tokens", "1,2,3", "--feed", "2,1", "--cache-len", "2"},
     FAILED,
     .err = "exceed the context of 2"},
    {"--side without a file",
     {"logits", ON_REF, PROMPT, "--side", "x"},
     USAGE,
     .err = "NAME=F.npy"},
    {"--side with no such file",
     {"logits", ON_REF, PROMPT, "--side", "x=@/none.npy"},
     FAILED,
     .err = "none.npy"},
    {"--tokens of no ids", {"logits", ON_REF, "--tokens", "1,x"}, USAGE, .err = "no list of token"},
    {"detokenize of nothing", {"detokenize", "-m", TINY}, USAGE, .err = "no token ids"},

    /* devices */
    {"devices lists ref", {"devices"}, DONE, .out = "C reference"},
    {"devices as JSON", {"devices", "--json"}, DONE, .out = "\"id\": \"ref\""},
    {"devices without libOpenCL still lists ref",
     {"devices"},
     DONE,
     .out = "C reference",
     .env = "PENCL_OPENCL=/nonexistent"},
    {"devices without libOpenCL says what was tried",
     {"devices"},
     DONE,
     .out = "/nonexistent",
     .env = "PENCL_OPENCL=/nonexistent"},
    {"a file that is no library",
     {"devices"},
     DONE,
     .out = "tiny_q8_0.gguf (cannot be loaded)",
     .env = "PENCL_OPENCL=" TINY},
    {"no libOpenCL",
     {"generate", "-d", "gpu", "-m", TINY, PROMPT},
     NO_DEVICE,
     .err = "ref",
     .env = "PENCL_OPENCL=/nonexistent"},
    {"no platform", {"generate", "-d", "pocl", "-m", TINY, PROMPT}, NO_DEVICE, .err = "\"pocl\""},
    {"no such device", {"generate", "-d", "nothing", "-m", TINY, PROMPT}, NO_DEVICE, .err = "ref"},
    {"no such device in the environment",
     {"generate", "-m", TINY, PROMPT},
     NO_DEVICE,
     .err = "PENCL_DEVICE: no device is \"nothing\"",
     .env = "PENCL_DEVICE=nothing"},
    {"-d overrides PENCL_DEVICE",
     {"generate", ON_REF, PROMPT, "-n", "1"},
     DONE,
     .err = "device ref",
     .env = "PENCL_DEVICE=nothing"},
    {"-d overrides -D",
     {"generate", ON_REF, PROMPT, "-n", "1", "-D", "gpu"},
     DONE,
     .err = "device ref"},
    {"bench of no operation", {"bench", "-d", "ref", "--op", "x"}, FAILED, .err = "there are abs,"},

    /* files */
    {"no such file", {"generate", "-d", "ref", "-m", "@/none", PROMPT}, FAILED, .err = "/none"},
    {"a folder", {"generate", "-d", "ref", "-m", "@", PROMPT}, FAILED, .err = "folder"},
    {"an empty file", {"generate", "-d", "ref", "-m", "@/empty", PROMPT}, FAILED, .err = "/empty"},
    {"a cut file", {"generate", "-d", "ref", "-m", "@/cut", PROMPT}, FAILED, .err = "/cut"},
    {"no model file", {"inspect", "-d", "ref", "-m", "@/letters"}, FAILED, .err = "/letters"},
    {"tokenize with no such file", {"tokenize", "-m", "@/none", "the"}, FAILED, .err = "/none"},
    {"no prompt file", {"generate", ON_REF, "-f", "@/none"}, FAILED, .err = "cannot be read"},
    {"a folder as prompt", {"generate", ON_REF, "-f", "@"}, FAILED, .err = "cannot be read"},

    /* prompts */
    {"an empty prompt", {"generate", ON_REF, "-p", ""}, FAILED, .err = "the prompt has no tokens"},
    {"a prompt that is not UTF-8",
     {"generate", ON_REF, "-f", "@/bytes"},
     FAILED,
     .err = "not valid UTF-8: byte 0xff at offset 3"},
    {"a prompt longer than the context",
     {"generate", ON_REF, "-c", "8", "-f", "@/letters"},
     FAILED,
     .err = "tokens, the context 8"},
    {"logits of a prompt longer than the context",
     {"logits", ON_REF, "-c", "8", "-f", "@/letters"},
     FAILED,
     .err = "the context 8"},
    {"an id outside the vocabulary", {"logits", ON_REF, "--tokens", "1,300"}, FAILED, .err = "300"},
    {"a negative id", {"logits", ON_REF, "--tokens", "1,-2"}, FAILED, .err = "-2"},
    {"detokenize of an id outside", {"detokenize", "-m", TINY, "300"}, FAILED, .err = "300"},

    /* output */
    {"a full disk as standard output",
     {"devices"},
     FAILED,
     .err = "standard output cannot be written",
     .to = "/dev/full"},
    {"generate into a full disk",
     {"generate", ON_REF, PROMPT},
     FAILED,
     .err = "standard output cannot be written",
     .to = "/dev/full"},
    {"logits into a full disk",
     {"logits", ON_REF, PROMPT, "-o", "/dev/full"},
     FAILED,
     .out = "",
     .err = "/dev/full: No space left on device"},
    {"logits into no folder",
     {"logits", ON_REF, PROMPT, "-o", "@/none/x.npy"},
     FAILED,
     .out = "",
     .err = "No such file"},
};

static char folder[TEST_PATH];

static void setup(void)
{
    static const char cut[] = "GGUF\3\0\0\0\1\0\0\0";
    char letters[257];
    test_folder_make(folder);
    memset(letters, 'q', sizeof letters);
    test_write(test_path(folder, "empty"), "", 0);
    test_write(test_path(folder, "cut"), cut, sizeof cut - 1);
    test_write(test_path(folder, "bytes"), "abc\xff", 4);
    test_write(test_path(folder, "letters"), letters, sizeof letters);
    setenv("PENCL_CACHE", test_path(folder, "cache"), 1);
    setenv("OCL_ICD_VENDORS", folder, 1); /* no .icd file: no platform */
    unsetenv("PENCL_DEVICE");
    unsetenv("PENCL_OPENCL");
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

/* Not even a home: no store, no locale, no PATH. */
START_TEST(an_empty_environment)
{
    clearenv();
    const command_row row = {"an empty environment",
                             {"generate", ON_REF, PROMPT, "-n", "1", "--temp", "0"},
                             DONE,
                             .err = "pencl: ref",
                             .env = "PENCL_OPENCL=/nonexistent"};
    command_check(&row, folder);
}
END_TEST

Suite *suite_cli_cli(void);
Suite *suite_cli_cli(void)
{
    Suite *suite = suite_create("cli_cli");
    TCase *tcase = tcase_create("rows");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, command_line, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(tcase, an_empty_environment);
    suite_add_tcase(suite, tcase);
    return suite;
}
