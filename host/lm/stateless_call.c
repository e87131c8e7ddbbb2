/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's stateless_call: a layer over copies of frozen values, and what they have become. */
#include "lm/lm.h"

#include <string.h>

/* A new mutable variable for each value: yours, pencl_variables_free. */
static pencl_status
unfreeze(pencl_variable ***out, pencl_ctx *ctx, const pencl_stateless_options *o)
{
    pencl_variable **copies = pn_calloc((size_t)o->n_values + 1, sizeof(pencl_variable *));
    pencl_status st = copies == NULL ? PN_NOMEM(ctx) : PENCL_OK;
    for (int i = 0; st == PENCL_OK && i < o->n_values; i++) {
        st = o->variable_values[i] != NULL
                 ? pencl_variable_unfreeze_as_copy(&copies[i], o->variable_values[i])
                 : PN_FAIL(ctx, PENCL_E_ARG, "variable value %d is missing", i);
    }
    *out = copies;
    return st;
}

/* The layer with its own variables frozen, the copies in its slots, and no slot left. */
static pencl_status
bind(pencl_layer **out, pencl_ctx *ctx, pencl_layer *layer, pencl_variable *const *copies, int n)
{
    pencl_layer *frozen = NULL;
    PENCL_TRY(pencl_layer_freeze_variables(&frozen, ctx, layer, NULL, NULL));
    pencl_status st = pencl_layer_bind_variables(out, ctx, frozen, copies, n, 0);
    if (st == PENCL_OK) {
        st = pencl_layer_assert_no_slots(ctx, *out);
    }
    pencl_layer_free(frozen);
    return st;
}

/* A copy that was written has other content than the value that it began with. */
static pencl_status freeze(pencl_variable ***out,
                           pencl_ctx *ctx,
                           pencl_variable *const *copies,
                           const pencl_stateless_options *o)
{
    pencl_variable **frozen = pn_calloc((size_t)o->n_values + 1, sizeof(pencl_variable *));
    pencl_status st = frozen == NULL ? PN_NOMEM(ctx) : PENCL_OK;
    for (int i = 0; st == PENCL_OK && i < o->n_values; i++) {
        pencl_variable *value = o->variable_values[i];
        if (pn_cell_same(pn_variable_cell(copies[i]), pn_variable_cell(value))) {
            frozen[i] = pencl_variable_ref(value);
        } else {
            st = pencl_variable_freeze(&frozen[i], copies[i]);
        }
    }
    if (st != PENCL_OK) {
        pencl_variables_free(frozen, frozen != NULL ? o->n_values : 0);
        return st;
    }
    *out = frozen;
    return PENCL_OK;
}

/* Positions that are given are an input of the step, because the host computes angles from them. */
static const pencl_array *positions_of(const pencl_stateless_options *o)
{
    for (int i = 0; i < o->n_side; i++) {
        if (strcmp(o->side[i].name, PN_SIDE_TOKEN_POSITIONS) == 0) {
            return o->side[i].array;
        }
    }
    return NULL;
}

pencl_status pencl_layer_stateless_call(pencl_array **out,
                                        pencl_variable ***updated,
                                        pencl_device *device,
                                        pencl_layer *layer,
                                        const pencl_array *argument,
                                        const pencl_stateless_options *options)
{
    static const pencl_stateless_options none = PENCL_STATELESS_OPTIONS_INIT;
    const pencl_stateless_options *o = options != NULL ? options : &none;
    pencl_ctx *ctx = pn_device_ctx(device);
    pencl_variable **copies = NULL;
    pencl_layer *bound = NULL;
    pn_error_clear(ctx);
    *out = NULL;
    *updated = NULL;
    if (o->captures != NULL) {
        *o->captures = NULL;
    }
    pencl_status st = unfreeze(&copies, ctx, o);
    if (st == PENCL_OK) {
        st = bind(&bound, ctx, layer, copies, o->n_values);
    }
    if (st == PENCL_OK) {
        const pn_call call = {.device = device,
                              .layer = bound,
                              .x = argument,
                              .positions = positions_of(o),
                              .bare = true,
                              .side = {o->side, o->n_side}};
        st = pn_call_run(out, o->captures, &call);
    }
    if (st == PENCL_OK) {
        st = freeze(updated, ctx, copies, o);
    }
    if (st != PENCL_OK) {
        pencl_array_free(*out);
        *out = NULL;
        if (o->captures != NULL) {
            pencl_captures_free(*o->captures);
            *o->captures = NULL;
        }
    }
    pencl_layer_free(bound);
    pencl_variables_free(copies, copies != NULL ? o->n_values : 0);
    return st;
}
