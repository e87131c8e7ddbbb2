/* SPDX-License-Identifier: Apache-2.0 */
/* Selections: parts of a layer tree, and changed copies of it.
 *
 *     pencl_selection *s = pencl_layer_select(ctx, root);
 *     s = pencl_selection_at_instances_of(s, "TransformerFeedForward", PENCL_OUTERMOST);
 *     s = pencl_selection_nth(s, 3);
 *     pencl_layer *changed = NULL;
 *     pencl_status st = pencl_selection_set(&changed, s, pencl_layer_node(zero));
 *     pencl_selection_free(s);
 *
 * or, from a text: pencl_select_text(ctx, root, "//TransformerFeedForward#3").
 *
 * Selected nodes are layers or variables, in the order of a walk through the tree (field order,
 * depth first), and none is inside another. The tree is never changed: changing verbs give a new
 * one, which shares what stays.
 *
 * Narrowing verbs take over their argument and return it; the first error stays on the selection
 * (NULL in gives NULL out) until a reading or changing verb returns it. penzai's verbs that are not
 * here by name: get_sequence and get_by_path are pencl_selection_point and _find, get_keypaths is
 * _path and _keys, apply(with_keypath) and apply_with_selected_index are _apply (a place has both),
 * keep_selected is _apply_and_keep, flatten_selected_selections is part of _refine.
 */
#ifndef PENCL_SELECT_H
#define PENCL_SELECT_H

#include "pencl/layer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_selection pencl_selection;

/* ---- making ---- */

/* The whole tree, selected. NULL when out of memory. */
PENCL_API pencl_selection *pencl_layer_select(pencl_ctx *ctx, pencl_layer *root);
/* What a text selects. Steps are read from left to right, each within what the last one selected:
 *
 *   //Attention         outermost nodes of a type, or of several: //RMSLayerNorm|LayerNorm
 *   //Attention@inner   innermost ones
 *   /delta              the child in a field; of a list, all: /sublayers
 *   /sublayers.3        the fourth of a list; /sublayers.-1 the last
 *   a slash and a star  all children
 *   .sublayers[3].delta at the beginning: one node by its path, as selections and captures print it
 *
 * Behind a step, as many as wanted, to keep some of what it selected:
 *
 *   {label~"*query.weights"}  those whose label, name, path, type, dtype or own static field
 *                             equals (=) or matches (~; * is any text, ? one character) a value, in
 *                             "..", '..' or bare
 *   #2  #-1  #0,3,5  #2:6     by number, from 0, negative from the end; a range without its end
 *
 * At the end @before or @after says on which side of the nodes the point lies; without it, after.
 * Paths of a model begin at its body, so that a first /body (penzai's paths begin one level above)
 * stands for the root if that has no such field.
 *
 * A text may be one of TransformerLens' names, N a number or *: blocks.N.hook_resid_pre, _mid,
 * _post, blocks.N.hook_attn_out, hook_mlp_out, blocks.N.attn.hook_q, _k, _v, _z, _pattern,
 * _attn_scores, blocks.N.mlp.hook_pre, hook_post, hook_embed, ln_final.hook_normalized.
 *
 * Errors name the column: E_FORMAT when the text cannot be read; E_ARG when a step selects nothing,
 * with the nearest name that there is. NULL when out of memory. */
PENCL_API pencl_selection *pencl_select_text(pencl_ctx *ctx, pencl_layer *root, const char *text);
PENCL_API pencl_selection *pencl_selection_copy(const pencl_selection *s);
PENCL_API void pencl_selection_free(pencl_selection *s);

/* ---- narrowing ---- */

/* Where a node is. Texts are borrowed for the time of a call. */
typedef struct pencl_place {
    pencl_node node;
    const char *path;   /* from the root: ".sublayers[2].delta" */
    const char *within; /* from the selected node; "" for that node itself */
    int index;          /* the number among the selected nodes of the one it is in */
} pencl_place;
/* 1: take it, 0: do not. */
typedef int pencl_node_test(const pencl_place *place, void *user);

typedef enum pencl_depth { PENCL_OUTERMOST, PENCL_INNERMOST } pencl_depth;

/* The child of each selected node in a field; index for lists (negative from the end), else 0.
 * E_FIELDS: no field of that name has children. */
PENCL_API pencl_selection *pencl_selection_at(pencl_selection *s, const char *field, int index);
/* Several parts of each selected node, by path within it: ".delta", ".sublayers[0]". All must be
 * there (E_FIELDS). */
