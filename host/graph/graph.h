/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of graphs: nodes, and values as views of nodes. The plan reads these. */
#ifndef PENCL_GRAPH_GRAPH_H
#define PENCL_GRAPH_GRAPH_H

#include "array/cell.h"
#include "op/op.h"
#include "pencl/value.h"

typedef enum pn_node_kind {
    PN_NODE_INPUT,
    PN_NODE_VARIABLE,
    PN_NODE_OP,
    PN_NODE_JOIN /* put together from pieces: concatenated, stacked, updated, or a copy */
} pn_node_kind;

/* A part of a node's output and the value that goes there; both have the same axes. */
typedef struct pn_piece {
    pn_view region; /* of the output in C order of call.out */
    pencl_value *from;
} pn_piece;

/* Where a variable's store is found: what a cell holds, or in stacks a part of it. */
typedef struct pn_source {
    pn_cell *cell; /* NULL: the store stays the one it is */
    bool fixed;    /* a snapshot: nobody may write it */
    int n_at;
    int64_t at[PENCL_MAX_AXES]; /* indices of its outermost axis, one after another */
} pn_source;

/* What must hold before a run: the number in an int32 variable is at most this. */
typedef struct pn_limit {
    int64_t most;
    pencl_status status; /* when it is not */
    const char *text;    /* why */
} pn_limit;

typedef struct pn_node {
    pn_node_kind kind;
    int id;           /* position in graph->nodes: inputs come before their users */
    const char *name; /* inputs: side-input name; variables: label; ops: the path of the layer */
    pn_op_call call;  /* ops */
    pencl_value *in[PN_MAX_IN];
    pn_piece *pieces; /* joins: later ones may lie over earlier ones, when `layered` */
    int n_pieces;
    bool layered;
    pn_store *store;          /* variables; counted by the graph */
    pn_source source;         /* variables: where the store was found; counted */
    int slot;                 /* variables: number */
    bool written;             /* variables: a run changes what the store holds */
    pencl_value *next;        /* variables: what a run leaves in the store, or NULL */
    const pn_limit *limit;    /* variables: of the number in it, or NULL */
    const pencl_array *array; /* inputs given by pencl_graph_array; else NULL */
    const char *capture_name; /* a barrier to fusion: the value is handed out; else NULL */
} pn_node;

struct pencl_value {
    pencl_graph *graph;
    pn_node *node;
    pn_view view;        /* over the node's output in C order of call.out */
    pencl_value **items; /* a tuple, or NULL */
    int n_items;
};

/* While a stack of layers is traced: variables that have the axis are seen at one index of it. */
typedef struct pn_slice {
    const struct pn_slice *outer;
    const char *axis;
    int64_t index;
} pn_slice;

struct pencl_graph {
    pencl_ctx *ctx;
    pencl_device *device;
    pn_arena *arena;
    pn_node **nodes;
    int n_nodes;
    int room;
    int n_variables;
    pn_error error;   /* the first one */
    const char *path; /* of the layer being traced, for errors and names; owned by the arena */
    const pn_slice *slices; /* innermost first; of the layers being traced */
    void *plan;             /* of pencl_eval; freed by plan_free */
    void (*plan_free)(void *plan);
    pencl_value **planned; /* what it computes; owned by the arena */
    int n_planned;
};

/* Records an error on the graph (the first stays) and returns NULL. */
pencl_value *pn_graph_fail(pencl_graph *g, pencl_status status, const char *fmt, ...)
    PN_PRINTF(3, 4);
/* A node without inputs, NULL after an error; the value that is all that a node gives. */
pn_node *pn_graph_new_node(pencl_graph *g, pn_node_kind kind, const char *name);
pencl_value *pn_graph_node_value(pencl_graph *g, pn_node *node, const pn_spec *spec);
/* A named input, filled at every run. The same name twice gives the same node. */
pencl_value *pn_graph_input(pencl_graph *g, const char *name, const pn_spec *spec);
/* A variable with this store, which stays. */
pencl_value *pn_graph_variable(pencl_graph *g, const char *label, pn_store *store);
/* A variable whose store is found there at every run: of the same type and axes. After
 * pn_graph_set_next the value that was set. */
pencl_value *pn_graph_cell(pencl_graph *g, const char *label, const pn_source *source);
/* The store that is there now: a new reference. NULL, without an error, when there is no such part
 * by itself. */
pencl_status pn_source_store(pn_store **out, const pn_source *source);
bool pn_source_same(const pn_source *a, const pn_source *b);
/* What runs leave there: x, which has the variable's type, and its axes in any order. Written once
 * the last kernel has run; what is traced after this reads x. */
pencl_value *pn_graph_set_next(pencl_value *x, const char *label, const pn_source *source);
/* No run, and nothing is written, while the number in an int32 variable without axes exceeds
 * `most`. The text is copied. False, with an error on the graph: the value is no variable's present
 * one, or memory is out. */
bool pn_graph_limit(const pencl_value *variable, const pn_limit *limit);
/* Before an op changes the value's storage in place: notes a variable as written. False, with an
 * error on the graph, when it is a snapshot. */
bool pn_graph_may_write(const pencl_value *x);
/* Moves the variables to the stores that their cells hold now. E_DTYPE, E_SHAPE: one has become
 * something else since the trace. */
pencl_status pn_graph_follow(pencl_graph *g);
/* Any op; num and names as its definition says. The general form of pencl_value_X. */
typedef struct pn_op_args {
    pencl_value *in[PN_MAX_IN];
    int n_in;
    double num[PN_MAX_NUM];
    const char *names[PN_MAX_NAMES];
    int n_names;
} pn_op_args;
pencl_value *pn_graph_op(pencl_graph *g, const pn_op_def *def, const pn_op_args *args);
/* Around a check that tells the context: its error goes to the graph, and what the context's record
 * held before comes back. End gives true when there was no error. */
typedef struct pn_guard {
    pencl_graph *graph;
    pn_error saved;
} pn_guard;
pn_guard pn_guard_begin(pencl_graph *g);
bool pn_guard_end(const pn_guard *guard, pencl_status status);
/* False, with an error on the graph, when a verb cannot give an axis this name. */
bool pn_graph_new_name(pencl_graph *g, const char *verb, const char *name);
/* A value of this spec put together from pieces, which are copied and cover it. */
pencl_value *
pn_graph_join(pencl_graph *g, const pn_spec *spec, const pn_piece *pieces, int n, bool layered);
/* The same node seen through another view. */
pencl_value *pn_value_with_view(pencl_value *x, const pn_view *view);
/* Positional axes of the values get hidden names, the last one number `from`; where one has size 1
 * beside a larger one, it goes. False: memory is out, which is on the graph. */
bool pn_values_hide(pencl_value *values[], int n, int from);
/* Hidden axes become positional again. */
pencl_value *pn_value_unhide(pencl_value *x);
/* A copy in C order of the view. */
pencl_value *pn_value_copy(pencl_value *x);
/* cache with x written from slot counts[0] on (counts[1] rows): the same storage. */
pencl_value *pn_value_cache_write(pencl_value *cache, pencl_value *x, pencl_value *counts);
/* Marks the value as captured under a name. */
pencl_value *pn_value_capture(pencl_value *x, const char *name);
/* Enters and leaves a layer's path; leave with what enter returned. */
const char *pn_graph_enter(pencl_graph *g, const char *name);
void pn_graph_leave(pencl_graph *g, const char *previous);

#endif
