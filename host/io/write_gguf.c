/* SPDX-License-Identifier: Apache-2.0 */
/* Writer of GGUF: keys and records are collected as bytes, tensor data as pointers. */
#include "io/write_gguf.h"
#include "io/gguf.h"

#include <string.h>

struct pn_gguf_writer {
    pn_text entries; /* encoded keys and values */
    pn_text records; /* encoded tensor records */
    pn_text spans;   /* an array of pn_span, two a tensor: its data and the padding behind it */
    size_t n_entries;
    size_t n_tensors;
    size_t data_size; /* bytes of data so far, padding included */
};

static const unsigned char zeros[PN_GGUF_ALIGNMENT];

pn_gguf_writer *pn_gguf_writer_new(void)
{
    return pn_calloc(1, sizeof(pn_gguf_writer));
}

void pn_gguf_writer_free(pn_gguf_writer *w)
{
    if (w != NULL) {
        pn_text_free(&w->entries);
        pn_text_free(&w->records);
        pn_text_free(&w->spans);
        pn_free(w);
    }
}

/* ---- encoding ---- */

/* The low `bytes` bytes of a number, little-endian. */
static void put(pn_text *to, uint64_t value, size_t bytes)
{
    unsigned char out[8];
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (unsigned char)(value >> (8 * i));
    }
    pn_text_add_bytes(to, out, bytes);
}

static void put_string(pn_text *to, pn_string s)
{
    put(to, s.size, 8);
    pn_text_add_bytes(to, s.data, s.size);
}

