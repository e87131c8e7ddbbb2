/* SPDX-License-Identifier: Apache-2.0 */
/* Models of penzai's, opened from files, against penzai's own logits on the device at hand: eight
 * families, and models of drawn sizes whose axes are stored in a drawn order. */
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

#define BAR 2e-5 /* float32 against float32 in another order of sums; the values are about 1 */

enum { N_SIZES = 10, N_TYPES = 5, N_STACKS = 4 };

static const char *const stacks[N_STACKS] = {"llama_gqa", "gemma1_mqa", "mistral_sw",
                                             "whole_tiles"};

static char folder[TEST_PATH];
static pencl_model *model;

static void setup(void)
{
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

/* ---- data ---- */

/* Model i of other sizes. */
static json_t *sized(int i)
{
    char name[32];
    json_t *all = golden_json("penzai_more/sizes.json");
    ck_assert_uint_eq(json_object_size(all), N_SIZES);
    snprintf(name, sizeof name, "seed_%d", i + 1);
    json_t *golden = json_incref(json_object_get(all, name));
    json_decref(all);
    return golden;
}

/* Writes the model, its axes in an order of the seed, and opens it. */
static void open_as(const json_t *golden, uint64_t seed, pencl_dtype dtype)
{
    const char *path = test_path(folder, "model.safetensors");
    penzai_file file = penzai_file_of(golden, seed);
    file.dtype = dtype;
    penzai_write(&file, path);
    penzai_file_free(&file);
    ck_assert_msg(pencl_model_open(&model, device, path, NULL) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
    ck_assert_ptr_null(pencl_model_tokenizer(model));
}

/* A model of stacks.json, by its name. */
static json_t *stacked(int i)
{
    json_t *all = golden_json("penzai_more/stacked.json");
    ck_assert_uint_eq(json_object_size(all), N_STACKS);
    json_t *golden = json_incref(json_object_get(all, stacks[i]));
    json_decref(all);
    return golden;
}

static void open_model(const json_t *golden, uint64_t seed)
{
    open_as(golden, seed, PENCL_F32);
}

/* ---- pencl_lm_call ---- */

static void compare(const json_t *golden, const char *name)
{
    const penzai_answers a = penzai_answers_of(golden);
    pencl_lm *lm = pencl_model_lm(model);
    const double plain = penzai_call(&a, lm, NULL, "logits");
    const double padded = penzai_call(&a, lm, "padded_positions", "logits_padded_positions");
    printf("%-16s default positions %.1e, padded %.1e\n", name, plain, padded);
    ck_assert_msg(plain <= BAR && padded <= BAR, "%s: %g, padded %g", name, plain, padded);
}

START_TEST(logits_equal_penzais)
{
    json_t *golden = penzai_golden(_i);
    open_model(golden, 0);
    compare(golden, penzai_families[_i]);
    json_decref(golden);
}
END_TEST

START_TEST(sizes_and_orders_of_axes_do_not_matter)
{
    char name[32];
    json_t *golden = sized(_i);
    snprintf(name, sizeof name, "seed_%d", _i + 1);
    open_model(golden, (uint64_t)_i + 1);
    compare(golden, name);
    json_decref(golden);
}
END_TEST

/* ---- sessions ---- */

/* One row of tokens, fed in pieces of 4 and what is left. */
static double feed(const penzai_answers *a, int64_t row)
{
    int32_t *tokens = penzai_table(a, "tokens");
    pencl_session *s = NULL;
    double worst = 0;
    ck_assert_int_eq(pencl_session_new(&s, pencl_model_lm(model), NULL), PENCL_OK);
    for (int64_t at = 0; at < a->seq; at += 4) {
        const int64_t n = a->seq - at < 4 ? a->seq - at : 4;
        const float *logits = NULL;
        ck_assert_msg(pencl_session_feed(&logits, s, tokens + row * a->seq + at, (size_t)n,
                                         PENCL_LOGITS_ALL) == PENCL_OK,
                      "%s", pencl_error_text(ctx));
        worst = fmax(worst, penzai_worst(a, "logits", logits, row * a->seq + at, n));
    }
    pencl_session_free(s);
    free(tokens);
    return worst;
}

START_TEST(a_session_gives_the_same_logits)
{
    json_t *golden = penzai_golden(_i);
    open_model(golden, 0);
    const penzai_answers a = penzai_answers_of(golden);
    for (int64_t row = 0; row < a.batch; row++) {
        const double worst = feed(&a, row);
        ck_assert_msg(worst <= BAR, "%s, row %d: %g", penzai_families[_i], (int)row, worst);
    }
    json_decref(golden);
}
END_TEST

/* ---- KVCachingTransformerLM ---- */

/* Tokens at .. at + n - 1 of both rows; their logits against the golden ones. */
static double call_cached(pencl_kv_lm *kv, const penzai_answers *a, int64_t at, int64_t n)
{
    const pencl_axis axes[] = {{"batch", a->batch}, {"seq", n}};
    int32_t *tokens = penzai_table(a, "tokens");
    pencl_array *piece = NULL;
    pencl_array *logits = NULL;
    double worst = 0;
    for (int64_t row = 0; row < a->batch; row++) {
        memmove(tokens + row * n, tokens + row * a->seq + at, (size_t)n * sizeof *tokens);
    }
    ck_assert_int_eq(pencl_array_wrap(&piece, device, PENCL_I32, axes, 2, tokens), PENCL_OK);
    ck_assert_msg(pencl_kv_lm_call(&logits, kv, piece, NULL, 0) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
    float *got = calloc((size_t)pencl_array_count(logits), sizeof *got);
    ck_assert_int_eq(pencl_array_download_f32(logits, got, pencl_array_count(logits)), PENCL_OK);
    for (int64_t row = 0; row < a->batch; row++) {
        worst = fmax(worst, penzai_worst(a, PENZAI_CACHED, got + row * n * a->vocabulary,
                                         row * a->seq + at, n));
    }
    free(got);
    pencl_array_free(logits);
    pencl_array_free(piece);
    free(tokens);
    return worst;
}

static double all_cached(const penzai_answers *given)
{
    const penzai_answers a = *given;
    const pencl_axis batch = {"batch", a.batch};
    pencl_kv_lm *kv = NULL;
    ck_assert_int_eq(pencl_kv_lm_from_uncached(&kv, pencl_model_lm(model), a.seq, &batch, 1, 0),
                     PENCL_OK);
    double worst = call_cached(kv, &a, 0, 4);
    worst = fmax(worst, call_cached(kv, &a, 4, a.seq - 4));
    pencl_kv_lm_free(kv);
    return worst;
}

START_TEST(caches_give_penzais_logits)
{
    json_t *golden = penzai_golden(_i);
    open_model(golden, (uint64_t)_i);
    const penzai_answers a = penzai_answers_of(golden);
    const double worst = all_cached(&a);
    printf("%-16s cached %.1e\n", penzai_families[_i], worst);
    ck_assert_msg(worst <= BAR, "%s: %g", penzai_families[_i], worst);
    json_decref(golden);
}
END_TEST

/* ---- blocks as one LayerStack ---- */

/* The caches of a stack are one state, which has the stack's axis, as in penzai. */
static void check_caches(const json_t *axes)
{
    const pencl_axis batch = {"batch", json_integer_value(json_object_get(axes, "batch"))};
    const int64_t slots = json_integer_value(json_object_get(axes, "seq"));
    pencl_kv_lm *kv = NULL;
    pencl_node key;
    ck_assert_int_eq(pencl_kv_lm_from_uncached(&kv, pencl_model_lm(model), slots, &batch, 1, 0),
                     PENCL_OK);
    pencl_selection *s =
        pencl_select_text(ctx, pencl_kv_lm_body(kv), "//LayerStack//StateVariable#0");
    ck_assert_msg(pencl_selection_get(&key, s) == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(pencl_variable_n_axes(key.variable), (int)json_object_size(axes));
    for (int i = 0; i < pencl_variable_n_axes(key.variable); i++) {
        const pencl_axis *axis = pencl_variable_axis(key.variable, i);
        if (strcmp(axis->name, "kv_seq") != 0) { /* "seq"; its slots are padded to tiles */
            ck_assert_int_eq(axis->size, json_integer_value(json_object_get(axes, axis->name)));
        }
    }
    pencl_selection_free(s);
    pencl_kv_lm_free(kv);
}

/* A fork copies every layer's part of the caches. */
static double forked(const penzai_answers *a)
{
    const pencl_axis batch = {"batch", a->batch};
    pencl_kv_lm *kv = NULL;
    pencl_kv_lm *fork = NULL;
    ck_assert_int_eq(pencl_kv_lm_from_uncached(&kv, pencl_model_lm(model), a->seq, &batch, 1, 0),
                     PENCL_OK);
    double worst = call_cached(kv, a, 0, 4);
    ck_assert_int_eq(pencl_kv_lm_fork(&fork, kv), PENCL_OK);
    worst = fmax(worst, call_cached(fork, a, 4, a->seq - 4));
    worst = fmax(worst, call_cached(kv, a, 4, a->seq - 4));
    pencl_kv_lm_free(fork);
    pencl_kv_lm_free(kv);
    return worst;
}

START_TEST(stacks_give_penzais_logits)
{
    char name[64];
    json_t *golden = stacked(_i);
    snprintf(name, sizeof name, "%s stacked", stacks[_i]);
    open_model(golden, (uint64_t)_i);
    const penzai_answers a = penzai_answers_of(golden);
    compare(golden, name);
    const double cached = fmax(all_cached(&a), forked(&a));
    printf("%-16s cached %.1e\n", name, cached);
    check_caches(json_object_get(golden, "caches"));
    ck_assert_msg(cached <= BAR, "%s: %g", name, cached);
    for (int64_t row = 0; row < a.batch; row++) {
        const double worst = feed(&a, row);
        ck_assert_msg(worst <= BAR, "%s, row %d: %g", name, (int)row, worst);
    }
    json_decref(golden);
}
END_TEST

/* "transformer/block_I/REST" for "transformer/blocks/REST", in a static buffer; NULL for others. */
static const char *label_in_block(const char *label, int64_t i)
{
    static const char prefix[] = "transformer/blocks/";
    static char name[256];
    const size_t size = sizeof prefix - 1;
    snprintf(name, sizeof name, "transformer/block_%lld/%s", (long long)i,
             strncmp(label, prefix, size) == 0 ? label + size : "");
    return strncmp(label, prefix, size) == 0 ? name : NULL;
}

/* The same model with blocks one after another; parameters are golden ones of their own. */
static json_t *unstack(const json_t *golden)
{
    json_t *out = json_deep_copy(golden);
    json_t *params = json_object_get(golden, "params");
    json_t *mine = json_object();
    json_object_set_new(json_object_get(out, "config"), "use_layer_stack", json_false());
    for (void *at = json_object_iter(params); at != NULL; at = json_object_iter_next(params, at)) {
        json_t *axes = json_deep_copy(json_object_iter_value(at));
        const int64_t n = json_integer_value(json_object_get(axes, "blocks"));
        json_object_del(axes, "blocks");
        for (int64_t i = 0; i < n; i++) {
            json_object_set(mine, label_in_block(json_object_iter_key(at), i), axes);
        }
        if (n == 0) {
            json_object_set(mine, json_object_iter_key(at), axes);
        }
        json_decref(axes);
    }
    json_object_set_new(out, "params", mine);
    return out;
}

static pencl_variable *parameter(const pencl_model *m, const char *label)
{
    char selector[300];
    pencl_node node;
    snprintf(selector, sizeof selector, "//Parameter{label=%s}#0", label);
    pencl_selection *s = pencl_select_text(ctx, pencl_lm_body(pencl_model_lm(m)), selector);
    ck_assert_msg(pencl_selection_get(&node, s) == PENCL_OK, "%s", pencl_error_text(ctx));
    pencl_selection_free(s);
    return node.variable;
}

/* A parameter of the stack, cut into those of the blocks. */
static void copy_parameter(const pencl_model *from, const char *label, int64_t n_blocks)
{
    pencl_array *all = NULL;
    ck_assert_int_eq(pencl_variable_value(&all, parameter(from, label)), PENCL_OK);
    for (int64_t i = 0; i < n_blocks && label_in_block(label, i) != NULL; i++) {
        pencl_array *one = NULL;
        ck_assert_int_eq(pencl_array_index(&one, all, "blocks", i), PENCL_OK);
        ck_assert_msg(pencl_variable_set_value(parameter(model, label_in_block(label, i)), one) ==
                          PENCL_OK,
                      "%s", pencl_error_text(ctx));
        pencl_array_free(one);
    }
    pencl_array_free(all);
}

/* The stack's parameters in a model without one: what penzai computes with the stack. */
START_TEST(a_stack_equals_its_blocks)
{
    json_t *golden = stacked(_i);
    json_t *blocks = unstack(golden);
    json_t *params = json_object_get(golden, "params");
    open_model(golden, 1);
    pencl_model *whole = model;
    open_model(blocks, 2);
    const int64_t n = pencl_model_describe(model)->n_blocks;
    for (void *at = json_object_iter(params); at != NULL; at = json_object_iter_next(params, at)) {
        copy_parameter(whole, json_object_iter_key(at), n);
    }
    const penzai_answers a = penzai_answers_of(golden);
    const double worst = penzai_call(&a, pencl_model_lm(model), NULL, "logits");
    ck_assert_msg(worst <= BAR, "%s: %g", stacks[_i], worst);
    pencl_model_close(whole);
    json_decref(blocks);
    json_decref(golden);
}
END_TEST

/* ---- element types ---- */

/* penzai gives the logits of parameters in float32; rounding them moves these by less than that. */
START_TEST(stored_types_are_computed_in_float32)
{
    static const struct {
        pencl_dtype stored;
        const char *parameters;
        const char *activations;
        double bar;
    } rows[N_TYPES] = {{PENCL_F16, "float16", "float32", 5e-3},
                       {PENCL_BF16, "bfloat16", "float32", 5e-2},
                       {PENCL_BF16, "bfloat16", "bfloat16", 5e-2},
                       {PENCL_F32, "float32", "bfloat16", 5e-2},
                       {PENCL_F32, "float32", "float16", 5e-3}};
    json_t *golden = penzai_golden(5);
    json_t *config = json_object_get(golden, "config");
    json_object_set_new(config, "parameter_dtype", json_string(rows[_i].parameters));
    json_object_set_new(config, "activation_dtype", json_string(rows[_i].activations));
    open_as(golden, 3, rows[_i].stored);
    const penzai_answers a = penzai_answers_of(golden);
    const double worst = penzai_call(&a, pencl_model_lm(model), NULL, "logits");
    printf("%s, %s: %.1e\n", rows[_i].parameters, rows[_i].activations, worst);
    const double fed = feed(&a, 0);
    ck_assert_msg(worst <= rows[_i].bar && fed <= rows[_i].bar, "%g, session %g", worst, fed);
    json_decref(golden);
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *test, int n)
{
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, test, 0, n);
    suite_add_tcase(suite, tc);
}

Suite *suite_penzai_golden(void);
Suite *suite_penzai_golden(void)
{
    Suite *suite = suite_create("penzai_golden");
    add_case(suite, "families", logits_equal_penzais, PENZAI_FAMILIES);
    add_case(suite, "sizes", sizes_and_orders_of_axes_do_not_matter, N_SIZES);
    add_case(suite, "sessions", a_session_gives_the_same_logits, PENZAI_FAMILIES);
    add_case(suite, "caches", caches_give_penzais_logits, PENZAI_FAMILIES);
    add_case(suite, "stacks", stacks_give_penzais_logits, N_STACKS);
    add_case(suite, "blocks", a_stack_equals_its_blocks, N_STACKS);
    add_case(suite, "types", stored_types_are_computed_in_float32, N_TYPES);
    return suite;
}
