/* SPDX-License-Identifier: Apache-2.0 */
/* GGUF: whatever is wrong with a file is an error that says where. */
#include "base/os.h"
#include "io/gguf.h"
#include "io/io.h"
#include "io/write_gguf.h"
#include "support/damage.h"
#include "support/folder.h"
#include "support/small_gguf.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pencl_ctx *ctx;
static pn_text good; /* a small sound file */

static void setup(void)
{
    ctx = pencl_ctx_new();
    small_gguf(&good, ctx);
}

static void teardown(void)
{
    pn_text_free(&good);
    pencl_ctx_free(ctx);
}

/* Where `field` (an ASCII name in the file) ends. */
static size_t behind(const char *field)
{
    const size_t n = strlen(field);
    for (size_t i = 0; i + n <= good.size; i++) {
        if (memcmp(good.data + i, field, n) == 0) {
            return i + n;
        }
    }
    ck_abort_msg("no %s in the file", field);
    return 0;
}

/* The good file with `bytes` bytes of `value`, little-endian, at `at`: fails and says `said`. */
static void expect_bad(size_t at, uint64_t value, size_t bytes, const char *said)
{
    char *copy = pn_alloc(good.size);
    memcpy(copy, good.data, good.size);
    for (size_t i = 0; i < bytes; i++) {
        copy[at + i] = (char)(value >> (8 * i));
    }
    damage_expect(ctx, copy, good.size, said);
    pn_free(copy);
}

START_TEST(headers_are_checked)
{
    expect_bad(0, 'g', 1, "byte 0: not the beginning of a model file (gguf, ");
    expect_bad(4, 1, 4, "byte 4: version: GGUF version 1; 2 and 3 are supported");
    expect_bad(4, 99, 4, "GGUF version 99");
    expect_bad(4, 0x03000000, 4, "big-endian");
    expect_bad(8, (uint64_t)1 << 60, 8, "header: 1152921504606846976 tensors; the rest");
    expect_bad(8, UINT64_MAX, 8, "tensors; the rest");
    expect_bad(16, (uint64_t)1 << 60, 8, "header: 1152921504606846976 keys; the rest");
    char version2[4] = {2, 0, 0, 0};
    memcpy(good.data + 4, version2, 4);
    ck_assert_int_eq(damage_parse(ctx, good.data, good.size), PENCL_OK);
}
END_TEST

START_TEST(keys_and_values_are_checked)
{
    expect_bad(24, (uint64_t)1 << 63, 8, "key 0: the key's length is 9223372036854775808");
    expect_bad(24, 0, 8, "key 0: the key's length is 0");
    expect_bad(32, '\n', 1, "byte 0x0a in a name");
    expect_bad(32, 0, 1, "byte 0x00 in a name");
    const size_t arch = behind("general.architecture");
    expect_bad(arch, 13, 4, "key \"general.architecture\": unknown type 13");
    expect_bad(arch + 4, (uint64_t)1 << 63, 8, "the string's length is 9223372036854775808");
    const size_t tokens = behind("tokenizer.ggml.tokens");
    expect_bad(tokens + 4, 9, 4, "tokens\": arrays of arrays are not supported");
    expect_bad(tokens + 4, 77, 4, "unknown type 77 of elements");
    expect_bad(tokens + 8, (uint64_t)1 << 61, 8, "2305843009213693952 elements of at least 8");
    expect_bad(tokens + 16, UINT64_MAX - 7, 8, "a string's length is 18446744073709551608");
    const size_t types = behind("tokenizer.ggml.token_type");
    expect_bad(types + 8, (uint64_t)1 << 62, 8, "elements of at least 4 bytes");
    expect_bad(behind("add_bos_token") + 4, 2, 1, "a bool is 2, not 0 or 1");
}
END_TEST

START_TEST(a_key_that_occurs_twice_is_refused)
{
    pn_gguf_writer *w = pn_gguf_writer_new();
    pn_gguf_add_u32(w, "x", 1);
    pn_gguf_add_u32(w, "y", 1);
    pn_gguf_add_text(w, "x", "again");
    pn_text text = {0};
    ck_assert_int_eq(pn_gguf_print(w, ctx, &text), PENCL_OK);
    pn_gguf_writer_free(w);
    ck_assert_int_eq(damage_parse(ctx, text.data, text.size), PENCL_E_FORMAT);
    ck_assert_str_eq(pencl_error_text(ctx), "bad: key \"x\": occurs twice");
    pn_text_free(&text);
}
END_TEST

