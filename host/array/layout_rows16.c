/* SPDX-License-Identifier: Apache-2.0 */
/* rows16: tiles of 16 rows, interleaved, scales apart; layout.h has the picture.
 *
 * One tile of one block is 16 rows of quants on one side and its transpose on the other, so packing
 * and unpacking are the same 16 x 16 transposes. Rows past the end are zeros. */
#include "array/bytes.h"
#include "array/layout.h"

enum { TILE = 16, BLOCK = 32, SQUARE = TILE * TILE };

/* ---- geometry ---- */

/* Where the pieces of a block are in a file's block, and how large they are in the tile. */
typedef struct block_form {
    size_t bytes;  /* one file block */
    size_t words;  /* 16-bit scales in front: d, or d and m */
    size_t quants; /* bytes of quants behind them: 16 or 32 */
} block_form;

static block_form form_of(const pn_matrix *m)
{
    block_form f = {.bytes = pn_dtype_of(m->dtype)->block_bytes, .words = 1};
    f.words = m->dtype == PENCL_Q4_1 ? 2 : 1;
    f.quants = f.bytes - 2 * f.words;
    return f;
}

static size_t tiles_of(const pn_matrix *m)
{
    return ((size_t)m->rows + TILE - 1) / TILE;
}

static bool quantised(const pn_matrix *m)
{
    return pn_dtype_of(m->dtype)->quantised;
}

static bool fits(const pn_matrix *m)
{
    size_t total = 0;
    return pn_matrix_bytes(m, TILE, &total);
}

static size_t bytes(const pn_matrix *m)
{
    return tiles_of(m) * TILE * pn_matrix_row_bytes(m);
}

static size_t scales(const pn_matrix *m)
{
    if (!quantised(m)) {
        return 0;
    }
    return tiles_of(m) * TILE * ((size_t)m->cols / BLOCK) * form_of(m).quants;
}

/* ---- transposes ---- */

/* Deals two halves out like a deck of cards; compilers make vector interleaves of it. */
static void shuffle(const uint8_t *restrict in, uint8_t *restrict out)
{
    for (size_t i = 0; i < SQUARE / 2; i++) {
        out[2 * i] = in[i];
        out[2 * i + 1] = in[i + SQUARE / 2];
    }
}

/* out[k][r] = in[r][k] for 16 x 16 bytes. A shuffle rotates the 8 bits of an index by one; four of
 * them swap row and column. */
static void transpose(const uint8_t in[SQUARE], uint8_t out[SQUARE])
{
    uint8_t a[SQUARE];
    uint8_t b[SQUARE];
    shuffle(in, a);
    shuffle(a, b);
    shuffle(b, a);
    shuffle(a, out);
}

/* ---- quantised types ---- */

/* The places of one block of one tile in the packed matrix. */
typedef struct tile_block {
    uint8_t *quants;
    uint8_t *scales;
} tile_block;

static tile_block
locate(const pn_matrix *m, const block_form *f, void *packed, size_t tile, size_t b)
{
    size_t index = tile * ((size_t)m->cols / BLOCK) + b;
    uint8_t *base = packed;
    return (tile_block){base + index * TILE * f->quants,
                        base + scales(m) + index * TILE * 2 * f->words};
}

/* n <= 16 rows of file blocks, `stride` bytes apart, into one tile. */
static void
pack_block(const block_form *f, const uint8_t *from, size_t stride, size_t n, tile_block to)
{
    uint8_t square[SQUARE];
    for (size_t half = 0; half < f->quants; half += TILE) {
        if (n < TILE) {
            memset(square, 0, sizeof square);
        }
        for (size_t r = 0; r < n; r++) {
            memcpy(square + r * TILE, from + r * stride + 2 * f->words + half, TILE);
        }
        transpose(square, to.quants + half * TILE);
    }
    for (size_t w = 0; w < f->words; w++) {
        for (size_t r = 0; r < n; r++) {
            memcpy(to.scales + 2 * (w * TILE + r), from + r * stride + 2 * w, 2);
        }
        memset(to.scales + 2 * (w * TILE + n), 0, 2 * (TILE - n));
    }
}

static void unpack_block(const block_form *f, tile_block from, uint8_t *to, size_t stride, size_t n)
{
    uint8_t square[SQUARE];
    for (size_t half = 0; half < f->quants; half += TILE) {
        transpose(from.quants + half * TILE, square);
        for (size_t r = 0; r < n; r++) {
            memcpy(to + r * stride + 2 * f->words + half, square + r * TILE, TILE);
        }
    }
    for (size_t w = 0; w < f->words; w++) {
        for (size_t r = 0; r < n; r++) {
            memcpy(to + r * stride + 2 * w, from.scales + 2 * (w * TILE + r), 2);
        }
    }
}

/* ---- dense types ---- */

