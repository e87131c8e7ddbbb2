/* SPDX-License-Identifier: Apache-2.0 */
/* temperature_sample_pyloop over a KVCachingTransformerLM. */
#include "support/fixture.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <string.h>

enum { PAD = 298, CACHE = 20, VOCABULARY = 300 };

static pencl_model *model;

static void setup(void)
{
    fixture_device();
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_mix.gguf", NULL),
                     PENCL_OK);
}

static void teardown(void)
{
    pencl_model_close(model);
    fixture_close();
}

#define CHECK_OK(expr) ck_assert_msg((expr) == PENCL_OK, "%s", pencl_error_text(ctx))

static const int32_t PROMPT[] = {1, 72, 263, 8, 200};

/* rows 0: without a batch axis. */
static pencl_array *prompt_array(const int32_t *ids, int64_t rows, int64_t n)
{
    const pencl_axis axes[] = {{"batch", rows}, {"seq", n}};
    pencl_array *a = NULL;
    CHECK_OK(pencl_array_new(&a, device, PENCL_I32, axes + (rows == 0), rows == 0 ? 1 : 2));
    CHECK_OK(pencl_array_upload(a, ids, (size_t)pencl_array_count(a) * sizeof *ids));
    return a;
}

static pencl_kv_lm *make(int64_t rows)
{
    const pencl_axis batch = {"batch", rows};
    pencl_kv_lm *kv = NULL;
    CHECK_OK(pencl_kv_lm_from_uncached(&kv, pencl_model_lm(model), CACHE, &batch, rows > 0, PAD));
    return kv;
}

/* Draws after a prompt on fresh caches; the ids [rows, n], n returned. */
static int64_t
sample(int32_t *out, const int32_t *ids, int64_t rows, int64_t n, const pencl_sample_options *o)
{
    pencl_kv_lm *kv = make(rows);
    pencl_array *prompt = prompt_array(ids, rows, n);
    pencl_array *drawn = NULL;
    CHECK_OK(pencl_temperature_sample(&drawn, kv, prompt, o));
    int n_axes = pencl_array_n_axes(drawn);
    ck_assert_int_eq(n_axes, rows == 0 ? 1 : 2);
    ck_assert_str_eq(pencl_array_axis(drawn, n_axes - 1)->name, "seq");
    int64_t steps = pencl_array_axis(drawn, n_axes - 1)->size;
    CHECK_OK(pencl_array_download(drawn, out, (size_t)pencl_array_count(drawn) * sizeof *out));
    pencl_array_free(drawn);
    pencl_array_free(prompt);
    pencl_kv_lm_free(kv);
    return steps;
}

/* Greedy tokens by whole prompts through the uncached model. */
static void greedy(int32_t *out, const int32_t *prompt, int64_t n, int64_t steps)
{
    int32_t ids[CACHE + 1];
    memcpy(ids, prompt, (size_t)n * sizeof *ids);
    for (int64_t i = 0; i < steps; i++) {
        pencl_array *tokens = prompt_array(ids, 0, n + i);
        pencl_array *logits = NULL;
        static float all[(CACHE + 1) * VOCABULARY];
        CHECK_OK(pencl_lm_call(&logits, pencl_model_lm(model), tokens, NULL));
        CHECK_OK(pencl_array_download_f32(logits, all, pencl_array_count(logits)));
        const float *last = all + (n + i - 1) * VOCABULARY;
        int best = 0;
        for (int k = 1; k < VOCABULARY; k++) {
            best = last[k] > last[best] ? k : best;
        }
        out[i] = ids[n + i] = best;
        pencl_array_free(logits);
        pencl_array_free(tokens);
    }
}

START_TEST(temperature_zero_is_greedy)
{
    int32_t got[CACHE];
    int32_t want[CACHE];
    pencl_sample_options o = PENCL_SAMPLE_OPTIONS_INIT;
    o.sampler.temperature = 0;
    o.max_steps = 6;
    ck_assert_int_eq(sample(got, PROMPT, 0, 5, &o), 6);
    greedy(want, PROMPT, 5, 6);
    ck_assert_mem_eq(got, want, 6 * sizeof *got);
}
END_TEST

