/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a model file: finds its reader by content, lets it read, and indexes names. */
#include "io/reader.h"

#include <stdlib.h>
#include <string.h>

static const pn_reader *const readers[] = {
#define READER(name) &pn_reader_##name,
#include "io/readers.def"
#undef READER
};

/* ---- names: sorted pointers, which also show a name that occurs twice ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp((*(pn_meta_entry *const *)a)->key, (*(pn_meta_entry *const *)b)->key);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(pn_tensor *const *)a)->name, (*(pn_tensor *const *)b)->name);
}

static pencl_status index_entries(pn_model_file *file)
{
    const size_t n = file->n_entries;
    pn_meta_entry **sorted = pn_arena_alloc(file->arena, n, sizeof(pn_meta_entry *));
    if (sorted == NULL) {
        return PN_NOMEM(file->ctx);
    }
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &file->entries[i];
    }
    qsort(sorted, n, sizeof(pn_meta_entry *), by_key);
    for (size_t i = 1; i < n; i++) {
        if (by_key(&sorted[i - 1], &sorted[i]) == 0) {
            return PN_FAIL(file->ctx, PENCL_E_FORMAT, "%s: key \"%s\": occurs twice", file->path,
                           sorted[i]->key);
        }
    }
    file->entries_by_key = sorted;
    return PENCL_OK;
}

static pencl_status index_tensors(pn_model_file *file)
{
    const size_t n = file->n_tensors;
    pn_tensor **sorted = pn_arena_alloc(file->arena, n, sizeof(pn_tensor *));
    if (sorted == NULL) {
        return PN_NOMEM(file->ctx);
    }
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &file->tensors[i];
    }
    qsort(sorted, n, sizeof(pn_tensor *), by_name);
    for (size_t i = 1; i < n; i++) {
        if (by_name(&sorted[i - 1], &sorted[i]) == 0) {
            return PN_FAIL(file->ctx, PENCL_E_FORMAT, "%s: tensor \"%s\": occurs twice", file->path,
                           sorted[i]->name);
        }
    }
    file->tensors_by_name = sorted;
    return PENCL_OK;
}

static int by_offset(const void *a, const void *b)
{
    const size_t x = (*(pn_tensor *const *)a)->offset;
    const size_t y = (*(pn_tensor *const *)b)->offset;
    return (x > y) - (x < y);
}

/* Shared bytes are no accident of a writer: some file wants to confuse somebody. */
pencl_status pn_tensors_apart(pn_tensor ***out, pn_model_file *file)
{
    const size_t n = file->n_tensors;
    pn_tensor **sorted = pn_arena_alloc(file->arena, n, sizeof(pn_tensor *));
    if (sorted == NULL) {
        return PN_NOMEM(file->ctx);
    }
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &file->tensors[i];
    }
    qsort(sorted, n, sizeof(pn_tensor *), by_offset);
    for (size_t i = 1; i < n; i++) {
        const pn_tensor *before = sorted[i - 1];
        if (sorted[i]->offset < before->offset + before->bytes) {
            return PN_FAIL(file->ctx, PENCL_E_FORMAT,
                           "%s: tensor \"%s\": its data at byte %zu overlaps that of \"%s\", "
                           "which ends at %zu",
                           file->path, sorted[i]->name, sorted[i]->offset, before->name,
                           before->offset + before->bytes);
        }
    }
    *out = sorted;
    return PENCL_OK;
}

/* ---- opening ---- */

static pencl_status find_reader(pn_model_file *file)
{
    if (file->size == 0) {
        return PN_FAIL(file->ctx, PENCL_E_FORMAT, "%s: the file is empty", file->path);
    }
    for (size_t i = 0; i < PN_COUNT(readers); i++) {
        if (readers[i]->probe(file->data, file->size)) {
            file->reader = readers[i];
            return PENCL_OK;
        }
    }
    pn_text names = {0};
    for (size_t i = 0; i < PN_COUNT(readers); i++) {
        pn_text_add(&names, "%s%s", i > 0 ? ", " : "", readers[i]->name);
    }
    const pencl_status st =
        PN_FAIL(file->ctx, PENCL_E_FORMAT, "%s: byte 0: not the beginning of a model file (%s)",
                file->path, pn_text_get(&names));
    pn_text_free(&names);
    return st;
}

