/* SPDX-License-Identifier: Apache-2.0 */
/* Named arrays: what penzai refuses is refused, on arrays and on values, with the axis and the
 * shapes in the message. */
#include "array/array.h"
#include "pencl/value.h"
#include "support/fixture.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static pencl_graph *graph;

static void setup(void)
{
    fixture_ref();
    ck_assert_int_eq(pencl_graph_new(&graph, device), PENCL_OK);
}

static void teardown(void)
{
    pencl_graph_free(graph);
    fixture_close();
}

static pencl_array *array_of(const char *shape)
{
    pn_spec spec;
    pencl_array *array = NULL;
    ck_assert_int_eq(pn_spec_parse(&spec, ctx, shape), PENCL_OK);
    ck_assert_int_eq(pencl_array_new(&array, device, spec.dtype, spec.axes, spec.n_axes), PENCL_OK);
    return array;
}

static void expect(pencl_status got, pencl_status status, const char *words)
{
    ck_assert_str_eq(pencl_status_name(got), pencl_status_name(status));
    ck_assert_msg(strstr(pencl_error_text(ctx), words) != NULL, "\"%s\" lacks \"%s\"",
                  pencl_error_text(ctx), words);
}

/* ---- verbs that arrays and values have ---- */

#define NAMES(...) ((const char *const[]){__VA_ARGS__})
#define AXES(...)  ((const pencl_axis[]){__VA_ARGS__})

/* The two functions of a row. */
#define VERB(row, verb, ...)                                                                       \
    static pencl_status array_##row(pencl_array **out, const pencl_array *x)                       \
    {                                                                                              \
        return pencl_array_##verb(out, x, __VA_ARGS__);                                            \
    }                                                                                              \
    static pencl_value *value_##row(pencl_value *x)                                                \
    {                                                                                              \
        return pencl_value_##verb(x, __VA_ARGS__);                                                 \
    }

VERB(tag_few, tag, NAMES("seq"), 1)
VERB(tag_many, tag, NAMES("a", "b", "c"), 3)
VERB(tag_empty, tag, NAMES("a", ""), 2)
VERB(tag_control,
     tag,
     NAMES("a",
           "\1"
           "0"),
     2)
VERB(tag_twice, tag, NAMES("a", "a"), 2)
VERB(tag_used, tag, NAMES("a", "heads"), 2)
VERB(tag_prefix_many, tag_prefix, NAMES("a", "b", "c"), 3)
VERB(tag_prefix_used, tag_prefix, NAMES("heads"), 1)
VERB(untag_again, untag, NAMES("heads"), 1)
VERB(untag_twice, untag, NAMES("seq", "seq"), 2)
VERB(untag_unknown, untag, NAMES("seq", "foo"), 2)
VERB(untag_prefix_twice, untag_prefix, NAMES("heads", "heads"), 2)
VERB(untag_prefix_unknown, untag_prefix, NAMES("foo"), 1)
VERB(order_partial, order, NAMES("seq"), 1)
VERB(order_unknown, order, NAMES("seq", "foo"), 2)
VERB(order_twice, order, NAMES("seq", "seq"), 2)
VERB(rename_unknown, rename, "foo", "bar")
VERB(rename_used, rename, "seq", "heads")
VERB(slice_unknown, slice, "foo", 0, 1)
VERB(slice_beyond, slice, "seq", 3, 3)
VERB(slice_before, slice, "seq", -1, 2)
VERB(steps_beyond, slice_steps, "seq", 1, 3, 2)
VERB(steps_none, slice_steps, "seq", 0, 2, 0)
VERB(steps_huge, slice_steps, "seq", 1, 2, INT64_MAX)
VERB(index_unknown, index, "foo", 0)
VERB(index_beyond, index, "seq", 5)
VERB(index_before, index, "seq", -6)
VERB(insert_used, insert_axis, "seq")
VERB(insert_empty, insert_axis, "")
VERB(insert_ninth, insert_axis, "ninth")
VERB(broadcast_other, broadcast_to, AXES({"seq", 4}, {"batch", 2}), 2)
VERB(broadcast_one, broadcast_to, AXES({"one", 4}), 1)
VERB(broadcast_twice, broadcast_to, AXES({"batch", 4}, {"batch", 4}), 2)
VERB(broadcast_huge, broadcast_to, AXES({"a", INT64_C(1) << 40}, {"b", INT64_C(1) << 40}), 2)
VERB(broadcast_positional, broadcast_to, AXES({"", 4}, {"", 3}), 2)
VERB(broadcast_fewer, broadcast_to, AXES({"", 3}), 1)
VERB(split_sizes, split, "seq", AXES({"a", 2}, {"b", 3}), 2)
VERB(split_nine, split, "a", AXES({"a1", 1}, {"a2", 1}), 2)
VERB(split_used, split, "seq", AXES({"a", 5}, {"heads", 1}), 2)
VERB(split_huge, split, "none", AXES({"a", 0}, {"b", INT64_MAX}, {"c", INT64_MAX}), 3)
VERB(merge_unknown, merge, NAMES("seq", "foo"), 2, "x")
VERB(merge_used, merge, NAMES("seq", "heads"), 2, "one")
VERB(merge_none, merge, NAMES("seq"), 0, "x")