/* min(max_steps, cache_len - prompt + 1); none for 0, where penzai draws one. */
START_TEST(as_many_tokens_as_penzai_draws)
{
    static const int64_t rows[][3] = {{5, 12, 12},   {5, -1, 16}, {5, 16, 16}, {5, 17, 16},
                                      {CACHE, 9, 1}, {5, 0, 0},   {5, 1, 1}};
    int32_t ids[CACHE];
    int32_t got[CACHE];
    for (int i = 0; i < CACHE; i++) {
        ids[i] = i % 250;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pencl_sample_options o = PENCL_SAMPLE_OPTIONS_INIT;
        o.max_steps = rows[i][1];
        ck_assert_int_eq(sample(got, ids, 0, rows[i][0], &o), rows[i][2]);
    }
}
END_TEST

START_TEST(a_seed_repeats_and_another_differs)
{
    int32_t first[CACHE];
    int32_t again[CACHE];
    int32_t other[CACHE];
    pencl_sample_options o = PENCL_SAMPLE_OPTIONS_INIT;
    o.max_steps = 12;
    o.sampler.seed = 3;
    sample(first, PROMPT, 0, 5, &o);
    sample(again, PROMPT, 0, 5, &o);
    o.sampler.seed = 4;
    sample(other, PROMPT, 0, 5, &o);
    ck_assert_mem_eq(first, again, 12 * sizeof *first);
    ck_assert_mem_ne(first, other, 12 * sizeof *first);
}
END_TEST

/* Row 0 padded left, row 1 padded right and shorter: each goes on as it would alone. */
START_TEST(batched_prompts_go_on_as_alone)
{
    for (int length = 1; length <= 5; length++) {
        int32_t ids[2][6] = {{PAD, 1, 72, 263, 8, 200}, {PAD, PAD, PAD, PAD, PAD, PAD}};
        int32_t got[2][7];
        int32_t want[2][7];
        pencl_sample_options o = PENCL_SAMPLE_OPTIONS_INIT;
        o.sampler.temperature = 0;
        o.max_steps = 7;
        memcpy(ids[1], PROMPT, (size_t)length * sizeof *PROMPT);
        ck_assert_int_eq(sample(got[0], ids[0], 2, 6, &o), 7);
        greedy(want[0], PROMPT, 5, 7);
        greedy(want[1], PROMPT, length, 7);
        ck_assert_mem_eq(got, want, sizeof got);
    }
}
END_TEST

/* Entries of a batch draw with words of their own. */
START_TEST(equal_prompts_draw_differently)
{
    const int32_t ids[2][2] = {{1, 72}, {1, 72}};
    int32_t got[2][10];
    pencl_sample_options o = PENCL_SAMPLE_OPTIONS_INIT;
    o.max_steps = 10;
    sample(got[0], ids[0], 2, 2, &o);
    ck_assert_mem_ne(got[0], got[1], sizeof got[0]);
}
END_TEST

START_TEST(sequences_end_one_by_one)
{
    const int32_t ids[2][5] = {{1, 72, 263, 8, 200}, {1, 72, 263, PAD, PAD}};
    int32_t free_run[2][8];
    int32_t got[2][8];
    pencl_sample_options o = PENCL_SAMPLE_OPTIONS_INIT;
    o.sampler.temperature = 0;
    o.max_steps = 8;
    sample(free_run[0], ids[0], 2, 5, &o);
    const int32_t ends[] = {free_run[0][2], free_run[1][4]};
    int64_t first[2];
    for (int b = 0; b < 2; b++) {
        for (first[b] = 0; free_run[b][first[b]] != ends[0] && free_run[b][first[b]] != ends[1];) {
            first[b]++;
        }
    }
    int64_t longest = first[0] > first[1] ? first[0] : first[1];
    o.end_tokens = ends;
    o.n_end_tokens = 2;
    int64_t n = sample(got[0], ids[0], 2, 5, &o);
    ck_assert_int_eq(n, longest + 1);
    for (int b = 0; b < 2; b++) {
        for (int64_t i = 0; i < n; i++) {
            ck_assert_int_eq(got[0][b * n + i], i <= first[b] ? free_run[b][i] : PAD);
        }
    }
}
END_TEST

