/* SPDX-License-Identifier: Apache-2.0 */
/* Low-rank adapters as PEFT saves them, on the device at hand, against transformers and PEFT. */
#include "support/fixture.h"
#include "support/folder.h"
#include "support/golden.h"
#include "support/penzai.h"
#include "support/penzai_answers.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LORA   PENCL_TEST_DATA "/lora/"
#define MODEL  PENCL_TEST_DATA "/tiny/tiny_mix.gguf"
#define FIRST  LORA "first"
#define SECOND LORA "second.safetensors"
#define BAR    1e-4 /* float32; logits are up to 36 */

enum { MOST_TOKENS = 64 };

static char folder[TEST_PATH];
static pencl_model *model;
static int32_t tokens[MOST_TOKENS];
static size_t n_tokens;

static void setup(void)
{
    json_t *json = golden_json("tiny/tiny.json");
    json_t *ids = json_object_get(json, "tokens");
    n_tokens = json_array_size(ids);
    ck_assert_uint_le(n_tokens, MOST_TOKENS);
    for (size_t i = 0; i < n_tokens; i++) {
        tokens[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    }
    json_decref(json);
    test_folder_make(folder);
    fixture_device();
}

static void teardown(void)
{
    pencl_model_close(model);
    model = NULL;
    fixture_close();
    test_folder_remove(folder);
}

/* ---- what transformers says ---- */

typedef struct adapted {
    const char *name; /* of the golden logits */
    pencl_lora loras[2];
    int n;
} adapted;

static const adapted cases[] = {
    {"tiny.first", {{FIRST, 1}}, 1},
    {"tiny.first", {{FIRST "/adapter_model.safetensors", 1}}, 1},
    {"tiny.second", {{SECOND, 0.5}}, 1},
    {"tiny.first+second", {{FIRST, 1}, {SECOND, 0.5}}, 2},
    {"tiny.first+second", {{SECOND, 0.5}, {FIRST, 1}}, 2},
};
enum { N_CASES = sizeof cases / sizeof *cases };

static void open_adapted(const char *path, const adapted *with)
{
    const pencl_model_options options = {.loras = with->loras, .n_loras = with->n};
    ok(pencl_model_open(&model, device, path, &options));
}

/* The largest difference, the tokens fed in pieces of `cut` and the rest. */
static double fed(pencl_lm *lm, const char *name, size_t cut)
{
    char path[128];
    size_t count = 0;
    double worst = 0;
    pencl_session *s = NULL;
    snprintf(path, sizeof path, "lora/%s.npy", name);
    float *want = golden_npy(path, &count);
    const size_t n_vocabulary = count / n_tokens;
    ok(pencl_session_new(&s, lm, NULL));
    for (size_t at = 0; at < n_tokens;) {
        const size_t n = at == 0 && cut > 0 ? cut : n_tokens - at;
        const float *logits = NULL;
        ok(pencl_session_feed(&logits, s, tokens + at, n, PENCL_LOGITS_ALL));
        for (size_t i = 0; i < n * n_vocabulary; i++) {
            const double d = fabs((double)logits[i] - (double)want[at * n_vocabulary + i]);
            worst = d > worst || isnan(d) ? d : worst;
        }
        at += n;
    }
    pencl_session_free(s);
    free(want);
    return worst;
}

static void expect(pencl_lm *lm, const char *name)
{
    static const size_t cuts[] = {0, 1, 5, 11};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        const double worst = fed(lm, name, cuts[i]);
        printf("%s, cut at %zu: %.1e\n", name, cuts[i], worst);
        ck_assert_msg(worst <= BAR, "%s, cut at %zu: logits differ by %g", name, cuts[i], worst);
    }
}

START_TEST(logits_equal_peft)
{
    open_adapted(MODEL, &cases[_i]);
    expect(pencl_model_lm(model), cases[_i].name);
}
END_TEST

static const char *const passes[] = {
#define PASS(name) #name,
#include "plan/passes.def"
#undef PASS
};
enum { N_PASSES = sizeof passes / sizeof *passes };

START_TEST(any_pass_may_be_left_out)
{
    char list[256] = "none";
    for (int i = 0; i < N_PASSES; i++) {
        if (i != _i && _i < N_PASSES) {
            strcat(strcat(list, ","), passes[i]);
        }
    }
    setenv("PENCL_PASSES", list, 1);
    open_adapted(MODEL, &cases[3]);
    ck_assert_double_le(fed(pencl_model_lm(model), cases[3].name, 5), BAR);
    unsetenv("PENCL_PASSES");
}
END_TEST

/* GGUF has rotary pairs side by side, penzai's form has them apart. */
START_TEST(the_form_of_the_model_does_not_matter)
{
    const char *path = test_path(folder, "model.safetensors");
    ok(pencl_model_open(&model, device, MODEL, NULL));
    ok(pencl_model_save(model, path));
    pencl_model_close(model);
    model = NULL;
    open_adapted(path, &cases[3]);
    expect(pencl_model_lm(model), cases[3].name);
}
END_TEST