typedef struct verb_row {
    const char *name;
    const char *shape;
    pencl_status (*on_array)(pencl_array **out, const pencl_array *x);
    pencl_value *(*on_value)(pencl_value *x);
    pencl_status status;
    const char *words;
} verb_row;

#define ROW(row, shape, status, words)                                                             \
    {                                                                                              \
#row, shape, array_##row, value_##row, PENCL_##status, words                               \
    }

static const verb_row verb_rows[] = {
    ROW(tag_few, "2 3 heads=4", E_AXIS, "float32(2, 3 | heads:4): tag got 1 names for 2"),
    ROW(tag_many, "2 3 heads=4", E_AXIS, "tag got 3 names for 2 positional axes"),
    ROW(tag_empty, "2 3 heads=4", E_AXIS, "must not be empty"),
    ROW(tag_control, "2 3 heads=4", E_AXIS, "control character"),
    ROW(tag_twice, "2 3 heads=4", E_AXIS, "axis \"a\" would be repeated"),
    ROW(tag_used, "2 3 heads=4", E_AXIS, "axis \"heads\" would be repeated"),
    ROW(tag_prefix_many, "2 3 heads=4", E_AXIS, "tag_prefix got 3 names for 2 positional axes"),
    ROW(tag_prefix_used, "2 3 heads=4", E_AXIS, "axis \"heads\" would be repeated"),
    ROW(untag_again, "2 heads=4", E_AXIS, "float32(2 | heads:4): untag needs an array without"),
    ROW(untag_twice, "seq=5 heads=4", E_AXIS, "axis \"seq\" is given twice"),
    ROW(untag_unknown,
        "seq=5 heads=4",
        E_AXIS,
        "float32(| seq:5, heads:4): no axis is named \"foo"),
    ROW(untag_prefix_twice, "2 heads=4", E_AXIS, "axis \"heads\" is given twice"),
    ROW(untag_prefix_unknown, "2 heads=4", E_AXIS, "no axis is named \"foo\""),
    ROW(order_partial, "seq=5 heads=4", E_AXIS, "must name every axis, \"heads\" is missing"),
    ROW(order_unknown, "seq=5 heads=4", E_AXIS, "no axis is named \"foo\""),
    ROW(order_twice, "seq=5 heads=4", E_AXIS, "axis \"seq\" is given twice"),
    ROW(rename_unknown, "seq=5", E_AXIS, "float32(| seq:5): no axis is named \"foo\""),
    ROW(rename_used, "seq=5 heads=4", E_AXIS, "axis \"heads\" would be repeated"),
    ROW(slice_unknown, "seq=5", E_AXIS, "no axis is named \"foo\""),
    ROW(slice_beyond, "seq=5", E_SHAPE, "3 elements from 3 on, in steps of 1, are not within axis"),
    ROW(slice_before, "seq=5", E_SHAPE, "float32(| seq:5): 2 elements from -1 on"),
    ROW(steps_beyond, "seq=5", E_SHAPE, "3 elements from 1 on, in steps of 2, are not within"),
    ROW(steps_none, "seq=5", E_ARG, "axis \"seq\" cannot be walked in steps of 0"),
    ROW(steps_huge, "seq=5", E_SHAPE, "are not within axis \"seq\""),
    ROW(index_unknown, "seq=5", E_AXIS, "no axis is named \"foo\""),
    ROW(index_beyond, "seq=5", E_SHAPE, "float32(| seq:5): axis \"seq\" has no element 5"),
    ROW(index_before, "seq=5", E_SHAPE, "axis \"seq\" has no element -6"),
    ROW(insert_used, "seq=5", E_AXIS, "axis \"seq\" would be repeated"),
    ROW(insert_empty, "seq=5", E_AXIS, "must not be empty"),
    ROW(insert_ninth,
        "a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1",
        E_LIMIT,
        "there is no room for axis \"ninth\": 8 axes at most"),
    ROW(broadcast_other,
        "seq=5 heads=4",
        E_SHAPE,
        "float32(| seq:5, heads:4): cannot be broadcast to float32(| seq:4, batch:2)"),
    ROW(broadcast_one, "one=1", E_SHAPE, "a named axis keeps its size, even a size of 1"),
    ROW(broadcast_twice, "seq=5", E_AXIS, "axis \"batch\" is repeated"),
    ROW(broadcast_huge, "seq=5", E_LIMIT, "too many elements"),
    ROW(broadcast_positional, "2 3 seq=5", E_SHAPE, "positional sizes differ"),
    ROW(broadcast_fewer, "2 3 seq=5", E_SHAPE, "it has fewer positional axes"),
    ROW(split_sizes, "seq=5", E_SHAPE, "the parts of axis \"seq\" do not multiply to it"),
    ROW(split_nine, "a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1", E_LIMIT, "axis \"a\" cannot become 2 axes"),
    ROW(split_used, "seq=5 heads=4", E_AXIS, "axis \"heads\" would be repeated"),
    ROW(split_huge, "none=0", E_LIMIT, "too many elements"),
    ROW(merge_unknown, "seq=5", E_AXIS, "no axis is named \"foo\""),
    ROW(merge_used, "one=1 seq=5 heads=4", E_AXIS, "axis \"one\" would be repeated"),
    ROW(merge_none, "seq=5", E_ARG, "at least one axis"),
};

