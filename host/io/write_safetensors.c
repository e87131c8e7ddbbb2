/* SPDX-License-Identifier: Apache-2.0 */
/* Writer of safetensors: records are collected, then sorted, then written with their data. */
#include "io/write_safetensors.h"

#include "base/os.h"
#include "io/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 8 }; /* of the data: the header is filled up with spaces */

struct pn_safetensors_writer {
    json_t *metadata;
    pn_tensor *tensors; /* names are ours */
    size_t n;
    size_t room;
    bool failed; /* memory ran out */
};

pn_safetensors_writer *pn_safetensors_writer_new(void)
{
    pn_safetensors_writer *w = pn_calloc(1, sizeof *w);
    if (w != NULL) {
        w->metadata = json_object();
        w->failed = w->metadata == NULL;
    }
    return w;
}

void pn_safetensors_writer_free(pn_safetensors_writer *w)
{
    if (w == NULL) {
        return;
    }
    for (size_t i = 0; i < w->n; i++) {
        pn_free((char *)w->tensors[i].name);
    }
    pn_free(w->tensors);
    json_decref(w->metadata);
    pn_free(w);
}

/* ---- adding ---- */

void pn_safetensors_add_text(pn_safetensors_writer *w, const char *key, const char *text)
{
    if (w != NULL && json_object_set_new(w->metadata, key, json_string(text)) != 0) {
        w->failed = true;
    }
}

void pn_safetensors_add_tensor(pn_safetensors_writer *w, const pn_tensor *tensor)
{
    if (w == NULL || w->failed) {
        return;
    }
    if (w->n == w->room) {
        const size_t room = w->room > 0 ? 2 * w->room : 64;
        pn_tensor *more = pn_realloc(w->tensors, room, sizeof *more);
        w->failed = more == NULL;
        if (w->failed) {
            return;
        }
        w->tensors = more;
        w->room = room;
    }
    pn_tensor *added = &w->tensors[w->n];
    *added = *tensor;
    added->name = pn_strdup(tensor->name);
    w->failed = added->name == NULL;
    w->n += !w->failed;
}

/* ---- the header ---- */

static int by_type_and_name(const void *a, const void *b)
{
    const pn_tensor *x = *(const pn_tensor *const *)a;
    const pn_tensor *y = *(const pn_tensor *const *)b;
    const pn_safetensors_type *x_type = pn_safetensors_type_of(x->dtype);
    const pn_safetensors_type *y_type = pn_safetensors_type_of(y->dtype);
    return x_type != y_type ? (x_type > y_type) - (x_type < y_type) : strcmp(x->name, y->name);
}

/* The tensors as they lie in the file; freed with pn_free. */
static pencl_status sort(const pn_tensor ***out, const pn_safetensors_writer *w, pencl_ctx *ctx)
{
    *out = NULL;
    if (w == NULL || w->failed) {
        return PN_NOMEM(ctx);
    }
    for (size_t i = 0; i < w->n; i++) {
        if (pn_safetensors_type_of(w->tensors[i].dtype) == NULL) {
            return PN_FAIL(ctx, PENCL_E_DTYPE, "tensor \"%s\": safetensors has no type %s",
                           w->tensors[i].name, pencl_dtype_name(w->tensors[i].dtype));
        }
    }
    const pn_tensor **sorted = pn_calloc(w->n + 1, sizeof(const pn_tensor *));
    if (sorted == NULL) {
        return PN_NOMEM(ctx);
    }
    for (size_t i = 0; i < w->n; i++) {
        sorted[i] = &w->tensors[i];
    }
    qsort(sorted, w->n, sizeof(const pn_tensor *), by_type_and_name);
    *out = sorted;
    return PENCL_OK;
}

