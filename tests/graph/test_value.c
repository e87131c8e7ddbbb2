/* SPDX-License-Identifier: Apache-2.0 */
/* Values: shapes and types that verbs give, what adds a node and what does not, and errors, which
 * stay on the graph. Nothing is computed. */
#include "graph/graph.h"
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

/* An input of this shape; its own name, so that equal shapes are different values. */
static pencl_value *input(const char *shape)
{
    char name[16];
    pn_spec spec;
    snprintf(name, sizeof name, "input %d", graph->n_nodes);
    ck_assert_int_eq(pn_spec_parse(&spec, ctx, shape), PENCL_OK);
    return pn_graph_input(graph, name, &spec);
}

static void expect_shape(const pencl_value *x, const char *shape)
{
    pn_spec want;
    pn_text got = {0};
    ck_assert_msg(x != NULL, "%s: %s", shape, graph->error.text);
    ck_assert_int_eq(pn_spec_parse(&want, ctx, shape), PENCL_OK);
    pn_spec_print(&got, &x->view.spec);
    ck_assert_msg(pn_spec_equal(&x->view.spec, &want), "%s is not %s", pn_text_get(&got), shape);
    pn_text_free(&got);
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__})
#define AXES(...)  ((const pencl_axis[]){__VA_ARGS__})
#define SPOT(...)  ((const pencl_at[]){__VA_ARGS__})
#define MANY(...)  ((pencl_value *const[]){__VA_ARGS__})

/* ---- types ---- */

typedef struct type_row {
    const char *a;
    const char *b;
    const char *sum; /* a + b, the larger, a to the power of b, either where true, contracted */
    const char *quotient;
} type_row;

static const type_row type_rows[] = {
    {"f32:", "f32:", "f32:", "f32:"},     {"f16:", "f16:", "f16:", "f16:"},
    {"bf16:", "bf16:", "bf16:", "bf16:"}, {"i32:", "i32:", "i32:", "f32:"},
    {"f32:", "f16:", "f32:", "f32:"},     {"bf16:", "f32:", "f32:", "f32:"},
    {"f16:", "bf16:", "f32:", "f32:"},    {"i32:", "f32:", "f32:", "f32:"},
    {"f16:", "i32:", "f16:", "f16:"},     {"i32:", "bf16:", "bf16:", "bf16:"},
};

START_TEST(types_are_joined_as_in_jax)
{
    const type_row *row = &type_rows[_i];
    pencl_value *a = input(row->a);
    pencl_value *b = input(row->b);
    expect_shape(pencl_value_add(a, b), row->sum);
    expect_shape(pencl_value_maximum(a, b), row->sum);
    expect_shape(pencl_value_pow(a, b), row->sum);
    expect_shape(pencl_value_where(input("i32:"), a, b), row->sum);
    expect_shape(pencl_value_contract(a, b, NULL, 0), row->sum);
    expect_shape(pencl_value_index(pencl_value_stack(MANY(a, b), 2, "x"), "x", 0), row->sum);
    expect_shape(pencl_value_div(a, b), row->quotient);
    expect_shape(pencl_value_less(a, b), "i32:");
    expect_shape(pencl_value_not_equal(a, b), "i32:");
}
END_TEST

START_TEST(types_of_one)
{
    pencl_value *whole = input("i32:a=2");
    pencl_value *half = input("f16:a=2");
    expect_shape(pencl_value_neg(whole), "i32:a=2");
    expect_shape(pencl_value_relu(whole), "i32:a=2");
    expect_shape(pencl_value_exp(whole), "a=2");
    expect_shape(pencl_value_scale(whole, 2), "a=2");
    expect_shape(pencl_value_exp(half), "f16:a=2");
    expect_shape(pencl_value_sum(whole, NAMES("a"), 1), "i32:");
    expect_shape(pencl_value_mean(whole, NAMES("a"), 1), "");
    expect_shape(pencl_value_mean(half, NAMES("a"), 1), "f16:");
    expect_shape(pencl_value_any(half, NAMES("a"), 1), "i32:");
    expect_shape(pencl_value_argmin(half, NAMES("a"), 1), "i32:");
    expect_shape(pencl_value_cumsum(whole, "a"), "i32:a=2");
    expect_shape(pencl_value_cast(half, PENCL_I32), "i32:a=2");
    ck_assert_ptr_eq(pencl_value_cast(half, PENCL_F16), half);
    expect_shape(pencl_value_at_set(half, SPOT(PENCL_AT_INDEX("a", 0)), 1, input("i32:")),
                 "f16:a=2");
}
END_TEST