static pencl_status read_file(pn_model_file *file)
{
    PENCL_TRY(find_reader(file));
    PENCL_TRY(file->reader->read(file));
    PENCL_TRY(index_entries(file));
    return index_tensors(file);
}

/* Takes the map over, on failure too. */
static pencl_status
open_bytes(pn_model_file **out, pencl_ctx *ctx, const char *name, pn_map *map, const pn_span *bytes)
{
    *out = NULL;
    pn_model_file *file = pn_calloc(1, sizeof *file);
    pn_arena *arena = pn_arena_new();
    if (file == NULL || arena == NULL) {
        pn_free(file);
        pn_arena_free(arena);
        pn_map_close(map);
        return PN_NOMEM(ctx);
    }
    file->ctx = ctx;
    file->arena = arena;
    file->map = map;
    file->data = bytes->data;
    file->size = bytes->size;
    file->path = pn_arena_print(arena, "%s", name);
    const pencl_status st = file->path != NULL ? read_file(file) : PN_NOMEM(ctx);
    if (st != PENCL_OK) {
        pn_model_file_close(file);
        return st;
    }
    *out = file;
    return PENCL_OK;
}

pencl_status pn_model_file_open(pn_model_file **out, pencl_ctx *ctx, const char *path)
{
    *out = NULL;
    pn_map *map = NULL;
    PENCL_TRY(pn_map_open(&map, ctx, path));
    const pn_span bytes = {map->data, map->size};
    return open_bytes(out, ctx, path, map, &bytes);
}

pencl_status pn_model_file_parse(
    pn_model_file **out, pencl_ctx *ctx, const char *name, const void *bytes, size_t size)
{
    const pn_span span = {bytes, size};
    return open_bytes(out, ctx, name, NULL, &span);
}

void pn_model_file_close(pn_model_file *file)
{
    if (file != NULL) {
        pn_map_close(file->map);
        pn_arena_free(file->arena);
        pn_free(file);
    }
}

/* ---- what is in it ---- */

const char *pn_model_file_path(const pn_model_file *file)
{
    return file->path;
}

const char *pn_model_file_format(const pn_model_file *file)
{
    return file->reader->name;
}

size_t pn_model_file_n_tensors(const pn_model_file *file)
{
    return file->n_tensors;
}

const pn_tensor *pn_model_file_tensor(const pn_model_file *file, size_t i)
{
    return i < file->n_tensors ? &file->tensors[i] : NULL;
}

static int name_order(const void *name, const void *tensor)
{
    return strcmp(name, (*(pn_tensor *const *)tensor)->name);
}

const pn_tensor *pn_model_file_find(const pn_model_file *file, const char *name)
{
    if (file->n_tensors == 0) {
        return NULL;
    }
    pn_tensor *const *found =
        bsearch(name, file->tensors_by_name, file->n_tensors, sizeof(pn_tensor *), name_order);
    return found != NULL ? *found : NULL;
}

void pn_model_file_drop(const pn_model_file *file,
                        const pn_tensor *tensor,
                        size_t offset,
                        size_t bytes)
{
    if (file->map != NULL && offset <= tensor->bytes && bytes <= tensor->bytes - offset) {
        pn_map_drop(file->map, tensor->offset + offset, bytes);
    }
}

static int key_order(const void *key, const void *entry)
{
    return strcmp(key, (*(pn_meta_entry *const *)entry)->key);
}

pn_meta_entry *pn_meta_find(const pn_model_file *file, const char *key)
{
    if (file->n_entries == 0) {
        return NULL;
    }
    pn_meta_entry *const *found =
        bsearch(key, file->entries_by_key, file->n_entries, sizeof(pn_meta_entry *), key_order);
    return found != NULL ? *found : NULL;
}

bool pn_meta_has(const pn_model_file *file, const char *key)
{
    return pn_meta_find(file, key) != NULL;
}

size_t pn_meta_count(const pn_model_file *file)
{
    return file->n_entries;
}

const char *pn_meta_key(const pn_model_file *file, size_t i)
{
    return i < file->n_entries ? file->entries[i].key : NULL;
}
