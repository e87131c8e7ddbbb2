/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of patching: the runs that it needs, and the changes that they make. */
#ifndef PENCL_STUDY_PATCH_H
#define PENCL_STUDY_PATCH_H

#include "study/blocks.h"
#include "study/edit.h"
#include "study/metric.h"

struct pencl_patch {
    /* while it is made */
    pencl_ctx *ctx;
    pencl_lm *lm;
    const pencl_patch_options *options;
    pn_ids tokens;
    int32_t shift;             /* place in the other tokens of place 0 */
    pencl_captures *residuals; /* what enters the body's layers, by their number */
    pencl_captures *donor;     /* of the run of the other tokens */
    /* what it is about */
    pencl_sweep sweep;
    pencl_points *points;
    pn_blocks blocks; /* none in a body without a list of them */
    int32_t *at;      /* options->at as places */
    size_t n_at;
    pencl_metric *own_metric;
    const pencl_metric *metric;
    /* what came out */
    float *logits[2]; /* unchanged, changed */
    double before;
    double from;
    int n_rows;
    int n_columns;
    double *values; /* [row][column] */
};

/* Changes that one run makes side by side along an axis "worlds": of one point, at one position or
 * to one head each. Without a sweep there is one, and no axis. */
#define PN_WORLDS "worlds"
typedef struct pn_worlds {
    int first; /* column */
    int n;
    bool axis;
} pn_worlds;

/* patch_change.c: the layer that makes them at point i; NULL with the error on the context. */
pencl_layer *pn_patch_layer(const pencl_patch *p, int i, const pn_worlds *worlds);
/* What takes the place of the value at point i, with its axes or some of them: yours. */
pencl_status pn_patch_value(pencl_array **out, const pencl_patch *p, int i);
/* Columns of a sweep at point i. */
pencl_status pn_patch_n_columns(int *out, const pencl_patch *p, int i);

#endif
