/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays: transfers through views of any order against a slow loop over names; files; text. */
#include "array/array.h"

#include "array/dtypes.h"
#include "support/fixture.h"
#include "support/noise.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pencl_array *array_of(const char *spec_text)
{
    pn_spec spec;
    pencl_array *array = NULL;
    ok(pn_spec_parse(&spec, ctx, spec_text));
    ok(pencl_array_new(&array, device, spec.dtype, spec.axes, spec.n_axes));
    return array;
}

/* An array of this shape whose elements are 0, 1, 2... in C order. */
static pencl_array *counting_array(const char *spec_text)
{
    pencl_array *array = array_of(spec_text);
    size_t n = (size_t)pencl_array_count(array);
    float *values = malloc((n + 1) * sizeof *values);
    void *stored = malloc((n + 1) * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        values[i] = (float)i;
    }
    pn_dtype_of(pencl_array_dtype(array))->from_f32(values, stored, n);
    ok(pencl_array_upload(array, stored, pn_spec_bytes(&array->view.spec)));
    free(stored);
    free(values);
    return array;
}

static void expect_values(const pencl_array *array, const float *expected, int64_t n)
{
    ck_assert_int_eq(pencl_array_count(array), n);
    float *got = malloc((size_t)(n + 1) * sizeof *got);
    ok(pencl_array_download_f32(array, got, n));
    for (int64_t i = 0; i < n; i++) {
        ck_assert_float_eq(got[i], expected[i]);
    }
    free(got);
}

START_TEST(upload_then_download)
{
    pencl_array *x = counting_array("seq=2 embedding=3");
    const float expected[] = {0, 1, 2, 3, 4, 5};
    expect_values(x, expected, 6);
    ck_assert_int_eq(pencl_array_dtype(x), PENCL_F32);
    ck_assert_int_eq(pencl_array_n_axes(x), 2);
    ck_assert_str_eq(pencl_array_axis(x, 1)->name, "embedding");
    ck_assert_ptr_null(pencl_array_axis(x, 2));
    ck_assert_ptr_null(pencl_array_axis(x, -1));
    ck_assert_ptr_eq(pencl_array_device(x), device);
    float got[6];
    expect_error(pencl_array_download(x, got, 20), PENCL_E_ARG, "has 24 bytes, not 20");
    expect_error(pencl_array_upload(x, got, 25), PENCL_E_ARG, "float32(| seq:2, embedding:3)");
    expect_error(pencl_array_download_f32(x, got, 5), PENCL_E_ARG, "has 6 elements, not 5");
    pencl_array_free(x);
    pencl_array_free(NULL);
}
END_TEST

START_TEST(new_checks_its_axes)
{
    const pencl_axis twice[] = {{"seq", 2}, {"seq", 3}};
    const pencl_axis huge[] = {{"seq", INT64_MAX}};
    pencl_array *x = NULL;
    expect_error(pencl_array_new(&x, device, PENCL_F32, twice, 2), PENCL_E_AXIS, "\"seq\"");
    expect_error(pencl_array_new(&x, device, PENCL_F32, huge, 1), PENCL_E_LIMIT, "too many");
    expect_error(pencl_array_new(&x, device, PENCL_F32, huge, 9), PENCL_E_LIMIT, "9 axes");
    expect_error(pencl_array_new(&x, device, PENCL_F32, huge, -1), PENCL_E_LIMIT, "-1 axes");
    ck_assert_ptr_null(x);
}
END_TEST

START_TEST(scalars_and_empty_arrays_work)
{
    pencl_array *scalar = counting_array("");
    pencl_array *empty = counting_array("a=0 b=3");
    const float zero = 0;
    expect_values(scalar, &zero, 1);
    expect_values(empty, NULL, 0);
    ok(pencl_array_download(empty, NULL, 0));
    pencl_array_free(empty);
    pencl_array_free(scalar);
}
END_TEST

/* ---- views ---- */

static int64_t linear(const pn_spec *spec, const int64_t *index)
{
    int64_t at = 0;
    for (int i = 0; i < spec->n_axes; i++) {
        at = at * spec->axes[i].size + index[i];
    }
    return at;
}

static bool next(const pn_spec *spec, int64_t *index)
{
    for (int i = spec->n_axes - 1; i >= 0; i--) {
        if (++index[i] < spec->axes[i].size) {
            return true;
        }
        index[i] = 0;
    }
    return false;
}

