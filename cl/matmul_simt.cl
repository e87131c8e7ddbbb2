/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_simt, matmul_simt_subgroup: a few tokens times stored weights, for GPUs.
 *
 * A work-group takes a tile of 16 rows and TOKENS tokens. Its LANES are 4 by 16: 4 lanes hold 4 rows
 * each, so that neighbouring lanes read neighbouring bytes, times 16 slices of the columns, whose
 * sums are added up at the end. */
#define W_LANES 4
#include "lib/norm.clh"
#include "lib/parts.clh"
#include "lib/group.clh"
#include "lib/weights.clh"

#define F                    float
#define LOADF(p, at)         ((p)[at])
#define STOREF(p, at, value) ((p)[at] = (value))

/* SUMS: float4 of local memory for a token's sums. */
#ifdef GROUP_SUBGROUPS
enum { SLICES = LANES / 4, SUMS = LANES };
#else
enum { SLICES = LANES / 4, SUMS = LANES / 2 };
#endif

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
    for (uint block = 0; block < BLOCKS; block++) {
        const float4 scale = w_scale(w, row, block);
        float4 a;
        float4 b;
        w_pair(w, row, block, slice, &a, &b);
#ifdef W_SHIFTED
        const float4 least = w_min(w, row, block);
        a = a * scale + least;
        b = b * scale + least;
#else
        a *= scale;
        b *= scale;
#endif
        for (uint t = 0; t < TOKENS; t++) {
            X_SPACE const float *p = X_ROW(t) + block * 32 + slice;
            acc[t] += a * p[0] + b * p[16];
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

/* Adds up the slices: float r from room[t * SUMS] on is then row r's sum for token t. */
#ifdef GROUP_SUBGROUPS
static inline void add_slices(const float4 *acc, __local float4 *room)
{
    const uint lane = get_local_id(0);
    /* A subgroup of any size has lanes of all rows: those of 4 rows at a time. */
    for (uint t = 0; t < TOKENS; t++) {
        for (uint i = 0; i < 4; i++) {
            const float4 v = lane % 4 == i ? acc[t] : 0.0f;
            const float4 sum = (float4)(sub_group_reduce_add(v.x), sub_group_reduce_add(v.y),
                                        sub_group_reduce_add(v.z), sub_group_reduce_add(v.w));
            if (get_sub_group_local_id() == 0) {
                room[t * SUMS + get_sub_group_id() * 4 + i] = sum;
            }
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint t = 0; t < TOKENS && lane < 4; t++) {
        for (uint n = 1; n < get_num_sub_groups(); n++) {
            room[t * SUMS + lane] += room[t * SUMS + n * 4 + lane];
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}
#else
static inline void add_slices(const float4 *acc, __local float4 *room)
{
    const uint lane = get_local_id(0);
    for (uint t = 0; t < TOKENS && lane >= SUMS; t++) {
        room[t * SUMS + lane - SUMS] = acc[t];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint t = 0; t < TOKENS && lane < SUMS; t++) {
        room[t * SUMS + lane] += acc[t];
    }
    for (uint n = SUMS / 2; n >= 4; n /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < n) {
            for (uint t = 0; t < TOKENS; t++) {
                room[t * SUMS + lane] += room[t * SUMS + lane + n];
            }
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}
#endif

/* Work-groups: tiles from `first` on, by TOKENS tokens (1 to 4) of `tokens`. */
GROUP_KERNEL(matmul_simt, matmul_simt, matmul_simt_subgroup)
(__global const float *x_in,
 const long x_at,
 const long x_step,
 const uint tokens,
 const uint first PART_PARAMS)
{
    __local float4 room[VALUES * TOKENS * SUMS];
    const uint lane = get_local_id(0);
    const uint tile = first + get_group_id(0);
    const uint token = get_group_id(1) * TOKENS;
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
        add_slices(acc, room + n * TOKENS * SUMS);
    }
    /* 16 lanes a token. */
    const uint t = lane / 16;
    const uint r = lane % 16;
    if (t < TOKENS && token + t < tokens && row + r < rows) {
        __local const float *v = (__local const float *)(room + t * SUMS) + r;
        const float v0 = v[0];
        const float v1 = v[(VALUES - 1) * TOKENS * SUMS * 4];
        PUT(tile, token + t, row + r, v0, v1)
    }
}