START_TEST(alignment_is_checked)
{
    const size_t at = behind("general.alignment");
    expect_bad(at + 4, 0, 4, "key \"general.alignment\": is 0, not a power of two");
    expect_bad(at + 4, 3, 4, "is 3, not a power of two");
    expect_bad(at + 4, 4, 4, "is 4, not a power of two from 8 to 1048576");
    expect_bad(at + 4, 0x80000000, 4, "is 2147483648, not a power of two");
    expect_bad(at, 5, 4, "key \"general.alignment\": is not one u32");
    expect_bad(at + 4, 1 << 20, 4, "ends at byte");
}
END_TEST

START_TEST(tensors_are_checked)
{
    const size_t b = behind("b.weight"); /* u32 n_dims, u64 3, u64 2, u32 type, u64 offset */
    const size_t a = behind("a.weight"); /* u32 n_dims, u64 32, u64 2, u32 type, u64 offset */
    expect_bad(b, 0, 4, "tensor \"b.weight\": 0 dimensions, not 1 to 4");
    expect_bad(b, 5, 4, "tensor \"b.weight\": 5 dimensions, not 1 to 4");
    expect_bad(b + 4, 0, 8, "dimension 0 has size 0");
    expect_bad(b + 4, UINT64_MAX, 8, "dimension 0 has size 18446744073709551615");
    expect_bad(b + 4, (uint64_t)1 << 62, 8, "the product of the dimensions is too large");
    expect_bad(b + 12, ((uint64_t)1 << 62) + 1, 8, "the product of the dimensions is too large");
    expect_bad(a + 4, 33, 8, "rows of 33 elements are no whole blocks of 32 (q8_0)");
    expect_bad(b + 20, 15, 4,
               "tensor \"b.weight\": type 15 (q8_k) is not supported; these are: f32");
    expect_bad(b + 20, 4711, 4, "type 4711 (unknown) is not supported");
    expect_bad(b + 24, 8, 8, "tensor \"b.weight\": offset 8 is no multiple of 32");
    expect_bad(b + 24, UINT64_MAX - 31, 8, "bytes behind the header");
    expect_bad(b + 12, 2000, 8, "tensor \"b.weight\": ends at byte");
    expect_bad(a + 24, 0, 8, "overlaps that of");
    expect_bad(b - 8, 'a', 1, "tensor \"a.weight\": occurs twice");
    expect_bad(b - 8, 0x80, 1, "byte 0x80 in a name");
    expect_bad(b - 16, 0, 8, "tensor 0: the name's length is 0, not 1 to 255");
    expect_bad(b - 16, 1000, 8, "the name's length is 1000, ");
}
END_TEST

START_TEST(what_is_no_model_is_refused)
{
    char folder[TEST_PATH];
    test_folder_make(folder);
    pn_model_file *file = NULL;
    ck_assert_int_eq(pn_model_file_open(&file, ctx, folder), PENCL_E_IO);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "is a folder"));
    pn_error_clear(ctx);
    const char *empty = test_path(folder, "empty.gguf");
    test_write(empty, "", 0);
    ck_assert_int_eq(pn_model_file_open(&file, ctx, empty), PENCL_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "empty.gguf: the file is empty"));
    pn_error_clear(ctx);
    ck_assert_int_eq(pn_model_file_open(&file, ctx, test_path(folder, "no")), PENCL_E_IO);
    ck_assert_ptr_null(file);
    test_folder_remove(folder);
}
END_TEST

START_TEST(every_prefix_is_refused)
{
    /* the last tensor's padding may be missing: nothing reads it */
    const size_t padding = 32 - sizeof small_q8 % 32;
    for (size_t size = 0; size < good.size; size++) {
        const pencl_status want = size < good.size - padding ? PENCL_E_FORMAT : PENCL_OK;
        ck_assert_msg(damage_parse(ctx, good.data, size) == want, "%zu of %zu bytes", size,
                      good.size);
    }
}
END_TEST

START_TEST(random_changes_never_crash)
{
    const int opened = damage_randomly(ctx, good.data, good.size, 20000);
    ck_assert_int_gt(opened, 1000); /* changes in values and data do no harm */
}
END_TEST

START_TEST(running_out_of_memory_is_reported)
{
    ck_assert_int_gt(damage_memory(ctx, good.data, good.size), 1);
}
END_TEST

Suite *suite_io_gguf_bad(void);
Suite *suite_io_gguf_bad(void)
{
    Suite *s = suite_create("io_gguf_bad");
    TCase *c = tcase_create("gguf");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, headers_are_checked);
    tcase_add_test(c, keys_and_values_are_checked);
    tcase_add_test(c, a_key_that_occurs_twice_is_refused);
    tcase_add_test(c, alignment_is_checked);
    tcase_add_test(c, tensors_are_checked);
    tcase_add_test(c, what_is_no_model_is_refused);
    tcase_add_test(c, every_prefix_is_refused);
    tcase_add_test(c, random_changes_never_crash);
    tcase_add_test(c, running_out_of_memory_is_reported);
    suite_add_tcase(s, c);
    return s;
}
