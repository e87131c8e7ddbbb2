/* SPDX-License-Identifier: Apache-2.0 */
/* .npz files, read back by libzip and byte by byte. */
#include "array/npy.h"
#include "support/fixture.h"
#include "support/folder.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

static char folder[TEST_PATH];

static void setup(void)
{
    fixture_device();
    test_folder_make(folder);
}

static void teardown(void)
{
    fixture_close();
    test_folder_remove(folder);
}

static const pencl_axis AXES[] = {{"seq", 2}, {"embedding", 3}};
static const float VALUES[] = {1, -2, 3.5F, 4, 5, 1e-3F};
static const int32_t IDS[] = {7, -8};

/* A member's bytes; free() them. */
static char *member(zip_t *zip, const char *name, size_t *size)
{
    zip_stat_t stat;
    ck_assert_msg(zip_stat(zip, name, 0, &stat) == 0, "%s is missing", name);
    ck_assert_int_eq(stat.comp_method, ZIP_CM_STORE);
    char *bytes = malloc(stat.size + 1);
    zip_file_t *file = zip_fopen(zip, name, 0);
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(zip_fread(file, bytes, stat.size), (zip_int64_t)stat.size);
    zip_fclose(file);
    bytes[stat.size] = '\0';
    *size = stat.size;
    return bytes;
}

static void expect_npy(zip_t *zip, const char *name, const char *head, const void *data, size_t n)
{
    size_t size = 0;
    char *bytes = member(zip, name, &size);
    ck_assert_int_eq(memcmp(bytes, "\x93NUMPY\x01", 7), 0);
    size_t start = 10 + (unsigned char)bytes[8] + 256 * (size_t)(unsigned char)bytes[9];
    ck_assert_uint_eq(start % 64, 0);
    ck_assert_msg(strstr(bytes + 10, head) != NULL, "%s lacks %s", bytes + 10, head);
    ck_assert_uint_eq(size, start + n);
    ck_assert_mem_eq(bytes + start, data, n);
    free(bytes);
}

START_TEST(arrays_and_their_axes)
{
    pencl_array *x = NULL;
    pencl_array *turned = NULL;
    pencl_array *ids = NULL;
    const char *order[] = {"embedding", "seq"};
    const float by_column[] = {1, 4, -2, 5, 3.5F, 1e-3F};
    ck_assert_int_eq(pencl_array_new(&x, device, PENCL_F32, AXES, 2), PENCL_OK);
    ck_assert_int_eq(pencl_array_upload(x, VALUES, sizeof VALUES), PENCL_OK);
    ck_assert_int_eq(pencl_array_order(&turned, x, order, 2), PENCL_OK);
    ck_assert_int_eq(pencl_array_new(&ids, device, PENCL_I32, AXES, 1), PENCL_OK);
    ck_assert_int_eq(pencl_array_upload(ids, IDS, sizeof IDS), PENCL_OK);
    const pn_named_array all[] = {{".sublayers[0]", x}, {"turned", turned}, {"ids", ids}};
    const char *path = test_path(folder, "x.npz");
    pencl_status st = pn_npz_write(ctx, path, all, 3);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    zip_t *zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, NULL);
    ck_assert_ptr_nonnull(zip);
    ck_assert_int_eq(zip_get_num_entries(zip, 0), 4);
    expect_npy(zip, ".sublayers[0].npy", "'<f4'", VALUES, sizeof VALUES);
    expect_npy(zip, "turned.npy", "(3, 2)", by_column, sizeof by_column);
    expect_npy(zip, "ids.npy", "'<i4'", IDS, sizeof IDS);
    size_t size = 0;
    char *text = member(zip, "__axes__.json", &size);
    json_t *axes = json_loads(text, 0, NULL);
    json_t *one = json_object_get(axes, "turned");
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(one, "axes"), 0)),
                     "embedding");
    ck_assert_str_eq(json_string_value(json_object_get(one, "dtype")), "f32");
    json_decref(axes);
    free(text);
    zip_close(zip);
    pencl_array_free(ids);
    pencl_array_free(turned);
    pencl_array_free(x);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_says_so)
{
    const pn_named_array none = {"x", NULL};
    const char *path = test_path(folder, "none/x.npz");
    ck_assert_int_eq(pn_npz_write(ctx, path, &none, 0), PENCL_E_IO);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "none/x.npz"));
}
END_TEST

Suite *suite_array_npz(void);
Suite *suite_array_npz(void)
{
    Suite *suite = suite_create("array_npz");
    TCase *tc = tcase_create("npz");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, arrays_and_their_axes);
    tcase_add_test(tc, a_file_that_cannot_be_written_says_so);
    suite_add_tcase(suite, tc);
    return suite;
}
