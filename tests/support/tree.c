/* SPDX-License-Identifier: Apache-2.0 */
/* Small layer trees and variables for tests. */
#include "support/tree.h"

#include "support/noise.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static void ok(pencl_device *device, pencl_status status)
{
    ck_assert_msg(status == PENCL_OK, "%s", pencl_error_text(pn_device_ctx(device)));
}

static pencl_array *
array_of(pencl_device *device, pencl_dtype dtype, const char *text, const void *values)
{
    pn_spec spec;
    pencl_array *array = NULL;
    ok(device, pn_spec_parse(&spec, pn_device_ctx(device), text));
    ok(device, pencl_array_new(&array, device, dtype, spec.axes, spec.n_axes));
    ok(device, pencl_array_upload(array, values, (size_t)pn_spec_count(&spec) * 4));
    return array;
}

pencl_array *tree_array(pencl_device *device, const char *spec, const float *values)
{
    return array_of(device, PENCL_F32, spec, values);
}

pencl_array *tree_ids(pencl_device *device, const char *spec, const int32_t *values)
{
    return array_of(device, PENCL_I32, spec, values);
}

/* Of its own for each label: layers that mix up two of their variables must not get away with it.
 */
static noise seed_of(const char *label, size_t n)
{
    uint64_t state = n * 7919 + 1;
    for (const char *p = label; *p != '\0'; p++) {
        state = state * 31 + (unsigned char)*p;
    }
    return (noise){state | 1};
}

pencl_variable *
tree_variable(pencl_device *device, const char *label, const char *spec, int n_row_axes)
{
    pn_spec parsed;
    ok(device, pn_spec_parse(&parsed, pn_device_ctx(device), spec));
    size_t n = (size_t)pn_spec_count(&parsed);
    float *values = calloc(n, sizeof *values);
    noise seed = seed_of(label, n);
    for (size_t i = 0; i < n; i++) {
        values[i] = noise_float(&seed);
    }
    pencl_array *array = tree_array(device, spec, values);
    pencl_variable *variable = NULL;
    ok(device, pencl_variable_new(&variable, PENCL_PARAMETER, label, array, n_row_axes));
    pencl_array_free(array);
    free(values);
    return variable;
}

float *tree_values(const pencl_variable *variable)
{
    pencl_device *device = pn_variable_store(variable)->device;
    pencl_array *array = NULL;
    ok(device, pencl_variable_value(&array, variable));
    int64_t n = pencl_array_count(array);
    float *values = calloc((size_t)n, sizeof *values);
    ok(device, pencl_array_download_f32(array, values, n));
    pencl_array_free(array);
    return values;
}

/* ---- a decoder ---- */

/* A parameter named as penzai names those of a block. */
static pencl_variable *
weight(pencl_device *device, int block, const char *name, const char *spec, int n_row_axes)
{
    char label[128];
    snprintf(label, sizeof label, "transformer/block_%d/%s.weights", block, name);
    return tree_variable(device, label, spec, n_row_axes);
}

static pencl_layer *norm(pencl_device *device, int block, const char *name)
{
    pencl_variable *scale = weight(device, block, name, "embedding=8", 0);
    return pn_nn_rms_layer_norm(pn_device_ctx(device), scale, "embedding", 1e-6);
}

/* How heads are laid out. */
typedef struct head_axes {
    const char *query; /* of the weights */
    const char *key;
    const char *output;
    const char *query_names;
    const char *key_names;
    const char *common;
    const char *query_only;
    int query_rows; /* row axes of the query's weights */
} head_axes;

static const head_axes plain_heads = {.query = "heads=2 projection=4 embedding=8",
                                      .key = "heads=2 projection=4 embedding=8",
                                      .output = "embedding=8 heads=2 projection=4",
                                      .query_names = "heads projection",
                                      .key_names = "heads projection",
                                      .common = "heads",
                                      .query_only = "",
                                      .query_rows = 2};

static const head_axes grouped_heads = {
    .query = "head_groups=2 query_heads=3 projection=4 embedding=8",
    .key = "head_groups=2 projection=4 embedding=8",
    .output = "embedding=8 head_groups=2 query_heads=3 projection=4",
    .query_names = "head_groups query_heads projection",
    .key_names = "head_groups projection",
    .common = "head_groups",
    .query_only = "query_heads",
    .query_rows = 3};

