/* SPDX-License-Identifier: Apache-2.0 */
/* .npy headers: NumPy's own bytes, every cut, and hostile ones. */
#include "array/npy.h"

#include "support/noise.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static pencl_ctx *ctx;

static void setup(void)
{
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(ctx);
}

static void teardown(void)
{
    pencl_ctx_free(ctx);
}

/* A file of this version with this dictionary, then n zero bytes; in memory of exactly its size, so
 * that the sanitizer sees any byte read behind it. */
static uint8_t *file_of(int version, const char *dictionary, size_t n, size_t *size)
{
    size_t start = version == 1 ? 10 : 12;
    size_t length = strlen(dictionary);
    uint8_t *file = calloc(1, start + length + n);
    ck_assert_ptr_nonnull(file);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (uint8_t)version;
    file[8] = (uint8_t)length;
    file[9] = (uint8_t)(length >> 8);
    memcpy(file + start, dictionary, length);
    *size = start + length + n;
    return file;
}

static pencl_status parse(pn_npy *out, int version, const char *dictionary, size_t n)
{
    size_t size = 0;
    uint8_t *file = file_of(version, dictionary, n, &size);
    pn_error_clear(ctx);
    pencl_status st = pn_npy_parse(out, ctx, file, size, "x.npy");
    free(file);
    return st;
}

START_TEST(reads_what_numpy_writes)
{
    pn_npy npy;
    ck_assert_int_eq(
        parse(&npy, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", 24),
        PENCL_OK);
    ck_assert_int_eq(npy.kind, 'f');
    ck_assert_int_eq(npy.width, 4);
    ck_assert(!npy.fortran);
    ck_assert_int_eq(npy.n_axes, 2);
    ck_assert_int_eq(npy.sizes[1], 3);
    ck_assert_uint_eq(npy.data, 10 + 63);
    ck_assert_int_eq(
        parse(&npy, 2, "{'descr': '<i8', 'fortran_order': True, 'shape': (3,), }\n", 24), PENCL_OK);
    ck_assert_int_eq(npy.kind, 'i');
    ck_assert_int_eq(npy.width, 8);
    ck_assert(npy.fortran);
    ck_assert_int_eq(npy.n_axes, 1);
}
END_TEST

START_TEST(reads_other_ways_to_write_it)
{
    pn_npy npy;
    ck_assert_int_eq(parse(&npy, 1, "{\"shape\":(),\"descr\":\"<f2\",\"fortran_order\":False}", 2),
                     PENCL_OK);
    ck_assert_int_eq(npy.n_axes, 0);
    ck_assert_int_eq(
        parse(&npy, 1, "{'shape': (0, 7,), 'descr': '<i4', 'fortran_order': False}", 0), PENCL_OK);
    ck_assert_int_eq(npy.n_axes, 2);
}
END_TEST

static const struct {
    const char *dictionary;
    size_t bytes;
    pencl_status status;
    const char *words;
} bad[] = {
    {"", 0, PENCL_E_FORMAT, "malformed"},
    {"{}", 0, PENCL_E_FORMAT, "malformed"},
    {"{'descr': '<f4', 'fortran_order': False}", 4, PENCL_E_FORMAT, "malformed"},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4, PENCL_E_FORMAT,
     "malformed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}", 4, PENCL_E_FORMAT,
     "malformed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': ()} x", 4, PENCL_E_FORMAT, "malformed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (}", 4, PENCL_E_FORMAT, "malformed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1", 4, PENCL_E_FORMAT, "malformed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 4, PENCL_E_FORMAT, "malformed"},
    {"{'descr': '<f4", 4, PENCL_E_FORMAT, "malformed"},
    {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': ()}", 4, PENCL_E_FORMAT, "malformed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 4, PENCL_E_FORMAT,
     "malformed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}", 4, PENCL_E_FORMAT,
     "malformed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", 0,
     PENCL_E_FORMAT, "do not fit"}, /* 2^66 bytes are not 0 */
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 7, PENCL_E_FORMAT, "7 bytes"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 9, PENCL_E_FORMAT, "9 bytes"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", 8, PENCL_E_UNSUPPORTED, "'<f8'"},
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", 4, PENCL_E_UNSUPPORTED, "'>f4'"},
};

START_TEST(rejects_bad_headers)
{
    pn_npy npy = {.n_axes = -7};
    ck_assert_str_eq(pencl_status_name(parse(&npy, 1, bad[_i].dictionary, bad[_i].bytes)),
                     pencl_status_name(bad[_i].status));
    ck_assert_msg(strstr(pencl_error_text(ctx), bad[_i].words) != NULL, "%s",
                  pencl_error_text(ctx));
    ck_assert_msg(strncmp(pencl_error_text(ctx), "x.npy: ", 7) == 0, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(npy.n_axes, -7);
}
END_TEST

START_TEST(rejects_every_cut_and_survives_every_flip)
{
    size_t size = 0;
    uint8_t *file =
        file_of(1 + _i, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24, &size);
    pn_npy npy;
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *part = malloc(cut + (cut == 0));
        memcpy(part, file, cut);
        pn_error_clear(ctx);
        ck_assert_int_eq(pn_npy_parse(&npy, ctx, part, cut, "x.npy"), PENCL_E_FORMAT);
        free(part);
    }
    noise n = {9};
    for (int round = 0; round < 20000; round++) {
        uint8_t *part = malloc(size);
        memcpy(part, file, size);
        for (int k = 0; k < 3; k++) {
            part[noise_below(&n, (int64_t)size)] = (uint8_t)noise_next(&n);
        }
        pn_error_clear(ctx);
        if (pn_npy_parse(&npy, ctx, part, size, "x.npy") == PENCL_OK) {
            ck_assert_uint_le(npy.data, size);
        }
        free(part);
    }
    free(file);
}
END_TEST

START_TEST(other_versions_are_named)
{
    size_t size = 0;
    uint8_t *file = file_of(3, "{}", 0, &size);
    pn_npy npy;
    ck_assert_int_eq(pn_npy_parse(&npy, ctx, file, size, "x.npy"), PENCL_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "version 3"));
    file[0] = 'P';
    pn_error_clear(ctx);
    ck_assert_int_eq(pn_npy_parse(&npy, ctx, file, size, "x.npy"), PENCL_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "not an .npy file"));
    free(file);
}
END_TEST

START_TEST(header_is_numpys)
{
    pn_spec spec;
    pn_text text = {0};
    ck_assert_int_eq(pn_spec_parse(&spec, ctx, "i32:seq=3"), PENCL_OK);
    pn_npy_header(&text, &spec);
    ck_assert_uint_eq(text.size % 64, 0);
    static const char expected[] =
        "\x93NUMPY\x01\x00\x76\x00{'descr': '<i4', 'fortran_order': False, 'shape': (3,), } ";
    ck_assert_mem_eq(text.data, expected, sizeof expected - 1);
    ck_assert_int_eq(text.data[text.size - 1], '\n');
    pn_text_free(&text);
}
END_TEST

Suite *suite_array_npy(void);
Suite *suite_array_npy(void)
{
    Suite *suite = suite_create("array_npy");
    TCase *tests = tcase_create("npy");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, reads_what_numpy_writes);
    tcase_add_test(tests, reads_other_ways_to_write_it);
    tcase_add_loop_test(tests, rejects_bad_headers, 0, (int)PN_COUNT(bad));
    tcase_add_loop_test(tests, rejects_every_cut_and_survives_every_flip, 0, 2);
    tcase_add_test(tests, other_versions_are_named);
    tcase_add_test(tests, header_is_numpys);
    suite_add_tcase(suite, tests);
    return suite;
}
