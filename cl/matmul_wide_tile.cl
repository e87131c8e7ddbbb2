/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_wide_tile: many tokens times stored weights, where a work-item is best a vector unit.
 *
 * A work-item takes 16 rows and a group of tokens. It makes PANEL columns of its rows float32 in
 * local memory and multiplies them with the group's activations, TILE tokens at a time: so many that
 * their sums stay in registers. */
#ifndef TILE
#define TILE         6   /* tokens side by side */
#define PANEL        256 /* columns; a multiple of 32 */
#define GROUP_TILES  16  /* token tiles of a work-item */
#endif
#define W_LANES 16
#include "lib/parts.clh"
#include "lib/weights.clh"
#include "lib/lanes16.clh"

#define SUMS (GROUP_TILES * TILE * 16) /* of a work-item's tokens and rows */

/* Columns col .. col + n - 1 of 16 rows as floats, [n][16]. */
static inline void unpack(weights w, uint row, uint col, uint n, __local float *panel)
{
#ifdef W_SCALED
    for (uint at = 0; at < n; at += W_BLOCK) {
        const uint block = (col + at) / W_BLOCK;
        const float16 scale = w_scale(w, row, block);
#ifdef W_SHIFTED
        const float16 least = w_min(w, row, block);
#else
        const float16 least = 0.0f;
#endif
        for (uint k = 0; k < W_HALF; k++) {
            float16 a;
            float16 b;
            w_pair(w, row, block, k, &a, &b);
            vstore16(a * scale + least, at + k, panel);
            vstore16(b * scale + least, at + k + W_HALF, panel);
        }
    }
#else
    for (uint k = 0; k < n; k++) {
        vstore16(w_column(w, row, col + k), k, panel);
    }
#endif
}

/* sums[TILE][16] (+)= x[n][TILE] times panel[n][16]. */
static inline void multiply(__global const float *x,
                            __local const float *panel,
                            uint n,
                            uint go_on,
                            __local float *sums)
{
    float16 acc[TILE];
#pragma unroll
    for (uint t = 0; t < TILE; t++) {
        acc[t] = go_on ? vload16(t, sums) : (float16)(0.0f);
    }
    for (uint k = 0; k < n; k++, x += TILE) {
        const float16 w = vload16(k, panel);
#pragma unroll
        for (uint t = 0; t < TILE; t++) {
            acc[t] += w * x[t];
        }
    }
#pragma unroll
    for (uint t = 0; t < TILE; t++) {
        vstore16(acc[t], t, sums);
    }
}

/* All columns for token tiles begin .. end - 1. */
static inline void multiply_group(weights w,
                                  uint row,
                                  __global const float *x,
                                  uint begin,
                                  uint end,
                                  __local float *panel,
                                  __local float *sums)
{
    for (uint col = 0; col < COLS; col += PANEL) {
        const uint n = min((uint)PANEL, (uint)COLS - col);
        unpack(w, row, col, n, panel);
        for (uint i = begin; i < end; i++) {
            multiply(x + ((ulong)i * COLS + col) * TILE, panel, n, col > 0,
                     sums + (i - begin) * TILE * 16);
        }
    }
}

/* x is [tokens / TILE][COLS][TILE]. Work-items: tiles of 16 rows from `first` on, by groups of
 * tokens. Work-group: 1. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
matmul_wide_tile(__global const float *x, const long x_at, const uint tokens,
                 const uint first PART_PARAMS)
{
    __local float panel[PANEL * 16];
    __local float sums[VALUES * SUMS];
    const uint tile = first + get_global_id(0);
    const uint begin = get_global_id(1) * GROUP_TILES;
    const uint end = min(begin + GROUP_TILES, (tokens + TILE - 1) / TILE);
    weights w;
    uint row;
    uint rows;
    OPEN_TILE(tile, w, row, rows)
    for (uint n = 0; n < VALUES; n++) {
        OPEN_VALUE(n, w)
        multiply_group(w, row, x + x_at, begin, end, panel, sums + n * SUMS);
    }
    const uint lanes = rows - row;
    for (uint t = begin * TILE; t < end * TILE && t < tokens; t++) {
        __local const float *v = sums + (t - begin * TILE) * 16;
        const float16 v0 = vload16(0, v);
        const float16 v1 = vload16(0, v + (VALUES - 1) * SUMS);
        PUT(tile, t, row, v0, v1)
    }
}
