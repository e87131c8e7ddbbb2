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
/* The name in a field of exactly one axis; else NULL and E_UNSUPPORTED on x's graph. */
const char *pn_layer_one_axis(const pencl_layer *self, const char *field, pencl_value *x);

/* Records an error that ends with x's shape: "text, got float32(| seq:2)". Returns NULL. */
pencl_value *pn_value_refuse(pencl_value *x, pencl_status status, const char *fmt, ...)
    PN_PRINTF(3, 4);

/* The positions that a RoPE layer reads, checked against x as penzai does; NULL on error. */
pencl_value *
pn_rope_positions(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side);
/* Scores masked by positions; window 0: any distance. */
pencl_value *pn_mask_scores(const pencl_layer *self,
                            pencl_value *scores,
                            const pencl_side_inputs *side,
                            int64_t window);

#endif
