/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of layers laid out as a list, for those who print it: where a node is, what it owns, which
 * neighbours are like it. */
#ifndef PENCL_TOOLS_OUTLINE_H
#define PENCL_TOOLS_OUTLINE_H

#include "html.h"
#include "pencl/pencl.h"

#include <jansson.h>

/* Exactly one of `layer` and `variable` is set; both are borrowed. */
typedef struct outline_node {
    const pencl_layer *layer;
    const pencl_variable *variable;
    char *path;    /* ".sublayers[3].delta", as --select takes it; "" for the root */
    size_t key;    /* where the last part of the path begins */
    int parent;    /* -1: none */
    int end;       /* the nodes inside are those behind this one up to here */
    int equal;     /* how many neighbours from this one on differ in labels only; 0: one of those */
    int shared;    /* the first node with the same variable; -1: this is the first */
    bool selected; /* by itself */
    bool opens;    /* leads to a selected one */
    uint64_t bytes; /* of the variables inside, each where it comes first */
} outline_node;

/* Nodes in the order of the tree, each in front of those inside it. */
typedef struct outline {
    outline_node *nodes;
    int n;
    int room;
    int n_selected;
    uint64_t selected_bytes;
} outline;

/* Of a body, with what each of the texts selects marked; freed with outline_free in any case. The
 * error is on the context. */
pencl_status
outline_make(outline *o, pencl_ctx *ctx, pencl_layer *body, const char *const select[], size_t n);
void outline_free(outline *o);

/* The node behind i and all that is like it, of the same parent; -1: there is none. */
int outline_next(const outline *o, int i, bool fold);
const char *outline_type(const outline_node *node);
/* The static fields of a layer, "across={embedding} epsilon=1e-05", added to a text. Without `all`
 * those are left out that say which axis or side input is used: they rarely differ. */
void outline_fields(page *to, const pencl_layer *layer, bool all);
/* 'q4_1(| embedding:576, neurons:1536)' */
void outline_shape(page *to, const pencl_variable *variable);

/* inspect_json.c: the node with all that is inside. */
json_t *outline_json(const outline *o, int i);
/* inspect_page.c */
void outline_page(page *to, const outline *o);

#endif
