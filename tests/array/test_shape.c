/* SPDX-License-Identifier: Apache-2.0 */
/* Specs: checks, text in both directions, comparison, union. */
#include "array/shape.h"

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
    ck_assert_msg(pn_spec_parse(&spec, ctx, text) == PENCL_OK, "%s: %s", text,
                  pencl_error_text(ctx));
    return spec;
}

static void expect_text(const char *spec_text, const char *expected)
{
    pn_spec spec = spec_of(spec_text);
    pn_text text = {0};
    pn_spec_print(&text, &spec);
    ck_assert_str_eq(pn_text_get(&text), expected);
    pn_text_free(&text);
}

/* The last call failed with this status, and its text holds these words. */
static void expect_error(pencl_status got, pencl_status status, const char *words)
{
    ck_assert_str_eq(pencl_status_name(got), pencl_status_name(status));
    ck_assert_msg(strstr(pencl_error_text(ctx), words) != NULL, "\"%s\" lacks \"%s\"",
                  pencl_error_text(ctx), words);
    pn_error_clear(ctx);
}

static void expect_parse_error(const char *text, pencl_status status, const char *words)
{
    pn_spec spec = {.n_axes = -7};
    expect_error(pn_spec_parse(&spec, ctx, text), status, words);
    ck_assert_int_eq(spec.n_axes, -7); /* untouched */
}

START_TEST(prints_as_penzai_does)
{
    expect_text("seq=5 vocabulary=11", "float32(| seq:5, vocabulary:11)");
    expect_text("i32:2 3 seq=5", "int32(2, 3 | seq:5)");
    expect_text("seq=5 2 3", "float32(2, 3 | seq:5)");
    expect_text("bf16:2 3", "bfloat16(2, 3 |)");
    expect_text("f16:", "float16()");
    expect_text("", "float32()");
    expect_text("q4_1: neurons=3  embedding=64 ", "q4_1(| neurons:3, embedding:64)");
}
END_TEST

START_TEST(parse_rejects_malformed_text)
{
    expect_parse_error("seq=", PENCL_E_FORMAT, "seq=");
    expect_parse_error("seq=3x", PENCL_E_FORMAT, "seq=3x");
    expect_parse_error("=3", PENCL_E_FORMAT, "=3");
    expect_parse_error("seq=-3", PENCL_E_FORMAT, "seq=-3");
    expect_parse_error("seq=99999999999999999999", PENCL_E_FORMAT, "seq=");
    expect_parse_error("q1_1:seq=32", PENCL_E_DTYPE, "q1_1");
    expect_parse_error("a=1 a=2", PENCL_E_AXIS, "\"a\" is repeated");
    expect_parse_error("1 2 3 4 5 6 7 8 9", PENCL_E_LIMIT, "8 axes");
    expect_parse_error("a_name_that_is_longer_than_31_bytes=1", PENCL_E_FORMAT, "bad axis name");
}
END_TEST

START_TEST(check_rejects_what_cannot_be_addressed)
{
    expect_parse_error("a=4294967296 b=4294967296", PENCL_E_LIMIT, "too many");
    expect_parse_error("a=9223372036854775807", PENCL_E_LIMIT, "too many"); /* 4 bytes each */
    expect_parse_error("a=0 b=4294967296 c=4294967296", PENCL_E_LIMIT, "too many"); /* strides */
    expect_parse_error("q4_0:a=32 b=31", PENCL_E_SHAPE, "size is 31");
}
END_TEST

