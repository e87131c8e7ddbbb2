/* SPDX-License-Identifier: Apache-2.0 */
/* Selections from texts: the grammar, what a shell leaves alone, errors with their columns, and
 * TransformerLens' names. */
#include "nn/nn.h"
#include "support/fixture.h"
#include "support/tree.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pencl_layer *body; /* a decoder of three blocks with grouped queries */

static void setup(void)
{
    fixture_ref();
    body = tree_gqa_decoder(device, 3);
}

static void teardown(void)
{
    pencl_layer_free(body);
    fixture_close();
}

/* The paths that a text selects, each with a space behind it; free it. */
static pn_text paths_of(pencl_layer *tree, const char *text)
{
    pn_text paths = {0};
    pencl_layer *same = NULL;
    pencl_selection *s = pencl_select_text(ctx, tree, text);
    ok(pencl_selection_deselect(&same, s));
    ck_assert_ptr_eq(same, tree);
    for (int i = 0; i < pencl_selection_count(s); i++) {
        pn_text_add(&paths, "%s ", pencl_selection_path(s, i));
    }
    pencl_layer_free(same);
    pencl_selection_free(s);
    return paths;
}

static void expect_paths(const char *text, const char *want)
{
    pn_text got = paths_of(body, text);
    ck_assert_msg(strcmp(pn_text_get(&got), want) == 0, "%s selects %s, not %s", text,
                  pn_text_get(&got), want);
    pn_text_free(&got);
}

/* Two texts select the same, on the same side. */
static void expect_same(pencl_layer *tree, const char *one, const char *other)
{
    pn_text a = paths_of(tree, one);
    pn_text b = paths_of(tree, other);
    ck_assert_msg(strcmp(pn_text_get(&a), pn_text_get(&b)) == 0, "%s is %s, %s is %s", one,
                  pn_text_get(&a), other, pn_text_get(&b));
    pn_text_free(&a);
    pn_text_free(&b);
    pencl_selection *s = pencl_select_text(ctx, tree, one);
    pencl_selection *t = pencl_select_text(ctx, tree, other);
    ck_assert_int_eq(pencl_selection_point(s, 0).when, pencl_selection_point(t, 0).when);
    pencl_selection_free(s);
    pencl_selection_free(t);
}

static void expect_count(const char *text, int n)
{
    pencl_selection *s = pencl_select_text(ctx, body, text);
    ck_assert_msg(pencl_selection_count(s) == n, "%s selects %d", text, pencl_selection_count(s));
    pencl_selection_free(s);
}

static void
expect_refused(pencl_layer *tree, const char *text, pencl_status status, const char *words)
{
    pencl_layer *out = NULL;
    pencl_selection *s = pencl_select_text(ctx, tree, text);
    pencl_status got = pencl_selection_deselect(&out, s);
    ck_assert_msg(got == status, "%s: %s, not %s: %s", text, pencl_status_name(got),
                  pencl_status_name(status), pencl_error_text(ctx));
    ck_assert_msg(strstr(pencl_error_text(ctx), words) != NULL, "\"%s\" lacks \"%s\"",
                  pencl_error_text(ctx), words);
    pencl_selection_free(s);
}

/* ---- steps ---- */

#define ATTENTION(b) ".sublayers[" b "].sublayers[0].delta.sublayers[1]"

START_TEST(types)
{
    expect_paths("", " ");
    expect_paths("//Attention", ATTENTION("1") " " ATTENTION("2") " " ATTENTION("3") " ");
    expect_paths("//Attention#1//Softmax", ATTENTION("2") ".query_key_to_attn.sublayers[2] ");
    expect_count("//Linear", 3 * 9 + 1);
    expect_count("//Parameter", 3 * 9 + 3);
    expect_count("//EmbeddingLookup|EmbeddingDecode", 2);
    expect_count("//Sequential", 1);
    expect_count("//Sequential@inner", 3 * 8 + 1);
    expect_paths("//TransformerBlock#0//Sequential@inner#-1",
                 ".sublayers[1].sublayers[1].delta.sublayers[1] ");
}
END_TEST

