/* SPDX-License-Identifier: Apache-2.0 */
/* Variables: a label, a kind and metadata around storage on a device, in three forms. What goes
 * from form to form is in variable_forms.c. */
#include "nn/variable.h"

#include <stdio.h>
#include <string.h>

/* ---- making one ---- */

pencl_status pn_variable_new_form(pencl_variable **out,
                                  pencl_ctx *ctx,
                                  pencl_variable_kind kind,
                                  pencl_variable_form form,
                                  const char *label)
{
    *out = NULL;
    if (label == NULL) {
        return PN_FAIL(ctx, PENCL_E_ARG, "a variable needs a label");
    }
    pencl_variable *v = pn_calloc(1, sizeof *v);
    if (v == NULL) {
        return PN_NOMEM(ctx);
    }
    atomic_init(&v->refs, 1);
    v->ctx = ctx;
    v->kind = kind;
    v->form = form;
    v->label = pn_strdup(label);
    if (v->label == NULL) {
        pencl_variable_free(v);
        return PN_NOMEM(ctx);
    }
    *out = v;
    return PENCL_OK;
}

pencl_status pn_variable_new(pencl_variable **out,
                             pencl_ctx *ctx,
                             pencl_variable_kind kind,
                             const char *label,
                             pn_store *store)
{
    PENCL_TRY(pn_variable_new_form(out, ctx, kind, PENCL_MUTABLE, label));
    pencl_status status = pn_cell_new(&(*out)->cell, ctx, pn_store_ref(store));
    if (status != PENCL_OK) {
        pencl_variable_free(*out);
        *out = NULL;
    }
    return status;
}

/* Matrices are repacked for kernels; the reference device reads rows as files have them. */
static const pn_layout *choose_layout(pencl_device *device, const pn_spec *spec, int n_row_axes)
{
    bool is_matrix = n_row_axes >= 1 && n_row_axes < spec->n_axes;
    return is_matrix && !pn_device_caps(device)->is_ref ? &pn_layout_rows16 : &pn_layout_plain;
}

pencl_status pn_array_to_host(void **out, const pencl_array *array)
{
    size_t bytes = pn_spec_bytes(&array->view.spec);
    *out = pn_alloc(bytes > 0 ? bytes : 1);
    if (*out == NULL) {
        return PN_NOMEM(pn_device_ctx(array->device));
    }
    pencl_status status = pencl_array_download(array, *out, bytes);
    if (status != PENCL_OK) {
        pn_free(*out);
    }
    return status;
}

pencl_status pn_store_of_array(pn_store **out, const pencl_array *value, int n_row_axes)
{
    pencl_device *device = value->device;
    pencl_ctx *ctx = pn_device_ctx(device);
    const pn_spec *spec = &value->view.spec;
    void *plain = NULL;
    *out = NULL;
    PENCL_TRY(pn_array_to_host(&plain, value));
    pencl_status status =
        pn_store_new(out, device, spec, n_row_axes, choose_layout(device, spec, n_row_axes));
    if (status == PENCL_OK) {
        status = pn_store_upload(*out, ctx, plain);
    }
    if (status != PENCL_OK) {
        pn_store_free(*out);
        *out = NULL;
    }
    pn_free(plain);
    return status;
}

pencl_status pn_need_dense(const char *label, const pencl_array *value)
{
    pencl_dtype dtype = value->view.spec.dtype;
    return !pn_dtype_of(dtype)->quantised
               ? PENCL_OK
               : PN_FAIL(pn_device_ctx(value->device), PENCL_E_DTYPE,
                         "%s: a variable is made from dense values, not %s", label,
                         pencl_dtype_name(dtype));
}

pencl_status pencl_variable_new(pencl_variable **out,
                                pencl_variable_kind kind,
                                const char *label,
                                const pencl_array *value,
                                int n_row_axes)
{
    pencl_ctx *ctx = pn_device_ctx(value->device);
    char own[32];
    pn_error_clear(ctx);
    *out = NULL;
    if (label == NULL && kind == PENCL_STATE) {
        snprintf(own, sizeof own, "state_%ld", ctx->n_unnamed++);
        label = own;
    }
    int n_axes = value->view.spec.n_axes;
    const char *name = label != NULL ? label : "a variable";
    if (n_row_axes < 0 || n_row_axes > n_axes) {
        return PN_FAIL(ctx, PENCL_E_ARG, "%s: %d row axes, but the value has %d axes", name,
                       n_row_axes, n_axes);
    }
    PENCL_TRY(pn_need_dense(name, value));
    pn_store *store = NULL;
    PENCL_TRY(pn_store_of_array(&store, value, n_row_axes));
    pencl_status status = pn_variable_new(out, ctx, kind, label, store);
    pn_store_free(store);
    return status;
}

pencl_status pencl_variable_new_slot(pencl_variable **out,
                                     pencl_ctx *ctx,
                                     pencl_variable_kind kind,
                                     const char *label,
                                     pencl_dtype dtype,
                                     const pencl_axis *axes,
                                     int n_axes)
{
    pn_error_clear(ctx);
    PENCL_TRY(pn_variable_new_form(out, ctx, kind, PENCL_SLOT, label));
    if (axes == NULL) {
        return PENCL_OK;
    }
    pn_spec expected = pn_spec_make(dtype, n_axes, axes);
    pencl_status status = pn_spec_check(ctx, &expected, label);
    if (status != PENCL_OK) {
        pencl_variable_free(*out);
        *out = NULL;
        return status;
    }
    (*out)->expects = true;
    (*out)->expected = expected;
    return PENCL_OK;
}

