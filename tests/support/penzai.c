/* SPDX-License-Identifier: Apache-2.0 */
/* Models with golden parameters as files of penzai's form. */
#include "support/penzai.h"

#include "array/dtypes.h"
#include "io/write_safetensors.h"
#include "support/golden.h"
#include "support/noise.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_AXES = 8 };

const char *const penzai_families[PENZAI_FAMILIES] = {"gemma1_mha",     "gemma1_mqa", "gemma2_gqa",
                                                      "gemma3_qk",      "gpt_neox",   "llama_gqa",
                                                      "llama_mha_gelu", "mistral_sw"};

json_t *penzai_golden(int i)
{
    char name[64];
    snprintf(name, sizeof name, "penzai/%s.json", penzai_families[i]);
    return golden_json(name);
}

/* ---- parameters ---- */

static uint32_t fnv1a(const char *text)
{
    uint32_t h = 2166136261U;
    for (; *text != '\0'; text++) {
        h = (h ^ (unsigned char)*text) * 16777619U;
    }
    return h;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text);
    const size_t m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

float penzai_value(const char *label, uint64_t k)
{
    uint32_t x = (uint32_t)(fnv1a(label) + 2654435761U * k);
    x ^= x >> 16;
    x *= 0x85ebca6bU;
    x ^= x >> 13;
    x *= 0xc2b2ae35U;
    x ^= x >> 16;
    const double u = x / 4294967296.0 - 0.5;
    return (float)(ends_with(label, "scale.weights") ? 1 + 0.5 * u
                   : ends_with(label, ".bias")       ? 0.4 * u
                                                     : 0.8 * u);
}

/* ---- axes ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of a shape in sorted order; returns how many. */
static int sorted_names(const char *names[MOST_AXES], json_t *shape)
{
    int n = 0;
    for (void *at = json_object_iter(shape); at != NULL; at = json_object_iter_next(shape, at)) {
        ck_assert_int_lt(n, MOST_AXES);
        names[n++] = json_object_iter_key(at);
    }
    qsort(names, (size_t)n, sizeof *names, by_text);
    return n;
}

static json_t *order_of(json_t *shape, noise *seed)
{
    const char *names[MOST_AXES];
    json_t *order = json_array();
    const int n = sorted_names(names, shape);
    for (int i = 0; i < n; i++) {
        const int k = seed != NULL ? i + (int)noise_below(seed, n - i) : i;
        const char *taken = names[k];
        names[k] = names[i];
        json_array_append_new(order, json_string(taken));
    }
    return order;
}

penzai_file penzai_file_of(const json_t *golden, uint64_t seed)
{
    noise state = {seed};
    json_t *config = json_object_get(golden, "config");
    penzai_file file = {.config = json_incref(config),
                        .params = json_incref(json_object_get(golden, "params")),
                        .axes = json_object(),
                        .dtype = PENCL_F32};
    const bool neox = json_object_get(config, "activation_fn") != NULL;
    file.builder = json_string(neox ? "gpt_neox" : "llamalike");
    void *at = json_object_iter(file.params);
    for (; at != NULL; at = json_object_iter_next(file.params, at)) {
        json_object_set_new(file.axes, json_object_iter_key(at),
                            order_of(json_object_iter_value(at), seed != 0 ? &state : NULL));
    }
    file.order = json_deep_copy(file.axes);
    return file;
}

void penzai_file_free(penzai_file *file)
{
    json_decref(file->builder);
    json_decref(file->config);
    json_decref(file->axes);
    json_decref(file->order);
    json_decref(file->params);
}

/* ---- files ---- */

/* Element i in the tensor's order of axes: its place in the sorted order. */
static uint64_t sorted_place(const pn_tensor *t, const uint64_t steps[MOST_AXES], uint64_t i)
{
    uint64_t place = 0;
    for (int d = t->n_dims - 1; d >= 0; d--) {
        place += i % (uint64_t)t->dims[d] * steps[d];
        i /= (uint64_t)t->dims[d];
    }
    return place;
}

/* Steps in the sorted order of the tensor's axes, in the order that it has them. */
static void
find_steps(uint64_t steps[MOST_AXES], const pn_tensor *t, json_t *shape, const json_t *order)
{
    const char *names[MOST_AXES];
    uint64_t step = 1;
    for (int s = sorted_names(names, shape) - 1; s >= 0; s--) {
        for (int d = 0; d < t->n_dims; d++) {
            if (strcmp(json_string_value(json_array_get(order, (size_t)d)), names[s]) == 0) {
                steps[d] = step;
            }
        }
        step *= (uint64_t)json_integer_value(json_object_get(shape, names[s]));
    }
}

/* The data is pn_alloc's. */
static pn_tensor make_tensor(const penzai_file *file, const char *label, json_t *shape)
{
    json_t *order = json_object_get(file->order, label);
    order = order != NULL ? json_incref(order) : order_of(shape, NULL);
    pn_tensor t = {.name = label, .dtype = file->dtype, .n_dims = (int)json_object_size(shape)};
    uint64_t steps[MOST_AXES] = {0};
    uint64_t count = 1;
    for (int d = 0; d < t.n_dims; d++) {
        const char *axis = json_string_value(json_array_get(order, (size_t)d));
        t.dims[d] = json_integer_value(json_object_get(shape, axis));
        count *= (uint64_t)t.dims[d];
    }
    find_steps(steps, &t, shape, order);
    const pn_dtype *dtype = pn_dtype_of(t.dtype);
    t.bytes = count * dtype->block_bytes;
    unsigned char *data = pn_alloc(t.bytes);
    for (uint64_t i = 0; i < count; i++) {
        const float value = penzai_value(label, sorted_place(&t, steps, i));
        dtype->from_f32(&value, data + i * dtype->block_bytes, 1);
    }
    t.data = data;
    json_decref(order);
    return t;
}

static void add_json(pn_safetensors_writer *w, const char *key, const json_t *json)
{
    if (json != NULL) {
        char *text = json_is_string(json) ? strdup(json_string_value(json))
                                          : json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
        pn_safetensors_add_text(w, key, text);
        free(text);
    }
}

void penzai_write(const penzai_file *file, const char *path)
{
    pencl_ctx *ctx = pencl_ctx_new();
    pn_safetensors_writer *w = pn_safetensors_writer_new();
    add_json(w, "penzai.builder", file->builder);
    add_json(w, "penzai.config", file->config);
    add_json(w, "penzai.axes", file->axes);
    const size_t n = json_object_size(file->params);
    pn_tensor *tensors = calloc(n, sizeof *tensors);
    void *at = json_object_iter(file->params);
    for (size_t i = 0; i < n; i++, at = json_object_iter_next(file->params, at)) {
        tensors[i] = make_tensor(file, json_object_iter_key(at), json_object_iter_value(at));
        pn_safetensors_add_tensor(w, &tensors[i]);
    }
    ck_assert_msg(pn_safetensors_write(w, ctx, path, NULL) == PENCL_OK, "%s",
                  pencl_error_text(ctx));
    for (size_t i = 0; i < n; i++) {
        pn_free((void *)tensors[i].data);
    }
    free(tensors);
    pn_safetensors_writer_free(w);
    pencl_ctx_free(ctx);
}