static pn_string string_of(const char *text)
{
    return (pn_string){text, strlen(text)};
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The key and its type; the caller adds the value. */
static pn_text *start_entry(pn_gguf_writer *w, const char *key, pn_kind kind)
{
    w->n_entries++;
    put_string(&w->entries, string_of(key));
    put(&w->entries, pn_gguf_type_of(kind), 4);
    return &w->entries;
}

static pn_text *start_array(pn_gguf_writer *w, const char *key, pn_kind kind, size_t n)
{
    w->n_entries++;
    put_string(&w->entries, string_of(key));
    put(&w->entries, PN_GGUF_ARRAY, 4);
    put(&w->entries, pn_gguf_type_of(kind), 4);
    put(&w->entries, n, 8);
    return &w->entries;
}

/* ---- keys ---- */

void pn_gguf_add_u32(pn_gguf_writer *w, const char *key, uint32_t value)
{
    if (w != NULL) {
        put(start_entry(w, key, PN_KIND_U32), value, 4);
    }
}

void pn_gguf_add_f32(pn_gguf_writer *w, const char *key, float value)
{
    if (w != NULL) {
        put(start_entry(w, key, PN_KIND_F32), bits_of(value), 4);
    }
}

void pn_gguf_add_bool(pn_gguf_writer *w, const char *key, bool value)
{
    if (w != NULL) {
        put(start_entry(w, key, PN_KIND_BOOL), value, 1);
    }
}

void pn_gguf_add_text(pn_gguf_writer *w, const char *key, const char *text)
{
    pn_gguf_add_string(w, key, string_of(text));
}

void pn_gguf_add_string(pn_gguf_writer *w, const char *key, pn_string value)
{
    if (w != NULL) {
        put_string(start_entry(w, key, PN_KIND_STRING), value);
    }
}

void pn_gguf_add_strings(pn_gguf_writer *w, const char *key, const pn_string *values, size_t n)
{
    if (w == NULL) {
        return;
    }
    pn_text *to = start_array(w, key, PN_KIND_STRING, n);
    for (size_t i = 0; i < n; i++) {
        put_string(to, values[i]);
    }
}

void pn_gguf_add_i32s(pn_gguf_writer *w, const char *key, const int32_t *values, size_t n)
{
    if (w == NULL) {
        return;
    }
    pn_text *to = start_array(w, key, PN_KIND_I32, n);
    for (size_t i = 0; i < n; i++) {
        put(to, (uint32_t)values[i], 4);
    }
}

void pn_gguf_add_f32s(pn_gguf_writer *w, const char *key, const float *values, size_t n)
{
    if (w == NULL) {
        return;
    }
    pn_text *to = start_array(w, key, PN_KIND_F32, n);
    for (size_t i = 0; i < n; i++) {
        put(to, bits_of(values[i]), 4);
    }
}

void pn_gguf_add_copy(pn_gguf_writer *w, const pn_model_file *from, size_t i)
{
    if (w == NULL || i >= from->n_entries) {
        return;
    }
    const pn_meta_entry *entry = &from->entries[i];
    pn_text *to;
    if (entry->is_array) {
        to = start_array(w, entry->key, entry->kind, entry->count);
    } else {
        to = start_entry(w, entry->key, entry->kind);
        if (entry->kind == PN_KIND_STRING) {
            put(to, entry->size, 8);
        }
    }
    pn_text_add_bytes(to, entry->data, entry->size);
}

/* ---- tensors ---- */

void pn_gguf_add_tensor(pn_gguf_writer *w, const pn_tensor *tensor)
{
    if (w == NULL) {
        return;
    }
    put_string(&w->records, string_of(tensor->name));
    put(&w->records, (uint64_t)tensor->n_dims, 4);
    for (int i = tensor->n_dims - 1; i >= 0; i--) { /* innermost first */
        put(&w->records, (uint64_t)tensor->dims[i], 8);
    }
    const pn_ggml_type *type = pn_ggml_type_of(tensor->dtype);
    size_t end = 0;
    if (type == NULL || !pn_pad(tensor->bytes, PN_GGUF_ALIGNMENT, &end)) {
        w->records.failed = true;
        return;
    }
    put(&w->records, type->number, 4);
    put(&w->records, w->data_size, 8);
    const pn_span spans[2] = {{tensor->data, tensor->bytes}, {zeros, end - tensor->bytes}};
    pn_text_add_bytes(&w->spans, spans, sizeof spans);
    w->data_size += end;
    w->n_tensors++;
}

/* ---- the file ---- */

/* Everything in front of the data. */
static pencl_status print_head(const pn_gguf_writer *w, pencl_ctx *ctx, pn_text *out)
{
    if (w == NULL) {
        return PN_NOMEM(ctx);
    }
    const size_t start = out->size;
    pn_text_add(out, "GGUF");
    put(out, PN_GGUF_VERSION, 4);
    put(out, w->n_tensors, 8);
    put(out, w->n_entries, 8);
    pn_text_add_bytes(out, pn_text_get(&w->entries), w->entries.size);
    pn_text_add_bytes(out, pn_text_get(&w->records), w->records.size);
    size_t end = 0;
    const size_t size = out->size - start;
    if (w->entries.failed || w->records.failed || w->spans.failed || out->failed ||
        !pn_pad(size, PN_GGUF_ALIGNMENT, &end)) {
        return PN_NOMEM(ctx);
    }
    pn_text_add_bytes(out, zeros, end - size);
    return out->failed ? PN_NOMEM(ctx) : PENCL_OK;
}

pencl_status pn_gguf_write(const pn_gguf_writer *w, pencl_ctx *ctx, const char *path)
{
    pn_text head = {0};
    pn_text spans = {0};
    pencl_status st = print_head(w, ctx, &head);
    if (st == PENCL_OK) {
        const pn_span first = {head.data, head.size};
        pn_text_add_bytes(&spans, &first, sizeof first);
        pn_text_add_bytes(&spans, pn_text_get(&w->spans), w->spans.size);
        st = spans.failed
                 ? PN_NOMEM(ctx)
                 : pn_file_write_spans(ctx, path, (const pn_span *)(const void *)spans.data,
                                       1 + 2 * w->n_tensors);
    }
    pn_text_free(&head);
    pn_text_free(&spans);
    return st;
}

pencl_status pn_gguf_print(const pn_gguf_writer *w, pencl_ctx *ctx, pn_text *out)
{
    PENCL_TRY(print_head(w, ctx, out));
    const pn_span *spans = (const pn_span *)(const void *)w->spans.data;
    for (size_t i = 0; i < 2 * w->n_tensors; i++) {
        pn_text_add_bytes(out, spans[i].data, spans[i].size);
    }
    return out->failed ? PN_NOMEM(ctx) : PENCL_OK;
}
