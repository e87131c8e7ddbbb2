/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs: building nodes, and the one error record a trace leaves behind. */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

pencl_status pencl_graph_new(pencl_graph **out, pencl_device *device)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pn_error_clear(ctx);
    pencl_graph *g = pn_calloc(1, sizeof *g);
    if (g == NULL) {
        return PN_NOMEM(ctx);
    }
    g->ctx = ctx;
    g->device = device;
    g->path = "";
    g->arena = pn_arena_new();
    if (g->arena == NULL) {
        pn_free(g);
        return PN_NOMEM(ctx);
    }
    *out = g;
    return PENCL_OK;
}

void pencl_graph_free(pencl_graph *g)
{
    if (g == NULL) {
        return;
    }
    if (g->plan_free != NULL) {
        g->plan_free(g->plan);
    }
    for (int i = 0; i < g->n_nodes; i++) {
        pn_store_free(g->nodes[i]->store);
        pn_cell_free(g->nodes[i]->source.cell);
    }
    pn_free(g->nodes);
    pn_arena_free(g->arena);
    pn_free(g);
}

pencl_status pencl_graph_finish(pencl_graph *g)
{
    if (g->error.status == PENCL_OK) {
        return PENCL_OK;
    }
    if (g->ctx->error.status == PENCL_OK) {
        g->ctx->error = g->error;
    }
    return g->error.status;
}

/* Keeps the first error, led by the path of the layer where it happened. */
static void keep_error(pencl_graph *g, const pn_error *error)
{
    if (g->error.status != PENCL_OK) {
        return;
    }
    g->error = *error;
    if (g->path[0] != '\0') {
        snprintf(g->error.text, sizeof g->error.text, "%.600s: %.3000s", g->path, error->text);
    }
}

pencl_value *pn_graph_fail(pencl_graph *g, pencl_status status, const char *fmt, ...)
{
    pn_error error = {.status = status, .file = __FILE__, .line = __LINE__};
    va_list args;
    va_start(args, fmt);
    vsnprintf(error.text, sizeof error.text, fmt, args);
    va_end(args);
    keep_error(g, &error);
    return NULL;
}

pn_node *pn_graph_new_node(pencl_graph *g, pn_node_kind kind, const char *name)
{
    if (g->n_nodes == g->room) {
        int room = g->room == 0 ? 64 : g->room * 2;
        pn_node **nodes = pn_realloc(g->nodes, (size_t)room, sizeof *nodes);
        if (nodes == NULL) {
            pn_graph_fail(g, PENCL_E_NOMEM, "out of host memory");
            return NULL;
        }
        g->nodes = nodes;
        g->room = room;
    }
    pn_node *node = pn_arena_alloc(g->arena, 1, sizeof *node);
    char *copy = pn_arena_print(g->arena, "%s", name);
    if (node == NULL || copy == NULL) {
        pn_graph_fail(g, PENCL_E_NOMEM, "out of host memory");
        return NULL;
    }
    node->kind = kind;
    node->name = copy;
    node->id = g->n_nodes;
    node->slot = -1;
    g->nodes[g->n_nodes++] = node;
    return node;
}

pencl_value *pn_graph_node_value(pencl_graph *g, pn_node *node, const pn_spec *spec)
{
    if (node == NULL) {
        return NULL;
    }
    pencl_value *v = pn_arena_alloc(g->arena, 1, sizeof *v);
    if (v == NULL) {
        return pn_graph_fail(g, PENCL_E_NOMEM, "out of host memory");
    }
    v->graph = g;
    v->node = node;
    v->view = pn_view_contiguous(spec);
    return v;
}

pencl_value *pn_graph_input(pencl_graph *g, const char *name, const pn_spec *spec)
{
    for (int i = 0; i < g->n_nodes; i++) {
        pn_node *node = g->nodes[i];
        if (node->kind == PN_NODE_INPUT && node->array == NULL && strcmp(node->name, name) == 0) {
            return pn_graph_node_value(g, node, &node->call.out);
        }
    }
    pn_node *node = pn_graph_new_node(g, PN_NODE_INPUT, name);
    if (node != NULL) {
        node->call.out = *spec;
    }
    return pn_graph_node_value(g, node, spec);
}

pencl_value *pencl_graph_array(pencl_graph *g, const pencl_array *array)
{
    if (g == NULL || array == NULL) {
        return NULL;
    }
    if (array->device != g->device) {
        return pn_graph_fail(g, PENCL_E_ARG, "the array lives on another device than the graph");
    }
    pn_node *node = pn_graph_new_node(g, PN_NODE_INPUT, "array");
    pencl_value *v = pn_graph_node_value(g, node, &array->view.spec);
    if (v != NULL) {
        node->array = array;
        node->call.out = array->view.spec;
        v->view = array->view; /* the node's storage is the array's, whose strides may be any */
    }
    return v;
}

pn_guard pn_guard_begin(pencl_graph *g)
{
    pn_guard guard = {.graph = g, .saved = g->ctx->error};
    pn_error_clear(g->ctx);
    return guard;
}

bool pn_guard_end(const pn_guard *guard, pencl_status status)
{
    pencl_graph *g = guard->graph;
    if (status != PENCL_OK) {
        keep_error(g, &g->ctx->error);
    }
    g->ctx->error = guard->saved;
    return status == PENCL_OK;
}

bool pn_graph_new_name(pencl_graph *g, const char *verb, const char *name)
{
    if (g == NULL || g->error.status != PENCL_OK) {
        return false;
    }
    if (name[0] == '\0') {
        pn_graph_fail(g, PENCL_E_AXIS, "%s: an axis name must not be empty", verb);
        return false;
    }
    pn_guard guard = pn_guard_begin(g);
    return pn_guard_end(&guard, pn_axis_name_check(g->ctx, name));
}

