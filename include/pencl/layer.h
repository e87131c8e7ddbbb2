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
 *     static const pencl_layer_type type = {"Louder", "x * by", fields, louder};
 *     pencl_attribute by = {.name = "by", .kind = PENCL_FIELD_NUMBER, .number = 1.25};
 *     pencl_layer *layer = NULL;
 *     pencl_status st = pencl_layer_from_attributes(&layer, ctx, &type, &by, 1);
 *
 * A node of a tree is a layer, or a variable as a leaf. Numbers, texts and axes are static: they
 * belong to their layer and are no nodes (penzai makes nodes of numbers, and of lists: here a
 * list's layers are children of the layer that has the list).
 */
#ifndef PENCL_LAYER_H
#define PENCL_LAYER_H

#include "pencl/graph.h"
#include "pencl/variable.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_layer pencl_layer;

/* ---- side inputs ---- */

/* Named values that every layer sees: "token_positions", "kv_token_positions", ... A layer ignores
 * names that it does not know. */
typedef struct pencl_side_inputs pencl_side_inputs;
/* The value, or NULL when absent (no error); need records PENCL_E_SIDE_INPUT on the graph of
 * `near`. */
PENCL_API pencl_value *pencl_side_get(const pencl_side_inputs *side, const char *name);
PENCL_API pencl_value *
pencl_side_need(const pencl_side_inputs *side, const char *name, pencl_value *near);

/* ---- types ---- */

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

/* CSS colours of a node's box, as penzai draws it. */
typedef struct pencl_color {
    char border[64];
    char fill[128];
} pencl_color;

typedef struct pencl_layer_type {
    const char *name; /* penzai's class name: "RMSLayerNorm" */
    const char *doc;  /* the formula */
    const pencl_field *fields;
    pencl_value *(*apply)(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side);
    const char *kind_of; /* the type that this is a kind of, "Sequential" for one; or NULL */
    const char *color;   /* CSS; NULL: a hue from the name */
    const char *fill;    /* CSS; NULL: as color */
    pencl_color (*color_of)(const pencl_layer *self); /* colours that differ in a type; or NULL */
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

/* ---- making layers ---- */

/* A layer from its attributes: names must be exactly the type's fields (E_FIELDS lists both), in
 * any order. Children and variables are counted up: the caller keeps its references. Types outlive
 * their layers. */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_from_attributes(pencl_layer **out,
                                                                   pencl_ctx *ctx,
                                                                   const pencl_layer_type *type,
                                                                   const pencl_attribute *given,
                                                                   int n);
/* The same layer with n of its attributes changed. E_FIELDS: it has no such field. */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_replace(pencl_layer **out,
                                                           pencl_ctx *ctx,
                                                           const pencl_layer *layer,
                                                           const pencl_attribute *changes,
                                                           int n);
/* A low-rank adaptation around a Linear, as penzai's LowRankAdapter: linear(x) + scale * b . a . x.
 * `a` has the linear's in axes, its parallel ones and one more, the rank; `b` the rank, the
 * parallel ones and the out axes (E_AXIS, E_SHAPE). */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_low_rank_adapter(pencl_layer **out,
                                                                    pencl_ctx *ctx,
                                                                    pencl_layer *linear,
                                                                    pencl_variable *a,
                                                                    pencl_variable *b,
                                                                    double scale);
PENCL_API pencl_layer *pencl_layer_ref(pencl_layer *layer);
PENCL_API void pencl_layer_free(pencl_layer *layer); /* drops one reference */

/* ---- reading ---- */

PENCL_API const pencl_layer_type *pencl_layer_type_of(const pencl_layer *layer);
/* Type of one of pencl's own layers by penzai's name; NULL when unknown. */
PENCL_API const pencl_layer_type *pencl_layer_type_named(const char *name);
/* All fields in the type's order, static ones included. Borrowed. */
PENCL_API const pencl_attribute *pencl_layer_attributes(const pencl_layer *layer, int *n);
/* Fields by name; 0, NULL when there is no such field. Borrowed. */
PENCL_API double pencl_layer_number(const pencl_layer *layer, const char *field);
PENCL_API const char *pencl_layer_text(const pencl_layer *layer, const char *field);
PENCL_API pencl_layer *pencl_layer_child(const pencl_layer *layer, const char *field, int index);
PENCL_API int pencl_layer_n_children(const pencl_layer *layer, const char *field);
PENCL_API pencl_variable *pencl_layer_variable(const pencl_layer *layer, const char *field);
PENCL_API const pencl_axis *pencl_layer_axes(const pencl_layer *layer, const char *field, int *n);

/* 1 when the layers are of one type, their static fields agree and their children are equal, by
 * pencl_variable_equal at the leaves; else 0. */
PENCL_API int pencl_layer_equal(const pencl_layer *a, const pencl_layer *b);
/* penzai's treescope_color. A type without a colour gets oklch(0.785 0.103 HUE / 1.0), the hue from
 * the XXH64 hash of its name; what cannot be called is transparent. */
PENCL_API pencl_color pencl_layer_color(const pencl_layer *layer);
PENCL_API pencl_color pencl_variable_color(const pencl_variable *variable);
/* The tree as text, one line a node; the text is yours (pencl_text_free). */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_print(char **out,
                                                         pencl_ctx *ctx,
                                                         const pencl_layer *layer);

/* ---- one level of a tree ---- */

/* Exactly one of the two is set. */
typedef struct pencl_node {
    pencl_layer *layer;
    pencl_variable *variable;
} pencl_node;
PENCL_API pencl_node pencl_layer_node(pencl_layer *layer);
PENCL_API pencl_node pencl_variable_node(pencl_variable *variable);

/* Where a child is in its layer; the text of a key is ".name" or ".name[index]". */
typedef struct pencl_key {
    const char *name;       /* of the field; borrowed */
    int index;              /* in a list; -1: none */
    const char *stack_axis; /* the layer is a stack along this axis (LayerStack); or NULL */
    int64_t stack_axis_size;
} pencl_key;
/* As snprintf: writes at most `room` bytes, returns the whole length. */
PENCL_API size_t pencl_key_print(char *to, size_t room, const pencl_key *key);

/* The key of a field, of a list as a whole. As in penzai, a name that is no field has one too. */
PENCL_API pencl_key pencl_layer_key_for_field(const pencl_layer *layer, const char *field);
/* The children in field order, borrowed: returns how many there are, and writes at most `room` of
 * them. with_keys also writes the key of each. */
PENCL_API int pencl_layer_flatten(const pencl_layer *layer, pencl_node *children, int room);
PENCL_API int pencl_layer_flatten_with_keys(const pencl_layer *layer,
                                            pencl_node *children,
                                            pencl_key *keys,
                                            int room);
/* A layer with the type and the static fields of `like`, and these children in place of its own:
 * as many (E_ARITY), a variable where a variable was (E_FIELDS). They are counted up. */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_unflatten(
    pencl_layer **out, pencl_ctx *ctx, const pencl_layer *like, const pencl_node *children, int n);

/* ---- variables of a tree ---- */

enum {
    PENCL_ALLOW_UNUSED = 1,    /* bind: variables without a slot are left out */
    PENCL_UNFREEZE_AS_COPY = 2 /* bind: frozen values go in as new mutable variables */
};

/* The tree with the variables, mutable or frozen, in place of the slots of their kind and label;
 * slots of others stay. E_ARG: two for one slot, or, without PENCL_ALLOW_UNUSED, one without a
 * slot (all are listed), or, with PENCL_UNFREEZE_AS_COPY, one that is not frozen; E_SHAPE and
 * E_DTYPE: not what the slot expects. */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_bind_variables(pencl_layer **out,
                                                                  pencl_ctx *ctx,
                                                                  pencl_layer *layer,
                                                                  pencl_variable *const variables[],
                                                                  int n,
                                                                  unsigned flags);

/* 1: this variable, 0: not. */
typedef int pencl_variable_test(const pencl_variable *variable, void *user);
PENCL_API int pencl_variable_is_parameter(const pencl_variable *variable, void *unused);
PENCL_API int pencl_variable_is_state(const pencl_variable *variable, void *unused);

/* The tree with slots in place of its mutable variables, of those that pass the test (NULL: all);
 * and these, in the order of first occurrence, each once: a new list, pencl_variables_free. E_ARG:
 * two variables have one slot (both paths are named), or the slot is in the tree already. */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_unbind_variables(pencl_layer **out,
                                                                    pencl_variable ***variables,
                                                                    int *n,
                                                                    pencl_ctx *ctx,
                                                                    pencl_layer *layer,
                                                                    pencl_variable_test *test,
                                                                    void *user);
/* The tree with snapshots in place of its mutable variables, of those that pass the test (NULL:
 * all). One variable in two places becomes two snapshots, which share memory. */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_freeze_variables(
    pencl_layer **out, pencl_ctx *ctx, pencl_layer *layer, pencl_variable_test *test, void *user);
/* E_UNBOUND with the labels when the tree has slots. */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_assert_no_slots(pencl_ctx *ctx,
                                                                   pencl_layer *layer);

/* ---- groups in groups ---- */

/* 1: this layer, 0: not. */
typedef int pencl_layer_test(const pencl_layer *layer, void *user);
/* penzai's is_sequential_or_named: a Sequential of any kind, a CheckedSequential or a NamedGroup.
 */
PENCL_API int pencl_layer_is_group(const pencl_layer *layer, void *unused);
/* A Sequential of no kind of its own. */
PENCL_API int pencl_layer_is_anonymous_sequential(const pencl_layer *layer, void *unused);
/* penzai's inline_groups: in each group that passes `parent`, the groups that pass `child` give way
 * to their own layers, from the innermost on. What is not changed is shared with the old tree. */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_inline_groups(pencl_layer **out,
                                                                 pencl_ctx *ctx,
                                                                 pencl_layer *layer,
                                                                 pencl_layer_test *parent,
                                                                 pencl_layer_test *child,
                                                                 void *user);
/* Every anonymous Sequential that is in a group. */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_inline_anonymous_sequentials(pencl_layer **out,
                                                                                pencl_ctx *ctx,
                                                                                pencl_layer *layer);

/* ---- calling ---- */

/* Traces the layer on a value: what a type's apply calls on its children. */
PENCL_API pencl_value *
pencl_layer_call(const pencl_layer *layer, pencl_value *x, const pencl_side_inputs *side);
/* A variable as a value of x's graph; a slot is E_UNBOUND. Inside of a LayerStack the stack axis is
 * gone: the value is that of the layer being traced. */
PENCL_API pencl_value *pencl_value_of(pencl_variable *variable, pencl_value *near);
/* As penzai's `variable.value = x` in a layer: x, which has the variable's type and its axes in any
 * order (E_SHAPE), is the variable's value after each run of the graph, and what pencl_value_of
 * gives in the rest of the trace. Snapshots stay as they are. The result is x. E_ARG: the variable
 * is frozen; E_UNBOUND: a slot; E_UNSUPPORTED: its memory is not in C order, as that of a variable
 * with n_row_axes between 1 and all. */
PENCL_API pencl_value *pencl_variable_assign(pencl_variable *variable, pencl_value *x);

#ifdef __cplusplus
}
#endif

#endif