START_TEST(a_second_call_continues)
{
    int32_t want[CACHE];
    int32_t got[CACHE];
    pencl_sample_options o = PENCL_SAMPLE_OPTIONS_INIT;
    o.sampler.temperature = 0;
    o.max_steps = 8;
    sample(want, PROMPT, 0, 5, &o);
    pencl_kv_lm *kv = make(0);
    pencl_array *prompt = prompt_array(PROMPT, 0, 5);
    pencl_array *drawn = NULL;
    o.max_steps = 3;
    CHECK_OK(pencl_temperature_sample(&drawn, kv, prompt, &o));
    CHECK_OK(pencl_array_download(drawn, got, 3 * sizeof *got));
    pencl_array_free(prompt);
    pencl_array_free(drawn);
    prompt = prompt_array(got + 2, 0, 1); /* the last one is not in the cache yet */
    o.max_steps = 5;
    CHECK_OK(pencl_temperature_sample(&drawn, kv, prompt, &o));
    CHECK_OK(pencl_array_download(drawn, got + 3, 5 * sizeof *got));
    ck_assert_mem_eq(got, want, 8 * sizeof *got);
    pencl_array_free(prompt);
    pencl_array_free(drawn);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(bad_temperatures_are_refused)
{
    pencl_kv_lm *kv = make(0);
    pencl_array *prompt = prompt_array(PROMPT, 0, 5);
    pencl_array *drawn = NULL;
    pencl_sample_options o = PENCL_SAMPLE_OPTIONS_INIT;
    for (int i = 0; i < 3; i++) {
        o.sampler.temperature = i == 0 ? -1 : i == 1 ? NAN : INFINITY;
        ck_assert_int_eq(pencl_temperature_sample(&drawn, kv, prompt, &o), PENCL_E_ARG);
        ck_assert_ptr_null(drawn);
        ck_assert_int_eq(pencl_kv_lm_cache_end_index(kv), 0);
    }
    pencl_array_free(prompt);
    pencl_kv_lm_free(kv);
}
END_TEST

START_TEST(bad_prompts_are_refused)
{
    static const struct {
        int64_t n;
        int32_t id;
        pencl_status status;
        const char *words;
    } rows[] = {{0, 1, PENCL_E_ARG, "the prompt has no tokens"},
                {CACHE + 1, 1, PENCL_E_CACHE_FULL, "21 tokens after 0"},
                {3, VOCABULARY, PENCL_E_TOKEN_RANGE, "token 0 is 300"}};
    pencl_kv_lm *kv = make(0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int32_t ids[CACHE + 1];
        pencl_array *drawn = NULL;
        for (int k = 0; k <= CACHE; k++) {
            ids[k] = rows[i].id;
        }
        pencl_array *prompt = prompt_array(ids, 0, rows[i].n);
        ck_assert_int_eq(pencl_temperature_sample(&drawn, kv, prompt, NULL), rows[i].status);
        ck_assert_msg(strstr(pencl_error_text(ctx), rows[i].words) != NULL, "%s",
                      pencl_error_text(ctx));
        ck_assert_ptr_null(drawn);
        ck_assert_int_eq(pencl_kv_lm_cache_end_index(kv), 0);
        pencl_array_free(prompt);
    }
    pencl_kv_lm_free(kv);
}
END_TEST

Suite *suite_penzai_temperature_sample(void);
Suite *suite_penzai_temperature_sample(void)
{
    Suite *suite = suite_create("penzai_temperature_sample");
    TCase *tc = tcase_create("temperature_sample");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, temperature_zero_is_greedy);
    tcase_add_test(tc, as_many_tokens_as_penzai_draws);
    tcase_add_test(tc, a_seed_repeats_and_another_differs);
    tcase_add_test(tc, batched_prompts_go_on_as_alone);
    tcase_add_test(tc, equal_prompts_draw_differently);
    tcase_add_test(tc, sequences_end_one_by_one);
    tcase_add_test(tc, a_second_call_continues);
    tcase_add_test(tc, bad_temperatures_are_refused);
    tcase_add_test(tc, bad_prompts_are_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
