/* SPDX-License-Identifier: Apache-2.0 */
/* Points: from texts to nodes of a body, and back into changed bodies. */
#include "study/points.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

/* The place in the body's list where a path begins; -1: it begins nowhere. */
static int top_of(const char *path)
{
    static const char list[] = ".sublayers[";
    size_t n = strlen(list);
    return strncmp(path, list, n) == 0 ? (int)strtol(path + n, NULL, 10) : -1;
}

static pencl_status add(pencl_points *p, const char *path, pencl_when when, const char *type)
{
    pn_text name = {0};
    pn_text_add(&name, "%s%s", path[0] != '\0' ? path : ".", when == PENCL_BEFORE ? "@before" : "");
    for (int i = 0; i < p->n && !name.failed; i++) {
        if (strcmp(p->items[i].name, pn_text_get(&name)) == 0) {
            pn_text_free(&name);
            return PENCL_OK;
        }
    }
    if (p->n == p->room) {
        int room = 2 * p->room + 32;
        pn_point *items = pn_realloc(p->items, (size_t)room, sizeof *items);
        if (items != NULL) {
            p->items = items;
            p->room = room;
        }
    }
    if (p->n < p->room && !name.failed) {
        pn_point *point = &p->items[p->n++];
        *point = (pn_point){.path = pn_strdup(path),
                            .name = pn_strdup(pn_text_get(&name)),
                            .type = type,
                            .when = when,
                            .top = top_of(path)};
        pn_text_free(&name);
        return point->path != NULL && point->name != NULL ? PENCL_OK : PN_NOMEM(p->ctx);
    }
    pn_text_free(&name);
    return PN_NOMEM(p->ctx);
}

void pencl_points_free(pencl_points *p)
{
    if (p == NULL) {
        return;
    }
    for (int i = 0; i < p->n; i++) {
        pn_free(p->items[i].path);
        pn_free(p->items[i].name);
    }
    for (int i = 0; i < p->n_values; i++) {
        pn_free(p->values[i].name);
    }
    pn_free(p->items);
    pn_free(p->values);
    pn_free(p);
}

/* ---- from texts ---- */

/* Every layer that can be called, itself before its children. */
static pencl_status add_all(pencl_points *p, const pencl_layer *layer, pn_text *path)
{
    const pencl_layer_type *type = pencl_layer_type_of(layer);
    if (type->apply != NULL) {
        PENCL_TRY(add(p, pn_text_get(path), PENCL_AFTER, type->name));
    }
    pn_child child = {0};
    while (pn_next_child(&child, layer)) {
        size_t size = path->size;
        pencl_key key = pn_child_key(layer, child.field, child.index);
        pn_key_add(path, &key);
        if (path->failed) {
            return PN_NOMEM(p->ctx);
        }
        if (child.node.layer != NULL) {
            PENCL_TRY(add_all(p, child.node.layer, path));
        }
        pn_text_cut(path, size);
    }
    return PENCL_OK;
}

static pencl_status add_selected(pencl_points *p, const pencl_selection *s)
{
    for (int i = 0; i < pencl_selection_count(s); i++) {
        const char *path = pencl_selection_path(s, i);
        pencl_point point = pencl_selection_point(s, i);
        if (point.node.layer == NULL) {
            return PN_FAIL(p->ctx, PENCL_E_ARG, "%s is a %s, not a value that is computed", path,
                           pencl_variable_type_name(point.node.variable));
        }
        const pencl_layer_type *type = pencl_layer_type_of(point.node.layer);
        if (type->apply == NULL) {
            return PN_FAIL(p->ctx, PENCL_E_ARG, "%s is a %s, not a value that is computed", path,
                           type->name);
        }
        PENCL_TRY(add(p, path, point.when, type->name));
    }
    return PENCL_OK;
}

static pencl_status add_text(pencl_points *p, const char *text)
{
    pencl_layer *body = pencl_lm_body(p->lm);
    if (strcmp(text, PENCL_EVERY_POINT) == 0) {
        pn_text path = {0};
        pencl_status st = add_all(p, body, &path);
        pn_text_free(&path);
        return st;
    }
    pencl_selection *s = pencl_select_text(p->ctx, body, text);
    pencl_layer *same = NULL;
    pencl_status st = pencl_selection_deselect(&same, s); /* the first error of the text */
    pencl_layer_free(same);
    if (st == PENCL_OK) {
        st = add_selected(p, s);
    }
    pencl_selection_free(s);
    return st;
}

