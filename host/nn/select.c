/* SPDX-License-Identifier: Apache-2.0 */
/* Selections: narrowing verbs, each a visit to the selected nodes. */
#include "nn/selection.h"

#include <string.h>

/* ---- by test ---- */

typedef struct query {
    pencl_node_test *test;
    void *user;
} query;

static bool passes(const pn_walk *w, const query *q)
{
    pencl_place place = pn_walk_place(w);
    return q->test(&place, q->user) != 0;
}

static void add_outermost(pn_walk *w, void *user)
{
    if (passes(w, user)) {
        pn_walk_add(w);
    } else {
        pn_walk_children(w, add_outermost, user);
    }
}

/* Nodes below are added first: what is found there shows that this one is not innermost. */
static void add_innermost(pn_walk *w, void *user)
{
    int before = w->s->n;
    pn_walk_children(w, add_innermost, user);
    if (w->s->n == before && !pn_selection_failed(w->s) && passes(w, user)) {
        pn_walk_add(w);
    }
}

static void add_itself(pn_walk *w, void *user)
{
    if (passes(w, user)) {
        pn_walk_add(w);
    }
}

pencl_selection *pencl_selection_at_subtrees_where(pencl_selection *s,
                                                   pencl_node_test *test,
                                                   void *user,
                                                   pencl_depth depth)
{
    query q = {test, user};
    return pn_narrow(s, depth == PENCL_INNERMOST ? add_innermost : add_outermost, &q);
}

pencl_selection *pencl_selection_where(pencl_selection *s, pencl_node_test *test, void *user)
{
    query q = {test, user};
    return pn_narrow(s, add_itself, &q);
}

bool pn_node_is_one_of(pencl_node node, const char *types)
{
    char type[64];
    for (const char *p = types; *p != '\0';) {
        size_t length = strcspn(p, "|");
        pn_copy(type, length < sizeof type ? length + 1 : sizeof type, p);
        if (pn_node_is(node, type)) {
            return true;
        }
        p += length;
        p += *p == '|' ? 1 : 0;
    }
    return false;
}

static int is_one_of(const pencl_place *place, void *types)
{
    return pn_node_is_one_of(place->node, types);
}

pencl_selection *
pencl_selection_at_instances_of(pencl_selection *s, const char *type, pencl_depth depth)
{
    return pencl_selection_at_subtrees_where(s, is_one_of, (char *)type, depth);
}

static int is_equal(const pencl_place *place, void *like)
{
    return pn_node_equal(place->node, *(const pencl_node *)like);
}

pencl_selection *pencl_selection_at_equal_to(pencl_selection *s, pencl_node like)
{
    return pencl_selection_at_subtrees_where(s, is_equal, &like, PENCL_OUTERMOST);
}

static int is_variable(const pencl_place *place, void *unused)
{
    (void)unused;
    return place->node.variable != NULL;
}

pencl_selection *pencl_selection_at_leaves(pencl_selection *s)
{
    return pencl_selection_at_subtrees_where(s, is_variable, NULL, PENCL_OUTERMOST);
}

static int is_childless(const pencl_place *place, void *unused)
{
    (void)unused;
    pn_child child = {0};
    return !pn_next_child(&child, place->node.layer);
}

pencl_selection *pencl_selection_at_childless(pencl_selection *s)
{
    return pencl_selection_at_subtrees_where(s, is_childless, NULL, PENCL_OUTERMOST);
}

static void add_child(pn_walk *w, void *unused)
{
    (void)unused;
    pn_walk_add(w);
}

static void add_children(pn_walk *w, void *unused)
{
    pn_walk_children(w, add_child, unused);
}

pencl_selection *pencl_selection_at_children(pencl_selection *s)
{
    return pn_narrow(s, add_children, NULL);
}

/* ---- by field ---- */

typedef struct child_query {
    const char *field;
    int index;
    bool all; /* every one of a list */
} child_query;

