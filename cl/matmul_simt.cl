/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_simt: a few tokens times stored weights, for GPUs. matmul_simt_subgroup: the same after a
 * norm, which subgroups sum up.
 *
 * A work-group takes a tile of 16 rows and TOKENS tokens. Its LANES are 4 by 16: 4 lanes hold 4 rows
 * each, so that neighbouring lanes read neighbouring bytes, times 16 slices of the columns, whose
 * sums are added up in local memory at the end. */
#define W_LANES 4
#include "lib/norm.clh"
#include "lib/parts.clh"
#include "lib/group.clh"
#include "lib/weights.clh"

#define F                    float
#define LOADF(p, at)         ((p)[at])
#define STOREF(p, at, value) ((p)[at] = (value))

enum { SLICES = LANES / 4, HALF = LANES / 2 };

#ifdef NORM
#define X_SPACE    __local
#define X_ROW(t)   (x + (t) * COLS)

/* One token's row, normalised, into local memory. */
static inline void normalise(__global const float *x,
                             uint token,
                             __local float *to,
                             __local float *shared NORM_PARAMS)
{
    const uint lane = get_local_id(0);
    float mean = 0.0f;
#ifdef NORM_LAYER
    for (uint k = lane; k < COLS; k += LANES) {
        mean += x[k];
    }
    mean = lanes_sum(mean, shared) / COLS;
#endif
    float squares = 0.0f;
    for (uint k = lane; k < COLS; k += LANES) {
        const float d = x[k] - mean;
        squares += d * d;
    }
    const float scale = NORM_SCALE(lanes_sum(squares, shared), COLS);
    for (uint k = lane; k < COLS; k += LANES) {
        const float v = (x[k] - mean) * scale;
        to[k] = NORM_PROGRAM(v, v, (long)token, k);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}
#else
#define X_SPACE  __global
#define X_ROW(t) (x + min(token + (t), tokens - 1) * x_step)
#endif

/* This lane's slice: acc[t] = the sum over its columns of w[row .. row + 3, column] * x[t, column]. */
static inline void multiply_slice(weights w,
                                  uint row,
                                  X_SPACE const float *x,
                                  long x_step,
                                  uint token,
                                  uint tokens,
                                  float4 *acc)
{
    const uint slice = get_local_id(0) / 4;
    for (uint t = 0; t < TOKENS; t++) {
        acc[t] = 0.0f;
    }
#ifdef W_SCALED
    /* A slice has a pair of columns of every 32. */
    const uint k = slice % W_HALF;
    for (uint block = slice / W_HALF; block < BLOCKS; block += 32 / W_BLOCK) {
        const float4 scale = w_scale(w, row, block);
        float4 a;
        float4 b;
        w_pair(w, row, block, k, &a, &b);
#ifdef W_SHIFTED
        const float4 least = w_min(w, row, block);
        a = a * scale + least;
        b = b * scale + least;
#else
        a *= scale;
        b *= scale;
#endif
        for (uint t = 0; t < TOKENS; t++) {
            X_SPACE const float *p = X_ROW(t) + block * W_BLOCK + k;
            acc[t] += a * p[0] + b * p[W_HALF];
        }
    }
#else
    for (uint col = slice; col < COLS; col += SLICES) {
        const float4 a = w_column(w, row, col);
        for (uint t = 0; t < TOKENS; t++) {
            acc[t] += a * X_ROW(t)[col];
        }
    }
#endif
}

/* Adds up the slices: float r from room[t * HALF] on is then row r's sum for token t. Through local
 * memory in all forms: a subgroup has lanes of all 16 rows and would have to reduce 16 times, which
 * made the kernel twice as long on AMD. */
static inline void add_slices(const float4 *acc, __local float4 *room)
{
    const uint lane = get_local_id(0);
    for (uint t = 0; t < TOKENS && lane >= HALF; t++) {
        room[t * HALF + lane - HALF] = acc[t];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint t = 0; t < TOKENS && lane < HALF; t++) {
        room[t * HALF + lane] += acc[t];
    }
    for (uint n = HALF / 2; n >= 4; n /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < n) {
            for (uint t = 0; t < TOKENS; t++) {
                room[t * HALF + lane] += room[t * HALF + lane + n];
            }
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* Work-groups: tiles from `first` on, by TOKENS tokens (1 to 4) of `tokens`. */
GROUP_KERNEL(matmul_simt, matmul_simt, matmul_simt_subgroup)
(__global const float *x_in,
 const long x_at,
 const long x_step,
 const uint tokens,
 const uint first PART_PARAMS)
{
    __local float4 room[VALUES * TOKENS * HALF];
    const uint lane = get_local_id(0);
    const uint tile = first + GROUP_INDEX;
    const uint token = get_global_id(1) * TOKENS;
#ifdef NORM
    __local float shared[LANES];
    __local float x[TOKENS * COLS];
    for (uint t = 0; t < TOKENS; t++) {
        const uint from = min(token + t, tokens - 1);
        normalise(x_in + x_at + from * x_step, from, x + t * COLS, shared NORM_ARGS);
    }
#else
    __global const float *x = x_in + x_at;
#endif
    weights w;
    uint row;
    uint rows;
    float4 acc[TOKENS];
    OPEN_TILE(tile, w, row, rows)
    for (uint n = 0; n < VALUES; n++) {
        OPEN_VALUE(n, w)
        multiply_slice(w, row + lane % 4 * 4, x, x_step, token, tokens, acc);
        add_slices(acc, room + n * TOKENS * HALF);
    }
    /* 16 lanes a token. */
    const uint t = lane / 16;
    const uint r = lane % 16;
    if (t < TOKENS && token + t < tokens && row + r < rows) {
        __local const float *v = (__local const float *)(room + t * HALF) + r;
        const float v0 = v[0];
        const float v1 = v[(VALUES - 1) * TOKENS * HALF * 4];
        PUT(tile, token + t, row + r, v0, v1)
    }
}
