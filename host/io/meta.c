/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata getters: one value or an array of any stored kind, as the type that a caller wants. */
#include "io/reader.h"

#include <stdio.h>
#include <string.h>

/* ---- kinds ---- */

static const struct {
    const char *name;
    size_t bytes;
} kinds[PN_KIND_COUNT] = {
    [PN_KIND_U8] = {"u8", 1},   [PN_KIND_I8] = {"i8", 1},     [PN_KIND_U16] = {"u16", 2},
    [PN_KIND_I16] = {"i16", 2}, [PN_KIND_U32] = {"u32", 4},   [PN_KIND_I32] = {"i32", 4},
    [PN_KIND_U64] = {"u64", 8}, [PN_KIND_I64] = {"i64", 8},   [PN_KIND_F32] = {"f32", 4},
    [PN_KIND_F64] = {"f64", 8}, [PN_KIND_BOOL] = {"bool", 1}, [PN_KIND_STRING] = {"string", 0},
};

const char *pn_kind_name(pn_kind kind)
{
    return (unsigned)kind < PN_KIND_COUNT ? kinds[kind].name : "?";
}

size_t pn_kind_bytes(pn_kind kind)
{
    return (unsigned)kind < PN_KIND_COUNT ? kinds[kind].bytes : 0;
}

