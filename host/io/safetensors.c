/* SPDX-License-Identifier: Apache-2.0 */
/* Reader of safetensors: the length of a header, the header as JSON, data. The header is one
 * object:
 *
 *     {"__metadata__": {"key": "text"},
 *      "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
 *
 * Nothing in it is trusted: its values are counted before it is parsed, and every offset is held
 * against the file. */
#include "io/safetensors.h"

#include "io/json.h"

#include <stdio.h>
#include <string.h>

enum {
    HEADER_MAX = 100000000, /* bytes, as the format's own library has it */
    NAME_MAX_BYTES = 255,
    HOLE_MAX = 63, /* bytes between tensors that pass for alignment */
};

/* E_FORMAT about one tensor. */
#define BAD(file, t, ...) bad_tensor(file, PENCL_E_FORMAT, t, __VA_ARGS__)

PN_PRINTF(4, 5)
static pencl_status
bad_tensor(const pn_model_file *file, pencl_status status, const pn_tensor *t, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return PN_FAIL(file->ctx, status, "%s: tensor \"%s\": %s", file->path, t->name, text);
}

/* ---- element types ---- */

/* In the order in which the format's own library writes tensors: wide ones first. */
static const pn_safetensors_type types[] = {
    {"F32", PENCL_F32, 4},
    {"I32", PENCL_I32, 4},
    {"BF16", PENCL_BF16, 2},
    {"F16", PENCL_F16, 2},
};

const pn_safetensors_type *pn_safetensors_type_of(pencl_dtype dtype)
{
    for (size_t i = 0; i < PN_COUNT(types); i++) {
        if (types[i].dtype == dtype) {
            return &types[i];
        }
    }
    return NULL;
}

/* ---- the header as JSON ---- */

/* Fit for messages: not empty, not long, no control characters. The parser saw to UTF-8. */
static bool is_name(const char *text)
{
    size_t n = 0;
    for (; text[n] != '\0'; n++) {
        const unsigned char c = (unsigned char)text[n];
        if (c < 0x20 || c == 0x7f || n == NAME_MAX_BYTES) {
            return false;
        }
    }
    return n > 0;
}

static pencl_status parse_header(json_t **out, const pn_model_file *file, size_t *length)
{
    const size_t left = file->size - PN_SAFETENSORS_START;
    const uint64_t bytes = pn_load_u64(file->data);
    if (bytes > left || bytes > HEADER_MAX) {
        return PN_FAIL(file->ctx, PENCL_E_FORMAT,
                       "%s: byte 0: header: has %llu bytes, %zu are left in the file, at most %d "
                       "are read",
                       file->path, (unsigned long long)bytes, left, HEADER_MAX);
    }
    *length = (size_t)bytes;
    const pn_string text = {(const char *)file->data + PN_SAFETENSORS_START, *length};
    return pn_json_parse(out, file, "header", text, PN_SAFETENSORS_START);
}

/* ---- metadata: texts by name ---- */