START_TEST(fields)
{
    expect_paths("/sublayers.0", ".sublayers[0] ");
    expect_paths("/sublayers.-1/table", ".sublayers[5].table ");
    expect_paths("/sublayers", ".sublayers[0] .sublayers[1] .sublayers[2] .sublayers[3] "
                               ".sublayers[4] .sublayers[5] ");
    expect_paths("/sublayers.1/*", ".sublayers[1].sublayers[0] .sublayers[1].sublayers[1] ");
    expect_paths("//Attention#0/*#3", ATTENTION("1") ".query_key_to_attn ");
    expect_paths("//RMSLayerNorm#-1//Linear/weights", ".sublayers[4].sublayers[1].weights ");
    /* penzai's paths begin at the layer around the body */
    expect_paths("/body", " ");
    expect_paths("/body/sublayers.3", ".sublayers[3] ");
    pencl_layer *outer = pn_nn_capture(ctx, "x", pencl_layer_ref(body));
    expect_refused(outer, "/layer/sublayers.0/body", PENCL_E_FIELDS, "'body' is not one of its");
    pencl_layer_free(outer);
}
END_TEST

/* As selections and captures print them. */
START_TEST(paths)
{
    expect_paths(".sublayers[1]", ".sublayers[1] ");
    expect_paths(".sublayers[2].sublayers[0].delta", ".sublayers[2].sublayers[0].delta ");
    expect_paths(".body.sublayers[3]", ".sublayers[3] "); /* as penzai prints it */
    expect_paths(".", " ");
    expect_paths(ATTENTION("2") ".input_to_query/sublayers.0/weights",
                 ATTENTION("2") ".input_to_query.sublayers[0].weights ");
    expect_paths(".sublayers[1]//Softmax", ATTENTION("1") ".query_key_to_attn.sublayers[2] ");
    pencl_selection *s = pencl_select_text(ctx, body, ".sublayers[1]@before");
    ck_assert_int_eq(pencl_selection_point(s, 0).when, PENCL_BEFORE);
    pencl_selection_free(s);
    expect_refused(body, ".sublayers[6]", PENCL_E_FIELDS,
                   "column 1: Sequential at path '' has nothing at '.sublayers[6]'");
    expect_refused(body, ".delta.x//Softmax", PENCL_E_FIELDS, "has nothing at '.delta.x'");
}
END_TEST

START_TEST(numbers)
{
    expect_paths("//TransformerBlock#1", ".sublayers[2] ");
    expect_paths("//TransformerBlock#-1", ".sublayers[3] ");
    expect_paths("//TransformerBlock#2,0", ".sublayers[1] .sublayers[3] ");
    expect_paths("//TransformerBlock#0:2", ".sublayers[1] .sublayers[2] ");
    expect_paths("//TransformerBlock#1:", ".sublayers[2] .sublayers[3] ");
    expect_paths("//TransformerBlock#:-1", ".sublayers[1] .sublayers[2] ");
    expect_paths("//TransformerBlock#-2:,0", ".sublayers[1] .sublayers[2] .sublayers[3] ");
    expect_paths("/sublayers#2:4#1", ".sublayers[3] ") /* one pick a step */;
}
END_TEST

START_TEST(filters)
{
    expect_count("//Parameter{label~\"*/query.weights\"}", 3);
    expect_count("//Parameter{label~'*/query.weights'}", 3);
    expect_count("//Parameter{label~*/query.weights}", 3);
    expect_count("//Parameter{label~transformer/block_?/attention/*}", 12);
    expect_paths("//Parameter{label=transformer/final_norm/scale.weights}",
                 ".sublayers[4].sublayers[1].weights ");
    expect_count("//NamedGroup{name=gate}/sublayers.1", 3);
    expect_count("//Elementwise{fn=silu}", 3);
    expect_count("//ConstantRescale{by=0.5}", 3);
    expect_count("//ConstantRescale{by=5e-1}", 3);
    expect_count("//ApplyRoPE{max_wavelength=10000}{embedding_axis=projection}", 6);
    expect_count("//Linear{out_axis_names='head_groups query_heads projection'}", 3);
    expect_count("//Linear{out_axis_names~*projection*}", 9);
    expect_count("//Linear{path~.sublayers[2].*}", 9);
    expect_count("//TransformerBlock/*{type=Residual}", 6);
    expect_count("//Parameter{dtype=f32}", 30);
    expect_paths("//Linear{out_axis_names=embedding}#1/weights",
                 ".sublayers[1].sublayers[1].delta.sublayers[1].sublayers[1].weights ");
}
END_TEST