START_TEST(verbs_of_arrays_refuse)
{
    const verb_row *row = &verb_rows[_i];
    pencl_array *x = array_of(row->shape);
    pencl_array *out = NULL;
    expect(row->on_array(&out, x), row->status, row->words);
    ck_assert_ptr_null(out);
    pencl_array_free(x);
}
END_TEST

START_TEST(verbs_of_values_refuse)
{
    const verb_row *row = &verb_rows[_i];
    pencl_array *x = array_of(row->shape);
    ck_assert_ptr_null(row->on_value(pencl_graph_array(graph, x)));
    ck_assert_int_eq(pencl_error_status(ctx), PENCL_OK); /* until the graph is finished */
    expect(pencl_graph_finish(graph), row->status, row->words);
    pencl_array_free(x);
}
END_TEST

/* One name more, one less, and another one. */
START_TEST(orders_like_another_need_its_names)
{
    static const char *const shapes[][2] = {
        {"seq=5", "float32(| seq:5)"},
        {"seq=5 heads=4 batch=2", "float32(| seq:5, heads:4, batch:2)"},
        {"seq=5 batch=4", "float32(| seq:5, batch:4)"}};
    char words[160];
    pencl_array *x = array_of("seq=5 heads=4");
    pencl_array *other = array_of(shapes[_i][0]);
    pencl_array *out = NULL;
    snprintf(words, sizeof words,
             "float32(| seq:5, heads:4): cannot be ordered like %s: their names differ",
             shapes[_i][1]);
    expect(pencl_array_order_like(&out, x, other), PENCL_E_AXIS, words);
    pn_error_clear(ctx);
    ck_assert_ptr_null(
        pencl_value_order_like(pencl_graph_array(graph, x), pencl_graph_array(graph, other)));
    expect(pencl_graph_finish(graph), PENCL_E_AXIS, words);
    pencl_array_free(other);
    pencl_array_free(x);
}
END_TEST

START_TEST(broadcasts_like_another_keep_named_sizes)
{
    pencl_array *x = array_of("seq=3 heads=1");
    pencl_array *other = array_of("heads=2");
    pencl_array *out = NULL;
    expect(pencl_array_broadcast_like(&out, x, other), PENCL_E_SHAPE,
           "float32(| seq:3, heads:1): cannot be broadcast to float32(| heads:2)");
    ck_assert_ptr_null(out);
    pencl_array_free(other);
    pencl_array_free(x);
}
END_TEST

START_TEST(wrap_checks_its_axes)
{
    static const pencl_axis twice[] = {{"seq", 1}, {"seq", 1}};
    static const pencl_axis negative[] = {{"seq", -1}};
    const float number = 1;
    pencl_array *out = NULL;
    expect(pencl_array_wrap(&out, device, PENCL_F32, twice, 2, &number), PENCL_E_AXIS,
           "axis \"seq\" is repeated");
    expect(pencl_array_wrap(&out, device, PENCL_F32, negative, 1, &number), PENCL_E_ARG, "seq");
    ck_assert_ptr_null(out);
}
END_TEST

