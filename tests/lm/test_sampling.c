/* SPDX-License-Identifier: Apache-2.0 */
/* The sampler: its generator, what each option leaves, and how often it draws what. */
#include "lm/lm.h"

#include <check.h>
#include <math.h>

enum { DRAWS = 20000 };

static pencl_ctx *ctx;

static void setup(void)
{
    ctx = pencl_ctx_new();
}

static void teardown(void)
{
    pencl_ctx_free(ctx);
}

static pencl_sampler *sampler(const pencl_sampler_options *options)
{
    pencl_sampler *s = NULL;
    ck_assert_msg(pencl_sampler_new(&s, ctx, options) == PENCL_OK, "%s", pencl_error_text(ctx));
    return s;
}

/* The share of each of n ids over many draws. */
static void shares(const pencl_sampler_options *options, const float *logits, int n, double *out)
{
    pencl_sampler *s = sampler(options);
    for (int i = 0; i < n; i++) {
        out[i] = 0;
    }
    for (int i = 0; i < DRAWS; i++) {
        out[pencl_sampler_draw(s, logits, (size_t)n)] += 1.0 / DRAWS;
    }
    pencl_sampler_free(s);
}

/* Four standard deviations of a share. */
static void expect_share(double got, double want)
{
    ck_assert_double_eq_tol(got, want, 4 * sqrt(want * (1 - want) / DRAWS) + 1e-12);
}

static const float LOGITS[] = {0, 2, 1, -1, 2.5F};
enum { N = sizeof LOGITS / sizeof *LOGITS };
static const pencl_sampler_options ALL = {1, 0, 1, 0, 1, 7};

/* The first words of the published vectors of Random123 (kat_vectors, philox4x32 10). */
START_TEST(philox_gives_the_published_words)
{
    ck_assert_uint_eq(pn_philox(0, 0), 0x6627e8d5U);
    ck_assert_uint_ne(pn_philox(0, 1), pn_philox(0, 0));
    ck_assert_uint_ne(pn_philox(1, 0), pn_philox(0, 0));
    ck_assert_uint_ne(pn_philox(1ULL << 32, 0), pn_philox(0, 0));
    ck_assert_uint_ne(pn_philox(0, 1ULL << 32), pn_philox(0, 0));
}
END_TEST

START_TEST(shares_follow_the_softmax)
{
    double got[N];
    double total = 0;
    for (int t = 1; t <= 2; t++) {
        pencl_sampler_options o = ALL;
        o.temperature = 0.5 * t;
        total = 0;
        for (int i = 0; i < N; i++) {
            total += exp((double)LOGITS[i] / o.temperature);
        }
        shares(&o, LOGITS, N, got);
        for (int i = 0; i < N; i++) {
            expect_share(got[i], exp((double)LOGITS[i] / o.temperature) / total);
        }
    }
}
END_TEST

START_TEST(top_k_keeps_the_k_likeliest)
{
    double got[N];
    pencl_sampler_options o = ALL;
    o.top_k = 2;
    shares(&o, LOGITS, N, got);
    double first = exp(2.5) / (exp(2.5) + exp(2));
    expect_share(got[4], first);
    expect_share(got[1], 1 - first);
}
END_TEST

/* Ids in the wake of the k first ones have to be found as well. */
START_TEST(top_k_finds_late_candidates)
{
    float logits[500];
    double got[500];
    for (int i = 0; i < 500; i++) {
        logits[i] = (float)(i % 97) * 0.01F;
    }
    logits[499] = 20;
    logits[250] = 20;
    pencl_sampler_options o = ALL;
    o.top_k = 2;
    shares(&o, logits, 500, got);
    expect_share(got[250], 0.5);
    expect_share(got[499], 0.5);
}
END_TEST

