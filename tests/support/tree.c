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

pencl_variable *
tree_variable(pencl_device *device, const char *label, const char *spec, int n_row_axes)
{
    pn_spec parsed;
    ok(device, pn_spec_parse(&parsed, pn_device_ctx(device), spec));
    size_t n = (size_t)pn_spec_count(&parsed);
    float *values = calloc(n, sizeof *values);
    noise seed = {n * 7919 + 1};
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

static pencl_layer *attention(pencl_device *device, int block)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    const char *into = "heads=2 projection=4 embedding=8";
    const char *heads = "heads projection";
    pencl_layer *query =
        pn_nn_linear(ctx, weight(device, block, "attention/query", into, 2), "embedding", heads);
    pencl_layer *key =
        pn_nn_linear(ctx, weight(device, block, "attention/key", into, 2), "embedding", heads);
    pencl_layer *value =
        pn_nn_linear(ctx, weight(device, block, "attention/value", into, 2), "embedding", heads);
    pencl_variable *output =
        weight(device, block, "attention/output", "embedding=8 heads=2 projection=4", 1);
    pn_nn_attention_parts parts = {
        .input_to_query = PN_NN_LIST(ctx, "Sequential", query, pn_nn_rope(ctx, 1e4, 1, 0),
                                     pn_nn_rescale(ctx, 0.5)),
        .input_to_key = PN_NN_LIST(ctx, "Sequential", key, pn_nn_rope(ctx, 1e4, 1, 0)),
        .input_to_value = PN_NN_LIST(ctx, "Sequential", value),
        .query_key_to_attn = PN_NN_LIST(ctx, "Sequential", pn_nn_query_key_einsum(ctx, "heads", ""),
                                        pn_nn_causal_mask(ctx, 0), pn_nn_softmax(ctx, "kv_seq")),
        .attn_value_to_output =
            PN_NN_LIST(ctx, "Sequential", pn_nn_attn_value_einsum(ctx, "heads", ""),
                       pn_nn_linear(ctx, output, heads, "embedding")),
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

static pencl_layer *block_of(pencl_device *device, int block)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pencl_layer *attend = PN_NN_LIST(ctx, "Sequential", norm(device, block, "pre_attention_norm"),
                                     attention(device, block));
    pencl_layer *feed = PN_NN_LIST(ctx, "Sequential", norm(device, block, "pre_ffw_norm"),
                                   feed_forward(device, block));
    return PN_NN_LIST(ctx, "TransformerBlock", pn_nn_residual(ctx, attend),
                      pn_nn_residual(ctx, feed));
}

pencl_layer *tree_decoder(pencl_device *device, int n_blocks)
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
        pn_layers_add(&layers, block_of(device, i));
    }
    pn_layers_add(&layers, pn_nn_rms_layer_norm(ctx, scale, "embedding", 1e-6));
    pn_layers_add(&layers, pn_nn_embedding_decode(ctx, table));
    pencl_layer *body = pn_nn_list_of(ctx, "Sequential", &layers);
    ck_assert_msg(body != NULL, "%s", pencl_error_text(ctx));
    return body;
}
