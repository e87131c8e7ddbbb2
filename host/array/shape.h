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
/* Same dtype, same axes in the same order. */
bool pn_spec_equal(const pn_spec *a, const pn_spec *b);
/* Same axes as dictionaries, whatever their order and the dtypes; positional ones pair up. */
bool pn_spec_same_axes(const pn_spec *a, const pn_spec *b);
/* Names valid and distinct, sizes >= 0, whole blocks along the last axis, the product fits. `what`
 * begins the error text. The functions above trust specs that passed. */
pencl_status pn_spec_check(pencl_ctx *ctx, const pn_spec *spec, const char *what);
/* No control characters (E_AXIS), shorter than PENCL_AXIS_NAME_MAX (E_LIMIT). Reads at most that
 * many bytes. */
pencl_status pn_axis_name_check(pencl_ctx *ctx, const char *name);
/* Too many axes are not read: pn_spec_check then says so. */
pn_spec pn_spec_make(pencl_dtype dtype, int n_axes, const pencl_axis *axes);
/* From text, for tests and cases: "seq=7 embedding=33", after an optional "q4_1:". A number without
 * a name is a positional axis; no axes at all is a scalar. */
pencl_status pn_spec_parse(pn_spec *out, pencl_ctx *ctx, const char *text);
/* "float32(2, 3 | seq:5, vocabulary:11)", penzai's form: positional axes before the bar. */
void pn_spec_print(pn_text *out, const pn_spec *spec);
/* Fails with "SHAPE: text". */
pencl_status
pn_spec_fail(pencl_ctx *ctx, pencl_status status, const pn_spec *spec, const char *fmt, ...)
    PN_PRINTF(4, 5);
/* Union of names in first-seen order, dtype of the first; a size that differs is E_SHAPE and prints
 * both shapes, a positional axis is E_AXIS. */
pencl_status pn_spec_union(pn_spec *out, pencl_ctx *ctx, const pn_spec *const specs[], int n);
/* Adds an axis at the end / removes one; no checks. */
void pn_spec_push(pn_spec *spec, const char *axis, int64_t size);
void pn_spec_remove(pn_spec *spec, int index);

/* ---- views ---- */
pn_view pn_view_contiguous(const pn_spec *spec); /* C order */
bool pn_view_is_contiguous(const pn_view *view);
int64_t pn_view_stride(const pn_view *view, const char *axis); /* 0 when absent */
/* Metadata verbs; each returns E_AXIS / E_SHAPE with the shape in the text, and then leaves the
 * view as it was. */
/* Names all positional axes, in order. */
pencl_status pn_view_tag(pn_view *v, pencl_ctx *ctx, const char *const names[], int n);
/* Makes axes positional, in the order given and in front; there must be no positional ones yet. */
pencl_status pn_view_untag(pn_view *v, pencl_ctx *ctx, const char *const names[], int n);
pencl_status pn_view_rename(pn_view *v, pencl_ctx *ctx, const char *from, const char *to);
/* Positional axes, then the named ones as given: all of them. */
pencl_status pn_view_order(pn_view *v, pencl_ctx *ctx, const char *const names[], int n);
pencl_status pn_view_slice(pn_view *v, pencl_ctx *ctx, const char *axis, int64_t from, int64_t n);
pencl_status pn_view_index(pn_view *v, pencl_ctx *ctx, const char *axis, int64_t at); /* drops it */
/* One axis becomes several in its place, outermost first. */
pencl_status
pn_view_split(pn_view *v, pencl_ctx *ctx, const char *axis, const pencl_axis *into, int n);
/* Several axes become one in the place of the first given, which is the outermost. E_UNSUPPORTED
 * when their strides do not nest: that needs a copy. */
pencl_status
pn_view_merge(pn_view *v, pencl_ctx *ctx, const char *const axes[], int n, const char *into);

#endif
