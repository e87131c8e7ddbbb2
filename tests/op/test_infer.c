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
    {"add", {"seq=2", "seq=3"}, REFUSED(E_SHAPE, "\"seq\"")},
    {"mul", {"i32:seq=2", "seq=2"}, REFUSED(E_DTYPE, "mul: a must hold floating point")},
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
