/* SPDX-License-Identifier: Apache-2.0 */
/* Calling layers on values: paths, side inputs, and what bodies of layers share. */
#include "nn/layers.h"

#include <stdio.h>
#include <string.h>

/* ---- side inputs ---- */

static int side_index(const pencl_side_inputs *side, const char *name)
{
    for (int i = 0; i < side->n; i++) {
        if (strcmp(side->items[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

pencl_status
pn_side_set(pencl_side_inputs *side, pencl_ctx *ctx, const char *name, pencl_value *value)
{
    int i = side_index(side, name);
    if (value == NULL) {
        if (i >= 0) {
            side->items[i] = side->items[--side->n];
        }
        return PENCL_OK;
    }
    if (i < 0) {
        if (side->n == PN_MAX_SIDE) {
            return PN_FAIL(ctx, PENCL_E_LIMIT, "more than %d side inputs", PN_MAX_SIDE);
        }
        i = side->n++;
    }
    side->items[i] = (pn_side){name, value};
    return PENCL_OK;
}

pencl_value *pencl_side_get(const pencl_side_inputs *side, const char *name)
{
    int i = side == NULL ? -1 : side_index(side, name);
    return i < 0 ? NULL : side->items[i].value;
}

pencl_value *pencl_side_need(const pencl_side_inputs *side, const char *name, pencl_value *near)
{
    pencl_value *value = pencl_side_get(side, name);
    if (value == NULL && near != NULL) {
        return pn_graph_fail(near->graph, PENCL_E_SIDE_INPUT, "side input '%s' is missing", name);
    }
    return value;
}

/* ---- calls ---- */

/* Where `layer` is in the caller, as penzai writes it: ".delta", ".sublayers[2]". A layer that is
 * there twice gets its first place. */
static void write_step(char *step, size_t room, const pencl_layer *caller, const pencl_layer *layer)
{
    pn_child at = {0};
    step[0] = '\0';
    while (pn_next_child(&at, caller)) {
        if (at.node.layer == layer) {
            pencl_key key = pn_child_key(caller, at.field, at.index);
            pencl_key_print(step, room, &key);
            return;
        }
    }
}

pencl_value *
pencl_layer_call(const pencl_layer *layer, pencl_value *x, const pencl_side_inputs *side)
{
    if (x == NULL) {
        return NULL;
    }
    if (layer == NULL) {
        return pn_graph_fail(x->graph, PENCL_E_ARG, "a layer to call is missing");
    }
    const pencl_layer_type *type = pencl_layer_type_of(layer);
    if (type->apply == NULL) {
        return pn_graph_fail(x->graph, PENCL_E_UNSUPPORTED, "%s cannot be called", type->name);
    }
    pencl_side_inputs inner = {0};
    if (side != NULL) {
        inner = *side;
    }
    char step[128];
    write_step(step, sizeof step, inner.caller, layer);
    inner.caller = layer;
    const char *outer = pn_graph_enter(x->graph, step);
    pencl_value *y = type->apply(layer, x, &inner);
    pn_graph_leave(x->graph, outer);
    return y;
}

pencl_value *pn_layer_run(const pencl_layer *self,
                          const char *field,
                          int i,
                          pencl_value *x,
                          const pencl_side_inputs *side)
{
    return pencl_layer_call(pencl_layer_child(self, field, i), x, side);
}

/* ---- what bodies share ---- */

pn_axis_names pn_layer_names(const pencl_layer *self, const char *field)
{
    int n = 0;
    const pencl_axis *axes = pencl_layer_axes(self, field, &n);
    pn_axis_names names = {.n = n < PENCL_MAX_AXES ? n : PENCL_MAX_AXES};
    for (int i = 0; i < names.n; i++) {
        names.names[i] = axes[i].name;
    }
    return names;
}

pencl_value *
pn_over_axes(const pencl_layer *self,
             const char *field,
             pencl_value *x,
             pencl_value *(*over)(const pencl_layer *self, pencl_value *x, const char *axis))
{
    pn_axis_names names = pn_layer_names(self, field);
    pencl_axis axes[PENCL_MAX_AXES] = {{{0}, 0}};
    if (names.n == 0) {
        return pn_graph_fail(x->graph, PENCL_E_ARITY, "%s.%s names no axis",
                             pencl_layer_type_of(self)->name, field);
    }
    if (names.n == 1) {
        return over(self, x, names.names[0]);
    }
    for (int i = 0; i < names.n; i++) {
        int at = pn_spec_find(&x->view.spec, names.names[i]);
        if (at < 0) {
            return pn_value_refuse(x, PENCL_E_AXIS, "the input needs axis '%s'", names.names[i]);
        }
        axes[i] = x->view.spec.axes[at];
    }
    pencl_value *y = pencl_value_merge(x, names.names, names.n, names.names[0]);
    y = y == NULL ? NULL : over(self, y, names.names[0]);
    return pencl_value_split(y, names.names[0], axes, names.n);
}

pencl_value *pn_value_rename_all(pencl_value *x, const pn_axis_names *from, const pn_axis_names *to)
{
    char own[PENCL_MAX_AXES][PENCL_AXIS_NAME_MAX];
    pn_axis_names passing = {.n = from->n};
    for (int i = 0; i < from->n; i++) { /* out of each other's way first */
        snprintf(own[i], sizeof own[i], "axis %d of a renaming", i);
        passing.names[i] = own[i];
        bool same = strcmp(from->names[i], to->names[i]) == 0;
        x = same ? x : pencl_value_rename(x, from->names[i], passing.names[i]);
    }
    for (int i = 0; i < from->n; i++) {
        bool same = strcmp(from->names[i], to->names[i]) == 0;
        x = same ? x : pencl_value_rename(x, passing.names[i], to->names[i]);
    }
    return x;
}

pencl_value *pn_value_refuse(pencl_value *x, pencl_status status, const char *fmt, ...)
{
    char what[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    pn_text shape = {0};
    pn_spec_print(&shape, &x->view.spec);
    pn_graph_fail(x->graph, status, "%s, got %s", what, pn_text_get(&shape));
    pn_text_free(&shape);
    return NULL;
}

/* ---- variables ---- */

/* The part that the stacks being traced leave of a variable: each takes its index of the outermost
 * axis, where that is the stack's and the part lies by itself. */
static pencl_status narrow(pn_source *source, const pn_slice *slices)
{
    for (const pn_slice *s = slices; s != NULL; s = s->outer) {
        pn_store *store = NULL;
        PENCL_TRY(pn_source_store(&store, source));
        bool has_axis = store->spec.n_axes > 0 && strcmp(store->spec.axes[0].name, s->axis) == 0;
        pn_store_free(store);
        if (!has_axis) {
            continue;
        }
        source->at[source->n_at++] = s->index; /* one axis less each time: there is room */
        PENCL_TRY(pn_source_store(&store, source));
        source->n_at -= store == NULL;
        pn_store_free(store);
    }
    return PENCL_OK;
}

/* Where the layers being traced find the variable. False, with an error on the graph: a slot. */
static bool find_source(pn_source *source, pencl_graph *g, const pencl_variable *variable)
{
    if (variable == NULL) {
        pn_graph_fail(g, PENCL_E_ARG, "a variable is missing");
        return false;
    }
    *source = (pn_source){.cell = pn_variable_cell(variable),
                          .fixed = pencl_variable_form_of(variable) == PENCL_FROZEN};
    if (source->cell == NULL) {
        pn_graph_fail(g, PENCL_E_UNBOUND, "tried to access the value of a %s: \"%s\"",
                      pencl_variable_type_name(variable), pencl_variable_label(variable));
        return false;
    }
    pn_guard guard = pn_guard_begin(g);
    return pn_guard_end(&guard, narrow(source, g->slices));
}

pencl_value *pencl_value_of(pencl_variable *variable, pencl_value *near)
{
    pn_source source;
    if (near == NULL || !find_source(&source, near->graph, variable)) {
        return NULL;
    }
    pencl_graph *g = near->graph;
    pencl_value *value = pn_graph_cell(g, pencl_variable_label(variable), &source);
    for (const pn_slice *s = g->slices; s != NULL && value != NULL; s = s->outer) {
        if (pn_spec_find(&value->view.spec, s->axis) >= 0) {
            value = pencl_value_index(value, s->axis, s->index);
        }
    }
    return value;
}

pencl_value *pencl_variable_assign(pencl_variable *variable, pencl_value *x)
{
    pn_source source;
    if (x == NULL || !find_source(&source, x->graph, variable)) {
        return NULL;
    }
    return pn_graph_set_next(x, pencl_variable_label(variable), &source);
}
