/* SPDX-License-Identifier: Apache-2.0 */
/* The tensor records of a GGUF file, and where their data lies: inside the file, aligned, and apart
 * from each other. */
#include "io/gguf.h"

#include <stdio.h>
#include <string.h>

enum { ALIGN_LEAST = 8, ALIGN_MOST = 1 << 20 };

/* E_FORMAT about data, which needs no place in the records. */
#define BAD_DATA(file, t, fmt, ...)                                                                \
    PN_FAIL((file)->ctx, PENCL_E_FORMAT, "%s: tensor \"%s\": " fmt, (file)->path, (t)->name,       \
            __VA_ARGS__)

/* ---- records ---- */

static pencl_status unsupported_type(pn_gguf_cursor *c, const pn_tensor *t, uint32_t number)
{
    const pn_ggml_type *type = pn_ggml_type_by_number(number);
    pn_text names = {0};
    for (int d = 0; d < PENCL_DTYPE_COUNT; d++) {
        const pn_ggml_type *known = pn_ggml_type_of((pencl_dtype)d);
        if (known != NULL) {
            pn_text_add(&names, "%s%s", names.size > 0 ? ", " : "", known->name);
        }
    }
    const pencl_status st =
        PN_FAIL(c->file->ctx, PENCL_E_UNSUPPORTED,
                "%s: tensor \"%s\": type %u (%s) is not supported; these are: %s", c->file->path,
                t->name, number, type != NULL ? type->name : "unknown", pn_text_get(&names));
    pn_text_free(&names);
    return st;
}

/* Sizes come innermost first; the file's `data` offset stays in t->offset until place(). */
static pencl_status read_dims(pn_gguf_cursor *c, pn_tensor *t)
{
    uint32_t n_dims = 0;
    PENCL_TRY(pn_gguf_u32(c, "the number of dimensions", &n_dims));
    if (n_dims < 1 || n_dims > PN_GGUF_DIMS) {
        return pn_gguf_bad(c, "%u dimensions, not 1 to %d", n_dims, PN_GGUF_DIMS);
    }
    t->n_dims = (int)n_dims;
    for (int i = t->n_dims - 1; i >= 0; i--) {
        uint64_t size = 0;
        PENCL_TRY(pn_gguf_u64(c, "a dimension", &size));
        if (size == 0 || size > INT64_MAX) {
            return pn_gguf_bad(c, "dimension %d has size %llu", t->n_dims - 1 - i,
                               (unsigned long long)size);
        }
        t->dims[i] = (int64_t)size;
    }
    return PENCL_OK;
}

/* Bytes of the whole tensor: rows of whole blocks. */
static pencl_status measure(pn_gguf_cursor *c, pn_tensor *t, const pn_ggml_type *type)
{
    const uint64_t row = (uint64_t)t->dims[t->n_dims - 1];
    if (row % type->block != 0) {
        return pn_gguf_bad(c, "rows of %llu elements are no whole blocks of %zu (%s)",
                           (unsigned long long)row, type->block, type->name);
    }
    size_t elements = 1;
    bool fits = true;
    for (int i = 0; i < t->n_dims; i++) {
        fits = fits && (uint64_t)t->dims[i] <= SIZE_MAX &&
               pn_mul(elements, (size_t)t->dims[i], &elements);
    }
    if (!fits || elements > INT64_MAX || !pn_mul(elements / type->block, type->bytes, &t->bytes)) {
        return pn_gguf_bad(c, "the product of the dimensions is too large");
    }
    return PENCL_OK;
}

static pencl_status read_record(pn_gguf_cursor *c, pn_tensor *t, size_t i)
{
    uint32_t number = 0;
    uint64_t offset = 0;
    snprintf(c->item, sizeof c->item, "tensor %zu", i);
    PENCL_TRY(pn_gguf_name(c, "the name's length", PN_GGUF_NAME_MAX, &t->name));
    snprintf(c->item, sizeof c->item, "tensor \"%s\"", t->name);
    PENCL_TRY(read_dims(c, t));
    PENCL_TRY(pn_gguf_u32(c, "the type", &number));
    PENCL_TRY(pn_gguf_u64(c, "the offset", &offset));
    const pn_ggml_type *type = pn_ggml_type_by_number(number);
    if (type == NULL || type->dtype == PENCL_DTYPE_COUNT) {
        return unsupported_type(c, t, number);
    }
    t->dtype = type->dtype;
    PENCL_TRY(measure(c, t, type));
    if (offset > c->file->size) {
        return pn_gguf_bad(c, "its data is %llu bytes behind the header, the file has %zu",
                           (unsigned long long)offset, c->file->size);
    }
    t->offset = (size_t)offset;
    return PENCL_OK;
}

/* ---- data ---- */

static pencl_status read_alignment(const pn_model_file *file, size_t *out)
{
    *out = PN_GGUF_ALIGNMENT;
    for (size_t i = 0; i < file->n_entries; i++) {
        const pn_meta_entry *entry = &file->entries[i];
        if (strcmp(entry->key, "general.alignment") != 0) {
            continue;
        }
        if (entry->is_array || entry->kind != PN_KIND_U32) {
            return PN_FAIL(file->ctx, PENCL_E_FORMAT,
                           "%s: key \"general.alignment\": is not one u32", file->path);
        }
        *out = pn_load_u32(entry->data);
        if (*out < ALIGN_LEAST || *out > ALIGN_MOST || (*out & (*out - 1)) != 0) {
            return PN_FAIL(
                file->ctx, PENCL_E_FORMAT,
                "%s: key \"general.alignment\": is %zu, not a power of two from %d to %d",
                file->path, *out, ALIGN_LEAST, ALIGN_MOST);
        }
    }
    return PENCL_OK;
}

/* Turns the offset from the start of the data into a place in the file. */
static pencl_status place(const pn_model_file *file, pn_tensor *t, size_t start, size_t alignment)
{
    if (t->offset % alignment != 0) {
        return BAD_DATA(file, t, "offset %zu is no multiple of %zu", t->offset, alignment);
    }
    size_t end = 0;
    if (!pn_add(start, t->offset, &t->offset) || !pn_add(t->offset, t->bytes, &end)) {
        return BAD_DATA(file, t, "%zu bytes of data exceed the address space", t->bytes);
    }
    if (end > file->size) {
        return BAD_DATA(file, t, "ends at byte %zu, the file has %zu", end, file->size);
    }
    t->data = file->data + t->offset;
    return PENCL_OK;
}

pencl_status pn_gguf_read_tensors(pn_gguf_cursor *c, size_t n)
{
    pn_model_file *file = c->file;
    size_t alignment = 0;
    size_t start = 0;
    PENCL_TRY(read_alignment(file, &alignment));
    file->tensors = pn_arena_alloc(file->arena, n, sizeof *file->tensors);
    if (file->tensors == NULL) {
        return PN_NOMEM(file->ctx);
    }
    for (; file->n_tensors < n; file->n_tensors++) {
        PENCL_TRY(read_record(c, &file->tensors[file->n_tensors], file->n_tensors));
    }
    if (!pn_pad(c->at, alignment, &start)) {
        return pn_gguf_bad(c, "the data begins behind the address space");
    }
    for (size_t i = 0; i < n; i++) {
        PENCL_TRY(place(file, &file->tensors[i], start, alignment));
    }
    pn_tensor **sorted = NULL;
    return pn_tensors_apart(&sorted, file);
}
