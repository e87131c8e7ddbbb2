/* SPDX-License-Identifier: Apache-2.0 */
/* Selections: narrowing and reading. What changes trees is in edit.c. */
#include "nn/selection.h"

#include <stdio.h>
#include <string.h>

/* ---- errors stay on the selection ---- */

static pencl_selection *fail(pencl_selection *s, pencl_status status, const char *fmt, ...)
    PN_PRINTF(3, 4);

static pencl_selection *fail(pencl_selection *s, pencl_status status, const char *fmt, ...)
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

static bool failed(const pencl_selection *s)
{
    return s == NULL || s->error.status != PENCL_OK;
}

/* ---- items ---- */

static char *path_text(const pencl_layer *root, const pn_selected *item)
{
    pn_text text = {0};
    pn_text_add(&text, "%s", "");
    const pencl_layer *node = root;
    for (int i = 0; i < item->depth; i++) {
        pencl_attribute a = pencl_layer_attribute(node, item->steps[i].field);
        pn_text_add(&text, ".%s", a.name);
        if (a.kind == PENCL_FIELD_LAYERS) {
            pn_text_add(&text, "[%d]", item->steps[i].index);
        }
        node = a.layers[item->steps[i].index];
    }
    char *path = text.failed ? NULL : pn_strdup(pn_text_get(&text));
    pn_text_free(&text);
    return path;
}

/* Adds a copy of the item, with its path. */
static void add_item(pencl_selection *s, const pn_selected *item)
{
    if (s->n == s->room) {
        int room = s->room == 0 ? 8 : s->room * 2;
        pn_selected *items = pn_realloc(s->items, (size_t)room, sizeof *items);
        if (items == NULL) {
            fail(s, PENCL_E_NOMEM, "out of host memory");
            return;
        }
        s->items = items;
        s->room = room;
    }
    pn_selected *to = &s->items[s->n];
    *to = *item;
    to->path = path_text(s->root, item);
    if (to->path == NULL) {
        fail(s, PENCL_E_NOMEM, "out of host memory");
        return;
    }
    s->n++;
}

static void free_items(pn_selected *items, int n)
{
    for (int i = 0; i < n; i++) {
        pn_free(items[i].path);
    }
    pn_free(items);
}

/* Moves *item to a child of its node; false, with an error on s, when the tree is too deep. */
static bool descend(pencl_selection *s, pn_selected *item, int field, int index)
{
    if (item->depth == PN_MAX_DEPTH) {
        fail(s, PENCL_E_LIMIT, "the tree is deeper than %d levels", PN_MAX_DEPTH);
        return false;
    }
    item->steps[item->depth++] = (pn_step){field, index};
    item->node = pencl_layer_attribute(item->node, field).layers[index];
    return true;
}

/* Empties the selection; what was selected is the caller's to free. */
static pn_selected *take_items(pencl_selection *s, int *n)
{
    pn_selected *items = s->items;
    *n = s->n;
    s->items = NULL;
    s->n = 0;
    s->room = 0;
    return items;
}

/* ---- making ---- */

pencl_selection *pencl_select(pencl_ctx *ctx, pencl_layer *root)
{
    pencl_selection *s = pn_calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->ctx = ctx;
    if (root == NULL) {
        return fail(s, PENCL_E_ARG, "there is no tree to select from");
    }
    s->root = pencl_layer_ref(root);
    pn_selected whole = {.node = root};
    add_item(s, &whole);
    return s;
}

void pencl_selection_free(pencl_selection *s)
{
    if (s == NULL) {
        return;
    }
    free_items(s->items, s->n);
    pencl_layer_free(s->root);
    pn_free(s);
}

/* ---- narrowing ---- */

/* Adds the outermost nodes of the type at or below the item's node. */
static void add_instances(pencl_selection *s, const pn_selected *item, const char *type)
{
    if (pn_layer_is(item->node, type)) {
        add_item(s, item);
        return;
    }
    for (int field = 0; field < pencl_layer_n_attributes(item->node); field++) {
        pencl_attribute a = pencl_layer_attribute(item->node, field);
        for (int i = 0; a.layers != NULL && i < a.n; i++) {
            pn_selected child = *item;
            if (!descend(s, &child, field, i)) {
                return;
            }
            add_instances(s, &child, type);
        }
    }
}

pencl_selection *pencl_selection_at_instances_of(pencl_selection *s, const char *type)
{
    if (failed(s)) {
        return s;
    }
    int n = 0;
    pn_selected *items = take_items(s, &n);
    for (int i = 0; i < n; i++) {
        add_instances(s, &items[i], type);
    }
    free_items(items, n);
    return s;
}

pencl_selection *pencl_selection_nth(pencl_selection *s, int i)
{
    if (failed(s)) {
        return s;
    }
    int at = i < 0 ? s->n + i : i;
    if (at < 0 || at >= s->n) {
        return fail(s, PENCL_E_ARG, "number %d of %d selected nodes", i, s->n);
    }
    int n = 0;
    pn_selected *items = take_items(s, &n);
    add_item(s, &items[at]);
    free_items(items, n);
    return s;
}

/* The number of the node's field that holds children, or -1 with an error on s. */
static int find_field(pencl_selection *s, const pn_selected *item, const char *field)
{
    for (int k = 0; k < pencl_layer_n_attributes(item->node); k++) {
        pencl_attribute a = pencl_layer_attribute(item->node, k);
        if (strcmp(a.name, field) == 0 &&
            (a.kind == PENCL_FIELD_LAYER || a.kind == PENCL_FIELD_LAYERS)) {
            return k;
        }
    }
    fail(s, PENCL_E_FIELDS, "%s at path '%s' has no layers in a field '%s'",
         pencl_layer_type_of(item->node)->name, item->path, field);
    return -1;
}

pencl_selection *pencl_selection_at(pencl_selection *s, const char *field, int index)
{
    if (failed(s)) {
        return s;
    }
    int n = 0;
    pn_selected *items = take_items(s, &n);
    for (int i = 0; i < n && !failed(s); i++) {
        int k = find_field(s, &items[i], field);
        if (k < 0) {
            break;
        }
        int size = pencl_layer_attribute(items[i].node, k).n;
        int at = index < 0 ? size + index : index;
        if (at < 0 || at >= size) {
            fail(s, PENCL_E_ARG, "%s at path '%s' has %d layers in '%s': no number %d",
                 pencl_layer_type_of(items[i].node)->name, items[i].path, size, field, index);
            break;
        }
        pn_selected child = items[i];
        if (descend(s, &child, k, at)) {
            add_item(s, &child);
        }
    }
    free_items(items, n);
    return s;
}

/* ---- reading ---- */

int pencl_selection_count(const pencl_selection *s)
{
    return failed(s) ? 0 : s->n;
}

const char *pencl_selection_path(const pencl_selection *s, int i)
{
    return !failed(s) && i >= 0 && i < s->n ? s->items[i].path : NULL;
}

pencl_status pn_selection_settle(const pencl_selection *s)
{
    if (s == NULL) {
        return PENCL_E_ARG;
    }
    pn_error_clear(s->ctx);
    return failed(s) ? PN_FAIL(s->ctx, s->error.status, "%s", s->error.text) : PENCL_OK;
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

pencl_status pencl_selection_get(pencl_layer **out, const pencl_selection *s)
{
    *out = NULL;
    PENCL_TRY(pn_selection_settle(s));
    PENCL_TRY(pn_selection_only(s, "get"));
    *out = s->items[0].node;
    return PENCL_OK;
}