/* ---- shapes ---- */

START_TEST(names_are_united)
{
    pencl_value *x = input("seq=5 embedding=3");
    pencl_value *y = input("embedding=3 heads=2");
    expect_shape(pencl_value_add(x, y), "seq=5 embedding=3 heads=2");
    expect_shape(pencl_value_less(y, x), "i32:embedding=3 heads=2 seq=5");
    expect_shape(pencl_value_where(input("i32:batch=7"), x, y),
                 "batch=7 seq=5 embedding=3 heads=2");
    expect_shape(pencl_value_contract(x, y, NAMES("embedding"), 1), "seq=5 heads=2");
    expect_shape(pencl_value_sum(x, NAMES("seq", "embedding"), 2), "");
    expect_shape(pencl_value_stack(MANY(x, y), 2, "new"), "new=2 seq=5 embedding=3 heads=2");
    expect_shape(pencl_value_concatenate(MANY(x, y, y), 3, "embedding"),
                 "seq=5 embedding=9 heads=2");
    expect_shape(pencl_value_item(pencl_value_unstack(x, "seq"), 4), "embedding=3");
}
END_TEST

START_TEST(positional_axes_pair_up_from_the_last)
{
    pencl_value *named = input("x=4 y=5");
    pencl_value *plain = input("3");
    expect_shape(pencl_value_add(named, plain), "3 x=4 y=5"); /* penzai: a plain array */
    expect_shape(pencl_value_add(plain, named), "3 x=4 y=5");
    expect_shape(pencl_value_add(input("2 3 x=4"), plain), "2 3 x=4");
    expect_shape(pencl_value_add(input("2 1 x=4"), plain), "2 3 x=4"); /* a positional 1 expands */
    expect_shape(pencl_value_sum(input("2 x=4 3"), NAMES("x"), 1), "2 3");
    expect_shape(pencl_value_take(named, "y", input("i32:7")), "7 x=4");
    expect_shape(pencl_value_take(input("2 x=4"), "x", input("i32:7 x=3")), "7 2 x=3");
    expect_shape(pencl_value_concatenate(MANY(input("3 x=4"), input("3 x=1 y=5")), 2, "x"),
                 "3 x=5 y=5");
}
END_TEST

START_TEST(indices_read_as_in_penzai)
{
    pencl_value *x = input("a=5 b=6 c=7");
    expect_shape(
        pencl_value_at(
            x, SPOT(PENCL_AT_INDEX("a", -1), PENCL_AT_STEPS("b", 1, 3, 2), PENCL_AT_NEW("d")), 3),
        "d=1 b=3 c=7");
    expect_shape(pencl_value_at(x,
                                SPOT(PENCL_AT_IDS("a", input("i32:c=7 k=2")),
                                     PENCL_AT_IDS("b", input("i32:k=2 a=3"))),
                                2),
                 "k=2 a=3 c=7");
    expect_shape(pencl_value_at_set(x, SPOT(PENCL_AT_IDS("a", input("i32:9"))), 1, input("9")),
                 "a=5 b=6 c=7"); /* nine updates of one x */
    expect_shape(pencl_value_at_add(x, SPOT(PENCL_AT_IDS("a", input("i32:k=9"))), 1, input("w=2")),
                 "a=5 b=6 c=7 w=2 k=9"); /* an x for each, and for each world */
}
END_TEST

/* ---- nodes ---- */

START_TEST(views_add_no_node)
{
    pencl_value *x = input("a=2 b=3 c=4");
    int before = graph->n_nodes;
    x = pencl_value_order(x, NAMES("c", "a", "b"), 3);
    x = pencl_value_untag(x, NAMES("a"), 1);
    x = pencl_value_tag(x, NAMES("a"), 1);
    x = pencl_value_slice_steps(x, "c", 1, 2, 2);
    x = pencl_value_broadcast_to(x, AXES({"d", 1000000}), 1);
    x = pencl_value_insert_axis(x, "e");
    x = pencl_value_split(x, "b", AXES({"b", 1}, {"f", 3}), 2);
    x = pencl_value_merge(x, NAMES("a", "b"), 2, "ab");
    x = pencl_value_index(x, "ab", -1);
    expect_shape(x, "e=1 d=1000000 c=2 f=3");
    ck_assert_int_eq(graph->n_nodes, before);
}
END_TEST