static const char *const view_specs[] = {
    "a=3 b=4 c=5",     "f16:a=2 b=3 c=4 d=2", "bf16:a=7 b=3",
    "i32:a=4 b=1 c=6", "q8_0:a=3 b=64",       "q4_1:a=2 b=3 c=96",
};

/* Slices each axis, orders them at random; element by element by name the values must be those of
 * the whole array. */
START_TEST(views_of_any_order_read_the_same_elements)
{
    noise n = {(uint64_t)_i + 1};
    pencl_array *whole = counting_array(view_specs[(size_t)_i % PN_COUNT(view_specs)]);
    const pn_spec *spec = &whole->view.spec;
    float *all = malloc((size_t)pn_spec_count(spec) * sizeof *all);
    ok(pencl_array_download_f32(whole, all, pn_spec_count(spec)));
    int64_t from[PENCL_MAX_AXES];
    const char *names[PENCL_MAX_AXES];
    pencl_array *view = NULL;
    ok(pencl_array_order(&view, whole, (const char *[]){"a", "b", "c", "d"}, spec->n_axes));
    for (int i = 0; i < spec->n_axes; i++) {
        int64_t size = spec->axes[i].size;
        int j = (int)noise_below(&n, i + 1);
        names[i] = names[j];
        names[j] = spec->axes[i].name;
        from[i] = noise_below(&n, size);
        pencl_array *slice = NULL;
        ok(pencl_array_slice(&slice, view, spec->axes[i].name, from[i],
                             1 + noise_below(&n, size - from[i])));
        pencl_array_free(view);
        view = slice;
    }
    pencl_array *ordered = NULL;
    ok(pencl_array_order(&ordered, view, names, spec->n_axes));
    pencl_array_free(view);
    const pn_spec *seen = &ordered->view.spec;
    float *got = malloc((size_t)pn_spec_count(seen) * sizeof *got);
    ok(pencl_array_download_f32(ordered, got, pn_spec_count(seen)));
    int64_t index[PENCL_MAX_AXES] = {0};
    do {
        int64_t place[PENCL_MAX_AXES];
        for (int i = 0; i < spec->n_axes; i++) {
            place[i] = from[i] + index[pn_spec_find(seen, spec->axes[i].name)];
        }
        ck_assert_float_eq(got[linear(seen, index)], all[linear(spec, place)]);
    } while (next(seen, index));
    free(got);
    free(all);
    pencl_array_free(ordered);
    pencl_array_free(whole);
}
END_TEST

START_TEST(upload_through_a_view_changes_only_it)
{
    pencl_array *x = counting_array("a=3 b=4");
    pencl_array *slice = NULL;
    pencl_array *turned = NULL;
    const char *const ba[] = {"b", "a"};
    ok(pencl_array_slice(&slice, x, "b", 1, 2));
    ok(pencl_array_order(&turned, slice, ba, 2));
    const float values[] = {-1, -2, -3, -4, -5, -6};
    ok(pencl_array_upload(turned, values, sizeof values));
    const float expected[] = {0, -1, -4, 3, 4, -2, -5, 7, 8, -3, -6, 11};
    pencl_array_free(slice);
    pencl_array_free(turned);
    expect_values(x, expected, 12);
    pencl_array_free(x);
}
END_TEST

START_TEST(a_broadcast_can_be_read_but_not_written)
{
    pencl_array *x = counting_array("a=3");
    pencl_array *wide = NULL;
    pn_view view = x->view;
    pn_spec_push(&view.spec, "b", 2); /* stride 0 */
    ok(pn_array_wrap(&wide, x->buffer, x->base, &view));
    const float expected[] = {0, 0, 1, 1, 2, 2};
    expect_values(wide, expected, 6);
    expect_error(pencl_array_upload(wide, expected, sizeof expected), PENCL_E_UNSUPPORTED,
                 "broadcast");
    pencl_array_free(wide);
    pencl_array_free(x);
}
END_TEST

START_TEST(views_share_storage_beyond_their_array)
{
    pencl_array *x = counting_array("2 3");
    pencl_array *named = NULL;
    pencl_array *renamed = NULL;
    pencl_array *plain = NULL;
    const char *const names[] = {"seq", "embedding"};
    const char *const turned[] = {"width", "seq"};
    ok(pencl_array_tag(&named, x, names, 2));
    pencl_array_free(x);
    ok(pencl_array_rename(&renamed, named, "embedding", "width"));
    pencl_array_free(named);
    ok(pencl_array_untag(&plain, renamed, turned, 2));
    pencl_array_free(renamed);
    const float expected[] = {0, 3, 1, 4, 2, 5};
    expect_values(plain, expected, 6);
    pencl_array *none = NULL;
    expect_error(pencl_array_tag(&none, plain, names, 1), PENCL_E_AXIS, "float32(3, 2 |)");
    ck_assert_ptr_null(none);
    pencl_array_free(plain);
}
END_TEST

