/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's GPT-NeoX builder: attention and feed-forward side by side, biases everywhere but in the
 * head, rotary embedding of the first entries. */
#include "lm/recipe.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>

/* penzai's default: its GPT-NeoX does not pass layernorm_epsilon on to the last norm. */
#define FINAL_NORM_EPSILON 1e-6
#define HEADS              "heads projection"

typedef struct builder {
    pencl_ctx *ctx;
    pn_weights *w;
    const pn_gpt_neox *c;
} builder;

static pencl_layer *norm(builder *b, const char *name, double epsilon)
{
    char scale[64];
    char shift[64];
    snprintf(scale, sizeof scale, "%s/scale.weights", name);
    snprintf(shift, sizeof shift, "%s/shift.bias", name);
    pencl_variable *weights = pn_weights_load(b->w, scale, "", "embedding");
    return pn_nn_layer_norm(b->ctx, weights, pn_weights_load(b->w, shift, "", "embedding"),
                            "embedding", epsilon);
}

static pencl_layer *affine(builder *b, const char *name, const char *in, const char *out)
{
    char linear[64];
    char bias[64];
    snprintf(linear, sizeof linear, "%s/Linear.weights", name);
    snprintf(bias, sizeof bias, "%s/AddBias.bias", name);
    pencl_variable *weights = pn_weights_load(b->w, linear, out, in);
    return pn_nn_affine(b->ctx, weights, pn_weights_load(b->w, bias, "", out), in, out);
}

static pencl_layer *rope(builder *b)
{
    return pn_nn_rope(b->ctx, b->c->rope_wavelength, 1.0, b->c->rope_subset_size);
}

static pencl_layer *attention(builder *b)
{
    pencl_ctx *ctx = b->ctx;
    const pn_nn_attention_parts parts = {
        .input_to_query =
            PN_NN_LIST(ctx, "Sequential", affine(b, "attention/query", "embedding", HEADS), rope(b),
                       pn_nn_rescale(ctx, 1.0 / sqrt((double)b->c->projection_dim))),
        .input_to_key =
            PN_NN_LIST(ctx, "Sequential", affine(b, "attention/key", "embedding", HEADS), rope(b)),
        .input_to_value =
            PN_NN_LIST(ctx, "Sequential", affine(b, "attention/value", "embedding", HEADS)),
        .query_key_to_attn =
            PN_NN_LIST(ctx, "Sequential", pn_nn_query_key_einsum(ctx, PENCL_AXIS_HEADS, ""),
                       pn_nn_causal_mask(ctx, 0), pn_nn_softmax(ctx, PENCL_AXIS_KV_SEQ)),
        .attn_value_to_output =
            PN_NN_LIST(ctx, "Sequential", pn_nn_attn_value_einsum(ctx, PENCL_AXIS_HEADS, ""),
                       affine(b, "attention/output", HEADS, "embedding")),
    };
    return pn_nn_attention(ctx, &parts);
}

static pencl_layer *feed_forward(builder *b)
{
    pencl_layer *in = affine(b, "mlp/in", "embedding", "neurons");
    return PN_NN_LIST(b->ctx, "TransformerFeedForward", in,
                      pn_nn_elementwise(b->ctx, b->c->activation_fn),
                      affine(b, "mlp/out", "neurons", "embedding"));
}

static pencl_layer *block(builder *b, int64_t i)
{
    pencl_ctx *ctx = b->ctx;
    const double epsilon = b->c->layernorm_epsilon;
    pn_weights_enter(b->w, i);
    pencl_layer *attn_norm = norm(b, "pre_attention_norm", epsilon);
    pencl_layer *attn = PN_NN_LIST(ctx, "Sequential", attn_norm, attention(b));
    pencl_layer *ffw_norm = norm(b, "pre_ffw_norm", epsilon);
    pencl_layer *ffw = PN_NN_LIST(ctx, "Sequential", ffw_norm, feed_forward(b));
    return PN_NN_LIST(ctx, "TransformerBlock",
                      PN_NN_LIST(ctx, "BranchAndAddTogether", pn_nn_identity(ctx), attn, ffw));
}

