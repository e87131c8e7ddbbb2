/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of a graph: where their stores are found, and what runs leave in them. */
#include "graph/graph.h"

#include <string.h>

/* ---- where a store is found ---- */

pencl_status pn_source_store(pn_store **out, const pn_source *source)
{
    pn_store *store = pn_store_ref(pn_cell_store(source->cell));
    pencl_status status = PENCL_OK;
    for (int i = 0; i < source->n_at && store != NULL; i++) {
        pn_store *part = NULL;
        status = pn_store_index(&part, store, source->at[i]);
        pn_store_free(store);
        store = part;
    }
    *out = store;
    return status;
}

bool pn_source_same(const pn_source *a, const pn_source *b)
{
    return a->cell == b->cell && a->n_at == b->n_at &&
           memcmp(a->at, b->at, (size_t)a->n_at * sizeof *a->at) == 0;
}

/* ---- values ---- */

static pn_node *new_variable(pencl_graph *g, const char *label, pn_store *store)
{
    pn_node *node = pn_graph_new_node(g, PN_NODE_VARIABLE, label);
    if (node != NULL) {
        node->store = pn_store_ref(store);
        node->slot = g->n_variables++;
        node->call.out = store->spec;
    }
    return node;
}

pencl_value *pn_graph_variable(pencl_graph *g, const char *label, pn_store *store)
{
    for (int i = 0; i < g->n_nodes; i++) {
        pn_node *node = g->nodes[i];
        if (node->kind == PN_NODE_VARIABLE && node->source.cell == NULL &&
            pn_store_same(node->store, store)) {
            return pn_graph_node_value(g, node, &store->spec);
        }
    }
    return pn_graph_node_value(g, new_variable(g, label, store), &store->spec);
}

/* The node of what is found there; NULL after an error. */
static pn_node *node_of(pencl_graph *g, const char *label, const pn_source *source)
{
    for (int i = 0; i < g->n_nodes; i++) {
        pn_node *node = g->nodes[i];
        if (node->kind == PN_NODE_VARIABLE && pn_source_same(&node->source, source)) {
            return node;
        }
    }
    pn_store *store = NULL;
    pn_guard guard = pn_guard_begin(g);
    if (!pn_guard_end(&guard, pn_source_store(&store, source))) {
        return NULL;
    }
    if (store == NULL || store->device != g->device) {
        pn_graph_fail(g, store == NULL ? PENCL_E_UNSUPPORTED : PENCL_E_ARG, "\"%s\" %s", label,
                      store == NULL ? "has no part of that index that lies by itself"
                                    : "lives on another device than the graph");
        pn_store_free(store);
        return NULL;
    }
    pn_node *node = new_variable(g, label, store);
    pn_store_free(store); /* the graph has it */
    if (node != NULL) {
        node->source = *source;
        pn_cell_ref(source->cell);
    }
    return node;
}

pencl_value *pn_graph_cell(pencl_graph *g, const char *label, const pn_source *source)
{
    pn_node *node = node_of(g, label, source);
    return node != NULL && node->next != NULL
               ? node->next
               : pn_graph_node_value(g, node, node != NULL ? &node->call.out : NULL);
}

/* ---- writing ---- */

static bool may_write(pencl_graph *g, pn_node *node)
{
    if (node->source.fixed) {
        pn_graph_fail(g, PENCL_E_ARG, "\"%s\" is a frozen value, which cannot be written",
                      node->name);
        return false;
    }
    node->written = true;
    return true;
}

bool pn_graph_may_write(const pencl_value *x)
{
    return x->node->kind != PN_NODE_VARIABLE || may_write(x->graph, x->node);
}

static pencl_value *refuse_next(const pn_node *node, pencl_value *x)
{
    pencl_graph *g = x->graph;
    pn_text text = {0};
    pn_spec_print(&text, &node->call.out);
    pn_graph_fail(g, PENCL_E_SHAPE, "the new value of \"%s\", which is %s", node->name,
                  pn_text_get(&text));
    pn_text_free(&text);
    return NULL;
}

pencl_value *pn_graph_set_next(pencl_value *x, const char *label, const pn_source *source)
{
    pencl_graph *g = x->graph;
    pn_node *node = node_of(g, label, source);
    const char *names[PENCL_MAX_AXES];
    int n = 0;
    if (node == NULL || !may_write(g, node)) {
        return NULL;
    }
    const pn_spec *spec = &node->call.out;
    for (int i = 0; i < spec->n_axes; i++) {
        if (spec->axes[i].name[0] != '\0') { /* an order puts positional axes in front */
            names[n++] = spec->axes[i].name;
        }
    }
    if (x->items != NULL || !pn_spec_same_axes(spec, &x->view.spec)) {
        return refuse_next(node, x);
    }
    x = pencl_value_order(x, names, n);
    if (x != NULL && !pn_spec_equal(&x->view.spec, spec)) {
        return refuse_next(node, x);
    }
    if (node->store->layout != &pn_layout_plain || node->store->n_parts != 1) {
        return pn_graph_fail(g, PENCL_E_UNSUPPORTED, "\"%s\" does not lie in C order", label);
    }
    node->next = x;
    return x;
}

bool pn_graph_limit(const pencl_value *variable, const pn_limit *limit)
{
    pencl_graph *g = variable->graph;
    pn_node *node = variable->node;
    if (node->kind != PN_NODE_VARIABLE) {
        pn_graph_fail(g, PENCL_E_UNSUPPORTED,
                      "a limit of what is computed: one graph takes one step");
        return false;
    }
    pn_limit *copy = pn_arena_alloc(g->arena, 1, sizeof *copy);
    const char *text = pn_arena_print(g->arena, "%s", limit->text);
    if (copy == NULL || text == NULL) {
        pn_graph_fail(g, PENCL_E_NOMEM, "out of host memory");
        return false;
    }
    *copy = (pn_limit){limit->most, limit->status, text};
    if (node->limit == NULL || limit->most < node->limit->most) {
        node->limit = copy;
    }
    return true;
}

/* ---- later ---- */

pencl_status pn_graph_follow(pencl_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        pn_node *node = g->nodes[i];
        pn_store *store = NULL;
        if (node->kind != PN_NODE_VARIABLE || node->source.cell == NULL) {
            continue;
        }
        PENCL_TRY(pn_source_store(&store, &node->source));
        if (store == NULL || !pn_spec_equal(&store->spec, &node->call.out)) {
            pencl_status status =
                pn_spec_fail(g->ctx, PENCL_E_DTYPE, &pn_cell_store(node->source.cell)->spec,
                             "%s has become something else since it was traced", node->name);
            pn_store_free(store);
            return status;
        }
        pn_store_free(node->store);
        node->store = store;
    }
    return PENCL_OK;
}