PENCL_API pencl_selection *
pencl_selection_at_multiple(pencl_selection *s, const char *const paths[], int n);
/* The same, but paths that are not there are ignored; of a path and one inside it, the shorter. */
PENCL_API pencl_selection *
pencl_selection_at_keypaths(pencl_selection *s, const char *const paths[], int n);
/* Nodes of a type inside each selected node, which counts itself. Types are layers or variables
 * ("Parameter", "StateVariableValue", ...); "Sequential" means its kinds too, "Layer" all layers,
 * "AbstractVariable" all mutable variables, "AbstractVariableValue" and "AbstractVariableSlot" the
 * other forms; "A|B" is either. */
PENCL_API pencl_selection *
pencl_selection_at_instances_of(pencl_selection *s, const char *type, pencl_depth depth);
/* Nodes that pass the test. */
PENCL_API pencl_selection *pencl_selection_at_subtrees_where(pencl_selection *s,
                                                             pencl_node_test *test,
                                                             void *user,
                                                             pencl_depth depth);
/* Outermost nodes equal to another (pencl_layer_equal). */
PENCL_API pencl_selection *pencl_selection_at_equal_to(pencl_selection *s, pencl_node like);
PENCL_API pencl_selection *pencl_selection_at_children(pencl_selection *s);
/* The variables, and with childless also layers without children. */
PENCL_API pencl_selection *pencl_selection_at_leaves(pencl_selection *s);
PENCL_API pencl_selection *pencl_selection_at_childless(pencl_selection *s);
/* Those of the selected nodes that pass the test. */
PENCL_API pencl_selection *
pencl_selection_where(pencl_selection *s, pencl_node_test *test, void *user);
/* The i-th selected node, from 0; negative from the end. Out of range is an error. */
PENCL_API pencl_selection *pencl_selection_nth(pencl_selection *s, int i);
/* Several, in the order of the tree. */
PENCL_API pencl_selection *
pencl_selection_pick_nth_selected(pencl_selection *s, const int *indices, int n);
/* The largest subtrees that have no selected part. */
PENCL_API pencl_selection *pencl_selection_invert(pencl_selection *s);
/* Each selected node narrowed by itself: `narrow` gets a selection of that node as a tree of its
 * own, takes it over and returns what it narrowed it to. When that is of another tree, this one
 * takes the node's place. */
typedef pencl_selection *pencl_node_narrow(pencl_selection *node, void *user);
PENCL_API pencl_selection *
pencl_selection_refine(pencl_selection *s, pencl_node_narrow *narrow, void *user);
/* The same selection; E_ARITY with both numbers when it has not `count` nodes. */
PENCL_API pencl_selection *pencl_selection_assert_count_is(pencl_selection *s, int count);
/* The same nodes; its points lie before them, where their input is. */
PENCL_API pencl_selection *pencl_selection_before(pencl_selection *s);

/* ---- reading ---- */

PENCL_API int pencl_selection_count(const pencl_selection *s);
PENCL_API int pencl_selection_is_empty(const pencl_selection *s);
/* The only selected node, borrowed from the tree; E_ARITY with the number when not exactly one. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_get(pencl_node *out,
                                                           const pencl_selection *s);

/* A point of the computation: what leaves a node, or what enters it. */
typedef enum pencl_when { PENCL_AFTER, PENCL_BEFORE } pencl_when;
typedef struct pencl_point {
    pencl_node node; /* borrowed */
    pencl_when when;
} pencl_point;
/* The i-th selected node; no node when there is none. */
PENCL_API pencl_point pencl_selection_point(const pencl_selection *s, int i);
/* Path of the i-th selected node: ".sublayers[2].delta". Borrowed; NULL when there is none. */
PENCL_API const char *pencl_selection_path(const pencl_selection *s, int i);
/* The path as penzai shows it, with types: "Sequential.sublayers[2]/Residual.delta". Yours. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_pretty_path(char **out,
                                                                   const pencl_selection *s,
                                                                   int i);
/* The keys of the way to the i-th selected node: returns how many, writes at most `room`. */
PENCL_API int pencl_selection_keys(const pencl_selection *s, int i, pencl_key *keys, int room);
/* The number of the selected node with a path; -1 when there is none. */
PENCL_API int pencl_selection_find(const pencl_selection *s, const char *path);
/* The tree with nothing selected. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_deselect(pencl_layer **out,
                                                                const pencl_selection *s);
/* The tree as text, opened down to the selected nodes and folded elsewhere; SELECTION marks them
 * with a *. Yours. */
