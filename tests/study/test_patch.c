/* SPDX-License-Identifier: Apache-2.0 */
/* Patching and edits on a tiny model: what must follow from what a transformer is, and sweeps
 * against one run for each change. */
#include "support/fixture.h"

#include "pencl/pencl.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { N = 8, VOCABULARY = 300, BLOCKS = 2, HEADS = 4 };

static const int32_t tokens[N] = {1, 72, 263, 8, 200, 299, 0, 131};
static const int32_t others[N] = {1, 90, 263, 17, 41, 299, 258, 12};

static pencl_model *model;
static pencl_lm *lm;

static void setup(void)
{
    fixture_device();
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", NULL),
                     PENCL_OK);
    lm = pencl_model_lm(model);
}

static void teardown(void)
{
    pencl_model_close(model);
    fixture_close();
}

static pencl_patch *patch(const pencl_patch_options *o)
{
    pencl_patch *p = NULL;
    pencl_status st = pencl_patch_new(&p, lm, tokens, N, o);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    return p;
}

/* The logits after ids, through a session of a model. */
static void run(float out[VOCABULARY], pencl_lm *of, const int32_t *ids, size_t n)
{
    pencl_session *s = NULL;
    const float *logits = NULL;
    ck_assert_int_eq(pencl_session_new(&s, of, NULL), PENCL_OK);
    ck_assert_int_eq(pencl_session_feed(&logits, s, ids, n, PENCL_LOGITS_LAST), PENCL_OK);
    memcpy(out, logits, VOCABULARY * sizeof *out);
    pencl_session_free(s);
}

static double distance(const float *a, const float *b)
{
    double worst = 0;
    for (int i = 0; i < VOCABULARY; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    return worst;
}

/* What kernels for other numbers of tokens may differ by, as they add in another order: some 40
 * steps of float32 at the largest logit. */
static double rounding(const float *logits)
{
    const float none[VOCABULARY] = {0};
    return 40 * FLT_EPSILON * distance(logits, none);
}

static int64_t size_of(const pencl_array *array, const char *name)
{
    for (int i = 0; i < pencl_array_n_axes(array); i++) {
        if (strcmp(pencl_array_axis(array, i)->name, name) == 0) {
            return pencl_array_axis(array, i)->size;
        }
    }
    return 0;
}

static pencl_metric *metric(const char *text)
{
    pencl_metric *m = NULL;
    ck_assert_msg(pencl_metric_new(&m, ctx, model, text) == PENCL_OK, "%s", pencl_error_text(ctx));
    return m;
}

/* ---- what must hold ---- */

/* All of the residual stream from another text: the model goes on as with that text. */
START_TEST(whole_residual_is_the_other_text)
{
    float donor[VOCABULARY];
    float own[VOCABULARY];
    static const char *const where[] = {"blocks.0.hook_resid_pre", "blocks.1.hook_resid_pre",
                                        "blocks.1.hook_resid_post"};
    run(donor, lm, others, N);
    run(own, lm, tokens, N);
    ck_assert_double_gt(distance(donor, own), 0.1);
    for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
        pencl_patch *p = patch(&(pencl_patch_options){
            .change = PENCL_CHANGE_FROM, .select = where[i], .from = others, .n_from = N});
        ck_assert_double_le(distance(pencl_patch_logits(p, 0), own), 1e-5);
        ck_assert_double_le(distance(pencl_patch_logits(p, 1), donor), 1e-5);
        ck_assert_double_eq_tol(pencl_patch_value(p, 0, 0), pencl_patch_from(p), 1e-5);
        ck_assert_ptr_null(pencl_patch_row(p, 0, NULL));
        pencl_patch_free(p);
    }
}
END_TEST

/* Behind the last block a position hears of no other: the last one alone has the whole say. */
START_TEST(last_position_of_the_last_layer_decides)
{
    float donor[VOCABULARY];
    const int64_t last[] = {-1};
    run(donor, lm, others, N);
    pencl_patch *p = patch(&(pencl_patch_options){.change = PENCL_CHANGE_FROM,
                                                  .select = "blocks.1.hook_resid_post",
                                                  .from = others,
                                                  .n_from = N,
                                                  .at = last,
                                                  .n_at = 1});
    ck_assert_double_le(distance(pencl_patch_logits(p, 1), donor), 1e-5);
    pencl_patch_free(p);
}
END_TEST

