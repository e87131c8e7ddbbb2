/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of a model file as variables: checked against the axes that the builder expects,
 * repacked straight into device memory, their pages given back to the system. */
#include "lm/weights.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- grids ---- */

pencl_status pn_grid_merged(pn_grid *out,
                            const pn_weights *w,
                            const pn_tensor *t,
                            const pn_spec *spec,
                            int n_row_axes,
                            int64_t head)
{
    int64_t rows = 1;
    int64_t columns = 1;
    int64_t file_rows = 1;
    for (int i = 0; i < spec->n_axes; i++) {
        *(i < n_row_axes ? &rows : &columns) *= spec->axes[i].size;
    }
    for (int i = 0; i + 1 < t->n_dims; i++) {
        file_rows *= t->dims[i];
    }
    if (file_rows != rows || t->dims[t->n_dims - 1] != columns) {
        return pn_weights_refuse(w, t, spec, NULL);
    }
    const size_t row = t->bytes / (size_t)rows;
    const int64_t half = head / 2;
    *out = head == 0 ? (pn_grid){.n_axes = 1, .sizes = {rows}, .steps = {row}}
                     : (pn_grid){.n_axes = 3,
                                 .sizes = {rows / head, 2, half},
                                 .steps = {(size_t)head * row, row, 2 * row}};
    out->tensor = t;
    out->n_row_axes = out->n_axes;
    out->run = row;
    return PENCL_OK;
}

static size_t row_bytes(const pn_grid *g)
{
    size_t bytes = g->run;
    for (int i = g->n_row_axes; i < g->n_axes; i++) {
        bytes *= (size_t)g->sizes[i];
    }
    return bytes;
}

/* True when the tensor is the matrix as it is, row after row. */
static bool is_plain(const pn_grid *g)
{
    size_t bytes = g->run;
    for (int i = g->n_axes - 1; i >= 0; i--) {
        if (g->sizes[i] > 1 && g->steps[i] != bytes) {
            return false;
        }
        bytes *= (size_t)g->sizes[i];
    }
    return true;
}

static size_t row_offset(const pn_grid *g, int64_t row)
{
    size_t offset = 0;
    for (int i = g->n_row_axes - 1; i >= 0; i--) {
        offset += (size_t)(row % g->sizes[i]) * g->steps[i];
        row /= g->sizes[i];
    }
    return offset;
}

/* One row, its columns in order; `from` is its first element. Returns the end. */
static unsigned char *
gather_row(unsigned char *to, const unsigned char *from, const pn_grid *g, int axis)
{
    if (axis == g->n_axes) {
        memcpy(to, from, g->run);
        return to + g->run;
    }
    const bool last = axis + 1 == g->n_axes; /* a call for each element would take longer */
    for (int64_t i = 0; i < g->sizes[axis]; i++, from += g->steps[axis]) {
        if (last) {
            memcpy(to, from, g->run);
            to += g->run;
        } else {
            to = gather_row(to, from, g, axis + 1);
        }
    }
    return to;
}

static const void *plain_rows(void *user, int64_t first, int64_t n, void *scratch)
{
    const pn_grid *g = user;
    (void)n;
    (void)scratch;
    return g->tensor->data + (size_t)first * row_bytes(g);
}

static const void *gathered_rows(void *user, int64_t first, int64_t n, void *scratch)
{
    const pn_grid *g = user;
    unsigned char *to = scratch;
    for (int64_t i = 0; i < n; i++) {
        to = gather_row(to, g->tensor->data + row_offset(g, first + i), g, g->n_row_axes);
    }
    return scratch;
}

/* ---- tensors ---- */

pencl_status
pn_weights_refuse(const pn_weights *w, const pn_tensor *t, const pn_spec *want, const char *got)
{
    pn_text text = {0};
    pn_spec_print(&text, want);
    pn_text_add(&text, " is needed, the file has ");
    if (got != NULL) {
        pn_text_add(&text, "%s", got);
    } else {
        for (int i = 0; i < t->n_dims; i++) {
            pn_text_add(&text, "%s%" PRId64, i > 0 ? ", " : "[", t->dims[i]);
        }
        pn_text_add(&text, "]");
    }
    const pencl_status st = PN_FAIL(w->ctx, PENCL_E_FORMAT, "%s: tensor \"%s\": %s",
                                    pn_model_file_path(w->file), t->name, pn_text_get(&text));
    pn_text_free(&text);
    return st;
}

pencl_status pn_weights_find(const pn_tensor **out, pn_weights *w, const char *tensor)
{
    *out = pn_model_file_find(w->file, tensor);
    if (*out == NULL) {
        return PN_FAIL(w->ctx, PENCL_E_FORMAT, "%s: tensor \"%s\" is missing",
                       pn_model_file_path(w->file), tensor);
    }
    w->used[*out - pn_model_file_tensor(w->file, 0)] = true;
    return PENCL_OK;
}

pencl_status pn_weights_check_all_used(const pn_weights *w)
{
    for (size_t i = 0; i < pn_model_file_n_tensors(w->file); i++) {
        if (!w->used[i]) {
            return PN_FAIL(w->ctx, PENCL_E_UNSUPPORTED,
                           "%s: tensor \"%s\" has no place in this architecture",
                           pn_model_file_path(w->file), pn_model_file_tensor(w->file, i)->name);
        }
    }
    return PENCL_OK;
}

/* ---- variables ---- */