START_TEST(check_rejects_bad_axes)
{
    pn_spec spec = spec_of("a=2 b=3");
    spec.axes[1].size = -1;
    expect_error(pn_spec_check(ctx, &spec, "x"), PENCL_E_ARG, "x: axis 1 \"b\"");
    spec.axes[1].size = 3;
    memset(spec.axes[0].name, 'n', sizeof spec.axes[0].name); /* not terminated */
    expect_error(pn_spec_check(ctx, &spec, "x"), PENCL_E_LIMIT, "longer than 31 bytes");
    pn_copy(spec.axes[0].name, sizeof spec.axes[0].name, "a\nb");
    expect_error(pn_spec_check(ctx, &spec, "x"), PENCL_E_AXIS, "control character");
    spec.n_axes = PENCL_MAX_AXES + 1;
    expect_error(pn_spec_check(ctx, &spec, "x"), PENCL_E_LIMIT, "9 axes");
    spec.n_axes = 0;
    spec.dtype = PENCL_DTYPE_COUNT;
    expect_error(pn_spec_check(ctx, &spec, "x"), PENCL_E_DTYPE, "x: ");
}
END_TEST

START_TEST(sizes_count_whole_blocks)
{
    pn_spec spec = spec_of("q4_1:neurons=3 embedding=64");
    ck_assert_int_eq(pn_spec_count(&spec), 192);
    ck_assert_uint_eq(pn_spec_bytes(&spec), 120);
    ck_assert_int_eq(pn_spec_size(&spec, "neurons"), 3);
    ck_assert_int_eq(pn_spec_size(&spec, "seq"), 1);
    spec = spec_of("a=3 b=0");
    ck_assert_int_eq(pn_spec_count(&spec), 0);
    spec = spec_of("2 3");
    ck_assert_int_eq(pn_spec_find(&spec, ""), -1);
}
END_TEST

START_TEST(same_axes_ignores_order_and_dtype_only)
{
    pn_spec a = spec_of("2 seq=5 3 heads=4");
    pn_spec b = spec_of("f16:heads=4 2 3 seq=5");
    ck_assert(pn_spec_same_axes(&a, &b));
    ck_assert(!pn_spec_equal(&a, &b));
    ck_assert(pn_spec_equal(&a, &a));
    b = spec_of("heads=4 3 2 seq=5");
    ck_assert(!pn_spec_same_axes(&a, &b));
    b = spec_of("heads=4 2 3 seq=6");
    ck_assert(!pn_spec_same_axes(&a, &b));
    b = spec_of("heads=4 2 seq=5 kv_seq=3");
    ck_assert(!pn_spec_same_axes(&a, &b));
    a.dtype = PENCL_F16;
    b = spec_of("2 seq=5 3 heads=4");
    ck_assert(!pn_spec_equal(&a, &b));
}
END_TEST

static const char *const names[] = {"a", "b", "c?"};

START_TEST(union_keeps_first_seen_order)
{
    pn_spec x = spec_of("f16:seq=5 embedding=8");
    pn_spec y = spec_of("embedding=8 heads=2");
    pn_spec scalar = spec_of("");
    const pn_spec *const specs[] = {&x, &y, &scalar};
    const pn_specs arguments = {"add", specs, names, 3};
    pn_spec all = {0};
    ck_assert_int_eq(pn_specs_union(&all, ctx, &arguments), PENCL_OK);
    pn_spec expected = spec_of("f16:seq=5 embedding=8 heads=2");
    ck_assert(pn_spec_equal(&all, &expected));
    pn_spec except = spec_of("embedding=1");
    all = scalar;
    ck_assert_int_eq(pn_specs_join(&all, ctx, &arguments, 1, &except), PENCL_OK);
    expected = spec_of("heads=2");
    ck_assert(pn_spec_equal(&all, &expected));
}
END_TEST

START_TEST(union_rejects_sizes_that_differ)
{
    pn_spec x = spec_of("seq=5 embedding=8");
    pn_spec y = spec_of("heads=2");
    pn_spec z = spec_of("embedding=1 heads=2"); /* size 1 does not broadcast */
    const pn_spec *const specs[] = {&x, &y, &z};
    const pn_specs arguments = {"add", specs, names, 3};
    const pn_specs unnamed = {"stack", specs, NULL, 3};
    pn_spec all = {0};
    expect_error(pn_specs_union(&all, ctx, &arguments), PENCL_E_SHAPE,
                 "add: axis \"embedding\" is 8 in a float32(| seq:5, embedding:8) but 1 in c "
                 "float32(| embedding:1, heads:2); b float32(| heads:2)");
    expect_error(pn_specs_union(&all, ctx, &unnamed), PENCL_E_SHAPE,
                 "stack: axis \"embedding\" is 8 in value 0 float32(| seq:5, embedding:8) but 1 in "
                 "value 2");
    z = spec_of("3 heads=2");
    expect_error(pn_specs_union(&all, ctx, &arguments), PENCL_E_AXIS,
                 "add: a positional axis needs a name here: a float32(| seq:5, embedding:8), b "
                 "float32(| heads:2), c float32(3 | heads:2)");
}
END_TEST

