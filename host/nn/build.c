/* SPDX-License-Identifier: Apache-2.0 */
/* Builders of nodes: each takes over its children and variables, so that trees nest. */
#include "nn/layers.h"

#include <stdio.h>
#include <string.h>

/* ---- attributes ---- */

static pencl_attribute of_text(const char *name, const char *text)
{
    return (pencl_attribute){.name = name, .kind = PENCL_FIELD_TEXT, .text = text};
}

static pencl_attribute of_number(const char *name, double number)
{
    return (pencl_attribute){.name = name, .kind = PENCL_FIELD_NUMBER, .number = number};
}

static pencl_attribute of_layer(const char *name, pencl_layer *const *layer)
{
    return (pencl_attribute){.name = name, .kind = PENCL_FIELD_LAYER, .layers = layer, .n = 1};
}

static pencl_attribute of_layers(const char *name, pencl_layer *const *layers, int n)
{
    return (pencl_attribute){.name = name, .kind = PENCL_FIELD_LAYERS, .layers = layers, .n = n};
}

static pencl_attribute of_variable(const char *name, pencl_variable *variable)
{
    return (pencl_attribute){.name = name, .kind = PENCL_FIELD_VARIABLE, .variable = variable};
}

/* Axes without sizes, from words. */
typedef struct axis_list {
    int n;
    pencl_axis axes[PENCL_MAX_AXES];
} axis_list;

static axis_list axes_from(const char *words)
{
    axis_list list = {0};
    const char *p = words + strspn(words, " ");
    while (*p != '\0' && list.n < PENCL_MAX_AXES) {
        size_t length = strcspn(p, " ");
        snprintf(list.axes[list.n].name, PENCL_AXIS_NAME_MAX, "%.*s", (int)length, p);
        list.n++;
        p += length;
        p += strspn(p, " ");
    }
    return list;
}

static pencl_attribute of_axes(const char *name, const axis_list *list)
{
    return (pencl_attribute){
        .name = name, .kind = PENCL_FIELD_AXES, .axes = list->axes, .n = list->n};
}

/* ---- nodes ---- */

/* The node, having taken over what the attributes refer to. */
static pencl_layer *
take(pencl_ctx *ctx, const pencl_layer_type *type, const pencl_attribute *attributes, int n)
{
    pencl_layer *layer = NULL;
    if (pn_layer_new(&layer, ctx, type, attributes, n) != PENCL_OK) {
        layer = NULL;
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; attributes[i].layers != NULL && k < attributes[i].n; k++) {
            pencl_layer_free(attributes[i].layers[k]);
        }
        pencl_variable_free(attributes[i].variable);
    }
    return layer;
}

#define TAKE(ctx, name, ...)                                                                       \
    take(ctx, &pn_layer_##name, (pencl_attribute[]){__VA_ARGS__},                                  \
         (int)PN_COUNT(((pencl_attribute[]){__VA_ARGS__})))

/* ---- groups ---- */

pencl_layer *pn_nn_list(pencl_ctx *ctx, const char *type, pencl_layer *const *children, int n)
{
    const pencl_layer_type *t = pencl_layer_type_named(type);
    pencl_attribute list = of_layers("sublayers", children, n);
    if (t == NULL) {
        PN_FAIL(ctx, PENCL_E_ARG, "no layer type is named '%s'", type);
        t = &pn_layer_Identity; /* has no list: what was given is released, nothing is made */
    } else if (t->fields[0].name != NULL) {
        list.name = t->fields[0].name;
    }
    return take(ctx, t, &list, 1);
}

pencl_layer *
pn_nn_named_group(pencl_ctx *ctx, const char *name, pencl_layer *const *children, int n)
{
    return TAKE(ctx, NamedGroup, of_text("name", name), of_layers("sublayers", children, n));
}

void pn_layers_add(pn_layers *list, pencl_layer *layer)
{
    if (layer != NULL && !list->failed && list->n == list->room) {
        int room = list->room == 0 ? 16 : list->room * 2;
        pencl_layer **items = pn_realloc(list->items, (size_t)room, sizeof(pencl_layer *));
        list->failed = items == NULL;
        if (items != NULL) {
            list->items = items;
            list->room = room;
        }
    }
    if (layer == NULL || list->failed) {
        list->failed = true;
        pencl_layer_free(layer);
        return;
    }
    list->items[list->n++] = layer;
}

pencl_layer *pn_nn_list_of(pencl_ctx *ctx, const char *type, pn_layers *list)
{
    pencl_layer *layer = NULL;
    if (list->failed) {
        PN_FAIL(ctx, PENCL_E_NOMEM, "%s: a child is missing, or out of host memory", type);
        for (int i = 0; i < list->n; i++) {
            pencl_layer_free(list->items[i]);
        }
    } else {
        layer = pn_nn_list(ctx, type, list->items, list->n);
    }
    pn_free(list->items);
    *list = (pn_layers){0};
    return layer;
}

