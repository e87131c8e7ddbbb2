/* SPDX-License-Identifier: Apache-2.0 */
/* Reflection: types by name, one level of a tree taken apart and put together, equality. */
#include "nn/layers.h"

#include <stdio.h>
#include <string.h>

static const pencl_layer_type *const types[] = {
#define LAYER(name) &pn_layer_##name,
#include "nn/layers.def"
#undef LAYER
};

/* ---- types ---- */

const pencl_layer_type *pencl_layer_type_named(const char *name)
{
    for (size_t i = 0; i < PN_COUNT(types); i++) {
        if (strcmp(types[i]->name, name) == 0) {
            return types[i];
        }
    }
    return NULL;
}

bool pn_layer_is(const pencl_layer *layer, const char *type)
{
    const pencl_layer_type *own = pencl_layer_type_of(layer);
    return strcmp(own->name, type) == 0 ||
           (own->kind_of != NULL && strcmp(own->kind_of, type) == 0) ||
           (own->apply != NULL && strcmp(type, "Layer") == 0);
}

/* ---- nodes ---- */

pencl_node pencl_layer_node(pencl_layer *layer)
{
    return (pencl_node){.layer = layer};
}

pencl_node pencl_variable_node(pencl_variable *variable)
{
    return (pencl_node){.variable = variable};
}

pencl_node pn_node_ref(pencl_node node)
{
    pencl_layer_ref(node.layer);
    pencl_variable_ref(node.variable);
    return node;
}

void pn_node_free(pencl_node node)
{
    pencl_layer_free(node.layer);
    pencl_variable_free(node.variable);
}

bool pn_node_same(pencl_node a, pencl_node b)
{
    return a.layer == b.layer && a.variable == b.variable;
}

bool pn_node_equal(pencl_node a, pencl_node b)
{
    if (a.layer != NULL && b.layer != NULL) {
        return pencl_layer_equal(a.layer, b.layer);
    }
    return a.variable != NULL && b.variable != NULL && pencl_variable_equal(a.variable, b.variable);
}

/* penzai's base classes of variables stand for all of their kinds. */
bool pn_node_is(pencl_node node, const char *type)
{
    static const char *const of_form[] = {"AbstractVariable", "AbstractVariableValue",
                                          "AbstractVariableSlot"};
    if (node.layer != NULL) {
        return pn_layer_is(node.layer, type);
    }
    return strcmp(pencl_variable_type_name(node.variable), type) == 0 ||
           strcmp(of_form[pencl_variable_form_of(node.variable)], type) == 0;
}

const char *pn_node_type_name(pencl_node node)
{
    return node.layer != NULL ? pencl_layer_type_of(node.layer)->name
                              : pencl_variable_type_name(node.variable);
}

/* ---- one level ---- */

/* How many nodes an attribute has, and the i-th. */
static int count_nodes(const pencl_attribute *a)
{
    return a->kind == PENCL_FIELD_VARIABLE ? 1 : a->layers != NULL ? a->n : 0;
}

static pencl_node attribute_node(const pencl_attribute *a, int i)
{
    return a->kind == PENCL_FIELD_VARIABLE ? pencl_variable_node(a->variable)
                                           : pencl_layer_node(a->layers[i]);
}

bool pn_next_child(pn_child *at, const pencl_layer *parent)
{
    if (parent == NULL) {
        return false;
    }
    int n = 0;
    const pencl_attribute *a = pencl_layer_attributes(parent, &n);
    if (at->started) {
        at->index++;
    }
    at->started = true;
    for (; at->field < n; at->field++, at->index = 0) {
        if (at->index < count_nodes(&a[at->field])) {
            at->node = attribute_node(&a[at->field], at->index);
            return true;
        }
    }
    return false;
}

pencl_node pn_layer_child_at(const pencl_layer *parent, int field, int index)
{
    int n = 0;
    return attribute_node(&pencl_layer_attributes(parent, &n)[field], index);
}

/* A list's layers have an index. */
pencl_key pn_child_key(const pencl_layer *parent, int field, int index)
{
    int n = 0;
    const pencl_attribute *a = &pencl_layer_attributes(parent, &n)[field];
    pencl_key key = pencl_layer_key_for_field(parent, a->name);
    key.index = a->kind == PENCL_FIELD_LAYERS ? index : -1;
    return key;
}

pencl_key pencl_layer_key_for_field(const pencl_layer *layer, const char *field)
{
    pencl_key key = {.name = field, .index = -1};
    if (pencl_layer_type_of(layer) == &pn_layer_LayerStack) {
        key.stack_axis = pencl_layer_text(layer, "stack_axis");
        key.stack_axis_size = (int64_t)pencl_layer_number(layer, "stack_axis_size");
    }
    return key;
}

size_t pencl_key_print(char *to, size_t room, const pencl_key *key)
{
    int length = key->index < 0 ? snprintf(to, room, ".%s", key->name)
                                : snprintf(to, room, ".%s[%d]", key->name, key->index);
    return (size_t)length;
}

void pn_key_add(pn_text *path, const pencl_key *key)
{
    pn_text_add(path, ".%s", key->name);
    if (key->index >= 0) {
        pn_text_add(path, "[%d]", key->index);
    }
}

int pencl_layer_flatten_with_keys(const pencl_layer *layer,
                                  pencl_node *children,
                                  pencl_key *keys,
                                  int room)
{
    int n = 0;
    pn_child at = {0};
    for (; pn_next_child(&at, layer); n++) {
        if (n < room && children != NULL) {
            children[n] = at.node;
        }
        if (n < room && keys != NULL) {
            keys[n] = pn_child_key(layer, at.field, at.index);
        }
    }
    return n;
}

