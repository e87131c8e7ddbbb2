/* SPDX-License-Identifier: Apache-2.0 */
/* TransformerLM.__call__: positions, padding, batch axes, side inputs, bad input. */
#include "support/tiny.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 4 * N_TOKENS };

static float got[MOST * VOCABULARY];

static pencl_array *ints(const int32_t *ids, const pencl_axis *axes, int n)
{
    pencl_array *a = NULL;
    ok(pencl_array_new(&a, device, PENCL_I32, axes, n));
    ok(pencl_array_upload(a, ids, (size_t)pencl_array_count(a) * sizeof *ids));
    return a;
}

/* Logits of a call into `got`, in the order of the tokens' axes, "vocabulary" last. */
static void call(const pencl_array *ids, const pencl_lm_call_options *options)
{
    pencl_array *logits = NULL;
    pencl_array *ordered = NULL;
    const char *names[PENCL_MAX_AXES];
    int n = pencl_array_n_axes(ids);
    for (int i = 0; i < n; i++) {
        names[i] = pencl_array_axis(ids, i)->name;
    }
    names[n] = "vocabulary";
    ok(pencl_lm_call(&logits, lm, ids, options));
    ok(pencl_array_order(&ordered, logits, names, n + 1));
    ck_assert_int_eq(pencl_array_axis(ordered, n)->size, VOCABULARY);
    ck_assert_int_eq(pencl_array_count(ordered), pencl_array_count(ids) * VOCABULARY);
    ck_assert_int_le(pencl_array_count(ordered), MOST * VOCABULARY);
    ok(pencl_array_download_f32(ordered, got, pencl_array_count(ordered)));
    pencl_array_free(ordered);
    pencl_array_free(logits);
}

/* Row `row` of `got` is the golden row of token `token`. */
static void expect_row(int row, int token)
{
    for (int i = 0; i < VOCABULARY; i++) {
        float a = got[row * VOCABULARY + i];
        float b = want[token * VOCABULARY + i];
        ck_assert_msg(fabsf(a - b) <= 1e-4F, "row %d, token %d: %g, not %g", row, token, (double)a,
                      (double)b);
    }
}

START_TEST(default_positions_are_0_1_2)
{
    const pencl_axis axes[] = {{"seq", N_TOKENS}};
    int32_t at[N_TOKENS];
    for (int i = 0; i < N_TOKENS; i++) {
        at[i] = i;
    }
    pencl_array *ids = ints(tokens, axes, 1);
    pencl_array *positions = ints(at, axes, 1);
    call(ids, NULL);
    for (int i = 0; i < N_TOKENS; i++) {
        expect_row(i, i);
    }
    pencl_lm_call_options options = PENCL_LM_CALL_OPTIONS_INIT;
    options.token_positions = positions;
    call(ids, &options);
    for (int i = 0; i < N_TOKENS; i++) {
        expect_row(i, i);
    }
    pencl_array_free(positions);
    pencl_array_free(ids);
}
END_TEST

/* Only the differences and the order of positions matter. */
START_TEST(positions_may_begin_anywhere)
{
    const pencl_axis axes[] = {{"seq", 6}};
    const int32_t at[] = {1000, 1001, 1002, 1003, 1004, 1005};
    pencl_array *ids = ints(tokens, axes, 1);
    pencl_array *positions = ints(at, axes, 1);
    const pencl_lm_call_options options = {.token_positions = positions};
    call(ids, &options);
    for (int i = 0; i < 6; i++) {
        expect_row(i, i);
    }
    pencl_array_free(positions);
    pencl_array_free(ids);
}
END_TEST

START_TEST(minus_one_is_padding)
{
    const pencl_axis axes[] = {{"batch", 2}, {"seq", 8}};
    const int32_t at[2][8] = {{-1, -1, -1, 0, 1, 2, 3, 4}, {0, 1, 2, 3, 4, -1, -1, -1}};
    int32_t padded[2][8] = {{9, 9, 9}, {0}};
    memcpy(&padded[0][3], tokens, 5 * sizeof *tokens);
    memcpy(padded[1], tokens, 5 * sizeof *tokens);
    pencl_array *ids = ints(padded[0], axes, 2);
    pencl_array *positions = ints(at[0], axes, 2);
    const pencl_lm_call_options options = {.token_positions = positions};
    call(ids, &options);
    for (int i = 0; i < 5; i++) {
        expect_row(3 + i, i);
        expect_row(8 + i, i);
    }
    pencl_array_free(positions);
    pencl_array_free(ids);
}
END_TEST

