/* SPDX-License-Identifier: Apache-2.0 */
/* The changing verbs of selections, over the edits of edit.c. */
#include "nn/selection.h"

#include <string.h>

/* ---- one node for each ---- */

static pencl_status give(pencl_node *out, const pencl_place *place, void *user)
{
    (void)place;
    *out = pn_node_ref(*(const pencl_node *)user);
    return PENCL_OK;
}

pencl_status
pencl_selection_set(pencl_layer **out, const pencl_selection *s, pencl_node replacement)
{
    return pencl_selection_apply(out, s, give, &replacement);
}

typedef struct by_path {
    const char *const *paths;
    const pencl_node *nodes;
    int n;
} by_path;

/* Without a replacement for the path nothing is given, which is an error. */
static pencl_status give_by_path(pencl_node *out, const pencl_place *place, void *user)
{
    const by_path *map = user;
    for (int i = 0; i < map->n; i++) {
        if (strcmp(map->paths[i], place->path) == 0) {
            *out = pn_node_ref(map->nodes[i]);
            return PENCL_OK;
        }
    }
    return PENCL_OK;
}

pencl_status pencl_selection_set_by_path(pencl_layer **out,
                                         const pencl_selection *s,
                                         const char *const paths[],
                                         const pencl_node nodes[],
                                         int n)
{
    by_path map = {paths, nodes, n};
    return pencl_selection_apply(out, s, give_by_path, &map);
}

/* The selected node with parts of it replaced; `within` is the map in that node's own paths. */
typedef struct parts {
    pencl_ctx *ctx;
    by_path within;
} parts;

static pencl_status set_parts(pencl_node *out, const pencl_place *place, void *user)
{
    parts *p = user;
    pencl_selection *s = pn_select_node(p->ctx, place->node);
    s = pencl_selection_at_keypaths(s, p->within.paths, p->within.n);
    pencl_status status = s != NULL ? pn_selection_settle(s) : PN_NOMEM(p->ctx);
    if (status == PENCL_OK) {
        status = pn_edit_each(out, s, give_by_path, &p->within, NULL);
    }
    pencl_selection_free(s);
    return status;
}

pencl_status pencl_selection_select_and_set_by_path(pencl_layer **out,
                                                    const pencl_selection *s,
                                                    const char *const paths[],
                                                    const pencl_node nodes[],
                                                    int n)
{
    parts p = {.ctx = s != NULL ? s->ctx : NULL, .within = {paths, nodes, n}};
    return pencl_selection_apply(out, s, set_parts, &p);
}

static pencl_status give_in_order(pencl_node *out, const pencl_place *place, void *user)
{
    const pencl_node *nodes = user;
    *out = pn_node_ref(nodes[place->index]);
    return PENCL_OK;
}

pencl_status pencl_selection_set_sequence(pencl_layer **out,
                                          const pencl_selection *s,
                                          const pencl_node nodes[],
                                          int n)
{
    *out = NULL;
    PENCL_TRY(pn_selection_settle(s));
    if (n < s->n) {
        return PN_FAIL(s->ctx, PENCL_E_ARITY,
                       "set_sequence: %d nodes for %d selected ones, the first without is '%s'", n,
                       s->n, s->items[n].path);
    }
    return pencl_selection_apply(out, s, give_in_order, (pencl_node *)nodes);
}

/* ---- none, one or many for each ---- */

struct pencl_layer_list {
    pencl_ctx *ctx;
    pn_nodes nodes;
};

pencl_status pencl_layer_list_add(pencl_layer_list *list, pencl_layer *layer)
{
    if (layer == NULL) {
        return PN_FAIL(list->ctx, PENCL_E_ARG, "there is no layer to add");
    }
    return pn_nodes_add(&list->nodes, list->ctx, pencl_layer_node(pencl_layer_ref(layer)));
}

/* penzai's rule and words: only lists can grow. */
static pencl_status need_list_parents(const pencl_selection *s)
{
    static const char rule[] = "requires all selected nodes to be children of lists";
    for (int i = 0; i < s->n; i++) {
        const pn_selected *item = &s->items[i];
        if (item->depth == 0) {
            return PN_FAIL(s->ctx, PENCL_E_ARG,
                           "apply_and_inline %s, but the root node was selected", rule);
        }
        int n = 0;
        const pencl_layer *parent = pn_selected_parent(s, item);
        const pencl_attribute *a = pencl_layer_attributes(parent, &n);
        if (a[item->steps[item->depth - 1].field].kind != PENCL_FIELD_LAYERS) {
            return PN_FAIL(s->ctx, PENCL_E_ARG,
                           "apply_and_inline %s, but the node at path %s was contained in a node "
                           "of type %s",
                           rule, item->path, pencl_layer_type_of(parent)->name);
        }
    }
    return PENCL_OK;
}

