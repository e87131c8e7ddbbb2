/* SPDX-License-Identifier: Apache-2.0 */
/* Variables: what layers own. A parameter or a state has a label, a kind and named axes; its data
 * is on a device. Shared by identity: the same variable in two places is one tensor. */
#ifndef PENCL_VARIABLE_H
#define PENCL_VARIABLE_H

#include "pencl/array.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pencl_variable_kind { PENCL_PARAMETER, PENCL_STATE } pencl_variable_kind;
typedef struct pencl_variable pencl_variable; /* counted */

/* A variable with the array's content (dense dtypes), repacked for kernels: the first n_row_axes
 * axes are kept together as rows. Label: "transformer/block_0/mlp/out_linear.weights". */
PENCL_API PENCL_NODISCARD pencl_status pencl_variable_new(pencl_variable **out,
                                                          pencl_variable_kind kind,
                                                          const char *label,
                                                          const pencl_array *value,
                                                          int n_row_axes);
PENCL_API void pencl_variable_free(pencl_variable *variable); /* drops one reference */
PENCL_API const char *pencl_variable_label(const pencl_variable *variable);
PENCL_API pencl_variable_kind pencl_variable_kind_of(const pencl_variable *variable);
PENCL_API pencl_dtype pencl_variable_dtype(const pencl_variable *variable);
PENCL_API int pencl_variable_n_axes(const pencl_variable *variable);
PENCL_API const pencl_axis *pencl_variable_axis(const pencl_variable *variable, int i);
/* A float32 copy of the value with the variable's axes. */
PENCL_API PENCL_NODISCARD pencl_status pencl_variable_value(pencl_array **out,
                                                            const pencl_variable *variable);

#ifdef __cplusplus
}
#endif

#endif