START_TEST(points)
{
    pencl_selection *s = pencl_select_text(ctx, body, "//TransformerBlock#2@before");
    ck_assert_int_eq(pencl_selection_point(s, 0).when, PENCL_BEFORE);
    ck_assert_ptr_eq(pencl_selection_point(s, 0).node.layer,
                     pencl_layer_child(body, "sublayers", 3));
    pencl_selection_free(s);
    s = pencl_select_text(ctx, body, "//TransformerBlock#2@after");
    ck_assert_int_eq(pencl_selection_point(s, 0).when, PENCL_AFTER);
    pencl_selection_free(s);
}
END_TEST

/* What a shell does to a text in double quotes: nothing. */
START_TEST(a_shell_leaves_texts_alone)
{
    static const char *const texts[] = {
        "//Attention#1//Softmax",
        "//Parameter{label~'*/query.weights'}",
        "//Linear{path~.sublayers[2].*}",
        "/sublayers.-1/*",
        "//RMSLayerNorm|LayerNorm#-1@before",
        "//TransformerBlock#0,2:3",
        "blocks.*.attn.hook_pattern",
    };
    for (size_t i = 0; i < PN_COUNT(texts); i++) {
        char line[256];
        char back[256] = "";
        snprintf(line, sizeof line, "printf %%s \"%s\"", texts[i]);
        FILE *pipe = popen(line, "r");
        ck_assert_ptr_nonnull(pipe);
        ck_assert_ptr_nonnull(fgets(back, sizeof back, pipe));
        pclose(pipe);
        ck_assert_str_eq(back, texts[i]);
        ck_assert_ptr_null(strpbrk(texts[i], "!$`\\\"")); /* nor an interactive one */
        pencl_selection *s = pencl_select_text(ctx, body, texts[i]);
        ck_assert_int_gt(pencl_selection_count(s), 0);
        pencl_selection_free(s);
    }
}
END_TEST

/* ---- errors ---- */

START_TEST(malformed_texts_point_at_the_column)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"//", "column 3: the name of a type is expected"},
        {"/", "column 2: a field, or *, is expected"},
        {"///Softmax", "column 3: the name of a type is expected"},
        {"//Attention#", "column 13: a number or a range such as 2:6 is expected"},
        {"//Attention#0,", "column 15: a number"},
        {"//Attention#x", "column 13: a number"},
        {"/sublayers.", "column 12: the number of a layer in the list is expected"},
        {"/sublayers.x", "column 12: the number"},
        {"//Attention@outer", "column 12: a step such as //Softmax"},
        {"//Attention@before//Softmax", "column 19: a step"},
        {"//Attention ", "column 12: a step"},
        {"//Attention{", "column 13: what to look at, such as label, is expected"},
        {"//Attention{label}", "column 18: = or ~ is expected"},
        {"//Attention{label!x}", "column 18: = or ~ is expected"},
        {"//Attention{label~x", "column 19: } is missing"},
        {"//Attention{label~'x}", "column 19: this quote has no end"},
        {"//Attention{label~'x'y}", "column 22: } is expected"},
        {"@before", NULL},
        {"Attention", "column 1: a selection begins with / or // or is a name of TransformerLens"},
        {"blocks.0.hook_resid_prE", "the nearest is blocks.N.hook_resid_pre"},
        {"blocks.x.hook_resid_pre", "the nearest is blocks.N.hook_resid_pre"},
        {"blocks.-1.hook_resid_pre", "the nearest is blocks.N.hook_resid_pre"},
    };
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        if (rows[i].words != NULL) {
            expect_refused(body, rows[i].text, PENCL_E_FORMAT, rows[i].words);
        }
    }
    expect_refused(body, "//Softmax#99999999999999999999", PENCL_E_ARG, "number 2147483647 of 3");
}
END_TEST