uint16_t pn_load_u16(const unsigned char *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t pn_load_u32(const unsigned char *at)
{
    return pn_load_u16(at) | (uint32_t)pn_load_u16(at + 2) << 16;
}

uint64_t pn_load_u64(const unsigned char *at)
{
    return pn_load_u32(at) | (uint64_t)pn_load_u32(at + 4) << 32;
}

/* An integer of any kind; false for other kinds and for what exceeds int64. */
static bool load_int(pn_kind kind, const unsigned char *at, int64_t *out)
{
    switch (kind) {
    case PN_KIND_U8:
        *out = at[0];
        return true;
    case PN_KIND_I8:
        *out = at[0] < 0x80 ? at[0] : at[0] - 0x100;
        return true;
    case PN_KIND_U16:
        *out = pn_load_u16(at);
        return true;
    case PN_KIND_I16:
        *out = (int16_t)pn_load_u16(at);
        return true;
    case PN_KIND_U32:
        *out = pn_load_u32(at);
        return true;
    case PN_KIND_I32:
        *out = (int32_t)pn_load_u32(at);
        return true;
    case PN_KIND_U64:
    case PN_KIND_I64:
        *out = (int64_t)pn_load_u64(at);
        return kind == PN_KIND_I64 || *out >= 0;
    default:
        return false;
    }
}

/* A number of any kind. */
static bool load_float(pn_kind kind, const unsigned char *at, double *out)
{
    if (kind == PN_KIND_F32) {
        const uint32_t bits = pn_load_u32(at);
        float f;
        memcpy(&f, &bits, sizeof f);
        *out = f;
        return true;
    }
    if (kind == PN_KIND_F64) {
        const uint64_t bits = pn_load_u64(at);
        memcpy(out, &bits, sizeof *out);
        return true;
    }
    int64_t i;
    if (!load_int(kind, at, &i)) {
        return false;
    }
    *out = (double)i;
    return true;
}

/* ---- failures ---- */

static pencl_status
wrong_kind(const pn_model_file *file, const pn_meta_entry *entry, const char *wanted)
{
    return PN_FAIL(file->ctx, PENCL_E_FIELDS, "%s: key \"%s\": is %s %s, not %s", file->path,
                   entry->key, entry->is_array ? "an array of" : "one", pn_kind_name(entry->kind),
                   wanted);
}

static pencl_status
out_of_range(const pn_model_file *file, const pn_meta_entry *entry, const char *wanted)
{
    return PN_FAIL(file->ctx, PENCL_E_FIELDS, "%s: key \"%s\": a value is out of the range of %s",
                   file->path, entry->key, wanted);
}

static pencl_status need(const pn_model_file *file, const char *key)
{
    return pn_meta_has(file, key)
               ? PENCL_OK
               : PN_FAIL(file->ctx, PENCL_E_FIELDS, "%s: key \"%s\" is missing", file->path, key);
}

/* ---- one value ---- */

pencl_status pn_meta_i64(pn_model_file *file, const char *key, int64_t *out)
{
    const pn_meta_entry *entry = pn_meta_find(file, key);
    if (entry == NULL) {
        return PENCL_OK;
    }
    if (entry->is_array || entry->kind > PN_KIND_I64) {
        return wrong_kind(file, entry, "an integer");
    }
    int64_t value;
    if (!load_int(entry->kind, entry->data, &value)) {
        return out_of_range(file, entry, "i64");
    }
    *out = value;
    return PENCL_OK;
}

pencl_status pn_meta_u64(pn_model_file *file, const char *key, uint64_t *out)
{
    const pn_meta_entry *entry = pn_meta_find(file, key);
    if (entry == NULL) {
        return PENCL_OK;
    }
    if (!entry->is_array && entry->kind == PN_KIND_U64) {
        *out = pn_load_u64(entry->data);
        return PENCL_OK;
    }
    int64_t value = 0;
    PENCL_TRY(pn_meta_i64(file, key, &value));
    if (value < 0) {
        return out_of_range(file, entry, "u64");
    }
    *out = (uint64_t)value;
    return PENCL_OK;
}

pencl_status pn_meta_f64(pn_model_file *file, const char *key, double *out)
{
    const pn_meta_entry *entry = pn_meta_find(file, key);
    if (entry == NULL) {
        return PENCL_OK;
    }
    if (entry->is_array || !load_float(entry->kind, entry->data, out)) {
        return wrong_kind(file, entry, "a number");
    }
    return PENCL_OK;
}

pencl_status pn_meta_bool(pn_model_file *file, const char *key, bool *out)
{
    const pn_meta_entry *entry = pn_meta_find(file, key);
    if (entry == NULL) {
        return PENCL_OK;
    }
    if (entry->is_array || entry->kind != PN_KIND_BOOL) {
        return wrong_kind(file, entry, "a bool");
    }
    *out = entry->data[0] != 0;
    return PENCL_OK;
}

pencl_status pn_meta_string(pn_model_file *file, const char *key, pn_string *out)
{
    const pn_meta_entry *entry = pn_meta_find(file, key);
    if (entry == NULL) {
        return PENCL_OK;
    }
    if (entry->is_array || entry->kind != PN_KIND_STRING) {
        return wrong_kind(file, entry, "a string");
    }
    *out = (pn_string){(const char *)entry->data, entry->size};
    return PENCL_OK;
}

pencl_status pn_meta_need_u64(pn_model_file *file, const char *key, uint64_t *out)
{
    PENCL_TRY(need(file, key));
    return pn_meta_u64(file, key, out);
}

pencl_status pn_meta_need_f64(pn_model_file *file, const char *key, double *out)
{
    PENCL_TRY(need(file, key));
    return pn_meta_f64(file, key, out);
}

pencl_status pn_meta_need_string(pn_model_file *file, const char *key, pn_string *out)
{
    PENCL_TRY(need(file, key));
    return pn_meta_string(file, key, out);
}

const char *pn_meta_text(pn_model_file *file, const char *key)
{
    pn_meta_entry *entry = pn_meta_find(file, key);
    if (entry == NULL || entry->is_array || entry->kind != PN_KIND_STRING) {
        return NULL;
    }
    if (entry->converted == NULL) {
        char *copy = pn_arena_alloc(file->arena, entry->size + 1, 1); /* size < the file's */
        if (copy != NULL) {
            memcpy(copy, entry->data, entry->size);
        }
        entry->converted = copy;
    }
    return entry->converted;
}

/* ---- arrays: converted once, kept in the arena ---- */

pencl_status pn_meta_strings(pn_model_file *file, const char *key, const pn_string **out, size_t *n)
{
    *out = NULL;
    *n = 0;
    pn_meta_entry *entry = pn_meta_find(file, key);
    if (entry == NULL) {
        return PENCL_OK;
    }
    if (!entry->is_array || entry->kind != PN_KIND_STRING) {
        return wrong_kind(file, entry, "an array of strings");
    }
    if (entry->converted == NULL) {
        pn_string *strings = pn_arena_alloc(file->arena, entry->count, sizeof *strings);
        if (strings == NULL) {
            return PN_NOMEM(file->ctx);
        }
        const unsigned char *at = entry->data;
        for (size_t i = 0; i < entry->count; i++) { /* the reader has checked the lengths */
            const size_t size = (size_t)pn_load_u64(at);
            strings[i] = (pn_string){(const char *)at + 8, size};
            at += 8 + size;
        }
        entry->converted = strings;
    }
    *out = entry->converted;
    *n = entry->count;
    return PENCL_OK;
}

pencl_status pn_meta_i32s(pn_model_file *file, const char *key, const int32_t **out, size_t *n)
{
    *out = NULL;
    *n = 0;
    pn_meta_entry *entry = pn_meta_find(file, key);
    if (entry == NULL) {
        return PENCL_OK;
    }
    if (entry->kind > PN_KIND_I64) {
        return wrong_kind(file, entry, "an array of integers");
    }
    if (entry->converted == NULL || entry->converted_kind != PN_KIND_I32) {
        int32_t *values = pn_arena_alloc(file->arena, entry->count, sizeof *values);
        if (values == NULL) {
            return PN_NOMEM(file->ctx);
        }
        const size_t step = pn_kind_bytes(entry->kind);
        for (size_t i = 0; i < entry->count; i++) {
            int64_t value;
            if (!load_int(entry->kind, entry->data + i * step, &value) || value < INT32_MIN ||
                value > INT32_MAX) {
                return out_of_range(file, entry, "i32");
            }
            values[i] = (int32_t)value;
        }
        entry->converted = values;
        entry->converted_kind = PN_KIND_I32;
    }
    *out = entry->converted;
    *n = entry->count;
    return PENCL_OK;
}

pencl_status pn_meta_f32s(pn_model_file *file, const char *key, const float **out, size_t *n)
{
    *out = NULL;
    *n = 0;
    pn_meta_entry *entry = pn_meta_find(file, key);
    if (entry == NULL) {
        return PENCL_OK;
    }
    if (entry->kind > PN_KIND_F64) {
        return wrong_kind(file, entry, "an array of numbers");
    }
    if (entry->converted == NULL || entry->converted_kind != PN_KIND_F32) {
        float *values = pn_arena_alloc(file->arena, entry->count, sizeof *values);
        if (values == NULL) {
            return PN_NOMEM(file->ctx);
        }
        const size_t step = pn_kind_bytes(entry->kind);
        for (size_t i = 0; i < entry->count; i++) {
            double value = 0;
            if (!load_float(entry->kind, entry->data + i * step, &value)) {
                return out_of_range(file, entry, "f32");
            }
            values[i] = (float)value;
        }
        entry->converted = values;
        entry->converted_kind = PN_KIND_F32;
    }
    *out = entry->converted;
    *n = entry->count;
    return PENCL_OK;
}

/* ---- printing ---- */

/* Quoted, with escapes for what would disturb a terminal; "..." where it is cut. */
static void print_string(pn_text *out, const unsigned char *data, size_t size, size_t most)
{
    pn_text_add(out, "\"");
    size_t i = 0;
    for (; i < size && i < most; i++) {
        const unsigned char c = data[i];
        if (c == '\n') {
            pn_text_add(out, "\\n");
        } else if (c < 0x20 || c == 0x7f) {
            pn_text_add(out, "\\x%02x", (unsigned)c);
        } else if (c == '"' || c == '\\') {
            pn_text_add(out, "\\%c", c);
        } else {
            pn_text_add_bytes(out, &c, 1);
        }
    }
    pn_text_add(out, i < size ? "...\"" : "\"");
}

static void print_number(pn_text *out, pn_kind kind, const unsigned char *at)
{
    int64_t i;
    double f;
    if (kind == PN_KIND_BOOL) {
        pn_text_add(out, at[0] != 0 ? "true" : "false");
    } else if (kind == PN_KIND_U64) {
        pn_text_add(out, "%llu", (unsigned long long)pn_load_u64(at));
    } else if (load_int(kind, at, &i)) {
        pn_text_add(out, "%lld", (long long)i);
    } else if (load_float(kind, at, &f)) {
        pn_text_add(out, "%.9g", f);
    }
}

void pn_meta_print(const pn_model_file *file, size_t i, size_t most, pn_text *out)
{
    if (i >= file->n_entries) {
        return;
    }
    const pn_meta_entry *entry = &file->entries[i];
    const size_t step = pn_kind_bytes(entry->kind);
    if (!entry->is_array && entry->kind == PN_KIND_STRING) {
        print_string(out, entry->data, entry->size, most);
    } else if (!entry->is_array) {
        print_number(out, entry->kind, entry->data);
    } else if (step == 0 || entry->count > most / 8) { /* about 8 characters a number */
        pn_text_add(out, "[%zu %s%s]", entry->count, pn_kind_name(entry->kind),
                    entry->count == 1 ? "" : "s");
    } else {
        for (size_t k = 0; k < entry->count; k++) {
            pn_text_add(out, k == 0 ? "[" : ", ");
            print_number(out, entry->kind, entry->data + k * step);
        }
        pn_text_add(out, entry->count == 0 ? "[]" : "]");
    }
}