pencl_status pn_points_find(pencl_points **out, pencl_lm *lm, const char *const texts[], int n)
{
    pencl_points *p = pn_calloc(1, sizeof *p);
    *out = p;
    if (p == NULL) {
        return PN_NOMEM(lm->ctx);
    }
    p->ctx = lm->ctx;
    p->lm = lm;
    pencl_status st = PENCL_OK;
    for (int i = 0; i < n && st == PENCL_OK; i++) {
        st = add_text(p, texts[i]);
    }
    if (st != PENCL_OK) {
        pencl_points_free(p);
        *out = NULL;
    }
    return st;
}

/* ---- changed bodies ---- */

typedef struct rewrite {
    const pencl_points *points;
    pn_point_change *change;
    void *user;
    pn_text path;
} rewrite;

/* Whether a point is at the path or inside it. */
static bool leads_to_point(const rewrite *r)
{
    for (int i = 0; i < r->points->n; i++) {
        if (strncmp(r->points->items[i].path, pn_text_get(&r->path), r->path.size) == 0) {
            return true;
        }
    }
    return false;
}

static pencl_layer *rebuild(rewrite *r, pencl_layer *layer);

/* The layer with its children rebuilt; NULL with the error on the context. */
static pencl_layer *with_children(rewrite *r, pencl_layer *layer)
{
    int n = pencl_layer_flatten(layer, NULL, 0);
    pencl_node *children = pn_calloc((size_t)n + 1, sizeof *children);
    pencl_layer *out = NULL;
    pn_child child = {0};
    int done = 0;
    bool ok = children != NULL;
    while (ok && pn_next_child(&child, layer)) {
        size_t size = r->path.size;
        pencl_key key = pn_child_key(layer, child.field, child.index);
        pn_key_add(&r->path, &key);
        children[done] = child.node.layer != NULL
                             ? (pencl_node){.layer = rebuild(r, child.node.layer)}
                             : pn_node_ref(child.node);
        ok = children[done].layer != NULL || children[done].variable != NULL;
        pn_text_cut(&r->path, size);
        done++;
    }
    if (!ok || pn_layer_with_children(&out, r->points->ctx, layer, children) != PENCL_OK) {
        out = NULL;
    }
    for (int i = 0; i < done; i++) {
        pn_node_free(children[i]);
    }
    pn_free(children);
    return out;
}

static pencl_layer *rebuild(rewrite *r, pencl_layer *layer)
{
    if (r->path.failed) {
        return NULL;
    }
    if (!leads_to_point(r)) {
        return pencl_layer_ref(layer);
    }
    pencl_layer *out = with_children(r, layer);
    for (int i = 0; i < r->points->n && out != NULL; i++) {
        if (strcmp(r->points->items[i].path, pn_text_get(&r->path)) == 0) {
            out = r->change(r->user, i, out);
        }
    }
    return out;
}

pencl_status pn_points_apply(pencl_layer **out,
                             const pencl_points *points,
                             pencl_layer *body,
                             pn_point_change *change,
                             void *user)
{
    rewrite r = {.points = points, .change = change, .user = user};
    pn_error_clear(points->ctx);
    *out = rebuild(&r, body);
    pn_text_free(&r.path);
    if (*out != NULL) {
        return PENCL_OK;
    }
    return points->ctx->error.status != PENCL_OK ? points->ctx->error.status
                                                 : PN_NOMEM(points->ctx);
}

pencl_layer *pn_point_insert(pencl_ctx *ctx, pencl_when when, pencl_layer *node, pencl_layer *layer)
{
    pencl_layer *first = when == PENCL_AFTER ? node : layer;
    return PN_NN_LIST(ctx, "Sequential", first, first == node ? layer : node);
}

pencl_layer *pn_point_capture(void *points, int i, pencl_layer *node)
{
    const pencl_points *p = points;
    const pn_point *point = &p->items[i];
    return point->when == PENCL_AFTER
               ? pn_nn_capture(p->ctx, point->name, node)
               : pn_point_insert(p->ctx, PENCL_BEFORE, node,
                                 pn_nn_capture(p->ctx, point->name, pn_nn_identity(p->ctx)));
}
