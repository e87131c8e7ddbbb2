/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's Llama-like builder: the tree that Llama, Mistral, Gemma and their kin share, with its
 * layers and labels. */
#include "lm/recipe.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 96 };

typedef struct builder {
    pencl_ctx *ctx;
    pn_weights *w;
    const pn_llamalike *c;
    bool table_is_head;
    int64_t block;
    const char *common;     /* "head_groups", "heads" or "" */
    const char *query_only; /* "query_heads" or "" */
    char queries[WORDS];    /* axes of a query: "head_groups query_heads projection" */
    char keys[WORDS];       /* of a key or value: "head_groups projection" */
} builder;

static pencl_variable *load(builder *b, const char *name, const char *rows, const char *columns)
{
    return pn_weights_load(b->w, name, rows, columns);
}

static pencl_layer *norm(builder *b, const char *name, const char *axis)
{
    return pn_nn_rms_layer_norm(b->ctx, load(b, name, "", axis), axis, b->c->rms_norm_eps);
}

/* ---- attention ---- */

/* 0: global. */
static int64_t window_of(const builder *b)
{
    const pn_attention_types *types = &b->c->attention_type;
    return types->windows[types->n > 0 ? b->block % types->n : 0];
}

/* Blocks with a window may have a wavelength of their own; the scale is for global ones. */
static pencl_layer *rope(builder *b)
{
    const pn_llamalike *c = b->c;
    const bool local = window_of(b) > 0;
    const bool own = local && !isnan(c->local_rope_wavelength);
    const bool scaled = !local && !isnan(c->global_scale_factor);
    return pn_nn_rope(b->ctx, own ? c->local_rope_wavelength : c->rope_wavelength,
                      scaled ? c->global_scale_factor : 1.0, 0);
}

static pencl_layer *input_to_query(builder *b)
{
    const pn_llamalike *c = b->c;
    const bool own = !isnan(c->query_scaling_factor);
    pn_layers list = {0};
    pn_layers_add(&list,
                  pn_nn_linear(b->ctx, load(b, "attention/query.weights", b->queries, "embedding"),
                               "embedding", b->queries));
    if (c->use_qk_norm) {
        pn_layers_add(&list, norm(b, "attention/query_norm/scale.weights", "projection"));
    }
    pn_layers_add(&list, rope(b));
    pn_layers_add(&list, pn_nn_rescale(b->ctx, own ? c->query_scaling_factor
                                                   : 1.0 / sqrt((double)c->projection_dim)));
    return pn_nn_list_of(b->ctx, "Sequential", &list);
}

static pencl_layer *input_to_key(builder *b)
{
    pn_layers list = {0};
    pn_layers_add(&list,
                  pn_nn_linear(b->ctx, load(b, "attention/key.weights", b->keys, "embedding"),
                               "embedding", b->keys));
    if (b->c->use_qk_norm) {
        pn_layers_add(&list, norm(b, "attention/key_norm/scale.weights", "projection"));
    }
    pn_layers_add(&list, rope(b));
    return pn_nn_list_of(b->ctx, "Sequential", &list);
}

static pencl_layer *query_key_to_attn(builder *b)
{
    pn_layers list = {0};
    pn_layers_add(&list, pn_nn_query_key_einsum(b->ctx, b->common, b->query_only));
    if (!isnan(b->c->attn_logits_soft_cap)) {
        pn_layers_add(&list, pn_nn_soft_cap(b->ctx, b->c->attn_logits_soft_cap));
    }
    pn_layers_add(&list, pn_nn_causal_mask(b->ctx, window_of(b)));
    pn_layers_add(&list, pn_nn_softmax(b->ctx, PENCL_AXIS_KV_SEQ));
    return pn_nn_list_of(b->ctx, "Sequential", &list);
}

static pencl_layer *attention(builder *b)
{
    pencl_ctx *ctx = b->ctx;
    const pn_nn_attention_parts parts = {
        .input_to_query = input_to_query(b),
        .input_to_key = input_to_key(b),
        .input_to_value =
            PN_NN_LIST(ctx, "Sequential",
                       pn_nn_linear(ctx, load(b, "attention/value.weights", b->keys, "embedding"),
                                    "embedding", b->keys)),
        .query_key_to_attn = query_key_to_attn(b),
        .attn_value_to_output = PN_NN_LIST(
            ctx, "Sequential", pn_nn_attn_value_einsum(ctx, b->common, b->query_only),
            pn_nn_linear(ctx, load(b, "attention/output.weights", "embedding", b->queries),
                         b->queries, "embedding")),
    };
    return pn_nn_attention(ctx, &parts);
}

/* ---- blocks ---- */

static const char *activation(const pn_llamalike *c)
{
    return strcmp(c->mlp_variant, "swiglu") == 0        ? "silu"
           : strcmp(c->mlp_variant, "geglu_exact") == 0 ? "gelu_exact"
                                                        : "gelu_approx";
}

