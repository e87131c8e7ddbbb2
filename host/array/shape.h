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
/* Inside a graph a positional axis goes by a hidden name, '\1' and its place counted from the last:
 * ops see names only, and positional axes of several values pair up from the right, as NumPy's do.
 * Users cannot give such names. */
bool pn_axis_is_positional(const pencl_axis *axis); /* without a name, or with a hidden one */
int pn_spec_count_positional(const pn_spec *spec);
/* Gives the positional axes hidden names, the last one number `from`. */
void pn_spec_hide(pn_spec *spec, int from);
void pn_spec_unhide(pn_spec *spec); /* their names away again */

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
/* The last part alone, for axes known to be well formed: whole blocks, the product fits. */
pencl_status pn_spec_check_extent(pencl_ctx *ctx, const pn_spec *spec, const char *what);
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
/* Adds an axis at the end / removes one; no checks. */
void pn_spec_push(pn_spec *spec, const char *axis, int64_t size);
void pn_spec_remove(pn_spec *spec, int index);

/* ---- several specs together ---- */
/* The arguments of something, for messages that print them all. */
typedef struct pn_specs {
    const char *what; /* that they are arguments of: "add" */
    const pn_spec *const *specs;
    const char *const *names; /* "a", "b"; NULL: "value 0", "value 1", ... */
    int n;
} pn_specs;
/* "add: PROBLEM: a float32(| seq:3), b float32(| seq:4)". */
pencl_status
pn_specs_fail(pencl_ctx *ctx, pencl_status status, const pn_specs *all, const char *problem);
/* "add: axis "seq" is 3 in a float32(| seq:3) but 4 in b float32(| seq:4)", then the others. */
pencl_status
pn_specs_fail_sizes(pencl_ctx *ctx, const pn_specs *all, int first, int second, const char *axis);
/* Adds the axes of argument k that `out` lacks; those that it has, from arguments before k, must
 * agree: E_SHAPE. A positional axis is E_AXIS. Axes of `except`, which may be NULL, are passed
 * over.
 */
pencl_status
pn_specs_join(pn_spec *out, pencl_ctx *ctx, const pn_specs *all, int k, const pn_spec *except);
/* Union of names in first-seen order, dtype of the first. */
pencl_status pn_specs_union(pn_spec *out, pencl_ctx *ctx, const pn_specs *all);

/* ---- views ---- */
pn_view pn_view_contiguous(const pn_spec *spec); /* C order */
bool pn_view_is_contiguous(const pn_view *view);
int64_t pn_view_stride(const pn_view *view, const char *axis); /* 0 when absent */
bool pn_view_equal(const pn_view *a, const pn_view *b);

/* Metadata verbs; each returns E_AXIS / E_SHAPE with the shape in the text, and then leaves the
 * view as it was. */
/* Names all positional axes, in order; or the first n of them. */
pencl_status pn_view_tag(pn_view *v, pencl_ctx *ctx, const char *const names[], int n);
pencl_status pn_view_tag_prefix(pn_view *v, pencl_ctx *ctx, const char *const names[], int n);
/* Makes axes positional, in the order given and in front; `untag` wants no positional ones yet,
 * `untag_prefix` puts the new ones before those. */
pencl_status pn_view_untag(pn_view *v, pencl_ctx *ctx, const char *const names[], int n);
pencl_status pn_view_untag_prefix(pn_view *v, pencl_ctx *ctx, const char *const names[], int n);
pencl_status pn_view_rename(pn_view *v, pencl_ctx *ctx, const char *from, const char *to);
/* Positional axes, then the named ones as given: all of them. */
pencl_status pn_view_order(pn_view *v, pencl_ctx *ctx, const char *const names[], int n);
pencl_status pn_view_order_like(pn_view *v, pencl_ctx *ctx, const pn_spec *other);
pencl_status pn_view_canonicalize(pn_view *v, pencl_ctx *ctx); /* names sorted */
/* n elements from `from` on, `step` (at least 1) apart. */
pencl_status
pn_view_slice(pn_view *v, pencl_ctx *ctx, const char *axis, int64_t from, int64_t n, int64_t step);
/* The element at `at`, from the end when negative; the axis goes. */
pencl_status pn_view_index(pn_view *v, pencl_ctx *ctx, const char *axis, int64_t at);
pencl_status pn_view_insert_axis(pn_view *v, pencl_ctx *ctx, const char *name); /* of size 1 */
/* Adds the named axes that are missing; those that are there must agree, and stay. Positional axes
 * broadcast as NumPy's do. */
pencl_status pn_view_broadcast_to(pn_view *v, pencl_ctx *ctx, const pencl_axis *axes, int n);
/* One axis becomes several in its place, outermost first. */
pencl_status
pn_view_split(pn_view *v, pencl_ctx *ctx, const char *axis, const pencl_axis *into, int n);
/* Several axes become one in the place of the first given, which is the outermost. E_UNSUPPORTED
 * when their strides do not nest: that needs a copy. */
pencl_status
pn_view_merge(pn_view *v, pencl_ctx *ctx, const char *const axes[], int n, const char *into);

/* The axes of `to`, in their order, those that v lacks with a stride of 0. Each of v is among them.
 */
void pn_view_spread(pn_view *v, const pn_spec *to);
/* Hidden axes become positional, in front, the highest number first. */
void pn_view_unhide(pn_view *v);

#endif