START_TEST(unwrap_needs_every_name)
{
    float got[20];
    pencl_array *x = array_of("seq=5 heads=4");
    pencl_array *positional = array_of("5 heads=4");
    expect(pencl_array_unwrap(x, NULL, 0, got, sizeof got), PENCL_E_AXIS, "\"seq\" is missing");
    expect(pencl_array_unwrap(x, NAMES("seq"), 1, got, sizeof got), PENCL_E_AXIS,
           "float32(| seq:5, heads:4): an order must name every axis, \"heads\" is missing");
    expect(pencl_array_unwrap(x, NAMES("seq", "foo"), 2, got, sizeof got), PENCL_E_AXIS, "\"foo\"");
    expect(pencl_array_unwrap(positional, NAMES("heads"), 1, got, sizeof got), PENCL_E_AXIS,
           "float32(5 | heads:4): cannot be unwrapped: it has positional axes");
    pencl_array_free(positional);
    pencl_array_free(x);
}
END_TEST

/* ---- verbs of several values ---- */

static pencl_value *a;
static pencl_value *b;
static pencl_value *c;

#define PAIR      ((pencl_value *[]){a, b})
#define SPOT(...) ((const pencl_at[]){__VA_ARGS__})

#define CALL(name, expr)                                                                           \
    static pencl_value *call_##name(void)                                                          \
    {                                                                                              \
        return expr;                                                                               \
    }

CALL(add, pencl_value_add(a, b))
CALL(where, pencl_value_where(a, b, c))
CALL(contract, pencl_value_contract(a, b, NAMES("embedding"), 1))
CALL(concatenate, pencl_value_concatenate(PAIR, 2, "seq"))
CALL(stack, pencl_value_stack(PAIR, 2, "seq"))
CALL(take, pencl_value_take(a, "seq", b))
CALL(at_unknown, pencl_value_at(a, SPOT(PENCL_AT_IDS("foo", b)), 1))
CALL(at_twice, pencl_value_at(a, SPOT(PENCL_AT_INDEX("seq", 0), PENCL_AT_INDEX("seq", 1)), 2))
CALL(at_range_and_ids,
     pencl_value_at(a, SPOT(PENCL_AT_RANGE("seq", 0, 2), PENCL_AT_IDS("heads", b)), 2))
CALL(at_used, pencl_value_at(a, SPOT(PENCL_AT_NEW("seq")), 1))
CALL(at_beyond, pencl_value_at(a, SPOT(PENCL_AT_INDEX("seq", 5)), 1))
CALL(set_at_index, pencl_value_at_set(a, SPOT(PENCL_AT_INDEX("seq", 1)), 1, b))
CALL(set_at_ids, pencl_value_at_set(a, SPOT(PENCL_AT_IDS("seq", c)), 1, b))
CALL(add_at_range, pencl_value_at_add(a, SPOT(PENCL_AT_RANGE("seq", 1, 3)), 1, b))
CALL(sum, pencl_value_sum(a, NAMES("seq", "foo"), 2))
CALL(cumsum, pencl_value_cumsum(a, "foo"))
CALL(unstack, pencl_value_unstack(a, "seq"))
CALL(unstack_unknown, pencl_value_unstack(a, "foo"))
CALL(broadcast_like, pencl_value_broadcast_like(a, b))
CALL(negative_range, pencl_value_arange(graph, PENCL_F32, "seq", 0, -1, 1))
CALL(top_k_used, pencl_value_top_k(a, "seq", 2, "heads"))
CALL(set_at_named_ids, pencl_value_at_set(a, SPOT(PENCL_AT_IDS("seq", c)), 1, b))
CALL(item_beyond, pencl_value_item(pencl_value_tuple(PAIR, 2), 2))
CALL(item_of_one, pencl_value_item(a, 0))
CALL(unnamed_range, pencl_value_arange(graph, PENCL_F32, "", 0, 3, 1))
CALL(hidden_name,
     pencl_value_top_k(a,
                       "seq",
                       1,
                       "\1"
                       "0"))
CALL(add_tuple, pencl_value_add(a, pencl_value_tuple(PAIR, 2)))
CALL(rename_tuple, pencl_value_rename(pencl_value_tuple(PAIR, 2), "seq", "x"))
CALL(logical_and, pencl_value_logical_and(a, b))
CALL(set_at_range,
     pencl_value_at_set(a, SPOT(PENCL_AT_RANGE("seq", 1, 3), PENCL_AT_NEW("new")), 2, b))

