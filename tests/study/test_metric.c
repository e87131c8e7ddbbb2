/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: what their texts mean, and how bad ones are refused. */
#include "study/metric.h"
#include "support/fixture.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VOCABULARY = 300 };

static pencl_model *model;
static float logits[VOCABULARY];
static float reference[VOCABULARY];

static void setup(void)
{
    fixture_ref();
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", NULL),
                     PENCL_OK);
    for (int i = 0; i < VOCABULARY; i++) {
        logits[i] = (float)(i % 7) * 0.5F;
        reference[i] = (float)(i % 5) - 2;
    }
}

static void teardown(void)
{
    pencl_model_close(model);
    fixture_close();
}

static double value(const char *text)
{
    pencl_metric *m = NULL;
    ck_assert_msg(pencl_metric_new(&m, ctx, model, text) == PENCL_OK, "%s: %s", text,
                  pencl_error_text(ctx));
    ck_assert_str_eq(pencl_metric_text(m), text);
    double x = pn_metric_value(m, logits, reference);
    pencl_metric_free(m);
    return x;
}

/* log(sum of exp), the plain way. */
static double total(const float *x)
{
    double sum = 0;
    for (int i = 0; i < VOCABULARY; i++) {
        sum += exp((double)x[i]);
    }
    return log(sum);
}

START_TEST(terms_add_up)
{
    double log_total = total(logits);
    ck_assert_double_eq_tol(value("logit(#10)"), 1.5, 1e-12);
    ck_assert_double_eq_tol(value("logit(#10) - logit(#6)"), -1.5, 1e-12);
    ck_assert_double_eq_tol(value("-2*logit(#10)+ 0.5 * logit(#6)"), -1.5, 1e-12);
    ck_assert_double_eq_tol(value("logprob(#10)"), 1.5 - log_total, 1e-9);
    ck_assert_double_eq_tol(value("prob(#10)"), exp(1.5 - log_total), 1e-9);
}
END_TEST

START_TEST(divergence_is_from_the_unchanged_model)
{
    double sum = 0;
    for (int i = 0; i < VOCABULARY; i++) {
        double p = exp((double)reference[i] - total(reference));
        sum += p * ((double)reference[i] - total(reference) - (double)logits[i] + total(logits));
    }
    ck_assert_double_gt(sum, 0.1);
    ck_assert_double_eq_tol(value("kl"), sum, 1e-9);
}
END_TEST

/* "the" is two tokens of this vocabulary, " and" and "(" are one each. */
START_TEST(tokens_are_texts)
{
    char text[64];
    int32_t *ids = NULL;
    size_t n = 0;
    ck_assert_int_eq(pencl_tokenizer_encode(&ids, &n, pencl_model_tokenizer(model), " and", 4,
                                            PENCL_ENCODE_PLAIN),
                     PENCL_OK);
    if (n == 1) {
        snprintf(text, sizeof text, "logit(#%d)", (int)ids[0]);
        ck_assert_double_eq(value("logit( and)"), value(text));
    }
    pencl_tokens_free(ids);
    ck_assert_double_eq(value("logit(()"), value("logit(#10)"));
    ck_assert_double_eq(value("logit(\\))"), value("logit(#11)"));
}
END_TEST

START_TEST(bad_texts_are_refused)
{
    static const char *const bad[] = {
        "",
        "logit",
        "logit(",
        "logit()",
        "logit(the)",
        "logit(#300)",
        "logit(#-1)",
        "entropy(#1)",
        "logit(#1) logit(#2)",
        "logit(#1)-",
        "2",
        "2*",
        "nan*logit(#1)",
        "logit(#99999999999999999999)",
        "kl(#1)",
        "logit(#1x)",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pencl_metric *m = NULL;
        pencl_status st = pencl_metric_new(&m, ctx, model, bad[i]);
        ck_assert_msg(st == PENCL_E_ARG, "\"%s\": %s", bad[i], pencl_status_text(st));
        ck_assert_msg(strlen(pencl_error_text(ctx)) > 10, "\"%s\"", bad[i]);
        ck_assert_ptr_null(m);
    }
}
END_TEST

Suite *suite_study_metric(void);
Suite *suite_study_metric(void)
{
    Suite *suite = suite_create("study_metric");
    TCase *tc = tcase_create("metric");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, terms_add_up);
    tcase_add_test(tc, divergence_is_from_the_unchanged_model);
    tcase_add_test(tc, tokens_are_texts);
    tcase_add_test(tc, bad_texts_are_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
