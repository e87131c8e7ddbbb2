/* SPDX-License-Identifier: Apache-2.0 */
/* Captured values in files: .npz for NumPy, .safetensors with penzai's axes. */
#include "array/npy.h"
#include "io/io.h"
#include "io/json.h"
#include "io/write_safetensors.h"
#include "study/points.h"

#include <stdlib.h>
#include <string.h>

#define AXES_KEY "penzai.axes"

static bool ends_with(const char *path, const char *suffix)
{
    size_t n = strlen(path);
    size_t k = strlen(suffix);
    return n > k && strcmp(path + n - k, suffix) == 0;
}

static pencl_status refuse_name(pencl_ctx *ctx, const char *path)
{
    return PN_FAIL(ctx, PENCL_E_ARG, "%s: the name must end with .npz or .safetensors", path);
}

/* ---- saving ---- */

static pencl_status save_npz(const pencl_captures *c, pencl_ctx *ctx, const char *path)
{
    size_t n = (size_t)pencl_captures_count(c);
    pn_named_array *arrays = pn_calloc(n + 1, sizeof *arrays);
    if (arrays == NULL) {
        return PN_NOMEM(ctx);
    }
    for (size_t i = 0; i < n; i++) {
        const pencl_capture *one = pencl_captures_at(c, (int)i);
        arrays[i] = (pn_named_array){one->name, one->array};
    }
    pencl_status st = pn_npz_write(ctx, path, arrays, n);
    pn_free(arrays);
    return st;
}

static json_t *axes_of(const pencl_captures *c)
{
    json_t *all = json_object();
    for (int i = 0; i < pencl_captures_count(c); i++) {
        const pencl_capture *one = pencl_captures_at(c, i);
        json_t *names = json_array();
        for (int k = 0; k < pencl_array_n_axes(one->array); k++) {
            json_array_append_new(names, json_string(pencl_array_axis(one->array, k)->name));
        }
        if (json_array_size(names) != (size_t)pencl_array_n_axes(one->array) ||
            json_object_set_new(all, one->name, names) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

/* pn_tensor_source: one value from the device. */
static pencl_status give(void *user, const pn_tensor *tensor, void *to)
{
    return pencl_array_download(pencl_captures_find(user, tensor->name), to, tensor->bytes);
}

static pencl_status save_safetensors(const pencl_captures *c, pencl_ctx *ctx, const char *path)
{
    pn_safetensors_writer *w = pn_safetensors_writer_new();
    json_t *axes = axes_of(c);
    char *text = axes != NULL ? json_dumps(axes, JSON_COMPACT) : NULL;
    pencl_status st = text != NULL ? PENCL_OK : PN_NOMEM(ctx);
    for (int i = 0; st == PENCL_OK && i < pencl_captures_count(c); i++) {
        const pencl_capture *one = pencl_captures_at(c, i);
        const pn_spec *spec = &one->array->view.spec;
        pn_tensor t = {.name = one->name, .dtype = spec->dtype, .n_dims = spec->n_axes};
        for (int k = 0; k < spec->n_axes; k++) {
            t.dims[k] = spec->axes[k].size;
        }
        t.bytes = pn_spec_bytes(spec);
        pn_safetensors_add_tensor(w, &t);
    }
    if (st == PENCL_OK) {
        pn_safetensors_add_text(w, AXES_KEY, text);
        st = pn_safetensors_write(w, ctx, path, &(pn_tensor_source){give, (void *)c});
    }
    free(text);
    json_decref(axes);
    pn_safetensors_writer_free(w);
    return st;
}

pencl_status pencl_captures_save(const pencl_captures *c, pencl_ctx *ctx, const char *path)
{
    pn_error_clear(ctx);
    return ends_with(path, ".npz")           ? save_npz(c, ctx, path)
           : ends_with(path, ".safetensors") ? save_safetensors(c, ctx, path)
                                             : refuse_name(ctx, path);
}

/* ---- loading ---- */

static pencl_status take(void *user, const char *name, pencl_array *array)
{
    return pencl_captures_add(user, name, array);
}

static pencl_status
load_tensor(pencl_captures *c, pencl_device *device, const pn_tensor *t, const json_t *names)
{
    pencl_array *array = NULL;
    pn_spec spec = {.dtype = t->dtype};
    for (int i = 0; i < t->n_dims; i++) {
        pn_spec_push(&spec, "", t->dims[i]);
    }
    PENCL_TRY(pencl_array_wrap(&array, device, t->dtype, spec.axes, spec.n_axes, t->data));
    pencl_status st = names != NULL ? pn_name_axes(&array, names, t->name) : PENCL_OK;
    if (st != PENCL_OK) {
        pencl_array_free(array);
        return st;
    }
    return pencl_captures_add(c, t->name, array);
}

static pencl_status load_safetensors(pencl_captures *c, pencl_device *device, const char *path)
{
    pn_model_file *file = NULL;
    json_t *axes = NULL;
    pn_string text = {0};
    PENCL_TRY(pn_model_file_open(&file, pn_device_ctx(device), path));
    pencl_status st = PENCL_OK;
    if (pn_meta_text(file, AXES_KEY) != NULL) {
        st = pn_meta_need_string(file, AXES_KEY, &text);
        st = st == PENCL_OK ? pn_json_parse(&axes, file, AXES_KEY, text, 0) : st;
    }
    for (size_t i = 0; st == PENCL_OK && i < pn_model_file_n_tensors(file); i++) {
        const pn_tensor *t = pn_model_file_tensor(file, i);
        st = load_tensor(c, device, t, json_object_get(axes, t->name));
    }
    json_decref(axes);
    pn_model_file_close(file);
    return st;
}

pencl_status pencl_captures_load(pencl_captures **out, pencl_device *device, const char *path)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pn_error_clear(ctx);
    *out = NULL;
    PENCL_TRY(pencl_captures_new(out, device));
    pencl_status st = ends_with(path, ".npz")           ? pn_npz_read(device, path, take, *out)
                      : ends_with(path, ".safetensors") ? load_safetensors(*out, device, path)
                                                        : refuse_name(ctx, path);
    if (st != PENCL_OK) {
        pencl_captures_free(*out);
        *out = NULL;
    }
    return st;
}
