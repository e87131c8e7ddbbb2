/* SPDX-License-Identifier: Apache-2.0 */
/* A model as a file of penzai's form: the config of its recipe, and every parameter under its label
 * with its axes in the order of its storage. */
#include "io/write_safetensors.h"
#include "lm/recipe.h"

#include <string.h>

#define TABLE "transformer/embedder.embeddings"
#define HEAD  "transformer/lm_head.weights"

typedef struct saving {
    pencl_ctx *ctx;
    pn_safetensors_writer *writer;
    json_t *axes;
    pencl_variable **variables; /* borrowed; each once */
    size_t n;
    size_t room;
    size_t widened[PENCL_DTYPE_COUNT]; /* tensors written as float32, by what they were */
} saving;

/* ---- parameters ---- */

/* False when memory is out. */
static bool collect(saving *s, pencl_variable *v)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->variables[i] == v) { /* shared: a tied table */
            return true;
        }
    }
    if (s->n == s->room) {
        const size_t room = s->room > 0 ? 2 * s->room : 64;
        pencl_variable **more = pn_realloc(s->variables, room, sizeof(pencl_variable *));
        if (more == NULL) {
            return false;
        }
        s->variables = more;
        s->room = room;
    }
    s->variables[s->n++] = v;
    return true;
}

static bool collect_all(saving *s, const pencl_layer *layer)
{
    pn_child child = {0};
    bool done = true;
    while (done && pn_next_child(&child, layer)) {
        done = child.node.layer != NULL ? collect_all(s, child.node.layer)
                                        : collect(s, child.node.variable);
    }
    return done;
}

static pencl_variable *find(const saving *s, const char *label)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(pencl_variable_label(s->variables[i]), label) == 0) {
            return s->variables[i];
        }
    }
    return NULL;
}

/* ---- tensors ---- */

static pencl_dtype saved_dtype(const pencl_variable *v)
{
    const pencl_dtype dtype = pencl_variable_dtype(v);
    return pn_dtype_of(dtype)->quantised ? PENCL_F32 : dtype;
}

/* A variable as a tensor of that name, its data to come. */
static bool add_tensor(saving *s, const pencl_variable *v, const char *label)
{
    const pn_spec *spec = &pn_variable_store(v)->spec;
    pn_tensor t = {.name = label, .dtype = saved_dtype(v), .n_dims = spec->n_axes};
    json_t *names = json_array();
    bool done = true;
    for (int i = 0; i < spec->n_axes && done; i++) {
        t.dims[i] = spec->axes[i].size;
        done = json_array_append_new(names, json_string(spec->axes[i].name)) == 0;
    }
    s->widened[spec->dtype] += t.dtype != spec->dtype;
    pn_spec saved = *spec;
    saved.dtype = t.dtype;
    t.bytes = pn_spec_bytes(&saved);
    pn_safetensors_add_tensor(s->writer, &t);
    if (!done) {
        json_decref(names);
        return false;
    }
    return json_object_set_new(s->axes, label, names) == 0;
}

static pencl_status add_tensors(saving *s, const pencl_model *m)
{
    bool done = collect_all(s, pencl_lm_body(m->lm));
    for (size_t i = 0; i < s->n && done; i++) {
        done = add_tensor(s, s->variables[i], pencl_variable_label(s->variables[i]));
    }
    if (done && m->recipe.table_is_head) { /* what penzai calls untied: the same values again */
        const pencl_variable *table = find(s, TABLE);
        done = table != NULL && add_tensor(s, table, HEAD);
    }
    return done ? PENCL_OK : PN_NOMEM(s->ctx);
}

