/* SPDX-License-Identifier: Apache-2.0 */
/* LayerStack: layers of one structure, kept as one prototype whose variables have an axis more.
 *
 * The trace is unrolled: the prototype is traced once for each index of the stack axis, and sees
 * every variable that has the axis at that index (pencl_value_of). A state says in its metadata
 * `layerstack_axes` whether each layer has its own (PER_LAYER: it has the axis) or all share one
 * (SHARED: it has not). A Capture inside keeps a value for each layer, "name[index]".
 *
 * A variable is fast in a stack when the stack axis is its first axis, a row axis, and an index has
 * whole tiles of rows: a store of its own (pn_store_index). Others are read as strided views, and
 * quantised ones, whose scales lie apart in the devices' layout, on `ref` only. */
#include "nn/layers.h"

#include <stdio.h>
#include <string.h>

/* The word of a state's metadata for this axis: "blocks=PER_LAYER". False when there is none. */
static bool behavior_of(char *out, size_t room, const pencl_variable *state, const char *axis)
{
    const char *p = pencl_variable_metadata(state, "layerstack_axes");
    size_t size = strlen(axis);
    for (; p != NULL && *p != '\0'; p += strspn(p, " ")) {
        size_t word = strcspn(p, " ");
        if (word > size && strncmp(p, axis, size) == 0 && p[size] == '=') {
            size_t length = word - size - 1;
            pn_copy(out, length < room ? length + 1 : room, p + size + 1);
            return true;
        }
        p += word;
    }
    return false;
}

/* penzai's rules for states in a stack. */
static bool state_fits(const pencl_variable *state, const char *axis, pencl_value *x)
{
    char behavior[32];
    const char *label = pencl_variable_label(state);
    const pn_spec *spec = pn_variable_spec(state);
    bool has_axis = spec != NULL && pn_spec_find(spec, axis) >= 0;
    if (!behavior_of(behavior, sizeof behavior, state, axis)) {
        pn_graph_fail(x->graph, PENCL_E_ARG,
                      "state \"%s\": all states in a layer stack need metadata 'layerstack_axes' "
                      "with %s=PER_LAYER or %s=SHARED",
                      label, axis, axis);
        return false;
    }
    bool shared = strcmp(behavior, "SHARED") == 0;
    if (!shared && strcmp(behavior, "PER_LAYER") != 0) {
        pn_graph_fail(x->graph, PENCL_E_ARG,
                      "state \"%s\": unknown layer stack behavior %s for axis '%s'", label,
                      behavior, axis);
        return false;
    }
    if (shared == has_axis) {
        pn_graph_fail(x->graph, PENCL_E_ARG,
                      "state \"%s\" has %s behavior for layer stack axis '%s', but the axis %s",
                      label, shared ? "shared" : "per-layer", axis,
                      has_axis ? "is one of its value's" : "is not one of its value's");
        return false;
    }
    return true;
}

static bool states_fit(const pencl_layer *layer, const char *axis, pencl_value *x)
{
    pn_child child = {0};
    while (pn_next_child(&child, layer)) {
        const pencl_variable *v = child.node.variable;
        if (v != NULL ? pencl_variable_kind_of(v) == PENCL_STATE && !state_fits(v, axis, x)
                      : !states_fit(child.node.layer, axis, x)) {
            return false;
        }
    }
    return true;
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_graph *g = x->graph;
    pn_slice slice = {.outer = g->slices, .axis = pencl_layer_text(self, "stack_axis")};
    int64_t n = (int64_t)pencl_layer_number(self, "stack_axis_size");
    if (!states_fit(pencl_layer_child(self, "stacked_sublayers", 0), slice.axis, x)) {
        return NULL;
    }
    g->slices = &slice;
    for (slice.index = 0; x != NULL && slice.index < n; slice.index++) {
        x = pn_layer_run(self, "stacked_sublayers", 0, x, side);
    }
    g->slices = slice.outer;
    return x;
}

static const pencl_field fields[] = {{"stacked_sublayers", PENCL_FIELD_LAYER},
                                     {"stack_axis", PENCL_FIELD_TEXT},
                                     {"stack_axis_size", PENCL_FIELD_NUMBER},
                                     {0}};

const pencl_layer_type pn_layer_LayerStack = {
    .name = "LayerStack",
    .doc = "stacked_sublayers stack_axis_size times, at index 0, 1, ... of stack_axis",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 78.870849609375 / 1.0)",
};