START_TEST(any_batch_axes)
{
    const pencl_axis axes[] = {{"users", 2}, {"seq", 5}, {"samples", 2}};
    int32_t all[2][5][2];
    for (int u = 0; u < 2; u++) {
        for (int i = 0; i < 5; i++) {
            all[u][i][0] = tokens[i];
            all[u][i][1] = i < 3 ? tokens[i] : 11;
        }
    }
    pencl_array *ids = ints(all[0][0], axes, 3);
    call(ids, NULL);
    for (int u = 0; u < 2; u++) {
        for (int i = 0; i < 5; i++) {
            expect_row((u * 5 + i) * 2, i);
        }
        for (int i = 0; i < 3; i++) {
            expect_row((u * 5 + i) * 2 + 1, i);
        }
    }
    pencl_array_free(ids);
}
END_TEST

/* Two sequences in one row of tokens, kept apart by their ids. */
START_TEST(sequences_share_a_row_by_their_ids)
{
    const pencl_axis axes[] = {{"seq", 9}};
    const int32_t ids[] = {tokens[0], tokens[0], tokens[1], tokens[1], tokens[2],
                           tokens[2], tokens[3], tokens[4], tokens[3]};
    const int32_t at[] = {0, 0, 1, 1, 2, 2, 3, 4, 3};
    const int32_t of[] = {0, 1, 0, 1, 0, 1, 0, 0, 1};
    pencl_array *row = ints(ids, axes, 1);
    pencl_array *positions = ints(at, axes, 1);
    pencl_array *sequence = ints(of, axes, 1);
    const pencl_side_array side = {"token_sequence", sequence};
    const pencl_lm_call_options options = {
        .token_positions = positions, .side = &side, .n_side = 1};
    call(row, &options);
    for (int i = 0; i < 9; i++) {
        expect_row(i, at[i]);
    }
    pencl_array_free(sequence);
    pencl_array_free(positions);
    pencl_array_free(row);
}
END_TEST

START_TEST(unknown_side_inputs_are_ignored)
{
    const pencl_axis axes[] = {{"seq", 3}};
    pencl_array *ids = ints(tokens, axes, 1);
    const pencl_side_array side = {"token_postions", ids};
    const pencl_lm_call_options options = {.side = &side, .n_side = 1};
    call(ids, &options);
    expect_row(2, 2);
    pencl_array_free(ids);
}
END_TEST

START_TEST(no_tokens_give_no_logits)
{
    const pencl_axis axes[] = {{"seq", 0}};
    pencl_array *ids = ints(tokens, axes, 1);
    call(ids, NULL);
    pencl_array_free(ids);
}
END_TEST

/* ---- bad input ---- */

typedef struct axis_set {
    int n;
    pencl_axis axes[3];
} axis_set;

typedef struct bad_row {
    const char *what;
    axis_set tokens;
    pencl_dtype dtype;
    int32_t value;      /* of every token */
    axis_set positions; /* n 0: none are given */
    pencl_status status;
    const char *words[2];
} bad_row;

#define SEQ(n)                                                                                     \
    {                                                                                              \
        1,                                                                                         \
        {                                                                                          \
            {                                                                                      \
                "seq", n                                                                           \
            }                                                                                      \
        }                                                                                          \
    }
#define WITH(name)                                                                                 \
    {                                                                                              \
        2,                                                                                         \
        {                                                                                          \
            {name, 2},                                                                             \
            {                                                                                      \
                "seq", 3                                                                           \
            }                                                                                      \
        }                                                                                          \
    }

