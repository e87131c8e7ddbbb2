/* SPDX-License-Identifier: Apache-2.0 */
/* Layers: an immutable tree of small functions from values to values, and the table that describes
 * each type. Subtrees are shared and counted; selectors (select.h) make changed copies.
 *
 *     static pencl_value *
 *     louder(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
 *     {
 *         (void)side;
 *         return pencl_value_scale(x, pencl_layer_number(self, "by"));
 *     }
 *     static const pencl_field fields[] = {{"by", PENCL_FIELD_NUMBER}, {0}};
 *     static const pencl_layer_type type = {"Louder", "x * by", fields, louder, NULL};
 *     pencl_attribute by = {.name = "by", .kind = PENCL_FIELD_NUMBER, .number = 1.25};
 *     pencl_layer *layer = NULL;
 *     pencl_status st = pencl_layer_new(&layer, ctx, &type, &by, 1);
 */
#ifndef PENCL_LAYER_H
#define PENCL_LAYER_H

#include "pencl/graph.h"
#include "pencl/variable.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_layer pencl_layer;

/* Named values that every layer sees: "token_positions", "kv_token_positions", ... A layer ignores
 * names that it does not know. */
typedef struct pencl_side_inputs pencl_side_inputs;
/* The value, or NULL when absent (no error); need records PENCL_E_SIDE_INPUT on the graph of
 * `near`. */
PENCL_API pencl_value *pencl_side_get(const pencl_side_inputs *side, const char *name);
PENCL_API pencl_value *
pencl_side_need(const pencl_side_inputs *side, const char *name, pencl_value *near);

typedef enum pencl_field_kind {
    PENCL_FIELD_LAYER,    /* a child */
    PENCL_FIELD_LAYERS,   /* a list of children */
    PENCL_FIELD_VARIABLE, /* a parameter or state: a leaf */
    PENCL_FIELD_NUMBER,   /* static */
    PENCL_FIELD_TEXT,     /* static */
    PENCL_FIELD_AXES      /* static: a list of axes; sizes may be 0 for names alone */
} pencl_field_kind;

typedef struct pencl_field {
    const char *name; /* penzai's field name; the last row has none */
    pencl_field_kind kind;
} pencl_field;

typedef struct pencl_layer_type {
    const char *name; /* penzai's class name: "RMSLayerNorm" */
    const char *doc;  /* the formula */
    const pencl_field *fields;
    pencl_value *(*apply)(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side);
    const char *color; /* CSS; NULL: from the name, as penzai does */
} pencl_layer_type;

/* The value of one field. Pointers are borrowed. */
typedef struct pencl_attribute {
    const char *name;
    pencl_field_kind kind;
    double number;
    const char *text;
    pencl_layer *const *layers; /* LAYER: one; LAYERS: n */
    pencl_variable *variable;
    const pencl_axis *axes;
    int n; /* of layers or axes */
} pencl_attribute;

/* A node from its attributes: names must be exactly the type's fields (E_FIELDS lists both).
 * Children and variables are counted up: the caller keeps its references. Types outlive their
 * layers. */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_new(pencl_layer **out,
                                                       pencl_ctx *ctx,
                                                       const pencl_layer_type *type,
                                                       const pencl_attribute *attributes,
                                                       int n);
PENCL_API pencl_layer *pencl_layer_ref(pencl_layer *layer);
PENCL_API void pencl_layer_free(pencl_layer *layer); /* drops one reference */

PENCL_API const pencl_layer_type *pencl_layer_type_of(const pencl_layer *layer);
/* Type of one of pencl's own layers by penzai's name; NULL when unknown. */
PENCL_API const pencl_layer_type *pencl_layer_type_named(const char *name);
PENCL_API int pencl_layer_n_attributes(const pencl_layer *layer);
PENCL_API pencl_attribute pencl_layer_attribute(const pencl_layer *layer, int i);
/* Fields by name; 0, NULL when there is no such field. Borrowed. */
PENCL_API double pencl_layer_number(const pencl_layer *layer, const char *field);
PENCL_API const char *pencl_layer_text(const pencl_layer *layer, const char *field);
PENCL_API pencl_layer *pencl_layer_child(const pencl_layer *layer, const char *field, int index);
PENCL_API int pencl_layer_n_children(const pencl_layer *layer, const char *field);
PENCL_API pencl_variable *pencl_layer_variable(const pencl_layer *layer, const char *field);
PENCL_API const pencl_axis *pencl_layer_axes(const pencl_layer *layer, const char *field, int *n);

/* Traces the layer on a value: what a type's apply calls on its children. */
PENCL_API pencl_value *
pencl_layer_call(const pencl_layer *layer, pencl_value *x, const pencl_side_inputs *side);
/* A variable as a value of x's graph. */
PENCL_API pencl_value *pencl_value_of(pencl_variable *variable, pencl_value *near);

/* The tree as text, one line a node; the text is yours (pencl_text_free). */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_print(char **out,
                                                         pencl_ctx *ctx,
                                                         const pencl_layer *layer);

#ifdef __cplusplus
}
#endif

#endif