START_TEST(union_rejects_too_many_axes)
{
    pn_spec x = spec_of("a=1 b=1 c=1 d=1 e=1");
    pn_spec y = spec_of("e=1 f=1 g=1 h=1 i=1");
    const pn_spec *const specs[] = {&x, &y};
    const pn_specs arguments = {"add", specs, names, 2};
    pn_spec all = {0};
    expect_error(pn_specs_union(&all, ctx, &arguments), PENCL_E_LIMIT, "\"i\"");
}
END_TEST

START_TEST(union_rejects_too_many_elements)
{
    pn_spec x = spec_of("a=2147483648");
    pn_spec y = spec_of("b=2147483648");
    const pn_spec *const specs[] = {&x, &y};
    const pn_specs arguments = {"mul", specs, names, 2};
    pn_spec all = {0};
    expect_error(pn_specs_union(&all, ctx, &arguments), PENCL_E_LIMIT, "mul: too many");
}
END_TEST

START_TEST(hidden_names_stand_for_positional_axes)
{
    pn_spec x = spec_of("2 seq=5 3");
    pn_text text = {0};
    pn_spec_hide(&x, 0);
    ck_assert_int_eq(pn_spec_count_positional(&x), 2);
    ck_assert(pn_axis_is_positional(&x.axes[0]) && !pn_axis_is_positional(&x.axes[1]));
    ck_assert_int_eq(pn_spec_find(&x, x.axes[2].name), 2);
    pn_spec_print(&text, &x);
    ck_assert_str_eq(pn_text_get(&text), "float32(2, 3 | seq:5)");
    pn_text_free(&text);
    expect_error(pn_spec_check(ctx, &x, "x"), PENCL_E_AXIS, "control character");
    pn_spec_unhide(&x);
    pn_spec expected = spec_of("2 seq=5 3");
    ck_assert(pn_spec_equal(&x, &expected));
}
END_TEST

START_TEST(push_and_remove)
{
    pn_spec spec = spec_of("a=1 b=2 c=3");
    pn_spec_remove(&spec, 1);
    pn_spec_push(&spec, "d", 4);
    pn_spec expected = spec_of("a=1 c=3 d=4");
    ck_assert(pn_spec_equal(&spec, &expected));
    pn_spec made = pn_spec_make(PENCL_F32, 3, expected.axes);
    ck_assert(pn_spec_equal(&made, &expected));
}
END_TEST

Suite *suite_array_shape(void);
Suite *suite_array_shape(void)
{
    Suite *suite = suite_create("array_shape");
    TCase *tests = tcase_create("spec");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, prints_as_penzai_does);
    tcase_add_test(tests, parse_rejects_malformed_text);
    tcase_add_test(tests, check_rejects_what_cannot_be_addressed);
    tcase_add_test(tests, check_rejects_bad_axes);
    tcase_add_test(tests, sizes_count_whole_blocks);
    tcase_add_test(tests, same_axes_ignores_order_and_dtype_only);
    tcase_add_test(tests, union_keeps_first_seen_order);
    tcase_add_test(tests, union_rejects_sizes_that_differ);
    tcase_add_test(tests, union_rejects_too_many_axes);
    tcase_add_test(tests, union_rejects_too_many_elements);
    tcase_add_test(tests, hidden_names_stand_for_positional_axes);
    tcase_add_test(tests, push_and_remove);
    suite_add_tcase(suite, tests);
    return suite;
}