/* Element (r, c) of a plain tile to or from place [c][r]. The width in bytes is a constant in each
 * copy, so that it is a single move. */
static inline void
pack_tile(const uint8_t *from, size_t n, size_t cols, uint8_t *to, const size_t width)
{
    for (size_t c = 0; c < cols; c++, to += TILE * width) {
        for (size_t r = 0; r < n; r++) {
            memcpy(to + r * width, from + (r * cols + c) * width, width);
        }
        memset(to + n * width, 0, (TILE - n) * width);
    }
}

static inline void
unpack_tile(const uint8_t *from, size_t n, size_t cols, uint8_t *to, const size_t width)
{
    for (size_t c = 0; c < cols; c++, from += TILE * width) {
        for (size_t r = 0; r < n; r++) {
            memcpy(to + (r * cols + c) * width, from + r * width, width);
        }
    }
}

static void pack_16(const uint8_t *from, size_t n, size_t cols, uint8_t *to)
{
    pack_tile(from, n, cols, to, 2);
}

static void pack_32(const uint8_t *from, size_t n, size_t cols, uint8_t *to)
{
    pack_tile(from, n, cols, to, 4);
}

static void unpack_16(const uint8_t *from, size_t n, size_t cols, uint8_t *to)
{
    unpack_tile(from, n, cols, to, 2);
}

static void unpack_32(const uint8_t *from, size_t n, size_t cols, uint8_t *to)
{
    unpack_tile(from, n, cols, to, 4);
}

/* ---- the layout ---- */

static size_t rows_of_tile(int64_t at, int64_t end)
{
    return (size_t)(end - at < TILE ? end - at : TILE);
}

static void pack(const pn_matrix *m, const void *plain, int64_t first, int64_t n, void *out)
{
    size_t row = pn_matrix_row_bytes(m);
    const uint8_t *from = plain;
    block_form f = form_of(m);
    for (int64_t at = first; at < first + n; at += TILE, from += TILE * row) {
        size_t count = rows_of_tile(at, first + n);
        size_t tile = (size_t)at / TILE;
        uint8_t *to = (uint8_t *)out + tile * TILE * row;
        if (!quantised(m)) {
            (f.bytes == 2 ? pack_16 : pack_32)(from, count, (size_t)m->cols, to);
            continue;
        }
        for (size_t b = 0; b < (size_t)m->cols / BLOCK; b++) {
            pack_block(&f, from + b * f.bytes, row, count, locate(m, &f, out, tile, b));
        }
    }
}

static void unpack(const pn_matrix *m, const void *packed, int64_t first, int64_t n, void *plain)
{
    size_t row = pn_matrix_row_bytes(m);
    uint8_t *to = plain;
    block_form f = form_of(m);
    for (int64_t at = first; at < first + n; at += TILE, to += TILE * row) {
        size_t count = rows_of_tile(at, first + n);
        size_t tile = (size_t)at / TILE;
        const uint8_t *from = (const uint8_t *)packed + tile * TILE * row;
        if (!quantised(m)) {
            (f.bytes == 2 ? unpack_16 : unpack_32)(from, count, (size_t)m->cols, to);
            continue;
        }
        for (size_t b = 0; b < (size_t)m->cols / BLOCK; b++) {
            tile_block at_block = locate(m, &f, (void *)packed, tile, b);
            unpack_block(&f, at_block, to + b * f.bytes, row, count);
        }
    }
}

static void read_row(const pn_matrix *m, const void *packed, int64_t row, float *out)
{
    const pn_dtype *dtype = pn_dtype_of(m->dtype);
    block_form f = form_of(m);
    size_t tile = (size_t)row / TILE;
    size_t r = (size_t)row % TILE;
    uint8_t block[2 + 2 + BLOCK];
    if (!dtype->quantised) {
        const uint8_t *from = (const uint8_t *)packed + tile * TILE * pn_matrix_row_bytes(m);
        for (size_t c = 0; c < (size_t)m->cols; c++) {
            dtype->to_f32(from + (c * TILE + r) * f.bytes, out + c, 1);
        }
        return;
    }
    for (size_t b = 0; b < (size_t)m->cols / BLOCK; b++) {
        tile_block from = locate(m, &f, (void *)packed, tile, b);
        for (size_t w = 0; w < f.words; w++) {
            memcpy(block + 2 * w, from.scales + 2 * (w * TILE + r), 2);
        }
        for (size_t k = 0; k < f.quants; k++) {
            block[2 * f.words + k] = from.quants[k * TILE + r];
        }
        dtype->to_f32(block, out + b * BLOCK, BLOCK);
    }
}

const pn_layout pn_layout_rows16 = {
    .name = "rows16",
    .fits = fits,
    .bytes = bytes,
    .scales = scales,
    .row_step = TILE,
    .pack = pack,
    .unpack = unpack,
    .read_row = read_row,
};
