/* SPDX-License-Identifier: Apache-2.0 */
/* The tree that Llama-like models share, with penzai's layers and labels. */
#include "lm/lm.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_ROOM = 256 };

typedef struct builder {
    pencl_ctx *ctx;
    pn_weights *w;
    const pn_llamalike *c;
    int64_t block;
    char common[TEXT_ROOM];      /* "head_groups", "heads" or "" */
    char query_only[TEXT_ROOM];  /* "query_heads" or "" */
    char common_axes[TEXT_ROOM]; /* the same with sizes: "head_groups=3" */
    char query_axes[TEXT_ROOM];
    char heads[2 * TEXT_ROOM]; /* names of all query axes: "head_groups query_heads projection" */
    char kv_heads[TEXT_ROOM];
} builder;

/* penzai's rule: one query head a group is plain multi-head, one group is multi-query. */
static void name_heads(builder *b, pencl_lm_metadata *m)
{
    int64_t groups = b->c->num_kv_heads;
    int64_t each = b->c->query_head_multiplier;
    if (each == 1 || groups > 1) {
        const char *name = each == 1 ? PENCL_AXIS_HEADS : PENCL_AXIS_HEAD_GROUPS;
        snprintf(b->common, TEXT_ROOM, "%s", name);
        snprintf(b->common_axes, TEXT_ROOM, "%s=%" PRId64, name, groups);
        m->common_head_axes[m->n_common].size = groups;
        pn_copy(m->common_head_axes[m->n_common++].name, PENCL_AXIS_NAME_MAX, name);
    }
    if (each > 1) {
        snprintf(b->query_only, TEXT_ROOM, "%s", PENCL_AXIS_QUERY_HEADS);
        snprintf(b->query_axes, TEXT_ROOM, "%s=%" PRId64, PENCL_AXIS_QUERY_HEADS, each);
        m->query_only_head_axes[m->n_query_only].size = each;
        pn_copy(m->query_only_head_axes[m->n_query_only++].name, PENCL_AXIS_NAME_MAX,
                PENCL_AXIS_QUERY_HEADS);
    }
    snprintf(b->heads, sizeof b->heads, "%.200s %.200s projection", b->common, b->query_only);
    snprintf(b->kv_heads, sizeof b->kv_heads, "%.200s projection", b->common);
}

/* A block's weight: tensor "blk.N.TENSOR.weight", label "transformer/block_N/LABEL". */
static pencl_variable *block_weight(builder *b,
                                    const char *tensor,
                                    const char *label,
                                    const char *axes,
                                    int n_row_axes,
                                    pn_row_order order)
{
    char full_tensor[TEXT_ROOM];
    char full_label[TEXT_ROOM];
    snprintf(full_tensor, TEXT_ROOM, "blk.%" PRId64 ".%s.weight", b->block, tensor);
    snprintf(full_label, TEXT_ROOM, "transformer/block_%" PRId64 "/%s", b->block, label);
    return pn_weights_load(b->w, &(pn_weight){.tensor = full_tensor,
                                              .label = full_label,
                                              .axes = axes,
                                              .n_row_axes = n_row_axes,
                                              .order = order,
                                              .head = b->c->projection_dim});
}

static pencl_layer *norm(builder *b, pencl_variable *scale)
{
    return pn_nn_rms_layer_norm(b->ctx, scale, PENCL_AXIS_EMBEDDING, b->c->rms_norm_eps);
}

static pencl_layer *block_norm(builder *b, const char *tensor, const char *label)
{
    char axes[TEXT_ROOM];
    snprintf(axes, TEXT_ROOM, "embedding=%" PRId64, b->c->embedding_dim);
    return norm(b, block_weight(b, tensor, label, axes, 0, PN_ROWS_AS_STORED));
}