static void fail_no_field(pn_walk *w, const char *field)
{
    int n = 0;
    const pencl_attribute *a =
        w->node.layer != NULL ? pencl_layer_attributes(w->node.layer, &n) : NULL;
    bool is_static = false;
    pn_text have = {0};
    for (int i = 0; i < n; i++) {
        bool nodes = a[i].kind == PENCL_FIELD_LAYER || a[i].kind == PENCL_FIELD_LAYERS ||
                     a[i].kind == PENCL_FIELD_VARIABLE;
        is_static |= !nodes && strcmp(a[i].name, field) == 0;
        if (nodes) {
            pn_text_add(&have, "%s%s", have.size > 0 ? ", " : "", a[i].name);
        }
    }
    pn_selection_fail(w->s, PENCL_E_FIELDS, "%s at path '%s': '%s' %s; it has %s",
                      pn_node_type_name(w->node), pn_text_get(&w->path), field,
                      is_static ? "is static, and no part of the tree" : "is not one of its fields",
                      have.size > 0 ? pn_text_get(&have) : "no children");
    pn_text_free(&have);
}

/* The attribute that holds nodes under this name, or -1 with an error on the walk's selection. */
static int find_field(pn_walk *w, const char *field, pencl_field_kind *kind, int *size)
{
    int n = 0;
    const pencl_attribute *a =
        w->node.layer != NULL ? pencl_layer_attributes(w->node.layer, &n) : NULL;
    for (int i = 0; i < n; i++) {
        bool variable = a[i].kind == PENCL_FIELD_VARIABLE;
        bool layers = a[i].kind == PENCL_FIELD_LAYER || a[i].kind == PENCL_FIELD_LAYERS;
        if ((variable || layers) && strcmp(a[i].name, field) == 0) {
            *kind = a[i].kind;
            *size = variable ? 1 : a[i].n;
            return i;
        }
    }
    fail_no_field(w, field);
    return -1;
}

/* Selects the child behind the current node. */
static void add_child_at(pn_walk *w, int field, int index)
{
    pencl_node parent = w->node;
    size_t size = w->path.size;
    pn_child child = {.field = field, .index = index};
    child.node = pn_layer_child_at(parent.layer, field, index);
    if (pn_walk_down(w, &child)) {
        pn_walk_add(w);
        pn_walk_up(w, parent, size);
    }
}

static void add_field(pn_walk *w, void *user)
{
    const child_query *q = user;
    pencl_field_kind kind = PENCL_FIELD_LAYER;
    int size = 0;
    int field = find_field(w, q->field, &kind, &size);
    int index = q->index < 0 ? size + q->index : q->index;
    if (field < 0) {
        return;
    }
    if (!q->all && (index < 0 || index >= size)) {
        pn_selection_fail(w->s, PENCL_E_ARG, "%s at path '%s' has %d layers in '%s': no number %d",
                          pn_node_type_name(w->node), pn_text_get(&w->path), size, q->field,
                          q->index);
        return;
    }
    for (int i = q->all ? 0 : index; i < (q->all ? size : index + 1); i++) {
        add_child_at(w, field, i);
    }
}

pencl_selection *pencl_selection_at(pencl_selection *s, const char *field, int index)
{
    child_query q = {.field = field, .index = index};
    return pn_narrow(s, add_field, &q);
}

pencl_selection *pn_selection_at_all(pencl_selection *s, const char *field)
{
    child_query q = {.field = field, .all = true};
    return pn_narrow(s, add_field, &q);
}

/* ---- by path ---- */

typedef struct paths {
    const char *const *paths;
    int n;
    bool *found;
} paths;

static int is_listed(const pencl_place *place, void *user)
{
    const paths *list = user;
    int listed = 0;
    for (int i = 0; i < list->n; i++) {
        if (strcmp(list->paths[i], place->within) == 0) {
            listed = 1;
            list->found[i] = true;
        }
    }
    return listed;
}

static pencl_selection *at_paths(pencl_selection *s, const char *const given[], int n, bool *found)
{
    paths list = {given, n, found};
    return pencl_selection_at_subtrees_where(s, is_listed, &list, PENCL_OUTERMOST);
}