pencl_variable *pencl_variable_ref(pencl_variable *v)
{
    if (v != NULL) {
        atomic_fetch_add(&v->refs, 1);
    }
    return v;
}

void pencl_variable_free(pencl_variable *v)
{
    if (v == NULL || atomic_fetch_sub(&v->refs, 1) > 1) {
        return;
    }
    for (int i = 0; i < v->n_pairs; i++) {
        pn_free(v->pairs[i].key);
        pn_free(v->pairs[i].text);
    }
    pn_free(v->pairs);
    pn_cell_free(v->cell);
    pn_free(v->label);
    pn_free(v);
}

void pencl_variables_free(pencl_variable **variables, int n)
{
    for (int i = 0; i < n; i++) {
        pencl_variable_free(variables[i]);
    }
    pn_free(variables);
}

/* ---- reading ---- */

const char *pencl_variable_label(const pencl_variable *v)
{
    return v->label;
}

pencl_variable_kind pencl_variable_kind_of(const pencl_variable *v)
{
    return v->kind;
}

pencl_variable_form pencl_variable_form_of(const pencl_variable *v)
{
    return v->form;
}

const char *pn_variable_type_name(pencl_variable_kind kind, pencl_variable_form form)
{
    static const char *const names[2][3] = {
        {"Parameter", "ParameterValue", "ParameterSlot"},
        {"StateVariable", "StateVariableValue", "StateVariableSlot"}};
    return names[kind == PENCL_STATE][form];
}

const char *pencl_variable_type_name(const pencl_variable *v)
{
    return pn_variable_type_name(v->kind, v->form);
}

const pn_spec *pn_variable_spec(const pencl_variable *v)
{
    return v->cell != NULL ? &pn_cell_store(v->cell)->spec : v->expects ? &v->expected : NULL;
}

pencl_dtype pencl_variable_dtype(const pencl_variable *v)
{
    const pn_spec *spec = pn_variable_spec(v);
    return spec != NULL ? spec->dtype : PENCL_DTYPE_COUNT;
}

int pencl_variable_n_axes(const pencl_variable *v)
{
    const pn_spec *spec = pn_variable_spec(v);
    return spec != NULL ? spec->n_axes : -1;
}

uint64_t pencl_variable_bytes(const pencl_variable *v)
{
    const pn_store *store = pn_variable_store(v);
    return store != NULL ? pn_spec_bytes(&store->spec) : 0;
}

const pencl_axis *pencl_variable_axis(const pencl_variable *v, int i)
{
    return i >= 0 && i < pencl_variable_n_axes(v) ? &pn_variable_spec(v)->axes[i] : NULL;
}

pn_store *pn_variable_store(const pencl_variable *v)
{
    return v->cell != NULL ? pn_cell_store(v->cell) : NULL;
}

pn_cell *pn_variable_cell(const pencl_variable *v)
{
    return v->cell;
}

bool pn_variable_is_own(const pencl_variable *v)
{
    return atomic_load(&v->refs) == 1 && v->cell != NULL && !pn_cell_is_shared(v->cell);
}

void pn_variable_print(pn_text *out, const pencl_variable *v)
{
    pn_text_add(out, "%s \"%s\"", pencl_variable_type_name(v), v->label);
    if (pn_variable_spec(v) != NULL) {
        pn_text_add(out, " ");
        pn_spec_print(out, pn_variable_spec(v));
    }
}

static pencl_status unbound(const pencl_variable *slot)
{
    return PN_FAIL(slot->ctx, PENCL_E_UNBOUND, "tried to access the value of a %s: \"%s\"",
                   pencl_variable_type_name(slot), slot->label);
}

pencl_status pencl_variable_value(pencl_array **out, const pencl_variable *v)
{
    pn_error_clear(v->ctx);
    *out = NULL;
    if (v->cell == NULL) {
        return unbound(v);
    }
    pn_store *store = pn_cell_store(v->cell);
    const pn_spec *spec = &store->spec;
    size_t count = (size_t)pn_spec_count(spec);
    size_t bytes = pn_spec_bytes(spec);
    void *plain = pn_alloc(bytes > 0 ? bytes : 1);
    float *wide = pn_calloc(count > 0 ? count : 1, sizeof *wide);
    pencl_array *array = NULL;
    pencl_status status = plain != NULL && wide != NULL ? PENCL_OK : PN_NOMEM(v->ctx);
    if (status == PENCL_OK) {
        status = pn_store_download(store, v->ctx, plain);
    }
    if (status == PENCL_OK) {
        pn_dtype_of(spec->dtype)->to_f32(plain, wide, count);
        status = pencl_array_new(&array, store->device, PENCL_F32, spec->axes, spec->n_axes);
    }
    if (status == PENCL_OK) {
        status = pencl_array_upload(array, wide, count * sizeof *wide);
    }
    if (status == PENCL_OK) {
        *out = array;
        array = NULL;
    }
    pencl_array_free(array);
    pn_free(wide);
    pn_free(plain);
    return status;
}