pencl_layer *pn_nn_identity(pencl_ctx *ctx)
{
    return take(ctx, &pn_layer_Identity, NULL, 0);
}

pencl_layer *pn_nn_layer_stack(pencl_ctx *ctx, pencl_layer *sublayers, const char *axis, int64_t n)
{
    return TAKE(ctx, LayerStack, of_layer("stacked_sublayers", &sublayers),
                of_text("stack_axis", axis), of_number("stack_axis_size", (double)n));
}

pencl_layer *pn_nn_residual(pencl_ctx *ctx, pencl_layer *delta)
{
    return TAKE(ctx, Residual, of_layer("delta", &delta));
}

pencl_layer *pn_nn_attention(pencl_ctx *ctx, const pn_nn_attention_parts *parts)
{
    return TAKE(ctx, Attention, of_layer("input_to_query", &parts->input_to_query),
                of_layer("input_to_key", &parts->input_to_key),
                of_layer("input_to_value", &parts->input_to_value),
                of_layer("query_key_to_attn", &parts->query_key_to_attn),
                of_layer("attn_value_to_output", &parts->attn_value_to_output));
}

pencl_layer *pn_nn_capture(pencl_ctx *ctx, const char *name, pencl_layer *layer)
{
    return TAKE(ctx, Capture, of_text("name", name), of_layer("layer", &layer));
}

/* ---- with variables ---- */

pencl_layer *pn_nn_patch(pencl_ctx *ctx, pencl_variable *value, pencl_variable *mask)
{
    return TAKE(ctx, Patch, of_variable("value", value), of_variable("mask", mask));
}

pencl_layer *pn_nn_knock_out(pencl_ctx *ctx, pencl_variable *head_mask)
{
    return TAKE(ctx, KnockOutAttentionHeads, of_variable("head_mask", head_mask));
}

pencl_layer *pn_nn_embedding_table(pencl_ctx *ctx, pencl_variable *embeddings)
{
    return TAKE(ctx, EmbeddingTable, of_variable("embeddings", embeddings),
                of_text("vocabulary_axis", PENCL_AXIS_VOCABULARY));
}

pencl_layer *pn_nn_embedding_lookup(pencl_ctx *ctx, pencl_layer *table)
{
    return TAKE(ctx, EmbeddingLookup, of_layer("table", &table));
}

pencl_layer *pn_nn_embedding_decode(pencl_ctx *ctx, pencl_layer *table)
{
    return TAKE(ctx, EmbeddingDecode, of_layer("table", &table));
}

pencl_layer *
pn_nn_linear(pencl_ctx *ctx, pencl_variable *weights, const char *in_axes, const char *out_axes)
{
    axis_list in = axes_from(in_axes);
    axis_list out = axes_from(out_axes);
    return TAKE(ctx, Linear, of_variable("weights", weights), of_axes("in_axis_names", &in),
                of_axes("out_axis_names", &out));
}

pencl_layer *pn_nn_add_bias(pencl_ctx *ctx, pencl_variable *bias)
{
    axis_list none = {0};
    return TAKE(ctx, AddBias, of_variable("bias", bias), of_axes("new_axis_names", &none));
}

pencl_layer *pn_nn_affine(pencl_ctx *ctx,
                          pencl_variable *weights,
                          pencl_variable *bias,
                          const char *in_axes,
                          const char *out_axes)
{
    pencl_layer *linear = pn_nn_linear(ctx, weights, in_axes, out_axes);
    return PN_NN_LIST(ctx, "Affine", linear, pn_nn_add_bias(ctx, bias));
}

pencl_layer *pn_nn_rename_axes(pencl_ctx *ctx, const char *old_names, const char *new_names)
{
    axis_list from = axes_from(old_names);
    axis_list to = axes_from(new_names);
    return TAKE(ctx, RenameAxes, of_axes("old", &from), of_axes("new", &to));
}

pencl_layer *
pn_nn_rms_layer_norm(pencl_ctx *ctx, pencl_variable *scale, const char *across, double epsilon)
{
    axis_list axis = axes_from(across);
    pencl_layer *standardize =
        TAKE(ctx, RMSStandardize, of_axes("across", &axis), of_number("epsilon", epsilon));
    return PN_NN_LIST(ctx, "RMSLayerNorm", standardize, pn_nn_linear(ctx, scale, "", ""));
}

pencl_layer *pn_nn_layer_norm(pencl_ctx *ctx,
                              pencl_variable *scale,
                              pencl_variable *shift,
                              const char *across,
                              double epsilon)
{
    axis_list axis = axes_from(across);
    pencl_layer *standardize =
        TAKE(ctx, Standardize, of_axes("across", &axis), of_number("epsilon", epsilon));
    pencl_layer *rescale = pn_nn_linear(ctx, scale, "", "");
    return PN_NN_LIST(ctx, "LayerNorm", standardize, rescale, pn_nn_add_bias(ctx, shift));
}