START_TEST(merging_copies_only_what_is_apart)
{
    pencl_value *x = input("a=2 b=3 c=4");
    int before = graph->n_nodes;
    expect_shape(pencl_value_merge(x, NAMES("b", "c"), 2, "bc"), "a=2 bc=12");
    ck_assert_int_eq(graph->n_nodes, before);
    expect_shape(pencl_value_merge(x, NAMES("c", "a"), 2, "ca"), "b=3 ca=8");
    ck_assert_int_eq(graph->n_nodes, before + 1);
}
END_TEST

START_TEST(a_constant_is_one_number)
{
    pencl_value *x = pencl_value_full(graph, PENCL_I32, 7, AXES({"a", 1000000}, {"b", 3}), 2);
    expect_shape(x, "i32:a=1000000 b=3");
    ck_assert_int_eq(x->node->call.out.n_axes, 0);
    expect_shape(pencl_value_full(graph, PENCL_F16, 0.5, NULL, 0), "f16:");
    expect_shape(pencl_value_arange(graph, PENCL_BF16, "a", 0, 3, 0.5), "bf16:a=3");
}
END_TEST

/* ---- errors ---- */

START_TEST(the_first_error_stays_on_the_graph)
{
    pencl_value *x = input("a=2");
    ck_assert_int_ne(PN_FAIL(ctx, PENCL_E_IO, "something before"), PENCL_OK);
    ck_assert_ptr_null(pencl_value_sum(x, NAMES("first"), 1));
    ck_assert_ptr_null(pencl_value_rename(x, "second", "x"));
    ck_assert_ptr_null(pencl_value_add(x, x)); /* nothing is added any more */
    ck_assert_str_eq(pencl_error_text(ctx), "something before");
    pn_error_clear(ctx);
    ck_assert_int_eq(pencl_graph_finish(graph), PENCL_E_AXIS);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "sum: x has no axis \"first\""));
}
END_TEST

START_TEST(views_keep_an_older_error_of_the_context_too)
{
    pencl_value *x = input("a=2");
    ck_assert_int_ne(PN_FAIL(ctx, PENCL_E_IO, "something before"), PENCL_OK);
    ck_assert_ptr_null(pencl_value_rename(x, "second", "x"));
    ck_assert_str_eq(pencl_error_text(ctx), "something before");
    pn_error_clear(ctx);
    ck_assert_int_eq(pencl_graph_finish(graph), PENCL_E_AXIS);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "\"second\""));
}
END_TEST

START_TEST(null_gives_null)
{
    pencl_value *x = input("i32:a=2");
    ck_assert_ptr_null(pencl_value_add(NULL, x));
    ck_assert_ptr_null(pencl_value_add(x, NULL));
    ck_assert_ptr_null(pencl_value_where(NULL, x, x));
    ck_assert_ptr_null(pencl_value_where(x, x, NULL));
    ck_assert_ptr_null(pencl_value_exp(NULL));
    ck_assert_ptr_null(pencl_value_cast(NULL, PENCL_F32));
    ck_assert_ptr_null(pencl_value_sum(NULL, NAMES("a"), 1));
    ck_assert_ptr_null(pencl_value_contract(x, NULL, NAMES("a"), 1));
    ck_assert_ptr_null(pencl_value_rename(NULL, "a", "b"));
    ck_assert_ptr_null(pencl_value_merge(NULL, NAMES("a"), 1, "b"));
    ck_assert_ptr_null(pencl_value_order_like(x, NULL));
    ck_assert_ptr_null(pencl_value_broadcast_like(x, NULL));
    ck_assert_ptr_null(pencl_value_concatenate(MANY(x, NULL), 2, "a"));
    ck_assert_ptr_null(pencl_value_stack(NULL, 0, "b"));
    ck_assert_ptr_null(pencl_value_unstack(NULL, "a"));
    ck_assert_ptr_null(pencl_value_take(x, "a", NULL));
    ck_assert_ptr_null(pencl_value_at_set(x, SPOT(PENCL_AT_INDEX("a", 0)), 1, NULL));
    ck_assert_ptr_null(pencl_value_full(NULL, PENCL_F32, 1, NULL, 0));
    ck_assert_ptr_null(pencl_value_arange(NULL, PENCL_F32, "a", 0, 1, 1));
    ck_assert_ptr_null(pencl_graph_array(graph, NULL));
    ck_assert_int_eq(pencl_graph_finish(graph), PENCL_OK);
}
END_TEST

