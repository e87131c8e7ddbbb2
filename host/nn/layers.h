/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of host/nn: the layer types, and what several of them share. */
#ifndef PENCL_NN_LAYERS_H
#define PENCL_NN_LAYERS_H

#include "nn/nn.h"

#define LAYER(name) extern const pencl_layer_type pn_layer_##name;
#include "nn/layers.def"
#undef LAYER

/* Sequential and its subtypes: one list, `sublayers`, called in order. */
extern const pencl_field pn_sequential_fields[];
pencl_value *
pn_sequential_apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side);

/* E_FIELDS unless the attribute may hold the node. */
pencl_status pn_attribute_need(pencl_ctx *ctx,
                               const pencl_layer_type *type,
                               const pencl_attribute *a,
                               pencl_node node);

pencl_color pn_color(const char *border, const char *fill);
/* A colour whose hue is keyed by a text. */
pencl_color pn_color_of_text(const char *text);
/* The pale form of a CSS colour, with which penzai fills the boxes of groups. */
#define PN_PALE(css) "color-mix(in oklab, " css " 25%, white)"

/* The i-th layer of a field, called on x. */
pencl_value *pn_layer_run(const pencl_layer *self,
                          const char *field,
                          int i,
                          pencl_value *x,
                          const pencl_side_inputs *side);

/* A field of axes as the names that value verbs take. */
typedef struct pn_axis_names {
    int n;
    const char *names[PENCL_MAX_AXES];
} pn_axis_names;
pn_axis_names pn_layer_names(const pencl_layer *self, const char *field);
/* `over` called on the one axis that a field names, or on its axes merged into one and then split
 * again. */
pencl_value *
pn_over_axes(const pencl_layer *self,
             const char *field,
             pencl_value *x,
             pencl_value *(*over)(const pencl_layer *self, pencl_value *x, const char *axis));
/* Axes renamed at once: names may change places. */
pencl_value *
pn_value_rename_all(pencl_value *x, const pn_axis_names *from, const pn_axis_names *to);

/* Records an error that ends with x's shape: "text, got float32(| seq:2)". Returns NULL. */
pencl_value *pn_value_refuse(pencl_value *x, pencl_status status, const char *fmt, ...)
    PN_PRINTF(3, 4);

pencl_value *
pn_identity_apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side);
extern const pencl_field pn_dropout_fields[];

/* The positions that a RoPE layer reads, checked against x as penzai does; NULL on error. */
pencl_value *
pn_rope_positions(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side);

/* Who sees whom: positions and sequence ids of queries and keys, int32. */
typedef struct pn_mask {
    pencl_value *positions;    /* of the queries, with seq */
    pencl_value *kv_positions; /* with seq or kv_seq */
    bool keys_are_tokens;      /* no cache: the keys are those of the same tokens */
    const char *seq;
    const char *kv_seq;
    pencl_value *sequence; /* with seq; NULL: there is one sequence, and kv_sequence is NULL */
    pencl_value *kv_sequence;
} pn_mask;
/* Fills in the sequence ids from the side inputs, and gives what is of keys the axis kv_seq. False
 * when something is missing, with the error on the graph. */
bool pn_mask_read(pn_mask *mask, pencl_value *scores, const pencl_side_inputs *side);
/* Scores of the keys that a query may see, the layer's masked_out_value elsewhere, by the positions
 * that its fields name and the sequence ids among the side inputs; window 0: any distance. */
pencl_value *pn_mask_scores(const pencl_layer *self,
                            pencl_value *scores,
                            const pencl_side_inputs *side,
                            int64_t window);

#endif
