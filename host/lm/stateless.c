/* SPDX-License-Identifier: Apache-2.0 */
/* A layer called on values that stay outside of it. */
#include "lm/lm.h"

/* The variables that the call works on, and the layer that has them. */
typedef struct stateless {
    pencl_ctx *ctx;
    pencl_variable **copies; /* of the given values, in their order; mutable */
    int n;
    pencl_layer *bound;
} stateless;

/* A copy shares memory with its value until a run writes it. */
static pencl_status copy_values(stateless *s, pencl_variable *const values[])
{
    for (int i = 0; i < s->n; i++) {
        if (values[i] == NULL) {
            return PN_FAIL(s->ctx, PENCL_E_ARG, "value %d is missing", i);
        }
        PENCL_TRY(pencl_variable_unfreeze_as_copy(&s->copies[i], values[i]));
    }
    return PENCL_OK;
}

/* What is still inside of the layer is held fast, so that nothing outside of the copies changes. */
static pencl_status bind(stateless *s, pencl_layer *layer)
{
    pencl_layer *fixed = NULL;
    PENCL_TRY(pencl_layer_freeze_variables(&fixed, s->ctx, layer, NULL, NULL));
    pencl_status st = pencl_layer_bind_variables(&s->bound, s->ctx, fixed, s->copies, s->n, 0);
    pencl_layer_free(fixed);
    return st;
}

static pencl_status run(pencl_array **out,
                        pencl_variable **updated,
                        const stateless *s,
                        const pencl_array *x,
                        const pencl_lm_call_options *o)
{
    const pn_call call = {.device = x->device,
                          .layer = s->bound,
                          .x = x,
                          .positions = o->token_positions,
                          .side = {o->side, o->n_side}};
    PENCL_TRY(pn_call_run(out, o->captures, &call));
    for (int i = 0; i < s->n; i++) {
        PENCL_TRY(pencl_variable_freeze(&updated[i], s->copies[i]));
    }
    return PENCL_OK;
}

pencl_status pencl_layer_stateless_call(pencl_array **out,
                                        pencl_variable **updated,
                                        pencl_layer *layer,
                                        pencl_variable *const values[],
                                        int n,
                                        const pencl_array *x,
                                        const pencl_lm_call_options *options)
{
    static const pencl_lm_call_options none = PENCL_LM_CALL_OPTIONS_INIT;
    stateless s = {.ctx = pn_device_ctx(x->device), .n = n};
    pn_error_clear(s.ctx);
    *out = NULL;
    for (int i = 0; i < n; i++) {
        updated[i] = NULL;
    }
    s.copies = pn_calloc((size_t)n + 1, sizeof(pencl_variable *));
    pencl_status st = s.copies != NULL ? copy_values(&s, values) : PN_NOMEM(s.ctx);
    if (st == PENCL_OK) {
        st = bind(&s, layer);
    }
    if (st == PENCL_OK) {
        st = run(out, updated, &s, x, options != NULL ? options : &none);
    }
    for (int i = 0; i < n; i++) {
        if (s.copies != NULL) {
            pencl_variable_free(s.copies[i]);
        }
        if (st != PENCL_OK) {
            pencl_variable_free(updated[i]);
            updated[i] = NULL;
        }
    }
    if (st != PENCL_OK) {
        pencl_array_free(*out);
        *out = NULL;
    }
    pencl_layer_free(s.bound);
    pn_free(s.copies);
    return st;
}
