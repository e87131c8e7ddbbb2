/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader fills: the inside of a pn_model_file, for host/io only. */
#ifndef PENCL_IO_READER_H
#define PENCL_IO_READER_H

#include "base/os.h"
#include "io/io.h"

/* Kinds of values; numbers in arrays keep the width they have in the file. */
typedef enum pn_kind {
    PN_KIND_U8,
    PN_KIND_I8,
    PN_KIND_U16,
    PN_KIND_I16,
    PN_KIND_U32,
    PN_KIND_I32,
    PN_KIND_U64,
    PN_KIND_I64,
    PN_KIND_F32,
    PN_KIND_F64,
    PN_KIND_BOOL,
    PN_KIND_STRING, /* in an array: u64 length, bytes, and so on, lengths checked by the reader */
    PN_KIND_COUNT
} pn_kind;

/* One key and its value or values: little-endian, unaligned, in the file or in its arena. */
typedef struct pn_meta_entry {
    const char *key;
    pn_kind kind; /* of each element when is_array */
    bool is_array;
    size_t count;              /* 1 for a scalar */
    const unsigned char *data; /* a scalar string: its bytes, `size` of them */
    size_t size;               /* bytes at data */
    void *converted;           /* what a getter made for its callers, in the arena */
    pn_kind converted_kind;
} pn_meta_entry;

struct pn_model_file {
    pencl_ctx *ctx;
    const char *path;
    const struct pn_reader *reader;
    pn_map *map;               /* NULL: in memory, not ours */
    const unsigned char *data; /* the whole file */
    size_t size;
    pn_arena *arena;
    size_t n_entries;
    pn_meta_entry *entries;
    pn_meta_entry **entries_by_key; /* sorted: for look-ups */
    size_t n_tensors;
    pn_tensor *tensors;
    pn_tensor **tensors_by_name;
};

typedef struct pn_reader {
    const char *name;
    bool (*probe)(const unsigned char *data, size_t size); /* looks at the first bytes */
    /* Fills entries and tensors from file->data, all from file->arena; the open function indexes
     * them afterwards and fails on repeated names. */
    pencl_status (*read)(pn_model_file *file);
} pn_reader;

#define READER(name) extern const pn_reader pn_reader_##name;
#include "io/readers.def"
#undef READER

/* The tensors in the order of their data, in the arena; E_FORMAT when two share bytes. */
pencl_status pn_tensors_apart(pn_tensor ***sorted, pn_model_file *file);

const char *pn_kind_name(pn_kind kind);
size_t pn_kind_bytes(pn_kind kind); /* 0 for strings */
pn_meta_entry *pn_meta_find(const pn_model_file *file, const char *key);

/* Little-endian loads from anywhere. */
uint16_t pn_load_u16(const unsigned char *at);
uint32_t pn_load_u32(const unsigned char *at);
uint64_t pn_load_u64(const unsigned char *at);

#endif
