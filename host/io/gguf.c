/* SPDX-License-Identifier: Apache-2.0 */
/* Reader of GGUF, versions 2 and 3, little-endian. The file is header, keys with values, tensor
 * records, padding, data. Nothing in it is trusted: each length is held against what is left of the
 * file before anything is read or allocated. */
#include "io/gguf.h"

#include <stdio.h>
#include <string.h>

enum {
    KEY_MAX = 65535,
    /* the least bytes of a record, to hold counts against the bytes that are left */
    LEAST_ENTRY = 8 + 1 + 4 + 1,          /* key length, key, type, value */
    LEAST_TENSOR = 8 + 1 + 4 + 8 + 4 + 8, /* name length, name, n_dims, a dim, type, offset */
    /* far above real models, and low enough that a hostile file costs little memory */
    ENTRIES_MAX = 1 << 16,
    TENSORS_MAX = 1 << 20,
};

/* ---- the cursor ---- */

pencl_status pn_gguf_bad(pn_gguf_cursor *c, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const pn_model_file *file = c->file;
    return PN_FAIL(file->ctx, PENCL_E_FORMAT, "%s: byte %zu: %s: %s", file->path, c->at, c->item,
                   text);
}

size_t pn_gguf_left(const pn_gguf_cursor *c)
{
    return c->file->size - c->at;
}

pencl_status
pn_gguf_take(pn_gguf_cursor *c, const char *field, size_t bytes, const unsigned char **out)
{
    if (bytes > pn_gguf_left(c)) {
        return pn_gguf_bad(c, "%s takes %zu bytes, %zu are left in the file", field, bytes,
                           pn_gguf_left(c));
    }
    *out = c->file->data + c->at;
    c->at += bytes;
    return PENCL_OK;
}

pencl_status pn_gguf_u32(pn_gguf_cursor *c, const char *field, uint32_t *out)
{
    const unsigned char *at = NULL;
    PENCL_TRY(pn_gguf_take(c, field, 4, &at));
    *out = pn_load_u32(at);
    return PENCL_OK;
}

pencl_status pn_gguf_u64(pn_gguf_cursor *c, const char *field, uint64_t *out)
{
    const unsigned char *at = NULL;
    PENCL_TRY(pn_gguf_take(c, field, 8, &at));
    *out = pn_load_u64(at);
    return PENCL_OK;
}

/* A length that the rest of the file has room for. */
static pencl_status take_length(pn_gguf_cursor *c, const char *field, size_t *out)
{
    uint64_t length = 0;
    PENCL_TRY(pn_gguf_u64(c, field, &length));
    if (length > pn_gguf_left(c)) {
        return pn_gguf_bad(c, "%s is %llu, %zu bytes are left in the file", field,
                           (unsigned long long)length, pn_gguf_left(c));
    }
    *out = (size_t)length;
    return PENCL_OK;
}

pencl_status pn_gguf_name(pn_gguf_cursor *c, const char *field, size_t most, const char **out)
{
    size_t length = 0;
    PENCL_TRY(take_length(c, field, &length));
    if (length == 0 || length > most) {
        return pn_gguf_bad(c, "%s is %zu, not 1 to %zu", field, length, most);
    }
    const unsigned char *at = NULL;
    PENCL_TRY(pn_gguf_take(c, field, length, &at));
    for (size_t i = 0; i < length; i++) {
        if (at[i] <= ' ' || at[i] > '~') {
            return pn_gguf_bad(c, "byte 0x%02x in a name", (unsigned)at[i]);
        }
    }
    char *copy = pn_arena_alloc(c->file->arena, length + 1, 1);
    if (copy == NULL) {
        return PN_NOMEM(c->file->ctx);
    }
    memcpy(copy, at, length);
    *out = copy;
    return PENCL_OK;
}

/* ---- keys and values ---- */

/* Walks over the strings of an array; each is u64 length, bytes. */
static pencl_status skip_strings(pn_gguf_cursor *c, size_t count)
{
    const unsigned char *bytes = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        PENCL_TRY(take_length(c, "a string's length", &length));
        PENCL_TRY(pn_gguf_take(c, "a string", length, &bytes));
    }
    return PENCL_OK;
}