START_TEST(what_selects_nothing_names_the_nearest)
{
    expect_refused(body, "//Attention#1//Sofmax", PENCL_E_ARG,
                   "select: \"//Attention#1//Sofmax\", column 16: no Sofmax is inside of the 1 "
                   "selected node; did you mean Softmax?");
    expect_refused(body, "//Attention//Paramter", PENCL_E_ARG,
                   "inside of the 3 selected nodes; did you mean Parameter?");
    expect_refused(body, "//RMSLayerNorm//TransformerLM", PENCL_E_ARG,
                   "; there are RMSLayerNorm, RMSStandardize, Linear, Parameter");
    expect_refused(
        body, "//Attention/input_to_querry", PENCL_E_FIELDS,
        "column 13: Attention at path '" ATTENTION(
            "1") "': 'input_to_querry' is not one of its fields; it has input_to_query, "
                 "input_to_key, input_to_value, query_key_to_attn, attn_value_to_output; did "
                 "you mean input_to_query?");
    expect_refused(body, "//NamedGroup/name", PENCL_E_FIELDS, "'name' is static");
    expect_refused(body, "/sublayers.6", PENCL_E_ARG,
                   "column 2: Sequential at path '' has 6 layers in 'sublayers': no number 6");
    expect_refused(body, "//Attention#3", PENCL_E_ARG, "column 13: number 3 of 3 selected nodes");
    expect_refused(body, "//Attention#-4", PENCL_E_ARG, "number -4 of 3");
    expect_refused(body, "//Attention#1:4", PENCL_E_ARG, "number 4 of 3"); /* no clipping */
    expect_refused(body, "//Attention#2:2", PENCL_E_ARG, "the range is empty");
    expect_refused(body, "//NamedGroup{name=gates}", PENCL_E_ARG,
                   "column 13: no selected node has a name 'gates'; did you mean gate?");
    expect_refused(body, "//Parameter{labels~x}", PENCL_E_ARG,
                   "no selected node has a labels"); /* of no node: no value to be near to */
    expect_refused(body, "//Parameter/*", PENCL_E_ARG, "the selected nodes have no children");
    pencl_layer *empty = pn_nn_list(ctx, "Sequential", NULL, 0);
    expect_refused(empty, "/sublayers", PENCL_E_ARG, "the list 'sublayers' is empty");
    pencl_layer_free(empty);
    pencl_selection *s = pencl_select_text(ctx, NULL, "//Softmax");
    pencl_node node;
    ck_assert_int_eq(pencl_selection_get(&node, s), PENCL_E_ARG);
    pencl_selection_free(s);
}
END_TEST

/* Any bytes: an answer or an error, never a crash. */
START_TEST(hostile_texts_are_survived)
{
    static const char alphabet[] = "//*#@{}~='\"|.,:-0129aSoftmaxLinearsublayersinner ";
    uint64_t state = 12345;
    for (int i = 0; i < 20000; i++) {
        char text[48];
        size_t n = 0;
        text[n++] = '/';
        for (; n < sizeof text - 1; n++) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            size_t at = (size_t)(state >> 33) % (sizeof alphabet + 4);
            text[n] = at < sizeof alphabet ? alphabet[at] : (char)(state >> 40);
        }
        text[n] = '\0';
        pencl_selection_free(pencl_select_text(ctx, body, text));
    }
    char *full = malloc(100000);
    memset(full, '/', 99999);
    full[99999] = '\0';
    expect_refused(body, full, PENCL_E_FORMAT, "column 3");
    memset(full + 2, 'A', 99997);
    expect_refused(body, full, PENCL_E_FORMAT, "column 3");
    free(full);
}
END_TEST

/* ---- TransformerLens' names ---- */

START_TEST(aliases_are_selections)
{
    static const struct {
        const char *alias;
        const char *selection;
    } rows[] = {
        {"blocks.0.hook_resid_pre", "/sublayers.1@before"},
        {"blocks.2.hook_resid_mid", "/sublayers.3/sublayers.0"},
        {"blocks.2.hook_resid_post", "/sublayers.3"},
        {"blocks.*.hook_resid_post", "//TransformerBlock"},
        {"blocks.*.hook_resid_pre", "//TransformerBlock@before"},
        {"blocks.1.hook_attn_out", "//TransformerBlock#1/sublayers.0/delta"},
        {"blocks.1.hook_mlp_out", "//TransformerBlock#1/sublayers.1/delta"},
        {"blocks.1.attn.hook_q", "//Attention#1/input_to_query/sublayers.0"},
        {"blocks.1.attn.hook_k", "//Attention#1/input_to_key/sublayers.0"},
        {"blocks.1.attn.hook_v", "//Attention#1/input_to_value/sublayers.0"},
        {"blocks.1.attn.hook_z", "//Attention#1/attn_value_to_output/sublayers.0"},
        {"blocks.1.attn.hook_pattern", "//Attention#1//Softmax"},
        {"blocks.*.attn.hook_pattern", "//Softmax"},
        {"blocks.1.attn.hook_attn_scores", "//Attention#1//Softmax@before"},
        {"blocks.1.mlp.hook_pre", "//NamedGroup#1/sublayers.1@before"},
        {"blocks.1.mlp.hook_post", "//TransformerFeedForward#1/sublayers.1@before"},
        {"hook_embed", "/sublayers.1@before"},
        {"ln_final.hook_normalized", "/sublayers.4"},
    };
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        expect_same(body, rows[i].alias, rows[i].selection);
    }
}
END_TEST

