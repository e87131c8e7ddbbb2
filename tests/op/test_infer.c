/* SPDX-License-Identifier: Apache-2.0 */
/* Shape rules: what ops give, what they refuse, and what the message names. */
#include "op/op.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static pencl_ctx *ctx;

static void setup(void)
{
    ctx = pencl_ctx_new();
}

static void teardown(void)
{
    pencl_ctx_free(ctx);
}

typedef struct rule {
    const char *op;
    const char *in[PN_MAX_IN];
    double num[PN_MAX_NUM];
    const char *names[PN_MAX_NAMES];
    const char *out; /* the result's text, or NULL: refused ... */
    pencl_status status;
    const char *says; /* ... with this in the message */
} rule;

#define REFUSED(code, text) .status = PENCL_##code, .says = text

static const rule rules[] = {
    {"add", {"seq=2 embedding=3", "embedding=3"}, .out = "seq=2 embedding=3"},
    {"add", {"seq=2", "embedding=3"}, .out = "seq=2 embedding=3"},
    {"add",
     {"seq=3", "seq=4"},
     REFUSED(E_SHAPE, "add: axis \"seq\" is 3 in a float32(| seq:3) but 4 in b float32(| seq:4)")},
    {"add", {"f16:seq=2", "bf16:embedding=3"}, .out = "seq=2 embedding=3"},
    {"add", {"f16:seq=2", "f16:seq=2"}, .out = "f16:seq=2"},
    {"add", {"i32:seq=2", "i32:"}, .out = "i32:seq=2"},
    {"mul",
     {"i32:seq=2", "seq=2"},
     REFUSED(E_DTYPE,
             "mul: b is not of a type with the others: one must be cast: a int32(| seq:2)"
             ", b float32(| seq:2)")},
    {"mul", {"q4_0:seq=32", "seq=32"}, REFUSED(E_DTYPE, "mul: a must hold floating point")},
    {"div", {"i32:seq=2", "i32:seq=2"}, REFUSED(E_DTYPE, "div: a must hold floating point")},
    {"less", {"f16:seq=2", "f16:seq=2"}, .out = "i32:seq=2"},
    {"logical_and", {"i32:seq=2", "seq=2"}, REFUSED(E_DTYPE, "b must hold integers")},
    {"where", {"i32:seq=2", "f16:heads=3", "bf16:"}, .out = "seq=2 heads=3"},
    {"where", {"seq=2", "seq=2", ""}, REFUSED(E_DTYPE, "condition must hold integers")},
    {"where",
     {"i32:seq=2", "seq=2", "seq=3"},
     REFUSED(E_SHAPE, "is 2 in condition int32(| seq:2) but 3 in b float32(| seq:3); a float32(")},
    {"exp", {"i32:seq=2"}, REFUSED(E_DTYPE, "exp: x must hold floating point")},
    {"neg", {"i32:seq=2"}, .out = "i32:seq=2"},
    {"full", {0}, .num = {2.5, PENCL_I32}, REFUSED(E_ARG, "2.5 is not an int32")},
    {"full", {0}, .num = {2.5, PENCL_Q4_0}, REFUSED(E_DTYPE, "q4_0")},
    {"arange", {0}, .num = {0, 1, 4, PENCL_I32}, .names = {"seq"}, .out = "i32:seq=4"},
    {"arange", {0}, .num = {0, 1, -1, PENCL_I32}, .names = {"seq"}, REFUSED(E_ARG, "\"seq\"")},
    {"arange",
     {0},
     .num = {0, 2147483647, 3, PENCL_I32},
     .names = {"seq"},
     REFUSED(E_ARG, "is not int32")},
    {"sum", {"a=2 b=3 c=4"}, .names = {"c", "a"}, .out = "b=3"},
    {"sum", {"a=2 b=3"}, .names = {"c"}, REFUSED(E_AXIS, "sum: x has no axis \"c\": x float32(")},
    {"sum", {"a=2 b=3"}, .names = {"a", "a"}, REFUSED(E_AXIS, "\"a\" is given twice")},
    {"sum", {"i32:a=2"}, .names = {"a"}, .out = "i32:"},
    {"mean", {"i32:a=2"}, .names = {"a"}, .out = ""},
    {"mean", {"f16:a=2"}, .names = {"a"}, .out = "f16:"},
    {"any_true", {"a=2 b=0"}, .names = {"b"}, .out = "i32:a=2"},
    {"max", {"a=2 b=0"}, .names = {"b"}, REFUSED(E_SHAPE, "0 elements along \"b\"")},
    {"cumsum", {"i32:a=2 b=3"}, .names = {"b"}, .out = "i32:a=2 b=3"},
    {"cumsum", {"a=2"}, .names = {"b"}, REFUSED(E_AXIS, "no axis \"b\"")},
    {"argmin", {"a=2 b=3"}, .names = {"a", "b"}, .out = "i32:"},
    {"argmax", {"a=0"}, .names = {"a"}, REFUSED(E_SHAPE, "0 elements")},
    {"cast", {"seq=2"}, .num = {PENCL_F16}, .out = "f16:seq=2"},
    {"cast", {"seq=2"}, .num = {PENCL_Q4_0}, REFUSED(E_DTYPE, "q4_0")},
    {"soft_cap", {"seq=2"}, .num = {0}, REFUSED(E_ARG, "above 0")},
    {"reorder", {"a=2 b=3"}, .names = {"b", "a"}, .out = "b=3 a=2"},
    {"reorder", {"a=2 b=3"}, .names = {"b"}, REFUSED(E_AXIS, "1 names for 2 axes")},
    {"reorder", {"a=2 b=3"}, .names = {"b", "b"}, REFUSED(E_AXIS, "repeated")},
    {"rms_norm", {"seq=2"}, .names = {"embedding"}, REFUSED(E_AXIS, "no axis \"embedding\"")},
    {"softmax", {"seq=2 kv_seq=5"}, .names = {"kv_seq"}, .out = "seq=2 kv_seq=5"},
    {"argmax", {"seq=2 vocabulary=9"}, .names = {"vocabulary"}, .out = "i32:seq=2"},
    {"top_k", {"vocabulary=9"}, .num = {4}, .names = {"vocabulary", "top"}, .out = "i32:top=4"},
    {"top_k",
     {"vocabulary=9"},
     .num = {10},
     .names = {"vocabulary", "top"},
     REFUSED(E_SHAPE, "10 of 9")},
    {"rope", {"seq=2 d=8", "seq=2 d=8"}, .num = {8}, .names = {"d"}, .out = "seq=2 d=8"},
    {"rope", {"seq=2 d=7", "seq=2 d=7"}, .num = {7}, .names = {"d"}, REFUSED(E_SHAPE, "halves")},
    {"rope",
     {"seq=2 d=8", "seq=2 d=4"},
     .num = {8},
     .names = {"d"},
     REFUSED(E_SHAPE, "angles must have size 8 along \"d\"")},
    {"rope_angles", {"i32:seq=2"}, .num = {1e4, 1, 8}, .names = {"d"}, .out = "seq=2 d=8"},
    {"rope_angles", {"seq=2"}, .num = {1e4, 1, 8}, .names = {"d"}, REFUSED(E_DTYPE, "integers")},
    {"take",
     {"batch=2 seq=5 embedding=3", "i32:batch=2"},
     .names = {"seq"},
     .out = "batch=2 embedding=3"},
    {"take", {"seq=5 embedding=3", "i32:"}, .names = {"seq"}, .out = "embedding=3"},
    {"take",
     {"batch=2 seq=5", "i32:batch=3"},
     .names = {"seq"},
     REFUSED(E_SHAPE, "ids must have size 2 along \"batch\"")},
    {"take",
     {"a=2 b=3 c=4 d=5", "i32:k=7 d=5", "i32:k=7 b=6"},
     .names = {"c", "b"},
     .out = "a=2 k=7 b=6 d=5"},
    {"take", {"a=2 b=3", "i32:", "i32:"}, .names = {"b", "b"}, REFUSED(E_AXIS, "given twice")},
    {"take",
     {"a=2 b=3", "i32:k=2", "i32:k=3"},
     .names = {"b", "a"},
     REFUSED(E_SHAPE, "ids 2 must have size 2 along \"k\"")},
    {"take", {"a=0", "i32:k=2"}, .names = {"a"}, REFUSED(E_SHAPE, "nothing along axis \"a\"")},
    {"take", {"a=0", "i32:k=0"}, .names = {"a"}, .out = "k=0"},
    {"scatter", {"a=2 b=3", "k=4", "i32:k=4"}, .names = {"b"}, .out = "a=2 b=3"},
    {"scatter", {"a=2 b=3", "k=4", "i32:k=5"}, .names = {"b"}, REFUSED(E_SHAPE, "updates must")},
    {"scatter", {"a=2 b=3", "j=4", "i32:k=5"}, .names = {"b"}, REFUSED(E_AXIS, "\"j\"")},
    {"scatter", {"a=2", "i32:", "i32:"}, .names = {"a"}, REFUSED(E_DTYPE, "of x's type")},
    {"scatter_add", {"a=2 b=3", ""}, .names = {"b"}, REFUSED(E_ARITY, "an index array an axis")},
    {"matmul", {"a=2 b=3", "b=3 c=4"}, .names = {"b"}, .out = "a=2 c=4"},
    {"matmul", {"i32:a=2 b=3", "i32:b=3"}, .names = {"b"}, .out = "i32:a=2"},
    {"matmul", {"i32:a=2 b=3", "b=3"}, .names = {"b"}, REFUSED(E_DTYPE, "x must hold floating")},
    {"matmul",
     {"a=2 b=3", "b=4"},
     .names = {"b"},
     REFUSED(E_SHAPE,
             "matmul: axis \"b\" is 3 in x float32(| a:2, b:3) but 4 in w float32(| b:4)")},
    {"mask",
     {"seq=2 kv_seq=3", "i32:seq=2", "i32:kv_seq=3"},
     .names = {"seq", "kv_seq"},
     .out = "seq=2 kv_seq=3"},
    {"mask",
     {"seq=2 kv_seq=3", "i32:seq=2", "i32:kv_seq=3", "i32:seq=2"},
     .names = {"seq", "kv_seq"},
     REFUSED(E_SIDE_INPUT, "together")},
    {"mask",
     {"seq=2 kv_seq=3", "i32:seq=2", "i32:kv_seq=4"},
     .names = {"seq", "kv_seq"},
     REFUSED(E_SHAPE, "kv_positions must have size 3")},
    {"cache_write",
     {"kv_seq=8 d=2", "seq=3 d=2", "i32:counts=4"},
     .names = {"kv_seq", "seq"},
     .out = "kv_seq=8 d=2"},
    {"cache_write",
     {"kv_seq=8 d=2", "seq=3", "i32:counts=4"},
     .names = {"kv_seq", "seq"},
     REFUSED(E_SHAPE, "lacks axes")},
    {"attention",
     {"d=4 seq=2 heads=3", "kv_seq=5 heads=3 d=4", "kv_seq=5 heads=3 d=4", "i32:seq=2",
      "i32:kv_seq=5"},
     .names = {"seq", "kv_seq", "d"},
     .out = "seq=2 heads=3 d=4"},
    {"attention",
     {"seq=2 d=4", "kv_seq=5 d=4", "kv_seq=6 d=4", "i32:seq=2", "i32:kv_seq=5"},
     .names = {"seq", "kv_seq", "d"},
     REFUSED(E_SHAPE, "attention: v must have size 5 along \"kv_seq\"")},
    {"attention",
     {"seq=2 d=4", "kv_seq=5 d=4 heads=2", "kv_seq=5 d=4", "i32:seq=2", "i32:kv_seq=5"},
     .names = {"seq", "kv_seq", "d"},
     REFUSED(E_AXIS, "attention: k has the axis \"heads\"")},
    {"attention",
     {"seq=2 d=4", "kv_seq=5 d=4", "kv_seq=5 d=4", "i32:seq=2"},
     .names = {"seq", "kv_seq", "d"},
     REFUSED(E_ARITY, "4 inputs")},
};

