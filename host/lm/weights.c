/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of a model file as variables: checked against the shape that the family expects, repacked
 * straight into device memory, their pages given back to the system. */
#include "lm/lm.h"

#include <inttypes.h>
#include <string.h>

/* What the threads that repack one tensor share. */
typedef struct source {
    pn_weights *w;
    const pn_tensor *tensor;
    size_t row_bytes;
    const pn_weight *weight;
} source;

/* Where logical row `row` lies in the file: rotary pairs (i, i + head / 2) are stored side by side.
 */
static int64_t file_row(const pn_weight *weight, int64_t row)
{
    if (weight->order == PN_ROWS_AS_STORED) {
        return row;
    }
    int64_t half = weight->head / 2;
    int64_t in_head = row % weight->head;
    int64_t first = row - in_head;
    return first + (in_head < half ? 2 * in_head : 2 * (in_head - half) + 1);
}

static const void *read_rows(void *user, int64_t first, int64_t n, void *scratch)
{
    const source *s = user;
    if (s->weight->order == PN_ROWS_AS_STORED) {
        return s->tensor->data + (size_t)first * s->row_bytes;
    }
    for (int64_t i = 0; i < n; i++) {
        memcpy((unsigned char *)scratch + (size_t)i * s->row_bytes,
               s->tensor->data + (size_t)file_row(s->weight, first + i) * s->row_bytes,
               s->row_bytes);
    }
    return scratch;
}

bool pn_weights_have(const pn_weights *w, const char *tensor)
{
    return pn_model_file_find(w->file, tensor) != NULL;
}

static pencl_status refuse_shape(pn_weights *w, const pn_tensor *t, const pn_spec *want)
{
    pn_text text = {0};
    pn_spec_print(&text, want);
    pn_text_add(&text, ", but the file has [");
    for (int i = 0; i < t->n_dims; i++) {
        pn_text_add(&text, "%s%" PRId64, i > 0 ? ", " : "", t->dims[i]);
    }
    pencl_status st =
        PN_FAIL(w->ctx, PENCL_E_FORMAT, "%s: tensor \"%s\": the metadata asks for %s]",
                pn_model_file_path(w->file), t->name, pn_text_get(&text));
    pn_text_free(&text);
    return st;
}

/* The file has rows and columns merged: [rows, cols], or [cols] for a vector. */
static pencl_status check_shape(pn_weights *w, const pn_tensor *t, const pn_spec *want, int n_rows)
{
    int64_t rows = 1;
    int64_t cols = 1;
    for (int i = 0; i < want->n_axes; i++) {
        *(i < n_rows ? &rows : &cols) *= want->axes[i].size;
    }
    int64_t file_rows = 1;
    for (int i = 0; i + 1 < t->n_dims; i++) {
        file_rows *= t->dims[i];
    }
    bool same = file_rows == rows && t->dims[t->n_dims - 1] == cols;
    return same ? PENCL_OK : refuse_shape(w, t, want);
}

static pencl_status
fill(pn_weights *w, pn_store *store, const pn_tensor *t, const pn_weight *weight)
{
    source s = {.w = w, .tensor = t, .weight = weight};
    s.row_bytes = t->bytes / (size_t)store->matrix.rows;
    size_t scratch =
        weight->order == PN_ROWS_AS_STORED ? 0 : s.row_bytes * (size_t)store->layout->row_step;
    pn_row_source rows = {.rows = read_rows, .user = &s, .scratch_bytes = scratch};
    PENCL_TRY(pn_store_fill(store, w->ctx, &rows));
    pn_model_file_drop(w->file, t, 0, t->bytes);
    w->bytes_done += t->bytes;
    w->device_bytes += pn_store_bytes(store);
    w->n_params += (uint64_t)pn_spec_count(&store->spec);
    w->dtype_bytes[t->dtype] += t->bytes;
    if (w->options->progress != NULL && w->bytes_total > 0) {
        w->options->progress(w->options->user, (double)w->bytes_done / (double)w->bytes_total);
    }
    return PENCL_OK;
}

static pencl_status load(pencl_variable **out, pn_weights *w, const pn_weight *weight)
{
    const pn_tensor *t = pn_model_file_find(w->file, weight->tensor);
    if (t == NULL) {
        return PN_FAIL(w->ctx, PENCL_E_FORMAT, "%s: tensor \"%s\" is missing",
                       pn_model_file_path(w->file), weight->tensor);
    }
    w->used[t - pn_model_file_tensor(w->file, 0)] = true;
    pn_spec spec;
    PENCL_TRY(pn_spec_parse(&spec, w->ctx, weight->axes));
    spec.dtype = t->dtype;
    PENCL_TRY(check_shape(w, t, &spec, weight->n_row_axes));
    bool plain = weight->n_row_axes == 0 || pn_device_caps(w->device)->is_ref;
    pn_store *store = NULL;
    PENCL_TRY(pn_store_new(&store, w->device, &spec, weight->n_row_axes,
                           plain ? &pn_layout_plain : &pn_layout_rows16));
    pencl_status st = fill(w, store, t, weight);
    if (st == PENCL_OK) {
        st = pn_variable_new(out, w->ctx, PENCL_PARAMETER, weight->label, store);
    }
    pn_store_free(store);
    return st;
}

pencl_variable *pn_weights_load(pn_weights *w, const pn_weight *weight)
{
    pencl_variable *variable = NULL;
    return load(&variable, w, weight) == PENCL_OK ? variable : NULL;
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
