/* SPDX-License-Identifier: Apache-2.0 */
/* The node of every layer tree: a type and the values of its fields, immutable and counted. */
#include "nn/layers.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct pencl_layer {
    atomic_long refs;
    const pencl_layer_type *type;
    int n;
    pencl_attribute attributes[]; /* in the order of the type's fields; own what they point at */
};

/* ---- making a node ---- */

static int count_fields(const pencl_layer_type *type)
{
    int n = 0;
    while (type->fields[n].name != NULL) {
        n++;
    }
    return n;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

/* "{a, b, c}", sorted; changes the order of `names`. */
static void add_sorted(pn_text *out, const char **names, int n)
{
    qsort(names, (size_t)n, sizeof *names, compare_names);
    pn_text_add(out, "{");
    for (int i = 0; i < n; i++) {
        pn_text_add(out, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    pn_text_add(out, "}");
}

static pencl_status
wrong_fields(pencl_ctx *ctx, const pencl_layer_type *type, const pencl_attribute *attributes, int n)
{
    int n_fields = count_fields(type);
    int room = n > n_fields ? n : n_fields;
    const char **names = pn_calloc((size_t)room, sizeof *names); /* room > 0: the lists differ */
    if (names == NULL) {
        return PN_NOMEM(ctx);
    }
    pn_text text = {0};
    for (int i = 0; i < n_fields; i++) {
        names[i] = type->fields[i].name;
    }
    pn_text_add(&text, "expected ");
    add_sorted(&text, names, n_fields);
    for (int i = 0; i < n; i++) {
        names[i] = attributes[i].name != NULL ? attributes[i].name : "";
    }
    pn_text_add(&text, ", got ");
    add_sorted(&text, names, n);
    pencl_status status =
        PN_FAIL(ctx, PENCL_E_FIELDS, "%s: incorrect fields: %s", type->name, pn_text_get(&text));
    pn_text_free(&text);
    pn_free(names);
    return status;
}

static const pencl_attribute *
find_attribute(const pencl_attribute *attributes, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (attributes[i].name != NULL && strcmp(attributes[i].name, name) == 0) {
            return &attributes[i];
        }
    }
    return NULL;
}

static pencl_status missing(pencl_ctx *ctx, const pencl_layer_type *type, const char *field)
{
    return PN_FAIL(ctx, PENCL_E_ARG, "%s.%s: no value", type->name, field);
}

static pencl_status copy_layers(pencl_attribute *to,
                                pencl_ctx *ctx,
                                const pencl_layer_type *type,
                                const pencl_attribute *from)
{
    int n = from->kind == PENCL_FIELD_LAYER ? 1 : from->n;
    if (n == 0) {
        return PENCL_OK;
    }
    if (n < 0 || from->layers == NULL) {
        return missing(ctx, type, from->name);
    }
    pencl_layer **copy = pn_calloc((size_t)n, sizeof(pencl_layer *));
    if (copy == NULL) {
        return PN_NOMEM(ctx);
    }
    to->layers = copy;
    for (to->n = 0; to->n < n; to->n++) {
        if (from->layers[to->n] == NULL) {
            return missing(ctx, type, from->name);
        }
        copy[to->n] = pencl_layer_ref(from->layers[to->n]);
    }
    return PENCL_OK;
}

static pencl_status copy_axes(pencl_attribute *to, pencl_ctx *ctx, const pencl_attribute *from)
{
    if (from->n <= 0) {
        return PENCL_OK;
    }
    for (int i = 0; i < from->n; i++) {
        PENCL_TRY(pn_axis_name_check(ctx, from->axes[i].name));
    }
    pencl_axis *copy = pn_calloc((size_t)from->n, sizeof *copy);
    if (copy == NULL) {
        return PN_NOMEM(ctx);
    }
    memcpy(copy, from->axes, (size_t)from->n * sizeof *copy);
    to->axes = copy;
    to->n = from->n;
    return PENCL_OK;
}

static pencl_status copy_attribute(pencl_attribute *to,
                                   pencl_ctx *ctx,
                                   const pencl_layer_type *type,
                                   const pencl_attribute *from)
{
    switch (from->kind) {
    case PENCL_FIELD_LAYER:
    case PENCL_FIELD_LAYERS:
        return copy_layers(to, ctx, type, from);
    case PENCL_FIELD_VARIABLE:
        if (from->variable == NULL) {
            return missing(ctx, type, from->name);
        }
        to->variable = pencl_variable_ref(from->variable);
        return PENCL_OK;
    case PENCL_FIELD_NUMBER:
        to->number = from->number;
        return PENCL_OK;
    case PENCL_FIELD_TEXT:
        if (from->text == NULL) {
            return missing(ctx, type, from->name);
        }
        to->text = pn_strdup(from->text);
        return to->text != NULL ? PENCL_OK : PN_NOMEM(ctx);
    case PENCL_FIELD_AXES:
        return copy_axes(to, ctx, from);
    }
    return PN_FAIL(ctx, PENCL_E_ARG, "%s.%s: unknown kind of field", type->name, from->name);
}

/* Copies the attributes into the node's fields, in the type's order. */
static pencl_status fill(pencl_layer *layer, pencl_ctx *ctx, const pencl_attribute *from, int n)
{
    const pencl_layer_type *type = layer->type;
    for (int i = 0; i < layer->n; i++) {
        const pencl_field *field = &type->fields[i];
        const pencl_attribute *given = find_attribute(from, n, field->name);
        if (given == NULL) {
            return wrong_fields(ctx, type, from, n);
        }
        if (given->kind != field->kind) {
            return PN_FAIL(ctx, PENCL_E_FIELDS, "%s.%s: the value is of another kind", type->name,
                           field->name);
        }
        layer->attributes[i].name = field->name;
        layer->attributes[i].kind = field->kind;
        PENCL_TRY(copy_attribute(&layer->attributes[i], ctx, type, given));
    }
    return PENCL_OK;
}

pencl_status pn_layer_new(pencl_layer **out,
                          pencl_ctx *ctx,
                          const pencl_layer_type *type,
                          const pencl_attribute *attributes,
                          int n)
{
    *out = NULL;
    int n_fields = count_fields(type);
    if (n != n_fields) {
        return wrong_fields(ctx, type, attributes, n);
    }
    pencl_layer *layer =
        pn_calloc(1, sizeof *layer + (size_t)n_fields * sizeof layer->attributes[0]);
    if (layer == NULL) {
        return PN_NOMEM(ctx);
    }
    atomic_init(&layer->refs, 1);
    layer->type = type;
    layer->n = n_fields;
    pencl_status status = fill(layer, ctx, attributes, n);
    if (status != PENCL_OK) {
        pencl_layer_free(layer);
        return status;
    }
    *out = layer;
    return PENCL_OK;
}

pencl_status pencl_layer_from_attributes(pencl_layer **out,
                                         pencl_ctx *ctx,
                                         const pencl_layer_type *type,
                                         const pencl_attribute *given,
                                         int n)
{
    pn_error_clear(ctx);
    return pn_layer_new(out, ctx, type, given, n);
}

pencl_status pencl_layer_replace(pencl_layer **out,
                                 pencl_ctx *ctx,
                                 const pencl_layer *layer,
                                 const pencl_attribute *changes,
                                 int n)
{
    *out = NULL;
    pn_error_clear(ctx);
    for (int i = 0; i < n; i++) {
        if (changes[i].name == NULL ||
            find_attribute(layer->attributes, layer->n, changes[i].name) == NULL) {
            return PN_FAIL(ctx, PENCL_E_FIELDS, "%s has no field '%s'", layer->type->name,
                           changes[i].name != NULL ? changes[i].name : "");
        }
    }
    pencl_attribute *all = pn_calloc((size_t)layer->n + 1, sizeof *all);
    if (all == NULL) {
        return PN_NOMEM(ctx);
    }
    for (int i = 0; i < layer->n; i++) {
        const pencl_attribute *change = find_attribute(changes, n, layer->attributes[i].name);
        all[i] = change != NULL ? *change : layer->attributes[i];
    }
    pencl_status status = pn_layer_new(out, ctx, layer->type, all, layer->n);
    pn_free(all);
    return status;
}

/* ---- references ---- */

pencl_layer *pencl_layer_ref(pencl_layer *layer)
{
    if (layer != NULL) {
        atomic_fetch_add(&layer->refs, 1);
    }
    return layer;
}

static void free_attribute(pencl_attribute *a)
{
    if (a->layers != NULL) {
        for (int i = 0; i < a->n; i++) {
            pencl_layer_free(a->layers[i]);
        }
    }
    pn_free((void *)a->layers);
    pn_free((void *)a->text);
    pn_free((void *)a->axes);
    pencl_variable_free(a->variable);
}

void pencl_layer_free(pencl_layer *layer)
{
    if (layer == NULL || atomic_fetch_sub(&layer->refs, 1) > 1) {
        return;
    }
    for (int i = 0; i < layer->n; i++) {
        free_attribute(&layer->attributes[i]);
    }
    pn_free(layer);
}

/* ---- fields ---- */

const pencl_layer_type *pencl_layer_type_of(const pencl_layer *layer)
{
    return layer->type;
}

const pencl_attribute *pencl_layer_attributes(const pencl_layer *layer, int *n)
{
    *n = layer->n;
    return layer->attributes;
}

/* The field, or one that is all zero. */
static pencl_attribute field_named(const pencl_layer *layer, const char *field)
{
    const pencl_attribute none = {0};
    const pencl_attribute *a = find_attribute(layer->attributes, layer->n, field);
    return a != NULL ? *a : none;
}

double pencl_layer_number(const pencl_layer *layer, const char *field)
{
    return field_named(layer, field).number;
}

const char *pencl_layer_text(const pencl_layer *layer, const char *field)
{
    return field_named(layer, field).text;
}

pencl_layer *pencl_layer_child(const pencl_layer *layer, const char *field, int index)
{
    pencl_attribute a = field_named(layer, field);
    return a.layers != NULL && index >= 0 && index < a.n ? a.layers[index] : NULL;
}

int pencl_layer_n_children(const pencl_layer *layer, const char *field)
{
    pencl_attribute a = field_named(layer, field);
    return a.layers != NULL ? a.n : 0;
}

pencl_variable *pencl_layer_variable(const pencl_layer *layer, const char *field)
{
    return field_named(layer, field).variable;
}

const pencl_axis *pencl_layer_axes(const pencl_layer *layer, const char *field, int *n)
{
    pencl_attribute a = field_named(layer, field);
    *n = a.axes != NULL ? a.n : 0;
    return a.axes;
}