pencl_selection *pencl_selection_at_keypaths(pencl_selection *s, const char *const given[], int n)
{
    bool *found = pn_calloc((size_t)n + 1, sizeof *found);
    if (s != NULL && found == NULL) {
        return pn_selection_fail(s, PENCL_E_NOMEM, "out of host memory");
    }
    s = at_paths(s, given, n, found);
    pn_free(found);
    return s;
}

/* at_multiple of one selected node. */
static void add_paths(pn_walk *w, void *user)
{
    paths *list = user;
    query q = {is_listed, list};
    memset(list->found, 0, (size_t)list->n * sizeof *list->found);
    add_outermost(w, &q);
    for (int i = 0; i < list->n; i++) {
        if (!list->found[i]) {
            pn_selection_fail(w->s, PENCL_E_FIELDS, "%s at path '%s' has nothing at '%s'",
                              pn_node_type_name(w->node), pn_text_get(&w->path), list->paths[i]);
        }
    }
}

pencl_selection *pencl_selection_at_multiple(pencl_selection *s, const char *const given[], int n)
{
    paths list = {given, n, pn_calloc((size_t)n + 1, sizeof(bool))};
    if (s != NULL && list.found == NULL) {
        return pn_selection_fail(s, PENCL_E_NOMEM, "out of host memory");
    }
    s = pn_narrow(s, add_paths, &list);
    pn_free(list.found);
    return s;
}

/* ---- by number ---- */

static int is_wanted(const pencl_place *place, void *wanted)
{
    return ((const bool *)wanted)[place->index];
}

pencl_selection *pn_selection_keep(pencl_selection *s, const bool *wanted)
{
    return pencl_selection_where(s, is_wanted, (void *)wanted);
}

pencl_selection *pencl_selection_pick_nth_selected(pencl_selection *s, const int *indices, int n)
{
    if (pn_selection_failed(s)) {
        return s;
    }
    bool *wanted = pn_calloc((size_t)s->n + 1, sizeof *wanted);
    if (wanted == NULL) {
        return pn_selection_fail(s, PENCL_E_NOMEM, "out of host memory");
    }
    for (int i = 0; i < n; i++) {
        int at = indices[i] < 0 ? s->n + indices[i] : indices[i];
        if (at < 0 || at >= s->n) {
            pn_selection_fail(s, PENCL_E_ARG, "number %d of %d selected nodes", indices[i], s->n);
            break;
        }
        wanted[at] = true;
    }
    s = pn_selection_keep(s, wanted);
    pn_free(wanted);
    return s;
}

pencl_selection *pencl_selection_nth(pencl_selection *s, int i)
{
    return pencl_selection_pick_nth_selected(s, &i, 1);
}

pencl_selection *pencl_selection_assert_count_is(pencl_selection *s, int count)
{
    if (!pn_selection_failed(s) && s->n != count) {
        pn_selection_fail(s, PENCL_E_ARITY, "%d selected nodes are expected, there are %d", count,
                          s->n);
    }
    return s;
}

pencl_selection *pencl_selection_before(pencl_selection *s)
{
    if (s != NULL) {
        s->when = PENCL_BEFORE;
    }
    return s;
}

/* ---- the others ---- */

/* The items that are not behind the walk yet, in order. */
typedef struct rest {
    const pencl_selection *selected;
    int next;
} rest;

/* True when the next item is at or below the current node. */
static bool leads_to_next(const pn_walk *w, const rest *r)
{
    if (r->next >= r->selected->n || r->selected->items[r->next].depth < w->depth) {
        return false;
    }
    const pn_step *steps = r->selected->items[r->next].steps;
    for (int i = 0; i < w->depth; i++) {
        if (steps[i].field != w->steps[i].field || steps[i].index != w->steps[i].index) {
            return false;
        }
    }
    return true;
}

static void add_unselected(pn_walk *w, void *user)
{
    rest *r = user;
    if (!leads_to_next(w, r)) {
        pn_walk_add(w);
    } else if (r->selected->items[r->next].depth == w->depth) {
        r->next++;
    } else {
        pn_walk_children(w, add_unselected, user);
    }
}

