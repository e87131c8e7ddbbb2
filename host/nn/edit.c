/* SPDX-License-Identifier: Apache-2.0 */
/* Changed copies of trees: nodes on the way to a selected one are made anew, all others shared. */
#include "nn/layers.h"
#include "nn/selection.h"

#include <string.h>

/* ---- nodes in place of one ---- */

pencl_status pn_nodes_add(pn_nodes *list, pencl_ctx *ctx, pencl_node node)
{
    if (list->n == list->room) {
        int room = list->room == 0 ? 2 : list->room * 2;
        pencl_node *items = pn_realloc(list->items, (size_t)room, sizeof *items);
        if (items == NULL) {
            pn_node_free(node);
            return PN_NOMEM(ctx);
        }
        list->items = items;
        list->room = room;
    }
    list->items[list->n++] = node;
    return PENCL_OK;
}

void pn_nodes_free(pn_nodes *lists, int n)
{
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < lists[i].n; k++) {
            pn_node_free(lists[i].items[k]);
        }
        pn_free(lists[i].items);
    }
}

/* ---- the copy ---- */

typedef struct edit {
    const pencl_selection *s;
    const pn_nodes *instead; /* of each item */
    pencl_selection *kept;   /* gets number `selected` of each list, at its new place; or NULL */
    int selected;
    pn_step steps[PN_MAX_DEPTH]; /* the place in the new tree */
} edit;

/* Selected nodes first .. end-1. */
typedef struct span {
    int first;
    int end;
} span;

static pencl_status
rebuild(pencl_layer **out, edit *e, const pencl_layer *node, int depth, span selected);

/* Those of `rest` at or below the child whose step from this depth is (field, index), taken off
 * its front: selected nodes are in the order of a walk. */
static span take_below(const edit *e, span *rest, int depth, int field, int index)
{
    span here = {rest->first, rest->first};
    while (here.end < rest->end) {
        const pn_step *step = &e->s->items[here.end].steps[depth];
        if (step->field != field || step->index != index) {
            break;
        }
        here.end++;
    }
    rest->first = here.end;
    return here;
}

/* Adds what the child becomes to the new children of its field. */
static pencl_status add_child(edit *e, pn_nodes *to, pencl_node child, int depth, span here)
{
    pencl_ctx *ctx = e->s->ctx;
    if (here.first == here.end) {
        return pn_nodes_add(to, ctx, pn_node_ref(child));
    }
    e->steps[depth].index = to->n;
    if (e->s->items[here.first].depth > depth + 1) {
        pencl_layer *layer = NULL;
        PENCL_TRY(rebuild(&layer, e, child.layer, depth + 1, here));
        return pn_nodes_add(to, ctx, pencl_layer_node(layer));
    }
    const pn_nodes *nodes = &e->instead[here.first];
    for (int i = 0; i < nodes->n; i++) {
        e->steps[depth].index = to->n;
        if (e->kept != NULL && i == e->selected) {
            pn_selection_push(e->kept, nodes->items[i], e->steps, depth + 1);
        }
        PENCL_TRY(pn_nodes_add(to, ctx, pn_node_ref(nodes->items[i])));
    }
    return PENCL_OK;
}

/* The new children of a field: owned by `to`. */
static pencl_status
add_children(edit *e, pn_nodes *to, const pencl_layer *node, int field, int depth, span *rest)
{
    int n = 0;
    const pencl_attribute *a = &pencl_layer_attributes(node, &n)[field];
    int size = a->kind == PENCL_FIELD_VARIABLE ? 1 : a->layers != NULL ? a->n : 0;
    e->steps[depth] = (pn_step){.field = field};
    for (int i = 0; i < size; i++) {
        span here = take_below(e, rest, depth, field, i);
        PENCL_TRY(add_child(e, to, pn_layer_child_at(node, field, i), depth, here));
    }
    return PENCL_OK;
}

/* Makes an attribute of its new children; the list of layers is at `layers`. */
static pencl_status put_children(pencl_attribute *a,
                                 pencl_ctx *ctx,
                                 const pencl_layer_type *type,
                                 const pn_nodes *nodes,
                                 pencl_layer ***layers)
{
    for (int i = 0; i < nodes->n; i++) {
        PENCL_TRY(pn_attribute_need(ctx, type, a, nodes->items[i]));
    }
    if (a->kind == PENCL_FIELD_VARIABLE) {
        a->variable = nodes->items[0].variable;
        return PENCL_OK;
    }
    *layers = pn_calloc((size_t)nodes->n + 1, sizeof(pencl_layer *));
    if (*layers == NULL) {
        return PN_NOMEM(ctx);
    }
    for (int i = 0; i < nodes->n; i++) {
        (*layers)[i] = nodes->items[i].layer;
    }
    a->layers = *layers;
    a->n = nodes->n;
    return PENCL_OK;
}

/* What rebuild owns of one attribute of the new node. */
typedef struct new_field {
    pn_nodes children;
    pencl_layer **layers;
} new_field;

static pencl_status rebuild_fields(pencl_attribute *a,
                                   new_field *fields,
                                   edit *e,
                                   const pencl_layer *node,
                                   int depth,
                                   span selected)
{
    int n = 0;
    const pencl_attribute *old = pencl_layer_attributes(node, &n);
    for (int i = 0; i < n; i++) {
        a[i] = old[i];
        if (old[i].kind != PENCL_FIELD_VARIABLE && old[i].layers == NULL) {
            continue;
        }
        PENCL_TRY(add_children(e, &fields[i].children, node, i, depth, &selected));
        PENCL_TRY(put_children(&a[i], e->s->ctx, pencl_layer_type_of(node), &fields[i].children,
                               &fields[i].layers));
    }
    return PENCL_OK;
}