/* Texts of other lengths, counted from the end. */
START_TEST(texts_are_aligned_at_the_end)
{
    float donor[VOCABULARY];
    const int64_t last[] = {N - 1};
    pencl_patch_options o = {.change = PENCL_CHANGE_FROM,
                             .select = "blocks.1.hook_resid_post",
                             .from = others,
                             .n_from = 5,
                             .at = last,
                             .n_at = 1};
    pencl_patch *none = NULL;
    ck_assert_int_eq(pencl_patch_new(&none, lm, tokens, N, &o), PENCL_E_ARG);
    o.align_last = 1;
    run(donor, lm, others, 5);
    pencl_patch *p = patch(&o);
    ck_assert_double_le(distance(pencl_patch_logits(p, 1), donor), rounding(donor));
    pencl_patch_free(p);
    o.sweep = PENCL_SWEEP_POSITION; /* the first three have no partner: nothing changes */
    o.n_at = 0;
    p = patch(&o);
    for (int i = 0; i < N - 5; i++) {
        ck_assert_double_eq_tol(pencl_patch_value(p, 0, i), pencl_patch_before(p), 1e-5);
    }
    ck_assert_double_eq_tol(pencl_patch_value(p, 0, N - 1), pencl_patch_from(p), 1e-5);
    pencl_patch_free(p);
}
END_TEST

/* ---- sweeps against one run for each change ---- */

START_TEST(positions_one_by_one)
{
    pencl_metric *m = metric("logit(#40) - 2*prob(#12) + kl");
    pencl_patch_options o = {.change = PENCL_CHANGE_FROM,
                             .select = "blocks.*.hook_resid_pre",
                             .from = others,
                             .n_from = N,
                             .metric = m,
                             .sweep = PENCL_SWEEP_POSITION};
    pencl_patch *sweep = patch(&o);
    ck_assert_int_eq(pencl_patch_n_rows(sweep), BLOCKS);
    ck_assert_int_eq(pencl_patch_n_columns(sweep), N);
    o.sweep = PENCL_SWEEP_NONE;
    for (int row = 0; row < BLOCKS; row++) {
        int block = -1;
        o.select = pencl_patch_row(sweep, row, &block);
        ck_assert_int_eq(block, row);
        for (int64_t at = 0; at < N; at++) {
            o.at = &at;
            o.n_at = 1;
            pencl_patch *one = patch(&o);
            ck_assert_double_eq_tol(pencl_patch_value(sweep, row, (int)at),
                                    pencl_patch_value(one, 0, 0), 1e-4);
            pencl_patch_free(one);
        }
    }
    ck_assert(isnan(pencl_patch_value(sweep, BLOCKS, 0)));
    ck_assert(isnan(pencl_patch_value(sweep, 0, N)));
    pencl_patch_free(sweep);
    pencl_metric_free(m);
}
END_TEST

/* Against pencl_lm_edit, which puts a KnockOutAttentionHeads there, through a cached session. */
START_TEST(heads_one_by_one)
{
    pencl_metric *m = metric("logit(#40)");
    pencl_patch *sweep = patch(&(pencl_patch_options){
        .change = PENCL_CHANGE_KNOCK_OUT, .metric = m, .sweep = PENCL_SWEEP_HEAD});
    ck_assert_int_eq(pencl_patch_n_rows(sweep), BLOCKS);
    ck_assert_int_eq(pencl_patch_n_columns(sweep), HEADS);
    double moved = 0;
    for (int block = 0; block < BLOCKS; block++) {
        for (int head = 0; head < HEADS; head++) {
            float logits[VOCABULARY];
            pencl_lm *edited = NULL;
            const pencl_edit edit = {.kind = PENCL_EDIT_KNOCK_OUT, .block = block, .head = head};
            ck_assert_int_eq(pencl_lm_edit(&edited, lm, &edit, 1), PENCL_OK);
            run(logits, edited, tokens, N);
            ck_assert_double_eq_tol(pencl_patch_value(sweep, block, head), (double)logits[40],
                                    1e-4);
            moved = fmax(moved, fabs((double)logits[40] - pencl_patch_before(sweep)));
            pencl_lm_free(edited);
        }
    }
    ck_assert_double_gt(moved, 1e-3);
    pencl_patch_free(sweep);
    pencl_metric_free(m);
}
END_TEST