static pencl_layer *feed_forward(builder *b)
{
    pencl_ctx *ctx = b->ctx;
    pencl_layer *gate = PN_NN_NAMED_GROUP(
        ctx, "gate",
        pn_nn_linear(ctx, load(b, "mlp/gating_linear.weights", "neurons", "embedding"), "embedding",
                     "neurons"),
        pn_nn_elementwise(ctx, activation(b->c)));
    pencl_layer *value = pn_nn_linear(
        ctx, load(b, "mlp/value_linear.weights", "neurons", "embedding"), "embedding", "neurons");
    return PN_NN_LIST(ctx, "TransformerFeedForward",
                      PN_NN_LIST(ctx, "BranchAndMultiplyTogether", gate, value),
                      pn_nn_linear(ctx, load(b, "mlp/out_linear.weights", "embedding", "neurons"),
                                   "neurons", "embedding"));
}

static pencl_layer *block(builder *b)
{
    pn_layers attn = {0};
    pn_layers ffw = {0};
    pn_layers_add(&attn, norm(b, "pre_attention_norm/scale.weights", "embedding"));
    pn_layers_add(&attn, attention(b));
    if (b->c->use_post_attn_norm) {
        pn_layers_add(&attn, norm(b, "post_attention_norm/scale.weights", "embedding"));
    }
    pn_layers_add(&ffw, norm(b, "pre_ffw_norm/scale.weights", "embedding"));
    pn_layers_add(&ffw, feed_forward(b));
    if (b->c->use_post_ffw_norm) {
        pn_layers_add(&ffw, norm(b, "post_ffw_norm/scale.weights", "embedding"));
    }
    return PN_NN_LIST(b->ctx, "TransformerBlock",
                      pn_nn_residual(b->ctx, pn_nn_list_of(b->ctx, "Sequential", &attn)),
                      pn_nn_residual(b->ctx, pn_nn_list_of(b->ctx, "Sequential", &ffw)));
}

/* ---- the model ---- */

static pencl_layer *head(builder *b, pencl_layer *table)
{
    if (b->c->tie_embedder_and_logits || b->table_is_head) {
        return pn_nn_embedding_decode(b->ctx, table);
    }
    pencl_layer_free(table);
    return pn_nn_linear(b->ctx, load(b, "lm_head.weights", "vocabulary", "embedding"), "embedding",
                        "vocabulary");
}

/* penzai casts where the types differ. Here a lookup gives float32 from tables of any type, so that
 * activations of another type need a cast as well. */
static bool needs_cast(const pn_llamalike *c)
{
    return c->activation_dtype != c->parameter_dtype || c->activation_dtype != PENCL_F32;
}

static void add_blocks(pn_layers *list, builder *b)
{
    const int64_t n = b->c->num_decoder_blocks;
    if (b->c->use_layer_stack) {
        pn_weights_enter_stack(b->w, n);
        pn_layers_add(list, pn_nn_layer_stack(b->ctx, block(b), PN_AXIS_BLOCKS, n));
        return;
    }
    for (b->block = 0; b->block < n && !list->failed; b->block++) {
        pn_weights_enter(b->w, b->block);
        pn_layers_add(list, block(b));
    }
}

static pencl_layer *model(builder *b)
{
    const pn_llamalike *c = b->c;
    pn_layers list = {0};
    pn_weights_enter(b->w, -1);
    pencl_layer *table =
        pn_nn_embedding_table(b->ctx, load(b, "embedder.embeddings", "vocabulary", "embedding"));
    pn_layers_add(&list,
                  pn_nn_embedding_lookup(b->ctx, table == NULL ? NULL : pencl_layer_ref(table)));
    if (needs_cast(c)) {
        pn_layers_add(&list, pn_nn_cast(b->ctx, c->activation_dtype));
    }
    if (c->tie_embedder_and_logits) {
        pn_layers_add(&list, pn_nn_rescale(b->ctx, sqrt((double)c->embedding_dim)));
    }
    add_blocks(&list, b);
    if (list.failed) {
        pencl_layer_free(table);
        return pn_nn_list_of(b->ctx, "Sequential", &list);
    }
    pn_weights_enter(b->w, -1);
    pn_layers_add(&list, norm(b, "final_norm/scale.weights", "embedding"));
    pn_layers_add(&list, head(b, table));
    if (c->final_logit_softcap > 0) {
        pn_layers_add(&list, pn_nn_soft_cap(b->ctx, c->final_logit_softcap));
    }
    return pn_nn_list_of(b->ctx, "Sequential", &list);
}

/* penzai's rule: one query head a group is plain multi-head, one group is multi-query. */
static void describe(pencl_transformer_metadata *out, const pn_recipe *recipe)
{
    const pn_llamalike *c = &recipe->config.llamalike;
    const int64_t groups = c->num_kv_heads;
    const int64_t each = c->query_head_multiplier;
    if (each == 1) {
        out->common_head_axes[0] = (pencl_axis){PENCL_AXIS_HEADS, groups};
    } else if (groups > 1) {
        out->common_head_axes[0] = (pencl_axis){PENCL_AXIS_HEAD_GROUPS, groups};
    }
    out->n_common = each == 1 || groups > 1;
    out->query_only_head_axes[0] = (pencl_axis){PENCL_AXIS_QUERY_HEADS, each};
    out->n_query_only = each > 1;
    out->embedding_dim = c->embedding_dim;
    out->projection_dim = c->projection_dim;
    out->mlp_hidden_dim = c->mlp_hidden_dim;
    out->vocab_size = c->vocab_size;
    out->activation_dtype = c->activation_dtype;
}

