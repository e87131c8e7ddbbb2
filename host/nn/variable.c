/* SPDX-License-Identifier: Apache-2.0 */
/* Variables: a label and a kind around storage on a device. */
#include "nn/nn.h"

#include <stdatomic.h>

struct pencl_variable {
    atomic_long refs;
    pencl_variable_kind kind;
    char *label;
    pn_store *store;
};

/* ---- making one ---- */

pencl_status pn_variable_new(pencl_variable **out,
                             pencl_ctx *ctx,
                             pencl_variable_kind kind,
                             const char *label,
                             pn_store *store)
{
    *out = NULL;
    pencl_variable *v = pn_calloc(1, sizeof *v);
    if (v == NULL) {
        return PN_NOMEM(ctx);
    }
    atomic_init(&v->refs, 1);
    v->kind = kind;
    v->store = pn_store_ref(store);
    v->label = pn_strdup(label);
    if (v->label == NULL) {
        pencl_variable_free(v);
        return PN_NOMEM(ctx);
    }
    *out = v;
    return PENCL_OK;
}

/* Matrices are repacked for kernels; the reference device reads rows as files have them. */
static const pn_layout *choose_layout(pencl_device *device, const pn_spec *spec, int n_row_axes)
{
    bool is_matrix = n_row_axes >= 1 && n_row_axes < spec->n_axes;
    return is_matrix && !pn_device_caps(device)->is_ref ? &pn_layout_rows16 : &pn_layout_plain;
}

pencl_status pencl_variable_new(pencl_variable **out,
                                pencl_variable_kind kind,
                                const char *label,
                                const pencl_array *value,
                                int n_row_axes)
{
    pencl_device *device = value->device;
    pencl_ctx *ctx = pn_device_ctx(device);
    const pn_spec *spec = &value->view.spec;
    pn_error_clear(ctx);
    *out = NULL;
    if (n_row_axes < 0 || n_row_axes > spec->n_axes) {
        return PN_FAIL(ctx, PENCL_E_ARG, "%s: %d row axes, but the value has %d axes", label,
                       n_row_axes, spec->n_axes);
    }
    if (pn_dtype_of(spec->dtype)->quantised) {
        return PN_FAIL(ctx, PENCL_E_DTYPE, "%s: a variable is made from dense values, not %s",
                       label, pencl_dtype_name(spec->dtype));
    }
    size_t bytes = pn_spec_bytes(spec);
    void *plain = pn_alloc(bytes > 0 ? bytes : 1);
    if (plain == NULL) {
        return PN_NOMEM(ctx);
    }
    pn_store *store = NULL;
    const pn_layout *layout = choose_layout(device, spec, n_row_axes);
    pencl_status status = pencl_array_download(value, plain, bytes);
    if (status == PENCL_OK) {
        status = pn_store_new(&store, device, spec, n_row_axes, layout);
    }
    if (status == PENCL_OK) {
        status = pn_store_upload(store, ctx, plain);
    }
    if (status == PENCL_OK) {
        status = pn_variable_new(out, ctx, kind, label, store);
    }
    pn_store_free(store);
    pn_free(plain);
    return status;
}

pencl_variable *pn_variable_ref(pencl_variable *v)
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
    pn_store_free(v->store);
    pn_free(v->label);
    pn_free(v);
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

pencl_dtype pencl_variable_dtype(const pencl_variable *v)
{
    return v->store->spec.dtype;
}

int pencl_variable_n_axes(const pencl_variable *v)
{
    return v->store->spec.n_axes;
}

const pencl_axis *pencl_variable_axis(const pencl_variable *v, int i)
{
    const pn_spec *spec = &v->store->spec;
    return i >= 0 && i < spec->n_axes ? &spec->axes[i] : NULL;
}

pn_store *pn_variable_store(const pencl_variable *v)
{
    return v->store;
}

pencl_status pencl_variable_value(pencl_array **out, const pencl_variable *v)
{
    pn_store *store = v->store;
    const pn_spec *spec = &store->spec;
    pencl_ctx *ctx = pn_device_ctx(store->device);
    pn_error_clear(ctx);
    *out = NULL;
    size_t count = (size_t)pn_spec_count(spec);
    size_t bytes = pn_spec_bytes(spec);
    void *plain = pn_alloc(bytes > 0 ? bytes : 1);
    float *wide = pn_calloc(count > 0 ? count : 1, sizeof *wide);
    pencl_array *array = NULL;
    pencl_status status = plain != NULL && wide != NULL ? PENCL_OK : PN_NOMEM(ctx);
    if (status == PENCL_OK) {
        status = pn_store_download(store, ctx, plain);
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

/* ---- in a graph ---- */

pencl_value *pencl_value_of(pencl_variable *variable, pencl_value *near)
{
    if (near == NULL) {
        return NULL;
    }
    if (variable == NULL) {
        return pn_graph_fail(near->graph, PENCL_E_ARG, "a variable is missing");
    }
    return pn_graph_variable(near->graph, variable->label, variable->store);
}
