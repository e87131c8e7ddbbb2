/* SPDX-License-Identifier: Apache-2.0 */
/* Layers for the folders above: side inputs, variables, printing, and builders of nodes. */
#ifndef PENCL_NN_NN_H
#define PENCL_NN_NN_H

#include "graph/graph.h"
#include "pencl/layer.h"
#include "pencl/select.h"
#include "pencl/variable.h"

/* ---- side inputs: a small table, copied by value ---- */
#define PN_SIDE_TOKEN_POSITIONS    "token_positions"    /* int32 with seq */
#define PN_SIDE_KV_TOKEN_POSITIONS "kv_token_positions" /* int32 with seq or kv_seq */
#define PN_SIDE_TOKEN_SEQUENCE     "token_sequence"     /* int32 with seq; absent: one sequence */
#define PN_SIDE_KV_SEQUENCE        "kv_sequence"        /* int32 with seq or kv_seq */

#define PN_MAX_SIDE 16

typedef struct pn_side {
    const char *name;
    pencl_value *value;
} pn_side;

/* Start with {0}; a layer that adds one for its children copies the table first. */
struct pencl_side_inputs {
    int n;
    pn_side items[PN_MAX_SIDE];
    const pencl_layer *caller; /* whose apply runs: kept by pencl_layer_call, for paths */
};

/* Adds or replaces; the name is borrowed. A NULL value takes the name out. E_LIMIT: too many. */
pencl_status
pn_side_set(pencl_side_inputs *side, pencl_ctx *ctx, const char *name, pencl_value *value);

/* ---- nodes ---- */
/* pencl_layer_from_attributes without clearing the error record: the first error of a builder
 * stays. */
pencl_status pn_layer_new(pencl_layer **out,
                          pencl_ctx *ctx,
                          const pencl_layer_type *type,
                          const pencl_attribute *attributes,
                          int n);
/* pencl_layer_unflatten with the right number of children, the error record kept. */
pencl_status pn_layer_with_children(pencl_layer **out,
                                    pencl_ctx *ctx,
                                    const pencl_layer *like,
                                    const pencl_node *children);
/* True for a layer of the named type or a kind of it; "Layer" means all that can be called. */
bool pn_layer_is(const pencl_layer *layer, const char *type);

/* Children in field order: start with {0}; false after the last. NULL has none. */
typedef struct pn_child {
    pencl_node node;
    int field; /* attribute of the parent */
    int index; /* in its list; 0 for a single child */
    bool started;
} pn_child;
bool pn_next_child(pn_child *at, const pencl_layer *parent);
pencl_node pn_layer_child_at(const pencl_layer *parent, int field, int index);
pencl_key pn_child_key(const pencl_layer *parent, int field, int index);
void pn_key_add(pn_text *path, const pencl_key *key);

pencl_node pn_node_ref(pencl_node node);
void pn_node_free(pencl_node node);
bool pn_node_same(pencl_node a, pencl_node b); /* the same object */
bool pn_node_equal(pencl_node a, pencl_node b);
const char *pn_node_type_name(pencl_node node);
/* As pn_layer_is, for variables too: "Parameter", "AbstractVariableSlot". */
bool pn_node_is(pencl_node node, const char *type);

/* Same type and static fields, lists of the same length. */
bool pn_layer_same_static(const pencl_layer *a, const pencl_layer *b);
/* The same all the way down, the variables as `same` says. */
typedef int pn_same_variables(const pencl_variable *a, const pencl_variable *b);
bool pn_layer_same(const pencl_layer *a, const pencl_layer *b, pn_same_variables *same);

typedef enum pn_fold { PN_FOLD, PN_UNFOLD } pn_fold;
/* The tree as text. PN_FOLD: neighbours of a list that differ in labels only share one line,
 * ".sublayers[2..31] 30 x TransformerBlock". */
void pn_layer_print(pn_text *out, const pencl_layer *layer, pn_fold fold);

/* ---- variables ---- */
/* A mutable variable around storage, which is counted up. */
pencl_status pn_variable_new(pencl_variable **out,
                             pencl_ctx *ctx,
                             pencl_variable_kind kind,
                             const char *label,
                             pn_store *store);
pn_store *pn_variable_store(const pencl_variable *variable); /* borrowed; NULL: a slot */
pn_cell *pn_variable_cell(const pencl_variable *variable);   /* borrowed; NULL: a slot */
/* Neither the variable nor what it holds is anybody else's, plans aside. */
bool pn_variable_is_own(const pencl_variable *variable);
/* Of the value, or what a slot expects; NULL when it expects nothing. Borrowed. */
const pn_spec *pn_variable_spec(const pencl_variable *variable);
/* The storage, for writing in place: copied first when a snapshot or another variable shares it.
 * Borrowed. E_ARG unless the variable is mutable. */
pencl_status pn_variable_writable(pn_store **out, pencl_variable *variable);
const char *pn_variable_type_name(pencl_variable_kind kind, pencl_variable_form form);
/* 'Parameter "label" float32(| embedding:8)' */
void pn_variable_print(pn_text *out, const pencl_variable *variable);

/* ---- builders ----
 * Each returns a new reference and takes over the layers and variables that it is given, also when
 * it fails; to keep one, pass pencl_layer_ref(x) or pencl_variable_ref(x). NULL in gives NULL out,
 * and the first error stays on the context: a tree is written as one expression and checked once.
 * Axis names are words of one text: "head_groups query_heads projection"; "" is none. */

