/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of selections: the selected nodes, each with its way from the root. */
#ifndef PENCL_NN_SELECTION_H
#define PENCL_NN_SELECTION_H

#include "nn/nn.h"

#define PN_MAX_DEPTH 64 /* levels of a tree that selections reach */

typedef struct pn_step {
    int field; /* attribute of the parent */
    int index; /* in its list; 0 for a single child */
} pn_step;

typedef struct pn_selected {
    pencl_layer *node; /* borrowed from the tree */
    int depth;
    pn_step steps[PN_MAX_DEPTH]; /* from the root */
    char *path;                  /* the steps as text; owned */
} pn_selected;

/* Items are in the order of a walk through the tree, and none is inside another. */
struct pencl_selection {
    pencl_ctx *ctx;
    pencl_layer *root; /* counted */
    int n;
    int room;
    pn_selected *items;
    pn_error error; /* the first one */
};

/* For a verb that ends a chain: clears the context, then its record is the selection's error. */
pencl_status pn_selection_settle(const pencl_selection *s);
/* E_ARITY unless exactly one node is selected. */
pencl_status pn_selection_only(const pencl_selection *s, const char *verb);

#endif