START_TEST(quantised_views_move_whole_blocks)
{
    pencl_array *x = counting_array("q8_0:a=3 b=64");
    pencl_array *rows = NULL;
    pencl_array *half = NULL;
    pencl_array *odd = NULL;
    uint8_t all[3 * 68];
    uint8_t got[2 * 34];
    ok(pencl_array_download(x, all, sizeof all));
    ok(pencl_array_slice(&rows, x, "a", 1, 2));
    ok(pencl_array_slice(&half, rows, "b", 32, 32));
    ok(pencl_array_download(half, got, sizeof got));
    ck_assert_mem_eq(got, all + 68 + 34, 34);
    ck_assert_mem_eq(got + 34, all + 2 * 68 + 34, 34);
    ok(pencl_array_slice(&odd, x, "b", 16, 32));
    expect_error(pencl_array_download(odd, got, 3 * 34), PENCL_E_UNSUPPORTED, "whole blocks");
    pencl_array_free(odd);
    pencl_array_free(half);
    pencl_array_free(rows);
    pencl_array_free(x);
}
END_TEST

START_TEST(host_views_read_any_dtype)
{
    pn_host_view v = {0};
    pn_spec spec;
    float values[96];
    uint8_t stored[96 * 4];
    ok(pn_spec_parse(&spec, ctx, view_specs[4 + _i])); /* the quantised ones */
    spec.n_axes = 0;
    pn_spec_push(&spec, "a", 3);
    pn_spec_push(&spec, "b", 32);
    for (int i = 0; i < 96; i++) {
        values[i] = (float)i;
    }
    pn_dtype_of(spec.dtype)->from_f32(values, stored, 96);
    pn_dtype_of(spec.dtype)->to_f32(stored, values, 96);
    v.data = stored;
    v.view = pn_view_contiguous(&spec);
    for (int i = 0; i < 96; i++) {
        const int64_t index[PENCL_MAX_AXES] = {i / 32, i % 32};
        ck_assert_float_eq(pn_host_view_at(&v, index), values[i]);
    }
}
END_TEST

/* ---- files ---- */

static char path[64];

static void setup_file(void)
{
    fixture_device();
    snprintf(path, sizeof path, "/tmp/pencl_test_%d.npy", (int)getpid());
}

static void teardown_file(void)
{
    remove(path);
    fixture_close();
}

static void write_file(const char *dictionary, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    const unsigned char head[] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)strlen(dictionary), 0};
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(head, 1, sizeof head, file), sizeof head);
    ck_assert_uint_eq(fwrite(dictionary, 1, strlen(dictionary), file), strlen(dictionary));
    ck_assert_uint_eq(fwrite(data, 1, bytes, file), bytes);
    fclose(file);
}

START_TEST(load_undoes_save)
{
    pencl_array *x = counting_array(view_specs[_i]);
    pencl_array *turned = NULL;
    pencl_array *back = NULL;
    const char *const names[] = {"c", "a", "b"};
    if (pencl_array_n_axes(x) == 3) {
        ok(pencl_array_order(&turned, x, names, 3));
    } else {
        ok(pencl_array_slice(&turned, x, "b", 0, 1));
    }
    ok(pencl_array_save(turned, path));
    ok(pencl_array_load(&back, device, path));
    pencl_dtype dtype = pencl_array_dtype(x);
    bool kept = dtype == PENCL_F16 || dtype == PENCL_I32;
    ck_assert_int_eq(pencl_array_dtype(back), kept ? dtype : PENCL_F32);
    ck_assert_int_eq(pencl_array_n_axes(back), pencl_array_n_axes(turned));
    for (int i = 0; i < pencl_array_n_axes(back); i++) {
        ck_assert_str_eq(pencl_array_axis(back, i)->name, "");
        ck_assert_int_eq(pencl_array_axis(back, i)->size, pencl_array_axis(turned, i)->size);
    }
    int64_t n = pencl_array_count(turned);
    float *expected = malloc((size_t)n * sizeof *expected);
    ok(pencl_array_download_f32(turned, expected, n));
    expect_values(back, expected, n);
    free(expected);
    pencl_array_free(back);
    pencl_array_free(turned);
    pencl_array_free(x);
}
END_TEST