void pn_weights_set_sizes(pn_weights *w, const pencl_transformer_metadata *m)
{
    w->sizes = (pn_spec){0};
    pn_spec_push(&w->sizes, PENCL_AXIS_VOCABULARY, m->vocab_size);
    pn_spec_push(&w->sizes, PENCL_AXIS_EMBEDDING, m->embedding_dim);
    pn_spec_push(&w->sizes, PENCL_AXIS_NEURONS, m->mlp_hidden_dim);
    pn_spec_push(&w->sizes, PENCL_AXIS_PROJECTION, m->projection_dim);
    for (int i = 0; i < m->n_common; i++) {
        pn_spec_push(&w->sizes, m->common_head_axes[i].name, m->common_head_axes[i].size);
    }
    for (int i = 0; i < m->n_query_only; i++) {
        pn_spec_push(&w->sizes, m->query_only_head_axes[i].name, m->query_only_head_axes[i].size);
    }
}

void pn_weights_enter_stack(pn_weights *w, int64_t n)
{
    pn_copy(w->scope, sizeof w->scope, "transformer/" PN_AXIS_BLOCKS "/");
    pn_spec_push(&w->sizes, PN_AXIS_BLOCKS, n);
    w->in_stack = true;
}

void pn_weights_enter(pn_weights *w, int64_t block)
{
    w->in_stack = false;
    if (block < 0) {
        pn_copy(w->scope, sizeof w->scope, "transformer/");
    } else {
        snprintf(w->scope, sizeof w->scope, "transformer/block_%" PRId64 "/", block);
    }
}

/* Adds the axes that the words name; returns how many. */
static int add_axes(pn_spec *spec, const pn_weights *w, const char *words)
{
    int n = 0;
    for (const char *p = words + strspn(words, " "); *p != '\0'; n++) {
        char name[PENCL_AXIS_NAME_MAX];
        const size_t length = strcspn(p, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, p);
        pn_spec_push(spec, name, pn_spec_size(&w->sizes, name));
        p += length;
        p += strspn(p, " ");
    }
    return n;
}

static void count(pn_weights *w, const pn_tensor *t, const pn_store *store)
{
    if (w->file != NULL) {
        pn_model_file_drop(w->file, t, 0, t->bytes);
    }
    w->bytes_done += t->bytes;
    w->device_bytes += pn_store_bytes(store);
    w->n_params += (uint64_t)pn_spec_count(&store->spec);
    w->dtype_bytes[t->dtype] += t->bytes;
    if (w->options->progress != NULL && w->bytes_total > 0) {
        w->options->progress(w->options->user, (double)w->bytes_done / (double)w->bytes_total);
    }
}

static pencl_status fill(pn_weights *w, pn_store *store, pn_grid *g)
{
    const bool plain = is_plain(g);
    const pn_row_source rows = {
        .rows = plain ? plain_rows : gathered_rows,
        .user = g,
        .scratch_bytes = plain ? 0 : row_bytes(g) * (size_t)store->layout->row_step,
    };
    PENCL_TRY(pn_store_fill(store, w->ctx, &rows));
    count(w, g->tensor, store);
    return PENCL_OK;
}

static pencl_status check_dtype(const pn_weights *w, const pn_tensor *t)
{
    if (t->dtype == PENCL_I32) {
        return PN_FAIL(w->ctx, PENCL_E_FORMAT, "%s: tensor \"%s\": a parameter must be floating",
                       pn_model_file_path(w->file), t->name);
    }
    return PENCL_OK;
}

pencl_status pn_weights_upload(pencl_variable **out,
                               pn_weights *w,
                               const char *label,
                               const pn_spec *axes,
                               int n_row_axes,
                               pn_grid *g)
{
    PENCL_TRY(check_dtype(w, g->tensor));
    pn_spec spec = *axes;
    spec.dtype = g->tensor->dtype;
    const bool is_vector = n_row_axes == (w->in_stack ? 1 : 0);
    const bool plain = is_vector || pn_device_caps(w->device)->is_ref;
    pn_store *store = NULL;
    PENCL_TRY(pn_store_new(&store, w->device, &spec, n_row_axes,
                           plain ? &pn_layout_plain : &pn_layout_rows16));
    pencl_status st = fill(w, store, g);
    if (st == PENCL_OK) {
        st = pn_variable_new(out, w->ctx, PENCL_PARAMETER, label, store);
    }
    pn_store_free(store);
    return st;
}

static pencl_status
load(pencl_variable **out, pn_weights *w, const char *label, const char *rows, const char *columns)
{
    pn_spec spec = {.dtype = PENCL_F32};
    pn_grid g = {0};
    add_axes(&spec, w, w->in_stack ? PN_AXIS_BLOCKS : "");
    add_axes(&spec, w, rows);
    const int n_row_axes = spec.n_axes;
    add_axes(&spec, w, columns);
    PENCL_TRY(w->place(&g, w, label, &spec, n_row_axes));
    return pn_weights_upload(out, w, label, &spec, n_row_axes, &g);
}

pencl_variable *
pn_weights_load(pn_weights *w, const char *name, const char *rows, const char *columns)
{
    pencl_variable *variable = NULL;
    pn_text label = {0};
    pn_text_add(&label, "%s%s", w->scope, name);
    pencl_status st =
        label.failed ? PN_NOMEM(w->ctx) : load(&variable, w, pn_text_get(&label), rows, columns);
    pn_text_free(&label);
    return st == PENCL_OK ? variable : NULL;
}