static const bad_row bad[] = {
    {"no seq",
     {1, {{"batch", 2}}},
     PENCL_I32,
     1,
     {0},
     PENCL_E_AXIS,
     {"axis 'seq' is required", "batch:2"}},
    {"positional axes only",
     {1, {{"", 3}}},
     PENCL_I32,
     1,
     {0},
     PENCL_E_AXIS,
     {"positional", "int32(3 |)"}},
    {"a positional axis", WITH(""), PENCL_I32, 1, {0}, PENCL_E_AXIS, {"positional"}},
    {"floats", SEQ(3), PENCL_F32, 0, {0}, PENCL_E_DTYPE, {"int32", "float32"}},
    {"an id too large",
     SEQ(3),
     PENCL_I32,
     300,
     {0},
     PENCL_E_TOKEN_RANGE,
     {"token 0 is 300", "300"}},
    {"an id below 0", SEQ(3), PENCL_I32, -1, {0}, PENCL_E_TOKEN_RANGE, {"token 0 is -1"}},
    {"as many positions as there are not",
     SEQ(3),
     PENCL_I32,
     1,
     SEQ(4),
     PENCL_E_SHAPE,
     {"token_positions", "seq:4"}},
    {"positions with an axis more",
     SEQ(3),
     PENCL_I32,
     1,
     WITH("batch"),
     PENCL_E_AXIS,
     {"token_positions", "batch:2"}},
    {"positions of another batch",
     WITH("batch"),
     PENCL_I32,
     1,
     {2, {{"batch", 3}, {"seq", 3}}},
     PENCL_E_SHAPE,
     {"batch:3"}},
    {"positions with a positional axis",
     SEQ(3),
     PENCL_I32,
     1,
     WITH(""),
     PENCL_E_AXIS,
     {"token_positions: positional"}},
    {"positions with projection",
     SEQ(3),
     PENCL_I32,
     1,
     WITH("projection"),
     PENCL_E_AXIS,
     {"token_positions", "'projection' is reserved"}},
    {"positions without seq",
     WITH("batch"),
     PENCL_I32,
     1,
     {1, {{"batch", 2}}},
     PENCL_E_AXIS,
     {"token_positions: axis 'seq' is required"}},
};

static pencl_array *filled(pencl_dtype dtype, const axis_set *a, int32_t value)
{
    pencl_array *array = NULL;
    int32_t data[18];
    for (int i = 0; i < 18; i++) {
        data[i] = value;
    }
    ok(pencl_array_new(&array, device, dtype, a->axes, a->n));
    ok(pencl_array_upload(array, data, (size_t)pencl_array_count(array) * sizeof *data));
    return array;
}

START_TEST(bad_input_is_refused)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const bad_row *b = &bad[i];
        pencl_array *ids = filled(b->dtype, &b->tokens, b->value);
        pencl_array *positions = b->positions.n == 0 ? NULL : filled(PENCL_I32, &b->positions, 0);
        const pencl_lm_call_options options = {.token_positions = positions};
        pencl_array *logits = NULL;
        pencl_status st = pencl_lm_call(&logits, lm, ids, &options);
        ck_assert_msg(st == b->status, "%s: %s, %s", b->what, pencl_status_name(st),
                      pencl_error_text(ctx));
        for (int w = 0; w < 2 && b->words[w] != NULL; w++) {
            ck_assert_msg(strstr(pencl_error_text(ctx), b->words[w]) != NULL, "%s: \"%s\" lacks %s",
                          b->what, pencl_error_text(ctx), b->words[w]);
        }
        ck_assert_ptr_null(logits);
        pencl_array_free(positions);
        pencl_array_free(ids);
    }
}
END_TEST

/* Layers use these names inside, in one model or another: no model's batch has them. */
START_TEST(names_that_layers_use_are_reserved)
{
    static const char *const names[] = {"embedding",   "projection", "heads",   "head_groups",
                                        "query_heads", "kv_seq",     "neurons", "vocabulary",
                                        "blocks",      "worlds"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        axis_set axes = WITH("");
        char words[64];
        strcpy(axes.axes[0].name, names[i]);
        snprintf(words, sizeof words, "tokens: the name '%s' is reserved", names[i]);
        pencl_array *ids = filled(PENCL_I32, &axes, 1);
        pencl_array *logits = NULL;
        ck_assert_int_eq(pencl_lm_call(&logits, lm, ids, NULL), PENCL_E_AXIS);
        ck_assert_msg(strstr(pencl_error_text(ctx), words) != NULL, "\"%s\" lacks %s",
                      pencl_error_text(ctx), words);
        pencl_array_free(ids);
    }
}
END_TEST

START_TEST(positions_are_integers)
{
    const axis_set axes = SEQ(3);
    pencl_array *ids = filled(PENCL_I32, &axes, 1);
    pencl_array *positions = filled(PENCL_F32, &axes, 0);
    const pencl_lm_call_options options = {.token_positions = positions};
    pencl_array *logits = NULL;
    ck_assert_int_eq(pencl_lm_call(&logits, lm, ids, &options), PENCL_E_DTYPE);
    ck_assert_ptr_nonnull(
        strstr(pencl_error_text(ctx), "token_positions: int32 is needed, got float32(| seq:3)"));
    pencl_array_free(positions);
    pencl_array_free(ids);
}
END_TEST