/* The tree, edited; `kept` as for pn_edit. */
static pencl_status inline_each(pencl_node *out,
                                const pencl_selection *s,
                                pencl_node_expand *expand,
                                void *user,
                                pencl_selection *kept,
                                int selected)
{
    PENCL_TRY(need_list_parents(s));
    pn_nodes *instead = pn_calloc((size_t)s->n + 1, sizeof *instead);
    pencl_status status = instead != NULL ? PENCL_OK : PN_NOMEM(s->ctx);
    for (int i = 0; i < s->n && status == PENCL_OK; i++) {
        pencl_place place = pn_selected_place(s, i);
        pencl_layer_list list = {.ctx = s->ctx};
        status = expand(&list, &place, user);
        instead[i] = list.nodes;
        if (status != PENCL_OK) {
            PN_FAIL(s->ctx, status, "the function failed at path '%s'", place.path);
        }
    }
    if (status == PENCL_OK) {
        status = pn_edit(out, s, instead, kept, selected);
    }
    if (instead != NULL) {
        pn_nodes_free(instead, s->n);
    }
    pn_free(instead);
    return status;
}

pencl_status pencl_selection_apply_and_inline(pencl_layer **out,
                                              const pencl_selection *s,
                                              pencl_node_expand *expand,
                                              void *user)
{
    pencl_node root = {0};
    *out = NULL;
    PENCL_TRY(pn_selection_settle(s));
    PENCL_TRY(inline_each(&root, s, expand, user, NULL, 0));
    *out = root.layer; /* what has lists below is a layer */
    return PENCL_OK;
}

static pencl_status put_before(pencl_layer_list *list, const pencl_place *place, void *layer)
{
    PENCL_TRY(pencl_layer_list_add(list, layer));
    return pencl_layer_list_add(list, place->node.layer);
}

static pencl_status put_after(pencl_layer_list *list, const pencl_place *place, void *layer)
{
    PENCL_TRY(pencl_layer_list_add(list, place->node.layer));
    return pencl_layer_list_add(list, layer);
}

static pencl_status put_nothing(pencl_layer_list *list, const pencl_place *place, void *unused)
{
    (void)list;
    (void)place;
    (void)unused;
    return PENCL_OK;
}

pencl_status
pencl_selection_insert_before(pencl_layer **out, const pencl_selection *s, pencl_layer *layer)
{
    return pencl_selection_apply_and_inline(out, s, put_before, layer);
}

pencl_status
pencl_selection_insert_after(pencl_layer **out, const pencl_selection *s, pencl_layer *layer)
{
    return pencl_selection_apply_and_inline(out, s, put_after, layer);
}

pencl_status pencl_selection_remove_from_parent(pencl_layer **out, const pencl_selection *s)
{
    return pencl_selection_apply_and_inline(out, s, put_nothing, NULL);
}

/* Narrows the selection to number `selected` of each list, in the changed tree. */
static pencl_selection *
insert(pencl_selection *s, pencl_node_expand *expand, pencl_layer *layer, int selected)
{
    if (pn_selection_failed(s)) {
        return s;
    }
    pencl_node root = {0};
    pencl_selection *kept = pn_selection_empty(s);
    pn_error_clear(s->ctx);
    pencl_status status =
        kept != NULL ? inline_each(&root, s, expand, layer, kept, selected) : PN_NOMEM(s->ctx);
    if (status != PENCL_OK) {
        pencl_selection_free(kept);
        return pn_selection_fail_as(s, status);
    }
    pn_node_free(root); /* kept has it */
    pn_selection_take(s, kept);
    return s;
}

pencl_selection *pencl_selection_insert_before_and_select(pencl_selection *s, pencl_layer *layer)
{
    return insert(s, put_before, layer, 0);
}

pencl_selection *pencl_selection_insert_after_and_select(pencl_selection *s, pencl_layer *layer)
{
    return insert(s, put_after, layer, 1);
}

/* ---- capture ---- */

/* The node under a Capture; or behind one, that keeps what enters it. */
static pencl_layer *captured(const pencl_selection *s, const char *name)
{
    pencl_layer *node = pencl_layer_ref(s->items[0].node.layer);
    if (s->when == PENCL_AFTER) {
        return pn_nn_capture(s->ctx, name, node);
    }
    return PN_NN_LIST(s->ctx, "Sequential", pn_nn_capture(s->ctx, name, pn_nn_identity(s->ctx)),
                      node);
}

pencl_status pencl_selection_capture(pencl_layer **out, const pencl_selection *s, const char *name)
{
    *out = NULL;
    PENCL_TRY(pn_selection_settle(s));
    PENCL_TRY(pn_selection_only(s, "capture"));
    if (s->items[0].node.layer == NULL) {
        return PN_FAIL(s->ctx, PENCL_E_ARG, "a %s is not computed: there is nothing to capture",
                       pn_node_type_name(s->items[0].node));
    }
    pencl_layer *capture = captured(s, name);
    if (capture == NULL) {
        return s->ctx->error.status;
    }
    pencl_status status = pencl_selection_set(out, s, pencl_layer_node(capture));
    pencl_layer_free(capture);
    return status;
}
