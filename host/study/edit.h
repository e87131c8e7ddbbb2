/* SPDX-License-Identifier: Apache-2.0 */
/* What changed computations are made of. */
#ifndef PENCL_STUDY_EDIT_H
#define PENCL_STUDY_EDIT_H

#include "study/points.h"

/* The value with names for its positional axes: they are the last ones of what is at the point.
 * Yours. E_SHAPE: it does not fit there; lengths of "seq" may differ. */
pencl_status
pn_value_name_axes(pencl_array **out, const pencl_array *value, const pn_point_value *at);
/* An array without axes. */
pencl_status
pn_scalar_array(pencl_array **out, pencl_device *device, pencl_dtype dtype, double number);
/* A variable with the array's values; NULL with the error on the context. */
pencl_variable *pn_edit_variable(const char *label, const pencl_array *value);

/* The head axes that a value has, in the metadata's order: heads count through them, the last axis
 * fastest. E_AXIS when it has none. */
typedef struct pn_heads {
    pencl_axis axes[4];
    int n_axes;
    int64_t n;
} pn_heads;
pencl_status pn_heads_of(pn_heads *out, const pencl_lm *lm, const pn_point_value *at);

#endif