typedef struct call_row {
    pencl_value *(*call)(void);
    const char *shapes[3];
    pencl_status status;
    const char *words;
} call_row;

static const call_row call_rows[] = {
    {call_add,
     {"seq=3", "seq=4"},
     PENCL_E_SHAPE,
     "add: axis \"seq\" is 3 in a float32(| seq:3) but 4 in b float32(| seq:4)"},
    {call_add,
     {"seq=3 heads=2", "heads=1"},
     PENCL_E_SHAPE,
     "is 2 in a float32(| seq:3, heads:2) but 1 in b"},
    {call_add,
     {"3 seq=2", "4 seq=2"},
     PENCL_E_SHAPE,
     "in a float32(3 | seq:2) but 4 in b float32(4 | seq:2)"},
    {call_add,
     {"a=1 b=1 c=1 d=1 e=1", "f=1 g=1 h=1 i=1"},
     PENCL_E_LIMIT,
     "\"i\" has more than 8 axes"},
    {call_where,
     {"i32:seq=3", "seq=3", "heads=2 seq=4"},
     PENCL_E_SHAPE,
     "where: axis \"seq\" is 3 in condition int32(| seq:3) but 4 in b float32(| heads:2, seq:4); a "
     "float32(| seq:3)"},
    {call_contract,
     {"seq=3 embedding=4", "neurons=4"},
     PENCL_E_AXIS,
     "w has no axis \"embedding\": x float32(| seq:3, embedding:4), w float32(| neurons:4)"},
    {call_contract,
     {"seq=3 embedding=4", "seq=2 embedding=4"},
     PENCL_E_SHAPE,
     "matmul: axis \"seq\" is 3 in x float32(| seq:3, embedding:4) but 2 in w float32("},
    {call_concatenate,
     {"seq=3 heads=2", "heads=2"},
     PENCL_E_AXIS,
     "concatenate: axis \"seq\" is missing: value 0 float32(| seq:3, heads:2), value 1 float32(| "
     "heads:2)"},
    {call_concatenate,
     {"seq=3 heads=2", "seq=1 heads=3"},
     PENCL_E_SHAPE,
     "concatenate: axis \"heads\" is 2 in value 0 float32(| seq:3, heads:2) but 3 in value 1 "
     "float32(| seq:1, heads:3)"},
    {call_concatenate,
     {"2 seq=3", "seq=3"},
     PENCL_E_AXIS,
     "the same number of positional axes: value 0 float32(2 |"},
    {call_stack,
     {"seq=3", "heads=2"},
     PENCL_E_AXIS,
     "stack: axis \"seq\" is there already: value 0 float32("},
    {call_stack, {"heads=3", "heads=2"}, PENCL_E_SHAPE, "stack: axis \"heads\" is 3 in value 0"},
    {call_stack, {"2 heads=3", "heads=3"}, PENCL_E_AXIS, "the same number of positional axes"},
    {call_take,
     {"seq=3", "batch=2"},
     PENCL_E_DTYPE,
     "take: ids must hold integers: x float32(| seq:3), ids"},
    {call_at_unknown,
     {"seq=3", "i32:batch=2"},
     PENCL_E_AXIS,
     "float32(| seq:3): no axis is named \"foo\""},
    {call_at_twice, {"seq=3"}, PENCL_E_AXIS, "axis \"seq\" is given twice"},
    {call_at_range_and_ids,
     {"seq=3 heads=2", "i32:seq=2"},
     PENCL_E_AXIS,
     "int32(| seq:2): at: axis \"seq\" would be rep"},
    {call_at_used, {"seq=3"}, PENCL_E_AXIS, "axis \"seq\" would be repeated"},
    {call_at_beyond, {"seq=3"}, PENCL_E_SHAPE, "float32(| seq:3): axis \"seq\" has no element 5"},
    {call_set_at_index,
     {"seq=3 heads=2", "seq=3"},
     PENCL_E_AXIS,
     "at_set: axis \"seq\" would be repeated"},
    {call_set_at_index,
     {"i32:seq=3", ""},
     PENCL_E_DTYPE,
     "at_set: cannot be written without a cast: x int32(| seq:3), updates float32()"},
    {call_set_at_ids,
     {"seq=3", "4", "i32:2"},
     PENCL_E_SHAPE,
     "at_set: the positional axes of the updates are not those of the part: x float32(| seq:3), "
     "updates float32(4 |), ids int32(2 |)"},
    {call_add_at_range,
     {"seq=5", "seq=2"},
     PENCL_E_SHAPE,
     "at_add: axis \"seq\" is 3 in the part but 2 in updates"},
    {call_set_at_ids, {"seq=3", "2 2", "i32:2"}, PENCL_E_SHAPE, "positional axes of the updates"},
    {call_sum, {"seq=3"}, PENCL_E_AXIS, "sum: x has no axis \"foo\": x float32(| seq:3)"},
    {call_cumsum, {"seq=3"}, PENCL_E_AXIS, "cumsum: x has no axis \"foo\""},
    {call_unstack, {"seq=0"}, PENCL_E_SHAPE, "axis \"seq\" has no element 0"},
    {call_unstack_unknown, {"seq=3"}, PENCL_E_AXIS, "float32(| seq:3): no axis is named \"foo\""},
    {call_broadcast_like,
     {"seq=3 heads=1", "heads=2"},
     PENCL_E_SHAPE,
     "float32(| seq:3, heads:1): cannot be broadcast to float32(| heads:2): a named axis keeps "
     "its"},
    {call_negative_range, {0}, PENCL_E_ARG, "arange: axis \"seq\": -1 numbers from 0 on, 1 apart"},
    {call_top_k_used, {"seq=3 heads=2"}, PENCL_E_AXIS, "axis \"heads\" is repeated"},
    {call_set_at_named_ids,
     {"seq=3 heads=2", "heads=2", "i32:seq=2"},
     PENCL_E_AXIS,
     "int32(| seq:2): at_set: axis \"seq\" would be repeated"},
    {call_item_beyond, {"seq=3", "seq=3"}, PENCL_E_ARITY, "a tuple with item 2 is needed"},
    {call_item_of_one, {"seq=3"}, PENCL_E_ARITY, "a tuple with item 0 is needed"},
    {call_unnamed_range, {0}, PENCL_E_AXIS, "arange: an axis name must not be empty"},
    {call_hidden_name, {"seq=3"}, PENCL_E_AXIS, "control character"},
    {call_add_tuple, {"seq=3", "seq=3"}, PENCL_E_ARG, "add: b is a tuple"},
    {call_rename_tuple, {"seq=3", "seq=3"}, PENCL_E_ARG, "a tuple has no axes"},
    {call_logical_and,
     {"i32:seq=3", "seq=3"},
     PENCL_E_DTYPE,
     "b must hold integers: a int32(| seq:3), b float32(| s"},
    {call_set_at_range,
     {"seq=5", "seq=2"},
     PENCL_E_SHAPE,
     "at_set: axis \"seq\" is 3 in the part but 2 in updates: x float32(| seq:5), updates "
     "float32(| "
     "seq:2)"},
    {call_set_at_range,
     {"seq=5", "new=3"},
     PENCL_E_SHAPE,
     "axis \"new\" is 1 in the part but 3 in updates"},
};