/* The call's inputs, their positional axes under hidden names, which `hidden` tells. */
static bool take_inputs(
    pencl_graph *g, const pn_op_def *def, const pn_op_args *args, pencl_value *in[], bool *hidden)
{
    *hidden = false;
    for (int i = 0; i < args->n_in; i++) {
        in[i] = args->in[i];
        if (in[i] == NULL) {
            return false;
        }
        if (in[i]->graph != g) {
            pn_graph_fail(g, PENCL_E_ARG, "%s: %s is of another graph", def->name, def->in[i]);
            return false;
        }
        if (in[i]->items != NULL) {
            pn_graph_fail(g, PENCL_E_ARG, "%s: %s is a tuple", def->name, def->in[i]);
            return false;
        }
        for (int k = 0; k < in[i]->view.spec.n_axes; k++) {
            *hidden = *hidden || in[i]->view.spec.axes[k].name[0] == '\0';
        }
    }
    return !*hidden || pn_values_hide(in, args->n_in, 0);
}

pencl_value *pn_graph_op(pencl_graph *g, const pn_op_def *def, const pn_op_args *args)
{
    pencl_value *in[PN_MAX_IN] = {0};
    bool hidden = false;
    if (g == NULL || g->error.status != PENCL_OK || !take_inputs(g, def, args, in, &hidden)) {
        return NULL;
    }
    pn_op_call call = {.def = def, .n_in = args->n_in, .n_names = args->n_names};
    memcpy(call.num, args->num, sizeof call.num);
    for (int i = 0; i < args->n_in; i++) {
        call.in[i] = in[i]->view.spec;
    }
    for (int i = 0; i < args->n_names; i++) {
        pn_copy(call.names[i], sizeof call.names[i], args->names[i]);
    }
    pn_guard guard = pn_guard_begin(g);
    if (!pn_guard_end(&guard, def->infer(g->ctx, &call)) ||
        (def->flags & PN_OP_IN_PLACE && !pn_graph_may_write(in[0]))) {
        return NULL;
    }
    pn_node *node = pn_graph_new_node(g, PN_NODE_OP, g->path);
    if (node == NULL) {
        return NULL;
    }
    node->call = call;
    memcpy(node->in, in, sizeof node->in);
    pencl_value *out = pn_graph_node_value(g, node, &call.out);
    return hidden ? pn_value_unhide(out) : out;
}

pencl_value *
pn_graph_join(pencl_graph *g, const pn_spec *spec, const pn_piece *pieces, int n, bool layered)
{
    pn_node *node = pn_graph_new_node(g, PN_NODE_JOIN, g->path);
    pn_piece *copy = pn_arena_alloc(g->arena, (size_t)n, sizeof *copy);
    if (node == NULL || copy == NULL) {
        return pn_graph_fail(g, PENCL_E_NOMEM, "out of host memory");
    }
    memcpy(copy, pieces, (size_t)n * sizeof *copy);
    node->call.out = *spec;
    node->pieces = copy;
    node->n_pieces = n;
    node->layered = layered;
    return pn_graph_node_value(g, node, spec);
}

const char *pn_graph_enter(pencl_graph *g, const char *name)
{
    const char *previous = g->path;
    const char *path = pn_arena_print(g->arena, "%s%s", previous, name);
    g->path = path != NULL ? path : previous;
    return previous;
}

void pn_graph_leave(pencl_graph *g, const char *previous)
{
    g->path = previous;
}

static bool name_is_free(pencl_graph *g, const char *name)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const char *taken = g->nodes[i]->capture_name;
        if (taken != NULL && strcmp(taken, name) == 0) {
            pn_graph_fail(g, PENCL_E_ARG, "two captures are named '%s'", name);
            return false;
        }
    }
    return true;
}

/* The value is all that its node computes, as the node computes it. */
static bool is_whole_output(const pencl_value *x)
{
    return x->node->kind == PN_NODE_OP && !(x->node->call.def->flags & PN_OP_IN_PLACE) &&
           x->view.offset == 0 && pn_spec_equal(&x->view.spec, &x->node->call.out) &&
           pn_view_is_contiguous(&x->view);
}

/* A copy in C order, "seq" first: rows of one token after another can be gathered then. */
static pencl_value *copy_rows(pencl_value *x)
{
    const pn_spec *spec = &x->view.spec;
    const char *names[PENCL_MAX_AXES];
    int seq = pn_spec_find(spec, PENCL_AXIS_SEQ);
    int n = 0;
    if (seq >= 0) {
        names[n++] = PENCL_AXIS_SEQ;
    }
    for (int i = 0; i < spec->n_axes; i++) {
        if (i != seq) {
            names[n++] = spec->axes[i].name;
        }
    }
    return pencl_value_reorder(x, names, n);
}

pencl_value *pn_value_capture(pencl_value *x, const char *name)
{
    if (x == NULL || !name_is_free(x->graph, name)) {
        return NULL;
    }
    if (x->items != NULL) {
        return pn_graph_fail(x->graph, PENCL_E_UNSUPPORTED, "capture '%s': a tuple of values",
                             name);
    }
    bool as_it_is = is_whole_output(x) && x->node->capture_name == NULL &&
                    pn_spec_find(&x->view.spec, PENCL_AXIS_SEQ) <= 0;
    pencl_value *kept = as_it_is ? x : copy_rows(x);
    if (kept != NULL) {
        kept->node->capture_name = pn_arena_print(x->graph->arena, "%s", name);
    }
    return as_it_is ? kept : x; /* the others go on with the value as it was */
}
