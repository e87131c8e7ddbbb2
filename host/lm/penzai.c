/* SPDX-License-Identifier: Apache-2.0 */
/* A model built with penzai, in one safetensors file: tensors under penzai's labels, their axes in
 * any order, and in the metadata which builder made the tree, with which config. */
#include "io/json.h"
#include "lm/recipe.h"

#include <inttypes.h>
#include <string.h>

static const pn_builder *const builders[] = {
#define BUILDER(name) &pn_builder_##name,
#include "lm/builders.def"
#undef BUILDER
};

/* ---- metadata ---- */

static pencl_status find_builder(const pn_builder **out, pn_weights *w)
{
    const char *name = pn_meta_text(w->file, PN_PENZAI_BUILDER);
    pn_text known = {0};
    for (size_t i = 0; i < PN_COUNT(builders); i++) {
        if (name != NULL && strcmp(builders[i]->name, name) == 0) {
            pn_text_free(&known);
            *out = builders[i];
            return PENCL_OK;
        }
        pn_text_add(&known, "%s%s", i > 0 ? ", " : "", builders[i]->name);
    }
    const pencl_status st =
        PN_FAIL(w->ctx, PENCL_E_UNSUPPORTED, "%s: " PN_PENZAI_BUILDER " is \"%.60s\"; known: %s",
                pn_model_file_path(w->file), name != NULL ? name : "", pn_text_get(&known));
    pn_text_free(&known);
    return st;
}

/* A key whose value is JSON. */
static pencl_status read_json(json_t **out, pn_weights *w, const char *key)
{
    pn_string text = {0};
    PENCL_TRY(pn_meta_need_string(w->file, key, &text));
    return pn_json_parse(out, w->file, key, text, 0);
}

static pencl_status read_config(pn_recipe *out, pn_weights *w)
{
    json_t *json = NULL;
    PENCL_TRY(read_json(&json, w, PN_PENZAI_CONFIG));
    const pencl_status st = pn_config_read(out, w->ctx, json);
    json_decref(json);
    if (st != PENCL_OK) {
        pn_error_prefix(w->ctx, PN_PENZAI_CONFIG);
        pn_error_prefix(w->ctx, pn_model_file_path(w->file));
    }
    return st;
}

/* Every tensor has its axes, and nothing else has. */
static pencl_status check_axes(const pn_weights *w)
{
    const size_t n = pn_model_file_n_tensors(w->file);
    if (!json_is_object(w->axes)) {
        return PN_FAIL(w->ctx, PENCL_E_FORMAT, "%s: " PN_PENZAI_AXES ": is not an object",
                       pn_model_file_path(w->file));
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = pn_model_file_tensor(w->file, i)->name;
        if (json_object_get(w->axes, name) == NULL) {
            return PN_FAIL(w->ctx, PENCL_E_FORMAT, "%s: " PN_PENZAI_AXES ": tensor \"%s\" has none",
                           pn_model_file_path(w->file), name);
        }
    }
    void *at = json_object_iter(w->axes);
    for (; at != NULL; at = json_object_iter_next(w->axes, at)) {
        const char *name = json_object_iter_key(at);
        if (pn_model_file_find(w->file, name) == NULL) {
            return PN_FAIL(w->ctx, PENCL_E_FORMAT,
                           "%s: " PN_PENZAI_AXES ": \"%.200s\" is no tensor of the file",
                           pn_model_file_path(w->file), name);
        }
    }
    return PENCL_OK;
}

/* ---- tensors ---- */

/* The dimension of each axis of the spec; false when the names are no permutation of its axes. */
static bool match_axes(int dims[PENCL_MAX_AXES], const json_t *names, const pn_spec *spec)
{
    if (!json_is_array(names) || json_array_size(names) != (size_t)spec->n_axes) {
        return false;
    }
    for (int i = 0; i < spec->n_axes; i++) {
        dims[i] = -1;
    }
    for (int i = 0; i < spec->n_axes; i++) {
        const char *name = json_string_value(json_array_get(names, (size_t)i));
        const int axis = name != NULL ? pn_spec_find(spec, name) : -1;
        if (axis < 0 || dims[axis] >= 0) {
            return false;
        }
        dims[axis] = i;
    }
    return true;
}

static bool same_sizes(const pn_tensor *t, const int dims[PENCL_MAX_AXES], const pn_spec *spec)
{
    bool same = t->n_dims == spec->n_axes;
    for (int i = 0; i < spec->n_axes; i++) {
        same = same && t->dims[dims[i]] == spec->axes[i].size;
    }
    return same;
}

/* E_FORMAT with what the file says: "(embedding:8, heads:2)". */
static pencl_status
refuse_axes(const pn_weights *w, const pn_tensor *t, const json_t *names, const pn_spec *want)
{
    pn_text got = {0};
    for (int i = 0; i < t->n_dims; i++) {
        const char *name = json_string_value(json_array_get(names, (size_t)i));
        pn_text_add(&got, "%s%.40s:%" PRId64, i > 0 ? ", " : "(", name != NULL ? name : "?",
                    t->dims[i]);
    }
    if (json_array_size(names) != (size_t)t->n_dims) {
        pn_text_add(&got, "; %zu names", json_array_size(names));
    }
    pn_text_add(&got, ")");
    const pencl_status st = pn_weights_refuse(w, t, want, pn_text_get(&got));
    pn_text_free(&got);
    return st;
}

static pencl_status
place(pn_grid *out, pn_weights *w, const char *label, const pn_spec *spec, int n_row_axes)
{
    const pn_tensor *t = NULL;
    int dims[PENCL_MAX_AXES];
    PENCL_TRY(pn_weights_find(&t, w, label));
    const json_t *names = json_object_get(w->axes, label);
    if (!match_axes(dims, names, spec) || !same_sizes(t, dims, spec)) {
        return refuse_axes(w, t, names, spec);
    }
    *out = (pn_grid){.tensor = t, .n_row_axes = n_row_axes, .n_axes = spec->n_axes};
    size_t strides[PENCL_MAX_AXES];
    out->run = pn_spec_bytes(&(pn_spec){.dtype = t->dtype}); /* of one element */
    size_t step = out->run;
    for (int i = t->n_dims - 1; i >= 0; i--) {
        strides[i] = step;
        step *= (size_t)t->dims[i];
    }
    for (int i = 0; i < spec->n_axes; i++) {
        out->sizes[i] = spec->axes[i].size;
        out->steps[i] = strides[dims[i]];
    }
    while (out->n_axes > n_row_axes && out->steps[out->n_axes - 1] == out->run) {
        out->run *= (size_t)out->sizes[--out->n_axes]; /* columns that lie as they are wanted */
    }
    return PENCL_OK;
}

pencl_status pn_penzai_read(pn_recipe *out, pn_weights *w)
{
    PENCL_TRY(find_builder(&out->builder, w));
    PENCL_TRY(read_config(out, w));
    PENCL_TRY(read_json(&w->axes, w, PN_PENZAI_AXES));
    PENCL_TRY(check_axes(w));
    w->place = place;
    return PENCL_OK;
}
