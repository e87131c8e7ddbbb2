/* SPDX-License-Identifier: Apache-2.0 */
/* rows16: tiles of 16 rows, interleaved, scales apart; layout.h has the picture.
 *
 * One tile of one block is 16 rows of bytes on one side and their transpose on the other, so
 * packing and unpacking are the same transposes, of 16 x 16 bytes where they can. Rows past the end
 * are zeros. */
#include "array/bytes.h"
#include "array/layout.h"

enum { TILE = 16, SQUARE = TILE * TILE };

/* ---- geometry ---- */

/* A file's block and its parts: scales in front, quants behind, once it is taken apart. */
typedef struct block_form {
    const pn_dtype *dtype;
    size_t bytes;  /* one file block */
    size_t words;  /* 16-bit scales */
    size_t subs;   /* bytes of scales of sub-blocks */
    size_t front;  /* bytes of both */
    size_t quants; /* bytes */
} block_form;

static block_form form_of(const pn_matrix *m)
{
    block_form f = {.dtype = pn_dtype_of(m->dtype)};
    f.bytes = f.dtype->block_bytes;
    f.words = f.dtype->apart.words;
    f.subs = f.dtype->apart.subs;
    f.front = 2 * f.words + f.subs;
    f.quants = f.dtype->apart.quants;
    return f;
}

static size_t tiles_of(const pn_matrix *m)
{
    return ((size_t)m->rows + TILE - 1) / TILE;
}

static size_t blocks_of(const pn_matrix *m)
{
    return (size_t)m->cols / pn_dtype_of(m->dtype)->block;
}

static bool quantised(const pn_matrix *m)
{
    return pn_dtype_of(m->dtype)->quantised;
}

/* Blocks in pieces may be some bytes larger than in files, never twice as large. */
static bool fits(const pn_matrix *m)
{
    size_t total = 0;
    return pn_matrix_bytes(m, TILE, &total) && pn_mul(total, 2, &total);
}

static size_t scales(const pn_matrix *m)
{
    return quantised(m) ? tiles_of(m) * TILE * blocks_of(m) * form_of(m).quants : 0;
}

