/* SPDX-License-Identifier: Apache-2.0 */
/* 100 seeds draw the tokens that NumPy draws from transformers' logits. */
#include "support/fixture.h"
#include "support/golden.h"

#include "pencl/pencl.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 100, STEPS = 64, PROMPT = 5, VOCABULARY = 300 };

/* How near a draw must have been to another token where another one is drawn. */
#define NEAR 1e-4

static pencl_model *model;
static pencl_session *session;

static void setup(void)
{
    fixture_device();
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_mix.gguf", NULL),
                     PENCL_OK);
    ck_assert_int_eq(pencl_session_new(&session, pencl_model_lm(model), NULL), PENCL_OK);
}

static void teardown(void)
{
    pencl_session_free(session);
    pencl_model_close(model);
    fixture_close();
}

/* The first step at which a seed draws another token than the golden one; STEPS: none. */
static size_t first_difference(uint64_t seed, const int32_t *prompt, const json_t *tokens)
{
    pencl_sampler_options options = PENCL_SAMPLER_OPTIONS_INIT;
    pencl_sampler *sampler = NULL;
    const float *logits = NULL;
    size_t step = 0;
    options.seed = seed;
    ck_assert_int_eq(pencl_sampler_new(&sampler, ctx, &options), PENCL_OK);
    pencl_session_reset(session);
    pencl_status st = pencl_session_feed(&logits, session, prompt, PROMPT, PENCL_LOGITS_LAST);
    while (st == PENCL_OK && step < STEPS) {
        int32_t id = pencl_sampler_draw(sampler, logits, VOCABULARY);
        if (id != json_integer_value(json_array_get(tokens, step))) {
            break;
        }
        st = pencl_session_feed(&logits, session, &id, 1, PENCL_LOGITS_LAST);
        step++;
    }
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    pencl_sampler_free(sampler);
    return step;
}

START_TEST(seeds_draw_numpys_tokens)
{
    json_t *golden = golden_json("tiny/seeds.json");
    int32_t prompt[PROMPT];
    int differ = 0;
    bool slow = pencl_device_describe(device)->software && getenv("PENCL_TEST_LONG") == NULL;
    int seeds = slow ? SEEDS / 5 : SEEDS;
    for (size_t i = 0; i < PROMPT; i++) {
        prompt[i] =
            (int32_t)json_integer_value(json_array_get(json_object_get(golden, "prompt"), i));
    }
    for (size_t i = 0; i < (size_t)seeds; i++) {
        size_t step =
            first_difference(i + 1, prompt, json_array_get(json_object_get(golden, "tokens"), i));
        if (step == STEPS) {
            continue;
        }
        json_t *row = json_array_get(json_object_get(golden, "margins"), i);
        double margin = json_number_value(json_array_get(row, step));
        printf("seed %zu, step %zu: another token, which was %.1e away\n", i + 1, step, margin);
        ck_assert_msg(margin <= NEAR, "seed %zu draws another token at step %zu", i + 1, step);
        differ++;
    }
    printf("%d of %d seeds draw the same %d tokens\n", seeds - differ, seeds, STEPS);
    ck_assert_int_le(differ, SEEDS / 100);
    json_decref(golden);
}
END_TEST

Suite *suite_lm_seeds(void);
Suite *suite_lm_seeds(void)
{
    Suite *suite = suite_create("lm_seeds");
    TCase *tc = tcase_create("seeds");
    tcase_set_timeout(tc, 600);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, seeds_draw_numpys_tokens);
    suite_add_tcase(suite, tc);
    return suite;
}