int pencl_layer_flatten(const pencl_layer *layer, pencl_node *children, int room)
{
    return pencl_layer_flatten_with_keys(layer, children, NULL, room);
}

/* ---- putting together ---- */

pencl_status pn_attribute_need(pencl_ctx *ctx,
                               const pencl_layer_type *type,
                               const pencl_attribute *a,
                               pencl_node node)
{
    bool variable = a->kind == PENCL_FIELD_VARIABLE;
    if (variable ? node.variable != NULL : node.layer != NULL) {
        return PENCL_OK;
    }
    if (node.layer == NULL && node.variable == NULL) {
        return PN_FAIL(ctx, PENCL_E_ARG, "%s.%s: no value", type->name, a->name);
    }
    return PN_FAIL(ctx, PENCL_E_FIELDS, "%s.%s holds a %s, a %s does not fit", type->name, a->name,
                   variable ? "variable" : "layer", pn_node_type_name(node));
}

/* Puts children into the attribute, borrowed; lists use the room at `layers`. */
static pencl_status put_children(pencl_attribute *a,
                                 pencl_ctx *ctx,
                                 const pencl_layer_type *type,
                                 const pencl_node *children,
                                 pencl_layer **layers)
{
    int n = count_nodes(a);
    for (int i = 0; i < n; i++) {
        PENCL_TRY(pn_attribute_need(ctx, type, a, children[i]));
        layers[i] = children[i].layer;
    }
    if (a->kind == PENCL_FIELD_VARIABLE) {
        a->variable = children[0].variable;
    } else if (n > 0) {
        a->layers = layers;
    }
    return PENCL_OK;
}

pencl_status pn_layer_with_children(pencl_layer **out,
                                    pencl_ctx *ctx,
                                    const pencl_layer *like,
                                    const pencl_node *children)
{
    int n_fields = 0;
    int n = pencl_layer_flatten(like, NULL, 0);
    const pencl_attribute *old = pencl_layer_attributes(like, &n_fields);
    const pencl_layer_type *type = pencl_layer_type_of(like);
    *out = NULL;
    pencl_attribute *a = pn_calloc((size_t)n_fields + 1, sizeof *a);
    pencl_layer **layers = pn_calloc((size_t)n + 1, sizeof(pencl_layer *));
    pencl_status status = a != NULL && layers != NULL ? PENCL_OK : PN_NOMEM(ctx);
    int at = 0;
    for (int i = 0; i < n_fields && status == PENCL_OK; i++) {
        a[i] = old[i];
        status = put_children(&a[i], ctx, type, &children[at], &layers[at]);
        at += count_nodes(&old[i]);
    }
    if (status == PENCL_OK) {
        status = pn_layer_new(out, ctx, type, a, n_fields);
    }
    pn_free(a);
    pn_free((void *)layers);
    return status;
}

pencl_status pencl_layer_unflatten(
    pencl_layer **out, pencl_ctx *ctx, const pencl_layer *like, const pencl_node *children, int n)
{
    int needed = pencl_layer_flatten(like, NULL, 0);
    pn_error_clear(ctx);
    *out = NULL;
    if (n != needed) {
        return PN_FAIL(ctx, PENCL_E_ARITY, "this %s has %d children, got %d",
                       pencl_layer_type_of(like)->name, needed, n);
    }
    return pn_layer_with_children(out, ctx, like, children);
}

/* ---- equality ---- */

static bool same_axes(const pencl_attribute *a, const pencl_attribute *b)
{
    for (int i = 0; i < a->n; i++) {
        if (strcmp(a->axes[i].name, b->axes[i].name) != 0 || a->axes[i].size != b->axes[i].size) {
            return false;
        }
    }
    return true;
}

/* What belongs to the layer itself; of children, how many there are. */
static bool same_static(const pencl_attribute *a, const pencl_attribute *b)
{
    if (a->n != b->n) {
        return false;
    }
    switch (a->kind) {
    case PENCL_FIELD_LAYER:
    case PENCL_FIELD_LAYERS:
    case PENCL_FIELD_VARIABLE:
        return true;
    case PENCL_FIELD_NUMBER:
        return a->number == b->number;
    case PENCL_FIELD_TEXT:
        return strcmp(a->text, b->text) == 0;
    case PENCL_FIELD_AXES:
        return same_axes(a, b);
    }
    return false;
}

bool pn_layer_same_static(const pencl_layer *a, const pencl_layer *b)
{
    int n = 0;
    if (pencl_layer_type_of(a) != pencl_layer_type_of(b)) {
        return false;
    }
    const pencl_attribute *x = pencl_layer_attributes(a, &n);
    const pencl_attribute *y = pencl_layer_attributes(b, &n);
    for (int i = 0; i < n; i++) {
        if (!same_static(&x[i], &y[i])) {
            return false;
        }
    }
    return true;
}

bool pn_layer_same(const pencl_layer *a, const pencl_layer *b, pn_same_variables *same)
{
    pn_child x = {0};
    pn_child y = {0};
    if (a == b) {
        return true;
    }
    if (!pn_layer_same_static(a, b)) {
        return false;
    }
    while (pn_next_child(&x, a) && pn_next_child(&y, b)) {
        bool equal = x.node.layer != NULL ? pn_layer_same(x.node.layer, y.node.layer, same)
                                          : same(x.node.variable, y.node.variable) != 0;
        if (!equal) {
            return false;
        }
    }
    return true;
}

int pencl_layer_equal(const pencl_layer *a, const pencl_layer *b)
{
    return pn_layer_same(a, b, pencl_variable_equal);
}