/* A type with one list of children: Sequential and its subtypes, the branch combinators. */
pencl_layer *pn_nn_list(pencl_ctx *ctx, const char *type, pencl_layer *const *children, int n);
#define PN_NN_LIST(ctx, type, ...)                                                                 \
    pn_nn_list(ctx, type, (pencl_layer *[]){__VA_ARGS__},                                          \
               (int)PN_COUNT(((pencl_layer *[]){__VA_ARGS__})))
pencl_layer *
pn_nn_named_group(pencl_ctx *ctx, const char *name, pencl_layer *const *children, int n);
#define PN_NN_NAMED_GROUP(ctx, name, ...)                                                          \
    pn_nn_named_group(ctx, name, (pencl_layer *[]){__VA_ARGS__},                                   \
                      (int)PN_COUNT(((pencl_layer *[]){__VA_ARGS__})))

/* A list whose length is not known beforehand: start with {0}, add, then build. pn_nn_list_of
 * empties it. */
typedef struct pn_layers {
    pencl_layer **items;
    int n;
    int room;
    bool failed; /* a NULL was added or memory ran out */
} pn_layers;
void pn_layers_add(pn_layers *list, pencl_layer *layer); /* takes over */
pencl_layer *pn_nn_list_of(pencl_ctx *ctx, const char *type, pn_layers *list);

pencl_layer *pn_nn_identity(pencl_ctx *ctx);
/* `n` layers of one structure, their variables along the axis. */
pencl_layer *pn_nn_layer_stack(pencl_ctx *ctx, pencl_layer *sublayers, const char *axis, int64_t n);
pencl_layer *pn_nn_residual(pencl_ctx *ctx, pencl_layer *delta);
/* The sublayers in the order of penzai's fields. */
typedef struct pn_nn_attention_parts {
    pencl_layer *input_to_query;
    pencl_layer *input_to_key;
    pencl_layer *input_to_value;
    pencl_layer *query_key_to_attn;
    pencl_layer *attn_value_to_output;
} pn_nn_attention_parts;
pencl_layer *pn_nn_attention(pencl_ctx *ctx, const pn_nn_attention_parts *parts);

pencl_layer *pn_nn_embedding_table(pencl_ctx *ctx, pencl_variable *embeddings);
pencl_layer *pn_nn_embedding_lookup(pencl_ctx *ctx, pencl_layer *table);
pencl_layer *pn_nn_embedding_decode(pencl_ctx *ctx, pencl_layer *table);

pencl_layer *
pn_nn_linear(pencl_ctx *ctx, pencl_variable *weights, const char *in_axes, const char *out_axes);
pencl_layer *pn_nn_add_bias(pencl_ctx *ctx, pencl_variable *bias);
/* [Linear, AddBias] */
pencl_layer *pn_nn_affine(pencl_ctx *ctx,
                          pencl_variable *weights,
                          pencl_variable *bias,
                          const char *in_axes,
                          const char *out_axes);
pencl_layer *pn_nn_rename_axes(pencl_ctx *ctx, const char *old_names, const char *new_names);
/* [RMSStandardize, Linear scale] and [Standardize, Linear scale, AddBias shift], over one axis. */
pencl_layer *
pn_nn_rms_layer_norm(pencl_ctx *ctx, pencl_variable *scale, const char *across, double epsilon);
pencl_layer *pn_nn_layer_norm(pencl_ctx *ctx,
                              pencl_variable *scale,
                              pencl_variable *shift,
                              const char *across,
                              double epsilon);

pencl_layer *pn_nn_cast(pencl_ctx *ctx, pencl_dtype dtype);
pencl_layer *pn_nn_rescale(pencl_ctx *ctx, double by);
pencl_layer *pn_nn_soft_cap(pencl_ctx *ctx, double soft_cap);
pencl_layer *pn_nn_softmax(pencl_ctx *ctx, const char *axis);
/* fn: "silu", "gelu_approx" (tanh), "gelu_exact", "relu" */
pencl_layer *pn_nn_elementwise(pencl_ctx *ctx, const char *fn);

/* Over the axis "projection", with the token positions. subset > 0: its first entries only. */
pencl_layer *pn_nn_rope(pencl_ctx *ctx, double max_wavelength, double scale_factor, int64_t subset);
/* window 0: causal; else causal and sliding. Keys and queries share the token positions. */
pencl_layer *pn_nn_causal_mask(pencl_ctx *ctx, int64_t window);
/* One term of axis:index words an input, and one for the output. */
pencl_layer *
pn_nn_einsum(pencl_ctx *ctx, const char *first, const char *second, const char *output);
/* The two einsums of attention. `common` and `query_only` are the names of the head axes, "" for
 * none: query [seq, common, query_only, projection] and key [seq, common, projection] to scores
 * [seq, common, query_only, kv_seq]; these and value to [seq, common, query_only, projection]. */
pencl_layer *pn_nn_query_key_einsum(pencl_ctx *ctx, const char *common, const char *query_only);
pencl_layer *pn_nn_attn_value_einsum(pencl_ctx *ctx, const char *common, const char *query_only);

pencl_layer *pn_nn_capture(pencl_ctx *ctx, const char *name, pencl_layer *layer);
pencl_layer *pn_nn_patch(pencl_ctx *ctx, pencl_variable *value, pencl_variable *mask);
pencl_layer *pn_nn_knock_out(pencl_ctx *ctx, pencl_variable *head_mask);

#endif
