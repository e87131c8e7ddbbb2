/* SPDX-License-Identifier: Apache-2.0 */
/* Perplexity: the mean of what pencl_score says; and the distance from a base. */
#include "support/fixture.h"
#include "support/folder.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { TEXTS = 3, N = 70 }; /* more than a chunk */

static pencl_model *model;
static pencl_lm *lm;
static char folder[TEST_PATH];
static int32_t tokens[TEXTS * N];

static void setup(void)
{
    fixture_device();
    test_folder_make(folder);
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", NULL),
                     PENCL_OK);
    lm = pencl_model_lm(model);
    for (int i = 0; i < TEXTS * N; i++) {
        tokens[i] = (i * 37 + i / N * 5) % 300;
    }
}

static void teardown(void)
{
    pencl_model_close(model);
    fixture_close();
    test_folder_remove(folder);
}

static pencl_perplexity run(pencl_lm *of, const char *base)
{
    pencl_perplexity p;
    const pencl_perplexity_options o = {.base = base};
    pencl_status st = pencl_perplexity_run(&p, of, tokens, TEXTS, N, &o);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    return p;
}

START_TEST(it_is_the_mean_of_scores)
{
    double sum = 0;
    double squares = 0;
    const int64_t n = TEXTS * (N - 1);
    for (int i = 0; i < TEXTS; i++) {
        pencl_token_score scores[N];
        ck_assert_int_eq(pencl_score(scores, lm, tokens + i * N, N, NULL), PENCL_OK);
        for (int k = 1; k < N; k++) {
            sum -= scores[k].log_prob;
            squares += scores[k].log_prob * scores[k].log_prob;
        }
    }
    const pencl_perplexity p = run(lm, NULL);
    ck_assert_int_eq(p.n_scored, n);
    ck_assert_int_eq(p.compared, 0);
    ck_assert_double_eq_tol(p.nll, sum / (double)n, 1e-4);
    double variance = squares / (double)n - p.nll * p.nll;
    ck_assert_double_eq_tol(p.nll_error, sqrt(variance / (double)n), 1e-4);
}
END_TEST

/* Nothing from itself; from a model with a head knocked out, the KL that its metric says. */
START_TEST(a_base_is_written_then_compared_with)
{
    char base[TEST_PATH + 32];
    snprintf(base, sizeof base, "%s", test_path(folder, "base.safetensors"));
    pencl_perplexity p = run(lm, base);
    ck_assert_int_eq(p.compared, 0);
    p = run(lm, base);
    ck_assert_int_eq(p.compared, 1);
    ck_assert_int_eq(p.n_compared, TEXTS * N);
    ck_assert_int_eq(p.n_same, TEXTS * N);
    ck_assert_double_le(p.mean_kl, 1e-9);
    ck_assert_double_eq(p.largest_margin, 0);

    pencl_lm *edited = NULL;
    pencl_metric *kl = NULL;
    pencl_patch *patch = NULL;
    const pencl_edit edit = {.kind = PENCL_EDIT_KNOCK_OUT, .block = 1, .head = 2};
    ck_assert_int_eq(pencl_lm_edit(&edited, lm, &edit, 1), PENCL_OK);
    ck_assert_int_eq(pencl_metric_new(&kl, ctx, model, "kl"), PENCL_OK);
    p = run(edited, base);
    double last = 0; /* of the last positions */
    for (int i = 0; i < TEXTS; i++) {
        const pencl_patch_options o = {
            .change = PENCL_CHANGE_MODEL, .edited = edited, .metric = kl};
        ck_assert_int_eq(pencl_patch_new(&patch, lm, tokens + i * N, N, &o), PENCL_OK);
        last = fmax(last, pencl_patch_value(patch, 0, 0));
        pencl_patch_free(patch);
    }
    ck_assert_double_gt(last, 1e-6);
    ck_assert_double_ge(p.largest_kl, last * 0.999);
    ck_assert_double_gt(p.mean_kl, last / (TEXTS * N));
    ck_assert_int_lt(p.n_same, p.n_compared);
    ck_assert_double_gt(p.largest_margin, 0);
    pencl_metric_free(kl);
    pencl_lm_free(edited);
}
END_TEST

static int never(void *unused)
{
    (void)unused;
    return 1;
}

START_TEST(bad_ones_are_refused)
{
    pencl_perplexity p;
    char base[TEST_PATH + 32];
    snprintf(base, sizeof base, "%s", test_path(folder, "base.safetensors"));
    pencl_perplexity_options o = {.base = base, .stopped = never};
    ck_assert_int_eq(pencl_perplexity_run(&p, lm, tokens, TEXTS, N, &o), PENCL_E_CANCELLED);
    ck_assert_int_ne(access(base, F_OK), 0); /* nothing half written */
    ck_assert_int_eq(pencl_perplexity_run(&p, lm, tokens, 0, N, NULL), PENCL_E_ARG);
    ck_assert_int_eq(pencl_perplexity_run(&p, lm, tokens, TEXTS, 1, NULL), PENCL_E_ARG);
    run(lm, base);
    o.stopped = NULL;
    tokens[3]++;
    ck_assert_int_eq(pencl_perplexity_run(&p, lm, tokens, TEXTS, N, &o), PENCL_E_FORMAT);
    tokens[3]--;
    ck_assert_int_eq(pencl_perplexity_run(&p, lm, tokens, TEXTS - 1, N, &o), PENCL_E_FORMAT);
    tokens[3] = 300;
    ck_assert_int_eq(pencl_perplexity_run(&p, lm, tokens, TEXTS, N, &o), PENCL_E_TOKEN_RANGE);
    tokens[3] = 1;
    test_write(base, "not a file", 10);
    ck_assert_int_ne(pencl_perplexity_run(&p, lm, tokens, TEXTS, N, &o), PENCL_OK);
    o.base = test_path(folder, "no/base.safetensors");
    ck_assert_int_eq(pencl_perplexity_run(&p, lm, tokens, TEXTS, N, &o), PENCL_E_IO);
}
END_TEST

Suite *suite_study_perplexity(void);
Suite *suite_study_perplexity(void)
{
    Suite *suite = suite_create("study_perplexity");
    TCase *tc = tcase_create("perplexity");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, it_is_the_mean_of_scores);
    tcase_add_test(tc, a_base_is_written_then_compared_with);
    tcase_add_test(tc, bad_ones_are_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