static json_t *record(const pn_tensor *t, size_t offset)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->n_dims; i++) {
        if (json_array_append_new(shape, json_integer(t->dims[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", pn_safetensors_type_of(t->dtype)->name,
                     "shape", shape, "data_offsets", (json_int_t)offset,
                     (json_int_t)(offset + t->bytes));
}

/* NULL when memory is out. */
static json_t *header_of(const pn_safetensors_writer *w, const pn_tensor *const *sorted)
{
    json_t *header = json_object();
    size_t offset = 0;
    bool done = json_object_size(w->metadata) == 0 ||
                json_object_set(header, PN_SAFETENSORS_METADATA, w->metadata) == 0;
    for (size_t i = 0; i < w->n && done; i++) {
        done = json_object_set_new(header, sorted[i]->name, record(sorted[i], offset)) == 0;
        offset += sorted[i]->bytes;
    }
    if (!done) {
        json_decref(header);
        return NULL;
    }
    return header;
}

static int add_piece(const char *piece, size_t size, void *text)
{
    pn_text_add_bytes(text, piece, size);
    return ((const pn_text *)text)->failed ? -1 : 0;
}

/* Everything in front of the data. */
static pencl_status print_head(const pn_safetensors_writer *w,
                               pencl_ctx *ctx,
                               const pn_tensor *const *sorted,
                               pn_text *out)
{
    pn_text text = {0};
    json_t *header = header_of(w, sorted);
    bool done = header != NULL && json_dump_callback(header, add_piece, &text, JSON_COMPACT) == 0;
    json_decref(header);
    while (done && !text.failed && (PN_SAFETENSORS_START + text.size) % ALIGNMENT != 0) {
        pn_text_add(&text, " ");
    }
    for (int i = 0; i < PN_SAFETENSORS_START; i++) {
        const unsigned char byte = (unsigned char)((uint64_t)text.size >> (8 * i));
        pn_text_add_bytes(out, &byte, 1);
    }
    pn_text_add_bytes(out, pn_text_get(&text), text.size);
    done = done && !text.failed && !out->failed;
    pn_text_free(&text);
    return done ? PENCL_OK : PN_NOMEM(ctx);
}

/* ---- the file ---- */

/* Where the bytes go: one of the two. */
typedef struct sink {
    pn_output *file;
    pn_text *text;
} sink;

static pencl_status put(const sink *to, pencl_ctx *ctx, const void *bytes, size_t size)
{
    if (to->file != NULL) {
        return pn_output_write(to->file, bytes, size);
    }
    pn_text_add_bytes(to->text, bytes, size);
    return to->text->failed ? PN_NOMEM(ctx) : PENCL_OK;
}

static pencl_status
put_tensor(const sink *to, pencl_ctx *ctx, const pn_tensor *t, const pn_tensor_source *source)
{
    if (t->data != NULL || source == NULL) {
        return put(to, ctx, t->data, t->bytes);
    }
    void *data = pn_alloc(t->bytes);
    pencl_status st = data != NULL ? source->data(source->user, t, data) : PN_NOMEM(ctx);
    if (st == PENCL_OK) {
        st = put(to, ctx, data, t->bytes);
    }
    pn_free(data);
    return st;
}

static pencl_status put_all(const pn_safetensors_writer *w,
                            pencl_ctx *ctx,
                            const sink *to,
                            const pn_tensor_source *source)
{
    const pn_tensor **sorted = NULL;
    pn_text head = {0};
    pencl_status st = sort(&sorted, w, ctx);
    if (st == PENCL_OK) {
        st = print_head(w, ctx, sorted, &head);
    }
    if (st == PENCL_OK) {
        st = put(to, ctx, head.data, head.size);
    }
    for (size_t i = 0; st == PENCL_OK && i < w->n; i++) {
        st = put_tensor(to, ctx, sorted[i], source);
    }
    pn_text_free(&head);
    pn_free(sorted);
    return st;
}

pencl_status pn_safetensors_write(const pn_safetensors_writer *w,
                                  pencl_ctx *ctx,
                                  const char *path,
                                  const pn_tensor_source *source)
{
    sink to = {0};
    PENCL_TRY(pn_output_open(&to.file, ctx, path));
    const pencl_status st = put_all(w, ctx, &to, source);
    const pencl_status closed = pn_output_close(to.file, st == PENCL_OK);
    return st != PENCL_OK ? st : closed;
}

pencl_status pn_safetensors_print(const pn_safetensors_writer *w, pencl_ctx *ctx, pn_text *out)
{
    return put_all(w, ctx, &(sink){.text = out}, NULL);
}
