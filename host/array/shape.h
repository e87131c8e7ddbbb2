/* SPDX-License-Identifier: Apache-2.0 */
/* Names and sizes of axes, and the algebra on them that arrays and graph values share. */
#ifndef PENCL_ARRAY_SHAPE_H
#define PENCL_ARRAY_SHAPE_H

#include "base/base.h"
#include "pencl/axes.h"

/* A dtype and axes in storage order, outermost first. */
typedef struct pn_spec {
    pencl_dtype dtype;
    int n_axes;
    pencl_axis axes[PENCL_MAX_AXES];
} pn_spec;

/* A spec laid over storage: element offset and, for each axis, the step in elements. Views never
 * own. A step of 0 is a broadcast. */
typedef struct pn_view {
    pn_spec spec;
    int64_t offset;
    int64_t strides[PENCL_MAX_AXES];
} pn_view;

/* ---- specs ---- */
int pn_spec_find(const pn_spec *spec, const char *axis);     /* index, or -1 */
int64_t pn_spec_size(const pn_spec *spec, const char *axis); /* 1 when absent */
int64_t pn_spec_count(const pn_spec *spec);                  /* elements; 1 for a scalar */
size_t pn_spec_bytes(const pn_spec *spec);                   /* plain layout; whole blocks */
bool pn_spec_equal(const pn_spec *a, const pn_spec *b);      /* same axes in the same order */
bool pn_spec_same_axes(const pn_spec *a, const pn_spec *b);  /* as dictionaries */
/* Names valid and distinct, sizes >= 0, the product fits. */
pencl_status pn_spec_check(pencl_ctx *ctx, const pn_spec *spec, const char *what);
pn_spec pn_spec_make(pencl_dtype dtype, int n_axes, const pencl_axis *axes);
/* From text, for tests and cases: "seq=7 embedding=33", after an optional "q4_1:" . */
pencl_status pn_spec_parse(pn_spec *out, pencl_ctx *ctx, const char *text);
/* "float32(| seq:5, vocabulary:11)", penzai's form: positional axes before the bar. */
void pn_spec_print(pn_text *out, const pn_spec *spec);
/* Union of names in first-seen order; a size that differs is E_SHAPE and prints both. */
pencl_status pn_spec_union(pn_spec *out, pencl_ctx *ctx, const pn_spec *const specs[], int n);
/* Adds an axis at the end / removes one; no checks. */
void pn_spec_push(pn_spec *spec, const char *axis, int64_t size);
void pn_spec_remove(pn_spec *spec, int index);

/* ---- views ---- */
pn_view pn_view_contiguous(const pn_spec *spec); /* C order */
bool pn_view_is_contiguous(const pn_view *view);
int64_t pn_view_stride(const pn_view *view, const char *axis); /* 0 when absent */
/* Metadata verbs; each returns E_AXIS / E_SHAPE with both shapes in the text. */
pencl_status pn_view_rename(pn_view *v, pencl_ctx *ctx, const char *from, const char *to);
pencl_status pn_view_order(pn_view *v, pencl_ctx *ctx, const char *const names[], int n);
pencl_status pn_view_slice(pn_view *v, pencl_ctx *ctx, const char *axis, int64_t from, int64_t n);
pencl_status pn_view_index(pn_view *v, pencl_ctx *ctx, const char *axis, int64_t at); /* drops it */
pencl_status pn_view_split(pn_view *v,
                           pencl_ctx *ctx,
                           const char *axis,
                           const pencl_axis *into,
                           int n); /* outermost first */
pencl_status
pn_view_merge(pn_view *v, pencl_ctx *ctx, const char *const axes[], int n, const char *into);

#endif