/* query, key or value: [heads.., projection] rows over embedding columns. */
static pencl_layer *
heads_linear(builder *b, const char *tensor, const char *label, bool query, pn_row_order order)
{
    char axes[4 * TEXT_ROOM];
    snprintf(axes, sizeof axes, "%s %s projection=%" PRId64 " embedding=%" PRId64, b->common_axes,
             query ? b->query_axes : "", b->c->projection_dim, b->c->embedding_dim);
    int rows = 1 + (b->common[0] != '\0') + (query && b->query_only[0] != '\0');
    return pn_nn_linear(b->ctx, block_weight(b, tensor, label, axes, rows, order),
                        PENCL_AXIS_EMBEDDING, query ? b->heads : b->kv_heads);
}

static pencl_layer *output_linear(builder *b)
{
    char axes[4 * TEXT_ROOM];
    snprintf(axes, sizeof axes, "embedding=%" PRId64 " %s %s projection=%" PRId64,
             b->c->embedding_dim, b->common_axes, b->query_axes, b->c->projection_dim);
    return pn_nn_linear(
        b->ctx,
        block_weight(b, "attn_output", "attention/output.weights", axes, 1, PN_ROWS_AS_STORED),
        b->heads, PENCL_AXIS_EMBEDDING);
}

static pencl_layer *attention(builder *b)
{
    pencl_ctx *ctx = b->ctx;
    double scaling = 1.0 / sqrt((double)b->c->projection_dim);
    pn_nn_attention_parts parts = {
        .input_to_query = PN_NN_LIST(
            ctx, "Sequential",
            heads_linear(b, "attn_q", "attention/query.weights", true, PN_ROWS_ROTARY_PAIRS),
            pn_nn_rope(ctx, b->c->rope_wavelength, 1.0, 0), pn_nn_rescale(ctx, scaling)),
        .input_to_key = PN_NN_LIST(
            ctx, "Sequential",
            heads_linear(b, "attn_k", "attention/key.weights", false, PN_ROWS_ROTARY_PAIRS),
            pn_nn_rope(ctx, b->c->rope_wavelength, 1.0, 0)),
        .input_to_value = PN_NN_LIST(
            ctx, "Sequential",
            heads_linear(b, "attn_v", "attention/value.weights", false, PN_ROWS_AS_STORED)),
        .query_key_to_attn =
            PN_NN_LIST(ctx, "Sequential", pn_nn_query_key_einsum(ctx, b->common, b->query_only),
                       pn_nn_causal_mask(ctx, 0), pn_nn_softmax(ctx, PENCL_AXIS_KV_SEQ)),
        .attn_value_to_output =
            PN_NN_LIST(ctx, "Sequential", pn_nn_attn_value_einsum(ctx, b->common, b->query_only),
                       output_linear(b)),
    };
    return pn_nn_attention(ctx, &parts);
}

/* gating, value: embedding to neurons; out: back. */
static pencl_layer *mlp_linear(builder *b, const char *tensor, const char *label, bool out)
{
    char axes[TEXT_ROOM];
    int64_t sizes[2] = {b->c->mlp_hidden_dim, b->c->embedding_dim};
    const char *names[2] = {PENCL_AXIS_NEURONS, PENCL_AXIS_EMBEDDING};
    snprintf(axes, TEXT_ROOM, "%s=%" PRId64 " %s=%" PRId64, names[out], sizes[out], names[!out],
             sizes[!out]);
    return pn_nn_linear(b->ctx, block_weight(b, tensor, label, axes, 1, PN_ROWS_AS_STORED),
                        names[!out], names[out]);
}

static pencl_layer *feed_forward(builder *b)
{
    pencl_ctx *ctx = b->ctx;
    pencl_layer *gate = PN_NN_NAMED_GROUP(
        ctx, "gate", mlp_linear(b, "ffn_gate", "mlp/gating_linear.weights", false),
        pn_nn_elementwise(ctx, b->c->activation));
    return PN_NN_LIST(ctx, "TransformerFeedForward",
                      PN_NN_LIST(ctx, "BranchAndMultiplyTogether", gate,
                                 mlp_linear(b, "ffn_up", "mlp/value_linear.weights", false)),
                      mlp_linear(b, "ffn_down", "mlp/out_linear.weights", true));
}