START_TEST(shapes_follow_or_are_refused)
{
    const rule *r = &rules[_i];
    pn_op_call c = {.def = pn_op_by_name(r->op)};
    ck_assert_ptr_nonnull(c.def);
    for (; c.n_in < PN_MAX_IN && r->in[c.n_in] != NULL; c.n_in++) {
        ck_assert_int_eq(pn_spec_parse(&c.in[c.n_in], ctx, r->in[c.n_in]), PENCL_OK);
    }
    for (; c.n_names < PN_MAX_NAMES && r->names[c.n_names] != NULL; c.n_names++) {
        pn_copy(c.names[c.n_names], sizeof c.names[0], r->names[c.n_names]);
    }
    memcpy(c.num, r->num, sizeof c.num);
    pencl_status status = c.def->infer(ctx, &c);
    const char *text = pencl_error_text(ctx);
    ck_assert_msg(status == r->status, "%s %d: %d %s", r->op, _i, status, text);
    if (r->out == NULL) {
        ck_assert_msg(strstr(text, r->says) != NULL, "%s: %s", r->op, text);
        return;
    }
    pn_spec want;
    ck_assert_int_eq(pn_spec_parse(&want, ctx, r->out), PENCL_OK);
    ck_assert_msg(pn_spec_equal(&c.out, &want), "%s %d", r->op, _i);
}
END_TEST

Suite *suite_op_infer(void);
Suite *suite_op_infer(void)
{
    Suite *suite = suite_create("op_infer");
    TCase *tcase = tcase_create("rules");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, shapes_follow_or_are_refused, 0, (int)PN_COUNT(rules));
    suite_add_tcase(suite, tcase);
    return suite;
}