static pencl_status read_array(pn_gguf_cursor *c, pn_meta_entry *entry)
{
    uint32_t type = 0;
    uint64_t count = 0;
    PENCL_TRY(pn_gguf_u32(c, "the elements' type", &type));
    if (type == PN_GGUF_ARRAY) {
        return pn_gguf_bad(c, "arrays of arrays are not supported");
    }
    entry->kind = pn_gguf_kind(type);
    if (entry->kind == PN_KIND_COUNT) {
        return pn_gguf_bad(c, "unknown type %u of elements", type);
    }
    PENCL_TRY(pn_gguf_u64(c, "the number of elements", &count));
    const bool strings = entry->kind == PN_KIND_STRING;
    const size_t least = strings ? 8 : pn_kind_bytes(entry->kind); /* bytes of an element */
    if (count > pn_gguf_left(c) / least) {
        return pn_gguf_bad(c, "%llu elements of at least %zu bytes, %zu are left in the file",
                           (unsigned long long)count, least, pn_gguf_left(c));
    }
    entry->is_array = true;
    entry->count = (size_t)count;
    entry->data = c->file->data + c->at;
    const size_t start = c->at;
    if (strings) {
        PENCL_TRY(skip_strings(c, entry->count));
    } else {
        c->at += entry->count * least; /* fits: held against the rest of the file above */
    }
    entry->size = c->at - start;
    return PENCL_OK;
}

static pencl_status read_entry(pn_gguf_cursor *c, pn_meta_entry *entry, size_t i)
{
    uint32_t type = 0;
    snprintf(c->item, sizeof c->item, "key %zu", i);
    PENCL_TRY(pn_gguf_name(c, "the key's length", KEY_MAX, &entry->key));
    snprintf(c->item, sizeof c->item, "key \"%.200s\"", entry->key);
    PENCL_TRY(pn_gguf_u32(c, "the type", &type));
    if (type == PN_GGUF_ARRAY) {
        return read_array(c, entry);
    }
    entry->kind = pn_gguf_kind(type);
    entry->count = 1;
    entry->size = pn_kind_bytes(entry->kind);
    if (entry->kind == PN_KIND_COUNT) {
        return pn_gguf_bad(c, "unknown type %u", type);
    }
    if (entry->kind == PN_KIND_STRING) {
        PENCL_TRY(take_length(c, "the string's length", &entry->size));
    }
    PENCL_TRY(pn_gguf_take(c, "the value", entry->size, &entry->data));
    if (entry->kind == PN_KIND_BOOL && entry->data[0] > 1) {
        return pn_gguf_bad(c, "a bool is %u, not 0 or 1", (unsigned)entry->data[0]);
    }
    return PENCL_OK;
}

/* ---- header ---- */

static pencl_status check_version(pn_gguf_cursor *c, uint32_t version)
{
    if (version == 2 || version == PN_GGUF_VERSION) {
        return PENCL_OK;
    }
    const pn_model_file *file = c->file;
    if (version != 0 && (version & 0xffff) == 0) {
        return PN_FAIL(file->ctx, PENCL_E_UNSUPPORTED,
                       "%s: byte 4: version: the file is big-endian; only little-endian GGUF is "
                       "supported",
                       file->path);
    }
    return PN_FAIL(file->ctx, PENCL_E_UNSUPPORTED,
                   "%s: byte 4: version: GGUF version %u; 2 and 3 are supported", file->path,
                   version);
}

static pencl_status check_count(pn_gguf_cursor *c, const char *what, uint64_t n, size_t limit)
{
    if (n > limit) {
        return pn_gguf_bad(c, "%llu %s; the rest of the file has room for %zu",
                           (unsigned long long)n, what, limit);
    }
    return PENCL_OK;
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

static pencl_status read(pn_model_file *file)
{
    pn_gguf_cursor c = {.file = file, .at = 4, .item = "header"};
    uint32_t version = 0;
    uint64_t n_tensors = 0;
    uint64_t n_entries = 0;
    PENCL_TRY(pn_gguf_u32(&c, "the version", &version));
    PENCL_TRY(check_version(&c, version));
    PENCL_TRY(pn_gguf_u64(&c, "the number of tensors", &n_tensors));
    PENCL_TRY(pn_gguf_u64(&c, "the number of keys", &n_entries));
    const size_t left = pn_gguf_left(&c);
    PENCL_TRY(check_count(&c, "tensors", n_tensors, least_of(left / LEAST_TENSOR, TENSORS_MAX)));
    PENCL_TRY(check_count(&c, "keys", n_entries, least_of(left / LEAST_ENTRY, ENTRIES_MAX)));
    file->entries = pn_arena_alloc(file->arena, (size_t)n_entries, sizeof *file->entries);
    if (file->entries == NULL) {
        return PN_NOMEM(file->ctx);
    }
    for (; file->n_entries < n_entries; file->n_entries++) {
        PENCL_TRY(read_entry(&c, &file->entries[file->n_entries], file->n_entries));
    }
    return pn_gguf_read_tensors(&c, (size_t)n_tensors);
}

static bool probe(const unsigned char *data, size_t size)
{
    return size >= 4 && memcmp(data, "GGUF", 4) == 0;
}

const pn_reader pn_reader_gguf = {
    .name = "gguf",
    .probe = probe,
    .read = read,
};
