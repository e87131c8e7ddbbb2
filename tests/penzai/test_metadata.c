/* SPDX-License-Identifier: Apache-2.0 */
/* TransformerLM(body, metadata): everything in which they disagree is reported, at once. */
#include "support/fixture.h"
#include "support/tree.h"

#include "pencl/pencl.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static pencl_model *model;
static pencl_layer *body;
static pencl_transformer_metadata good;

/* Two blocks, 2 head groups of 2 query heads of 16, embedding 64, 96 neurons, 300 tokens, tied. */
static void setup(void)
{
    fixture_ref();
    ck_assert_int_eq(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", NULL),
                     PENCL_OK);
    body = pencl_lm_body(pencl_model_lm(model));
    good = *pencl_lm_metadata(pencl_model_lm(model));
}

static void teardown(void)
{
    pencl_model_close(model);
    fixture_close();
}

/* The words are in the error, n times the first. */
static void
refused(pencl_layer *layer, const pencl_transformer_metadata *m, int n, const char *const *words)
{
    pencl_lm *lm = NULL;
    ck_assert_int_eq(pencl_lm_new(&lm, device, layer, m), PENCL_E_SHAPE);
    ck_assert_ptr_null(lm);
    const char *text = pencl_error_text(ctx);
    int found = 0;
    for (const char *at = text; (at = strstr(at, words[0])) != NULL; at++) {
        found++;
    }
    ck_assert_msg(found == n, "%d times \"%s\" in %s", found, words[0], text);
    for (; *words != NULL; words++) {
        ck_assert_msg(strstr(text, *words) != NULL, "no \"%s\" in %s", *words, text);
    }
}

#define REFUSED(layer, m, n, ...) refused(layer, m, n, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(what_fits_is_taken)
{
    pencl_lm *lm = NULL;
    ck_assert_msg(pencl_lm_new(&lm, device, body, &good) == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_ptr_eq(pencl_lm_body(lm), body);
    ck_assert_int_eq(pencl_lm_metadata(lm)->vocab_size, 300);
    pencl_lm_free(lm);
    ck_assert_int_eq(pencl_lm_new(&lm, device, NULL, &good), PENCL_E_ARG);
}
END_TEST

START_TEST(sizes_are_positive)
{
    pencl_transformer_metadata m = good;
    m.mlp_hidden_dim = 0;
    m.vocab_size = -1;
    REFUSED(body, &m, 1, "mlp_hidden_dim is 0", "vocab_size is -1");
    m = good;
    m.embedding_dim = 0;
    m.projection_dim = -16;
    REFUSED(body, &m, 1, "embedding_dim is 0", "projection_dim is -16");
    m = good;
    m.common_head_axes[0].size = 0;
    m.query_only_head_axes[0].size = -2;
    REFUSED(body, &m, 1, "axis 'head_groups' has size 0", "axis 'query_heads' has size -2");
}
END_TEST

START_TEST(rotary_sizes_are_even)
{
    pencl_transformer_metadata m = good;
    m.projection_dim = 15;
    REFUSED(body, &m, 4, "needs an even number of entries, 15", ".input_to_query.sublayers[1]");
}
END_TEST

START_TEST(of_a_rotary_subset_its_own_size_counts)
{
    pencl_layer *two = pn_nn_rope(ctx, 1e4, 1, 2);
    pencl_layer *three = pn_nn_rope(ctx, 1e4, 1, 3);
    pencl_transformer_metadata m = good;
    pencl_lm *lm = NULL;
    m.projection_dim = 15;
    ck_assert_int_eq(pencl_lm_new(&lm, device, two, &m), PENCL_OK);
    REFUSED(three, &good, 1, "needs an even number of entries, 3 are given");
    pencl_lm_free(lm);
    pencl_layer_free(two);
    pencl_layer_free(three);
}
END_TEST

START_TEST(head_axes_are_one_of_three_sets)
{
    pencl_transformer_metadata m = good;
    m.n_query_only = 0;
    REFUSED(body, &m, 1, "head axes are");
    m = good;
    strcpy(m.common_head_axes[0].name, "head");
    REFUSED(body, &m, 1, "head axes are");
}
END_TEST

/* All ways to name them, with a body that has no heads. */
START_TEST(each_set_of_head_axes_is_known)
{
    static const struct {
        const char *common;
        const char *query_only;
        bool fits;
    } rows[] = {
        {"heads", NULL, true},
        {NULL, "query_heads", true},
        {"head_groups", "query_heads", true},
        {"heads", "query_heads", false},
        {"head_groups", NULL, false},
        {NULL, "heads", false},
        {"query_heads", NULL, false},
        {NULL, NULL, false},
    };
    pencl_layer *identity = pn_nn_identity(ctx);
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        pencl_transformer_metadata m = good;
        pencl_lm *lm = NULL;
        m.n_common = rows[i].common != NULL;
        m.n_query_only = rows[i].query_only != NULL;
        strcpy(m.common_head_axes[0].name, m.n_common > 0 ? rows[i].common : "");
        strcpy(m.query_only_head_axes[0].name, m.n_query_only > 0 ? rows[i].query_only : "");
        if (rows[i].fits) {
            ck_assert_int_eq(pencl_lm_new(&lm, device, identity, &m), PENCL_OK);
        } else {
            REFUSED(identity, &m, 1, "head axes are");
        }
        pencl_lm_free(lm);
    }
    pencl_layer_free(identity);
}
END_TEST

START_TEST(tables_have_the_vocabulary)
{
    pencl_transformer_metadata m = good;
    m.vocab_size = 299;
    REFUSED(body, &m, 2, "the embedding table", "\"transformer/embedder.embeddings\"",
            "vocabulary:300 for the metadata's 299", ".body.sublayers[0]", ".body.sublayers[4]");
}
END_TEST

