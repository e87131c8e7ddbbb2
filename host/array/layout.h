/* SPDX-License-Identifier: Apache-2.0 */
/* Physical layouts of a matrix of rows and columns. `plain` is the order of files: rows one after
 * another, each a run of blocks. `rows16` is made for kernels: tiles of 16 rows side by side, so
 * that 16 lanes (or one 16-wide vector) read one column of 16 rows at once:
 *
 *   dense types:  [tile][column][16 rows]
 *   block types:  quants [tile][block][bytes of a block's quants][16 rows], then, apart from them,
 *                 scales [tile][block][16-bit scales][16 rows] half; sub-blocks' scales as bytes
 *
 * in the order that dtypes.h says (`apart`): 32 bytes of columns for q8_0, planes of bits for the
 * others (planes.h), such as 16 bytes of nibbles for q4_0, of which byte k is columns k and k + 16.
 *
 * The last tile is filled up with zeros. */
#ifndef PENCL_ARRAY_LAYOUT_H
#define PENCL_ARRAY_LAYOUT_H

#include "array/dtypes.h"

typedef struct pn_matrix {
    pencl_dtype dtype;
    int64_t rows;
    int64_t cols;
} pn_matrix;

/* Bytes of one plain row; 0 when its columns are no whole blocks. */
size_t pn_matrix_row_bytes(const pn_matrix *m);
/* Bytes of all rows, their number padded to row_step; false on overflow or a broken block. */
bool pn_matrix_bytes(const pn_matrix *m, int64_t row_step, size_t *out);

typedef struct pn_layout {
    const char *name;
    bool (*fits)(const pn_matrix *m); /* can hold such a matrix */
    size_t (*bytes)(const pn_matrix *m);
    size_t (*scales)(const pn_matrix *m); /* offset of the scales region; 0 if there is none */
    int64_t row_step;                     /* parts and threads split at multiples of this */
    /* Packs rows first .. first+n-1 from plain rows that begin at `plain` (row `first`'s bytes)
     * into the packed matrix at `out`; safe for disjoint rows from several threads. `first` is a
     * multiple of row_step, and so is n unless the matrix ends there. unpack is its inverse. */
    void (*pack)(const pn_matrix *m, const void *plain, int64_t first, int64_t n, void *out);
    void (*unpack)(const pn_matrix *m, const void *packed, int64_t first, int64_t n, void *plain);
    /* One row as float32, cols values. */
    void (*read_row)(const pn_matrix *m, const void *packed, int64_t row, float *out);
} pn_layout;

const pn_layout *pn_layout_by_name(const char *name);

#define LAYOUT(name) extern const pn_layout pn_layout_##name;
#include "array/layouts.def"
#undef LAYOUT

#endif
