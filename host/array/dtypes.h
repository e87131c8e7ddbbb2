/* SPDX-License-Identifier: Apache-2.0 */
/* Element types: how plain storage is read and written. One file a type. */
#ifndef PENCL_ARRAY_DTYPES_H
#define PENCL_ARRAY_DTYPES_H

#include "base/base.h"

enum { PN_APART_MAX = 256 };

typedef struct pn_dtype {
    const char *name;   /* "f32": in files, tables and options */
    const char *label;  /* "float32": penzai's name, in printed shapes */
    size_t block;       /* elements of one block; 1 for dense types */
    size_t block_bytes; /* bytes of one block in files */
    bool quantised;
    /* What of a block lies apart in layouts that take blocks to pieces: `words` 16-bit scales, then
     * `subs` bytes, the scales of its sub-blocks, then `quants` bytes, planes of bits (planes.h)
     * for 32 columns after 32. Where files hold blocks in another order, take_apart makes this one,
     * of PN_APART_MAX bytes at most, and put_together is its exact inverse. */
    struct {
        size_t words;
        size_t subs;
        size_t quants;
    } apart;
    void (*take_apart)(const uint8_t *block, uint8_t *apart);
    void (*put_together)(const uint8_t *apart, uint8_t *block);
    /* n is a multiple of block; plain (file) storage, little-endian. */
    void (*to_f32)(const void *from, float *to, size_t n);
    void (*from_f32)(const float *from, void *to, size_t n);
} pn_dtype;

/* The row of a type; NULL when out of range. */
const pn_dtype *pn_dtype_of(pencl_dtype dtype);
/* The type named "q4_1", or PENCL_DTYPE_COUNT. */
pencl_dtype pn_dtype_by_name(const char *name);
/* Bytes of n elements (whole blocks); false on overflow or a broken block. */
bool pn_dtype_bytes(pencl_dtype dtype, size_t n, size_t *out);

#define DTYPE(ENUM, name) extern const pn_dtype pn_dtype_##name;
#include "array/dtypes.def"
#undef DTYPE

#endif
