/* SPDX-License-Identifier: Apache-2.0 */
/* Points of a computation, and bodies that are changed at them. */
#ifndef PENCL_STUDY_POINTS_H
#define PENCL_STUDY_POINTS_H

#include "lm/lm.h"
#include "pencl/study.h"

typedef struct pn_point {
    char *path; /* of its node in the body */
    char *name; /* the path, and "@before" */
    const char *type;
    pencl_when when;
    int top; /* the place in the body's list that has the node; -1: the body itself */
} pn_point;

/* A value that is computed at a point; in a stack of layers a point has one for each of them. */
typedef struct pn_point_value {
    char *name; /* the point's, in a stack with "[3]" */
    const pn_point *point;
    pn_spec spec;
} pn_point_value;

struct pencl_points {
    pencl_ctx *ctx;
    pencl_lm *lm; /* borrowed */
    int n;
    int room;
    pn_point *items;
    int n_values;
    pn_point_value *values; /* in the order of computation */
};

/* The points that the texts name, each once; what is computed at them is not yet known. */
pencl_status pn_points_find(pencl_points **out, pencl_lm *lm, const char *const texts[], int n);

/* What takes the place of the node at point i; takes the node over. NULL with the error on the
 * context. */
typedef pencl_layer *pn_point_change(void *user, int i, pencl_layer *node);
/* The body with the nodes at its points changed, and the rest shared. */
pencl_status pn_points_apply(pencl_layer **out,
                             const pencl_points *points,
                             pencl_layer *body,
                             pn_point_change *change,
                             void *user);
/* A pn_point_change that is told which points by its user. */
pencl_layer *pn_point_capture(void *points, int i, pencl_layer *node);
/* The layer at the point: behind the node or in front of it. Takes both over. */
pencl_layer *
pn_point_insert(pencl_ctx *ctx, pencl_when when, pencl_layer *node, pencl_layer *layer);

/* ---- capture.c ---- */
/* What passes point i. NULL with E_UNSUPPORTED on the context for a layer of a stack. */
const pn_point_value *pn_points_value(const pencl_points *points, int i);
typedef struct pn_ids {
    const int32_t *ids;
    size_t n;
} pn_ids;
/* A body on tokens, without a cache: the logits of the last one [seq:1, vocabulary], and what was
 * captured (NULL: not wanted). */
pencl_status pn_run_tokens(pencl_array **last,
                           pencl_captures **captures,
                           const pencl_lm *lm,
                           pencl_layer *body,
                           const pn_ids *tokens);
/* Places in n tokens, negative ones counted from the end; a new list. E_ARG: outside. */
pencl_status pn_places(int32_t **out, pencl_ctx *ctx, const int64_t *at, size_t n_at, size_t n);

#endif