START_TEST(load_reads_fortran_order)
{
    const float columns[] = {0, 3, 1, 4, 2, 5}; /* of [[0, 1, 2], [3, 4, 5]] */
    const float expected[] = {0, 1, 2, 3, 4, 5};
    pencl_array *x = NULL;
    write_file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", columns,
               sizeof columns);
    ok(pencl_array_load(&x, device, path));
    ck_assert_int_eq(pencl_array_axis(x, 0)->size, 2);
    expect_values(x, expected, 6);
    pencl_array_free(x);
}
END_TEST

START_TEST(load_narrows_i64)
{
    const int64_t fits[] = {INT32_MAX, INT32_MIN, -1};
    const int64_t too_large[] = {0, 1LL << 31, 0};
    int32_t got[3];
    pencl_array *x = NULL;
    write_file("{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }", fits, sizeof fits);
    ok(pencl_array_load(&x, device, path));
    ok(pencl_array_download(x, got, sizeof got));
    ck_assert_int_eq(got[0], INT32_MAX);
    ck_assert_int_eq(got[1], INT32_MIN);
    ck_assert_int_eq(got[2], -1);
    pencl_array_free(x);
    write_file("{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }", too_large,
               sizeof too_large);
    expect_error(pencl_array_load(&x, device, path), PENCL_E_LIMIT, "element 1, 2147483648");
    ck_assert_ptr_null(x);
}
END_TEST

START_TEST(load_names_the_file_that_fails)
{
    pencl_array *x = NULL;
    write_file("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "1234", 4);
    expect_error(pencl_array_load(&x, device, path), PENCL_E_FORMAT, path);
    remove(path);
    expect_error(pencl_array_load(&x, device, path), PENCL_E_IO, path);
    pencl_array *y = counting_array("a=2");
    expect_error(pencl_array_save(y, "/nowhere/x.npy"), PENCL_E_IO, "/nowhere/x.npy");
    pencl_array_free(y);
}
END_TEST

/* ---- text ---- */

static void expect_print(pencl_array *array, const char *expected)
{
    char *text = NULL;
    ok(pencl_array_print(&text, array));
    ck_assert_str_eq(text, expected);
    pencl_text_free(text);
    pencl_array_free(array);
}

START_TEST(print_shows_small_arrays)
{
    expect_print(counting_array("seq=2 embedding=3"),
                 "<NamedArray float32(| seq:2, embedding:3)>\n[[0, 1, 2],\n [3, 4, 5]]");
    expect_print(counting_array("f16:2 2 b=2"), "<NamedArray float16(2, 2 | b:2)>\n"
                                                "[[[0, 1],\n  [2, 3]],\n [[4, 5],\n  [6, 7]]]");
    expect_print(counting_array(""), "<NamedArray float32()>\n0");
    expect_print(counting_array("a=0"), "<NamedArray float32(| a:0)>");
    expect_print(counting_array("a=65"), "<NamedArray float32(| a:65)>");
    pencl_array *large = array_of("i32:a=1");
    const int32_t value = 16777217; /* not a float32 */
    ok(pencl_array_upload(large, &value, sizeof value));
    expect_print(large, "<NamedArray int32(| a:1)>\n[16777217]");
}
END_TEST

Suite *suite_array_array(void);
Suite *suite_array_array(void)
{
    Suite *suite = suite_create("array_array");
    TCase *tests = tcase_create("array");
    tcase_add_checked_fixture(tests, fixture_device, fixture_close);
    tcase_add_test(tests, upload_then_download);
    tcase_add_test(tests, new_checks_its_axes);
    tcase_add_test(tests, scalars_and_empty_arrays_work);
    tcase_add_loop_test(tests, views_of_any_order_read_the_same_elements, 0, 60);
    tcase_add_test(tests, upload_through_a_view_changes_only_it);
    tcase_add_test(tests, a_broadcast_can_be_read_but_not_written);
    tcase_add_test(tests, views_share_storage_beyond_their_array);
    tcase_add_test(tests, quantised_views_move_whole_blocks);
    tcase_add_loop_test(tests, host_views_read_any_dtype, 0, 2);
    tcase_add_test(tests, print_shows_small_arrays);
    suite_add_tcase(suite, tests);
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, setup_file, teardown_file);
    tcase_add_loop_test(files, load_undoes_save, 0, (int)PN_COUNT(view_specs));
    tcase_add_test(files, load_reads_fortran_order);
    tcase_add_test(files, load_narrows_i64);
    tcase_add_test(files, load_names_the_file_that_fails);
    suite_add_tcase(suite, files);
    return suite;
}