static int is_labelled(const pencl_variable *variable, void *label)
{
    return strcmp(pencl_variable_label(variable), label) == 0;
}

/* The first slot that is read is named, whether all variables are out or one. */
START_TEST(an_unbound_model_names_its_slot)
{
    static const char *const taken[] = {"transformer/embedder.embeddings",
                                        "transformer/final_norm/scale.weights"};
    const axis_set axes = SEQ(3);
    pencl_array *ids = filled(PENCL_I32, &axes, 1);
    for (int i = 0; i < 2; i++) {
        pencl_layer *empty = NULL;
        pencl_variable **variables = NULL;
        pencl_lm *unbound = NULL;
        pencl_array *logits = NULL;
        int n = 0;
        ok(pencl_layer_unbind_variables(&empty, &variables, &n, ctx, pencl_lm_body(lm),
                                        i == 0 ? NULL : is_labelled, (void *)taken[i]));
        ok(pencl_lm_new(&unbound, device, empty, pencl_lm_metadata(lm)));
        ck_assert_int_eq(pencl_lm_call(&logits, unbound, ids, NULL), PENCL_E_UNBOUND);
        ck_assert_msg(strstr(pencl_error_text(ctx), taken[i]) != NULL, "%s", pencl_error_text(ctx));
        ck_assert_ptr_null(logits);
        pencl_lm_free(unbound);
        pencl_variables_free(variables, n);
        pencl_layer_free(empty);
    }
    pencl_array_free(ids);
}
END_TEST

/* A side input that a layer needs: the body called without its wrapper. */
START_TEST(a_body_alone_misses_its_positions)
{
    const pencl_axis axes[] = {{"seq", 3}};
    pencl_array *ids = ints(tokens, axes, 1);
    pencl_graph *graph = NULL;
    ok(pencl_graph_new(&graph, device));
    pencl_value *y = pencl_layer_call(pencl_lm_body(lm), pencl_graph_array(graph, ids), NULL);
    ck_assert_ptr_null(y);
    ck_assert_int_eq(pencl_graph_finish(graph), PENCL_E_SIDE_INPUT);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "token_positions"));
    pencl_graph_free(graph);
    pencl_array_free(ids);
}
END_TEST

START_TEST(an_unbound_model_says_so)
{
    const pencl_axis axes[] = {{"seq", 3}};
    pencl_array *ids = ints(tokens, axes, 1);
    pencl_array *logits = NULL;
    pencl_layer *empty = NULL;
    pencl_lm *unbound = NULL;
    pencl_variable **variables = NULL;
    int n = 0;
    ok(pencl_layer_unbind_variables(&empty, &variables, &n, ctx, pencl_lm_body(lm), NULL, NULL));
    ok(pencl_lm_new(&unbound, device, empty, pencl_lm_metadata(lm)));
    ck_assert_int_eq(pencl_lm_call(&logits, unbound, ids, NULL), PENCL_E_UNBOUND);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), pencl_variable_label(variables[0])));
    ck_assert_ptr_null(logits);
    pencl_lm_free(unbound);
    pencl_variables_free(variables, n);
    pencl_layer_free(empty);
    pencl_array_free(ids);
}
END_TEST

Suite *suite_penzai_call(void);
Suite *suite_penzai_call(void)
{
    Suite *suite = suite_create("penzai_call");
    TCase *tc = tcase_create("call");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, fixture_tiny, fixture_tiny_close);
    tcase_add_test(tc, default_positions_are_0_1_2);
    tcase_add_test(tc, positions_may_begin_anywhere);
    tcase_add_test(tc, minus_one_is_padding);
    tcase_add_test(tc, any_batch_axes);
    tcase_add_test(tc, sequences_share_a_row_by_their_ids);
    tcase_add_test(tc, unknown_side_inputs_are_ignored);
    tcase_add_test(tc, no_tokens_give_no_logits);
    tcase_add_test(tc, bad_input_is_refused);
    tcase_add_test(tc, names_that_layers_use_are_reserved);
    tcase_add_test(tc, positions_are_integers);
    tcase_add_test(tc, an_unbound_model_names_its_slot);
    tcase_add_test(tc, a_body_alone_misses_its_positions);
    tcase_add_test(tc, an_unbound_model_says_so);
    suite_add_tcase(suite, tc);
    return suite;
}