typedef enum pencl_show { PENCL_SHOW_SELECTION, PENCL_SHOW_VALUE } pencl_show;
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_print(char **out,
                                                             const pencl_selection *s,
                                                             pencl_show show);

/* ---- changing ---- *out is a new reference to the changed tree. A layer cannot stand where a
 * variable was, nor a variable where a layer was: E_FIELDS. Replacements are counted up. */

/* Each selected node replaced. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_set(pencl_layer **out,
                                                           const pencl_selection *s,
                                                           pencl_node replacement);
/* Each replaced by what `change` makes of it: *out is then taken over. */
typedef pencl_status pencl_node_change(pencl_node *out, const pencl_place *place, void *user);
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_apply(pencl_layer **out,
                                                             const pencl_selection *s,
                                                             pencl_node_change *change,
                                                             void *user);
/* A narrowing verb: in the changed tree, what took the selected nodes' places is selected. */
PENCL_API pencl_selection *
pencl_selection_apply_and_keep(pencl_selection *s, pencl_node_change *change, void *user);

/* The selected node with paths[i] replaced by nodes[i]; E_ARG: one has no replacement. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_set_by_path(pencl_layer **out,
                                                                   const pencl_selection *s,
                                                                   const char *const paths[],
                                                                   const pencl_node nodes[],
                                                                   int n);
/* What is at paths[i] within each selected node replaced; paths that are not there are ignored. */
PENCL_API PENCL_NODISCARD pencl_status
pencl_selection_select_and_set_by_path(pencl_layer **out,
                                       const pencl_selection *s,
                                       const char *const paths[],
                                       const pencl_node nodes[],
                                       int n);
/* The i-th selected node replaced by nodes[i]. E_ARITY: fewer nodes than are selected; of more, the
 * rest is left out. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_set_sequence(pencl_layer **out,
                                                                    const pencl_selection *s,
                                                                    const pencl_node nodes[],
                                                                    int n);

/* These need selected nodes that are in lists: E_ARG names one that is not, and its parent. */

/* Each replaced by the layers that `expand` adds to a list, in order: none, one or many. */
typedef struct pencl_layer_list pencl_layer_list;
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_list_add(pencl_layer_list *list,
                                                            pencl_layer *layer); /* counted up */
typedef pencl_status
pencl_node_expand(pencl_layer_list *list, const pencl_place *place, void *user);
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_apply_and_inline(pencl_layer **out,
                                                                        const pencl_selection *s,
                                                                        pencl_node_expand *expand,
                                                                        void *user);
/* The tree with `layer` before or after each selected node: the same object everywhere. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_insert_before(pencl_layer **out,
                                                                     const pencl_selection *s,
                                                                     pencl_layer *layer);
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_insert_after(pencl_layer **out,
                                                                    const pencl_selection *s,
                                                                    pencl_layer *layer);
/* Narrowing verbs: in the changed tree, the inserted layers are selected. */
PENCL_API pencl_selection *pencl_selection_insert_before_and_select(pencl_selection *s,
                                                                    pencl_layer *layer);
PENCL_API pencl_selection *pencl_selection_insert_after_and_select(pencl_selection *s,
                                                                   pencl_layer *layer);
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_remove_from_parent(pencl_layer **out,
                                                                          const pencl_selection *s);

/* The tree with a Capture around the only selected node: each call leaves that node's output, or
 * its input where the point lies before it, under `name` for pencl_session_captured. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_capture(pencl_layer **out,
                                                               const pencl_selection *s,
                                                               const char *name);

/* ---- taking apart ---- */

typedef enum pencl_part { PENCL_AT_NODES, PENCL_AT_LEAVES } pencl_part;
/* Two trees: one with the selected nodes, one with the rest. NotInThisPartition stands for a layer
 * that went to the other, its slot for a variable. AT_LEAVES takes out variables only, so that both
 * trees have all layers. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_partition(pencl_layer **selected,
                                                                 pencl_layer **remainder,
                                                                 const pencl_selection *s,
                                                                 pencl_part part);
/* The tree of n such parts. E_ARG: two have different things in one place. */
PENCL_API PENCL_NODISCARD pencl_status pencl_layer_combine(pencl_layer **out,
                                                           pencl_ctx *ctx,
                                                           pencl_layer *const parts[],
                                                           int n);

#ifdef __cplusplus
}
#endif

#endif