/* Zeros and means of what leaves the heads, head by head, against the formula: a head's values
 * replaced in what was captured. */
START_TEST(heads_of_values)
{
    static const char *const where[] = {"blocks.0.attn.hook_z"};
    pencl_metric *m = metric("logit(#7)");
    pencl_points *points = NULL;
    pencl_captures *z = NULL;
    float one[N * HEADS * 64];
    ck_assert_int_eq(pencl_points_new(&points, lm, where, 1, N), PENCL_OK);
    ck_assert_int_eq(pencl_points_capture(&z, points, tokens, N, NULL, 0), PENCL_OK);
    const pencl_capture *c = pencl_captures_at(z, 0);
    int64_t count = pencl_array_count(c->array);
    ck_assert_int_le(count, (int64_t)(sizeof one / sizeof *one));
    pencl_patch *sweep = patch(&(pencl_patch_options){
        .change = PENCL_CHANGE_ZERO, .select = *where, .metric = m, .sweep = PENCL_SWEEP_HEAD});
    for (int head = 0; head < HEADS; head++) {
        float logits[VOCABULARY];
        static const char *const order[] = {"seq", "head_groups", "query_heads", "projection"};
        pencl_array *ordered = NULL;
        pencl_array *changed = NULL;
        pencl_lm *edited = NULL;
        ck_assert_msg(pencl_array_order(&ordered, c->array, order, 4) == PENCL_OK, "%s",
                      pencl_error_text(ctx));
        ck_assert_int_eq(pencl_array_download_f32(ordered, one, count), PENCL_OK);
        int64_t width = count / N / HEADS;
        for (int64_t i = 0; i < count; i++) {
            one[i] = i / width % HEADS == head ? 0 : one[i];
        }
        const pencl_axis axes[] = {{"seq", N},
                                   {"head_groups", size_of(ordered, "head_groups")},
                                   {"query_heads", size_of(ordered, "query_heads")},
                                   {"projection", width}};
        ck_assert_int_eq(pencl_array_wrap(&changed, device, PENCL_F32, axes, 4, one), PENCL_OK);
        const pencl_edit edit = {.kind = PENCL_EDIT_REPLACE, .select = *where, .value = changed};
        ck_assert_msg(pencl_lm_edit(&edited, lm, &edit, 1) == PENCL_OK, "%s",
                      pencl_error_text(ctx));
        run(logits, edited, tokens, N);
        ck_assert_double_eq_tol(pencl_patch_value(sweep, 0, head), (double)logits[7], 1e-4);
        pencl_lm_free(edited);
        pencl_array_free(changed);
        pencl_array_free(ordered);
    }
    pencl_patch_free(sweep);
    pencl_captures_free(z);
    pencl_points_free(points);
    pencl_metric_free(m);
}
END_TEST

/* The mean over positions of what was captured, given by file or by name, replaces every position.
 */
START_TEST(means_of_values)
{
    static const char *const where[] = {"blocks.1.hook_resid_pre"};
    float mean[64] = {0};
    float logits[VOCABULARY];
    pencl_points *points = NULL;
    pencl_captures *values = NULL;
    pencl_array *given = NULL;
    pencl_lm *edited = NULL;
    float all[N * 64];
    static const char *const order[] = {"seq", "embedding"};
    pencl_array *ordered = NULL;
    ck_assert_int_eq(pencl_points_new(&points, lm, where, 1, N), PENCL_OK);
    ck_assert_int_eq(pencl_points_capture(&values, points, others, N, NULL, 0), PENCL_OK);
    ck_assert_int_eq(pencl_array_order(&ordered, pencl_captures_at(values, 0)->array, order, 2),
                     PENCL_OK);
    int64_t width = size_of(ordered, "embedding");
    ck_assert_int_le(width, 64);
    ck_assert_int_eq(pencl_array_download_f32(ordered, all, N * width), PENCL_OK);
    for (int64_t i = 0; i < N * width; i++) {
        mean[i % width] += all[i] / N;
    }
    const pencl_axis axis = {"embedding", width};
    ck_assert_int_eq(pencl_array_wrap(&given, device, PENCL_F32, &axis, 1, mean), PENCL_OK);
    const pencl_edit edit = {.kind = PENCL_EDIT_REPLACE, .select = *where, .value = given};
    ck_assert_int_eq(pencl_lm_edit(&edited, lm, &edit, 1), PENCL_OK);
    run(logits, edited, tokens, N);
    pencl_patch *p = patch(
        &(pencl_patch_options){.change = PENCL_CHANGE_MEAN, .select = *where, .values = values});
    ck_assert_double_le(distance(pencl_patch_logits(p, 1), logits), 1e-4);
    pencl_patch_free(p);
    pencl_lm_free(edited);
    pencl_array_free(given);
    pencl_array_free(ordered);
    pencl_captures_free(values);
    pencl_points_free(points);
}
END_TEST

