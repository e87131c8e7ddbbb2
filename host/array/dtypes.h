/* SPDX-License-Identifier: Apache-2.0 */
/* Element types: how plain storage is read and written. One file a type. */
#ifndef PENCL_ARRAY_DTYPES_H
#define PENCL_ARRAY_DTYPES_H

#include "base/base.h"

typedef struct pn_dtype {
    const char *name;   /* "f32": in files, tables and options */
    const char *label;  /* "float32": penzai's name, in printed shapes */
    size_t block;       /* elements of one block; 1 for dense types */
    size_t block_bytes; /* bytes of one block in files */
    bool quantised;
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