/* A model of golden parameters, its axes in some order. */
static void compare_golden(const char *name, const char *adapter)
{
    char file_name[64];
    const pencl_lora lora = {adapter, 1};
    const char *path = test_path(folder, "model.safetensors");
    snprintf(file_name, sizeof file_name, "lora/%s.json", name);
    json_t *golden = golden_json(file_name);
    penzai_file file = penzai_file_of(golden, 5);
    penzai_write(&file, path);
    penzai_file_free(&file);
    ok(pencl_model_open(&model, device, path, NULL));
    const penzai_answers a = penzai_answers_of(golden);
    pencl_lm *lm = NULL;
    ok(pencl_lm_add_loras(&lm, pencl_model_lm(model), &lora, 1));
    const double without = penzai_call(&a, pencl_model_lm(model), NULL, "logits_without");
    const double with = penzai_call(&a, lm, NULL, "logits");
    printf("%s: without %.1e, with %.1e\n", name, without, with);
    ck_assert_msg(without <= 2e-5 && with <= 2e-5, "%g, with the adapter %g", without, with);
    pencl_lm_free(lm);
    json_decref(golden);
}

START_TEST(gpt_neox)
{
    compare_golden("neox", LORA "neox");
}
END_TEST

START_TEST(blocks_in_a_stack)
{
    compare_golden("stack", LORA "stack");
}
END_TEST

/* ---- trees ---- */

#define QUERIES "//Parameter{label~\"*attention/query*\"}"

START_TEST(weights_are_shared_and_labels_differ)
{
    pencl_lm *once = NULL;
    pencl_lm *twice = NULL;
    pencl_variable **parameters = NULL;
    pencl_layer *slots = NULL;
    int n = 0;
    const pencl_lora second = {SECOND, 0.5};
    const pencl_lora first = {FIRST, 1};
    ok(pencl_model_open(&model, device, MODEL, NULL));
    ok(pencl_lm_add_loras(&once, pencl_model_lm(model), &second, 1));
    ok(pencl_lm_add_loras(&twice, once, &first, 1));
    pencl_layer *base = pencl_lm_body(pencl_model_lm(model));
    pencl_selection *before = pencl_select_text(ctx, base, QUERIES);
    pencl_selection *s = pencl_select_text(ctx, pencl_lm_body(twice), QUERIES);
    ck_assert_int_eq(pencl_selection_count(before), 2);
    static const char *const labels[] = {
        "transformer/block_0/attention/query.weights",
        "transformer/block_0/attention/query/adapter_1/LoRA_A.weights",
        "transformer/block_0/attention/query/adapter_1/LoRA_B.weights",
        "transformer/block_0/attention/query/adapter_0/LoRA_A.weights",
        "transformer/block_0/attention/query/adapter_0/LoRA_B.weights"};
    ck_assert_int_eq(pencl_selection_count(s), 10);
    for (int i = 0; i < 5; i++) {
        ck_assert_str_eq(pencl_variable_label(pencl_selection_point(s, i).node.variable),
                         labels[i]);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_eq(pencl_selection_point(s, 5 * i).node.variable,
                         pencl_selection_point(before, i).node.variable);
    }
    pencl_selection_free(s);
    pencl_selection_free(before);
    ok(pencl_layer_unbind_variables(&slots, &parameters, &n, ctx, pencl_lm_body(twice), NULL,
                                    NULL));
    pencl_layer_free(slots);
    pencl_variables_free(parameters, n);
    expect(twice, "tiny.first+second");
    pencl_lm_free(twice);
    pencl_lm_free(once);
}
END_TEST

START_TEST(a_scale_of_0_changes_nothing)
{
    const pencl_lora loras[] = {{FIRST, 1}, {SECOND, 0}};
    pencl_lm *lm = NULL;
    ok(pencl_model_open(&model, device, MODEL, NULL));
    ok(pencl_lm_add_loras(&lm, pencl_model_lm(model), loras, 2));
    ck_assert_double_le(fed(lm, "tiny.first", 0), BAR);
    pencl_lm_free(lm);
}
END_TEST

START_TEST(sizes_count_adapters_and_files_do_not_have_them)
{
    open_adapted(MODEL, &cases[2]);
    const pencl_model_info with = *pencl_model_describe(model);
    ck_assert_int_eq(pencl_model_save(model, test_path(folder, "no.safetensors")),
                     PENCL_E_UNSUPPORTED);
    pencl_model_close(model);
    ok(pencl_model_open(&model, device, MODEL, NULL));
    const pencl_model_info *without = pencl_model_describe(model);
    /* rank 5; query 64 and value 32 rows on 64 columns, twice */
    ck_assert_uint_eq(with.n_params - without->n_params, 2 * 5 * (64 + 64 + 32 + 64));
    ck_assert_uint_gt(with.weight_bytes, without->weight_bytes);
}
END_TEST

Suite *suite_lm_lora(void);
Suite *suite_lm_lora(void)
{
    Suite *suite = suite_create("lm_lora");
    TCase *tc = tcase_create("adapters");
    tcase_set_timeout(tc, 600);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, logits_equal_peft, 0, N_CASES);
    tcase_add_loop_test(tc, any_pass_may_be_left_out, 0, N_PASSES + 1);
    tcase_add_test(tc, the_form_of_the_model_does_not_matter);
    tcase_add_test(tc, gpt_neox);
    tcase_add_test(tc, blocks_in_a_stack);
    tcase_add_test(tc, weights_are_shared_and_labels_differ);
    tcase_add_test(tc, a_scale_of_0_changes_nothing);
    tcase_add_test(tc, sizes_count_adapters_and_files_do_not_have_them);
    suite_add_tcase(suite, tc);
    return suite;
}