/* A parallel block as GPT-NeoX has it. */
static pencl_layer *parallel_block(void)
{
    pencl_layer *few = tree_decoder(device, 1);
    pencl_node attention;
    pencl_selection *s = pencl_select_text(ctx, few, "//Attention");
    ok(pencl_selection_get(&attention, s));
    pencl_layer *attend =
        PN_NN_LIST(ctx, "Sequential", pn_nn_identity(ctx), pencl_layer_ref(attention.layer));
    pencl_layer *feed =
        PN_NN_LIST(ctx, "Sequential", pn_nn_identity(ctx),
                   PN_NN_LIST(ctx, "TransformerFeedForward", pn_nn_rescale(ctx, 1),
                              pn_nn_elementwise(ctx, "gelu_exact"), pn_nn_rescale(ctx, 2)));
    pencl_selection_free(s);
    pencl_layer_free(few);
    return PN_NN_LIST(
        ctx, "Sequential",
        PN_NN_LIST(ctx, "TransformerBlock",
                   PN_NN_LIST(ctx, "BranchAndAddTogether", pn_nn_identity(ctx), attend, feed)));
}

START_TEST(aliases_of_parallel_blocks)
{
    pencl_layer *neox = parallel_block();
    expect_same(neox, "blocks.0.hook_attn_out", "//BranchAndAddTogether/branches.1");
    expect_same(neox, "blocks.0.hook_mlp_out", "//BranchAndAddTogether/branches.2");
    expect_same(neox, "blocks.0.mlp.hook_pre", "//Elementwise@before");
    expect_same(neox, "blocks.0.mlp.hook_post", "//TransformerFeedForward/sublayers.2@before");
    expect_refused(neox, "blocks.0.hook_resid_mid", PENCL_E_ARG, "no selected node has a type");
    pencl_layer_free(neox);
}
END_TEST

START_TEST(an_alias_that_selects_nothing_says_what_it_stands_for)
{
    expect_refused(body, "blocks.3.attn.hook_z", PENCL_E_ARG,
                   "select: blocks.3.attn.hook_z is \"//TransformerBlock#3//Attention");
    expect_refused(body, "blocks.3.attn.hook_z", PENCL_E_ARG,
                   "column 20: number 3 of 3 selected nodes");
}
END_TEST

START_TEST(memory_running_out_leaks_nothing)
{
    static const char *const texts[] = {"//Attention#1//Softmax@before",
                                        "//Attention//Sofmax",
                                        "//Parameter{label~'*/query.weights'}#0,1:",
                                        "//NamedGroup{name=gates}",
                                        "blocks.7.hook_mlp_out",
                                        "/sublayers/sublayer"};
    for (size_t i = 0; i < PN_COUNT(texts); i++) {
        for (long n = 1; n < 500; n += n < 60 ? 1 : 7) {
            pn_alloc_fail_at(n);
            pencl_selection *s = pencl_select_text(ctx, body, texts[i]);
            pn_alloc_fail_at(0);
            pencl_selection_free(s);
        }
    }
}
END_TEST

Suite *suite_penzai_select_text(void);
Suite *suite_penzai_select_text(void)
{
    Suite *suite = suite_create("penzai_select_text");
    TCase *tc = tcase_create("texts");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60); /* seconds: under sanitizers */
    tcase_add_test(tc, types);
    tcase_add_test(tc, fields);
    tcase_add_test(tc, paths);
    tcase_add_test(tc, numbers);
    tcase_add_test(tc, filters);
    tcase_add_test(tc, points);
    tcase_add_test(tc, a_shell_leaves_texts_alone);
    tcase_add_test(tc, malformed_texts_point_at_the_column);
    tcase_add_test(tc, what_selects_nothing_names_the_nearest);
    tcase_add_test(tc, hostile_texts_are_survived);
    tcase_add_test(tc, aliases_are_selections);
    tcase_add_test(tc, aliases_of_parallel_blocks);
    tcase_add_test(tc, an_alias_that_selects_nothing_says_what_it_stands_for);
    tcase_add_test(tc, memory_running_out_leaks_nothing);
    suite_add_tcase(suite, tc);
    return suite;
}
