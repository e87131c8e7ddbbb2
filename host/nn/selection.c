/* SPDX-License-Identifier: Apache-2.0 */
/* Selections: making, the walk behind narrowing verbs, reading. Narrowing is in select.c, what
 * changes trees in edit.c. */
#include "nn/selection.h"

#include <stdio.h>
#include <string.h>

/* ---- errors stay on the selection ---- */

pencl_selection *pn_selection_fail(pencl_selection *s, pencl_status status, const char *fmt, ...)
{
    if (s->error.status != PENCL_OK) {
        return s;
    }
    va_list args;
    va_start(args, fmt);
    vsnprintf(s->error.text, sizeof s->error.text, fmt, args);
    va_end(args);
    s->error.status = status;
    return s;
}

pencl_selection *pn_selection_fail_as(pencl_selection *s, pencl_status status)
{
    pn_selection_fail(s, status, "%s",
                      s->ctx->error.status != PENCL_OK ? s->ctx->error.text
                                                       : pencl_status_text(status));
    pn_error_clear(s->ctx);
    return s;
}

bool pn_selection_failed(const pencl_selection *s)
{
    return s == NULL || s->error.status != PENCL_OK;
}

pencl_status pn_selection_settle(const pencl_selection *s)
{
    if (s == NULL) {
        return PENCL_E_ARG;
    }
    pn_error_clear(s->ctx);
    return pn_selection_failed(s) ? PN_FAIL(s->ctx, s->error.status, "%s", s->error.text)
                                  : PENCL_OK;
}

pencl_status pn_selection_only(const pencl_selection *s, const char *verb)
{
    if (s->n == 1) {
        return PENCL_OK;
    }
    return PN_FAIL(s->ctx, PENCL_E_ARITY,
                   "%s can only be called on selections with one selected node, but there are %d",
                   verb, s->n);
}

/* ---- items ---- */

static void add_key(pn_text *path, const pencl_layer *parent, const pn_step *step)
{
    pencl_key key = pn_child_key(parent, step->field, step->index);
    pn_key_add(path, &key);
}

pencl_node pn_selection_node(const pencl_selection *s, const pn_step *steps, int depth)
{
    pencl_node node = s->root;
    for (int i = 0; i < depth; i++) {
        node = pn_layer_child_at(node.layer, steps[i].field, steps[i].index);
    }
    return node;
}

const pencl_layer *pn_selected_parent(const pencl_selection *s, const pn_selected *item)
{
    return pn_selection_node(s, item->steps, item->depth - 1).layer;
}

static char *path_text(const pencl_selection *s, const pn_step *steps, int depth)
{
    pn_text text = {0};
    pencl_node node = s->root;
    pn_text_add(&text, "%s", "");
    for (int i = 0; i < depth; i++) {
        add_key(&text, node.layer, &steps[i]);
        node = pn_layer_child_at(node.layer, steps[i].field, steps[i].index);
    }
    if (text.failed) {
        pn_text_free(&text);
    }
    return text.data;
}

static bool make_room(pencl_selection *s)
{
    if (s->n < s->room) {
        return true;
    }
    int room = s->room == 0 ? 8 : s->room * 2;
    pn_selected *items = pn_realloc(s->items, (size_t)room, sizeof *items);
    if (items != NULL) {
        s->items = items;
        s->room = room;
    }
    return items != NULL;
}

void pn_selection_push(pencl_selection *s, pencl_node node, const pn_step *steps, int depth)
{
    pn_selected item = {.node = node, .depth = depth};
    if (pn_selection_failed(s)) {
        return;
    }
    item.steps = pn_calloc((size_t)depth + 1, sizeof *item.steps);
    if (item.steps == NULL || !make_room(s)) {
        pn_free(item.steps);
        pn_selection_fail(s, PENCL_E_NOMEM, "out of host memory");
        return;
    }
    memcpy(item.steps, steps, (size_t)depth * sizeof *steps);
    s->items[s->n++] = item;
}

void pn_selection_name(pencl_selection *s)
{
    for (int i = 0; i < s->n && !pn_selection_failed(s); i++) {
        pn_selected *item = &s->items[i];
        if (item->path == NULL) {
            item->path = path_text(s, item->steps, item->depth);
        }
        if (item->path == NULL) {
            pn_selection_fail(s, PENCL_E_NOMEM, "out of host memory");
        }
    }
}