static size_t bytes(const pn_matrix *m)
{
    if (!quantised(m)) {
        return tiles_of(m) * TILE * pn_matrix_row_bytes(m);
    }
    return scales(m) + tiles_of(m) * TILE * blocks_of(m) * form_of(m).front;
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

/* `count` bytes of each of n <= 16 rows, `stride` bytes apart, to [count][16]; zeros for the rows
 * that are missing. */
static void
interleave(const uint8_t *from, size_t stride, size_t n, size_t count, uint8_t *restrict to)
{
    uint8_t square[SQUARE];
    size_t k = 0;
    if (n < TILE) {
        memset(square, 0, sizeof square);
        memset(to, 0, count * TILE);
    }
    for (; k + TILE <= count; k += TILE) {
        for (size_t r = 0; r < n; r++) {
            memcpy(square + r * TILE, from + r * stride + k, TILE);
        }
        transpose(square, to + k * TILE);
    }
    for (; k < count; k++) {
        for (size_t r = 0; r < n; r++) {
            to[k * TILE + r] = from[r * stride + k];
        }
    }
}

static void
deal_out(const uint8_t *from, size_t count, uint8_t *restrict to, size_t stride, size_t n)
{
    uint8_t square[SQUARE];
    size_t k = 0;
    for (; k + TILE <= count; k += TILE) {
        transpose(from + k * TILE, square);
        for (size_t r = 0; r < n; r++) {
            memcpy(to + r * stride + k, square + r * TILE, TILE);
        }
    }
    for (; k < count; k++) {
        for (size_t r = 0; r < n; r++) {
            to[r * stride + k] = from[k * TILE + r];
        }
    }
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
    size_t index = tile * blocks_of(m) + b;
    uint8_t *base = packed;
    return (tile_block){base + index * TILE * f->quants,
                        base + scales(m) + index * TILE * f->front};
}

/* n <= 16 rows of file blocks, `stride` bytes apart, into one tile. */
static void
pack_block(const block_form *f, const uint8_t *from, size_t stride, size_t n, tile_block to)
{
    uint8_t apart[TILE * PN_APART_MAX];
    if (f->dtype->take_apart != NULL) {
        for (size_t r = 0; r < n; r++) {
            f->dtype->take_apart(from + r * stride, apart + r * PN_APART_MAX);
        }
        from = apart;
        stride = PN_APART_MAX;
    }
    for (size_t w = 0; w < f->words; w++) {
        for (size_t r = 0; r < n; r++) {
            memcpy(to.scales + 2 * (w * TILE + r), from + r * stride + 2 * w, 2);
        }
        memset(to.scales + 2 * (w * TILE + n), 0, 2 * (TILE - n));
    }
    interleave(from + 2 * f->words, stride, n, f->subs, to.scales + 2 * f->words * TILE);
    interleave(from + f->front, stride, n, f->quants, to.quants);
}

/* Back into n rows of PN_APART_MAX bytes, or file blocks where those are in that order. */
static void part_block(const block_form *f, tile_block from, uint8_t *to, size_t stride, size_t n)
{
    for (size_t w = 0; w < f->words; w++) {
        for (size_t r = 0; r < n; r++) {
            memcpy(to + r * stride + 2 * w, from.scales + 2 * (w * TILE + r), 2);
        }
    }
    deal_out(from.scales + 2 * f->words * TILE, f->subs, to + 2 * f->words, stride, n);
    deal_out(from.quants, f->quants, to + f->front, stride, n);
}

static void unpack_block(const block_form *f, tile_block from, uint8_t *to, size_t stride, size_t n)
{
    uint8_t apart[TILE * PN_APART_MAX];
    if (f->dtype->put_together == NULL) {
        part_block(f, from, to, stride, n);
        return;
    }
    part_block(f, from, apart, PN_APART_MAX, n);
    for (size_t r = 0; r < n; r++) {
        f->dtype->put_together(apart + r * PN_APART_MAX, to + r * stride);
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
        if (!quantised(m)) {
            uint8_t *to = (uint8_t *)out + tile * TILE * row;
            (f.bytes == 2 ? pack_16 : pack_32)(from, count, (size_t)m->cols, to);
            continue;
        }
        for (size_t b = 0; b < blocks_of(m); b++) {
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
        if (!quantised(m)) {
            const uint8_t *from = (const uint8_t *)packed + tile * TILE * row;
            (f.bytes == 2 ? unpack_16 : unpack_32)(from, count, (size_t)m->cols, to);
            continue;
        }
        for (size_t b = 0; b < blocks_of(m); b++) {
            tile_block at_block = locate(m, &f, (void *)packed, tile, b);
            unpack_block(&f, at_block, to + b * f.bytes, row, count);
        }
    }
}

/* One row of a block, as files have it: `apart` of PN_APART_MAX bytes is where it is put together
 * from, or put. */
static const uint8_t *
read_block(const block_form *f, tile_block from, size_t r, uint8_t *apart, uint8_t *block)
{
    for (size_t w = 0; w < f->words; w++) {
        memcpy(apart + 2 * w, from.scales + 2 * (w * TILE + r), 2);
    }
    for (size_t k = 0; k < f->subs; k++) {
        apart[2 * f->words + k] = from.scales[(2 * f->words + k) * TILE + r];
    }
    for (size_t k = 0; k < f->quants; k++) {
        apart[f->front + k] = from.quants[k * TILE + r];
    }
    if (f->dtype->put_together == NULL) {
        return apart;
    }
    f->dtype->put_together(apart, block);
    return block;
}

static void read_row(const pn_matrix *m, const void *packed, int64_t row, float *out)
{
    block_form f = form_of(m);
    size_t tile = (size_t)row / TILE;
    size_t r = (size_t)row % TILE;
    uint8_t apart[PN_APART_MAX];
    uint8_t block[PN_APART_MAX];
    if (!quantised(m)) {
        const uint8_t *from = (const uint8_t *)packed + tile * TILE * pn_matrix_row_bytes(m);
        for (size_t c = 0; c < (size_t)m->cols; c++) {
            f.dtype->to_f32(from + (c * TILE + r) * f.bytes, out + c, 1);
        }
        return;
    }
    for (size_t b = 0; b < blocks_of(m); b++) {
        tile_block from = locate(m, &f, (void *)packed, tile, b);
        f.dtype->to_f32(read_block(&f, from, r, apart, block), out + b * f.dtype->block,
                        f.dtype->block);
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