static pencl_layer *build(pn_weights *w, const pn_recipe *recipe)
{
    pencl_transformer_metadata m = {0};
    describe(&m, recipe);
    builder b = {.ctx = w->ctx,
                 .w = w,
                 .c = &recipe->config.llamalike,
                 .table_is_head = recipe->table_is_head,
                 .common = m.n_common > 0 ? m.common_head_axes[0].name : "",
                 .query_only = m.n_query_only > 0 ? m.query_only_head_axes[0].name : ""};
    snprintf(b.queries, WORDS, "%s %s projection", b.common, b.query_only);
    snprintf(b.keys, WORDS, "%s projection", b.common);
    return model(&b);
}

/* ---- the config ---- */

static pencl_status check(pencl_ctx *ctx, const pn_config *config)
{
    const pn_llamalike *c = &config->llamalike;
    const int n = c->attention_type.n;
    if (c->projection_dim % 2 != 0) {
        return PN_FAIL(ctx, PENCL_E_FIELDS,
                       "field \"projection_dim\": is %" PRId64
                       ", not even, as rotary embedding needs it",
                       c->projection_dim);
    }
    if (n > 0 && c->use_layer_stack) {
        return PN_FAIL(ctx, PENCL_E_FIELDS,
                       "field \"attention_type\": a list, but use_layer_stack makes all blocks "
                       "alike");
    }
    if (n > 0 && c->num_decoder_blocks % n != 0) {
        return PN_FAIL(ctx, PENCL_E_FIELDS,
                       "field \"attention_type\": %d entries do not divide num_decoder_blocks, "
                       "%" PRId64,
                       n, c->num_decoder_blocks);
    }
    return PENCL_OK;
}

static const char *const variants[] = {"geglu_exact", "geglu_approx", "swiglu", NULL};
static const char *const or_null[] = {"null", NULL};
static const char *const or_default[] = {"default", NULL};

#define FIELD(...) PN_CONFIG_FIELD(pn_llamalike, __VA_ARGS__)
static const pn_config_field fields[] = {
    FIELD(num_kv_heads, SIZE, .least = 1, .most = PN_MOST_HEADS, .required = true),
    FIELD(query_head_multiplier, SIZE, .least = 1, .most = PN_MOST_HEADS, .required = true),
    FIELD(embedding_dim, SIZE, .least = 1, .most = PN_MOST_SIZE, .required = true),
    FIELD(projection_dim, SIZE, .least = 2, .most = PN_MOST_HEADS, .required = true),
    FIELD(mlp_hidden_dim, SIZE, .least = 1, .most = PN_MOST_SIZE, .required = true),
    FIELD(num_decoder_blocks, SIZE, .least = 1, .most = PN_MOST_BLOCKS, .required = true),
    FIELD(vocab_size, SIZE, .least = 1, .most = PN_MOST_SIZE, .required = true),
    FIELD(mlp_variant, CHOICE, .words = variants, .required = true),
    FIELD(tie_embedder_and_logits, FLAG, .required = true),
    FIELD(rope_wavelength, REAL, .least = FLT_MIN, .most = FLT_MAX),
    FIELD(rms_norm_eps, REAL, .least = 0, .most = FLT_MAX),
    FIELD(attention_type, ATTENTION, .required = false),
    FIELD(use_post_attn_norm, FLAG, .required = false),
    FIELD(use_post_ffw_norm, FLAG, .required = false),
    FIELD(use_qk_norm, FLAG, .required = false),
    FIELD(use_layer_stack, FLAG, .required = false),
    FIELD(final_logit_softcap, REAL, .least = 0, .most = FLT_MAX, .words = or_null),
    FIELD(attn_logits_soft_cap, REAL, .least = FLT_MIN, .most = FLT_MAX, .words = or_null),
    FIELD(global_scale_factor, REAL, .least = 1, .most = FLT_MAX, .words = or_null),
    FIELD(local_rope_wavelength, REAL, .least = FLT_MIN, .most = FLT_MAX, .words = or_null),
    FIELD(query_scaling_factor, REAL, .least = -FLT_MAX, .most = FLT_MAX, .words = or_default),
    FIELD(parameter_dtype, DTYPE, .required = false),
    FIELD(activation_dtype, DTYPE, .required = false),
    {0},
};

const pn_builder pn_builder_llamalike = {
    .name = "llamalike",
    .fields = fields,
    .defaults.llamalike = {.rope_wavelength = 10000,
                           .rms_norm_eps = 1e-6,
                           .final_logit_softcap = NAN,
                           .attn_logits_soft_cap = NAN,
                           .global_scale_factor = NAN,
                           .local_rope_wavelength = NAN,
                           .query_scaling_factor = NAN},
    .check = check,
    .describe = describe,
    .build = build,
};