static pencl_layer *model(builder *b)
{
    pn_layers list = {0};
    pn_weights_enter(b->w, -1);
    pn_layers_add(&list, pn_nn_embedding_lookup(
                             b->ctx, pn_nn_embedding_table(
                                         b->ctx, pn_weights_load(b->w, "embedder.embeddings",
                                                                 "vocabulary", "embedding"))));
    for (int64_t i = 0; i < b->c->num_decoder_blocks && !list.failed; i++) {
        pn_layers_add(&list, block(b, i));
    }
    if (!list.failed) {
        pn_weights_enter(b->w, -1);
        pn_layers_add(&list, norm(b, "final_norm", FINAL_NORM_EPSILON));
        pn_layers_add(
            &list, pn_nn_linear(b->ctx,
                                pn_weights_load(b->w, "lm_head.weights", "vocabulary", "embedding"),
                                "embedding", "vocabulary"));
    }
    return pn_nn_list_of(b->ctx, "Sequential", &list);
}

static void describe(pencl_transformer_metadata *out, const pn_recipe *recipe)
{
    const pn_gpt_neox *c = &recipe->config.gpt_neox;
    out->common_head_axes[0] = (pencl_axis){PENCL_AXIS_HEADS, c->num_attention_heads};
    out->n_common = 1;
    out->embedding_dim = c->embedding_dim;
    out->projection_dim = c->projection_dim;
    out->mlp_hidden_dim = c->mlp_hidden_dim;
    out->vocab_size = c->vocab_size;
    out->activation_dtype = PENCL_F32;
}

static pencl_layer *build(pn_weights *w, const pn_recipe *recipe)
{
    return model(&(builder){.ctx = w->ctx, .w = w, .c = &recipe->config.gpt_neox});
}

/* ---- the config ---- */

static pencl_status check(pencl_ctx *ctx, const pn_config *config)
{
    const pn_gpt_neox *c = &config->gpt_neox;
    if (c->rope_subset_size % 2 != 0 || c->rope_subset_size > c->projection_dim) {
        return PN_FAIL(ctx, PENCL_E_FIELDS,
                       "field \"rope_subset_size\": is %" PRId64
                       ", not an even part of projection_dim, %" PRId64,
                       c->rope_subset_size, c->projection_dim);
    }
    return PENCL_OK;
}

static const char *const functions[] = {"gelu_exact", "gelu_approx", "silu", "relu", NULL};

#define FIELD(...) PN_CONFIG_FIELD(pn_gpt_neox, __VA_ARGS__)
static const pn_config_field fields[] = {
    FIELD(num_attention_heads, SIZE, .least = 1, .most = PN_MOST_HEADS, .required = true),
    FIELD(embedding_dim, SIZE, .least = 1, .most = PN_MOST_SIZE, .required = true),
    FIELD(projection_dim, SIZE, .least = 2, .most = PN_MOST_HEADS, .required = true),
    FIELD(mlp_hidden_dim, SIZE, .least = 1, .most = PN_MOST_SIZE, .required = true),
    FIELD(num_decoder_blocks, SIZE, .least = 1, .most = PN_MOST_BLOCKS, .required = true),
    FIELD(vocab_size, SIZE, .least = 1, .most = PN_MOST_SIZE, .required = true),
    FIELD(activation_fn, CHOICE, .words = functions, .required = true),
    FIELD(rope_subset_size, SIZE, .least = 2, .most = PN_MOST_HEADS, .required = true),
    FIELD(rope_wavelength, REAL, .least = FLT_MIN, .most = FLT_MAX, .required = true),
    FIELD(layernorm_epsilon, REAL, .least = 0, .most = FLT_MAX, .required = true),
    {0},
};

const pn_builder pn_builder_gpt_neox = {
    .name = "gpt_neox",
    .fields = fields,
    .check = check,
    .describe = describe,
    .build = build,
};
