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
    step[0] = '\0';
    if (caller == NULL) {
        return;
    }
    for (int i = 0; i < pencl_layer_n_attributes(caller); i++) {
        pencl_attribute a = pencl_layer_attribute(caller, i);
        for (int k = 0; a.layers != NULL && k < a.n; k++) {
            if (a.layers[k] != layer) {
                continue;
            }
            if (a.kind == PENCL_FIELD_LAYER) {
                snprintf(step, room, ".%s", a.name);
            } else {
                snprintf(step, room, ".%s[%d]", a.name, k);
            }
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

const char *pn_layer_one_axis(const pencl_layer *self, const char *field, pencl_value *x)
{
    int n = 0;
    const pencl_axis *axes = pencl_layer_axes(self, field, &n);
    if (n != 1 && x != NULL) {
        pn_graph_fail(x->graph, PENCL_E_UNSUPPORTED, "%s.%s: %d axes, only one is supported",
                      pencl_layer_type_of(self)->name, field, n);
    }
    return n == 1 ? axes[0].name : NULL;
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