/* The copy of a node with at least one selected node below it. */
static pencl_status
rebuild(pencl_layer **out, edit *e, const pencl_layer *node, int depth, span selected)
{
    int n = 0;
    pencl_layer_attributes(node, &n);
    pencl_attribute *a = pn_calloc((size_t)n, sizeof *a);
    new_field *fields = pn_calloc((size_t)n, sizeof *fields);
    pencl_status status = a != NULL && fields != NULL ? PENCL_OK : PN_NOMEM(e->s->ctx);
    if (status == PENCL_OK) {
        status = rebuild_fields(a, fields, e, node, depth, selected);
    }
    if (status == PENCL_OK) {
        status = pn_layer_new(out, e->s->ctx, pencl_layer_type_of(node), a, n);
    }
    for (int i = 0; fields != NULL && i < n; i++) {
        pn_nodes_free(&fields[i].children, 1);
        pn_free((void *)fields[i].layers);
    }
    pn_free(fields);
    pn_free(a);
    return status;
}

static pencl_status edit_root(pencl_node *out, edit *e)
{
    const pencl_selection *s = e->s;
    if (s->n == 0) {
        *out = pn_node_ref(s->root);
        return PENCL_OK;
    }
    if (s->items[0].depth == 0) {
        *out = pn_node_ref(e->instead[0].items[0]);
        if (e->kept != NULL) {
            pn_selection_push(e->kept, *out, e->steps, 0);
        }
        return PENCL_OK;
    }
    pencl_layer *root = NULL;
    PENCL_TRY(rebuild(&root, e, s->root.layer, 0, (span){0, s->n}));
    *out = pencl_layer_node(root);
    return PENCL_OK;
}

pencl_status pn_edit(pencl_node *out,
                     const pencl_selection *s,
                     const pn_nodes *instead,
                     pencl_selection *kept,
                     int selected)
{
    edit e = {.s = s, .instead = instead, .kept = kept, .selected = selected};
    *out = (pencl_node){0};
    PENCL_TRY(edit_root(out, &e));
    if (kept != NULL) {
        pn_node_free(kept->root);
        kept->root = pn_node_ref(*out);
        pn_selection_name(kept);
    }
    return PENCL_OK;
}

/* ---- a function of each node ---- */

pencl_place pn_selected_place(const pencl_selection *s, int i)
{
    return (pencl_place){
        .node = s->items[i].node, .path = s->items[i].path, .within = "", .index = i};
}

/* Calls the caller's function; when it fails, a text that it left stays. */
static pencl_status
call_change(pn_nodes *to, const pencl_selection *s, int i, pencl_node_change *change, void *user)
{
    pencl_place place = pn_selected_place(s, i);
    pencl_node node = {0};
    pencl_status status = change(&node, &place, user);
    if (status != PENCL_OK) {
        return PN_FAIL(s->ctx, status, "the function failed at path '%s'", place.path);
    }
    if (node.layer == NULL && node.variable == NULL) {
        return PN_FAIL(s->ctx, PENCL_E_ARG, "there is no replacement for path '%s'", place.path);
    }
    return pn_nodes_add(to, s->ctx, node);
}

pencl_status pn_edit_each(pencl_node *out,
                          const pencl_selection *s,
                          pencl_node_change *change,
                          void *user,
                          pencl_selection *kept)
{
    pn_nodes *instead = pn_calloc((size_t)s->n + 1, sizeof *instead);
    pencl_status status = instead != NULL ? PENCL_OK : PN_NOMEM(s->ctx);
    for (int i = 0; i < s->n && status == PENCL_OK; i++) {
        status = call_change(&instead[i], s, i, change, user);
    }
    if (status == PENCL_OK) {
        status = pn_edit(out, s, instead, kept, 0);
    }
    if (instead != NULL) {
        pn_nodes_free(instead, s->n);
    }
    pn_free(instead);
    return status;
}

/* The changed tree, whose root must be a layer. */
static pencl_status layer_of(pencl_layer **out, const pencl_selection *s, pencl_node root)
{
    if (root.layer == NULL) {
        const char *name = pn_node_type_name(root);
        pencl_status status =
            PN_FAIL(s->ctx, PENCL_E_FIELDS, "a %s cannot be the root of a tree", name);
        pn_node_free(root);
        return status;
    }
    *out = root.layer;
    return PENCL_OK;
}

pencl_status pencl_selection_apply(pencl_layer **out,
                                   const pencl_selection *s,
                                   pencl_node_change *change,
                                   void *user)
{
    pencl_node root = {0};
    *out = NULL;
    PENCL_TRY(pn_selection_settle(s));
    PENCL_TRY(pn_edit_each(&root, s, change, user, NULL));
    return layer_of(out, s, root);
}

pencl_selection *
pencl_selection_apply_and_keep(pencl_selection *s, pencl_node_change *change, void *user)
{
    if (pn_selection_failed(s)) {
        return s;
    }
    pencl_node root = {0};
    pencl_selection *kept = pn_selection_empty(s);
    pn_error_clear(s->ctx);
    pencl_status status =
        kept != NULL ? pn_edit_each(&root, s, change, user, kept) : PN_NOMEM(s->ctx);
    if (status != PENCL_OK) {
        pencl_selection_free(kept);
        return pn_selection_fail_as(s, status);
    }
    pn_node_free(root); /* kept has it */
    pn_selection_take(s, kept);
    return s;
}
