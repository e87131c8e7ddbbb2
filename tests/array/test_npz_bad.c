/* SPDX-License-Identifier: Apache-2.0 */
/* .npz files that are cut, changed, or not what they say. */
#include "array/npy.h"
#include "support/fixture.h"
#include "support/folder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { MOST = 1 << 14 };

static char folder[TEST_PATH];

static void setup(void)
{
    fixture_ref();
    test_folder_make(folder);
}

static void teardown(void)
{
    fixture_close();
    test_folder_remove(folder);
}

/* pn_take_array: counts, and reads every element. */
static pencl_status use(void *count, const char *name, pencl_array *array)
{
    (void)name;
    int64_t n = pencl_array_count(array);
    float *values = calloc((size_t)n + 1, sizeof *values);
    pencl_status st = pencl_array_download_f32(array, values, n);
    free(values);
    pencl_array_free(array);
    ++*(int *)count;
    return st;
}

static pencl_status read_file(int *count)
{
    *count = 0;
    pencl_status st = pn_npz_read(device, test_path(folder, "bad.npz"), use, count);
    ck_assert_int_eq(st, pencl_error_status(ctx));
    pn_error_clear(ctx);
    return st;
}

static size_t read_bytes(unsigned char *to, const char *name)
{
    FILE *f = fopen(test_path(folder, name), "rb");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(to, 1, MOST, f);
    fclose(f);
    return n;
}

/* A sound file of two arrays. */
static size_t sound(unsigned char *bytes)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    const pencl_axis axes[] = {{"seq", 2}, {"embedding", 3}};
    pencl_array *a = NULL;
    ck_assert_int_eq(pencl_array_wrap(&a, device, PENCL_F32, axes, 2, values), PENCL_OK);
    const pn_named_array arrays[] = {{"a", a}, {".sublayers[0]", a}};
    ck_assert_int_eq(pn_npz_write(ctx, test_path(folder, "good.npz"), arrays, 2), PENCL_OK);
    pencl_array_free(a);
    return read_bytes(bytes, "good.npz");
}

START_TEST(a_file_cut_anywhere_is_refused)
{
    static unsigned char bytes[MOST];
    int count = 0;
    size_t n = sound(bytes);
    for (size_t i = 0; i < 60; i++) {
        test_write(test_path(folder, "bad.npz"), bytes, n * i / 60);
        ck_assert_msg(read_file(&count) == PENCL_E_FORMAT, "cut at %zu of 60", i);
        ck_assert_int_eq(count, 0);
    }
    test_write(test_path(folder, "bad.npz"), bytes, n);
    ck_assert_int_eq(read_file(&count), PENCL_OK);
    ck_assert_int_eq(count, 2);
}
END_TEST

/* Whatever opens all the same is read to its last element. */
START_TEST(changed_bytes_do_no_harm)
{
    static unsigned char bytes[MOST];
    static unsigned char changed[MOST];
    int count = 0;
    int refused = 0;
    uint32_t seed = 1;
    size_t n = sound(bytes);
    for (int round = 0; round < 400; round++) {
        memcpy(changed, bytes, n);
        for (int i = 0; i < 3; i++) {
            seed = seed * 1664525U + 1013904223U;
            changed[(seed >> 8) % n] = (unsigned char)(seed >> 24);
        }
        test_write(test_path(folder, "bad.npz"), changed, n);
        refused += read_file(&count) != PENCL_OK;
    }
    ck_assert_int_gt(refused, 200);
}
END_TEST

/* ---- members that are not what they say ---- */

static void write_zip(const char *member, const void *data, size_t size, const char *axes)
{
    int code = 0;
    zip_t *zip = zip_open(test_path(folder, "bad.npz"), ZIP_CREATE | ZIP_TRUNCATE, &code);
    ck_assert_ptr_nonnull(zip);
    zip_file_add(zip, member, zip_source_buffer(zip, data, size, 0), ZIP_FL_ENC_UTF_8);
    if (axes != NULL) {
        zip_file_add(zip, "__axes__.json", zip_source_buffer(zip, axes, strlen(axes), 0),
                     ZIP_FL_ENC_UTF_8);
    }
    ck_assert_int_eq(zip_close(zip), 0);
}

/* A .npy file of the header, padded, and six floats. */
static size_t npy(unsigned char *to, const char *header)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    memcpy(to, "\x93NUMPY\x01\x00\x76\x00", 10);
    memset(to + 10, ' ', 0x76);
    memcpy(to + 10, header, strlen(header));
    to[10 + 0x76 - 1] = '\n';
    memcpy(to + 10 + 0x76, values, sizeof values);
    return 10 + 0x76 + sizeof values;
}

#define HEAD(type, order, shape)                                                                   \
    "{'descr': '" type "', 'fortran_order': " order ", 'shape': (" shape "), }"

START_TEST(members_that_lie_are_refused)
{
    static const char *const headers[] = {
        HEAD("<f4", "False", "2, 4"),                   /* more than there is */
        HEAD("<f4", "False", "5,"),                     /* less */
        HEAD("<f4", "False", "-2, -3"),                 /**/
        HEAD("<f4", "False", "4294967296, 4294967296"), /* a product that overflows */
        HEAD("|O", "False", "6,"),                      /* pickled objects */
        HEAD(">f4", "False", "6,"),                     /* big-endian */
        HEAD("<c8", "False", "3,"),                     /* complex */
        HEAD("<f4", "False", "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 6"),
        "{'descr': '<f4', 'shape': (6,), ",
        "",
    };
    unsigned char file[256];
    int count = 0;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        write_zip("x.npy", file, npy(file, headers[i]), NULL);
        ck_assert_msg(read_file(&count) != PENCL_OK, "%s", headers[i]);
        ck_assert_int_eq(count, 0);
    }
    write_zip("x.npy", file, npy(file, HEAD("<f4", "False", "2, 3")), NULL);
    ck_assert_int_eq(read_file(&count), PENCL_OK);
    ck_assert_int_eq(count, 1);
}
END_TEST

START_TEST(names_of_axes_must_fit)
{
    static const char *const bad[] = {
        "{\"x\": {\"axes\": [\"seq\"]}}",              /* two axes */
        "{\"x\": {\"axes\": [\"seq\", \"seq\"]}}",     /* twice the same */
        "{\"x\": {\"axes\": [1, 2]}}",                 /**/
        "{\"x\": {\"axes\": \"seq embedding\"}}",      /**/
        "{\"x\": 3}",                                  /**/
        "[]",                                          /**/
        "{\"x\": {\"axes\": [\"seq\", \"embedding\"]", /* no end */
    };
    unsigned char file[256];
    int count = 0;
    size_t n = npy(file, HEAD("<f4", "False", "2, 3"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_zip("x.npy", file, n, bad[i]);
        ck_assert_msg(read_file(&count) != PENCL_OK, "%s", bad[i]);
        ck_assert_int_eq(count, 0);
    }
    write_zip("x.npy", file, n, "{\"x\": {\"axes\": [\"seq\", \"embedding\"]}}");
    ck_assert_int_eq(read_file(&count), PENCL_OK);
    ck_assert_int_eq(count, 1);
}
END_TEST

Suite *suite_array_npz_bad(void);
Suite *suite_array_npz_bad(void)
{
    Suite *suite = suite_create("array_npz_bad");
    TCase *tc = tcase_create("npz_bad");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_file_cut_anywhere_is_refused);
    tcase_add_test(tc, changed_bytes_do_no_harm);
    tcase_add_test(tc, members_that_lie_are_refused);
    tcase_add_test(tc, names_of_axes_must_fit);
    suite_add_tcase(suite, tc);
    return suite;
}