static pencl_layer *block(builder *b)
{
    pencl_ctx *ctx = b->ctx;
    return PN_NN_LIST(
        ctx, "TransformerBlock",
        pn_nn_residual(ctx,
                       PN_NN_LIST(ctx, "Sequential",
                                  block_norm(b, "attn_norm", "pre_attention_norm/scale.weights"),
                                  attention(b))),
        pn_nn_residual(ctx, PN_NN_LIST(ctx, "Sequential",
                                       block_norm(b, "ffn_norm", "pre_ffw_norm/scale.weights"),
                                       feed_forward(b))));
}

static pencl_variable *
global_weight(builder *b, const char *tensor, const char *label, const char *axes, int n_row_axes)
{
    return pn_weights_load(
        b->w,
        &(pn_weight){.tensor = tensor, .label = label, .axes = axes, .n_row_axes = n_row_axes});
}

static pencl_layer *logits(builder *b, pencl_layer *table, const char *table_axes)
{
    if (b->c->tied) {
        return pn_nn_embedding_decode(b->ctx, table);
    }
    pencl_layer_free(table);
    return pn_nn_linear(
        b->ctx, global_weight(b, "output.weight", "transformer/lm_head.weights", table_axes, 1),
        PENCL_AXIS_EMBEDDING, PENCL_AXIS_VOCABULARY);
}

static pencl_layer *model(builder *b)
{
    pencl_ctx *ctx = b->ctx;
    char table_axes[TEXT_ROOM];
    char norm_axes[TEXT_ROOM];
    snprintf(table_axes, TEXT_ROOM, "vocabulary=%" PRId64 " embedding=%" PRId64, b->c->vocab_size,
             b->c->embedding_dim);
    snprintf(norm_axes, TEXT_ROOM, "embedding=%" PRId64, b->c->embedding_dim);
    pencl_layer *table =
        pn_nn_embedding_table(ctx, global_weight(b, "token_embd.weight",
                                                 "transformer/embedder.embeddings", table_axes, 1));
    pn_layers layers = {0};
    pn_layers_add(&layers,
                  pn_nn_embedding_lookup(ctx, table == NULL ? NULL : pencl_layer_ref(table)));
    for (b->block = 0; b->block < b->c->num_decoder_blocks && !layers.failed; b->block++) {
        pn_layers_add(&layers, block(b));
    }
    if (layers.failed) {
        pencl_layer_free(table);
        return pn_nn_list_of(ctx, "Sequential", &layers);
    }
    pn_layers_add(&layers,
                  norm(b, global_weight(b, "output_norm.weight",
                                        "transformer/final_norm/scale.weights", norm_axes, 0)));
    pn_layers_add(&layers, logits(b, table, table_axes));
    return pn_nn_list_of(ctx, "Sequential", &layers);
}

pencl_status pn_llamalike_build(pencl_layer **body,
                                pencl_lm_metadata *metadata,
                                pn_weights *w,
                                const pn_llamalike *config)
{
    builder b = {.ctx = w->ctx, .w = w, .c = config};
    *metadata = (pencl_lm_metadata){.embedding_dim = config->embedding_dim,
                                    .projection_dim = config->projection_dim,
                                    .mlp_hidden_dim = config->mlp_hidden_dim,
                                    .vocab_size = config->vocab_size,
                                    .activation_dtype = PENCL_F32};
    name_heads(&b, metadata);
    *body = model(&b);
    if (*body != NULL) {
        return PENCL_OK;
    }
    return w->ctx->error.status != PENCL_OK ? w->ctx->error.status : PN_NOMEM(w->ctx);
}