START_TEST(graphs_do_not_mix)
{
    pencl_graph *other = NULL;
    ck_assert_int_eq(pencl_graph_new(&other, device), PENCL_OK);
    pn_spec spec = {.dtype = PENCL_F32};
    pencl_value *y = pn_graph_input(other, "y", &spec);
    ck_assert_ptr_null(pencl_value_add(input("a=2"), y));
    ck_assert_int_eq(pencl_graph_finish(graph), PENCL_E_ARG);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "add: b is of another graph"));
    pencl_graph *third = NULL;
    ck_assert_int_eq(pencl_graph_new(&third, device), PENCL_OK);
    pencl_value *both[] = {pn_graph_input(third, "x", &spec), y};
    ck_assert_ptr_null(pencl_value_stack(both, 2, "a"));
    ck_assert_int_eq(pencl_graph_finish(third), PENCL_E_ARG);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "stack: value 1 is a tuple or of another"));
    pencl_graph_free(third);
    pencl_graph_free(other);
}
END_TEST

/* Verbs of every kind, and their evaluation. */
static pencl_status compute(pencl_array **out, const pencl_array *x, const pencl_array *ids)
{
    pencl_graph *g = NULL;
    PENCL_TRY(pencl_graph_new(&g, device));
    pencl_value *v = pencl_graph_array(g, x);
    pencl_value *i = pencl_graph_array(g, ids);
    pencl_value *twice = pencl_value_concatenate(MANY(v, pencl_value_neg(v)), 2, "a");
    pencl_value *flat = pencl_value_merge(twice, NAMES("b", "a"), 2, "flat");
    pencl_value *sum = pencl_value_sum(flat, NAMES("flat"), 1);
    pencl_value *y = pencl_value_at_add(v, SPOT(PENCL_AT_IDS("a", i)), 1, sum);
    y = pencl_value_add(y, pencl_value_full(g, PENCL_F32, 1, NULL, 0));
    y = pencl_value_at_set(y, SPOT(PENCL_AT_INDEX("b", 0)), 1, pencl_value_max(v, NAMES("b"), 1));
    y = pencl_value_item(pencl_value_unstack(pencl_value_take(y, "b", i), "a"), 1);
    pencl_status st = pencl_eval(g, &y, 1, out);
    pencl_graph_free(g);
    return st;
}

START_TEST(memory_may_run_out_anywhere)
{
    const pencl_axis axes[] = {{"a", 2}, {"b", 3}};
    const pencl_axis count[] = {{"", 2}};
    const float data[] = {1, 2, 3, 4, 5, 6};
    const int32_t places[] = {1, 0};
    pencl_array *x = NULL;
    pencl_array *ids = NULL;
    pencl_array *y = NULL;
    ck_assert_int_eq(pencl_array_wrap(&x, device, PENCL_F32, axes, 2, data), PENCL_OK);
    ck_assert_int_eq(pencl_array_wrap(&ids, device, PENCL_I32, count, 1, places), PENCL_OK);
    long before = pn_alloc_live();
    pencl_status st = PENCL_E_NOMEM;
    for (long n = 1; st == PENCL_E_NOMEM; n++) {
        pn_error_clear(ctx);
        pn_alloc_fail_at(n);
        st = compute(&y, x, ids);
        pn_alloc_fail_at(0);
        ck_assert_int_eq(pn_alloc_live() - before, st == PENCL_OK ? 3 : 0); /* y, its buffer */
    }
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    pencl_array_free(y);
    pencl_array_free(ids);
    pencl_array_free(x);
}
END_TEST

Suite *suite_graph_value(void);
Suite *suite_graph_value(void)
{
    Suite *suite = suite_create("graph_value");
    TCase *tests = tcase_create("value");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, types_are_joined_as_in_jax, 0, (int)PN_COUNT(type_rows));
    tcase_add_test(tests, types_of_one);
    tcase_add_test(tests, names_are_united);
    tcase_add_test(tests, positional_axes_pair_up_from_the_last);
    tcase_add_test(tests, indices_read_as_in_penzai);
    tcase_add_test(tests, views_add_no_node);
    tcase_add_test(tests, merging_copies_only_what_is_apart);
    tcase_add_test(tests, a_constant_is_one_number);
    tcase_add_test(tests, the_first_error_stays_on_the_graph);
    tcase_add_test(tests, views_keep_an_older_error_of_the_context_too);
    tcase_add_test(tests, null_gives_null);
    tcase_add_test(tests, graphs_do_not_mix);
    tcase_add_test(tests, memory_may_run_out_anywhere);
    suite_add_tcase(suite, tests);
    return suite;
}
