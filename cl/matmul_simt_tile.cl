/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_simt_tile: many tokens times stored weights, for GPUs.
 *
 * A work-group of 64 takes 16 rows and 64 tokens, 32 columns at a time: it makes the weights float32
 * in local memory, puts the activations beside them, and each lane multiplies 4 rows by 4 tokens. */
#define W_LANES 4
#include "lib/parts.clh"
#include "lib/place.clh"
#include "lib/weights.clh"

#define F                    float
#define LOADF(p, at)         ((p)[at])
#define STOREF(p, at, value) ((p)[at] = (value))

enum {
    LANES = 64,
    TOKENS_A_GROUP = 64,
    STEP = 32,                        /* columns in local memory */
    X_LINE = TOKENS_A_GROUP / 4 + 1   /* float4: lines of one column begin on different banks */
};

/* Columns col .. col + 31 of 16 rows, [32][16]; zeros after the last column. Each lane makes one
 * pair of columns of 4 rows. */
static inline void unpack(weights w, uint row, uint col, __local float4 *to)
{
    const uint lane = get_local_id(0);
    const uint r = row + lane % 4 * 4;
    float4 a = 0.0f;
    float4 b = 0.0f;
#ifdef W_SCALED
    const uint pair = lane / 4;
    const uint block = col / W_BLOCK + pair / W_HALF;
    const uint k = pair / W_HALF * W_BLOCK + pair % W_HALF;
    const uint other = k + W_HALF;
    const float4 scale = w_scale(w, r, block);
    w_pair(w, r, block, pair % W_HALF, &a, &b);
    a *= scale;
    b *= scale;
#ifdef W_SHIFTED
    const float4 least = w_min(w, r, block);
    a += least;
    b += least;
#endif
#else
    const uint k = lane / 4;
    const uint other = k + 16;
    if (col + k < COLS) {
        a = w_column(w, r, col + k);
    }
    if (col + other < COLS) {
        b = w_column(w, r, col + other);
    }
#endif
    to[k * 4 + lane % 4] = a;
    to[other * 4 + lane % 4] = b;
}

/* The activations of 4 columns from x on; zeros after the last column. */
static inline float4 load_columns(__global const float *x, uint col)
{
#if COLS % 4 == 0
    return col < COLS ? vload4(0, x) : 0.0f;
#else
    float v[4];
    for (uint i = 0; i < 4; i++) {
        v[i] = col + i < COLS ? x[i] : 0.0f;
    }
    return vload4(0, v);
#endif
}

/* The activations of those columns, [32][X_LINE * 4]; x begins at the group's first token. Each lane
 * takes 4 columns of every eighth token. */
static inline void
load_x(__global const float *x, long x_step, uint tokens, uint col, __local float *to)
{
    const uint lane = get_local_id(0);
    const uint k = lane % 8 * 4;
    for (uint t = lane / 8; t < TOKENS_A_GROUP; t += 8) {
        const float4 v = t < tokens ? load_columns(x + t * x_step + col + k, col + k) : 0.0f;
        __local float *p = to + k * X_LINE * 4 + t;
        p[0] = v.x;
        p[X_LINE * 4] = v.y;
        p[X_LINE * 8] = v.z;
        p[X_LINE * 12] = v.w;
    }
}

/* 4 rows (by lane % 4) of each of the 4 tokens from lane / 4 * 4 on. A vector, since compilers put
 * arrays of sums into memory where they do not unroll what is around them. */
static inline float16 multiply(weights w,
                               uint row,
                               __global const float *x,
                               long x_step,
                               uint tokens,
                               __local float4 *panel,
                               __local float4 *xs)
{
    const uint lane = get_local_id(0);
    float4 acc0 = 0.0f;
    float4 acc1 = 0.0f;
    float4 acc2 = 0.0f;
    float4 acc3 = 0.0f;
    for (uint col = 0; col < COLS; col += STEP) {
        barrier(CLK_LOCAL_MEM_FENCE);
        unpack(w, row, col, panel);
        load_x(x, x_step, tokens, col, (__local float *)xs);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint k = 0; k < STEP; k++) {
            const float4 a = panel[k * 4 + lane % 4];
            const float4 b = xs[k * X_LINE + lane / 4];
            acc0 += a * b.x;
            acc1 += a * b.y;
            acc2 += a * b.z;
            acc3 += a * b.w;
        }
    }
    return (float16)(acc0, acc1, acc2, acc3);
}

#define PUT_ROW(token, r, v0, v1)                                                                  \
    if ((r) < rows) {                                                                              \
        PUT(tile, token, r, v0, v1)                                                                \
    }
#define PUT_TOKEN(token, v0, v1)                                                                   \
    if ((token) < tokens) {                                                                        \
        PUT_ROW(token, row, (v0).x, (v1).x)                                                        \
        PUT_ROW(token, row + 1, (v0).y, (v1).y)                                                    \
        PUT_ROW(token, row + 2, (v0).z, (v1).z)                                                    \
        PUT_ROW(token, row + 3, (v0).w, (v1).w)                                                    \
    }

/* Work-groups: tiles from `first` on, by 64 tokens. */
__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void
matmul_simt_tile(__global const float *x,
                 const long x_at,
                 const long x_step,
                 const uint tokens,
                 const uint first PART_PARAMS)
{
    __local float4 panel[STEP * 4];
    __local float4 xs[STEP * X_LINE];
    const uint lane = get_local_id(0);
    const uint tile = first + GROUP_INDEX;
    const uint token = get_global_id(1) * TOKENS_A_GROUP;
    weights w;
    uint row;
    uint rows;
    float16 v0 = 0.0f; /* of the first weights and, of a joint pair, the second */
    float16 v1 = 0.0f;
    OPEN_TILE(tile, w, row, rows)
    x += x_at + token * x_step;
    for (uint n = 0; n < VALUES; n++) {
        OPEN_VALUE(n, w)
        v1 = multiply(w, row, x, x_step, tokens - token, panel, xs);
        v0 = n == 0 ? v1 : v0;
    }
    const uint t = token + lane / 4 * 4;
    row += lane % 4 * 4;
    PUT_TOKEN(t, v0.lo.lo, v1.lo.lo)
    PUT_TOKEN(t + 1, v0.lo.hi, v1.lo.hi)
    PUT_TOKEN(t + 2, v0.hi.lo, v1.hi.lo)
    PUT_TOKEN(t + 3, v0.hi.hi, v1.hi.hi)
}
