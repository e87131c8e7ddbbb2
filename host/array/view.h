/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs on views share. */
#ifndef PENCL_ARRAY_VIEW_H
#define PENCL_ARRAY_VIEW_H

#include "array/shape.h"

/* The index of an axis; E_AXIS with the shape when there is none. */
pencl_status pn_view_find(int *out, pencl_ctx *ctx, const pn_view *v, const char *axis);
/* A name given to an axis: well formed and not empty. */
pencl_status pn_view_check_name(pencl_ctx *ctx, const pn_view *v, const char *name);
/* No name twice. */
pencl_status pn_view_check_distinct(pencl_ctx *ctx, const pn_view *v);

/* The same storage, no axes yet; axes are added at the end, or removed, with their strides. */
pn_view pn_view_bare(const pn_view *v);
void pn_view_push(pn_view *v, const pencl_axis *axis, int64_t stride);
void pn_view_drop(pn_view *v, int index);
/* Moves the named axes, one after another, from `from` to the end of `to`; errors print `v`. */
pencl_status pn_view_move(
    pn_view *to, pn_view *from, pencl_ctx *ctx, const pn_view *v, const char *const names[], int n);

#endif