/* ---- without ---- */

pencl_layer *pn_nn_cast(pencl_ctx *ctx, pencl_dtype dtype)
{
    return TAKE(ctx, CastToDType, of_text("dtype", pencl_dtype_name(dtype)));
}

pencl_layer *pn_nn_rescale(pencl_ctx *ctx, double by)
{
    return TAKE(ctx, ConstantRescale, of_number("by", by));
}

pencl_layer *pn_nn_soft_cap(pencl_ctx *ctx, double soft_cap)
{
    return TAKE(ctx, TanhSoftCap, of_number("soft_cap", soft_cap));
}

pencl_layer *pn_nn_softmax(pencl_ctx *ctx, const char *axis)
{
    axis_list axes = axes_from(axis);
    return TAKE(ctx, Softmax, of_axes("axes", &axes));
}

pencl_layer *pn_nn_elementwise(pencl_ctx *ctx, const char *fn)
{
    return TAKE(ctx, Elementwise, of_text("fn", fn));
}

pencl_layer *pn_nn_rope(pencl_ctx *ctx, double max_wavelength, double scale_factor, int64_t subset)
{
    pencl_attribute axis = of_text("embedding_axis", PENCL_AXIS_PROJECTION);
    pencl_attribute wavelength = of_number("max_wavelength", max_wavelength);
    pencl_attribute positions = of_text("positions_input_name", PN_SIDE_TOKEN_POSITIONS);
    pencl_attribute scale = of_number("scale_factor", scale_factor);
    if (subset == 0) {
        return TAKE(ctx, ApplyRoPE, axis, wavelength, positions, scale);
    }
    return TAKE(ctx, ApplyRoPEToSubset, axis, wavelength, positions, scale,
                of_number("rope_subset_size", (double)subset));
}

pencl_layer *pn_nn_causal_mask(pencl_ctx *ctx, int64_t window)
{
    pencl_attribute query = of_text("query_positions_input_name", PN_SIDE_TOKEN_POSITIONS);
    pencl_attribute kv = of_text("kv_positions_input_name", PN_SIDE_TOKEN_POSITIONS);
    pencl_attribute seq = of_text("seq_axis", PENCL_AXIS_SEQ);
    pencl_attribute kv_seq = of_text("kv_seq_axis", PENCL_AXIS_KV_SEQ);
    pencl_attribute masked = of_number("masked_out_value", -2.3819763e38);
    if (window == 0) {
        return TAKE(ctx, ApplyCausalAttentionMask, masked, query, kv, seq, kv_seq);
    }
    return TAKE(ctx, ApplyCausalSlidingWindowAttentionMask, masked, query, kv, seq, kv_seq,
                of_number("sliding_window_size", (double)window));
}

/* ---- einsums ---- */

pencl_layer *pn_nn_einsum(pencl_ctx *ctx, const char *first, const char *second, const char *output)
{
    pn_text inputs = {0};
    pn_text_add(&inputs, "%s, %s", first, second);
    pencl_layer *layer = NULL;
    if (inputs.failed) {
        PN_NOMEM(ctx);
    } else {
        layer = TAKE(ctx, NamedEinsum, of_text("input_axes", pn_text_get(&inputs)),
                     of_text("output_axes", output));
    }
    pn_text_free(&inputs);
    return layer;
}

/* The terms of attention's einsums, as texts. Head axes are their own indices. */
enum { TERM_ROOM = 256 };
typedef struct attention_terms {
    char query[TERM_ROOM]; /* or the output of attention */
    char key[TERM_ROOM];   /* or value */
    char attn[TERM_ROOM];
} attention_terms;

static attention_terms terms_of(const char *common, const char *query_only)
{
    attention_terms t;
    snprintf(t.query, TERM_ROOM, "seq:tq %s %s projection", common, query_only);
    snprintf(t.key, TERM_ROOM, "seq:tkv %s projection", common);
    snprintf(t.attn, TERM_ROOM, "seq:tq %s %s kv_seq:tkv", common, query_only);
    return t;
}

pencl_layer *pn_nn_query_key_einsum(pencl_ctx *ctx, const char *common, const char *query_only)
{
    attention_terms t = terms_of(common, query_only);
    return pn_nn_einsum(ctx, t.query, t.key, t.attn);
}

pencl_layer *pn_nn_attn_value_einsum(pencl_ctx *ctx, const char *common, const char *query_only)
{
    attention_terms t = terms_of(common, query_only);
    return pn_nn_einsum(ctx, t.attn, t.key, t.query);
}