void pn_selection_add(pencl_selection *s, pencl_node node, const pn_step *steps, int depth)
{
    pn_selection_push(s, node, steps, depth);
    if (!pn_selection_failed(s)) {
        pn_selected *item = &s->items[s->n - 1];
        item->path = path_text(s, steps, depth);
        if (item->path == NULL) {
            pn_selection_fail(s, PENCL_E_NOMEM, "out of host memory");
        }
    }
}

static void free_items(pn_selected *items, int n)
{
    for (int i = 0; i < n; i++) {
        pn_free(items[i].steps);
        pn_free(items[i].path);
    }
    pn_free(items);
}

/* ---- making ---- */

pencl_selection *pn_selection_empty(const pencl_selection *s)
{
    pencl_selection *empty = pn_calloc(1, sizeof *empty);
    if (empty != NULL) {
        empty->ctx = s->ctx;
        empty->when = s->when;
        empty->root = pn_node_ref(s->root);
        empty->error = s->error;
    }
    return empty;
}

pencl_selection *pn_select_node(pencl_ctx *ctx, pencl_node root)
{
    pencl_selection like = {.ctx = ctx, .root = root};
    pencl_selection *s = pn_selection_empty(&like);
    if (s != NULL) {
        const pn_step none = {0};
        pn_selection_add(s, root, &none, 0);
    }
    return s;
}

pencl_selection *pencl_layer_select(pencl_ctx *ctx, pencl_layer *root)
{
    if (root != NULL) {
        return pn_select_node(ctx, pencl_layer_node(root));
    }
    pencl_selection like = {.ctx = ctx};
    pencl_selection *s = pn_selection_empty(&like);
    return s == NULL ? NULL : pn_selection_fail(s, PENCL_E_ARG, "there is no tree to select from");
}

pencl_selection *pencl_selection_copy(const pencl_selection *s)
{
    pencl_selection *copy = s == NULL ? NULL : pn_selection_empty(s);
    for (int i = 0; copy != NULL && i < s->n; i++) {
        pn_selection_add(copy, s->items[i].node, s->items[i].steps, s->items[i].depth);
    }
    return copy;
}

void pencl_selection_free(pencl_selection *s)
{
    if (s == NULL) {
        return;
    }
    free_items(s->items, s->n);
    pn_node_free(s->root);
    pn_free(s);
}

void pn_selection_take(pencl_selection *s, pencl_selection *from)
{
    pencl_selection old = *s;
    *s = *from;
    *from = old;
    pencl_selection_free(from);
}

/* ---- walks ---- */

bool pn_walk_down(pn_walk *w, const pn_child *child)
{
    if (w->depth == PN_MAX_DEPTH) {
        pn_selection_fail(w->s, PENCL_E_LIMIT, "the tree is deeper than %d levels", PN_MAX_DEPTH);
        return false;
    }
    pn_step *step = &w->steps[w->depth++];
    *step = (pn_step){child->field, child->index};
    add_key(&w->path, w->node.layer, step);
    w->node = child->node;
    return true;
}

void pn_walk_up(pn_walk *w, pencl_node parent, size_t path_size)
{
    w->depth--;
    w->node = parent;
    pn_text_cut(&w->path, path_size);
}

void pn_walk_children(pn_walk *w, void (*visit)(pn_walk *w, void *user), void *user)
{
    pencl_node parent = w->node;
    size_t size = w->path.size;
    pn_child child = {0};
    while (!pn_selection_failed(w->s) && pn_next_child(&child, parent.layer)) {
        if (pn_walk_down(w, &child)) {
            visit(w, user);
            pn_walk_up(w, parent, size);
        }
    }
}

void pn_walk_add(pn_walk *w)
{
    pn_selection_add(w->s, w->node, w->steps, w->depth);
}

pencl_place pn_walk_place(const pn_walk *w)
{
    const char *path = pn_text_get(&w->path);
    return (pencl_place){
        .node = w->node, .path = path, .within = path + w->within, .index = w->index};
}