static const unsigned char *copy_bytes(pn_model_file *file, const char *text, size_t size)
{
    unsigned char *copy = pn_arena_alloc(file->arena, size + 1, 1); /* size < the file's */
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

static pencl_status read_entry(pn_model_file *file, const char *key, const json_t *value)
{
    if (!is_name(key)) {
        return PN_FAIL(file->ctx, PENCL_E_FORMAT,
                       "%s: header: " PN_SAFETENSORS_METADATA ": a key is no name of 1 to %d bytes",
                       file->path, NAME_MAX_BYTES);
    }
    if (!json_is_string(value)) {
        return PN_FAIL(file->ctx, PENCL_E_FORMAT, "%s: key \"%s\": is not a string", file->path,
                       key);
    }
    pn_meta_entry *entry = &file->entries[file->n_entries];
    *entry = (pn_meta_entry){.kind = PN_KIND_STRING, .count = 1};
    entry->key = (const char *)copy_bytes(file, key, strlen(key));
    entry->size = json_string_length(value);
    entry->data = copy_bytes(file, json_string_value(value), entry->size);
    if (entry->key == NULL || entry->data == NULL) {
        return PN_NOMEM(file->ctx);
    }
    file->n_entries++;
    return PENCL_OK;
}

static pencl_status read_metadata(pn_model_file *file, json_t *metadata)
{
    if (metadata == NULL) {
        return PENCL_OK;
    }
    if (!json_is_object(metadata)) {
        return PN_FAIL(file->ctx, PENCL_E_FORMAT,
                       "%s: header: " PN_SAFETENSORS_METADATA ": is not an object", file->path);
    }
    file->entries = pn_arena_alloc(file->arena, json_object_size(metadata), sizeof *file->entries);
    if (file->entries == NULL) {
        return PN_NOMEM(file->ctx);
    }
    for (void *at = json_object_iter(metadata); at != NULL;
         at = json_object_iter_next(metadata, at)) {
        PENCL_TRY(read_entry(file, json_object_iter_key(at), json_object_iter_value(at)));
    }
    return PENCL_OK;
}

/* ---- tensors ---- */

static pencl_status read_dtype(const pn_model_file *file, pn_tensor *t, const json_t *value)
{
    const char *name = json_string_value(value);
    if (name == NULL || !is_name(name)) {
        return BAD(file, t, "dtype: is not the name of a type");
    }
    pn_text known = {0};
    for (size_t i = 0; i < PN_COUNT(types); i++) {
        if (strcmp(types[i].name, name) == 0) {
            pn_text_free(&known);
            t->dtype = types[i].dtype;
            return PENCL_OK;
        }
        pn_text_add(&known, "%s%s", i > 0 ? ", " : "", types[i].name);
    }
    const pencl_status st =
        bad_tensor(file, PENCL_E_UNSUPPORTED, t, "type %.40s is not supported; these are: %s", name,
                   pn_text_get(&known));
    pn_text_free(&known);
    return st;
}

/* The dimensions and the bytes that they need. */
static pencl_status read_shape(const pn_model_file *file, pn_tensor *t, const json_t *shape)
{
    const size_t n = json_array_size(shape); /* 0 for what is no array */
    if (!json_is_array(shape)) {
        return BAD(file, t, "shape: is not an array");
    }
    if (n < 1 || n > PN_TENSOR_DIMS) {
        return bad_tensor(file, PENCL_E_UNSUPPORTED, t, "shape: %zu dimensions, not 1 to %d", n,
                          PN_TENSOR_DIMS);
    }
    t->n_dims = (int)n;
    t->bytes = pn_safetensors_type_of(t->dtype)->width;
    for (size_t i = 0; i < n; i++) {
        const json_t *size = json_array_get(shape, i);
        if (!json_is_integer(size) || json_integer_value(size) < 0) {
            return BAD(file, t, "shape: dimension %zu is not a size", i);
        }
        if (json_integer_value(size) == 0) {
            return bad_tensor(file, PENCL_E_UNSUPPORTED, t, "shape: dimension %zu has size 0", i);
        }
        t->dims[i] = (int64_t)json_integer_value(size);
        if ((uint64_t)t->dims[i] > SIZE_MAX || !pn_mul(t->bytes, (size_t)t->dims[i], &t->bytes) ||
            t->bytes > INT64_MAX) {
            return BAD(file, t, "shape: the product of the dimensions is too large");
        }
    }
    return PENCL_OK;
}

static pencl_status
read_offsets(const pn_model_file *file, pn_tensor *t, const json_t *offsets, size_t start)
{
    const json_t *first = json_array_get(offsets, 0);
    const json_t *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last) ||
        json_integer_value(first) < 0 || json_integer_value(last) < json_integer_value(first)) {
        return BAD(file, t, "data_offsets: are not a begin and an end");
    }
    const uint64_t begin = (uint64_t)json_integer_value(first);
    const uint64_t end = (uint64_t)json_integer_value(last);
    if (end - begin != t->bytes) {
        return BAD(file, t, "data_offsets: hold %llu bytes, the shape needs %zu",
                   (unsigned long long)(end - begin), t->bytes);
    }
    if (end > file->size - start) {
        return BAD(file, t, "data_offsets: end at byte %llu of %zu bytes of data",
                   (unsigned long long)end, file->size - start);
    }
    t->offset = start + (size_t)begin;
    t->data = file->data + t->offset;
    return PENCL_OK;
}

