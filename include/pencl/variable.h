/* SPDX-License-Identifier: Apache-2.0 */
/* Variables: what layers own. A parameter or a state has a label, named axes and text metadata; its
 * data is on a device. Sharing is by identity: one variable in two places is one tensor.
 *
 *     pencl_variable *bias = NULL, *snapshot = NULL;
 *     pencl_array *value = NULL;
 *     pencl_status st = pencl_variable_value(&value, pencl_layer_variable(root, "bias"));
 *     if (!st) st = pencl_variable_new(&bias, PENCL_PARAMETER, "mlp/in/AddBias.bias", value, 0);
 *     if (!st) st = pencl_variable_freeze(&snapshot, bias); // no copy until somebody writes
 *
 * penzai's three forms:
 *
 * - mutable: Parameter, StateVariable. Its value may be set.
 * - frozen: ParameterValue, StateVariableValue. A snapshot.
 * - slot: ParameterSlot, StateVariableSlot. Where a variable was taken out: its label and axes.
 *
 * Kind and label are a variable's slot: what it binds to (pencl_layer_bind_variables). Frozen
 * values and copies share memory with their origin; who writes first gets a copy of its own.
 */
#ifndef PENCL_VARIABLE_H
#define PENCL_VARIABLE_H

#include "pencl/array.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pencl_variable_kind { PENCL_PARAMETER, PENCL_STATE } pencl_variable_kind;
typedef enum pencl_variable_form { PENCL_MUTABLE, PENCL_FROZEN, PENCL_SLOT } pencl_variable_form;
typedef struct pencl_variable pencl_variable; /* counted */

/* A mutable variable with the array's content (dense dtypes), repacked for kernels: the first
 * n_row_axes axes are kept together as rows. Label: "transformer/block_0/mlp/out_linear.weights";
 * NULL gives a state a label that no other has. */
PENCL_API PENCL_NODISCARD pencl_status pencl_variable_new(pencl_variable **out,
                                                          pencl_variable_kind kind,
                                                          const char *label,
                                                          const pencl_array *value,
                                                          int n_row_axes);
/* An empty slot. What is bound to it must have these axes, in any order, and be of integers if
 * `dtype` is; axes NULL: anything fits. */
PENCL_API PENCL_NODISCARD pencl_status pencl_variable_new_slot(pencl_variable **out,
                                                               pencl_ctx *ctx,
                                                               pencl_variable_kind kind,
                                                               const char *label,
                                                               pencl_dtype dtype,
                                                               const pencl_axis *axes,
                                                               int n_axes);
PENCL_API pencl_variable *pencl_variable_ref(pencl_variable *variable);
PENCL_API void pencl_variable_free(pencl_variable *variable); /* drops one reference */
/* Drops one reference of each and frees the list that came through a `***out`. */
PENCL_API void pencl_variables_free(pencl_variable **variables, int n);

PENCL_API const char *pencl_variable_label(const pencl_variable *variable);
PENCL_API pencl_variable_kind pencl_variable_kind_of(const pencl_variable *variable);
PENCL_API pencl_variable_form pencl_variable_form_of(const pencl_variable *variable);
/* penzai's class name: "Parameter", "StateVariableSlot", ... Static text. */
PENCL_API const char *pencl_variable_type_name(const pencl_variable *variable);
/* Of the value, or those that a slot expects. A slot that expects nothing: PENCL_DTYPE_COUNT, -1.
 */
PENCL_API pencl_dtype pencl_variable_dtype(const pencl_variable *variable);
PENCL_API int pencl_variable_n_axes(const pencl_variable *variable);
PENCL_API const pencl_axis *pencl_variable_axis(const pencl_variable *variable, int i);
/* Bytes of the value in its own type, as files have it; devices may add some at the ends of rows.
 * 0: a slot. */
PENCL_API uint64_t pencl_variable_bytes(const pencl_variable *variable);
/* A float32 copy of the value with the variable's axes. E_UNBOUND: a slot. */
PENCL_API PENCL_NODISCARD pencl_status pencl_variable_value(pencl_array **out,
                                                            const pencl_variable *variable);
/* As penzai's ==: a mutable variable equals itself only; frozen values are equal when kind, label
 * and metadata are and they are snapshots of one value; slots when kind and label are. */
PENCL_API int pencl_variable_equal(const pencl_variable *a, const pencl_variable *b);

/* Metadata: texts by key. "trainable"; "layerstack_axes": "blocks=PER_LAYER" or "blocks=SHARED",
 * how a stack of layers (LayerStack) treats a state, a word for each stack axis. NULL: no such key.
 * Copies and snapshots have the metadata of their origin. */
PENCL_API const char *pencl_variable_metadata(const pencl_variable *variable, const char *key);
/* Sets one; NULL takes it out. E_ARG unless the variable is mutable. */
PENCL_API PENCL_NODISCARD pencl_status pencl_variable_set_metadata(pencl_variable *variable,
                                                                   const char *key,
                                                                   const char *text);

/* A frozen snapshot of a mutable variable. E_ARG: not mutable. */
PENCL_API PENCL_NODISCARD pencl_status pencl_variable_freeze(pencl_variable **out,
                                                             const pencl_variable *variable);
/* A new mutable variable that begins with a frozen value. E_ARG: not frozen. */
PENCL_API PENCL_NODISCARD pencl_status
pencl_variable_unfreeze_as_copy(pencl_variable **out, const pencl_variable *frozen);
/* The empty slot that stands where the variable is taken out. */
PENCL_API PENCL_NODISCARD pencl_status pencl_variable_get_slot(pencl_variable **out,
                                                               const pencl_variable *variable);
/* The mutable variable takes the frozen one's value. E_ARG: another label or kind. */
PENCL_API PENCL_NODISCARD pencl_status pencl_variable_update(pencl_variable *variable,
                                                             const pencl_variable *frozen);
/* A new value for a mutable variable: the same axes in any order (E_SHAPE), integers for integers
 * (E_DTYPE). Written in place while nobody shares the memory and the dtype stays. Models, sessions
 * and graphs see it, but for graphs traced while the dtype was another (E_DTYPE when they run). */
PENCL_API PENCL_NODISCARD pencl_status pencl_variable_set_value(pencl_variable *variable,
                                                                const pencl_array *value);

#ifdef __cplusplus
}
#endif

#endif