START_TEST(an_untied_unembedding_has_the_vocabulary)
{
    static const char *const specs[] = {"vocabulary=299 embedding=64",
                                        "vocabulary=300 embedding=63"};
    static const char *const words[] = {"vocabulary:299 for the metadata's 300",
                                        "embedding:63 for the metadata's 64"};
    for (int i = 0; i < 2; i++) {
        pencl_variable *v = tree_variable(device, "transformer/lm_head.weights", specs[i], 1);
        pencl_layer *head = pn_nn_linear(ctx, v, "embedding", "vocabulary");
        REFUSED(head, &good, 1, "the unembedding has", words[i], "transformer/lm_head.weights");
        pencl_layer_free(head);
    }
}
END_TEST

START_TEST(projections_have_the_head_axes)
{
    pencl_transformer_metadata m = good;
    m.query_only_head_axes[0].size = 3;
    REFUSED(body, &m, 2, "input_to_query has", "transformer/block_1/attention/query.weights",
            "query_heads:2 for the metadata's 3", "transformer/block_0/attention/output.weights");
    m = good;
    m.common_head_axes[0].size = 4;
    REFUSED(body, &m, 2, "input_to_key has", "input_to_value has", "input_to_query has",
            "attn_value_to_output has");
}
END_TEST

START_TEST(feed_forward_layers_have_the_neurons)
{
    pencl_transformer_metadata m = good;
    m.mlp_hidden_dim = 97;
    REFUSED(body, &m, 6, "the feed-forward layer", "transformer/block_0/mlp/gating_linear.weights",
            "transformer/block_1/mlp/out_linear.weights", "in 6 places");
}
END_TEST

START_TEST(activations_have_their_type)
{
    pencl_transformer_metadata m = good;
    m.activation_dtype = PENCL_BF16;
    REFUSED(body, &m, 1, "activation_dtype is bf16, but f32 reaches the blocks");
}
END_TEST

START_TEST(all_is_reported_at_once)
{
    pencl_transformer_metadata m = good;
    m.embedding_dim = 65;
    m.mlp_hidden_dim = 97;
    m.activation_dtype = PENCL_F16;
    REFUSED(body, &m, 1, "in 17 places", "the embedding table", "input_to_value",
            "the feed-forward layer", "activation_dtype");
}
END_TEST

/* Both masks, by either name. */
START_TEST(masks_read_token_positions)
{
    static const char *const fields[] = {"query_positions_input_name", "kv_positions_input_name"};
    for (int i = 0; i < 4; i++) {
        pencl_layer *plain = pn_nn_causal_mask(ctx, i < 2 ? 0 : 4);
        pencl_layer *mask = NULL;
        pencl_layer *changed = NULL;
        char words[64];
        const pencl_attribute other = {
            .name = fields[i % 2], .kind = PENCL_FIELD_TEXT, .text = "other_positions"};
        pencl_selection *s = pencl_select_text(ctx, body, "//ApplyCausalAttentionMask");
        ck_assert_int_eq(pencl_layer_replace(&mask, ctx, plain, &other, 1), PENCL_OK);
        ck_assert_int_eq(pencl_selection_set(&changed, s, pencl_layer_node(mask)), PENCL_OK);
        pencl_selection_free(s);
        snprintf(words, sizeof words, "%s is 'other_positions'", fields[i % 2]);
        REFUSED(changed, &good, 2, words, ".query_key_to_attn.sublayers[1]");
        pencl_layer_free(changed);
        pencl_layer_free(mask);
        pencl_layer_free(plain);
    }
}
END_TEST

/* A body that somebody has cut open has fewer places to disagree in. */
START_TEST(unknown_layers_are_nobodys_business)
{
    pencl_layer *identity = NULL;
    pencl_layer *changed = NULL;
    pencl_lm *lm = NULL;
    ck_assert_int_eq(
        pencl_layer_from_attributes(&identity, ctx, pencl_layer_type_named("Identity"), NULL, 0),
        PENCL_OK);
    pencl_selection *s = pencl_select_text(ctx, body, "//TransformerFeedForward");
    ck_assert_int_eq(pencl_selection_set(&changed, s, pencl_layer_node(identity)), PENCL_OK);
    pencl_selection_free(s);
    pencl_transformer_metadata m = good;
    m.mlp_hidden_dim = 12345;
    ck_assert_msg(pencl_lm_new(&lm, device, changed, &m) == PENCL_OK, "%s", pencl_error_text(ctx));
    pencl_lm_free(lm);
    pencl_layer_free(changed);
    pencl_layer_free(identity);
}
END_TEST

Suite *suite_penzai_metadata(void);
Suite *suite_penzai_metadata(void)
{
    Suite *suite = suite_create("penzai_metadata");
    TCase *tc = tcase_create("metadata");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_fits_is_taken);
    tcase_add_test(tc, sizes_are_positive);
    tcase_add_test(tc, rotary_sizes_are_even);
    tcase_add_test(tc, of_a_rotary_subset_its_own_size_counts);
    tcase_add_test(tc, head_axes_are_one_of_three_sets);
    tcase_add_test(tc, each_set_of_head_axes_is_known);
    tcase_add_test(tc, tables_have_the_vocabulary);
    tcase_add_test(tc, an_untied_unembedding_has_the_vocabulary);
    tcase_add_test(tc, projections_have_the_head_axes);
    tcase_add_test(tc, feed_forward_layers_have_the_neurons);
    tcase_add_test(tc, activations_have_their_type);
    tcase_add_test(tc, all_is_reported_at_once);
    tcase_add_test(tc, masks_read_token_positions);
    tcase_add_test(tc, unknown_layers_are_nobodys_business);
    suite_add_tcase(suite, tc);
    return suite;
}