static pencl_layer *attention(pencl_device *device, int block, const head_axes *h)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pencl_layer *query =
        pn_nn_linear(ctx, weight(device, block, "attention/query", h->query, h->query_rows),
                     "embedding", h->query_names);
    pencl_layer *key = pn_nn_linear(ctx, weight(device, block, "attention/key", h->key, 2),
                                    "embedding", h->key_names);
    pencl_layer *value = pn_nn_linear(ctx, weight(device, block, "attention/value", h->key, 2),
                                      "embedding", h->key_names);
    pencl_variable *output = weight(device, block, "attention/output", h->output, 1);
    pn_nn_attention_parts parts = {
        .input_to_query = PN_NN_LIST(ctx, "Sequential", query, pn_nn_rope(ctx, 1e4, 1, 0),
                                     pn_nn_rescale(ctx, 0.5)),
        .input_to_key = PN_NN_LIST(ctx, "Sequential", key, pn_nn_rope(ctx, 1e4, 1, 0)),
        .input_to_value = PN_NN_LIST(ctx, "Sequential", value),
        .query_key_to_attn =
            PN_NN_LIST(ctx, "Sequential", pn_nn_query_key_einsum(ctx, h->common, h->query_only),
                       pn_nn_causal_mask(ctx, 0), pn_nn_softmax(ctx, "kv_seq")),
        .attn_value_to_output =
            PN_NN_LIST(ctx, "Sequential", pn_nn_attn_value_einsum(ctx, h->common, h->query_only),
                       pn_nn_linear(ctx, output, h->query_names, "embedding")),
    };
    return pn_nn_attention(ctx, &parts);
}

static pencl_layer *feed_forward(pencl_device *device, int block)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    const char *up = "neurons=16 embedding=8";
    pencl_variable *gating = weight(device, block, "mlp/gating_linear", up, 1);
    pencl_variable *value = weight(device, block, "mlp/value_linear", up, 1);
    pencl_variable *out = weight(device, block, "mlp/out_linear", "embedding=8 neurons=16", 1);
    pencl_layer *gate =
        PN_NN_NAMED_GROUP(ctx, "gate", pn_nn_linear(ctx, gating, "embedding", "neurons"),
                          pn_nn_elementwise(ctx, "silu"));
    pencl_layer *product = PN_NN_LIST(ctx, "BranchAndMultiplyTogether", gate,
                                      pn_nn_linear(ctx, value, "embedding", "neurons"));
    return PN_NN_LIST(ctx, "TransformerFeedForward", product,
                      pn_nn_linear(ctx, out, "neurons", "embedding"));
}

static pencl_layer *block_of(pencl_device *device, int block, const head_axes *h)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pencl_layer *attend =
        PN_NN_LIST(ctx, "Sequential", norm(device, block, "pre_attention_norm/scale"),
                   attention(device, block, h));
    pencl_layer *feed = PN_NN_LIST(ctx, "Sequential", norm(device, block, "pre_ffw_norm/scale"),
                                   feed_forward(device, block));
    return PN_NN_LIST(ctx, "TransformerBlock", pn_nn_residual(ctx, attend),
                      pn_nn_residual(ctx, feed));
}

static pencl_layer *decoder(pencl_device *device, int n_blocks, const head_axes *h)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pencl_variable *embeddings =
        tree_variable(device, "transformer/embedder.embeddings", "vocabulary=11 embedding=8", 1);
    pencl_variable *scale =
        tree_variable(device, "transformer/final_norm/scale.weights", "embedding=8", 0);
    pencl_layer *table = pn_nn_embedding_table(ctx, embeddings);
    pn_layers layers = {0};
    pn_layers_add(&layers, pn_nn_embedding_lookup(ctx, pencl_layer_ref(table)));
    for (int i = 0; i < n_blocks; i++) {
        pn_layers_add(&layers, block_of(device, i, h));
    }
    pn_layers_add(&layers, pn_nn_rms_layer_norm(ctx, scale, "embedding", 1e-6));
    pn_layers_add(&layers, pn_nn_embedding_decode(ctx, table));
    pencl_layer *body = pn_nn_list_of(ctx, "Sequential", &layers);
    ck_assert_msg(body != NULL, "%s", pencl_error_text(ctx));
    return body;
}

pencl_layer *tree_decoder(pencl_device *device, int n_blocks)
{
    return decoder(device, n_blocks, &plain_heads);
}

pencl_layer *tree_gqa_decoder(pencl_device *device, int n_blocks)
{
    return decoder(device, n_blocks, &grouped_heads);
}