pencl_selection *pn_narrow(pencl_selection *s, void (*visit)(pn_walk *w, void *user), void *user)
{
    if (pn_selection_failed(s)) {
        return s;
    }
    pn_selected *items = s->items;
    int n = s->n;
    s->items = NULL;
    s->n = 0;
    s->room = 0;
    for (int i = 0; i < n && !pn_selection_failed(s); i++) {
        pn_walk w = {.s = s, .node = items[i].node, .index = i, .depth = items[i].depth};
        memcpy(w.steps, items[i].steps, (size_t)w.depth * sizeof *w.steps);
        pn_text_add(&w.path, "%s", items[i].path);
        w.within = w.path.size;
        visit(&w, user);
        if (w.path.failed) {
            pn_selection_fail(s, PENCL_E_NOMEM, "out of host memory");
        }
        pn_text_free(&w.path);
    }
    free_items(items, n);
    return s;
}

/* ---- reading ---- */

int pencl_selection_count(const pencl_selection *s)
{
    return pn_selection_failed(s) ? 0 : s->n;
}

int pencl_selection_is_empty(const pencl_selection *s)
{
    return pencl_selection_count(s) == 0;
}

pencl_status pencl_selection_get(pencl_node *out, const pencl_selection *s)
{
    *out = (pencl_node){0};
    PENCL_TRY(pn_selection_settle(s));
    PENCL_TRY(pn_selection_only(s, "get"));
    *out = s->items[0].node;
    return PENCL_OK;
}

static const pn_selected *item_at(const pencl_selection *s, int i)
{
    return i >= 0 && i < pencl_selection_count(s) ? &s->items[i] : NULL;
}

pencl_point pencl_selection_point(const pencl_selection *s, int i)
{
    const pn_selected *item = item_at(s, i);
    pencl_point none = {0};
    return item != NULL ? (pencl_point){item->node, s->when} : none;
}

const char *pencl_selection_path(const pencl_selection *s, int i)
{
    const pn_selected *item = item_at(s, i);
    return item != NULL ? item->path : NULL;
}

int pencl_selection_keys(const pencl_selection *s, int i, pencl_key *keys, int room)
{
    const pn_selected *item = item_at(s, i);
    if (item == NULL) {
        return 0;
    }
    pencl_node node = s->root;
    for (int k = 0; k < item->depth; k++) {
        if (k < room) {
            keys[k] = pn_child_key(node.layer, item->steps[k].field, item->steps[k].index);
        }
        node = pn_layer_child_at(node.layer, item->steps[k].field, item->steps[k].index);
    }
    return item->depth;
}

int pencl_selection_find(const pencl_selection *s, const char *path)
{
    for (int i = 0; i < pencl_selection_count(s); i++) {
        if (strcmp(s->items[i].path, path) == 0) {
            return i;
        }
    }
    return -1;
}

pencl_status pencl_selection_pretty_path(char **out, const pencl_selection *s, int i)
{
    *out = NULL;
    PENCL_TRY(pn_selection_settle(s));
    const pn_selected *item = item_at(s, i);
    if (item == NULL) {
        return PN_FAIL(s->ctx, PENCL_E_ARG, "number %d of %d selected nodes", i, s->n);
    }
    pn_text text = {0};
    pencl_node node = s->root;
    pn_text_add(&text, "%s", "");
    for (int k = 0; k < item->depth; k++) {
        pn_text_add(&text, "%s%s", k > 0 ? "/" : "", pn_node_type_name(node));
        add_key(&text, node.layer, &item->steps[k]);
        node = pn_layer_child_at(node.layer, item->steps[k].field, item->steps[k].index);
    }
    if (text.failed) {
        pn_text_free(&text);
        return PN_NOMEM(s->ctx);
    }
    *out = text.data;
    return PENCL_OK;
}

/* A tree's root is a layer, but for the trees that refine makes of single variables. */
pencl_status pencl_selection_deselect(pencl_layer **out, const pencl_selection *s)
{
    *out = NULL;
    PENCL_TRY(pn_selection_settle(s));
    if (s->root.layer == NULL) {
        return PN_FAIL(s->ctx, PENCL_E_ARG, "the tree is a single %s", pn_node_type_name(s->root));
    }
    *out = pencl_layer_ref(s->root.layer);
    return PENCL_OK;
}
