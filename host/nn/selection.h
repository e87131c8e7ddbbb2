/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of selections: the selected nodes, each with its way from the root, and the walk that
 * narrowing verbs make through a tree. */
#ifndef PENCL_NN_SELECTION_H
#define PENCL_NN_SELECTION_H

#include "nn/nn.h"

#define PN_MAX_DEPTH 64 /* levels of a tree that selections reach */

typedef struct pn_step {
    int field; /* attribute of the parent */
    int index; /* in its list; 0 for a single child */
} pn_step;

typedef struct pn_selected {
    pencl_node node; /* borrowed from the tree */
    int depth;
    pn_step *steps; /* from the root; owned */
    char *path;     /* the steps as text; owned */
} pn_selected;

/* Items are in the order of a walk through the tree, and none is inside another. */
struct pencl_selection {
    pencl_ctx *ctx;
    pencl_node root; /* counted */
    pencl_when when; /* of the points */
    int n;
    int room;
    pn_selected *items;
    pn_error error; /* the first one */
};

/* ---- errors (selection.c) ---- */
/* Keeps the first error on the selection; returns s. */
pencl_selection *pn_selection_fail(pencl_selection *s, pencl_status status, const char *fmt, ...)
    PN_PRINTF(3, 4);
/* The same with an error that is on the context, which is cleared. */
pencl_selection *pn_selection_fail_as(pencl_selection *s, pencl_status status);
bool pn_selection_failed(const pencl_selection *s);
/* For a verb that ends a chain: clears the context, then its record is the selection's error. */
pencl_status pn_selection_settle(const pencl_selection *s);
/* E_ARITY unless exactly one node is selected. */
pencl_status pn_selection_only(const pencl_selection *s, const char *verb);

/* ---- items (selection.c) ---- */
/* A selection of the whole of a node. NULL when out of memory. */
pencl_selection *pn_select_node(pencl_ctx *ctx, pencl_node root);
/* Adds the node behind `depth` steps from s's root. */
void pn_selection_add(pencl_selection *s, pencl_node node, const pn_step *steps, int depth);
/* The same in two steps, for a tree that is not there yet: push leaves the path out, name adds all
 * that are missing. */
void pn_selection_push(pencl_selection *s, pencl_node node, const pn_step *steps, int depth);
void pn_selection_name(pencl_selection *s);
/* A selection of the same tree with nothing selected, or NULL. */
pencl_selection *pn_selection_empty(const pencl_selection *s);
/* The selection takes over everything that `from` has, which is freed. */
void pn_selection_take(pencl_selection *s, pencl_selection *from);
/* The node behind `depth` steps. */
pencl_node pn_selection_node(const pencl_selection *s, const pn_step *steps, int depth);
/* The deepest parent of an item, and the attribute that holds it. Depth > 0. */
const pencl_layer *pn_selected_parent(const pencl_selection *s, const pn_selected *item);

/* ---- walks (selection.c) ---- */
/* Where a walk is: it begins at a selected node and goes down and up from there. */
typedef struct pn_walk {
    pencl_selection *s; /* gets what is found */
    pencl_node node;
    int index; /* of the selected node */
    int depth;
    pn_step steps[PN_MAX_DEPTH];
    pn_text path;
    size_t within; /* where the selected node's own path ends */
} pn_walk;
/* Down to a child and back; down is false, with an error on s, when the tree is too deep. */
bool pn_walk_down(pn_walk *w, const pn_child *child);
void pn_walk_up(pn_walk *w, pencl_node parent, size_t path_size);
/* Calls visit at the current node's children. */
void pn_walk_children(pn_walk *w, void (*visit)(pn_walk *w, void *user), void *user);
void pn_walk_add(pn_walk *w); /* the current node is selected */
pencl_place pn_walk_place(const pn_walk *w);
/* A narrowing verb: what `visit`, called at each selected node, adds is selected instead. */
pencl_selection *pn_narrow(pencl_selection *s, void (*visit)(pn_walk *w, void *user), void *user);

/* All layers that the selected nodes have in a field (select.c). */
pencl_selection *pn_selection_at_all(pencl_selection *s, const char *field);
/* The selected nodes whose numbers are wanted (select.c). */
pencl_selection *pn_selection_keep(pencl_selection *s, const bool *wanted);
/* As pn_node_is, for any of several: "RMSLayerNorm|LayerNorm" (select.c). */
bool pn_node_is_one_of(pencl_node node, const char *types);

/* ---- edits (edit.c) ---- */
pencl_place pn_selected_place(const pencl_selection *s, int i);
/* Nodes in place of a selected one: owned. */
typedef struct pn_nodes {
    int n;
    int room;
    pencl_node *items;
} pn_nodes;
/* Takes the node over, also when it fails. */
pencl_status pn_nodes_add(pn_nodes *list, pencl_ctx *ctx, pencl_node node);
void pn_nodes_free(pn_nodes *lists, int n);
/* The tree with instead[i] for item i. `kept`, an empty selection or NULL, becomes one of the new
 * tree, where number `selected` of each list is selected. */
pencl_status pn_edit(pencl_node *out,
                     const pencl_selection *s,
                     const pn_nodes *instead,
                     pencl_selection *kept,
                     int selected);
/* The tree with what `change` makes of each item; `kept` as above. */
pencl_status pn_edit_each(pencl_node *out,
                          const pencl_selection *s,
                          pencl_node_change *change,
                          void *user,
                          pencl_selection *kept);

#endif