static pencl_status
read_tensor(pn_model_file *file, const char *name, const json_t *record, size_t start)
{
    static const char *const members[] = {"dtype", "shape", "data_offsets"};
    if (!is_name(name)) {
        return PN_FAIL(file->ctx, PENCL_E_FORMAT,
                       "%s: header: the name of tensor %zu is none of 1 to %d bytes", file->path,
                       file->n_tensors, NAME_MAX_BYTES);
    }
    pn_tensor *t = &file->tensors[file->n_tensors];
    t->name = (const char *)copy_bytes(file, name, strlen(name));
    if (t->name == NULL) {
        return PN_NOMEM(file->ctx);
    }
    for (size_t i = 0; i < PN_COUNT(members); i++) {
        if (json_object_get(record, members[i]) == NULL) {
            return BAD(file, t, "%s: is missing", members[i]);
        }
    }
    if (json_object_size(record) != PN_COUNT(members)) {
        return BAD(file, t, "has %zu members, not dtype, shape and data_offsets",
                   json_object_size(record));
    }
    PENCL_TRY(read_dtype(file, t, json_object_get(record, "dtype")));
    PENCL_TRY(read_shape(file, t, json_object_get(record, "shape")));
    PENCL_TRY(read_offsets(file, t, json_object_get(record, "data_offsets"), start));
    file->n_tensors++;
    return PENCL_OK;
}

/* Bytes that belong to nobody are padding, or something that wants to hide. */
static pencl_status check_holes(pn_model_file *file, size_t start)
{
    pn_tensor **sorted = NULL;
    PENCL_TRY(pn_tensors_apart(&sorted, file));
    size_t end = start;
    for (size_t i = 0; i < file->n_tensors; i++) {
        if (sorted[i]->offset - end > HOLE_MAX) {
            return BAD(file, sorted[i], "data_offsets: %zu bytes before it belong to no tensor",
                       sorted[i]->offset - end);
        }
        end = sorted[i]->offset + sorted[i]->bytes;
    }
    if (file->size - end > HOLE_MAX) {
        return PN_FAIL(file->ctx, PENCL_E_FORMAT,
                       "%s: byte %zu: the last %zu bytes belong to no tensor", file->path, end,
                       file->size - end);
    }
    return PENCL_OK;
}

static pencl_status read_header(pn_model_file *file, json_t *header, size_t start)
{
    json_t *metadata = json_object_get(header, PN_SAFETENSORS_METADATA);
    PENCL_TRY(read_metadata(file, metadata));
    file->tensors = pn_arena_alloc(file->arena, json_object_size(header), sizeof *file->tensors);
    if (file->tensors == NULL) {
        return PN_NOMEM(file->ctx);
    }
    for (void *at = json_object_iter(header); at != NULL; at = json_object_iter_next(header, at)) {
        if (json_object_iter_value(at) != metadata) {
            PENCL_TRY(
                read_tensor(file, json_object_iter_key(at), json_object_iter_value(at), start));
        }
    }
    return check_holes(file, start);
}

static pencl_status read(pn_model_file *file)
{
    json_t *header = NULL;
    size_t length = 0;
    PENCL_TRY(parse_header(&header, file, &length));
    const pencl_status st = read_header(file, header, PN_SAFETENSORS_START + length);
    json_decref(header);
    return st;
}

static bool probe(const unsigned char *data, size_t size)
{
    return size > PN_SAFETENSORS_START && data[PN_SAFETENSORS_START] == '{';
}

const pn_reader pn_reader_safetensors = {
    .name = "safetensors",
    .probe = probe,
    .read = read,
};
