/* SPDX-License-Identifier: Apache-2.0 */
/* The command on damaged and hostile model files: one clear error, exit status 1, no crash. */
#include "support/command.h"
#include "support/folder.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAILED = 1, FILE_ROOM = 1 << 17, CUTS = 50 };

static char folder[TEST_PATH];
static unsigned char file[FILE_ROOM];
static size_t size;

/* Where a GGUF file has things, from its start and from the end of a name. */
enum { MAGIC = 0, VERSION = 4, TENSORS = 8, KEYS = 16, FIRST_KEY = 24 };
enum { VALUE_TYPE = 0, VALUE = 4 };                                           /* of a key */
enum { N_DIMS = 0, DIM_0 = 4, DIM_1 = 12, MATRIX_TYPE = 20, MATRIX_AT = 24 }; /* of a matrix */

/* One fault: `bytes` of `value` at an offset from the file's start, or from the end of `name`. */
typedef struct fault {
    const char *what;
    const char *name;
    int at;
    int bytes;
    uint64_t value;
    const char *error;
} fault;

static const fault faults[] = {
    {"wrong magic", NULL, MAGIC, 4, 0x47475546, "not the beginning of a model file"},
    {"version 1", NULL, VERSION, 4, 1, "version 1"},
    {"version 99", NULL, VERSION, 4, 99, "version 99"},
    {"2^60 tensors", NULL, TENSORS, 8, 1ULL << 60, "1152921504606846976 tensors"},
    {"2^60 keys", NULL, KEYS, 8, 1ULL << 60, "1152921504606846976"},
    {"a key of 2^63 bytes", NULL, FIRST_KEY, 8, 1ULL << 63, "9223372036854775808"},
    {"a value of an unknown type", "llama.block_count", VALUE_TYPE, 4, 99, "llama.block_count"},
    {"a tensor past the end", "blk.0.attn_q.weight", MATRIX_AT, 8, 1ULL << 40, "blk.0.attn_q"},
    {"an offset that overflows", "blk.0.attn_q.weight", MATRIX_AT, 8, ~31ULL, "blk.0.attn_q"},
    {"overlapping tensors", "blk.0.attn_q.weight", MATRIX_AT, 8, 0, "overlap"},
    {"a tensor of an unknown type", "blk.0.attn_q.weight", MATRIX_TYPE, 4, 77, "type 77"},
    {"dimensions whose product overflows", "blk.0.attn_q.weight", DIM_1, 8, 1ULL << 62,
     "blk.0.attn_q.weight"},
    {"five dimensions", "blk.0.attn_q.weight", N_DIMS, 4, 5, "blk.0.attn_q.weight"},
    {"vocabulary and embedding disagree", "token_embd.weight", DIM_1, 8, 299, "token_embd.weight"},
    {"a shape that disagrees with metadata", "llama.feed_forward_length", VALUE, 4, 64,
     "blk.0.ffn_gate.weight"},
    {"no blocks", "llama.block_count", VALUE, 4, 0, "llama.block_count"},
    {"2^31 blocks", "llama.block_count", VALUE, 4, 1ULL << 31, "llama.block_count"},
    {"heads that do not divide", "llama.attention.head_count_kv", VALUE, 4, 3, "4 heads on 3 key"},
    {"no heads", "llama.attention.head_count", VALUE, 4, 0, "llama.attention.head_count"},
};

/* Names written over others of the same length. */
typedef struct renamed {
    const char *what;
    const char *from;
    const char *to;
    const char *error;
} renamed;

static const renamed renames[] = {
    {"alignment 2", "llama.block_count", "general.alignment", "general.alignment"},
    {"a missing key", "llama.embedding_length", "llama.embedding_lengtX", "embedding_length"},
    {"a missing tensor", "output_norm.weight", "output_nXrm.weight", "output_norm.weight"},
    {"a tensor twice", "blk.0.attn_k.weight", "blk.0.attn_q.weight", "blk.0.attn_q.weight"},
    {"another architecture", "llama", "lalma", "lalma"},
};

static void setup(void)
{
    test_folder_make(folder);
    FILE *f = fopen(PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", "rb");
    ck_assert_ptr_nonnull(f);
    size = fread(file, 1, sizeof file, f);
    ck_assert_uint_lt(size, sizeof file);
    fclose(f);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

/* The first occurrence of a name that fills a whole GGUF string. */
static size_t find(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 8; i + length <= size; i++) {
        if (file[i - 8] == length && file[i - 7] == 0 && memcmp(file + i, name, length) == 0) {
            return i;
        }
    }
    ck_abort_msg("%s is not in the file", name);
}

static void put(size_t at, int bytes, uint64_t value)
{
    for (int i = 0; i < bytes; i++) {
        file[at + (size_t)i] = (unsigned char)(value >> (8 * i));
    }
}

/* Exactly two lines, the device and the error. */
static void refused(const char *what, const char *error)
{
    static command_result r;
    const command_row row = {.name = what,
                             .args = {"inspect", "-d", "ref", "-m", "@/model.gguf"},
                             .status = FAILED,
                             .out = "",
                             .err = error};
    test_write(test_path(folder, "model.gguf"), file, size);
    command_check(&row, folder);
    command_run(&r, &row, folder);
    ck_assert_uint_eq(r.out_size, 0);
    const char *line = strchr(r.err, '\n');
    ck_assert_msg(line != NULL && strncmp(line, "\npencl: ", 8) == 0, "%s: %s", what, r.err);
    ck_assert_msg(strchr(line + 1, '\n') == r.err + strlen(r.err) - 1, "%s: %s", what, r.err);
    ck_assert_ptr_nonnull(strstr(line, "model.gguf"));
}

START_TEST(faults_are_named)
{
    const fault *f = &faults[_i];
    size_t base = f->name == NULL ? 0 : find(f->name) + strlen(f->name);
    put(base + (size_t)f->at, f->bytes, f->value);
    refused(f->what, f->error);
}
END_TEST

START_TEST(alignment_zero_is_refused)
{
    size_t at = find("llama.block_count");
    memcpy(file + at, "general.alignment", strlen("general.alignment"));
    put(at + strlen("general.alignment") + VALUE, 4, 0);
    refused("alignment 0", "general.alignment");
}
END_TEST

START_TEST(missing_and_double_names_are_named)
{
    const renamed *r = &renames[_i];
    ck_assert_uint_eq(strlen(r->from), strlen(r->to));
    memcpy(file + find(r->from), r->to, strlen(r->to));
    refused(r->what, r->error);
}
END_TEST

START_TEST(a_file_cut_anywhere_is_refused)
{
    size = size * (size_t)_i / CUTS;
    refused("a cut file", "model.gguf: ");
}
END_TEST

Suite *suite_cli_hostile(void);
Suite *suite_cli_hostile(void)
{
    Suite *suite = suite_create("cli_hostile");
    TCase *tcase = tcase_create("files");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, faults_are_named, 0, (int)(sizeof faults / sizeof faults[0]));
    tcase_add_test(tcase, alignment_zero_is_refused);
    tcase_add_loop_test(tcase, missing_and_double_names_are_named, 0,
                        (int)(sizeof renames / sizeof renames[0]));
    tcase_add_loop_test(tcase, a_file_cut_anywhere_is_refused, 0, CUTS);
    suite_add_tcase(suite, tcase);
    return suite;
}
