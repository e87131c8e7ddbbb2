/* SPDX-License-Identifier: Apache-2.0 */
/* Views: each verb against a slow model that keeps, for every element, its coordinates by name. */
#include "array/shape.h"

#include "support/noise.h"

#include <check.h>
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

static pn_spec spec_of(const char *text)
{
    pn_spec spec = {0};
    ck_assert_int_eq(pn_spec_parse(&spec, ctx, text), PENCL_OK);
    return spec;
}

static pn_view view_of(const char *text)
{
    pn_spec spec = spec_of(text);
    return pn_view_contiguous(&spec);
}

/* Where the element with these coordinates, in the view's own order of axes, is stored. */
static int64_t place(const pn_view *v, const int64_t *index)
{
    int64_t at = v->offset;
    for (int i = 0; i < v->spec.n_axes; i++) {
        ck_assert(index[i] >= 0 && index[i] < v->spec.axes[i].size);
        at += index[i] * v->strides[i];
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

/* A random spec of up to 5 axes "a".."e" of size 1 to 4. */
static pn_spec random_spec(noise *n)
{
    pn_spec spec = {.dtype = PENCL_F32};
    int n_axes = (int)noise_below(n, 6);
    for (int i = 0; i < n_axes; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        pn_spec_push(&spec, name, 1 + noise_below(n, 4));
    }
    return spec;
}

static void shuffle_names(noise *n, const pn_spec *spec, const char *names[])
{
    for (int i = 0; i < spec->n_axes; i++) {
        int j = (int)noise_below(n, i + 1);
        names[i] = names[j];
        names[j] = spec->axes[i].name;
    }
}

static void expect_error(pencl_status got, pencl_status status, const char *words)
{
    ck_assert_str_eq(pencl_status_name(got), pencl_status_name(status));
    ck_assert_msg(strstr(pencl_error_text(ctx), words) != NULL, "\"%s\" lacks \"%s\"",
                  pencl_error_text(ctx), words);
    pn_error_clear(ctx);
}

START_TEST(contiguous_counts_up)
{
    noise n = {(uint64_t)_i + 1};
    pn_spec spec = random_spec(&n);
    pn_view v = pn_view_contiguous(&spec);
    ck_assert(pn_view_is_contiguous(&v));
    int64_t index[PENCL_MAX_AXES] = {0};
    int64_t at = 0;
    do {
        ck_assert_int_eq(place(&v, index), at++);
    } while (next(&spec, index));
    ck_assert_int_eq(at, pn_spec_count(&spec));
}
END_TEST

START_TEST(order_never_moves_an_element)
{
    noise n = {(uint64_t)_i + 1};
    pn_spec spec = random_spec(&n);
    pn_view before = pn_view_contiguous(&spec);
    pn_view after = before;
    const char *names[PENCL_MAX_AXES];
    shuffle_names(&n, &spec, names);
    ck_assert_int_eq(pn_view_order(&after, ctx, names, spec.n_axes), PENCL_OK);
    ck_assert(pn_spec_same_axes(&before.spec, &after.spec));
    int64_t index[PENCL_MAX_AXES] = {0};
    do {
        int64_t same[PENCL_MAX_AXES] = {0};
        for (int i = 0; i < after.spec.n_axes; i++) {
            ck_assert_str_eq(after.spec.axes[i].name, names[i]);
            same[i] = index[pn_spec_find(&spec, names[i])];
        }
        ck_assert_int_eq(place(&after, same), place(&before, index));
    } while (next(&spec, index));
}
END_TEST

START_TEST(untag_then_tag_is_an_order)
{
    noise n = {(uint64_t)_i + 1};
    pn_spec spec = random_spec(&n);
    pn_view v = pn_view_contiguous(&spec);
    pn_view ordered = v;
    const char *names[PENCL_MAX_AXES];
    shuffle_names(&n, &spec, names);
    int some = (int)noise_below(&n, spec.n_axes + 1);
    ck_assert_int_eq(pn_view_untag(&v, ctx, names, some), PENCL_OK);
    for (int i = 0; i < v.spec.n_axes; i++) {
        ck_assert_int_eq(v.spec.axes[i].name[0] == '\0', i < some);
    }
    ck_assert_int_eq(pn_view_tag(&v, ctx, names, some), PENCL_OK);
    ck_assert_int_eq(pn_view_order(&v, ctx, names, spec.n_axes), PENCL_OK);
    ck_assert_int_eq(pn_view_order(&ordered, ctx, names, spec.n_axes), PENCL_OK);
    ck_assert(pn_spec_equal(&v.spec, &ordered.spec));
    ck_assert_mem_eq(v.strides, ordered.strides, sizeof(int64_t) * (size_t)v.spec.n_axes);
}
END_TEST

START_TEST(slice_and_index_shift_coordinates)
{
    noise n = {(uint64_t)_i + 1};
    pn_spec spec = random_spec(&n);
    pn_spec_push(&spec, "s", 2 + noise_below(&n, 4));
    pn_view whole = pn_view_contiguous(&spec);
    pn_view part = whole;
    int64_t from = noise_below(&n, pn_spec_size(&spec, "s"));
    int64_t size = 1 + noise_below(&n, pn_spec_size(&spec, "s") - from);
    ck_assert_int_eq(pn_view_slice(&part, ctx, "s", from, size, 1), PENCL_OK);
    pn_view one = part;
    ck_assert_int_eq(pn_view_index(&one, ctx, "s", size - 1), PENCL_OK);
    ck_assert_int_eq(pn_spec_find(&one.spec, "s"), -1);
    int64_t index[PENCL_MAX_AXES] = {0};
    int last = spec.n_axes - 1;
    do {
        int64_t shifted[PENCL_MAX_AXES];
        memcpy(shifted, index, sizeof shifted);
        shifted[last] += from;
        ck_assert_int_eq(place(&part, index), place(&whole, shifted));
        if (index[last] == size - 1) {
            ck_assert_int_eq(place(&one, index), place(&part, index));
        }
    } while (next(&part.spec, index));
}
END_TEST

START_TEST(split_counts_through_the_axis)
{
    noise n = {(uint64_t)_i + 1};
    pencl_axis parts[] = {{"x", 1 + noise_below(&n, 3)}, {"y", 2}, {"z", 1 + noise_below(&n, 3)}};
    pn_spec spec = random_spec(&n);
    pn_spec_push(&spec, "s", parts[0].size * parts[1].size * parts[2].size);
    pn_view whole = pn_view_contiguous(&spec);
    const char *names[PENCL_MAX_AXES];
    shuffle_names(&n, &spec, names);
    ck_assert_int_eq(pn_view_order(&whole, ctx, names, spec.n_axes), PENCL_OK);
    pn_view split = whole;
    ck_assert_int_eq(pn_view_split(&split, ctx, "s", parts, 3), PENCL_OK);
    int at = pn_spec_find(&whole.spec, "s");
    ck_assert_int_eq(pn_spec_find(&split.spec, "x"), at);
    int64_t index[PENCL_MAX_AXES] = {0};
    do {
        int64_t joined[PENCL_MAX_AXES] = {0};
        memcpy(joined, index, sizeof(int64_t) * (size_t)at);
        joined[at] = (index[at] * 2 + index[at + 1]) * parts[2].size + index[at + 2];
        memcpy(joined + at + 1, index + at + 3,
               sizeof(int64_t) * (size_t)(whole.spec.n_axes - at - 1));
        ck_assert_int_eq(place(&split, index), place(&whole, joined));
    } while (next(&split.spec, index));
    const char *const xyz[] = {"x", "y", "z"};
    ck_assert_int_eq(pn_view_merge(&split, ctx, xyz, 3, "s"), PENCL_OK);
    ck_assert(pn_spec_equal(&split.spec, &whole.spec));
    ck_assert_mem_eq(split.strides, whole.strides, sizeof(int64_t) * (size_t)whole.spec.n_axes);
}
END_TEST

START_TEST(merge_needs_nested_strides)
{
    pn_view v = view_of("a=2 b=3 c=4");
    const char *const ac[] = {"a", "c"};
    const char *const cb[] = {"c", "b"};
    const char *const bc[] = {"b", "c"};
    expect_error(pn_view_merge(&v, ctx, ac, 2, "x"), PENCL_E_UNSUPPORTED, "needs a copy");
    expect_error(pn_view_merge(&v, ctx, cb, 2, "x"), PENCL_E_UNSUPPORTED,
                 "float32(| a:2, b:3, c:4)");
    expect_error(pn_view_merge(&v, ctx, bc, 2, "a"), PENCL_E_AXIS, "\"a\" would be repeated");
    ck_assert_int_eq(pn_view_merge(&v, ctx, bc, 2, "b"), PENCL_OK);
    pn_spec expected = spec_of("a=2 b=12");
    ck_assert(pn_spec_equal(&v.spec, &expected));
    pn_view empty = view_of("a=2 b=0 c=4");
    ck_assert_int_eq(pn_view_merge(&empty, ctx, bc, 2, "x"), PENCL_OK);
    ck_assert_int_eq(pn_spec_size(&empty.spec, "x"), 0);
}
END_TEST

START_TEST(contiguity_ignores_axes_of_one)
{
    pn_view v = view_of("a=2 b=1 c=3");
    const char *const bac[] = {"b", "a", "c"};
    const char *const cab[] = {"c", "a", "b"};
    ck_assert_int_eq(pn_view_order(&v, ctx, bac, 3), PENCL_OK);
    ck_assert(pn_view_is_contiguous(&v));
    ck_assert_int_eq(pn_view_order(&v, ctx, cab, 3), PENCL_OK);
    ck_assert(!pn_view_is_contiguous(&v));
    v = view_of("a=2 c=3");
    ck_assert_int_eq(pn_view_slice(&v, ctx, "a", 1, 1, 1), PENCL_OK);
    ck_assert(pn_view_is_contiguous(&v)); /* from its offset on */
    v = view_of("a=2 c=3");
    ck_assert_int_eq(pn_view_slice(&v, ctx, "c", 0, 2, 1), PENCL_OK);
    ck_assert(!pn_view_is_contiguous(&v));
    ck_assert_int_eq(pn_view_stride(&v, "a"), 3);
    ck_assert_int_eq(pn_view_stride(&v, "b"), 0);
}
END_TEST

START_TEST(verbs_name_what_is_wrong)
{
    pn_view v = view_of("seq=5 heads=2");
    pn_view before = v;
    const char *const one[] = {"seq"};
    const char *const twice[] = {"seq", "seq"};
    const char *const unknown[] = {"seq", "foo"};
    const pencl_axis parts[] = {{"x", 2}, {"y", 3}};
    const char *shape = "float32(| seq:5, heads:2): ";
    expect_error(pn_view_rename(&v, ctx, "foo", "bar"), PENCL_E_AXIS, "\"foo\"");
    expect_error(pn_view_rename(&v, ctx, "seq", "heads"), PENCL_E_AXIS, "\"heads\" would be");
    expect_error(pn_view_rename(&v, ctx, "seq", ""), PENCL_E_AXIS, shape);
    expect_error(pn_view_order(&v, ctx, one, 1), PENCL_E_AXIS, "\"heads\" is missing");
    expect_error(pn_view_order(&v, ctx, twice, 2), PENCL_E_AXIS, "\"seq\" is given twice");
    expect_error(pn_view_order(&v, ctx, unknown, 2), PENCL_E_AXIS, "\"foo\"");
    expect_error(pn_view_slice(&v, ctx, "seq", 4, 2, 1), PENCL_E_SHAPE, shape);
    expect_error(pn_view_slice(&v, ctx, "seq", -1, 2, 1), PENCL_E_SHAPE, "\"seq\"");
    expect_error(pn_view_slice(&v, ctx, "seq", 1, INT64_MAX, 1), PENCL_E_SHAPE, "\"seq\"");
    expect_error(pn_view_index(&v, ctx, "seq", 5), PENCL_E_SHAPE, shape);
    expect_error(pn_view_split(&v, ctx, "seq", parts, 2), PENCL_E_SHAPE, "do not multiply");
    expect_error(pn_view_split(&v, ctx, "seq", parts, 0), PENCL_E_LIMIT, "0 axes");
    expect_error(pn_view_tag(&v, ctx, one, 1), PENCL_E_AXIS, "1 names for 0 positional");
    expect_error(pn_view_untag(&v, ctx, unknown, 2), PENCL_E_AXIS, "\"foo\"");
    ck_assert_mem_eq(&v, &before, sizeof v); /* untouched by every failure */
}
END_TEST

START_TEST(untag_needs_no_positional_axes)
{
    pn_view v = view_of("2 seq=5");
    const char *const one[] = {"seq"};
    expect_error(pn_view_untag(&v, ctx, one, 1), PENCL_E_AXIS, "without positional axes");
    ck_assert_int_eq(pn_view_untag(&v, ctx, NULL, 0), PENCL_OK);
    expect_error(pn_view_tag(&v, ctx, one, 1), PENCL_E_AXIS, "\"seq\" would be repeated");
    ck_assert_int_eq(pn_view_order(&v, ctx, one, 1), PENCL_OK); /* positional ones stay in front */
    pn_spec expected = spec_of("2 seq=5");
    ck_assert(pn_spec_equal(&v.spec, &expected));
}
END_TEST

Suite *suite_array_view(void);
Suite *suite_array_view(void)
{
    enum { SEEDS = 40 };
    Suite *suite = suite_create("array_view");
    TCase *tests = tcase_create("view");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, contiguous_counts_up, 0, SEEDS);
    tcase_add_loop_test(tests, order_never_moves_an_element, 0, SEEDS);
    tcase_add_loop_test(tests, untag_then_tag_is_an_order, 0, SEEDS);
    tcase_add_loop_test(tests, slice_and_index_shift_coordinates, 0, SEEDS);
    tcase_add_loop_test(tests, split_counts_through_the_axis, 0, SEEDS);
    tcase_add_test(tests, merge_needs_nested_strides);
    tcase_add_test(tests, contiguity_ignores_axes_of_one);
    tcase_add_test(tests, verbs_name_what_is_wrong);
    tcase_add_test(tests, untag_needs_no_positional_axes);
    suite_add_tcase(suite, tests);
    return suite;
}