START_TEST(verbs_of_several_refuse)
{
    const call_row *row = &call_rows[_i];
    pencl_value **values[] = {&a, &b, &c};
    pencl_array *arrays[3] = {0};
    for (int i = 0; i < 3 && row->shapes[i] != NULL; i++) {
        arrays[i] = array_of(row->shapes[i]);
        *values[i] = pencl_graph_array(graph, arrays[i]);
    }
    ck_assert_ptr_null(row->call());
    expect(pencl_graph_finish(graph), row->status, row->words);
    for (int i = 0; i < 3; i++) {
        pencl_array_free(arrays[i]);
    }
}
END_TEST

Suite *suite_penzai_named_errors(void);
Suite *suite_penzai_named_errors(void)
{
    Suite *suite = suite_create("penzai_named_errors");
    TCase *tests = tcase_create("errors");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, verbs_of_arrays_refuse, 0, (int)PN_COUNT(verb_rows));
    tcase_add_loop_test(tests, verbs_of_values_refuse, 0, (int)PN_COUNT(verb_rows));
    tcase_add_loop_test(tests, orders_like_another_need_its_names, 0, 3);
    tcase_add_test(tests, broadcasts_like_another_keep_named_sizes);
    tcase_add_test(tests, wrap_checks_its_axes);
    tcase_add_test(tests, unwrap_needs_every_name);
    tcase_add_loop_test(tests, verbs_of_several_refuse, 0, (int)PN_COUNT(call_rows));
    suite_add_tcase(suite, tests);
    return suite;
}