/* Probabilities 0.44, 0.27, 0.16, ... of LOGITS without temperature. */
START_TEST(top_p_cuts_before_the_temperature)
{
    double got[N];
    pencl_sampler_options o = ALL;
    o.top_p = 0.6;
    o.temperature = 100; /* flat: applied first it would leave four */
    shares(&o, LOGITS, N, got);
    expect_share(got[4] + got[1], 1);
    ck_assert_double_gt(got[1], 0.45);
    o.top_p = 0;
    shares(&o, LOGITS, N, got);
    expect_share(got[4], 1);
}
END_TEST

START_TEST(min_p_is_a_share_of_the_likeliest)
{
    double got[N];
    pencl_sampler_options o = ALL;
    o.min_p = 0.5; /* exp(-0.5) = 0.61, exp(-1.5) = 0.22 */
    shares(&o, LOGITS, N, got);
    expect_share(got[4] + got[1], 1);
    o.min_p = 0.2;
    shares(&o, LOGITS, N, got);
    ck_assert_double_gt(got[2], 0);
    ck_assert_double_eq(got[0], 0);
}
END_TEST

START_TEST(ties_go_to_the_lowest_id)
{
    const float same[] = {1, 3, 3, 0};
    pencl_sampler_options o = ALL;
    o.temperature = 0;
    pencl_sampler *s = sampler(&o);
    ck_assert_int_eq(pencl_sampler_draw(s, same, 4), 1);
    pencl_sampler_free(s);
    o.temperature = 1;
    o.top_k = 1;
    s = sampler(&o);
    ck_assert_int_eq(pencl_sampler_draw(s, same, 4), 1);
    pencl_sampler_free(s);
}
END_TEST

START_TEST(repeated_tokens_are_penalised)
{
    const float logits[] = {3, 2.5F, -1};
    pencl_sampler_options o = ALL;
    o.temperature = 0;
    o.repeat_penalty = 1.5;
    pencl_sampler *s = sampler(&o);
    ck_assert_int_eq(pencl_sampler_draw(s, logits, 3), 0);
    pencl_sampler_accept(s, 0);
    ck_assert_int_eq(pencl_sampler_draw(s, logits, 3), 1);
    for (int i = 0; i < 64; i++) {
        pencl_sampler_accept(s, 2); /* pushes id 0 out of the last 64 */
    }
    ck_assert_int_eq(pencl_sampler_draw(s, logits, 3), 0);
    pencl_sampler_free(s);
}
END_TEST

START_TEST(options_outside_their_range_are_refused)
{
    static const pencl_sampler_options bad[] = {
        {-1, 0, 1, 0, 1, 0},   {NAN, 0, 1, 0, 1, 0}, {INFINITY, 0, 1, 0, 1, 0},
        {1, -1, 1, 0, 1, 0},   {1, 0, 1.5, 0, 1, 0}, {1, 0, NAN, 0, 1, 0},
        {1, 0, 1, -0.1, 1, 0}, {1, 0, 1, 0, 0, 0},   {1, 0, 1, 0, NAN, 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pencl_sampler *s = NULL;
        ck_assert_int_eq(pencl_sampler_new(&s, ctx, &bad[i]), PENCL_E_ARG);
        ck_assert_ptr_null(s);
    }
}
END_TEST

Suite *suite_lm_sampling(void);
Suite *suite_lm_sampling(void)
{
    Suite *suite = suite_create("lm_sampling");
    TCase *tc = tcase_create("sampler");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, philox_gives_the_published_words);
    tcase_add_test(tc, shares_follow_the_softmax);
    tcase_add_test(tc, top_k_keeps_the_k_likeliest);
    tcase_add_test(tc, top_k_finds_late_candidates);
    tcase_add_test(tc, top_p_cuts_before_the_temperature);
    tcase_add_test(tc, min_p_is_a_share_of_the_likeliest);
    tcase_add_test(tc, ties_go_to_the_lowest_id);
    tcase_add_test(tc, repeated_tokens_are_penalised);
    tcase_add_test(tc, options_outside_their_range_are_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