/* pn_tensor_source: one variable from the device, dense. */
static pencl_status give(void *user, const pn_tensor *tensor, void *to)
{
    const saving *s = user;
    const pencl_variable *v = find(s, tensor->name);
    v = v != NULL ? v : find(s, TABLE); /* the head that is the table */
    pn_store *store = pn_variable_store(v);
    if (store->spec.dtype == tensor->dtype) {
        return pn_store_download(store, s->ctx, to);
    }
    const pn_matrix *matrix = &store->matrix;
    void *blocks = pn_alloc((size_t)matrix->rows * pn_matrix_row_bytes(matrix));
    pencl_status st = blocks != NULL ? pn_store_download(store, s->ctx, blocks) : PN_NOMEM(s->ctx);
    if (st == PENCL_OK) {
        pn_dtype_of(matrix->dtype)->to_f32(blocks, to, (size_t)pn_spec_count(&store->spec));
    }
    pn_free(blocks);
    return st;
}

/* ---- metadata ---- */

static pencl_status add_json(saving *s, const char *key, json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    if (text == NULL) {
        return PN_NOMEM(s->ctx);
    }
    pn_safetensors_add_text(s->writer, key, text);
    free(text);
    return PENCL_OK;
}

/* parameter_dtype is the table's as written: builders cast what the lookup gives where that is not
 * the activations' type. */
static pencl_status add_metadata(saving *s, const pencl_model *m)
{
    pn_recipe recipe = m->recipe;
    const pencl_variable *table = find(s, TABLE);
    if (table != NULL) {
        pn_config_set_dtype(&recipe, "parameter_dtype", saved_dtype(table));
    }
    json_t *config = pn_config_json(&recipe);
    pn_safetensors_add_text(s->writer, PN_PENZAI_BUILDER, recipe.builder->name);
    pencl_status st = add_json(s, PN_PENZAI_CONFIG, config);
    json_decref(config);
    return st == PENCL_OK ? add_json(s, PN_PENZAI_AXES, s->axes) : st;
}

/* ---- the model ---- */

/* The form has no place for layers that the builder does not make. */
static pencl_status check_body(const pencl_model *m)
{
    if (pencl_lm_body(m->lm) == m->built) {
        return PENCL_OK;
    }
    pn_text built = {0};
    pn_text now = {0};
    pn_layer_print(&built, m->built, PN_UNFOLD);
    pn_layer_print(&now, pencl_lm_body(m->lm), PN_UNFOLD);
    pencl_status st = PENCL_OK;
    if (built.failed || now.failed) {
        st = PN_NOMEM(m->ctx);
    } else if (strcmp(pn_text_get(&built), pn_text_get(&now)) != 0) {
        st = PN_FAIL(m->ctx, PENCL_E_UNSUPPORTED,
                     "the body is not as %s builds it: a file holds its config and parameters only",
                     m->recipe.builder->name);
    }
    pn_text_free(&built);
    pn_text_free(&now);
    return st;
}

static void tell_widened(const saving *s)
{
    for (int d = 0; d < PENCL_DTYPE_COUNT; d++) {
        if (s->widened[d] > 0) {
            pn_log(s->ctx, PENCL_LOG_WARN, "model", "%zu tensors of %s are written as float32",
                   s->widened[d], pencl_dtype_name((pencl_dtype)d));
        }
    }
}

pencl_status pencl_model_save(const pencl_model *m, const char *path)
{
    pn_error_clear(m->ctx);
    PENCL_TRY(pencl_layer_assert_no_slots(m->ctx, pencl_lm_body(m->lm)));
    PENCL_TRY(check_body(m));
    saving s = {.ctx = m->ctx, .writer = pn_safetensors_writer_new(), .axes = json_object()};
    pencl_status st = add_tensors(&s, m);
    if (st == PENCL_OK) {
        st = add_metadata(&s, m);
    }
    if (st == PENCL_OK) {
        tell_widened(&s);
        st = pn_safetensors_write(s.writer, m->ctx, path,
                                  &(pn_tensor_source){.data = give, .user = &s});
    }
    pn_safetensors_writer_free(s.writer);
    json_decref(s.axes);
    pn_free(s.variables);
    return st;
}