pencl_selection *pencl_selection_invert(pencl_selection *s)
{
    if (pn_selection_failed(s)) {
        return s;
    }
    pencl_selection *all = pn_select_node(s->ctx, s->root);
    rest r = {.selected = s};
    all = pn_narrow(all, add_unselected, &r);
    if (all == NULL) {
        return pn_selection_fail(s, PENCL_E_NOMEM, "out of host memory");
    }
    all->when = s->when;
    pn_selection_take(s, all);
    return s;
}

/* ---- node by node ---- */

/* Adds what was selected in a subtree, whose root is behind the item's steps. */
static void add_below(pencl_selection *s, const pn_selected *item, const pencl_selection *below)
{
    pn_step steps[PN_MAX_DEPTH];
    memcpy(steps, item->steps, (size_t)item->depth * sizeof *steps);
    for (int i = 0; i < below->n; i++) {
        const pn_selected *found = &below->items[i];
        if (item->depth + found->depth > PN_MAX_DEPTH) {
            pn_selection_fail(s, PENCL_E_LIMIT, "the tree is deeper than %d levels", PN_MAX_DEPTH);
            return;
        }
        memcpy(&steps[item->depth], found->steps, (size_t)found->depth * sizeof *steps);
        pn_selection_add(s, found->node, steps, item->depth + found->depth);
    }
}

typedef struct refinement {
    pencl_selection **below; /* what each item was narrowed to, in a tree of its own */
    pn_nodes *roots;         /* and the root of that tree */
    bool changed;            /* some root is not the item's node */
} refinement;

static pencl_status
narrow_each(refinement *r, const pencl_selection *s, pencl_node_narrow *narrow, void *user)
{
    for (int i = 0; i < s->n; i++) {
        pencl_selection *one = pn_select_node(s->ctx, s->items[i].node);
        r->below[i] = pn_selection_failed(one) ? one : narrow(one, user);
        if (r->below[i] == NULL) {
            return PN_NOMEM(s->ctx);
        }
        PENCL_TRY(pn_selection_settle(r->below[i]));
        r->changed |= !pn_node_same(r->below[i]->root, s->items[i].node);
        PENCL_TRY(pn_nodes_add(&r->roots[i], s->ctx, pn_node_ref(r->below[i]->root)));
    }
    return PENCL_OK;
}

/* The selection of everything below, in the whole tree. */
static pencl_status join(pencl_selection *s, const refinement *r)
{
    pencl_selection *joined = pn_selection_empty(s);
    pencl_node root = {0};
    if (joined == NULL) {
        return PN_NOMEM(s->ctx);
    }
    if (r->changed) {
        pencl_status status = pn_edit(&root, s, r->roots, NULL, 0);
        if (status != PENCL_OK) {
            pencl_selection_free(joined);
            return status;
        }
        pn_node_free(joined->root);
        joined->root = root;
    }
    for (int i = 0; i < s->n; i++) {
        add_below(joined, &s->items[i], r->below[i]);
    }
    pn_selection_take(s, joined);
    return PENCL_OK;
}

pencl_selection *pencl_selection_refine(pencl_selection *s, pencl_node_narrow *narrow, void *user)
{
    if (pn_selection_failed(s)) {
        return s;
    }
    int n = s->n;
    pn_error_clear(s->ctx);
    refinement r = {.below = pn_calloc((size_t)n + 1, sizeof(pencl_selection *)),
                    .roots = pn_calloc((size_t)n + 1, sizeof(pn_nodes))};
    pencl_status status =
        r.below != NULL && r.roots != NULL ? narrow_each(&r, s, narrow, user) : PN_NOMEM(s->ctx);
    if (status == PENCL_OK) {
        status = join(s, &r);
    }
    if (r.roots != NULL) {
        pn_nodes_free(r.roots, n);
    }
    for (int i = 0; r.below != NULL && i < n; i++) {
        pencl_selection_free(r.below[i]);
    }
    pn_free((void *)r.below);
    pn_free(r.roots);
    return status == PENCL_OK ? s : pn_selection_fail_as(s, status);
}