/* ---- edits ---- */

/* Adding x at a point adds it: twice 0.5 x is x, and x then -x is nothing. Positional axes are the
 * last ones. */
START_TEST(steering_adds)
{
    float x[64];
    float got[3][VOCABULARY];
    pencl_array *value = NULL;
    int64_t width = pencl_lm_metadata(lm)->embedding_dim;
    ck_assert_int_le(width, 64);
    for (int i = 0; i < width; i++) {
        x[i] = (float)(i % 5) * 0.25F - 0.4F;
    }
    const pencl_axis axis = {"", width};
    ck_assert_msg(pencl_array_wrap(&value, device, PENCL_F32, &axis, 1, x) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
    pencl_edit edits[] = {
        {PENCL_EDIT_ADD, "blocks.0.hook_resid_post", value, 0.5, 0, 0},
        {PENCL_EDIT_ADD, "blocks.0.hook_resid_post", value, 0.5, 0, 0},
    };
    static const double scales[3][2] = {{0.5, 0.5}, {1, 0}, {1, -1}};
    for (int i = 0; i < 3; i++) {
        pencl_lm *edited = NULL;
        edits[0].scale = scales[i][0];
        edits[1].scale = scales[i][1];
        ck_assert_msg(pencl_lm_edit(&edited, lm, edits, 2) == PENCL_OK, "%s",
                      pencl_error_text(ctx));
        run(got[i], edited, tokens, N);
        pencl_lm_free(edited);
    }
    float own[VOCABULARY];
    run(own, lm, tokens, N);
    ck_assert_double_le(distance(got[0], got[1]), 1e-4);
    ck_assert_double_le(distance(got[2], own), 1e-4);
    ck_assert_double_gt(distance(got[0], own), 1e-2);
    pencl_array_free(value);
}
END_TEST

/* An edited model as the change. */
START_TEST(edited_models_are_compared)
{
    float logits[VOCABULARY];
    pencl_lm *edited = NULL;
    const pencl_edit edit = {.kind = PENCL_EDIT_KNOCK_OUT, .block = 1, .head = 2};
    ck_assert_int_eq(pencl_lm_edit(&edited, lm, &edit, 1), PENCL_OK);
    run(logits, edited, tokens, N);
    pencl_patch *p = patch(&(pencl_patch_options){.change = PENCL_CHANGE_MODEL, .edited = edited});
    ck_assert_double_le(distance(pencl_patch_logits(p, 1), logits), 1e-5);
    pencl_patch_free(p);
    pencl_lm_free(edited);
}
END_TEST

/* ---- the table ---- */

START_TEST(table_has_names)
{
    float values[BLOCKS * HEADS];
    pencl_array *table = NULL;
    pencl_patch *p =
        patch(&(pencl_patch_options){.change = PENCL_CHANGE_KNOCK_OUT, .sweep = PENCL_SWEEP_HEAD});
    ck_assert_int_eq(pencl_patch_table(&table, p), PENCL_OK);
    ck_assert_int_eq(size_of(table, "layer"), BLOCKS);
    ck_assert_int_eq(size_of(table, "head"), HEADS);
    ck_assert_int_eq(pencl_array_download_f32(table, values, BLOCKS * HEADS), PENCL_OK);
    for (int i = 0; i < BLOCKS * HEADS; i++) {
        ck_assert_double_eq_tol((double)values[i], pencl_patch_value(p, i / HEADS, i % HEADS),
                                1e-6 * (1 + fabs((double)values[i])));
    }
    pencl_array_free(table);
    pencl_patch_free(p);
}
END_TEST

/* ---- refusals ---- */

static int never(void *unused)
{
    (void)unused;
    return 1;
}

START_TEST(bad_patches_are_refused)
{
    const int64_t far[] = {N};
    const int32_t bad[N] = {300};
    const struct {
        pencl_status st;
        pencl_patch_options o;
    } cases[] = {
        {PENCL_E_ARG, {.change = PENCL_CHANGE_FROM, .select = "//Mlp"}},
        {PENCL_E_TOKEN_RANGE,
         {.change = PENCL_CHANGE_FROM, .select = "//Softmax", .from = bad, .n_from = N}},
        {PENCL_E_ARG, {.change = PENCL_CHANGE_ZERO, .select = "//Softmax", .at = far, .n_at = 1}},
        {PENCL_E_ARG, {.change = PENCL_CHANGE_ZERO, .select = "//Parameter"}},
        {PENCL_E_ARG, {.change = PENCL_CHANGE_MEAN, .select = "//Softmax"}},
        {PENCL_E_ARG, {.change = PENCL_CHANGE_MODEL}},
        {PENCL_E_ARG, {.change = PENCL_CHANGE_MODEL, .edited = lm, .sweep = PENCL_SWEEP_HEAD}},
        {PENCL_E_AXIS,
         {.change = PENCL_CHANGE_ZERO,
          .select = "blocks.*.hook_resid_pre",
          .sweep = PENCL_SWEEP_HEAD}},
        {PENCL_E_CANCELLED,
         {.change = PENCL_CHANGE_ZERO,
          .select = "blocks.*.hook_resid_pre",
          .sweep = PENCL_SWEEP_POSITION,
          .stopped = never}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pencl_patch *p = NULL;
        pencl_status st = pencl_patch_new(&p, lm, tokens, N, &cases[i].o);
        ck_assert_msg(st == cases[i].st, "case %zu: %s, %s", i, pencl_status_text(st),
                      pencl_error_text(ctx));
        ck_assert_ptr_null(p);
    }
    pencl_patch *p = NULL;
    const pencl_patch_options o = {.change = PENCL_CHANGE_ZERO, .select = "//Softmax"};
    ck_assert_int_eq(pencl_patch_new(&p, lm, tokens, 0, &o), PENCL_E_ARG);
    ck_assert_int_eq(pencl_patch_new(&p, lm, bad, N, &o), PENCL_E_TOKEN_RANGE);
}
END_TEST

START_TEST(bad_edits_are_refused)
{
    float x[3] = {0};
    pencl_array *value = NULL;
    const pencl_axis axis = {"embedding", 3};
    ck_assert_int_eq(pencl_array_wrap(&value, device, PENCL_F32, &axis, 1, x), PENCL_OK);
    const struct {
        pencl_status st;
        pencl_edit edit;
    } cases[] = {
        {PENCL_E_SHAPE, {PENCL_EDIT_ADD, "blocks.0.hook_resid_post", value, 1, 0, 0}},
        {PENCL_E_SHAPE, {PENCL_EDIT_REPLACE, "blocks.0.hook_resid_post", value, 1, 0, 0}},
        {PENCL_E_ARG, {.kind = PENCL_EDIT_KNOCK_OUT, .block = BLOCKS}},
        {PENCL_E_ARG, {.kind = PENCL_EDIT_KNOCK_OUT, .head = HEADS}},
        {PENCL_E_ARG, {.kind = PENCL_EDIT_KNOCK_OUT, .head = -1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pencl_lm *edited = NULL;
        pencl_status st = pencl_lm_edit(&edited, lm, &cases[i].edit, 1);
        ck_assert_msg(st == cases[i].st, "case %zu: %s, %s", i, pencl_status_text(st),
                      pencl_error_text(ctx));
        ck_assert_ptr_null(edited);
    }
    pencl_array_free(value);
}
END_TEST

Suite *suite_study_patch(void);
Suite *suite_study_patch(void)
{
    Suite *suite = suite_create("study_patch");
    TCase *tc = tcase_create("patch");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, whole_residual_is_the_other_text);
    tcase_add_test(tc, last_position_of_the_last_layer_decides);
    tcase_add_test(tc, texts_are_aligned_at_the_end);
    tcase_add_test(tc, positions_one_by_one);
    tcase_add_test(tc, heads_one_by_one);
    tcase_add_test(tc, heads_of_values);
    tcase_add_test(tc, means_of_values);
    tcase_add_test(tc, steering_adds);
    tcase_add_test(tc, edited_models_are_compared);
    tcase_add_test(tc, table_has_names);
    tcase_add_test(tc, bad_patches_are_refused);
    tcase_add_test(tc, bad_edits_are_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
