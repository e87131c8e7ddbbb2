/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_pack: activations of TILE tokens side by side, [tokens / TILE][COLS][TILE], on the way
 * through an absorbed norm. One column of all tokens of a tile is then one short run of memory;
 * eight separate rows would fall on the same cache sets. */
#ifndef X_AT
#define COLS          64
#define TILE          4
#define X_T           float
#define X_AT(row, col) ((long)(row) * 64 + (col))
#define X_GET(p, at)   ((p)[at])
#endif
#define F            float
#define LOADF(p, at) ((p)[at])
#include "lib/norm.clh"
#include "lib/group.clh"

#define X(row, col) X_GET(x, x_at + X_AT(row, col))

/* Work-groups of LANES: one a tile. The last tile is filled up with copies of the last token. */
__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void
matmul_pack(__global const X_T *x,
            const long x_at,
            const uint tokens,
            __global float *out,
            const long out_at NORM_PARAMS)
{
    const uint lane = get_local_id(0);
    __global float *to = out + out_at + (ulong)GROUP_INDEX * COLS * TILE;
    const uint first = GROUP_INDEX * TILE;
#ifdef NORM
    __local float shared[LANES];
    for (uint j = 0; j < TILE; j++) {
        const uint token = min(first + j, tokens - 1);
        float mean = 0.0f;
#ifdef NORM_LAYER
        for (uint k = lane; k < COLS; k += LANES) {
            mean += X(token, k);
        }
        mean = lanes_sum(mean, shared) / COLS;
#endif
        float squares = 0.0f;
        for (uint k = lane; k < COLS; k += LANES) {
            const float d = X(token, k) - mean;
            squares += d * d;
        }
        const float scale = NORM_SCALE(lanes_sum(squares, shared), COLS);
        for (uint k = lane; k < COLS; k += LANES) {
            const float v = (X(token, k) - mean) * scale;
            to[(ulong)k * TILE + j] = NORM_PROGRAM(v, v, (long)token, k);
        }
    }
#else
    for (uint k = lane; k < COLS; k += LANES) {
#pragma unroll
        for (uint j = 0; j < TILE; j++) {
            to[(ulong)k * TILE + j] = X(min(first + j, tokens - 1), k);
        }
    }
#endif
}
