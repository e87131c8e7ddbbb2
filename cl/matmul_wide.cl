/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_wide: a few tokens times stored weights, where a work-item is best a vector unit. */
#define W_LANES 16
#ifndef QUAD
#define QUAD 8 /* floats of the device's own vectors: 4, 8 or 16 */
#endif
#include "lib/stage.clh"
#include "lib/parts.clh"
#include "lib/weights.clh"
#include "lib/lanes16.clh"
#include "lib/norm.clh"
#include "lib/lanes.clh"

#ifdef NORM
#define X_SPACE __local
#define X_STEP  COLS
#else
#define X_SPACE __global
#define X_STEP  x_step
#endif

#ifdef NORM
/* One token's row, normalised, into local memory. COLS is a multiple of 16. */
static inline void normalise(__global const float *x, uint token, __local float *to NORM_PARAMS)
{
    const uint lanes = 16;
    float mean = 0.0f;
    float16 sums = 0.0f;
#ifdef NORM_LAYER
    for (uint k = 0; k < COLS; k += 16) {
        sums += vload16(0, x + k);
    }
    mean = sum_of_lanes(sums) / COLS;
    sums = 0.0f;
#endif
    for (uint k = 0; k < COLS; k += 16) {
        const float16 d = vload16(0, x + k) - mean;
        sums += d * d;
    }
    const float scale = NORM_SCALE(sum_of_lanes(sums), COLS);
    for (uint k = 0; k < COLS; k += 16) {
        const float16 v = (vload16(0, x + k) - mean) * scale;
        vstore16(NORM_PROGRAM(v, v, (long)token, k), 0, to + k);
    }
    (void)lanes;
}
#endif

#ifdef W_SCALED
/* Blocks: their quants are multiplied as they are, the scale is applied to a block's sum, and the
 * minimum to the sum of its activations. */

/* vload4, of which PoCL 3.1 makes two loads. */
typedef float4 __attribute__((aligned(4))) float4_anywhere;
#define LOAD4(p) (*(X_SPACE const float4_anywhere *)(p))

/* Activations of QUAD / 4 columns, each four times, as w_quads has its columns. */
static inline QF spread(X_SPACE const float *x)
{
#if QUAD == 4
    return (float4)(x[0]);
#elif QUAD == 8
    return (float8)((float4)(x[0]), (float4)(x[1]));
#else
    return LOAD4(x).s0000111122223333;
#endif
}

#ifdef W_SHIFTED
static inline void sum_blocks(X_SPACE const float *x, __local float *sums)
{
    for (uint block = 0; block < BLOCKS; block++) {
        float4 sum = 0.0f;
#pragma unroll
        for (uint k = 0; k < W_BLOCK; k += 4) {
            sum += LOAD4(x + block * W_BLOCK + k);
        }
        sums[block] = (sum.x + sum.z) + (sum.y + sum.w);
    }
}
#endif

/* Sums over a quad vector's columns. */
static inline float4 fold(QF v)
{
#if QUAD == 4
    return v;
#elif QUAD == 8
    return v.lo + v.hi;
#else
    return (v.lo.lo + v.hi.lo) + (v.lo.hi + v.hi.hi);
#endif
}

/* Element j of vector b becomes row 4 j + b. */
static inline float16 in_row_order(const QF *s)
{
    float4 a = fold(s[0]) * W_QUAD_SCALE(0);
    float4 b = fold(s[1]) * W_QUAD_SCALE(1);
    float4 c = fold(s[2]) * W_QUAD_SCALE(2);
    float4 d = fold(s[3]) * W_QUAD_SCALE(3);
    float4 ab = (float4)(a.x, b.x, a.y, b.y);
    float4 cd = (float4)(c.x, d.x, c.y, d.y);
    float4 ab2 = (float4)(a.z, b.z, a.w, b.w);
    float4 cd2 = (float4)(c.z, d.z, c.w, d.w);
    return (float16)(ab.lo, cd.lo, ab.hi, cd.hi, ab2.lo, cd2.lo, ab2.hi, cd2.hi);
}

/* The other way: a number of each row, in the order of the quad vectors. */
static inline void in_quad_order(float16 rows, QF *quads)
{
#if QUAD == 4
    quads[0] = rows.s048c;
    quads[1] = rows.s159d;
    quads[2] = rows.s26ae;
    quads[3] = rows.s37bf;
#elif QUAD == 8
    quads[0] = rows.s048c048c;
    quads[1] = rows.s159d159d;
    quads[2] = rows.s26ae26ae;
    quads[3] = rows.s37bf37bf;
#else
    quads[0] = rows.s048c048c048c048c;
    quads[1] = rows.s159d159d159d159d;
    quads[2] = rows.s26ae26ae26ae26ae;
    quads[3] = rows.s37bf37bf37bf37bf;
#endif
}

static inline void multiply_tile(weights w,
                                 uint row,
                                 X_SPACE const float *x,
                                 long x_step,
                                 __local const float *sums,
                                 float16 *acc)
{
    QF total[TOKENS * 4];
#pragma unroll
    for (uint i = 0; i < TOKENS * 4; i++) {
        total[i] = 0.0f;
    }
#pragma unroll
    for (uint t = 0; t < TOKENS; t++) {
        acc[t] = 0.0f;
    }
    for (uint block = 0; block < BLOCKS; block++) {
        QF s[TOKENS * 4];
#pragma unroll
        for (uint i = 0; i < TOKENS * 4; i++) {
            s[i] = 0.0f;
        }
#pragma unroll
        for (uint k = 0; k < W_HALF; k += QUAD / 4) {
            QF low[4];
            QF high[4];
            w_quads(w, row, block, k, low, high);
#pragma unroll
            for (uint t = 0; t < TOKENS; t++) {
                X_SPACE const float *p = x + t * X_STEP + block * W_BLOCK + k;
                const QF x_low = spread(p);
                const QF x_high = spread(p + W_HALF);
#pragma unroll
                for (uint b = 0; b < 4; b++) {
                    s[t * 4 + b] += low[b] * x_low;
                    s[t * 4 + b] += high[b] * x_high;
                }
            }
        }
        QF scale[4];
        in_quad_order(w_scale(w, row, block), scale);
#pragma unroll
        for (uint t = 0; t < TOKENS; t++) {
#pragma unroll
            for (uint b = 0; b < 4; b++) {
                total[t * 4 + b] += scale[b] * s[t * 4 + b];
            }
#ifdef W_SHIFTED
            acc[t] += w_min(w, row, block) * sums[t * BLOCKS + block];
#endif
        }
    }
#pragma unroll
    for (uint t = 0; t < TOKENS; t++) {
        acc[t] += in_row_order(total + t * 4);
    }
}

#else /* dense types */

/* Neighbouring columns are summed apart: one chain of additions would wait for itself. */
#define CHAINS (TOKENS == 1 ? 4 : 2)

static inline void multiply_tile(weights w,
                                 uint row,
                                 X_SPACE const float *x,
                                 long x_step,
                                 __local const float *sums,
                                 float16 *acc)
{
    float16 s[TOKENS * CHAINS];
#pragma unroll
    for (uint i = 0; i < TOKENS * CHAINS; i++) {
        s[i] = 0.0f;
    }
    for (uint col = 0; col + CHAINS <= COLS; col += CHAINS) {
#pragma unroll
        for (uint i = 0; i < CHAINS; i++) {
            const float16 column = w_column(w, row, col + i);
#pragma unroll
            for (uint t = 0; t < TOKENS; t++) {
                s[t * CHAINS + i] += column * x[t * X_STEP + col + i];
            }
        }
    }
    for (uint col = COLS / CHAINS * CHAINS; col < COLS; col++) {
        const float16 column = w_column(w, row, col);
#pragma unroll
        for (uint t = 0; t < TOKENS; t++) {
            s[t * CHAINS] += column * x[t * X_STEP + col];
        }
    }
#pragma unroll
    for (uint t = 0; t < TOKENS; t++) {
        acc[t] = s[t * CHAINS];
#pragma unroll
        for (uint i = 1; i < CHAINS; i++) {
            acc[t] += s[t * CHAINS + i];
        }
    }
}
#endif

/* Work-items: tiles first .. first + count - 1, in runs of `run`. Work-group: 1. */
STAGE_KERNEL(1)
matmul_wide(STAGE_PLACE __global const float *x_in,
            long x_at,
            long x_step,
            uint first,
            uint count,
            uint run PART_PARAMS)
{
    X_SPACE const float *x;
    __local const float *sums = 0;
#ifdef NORM
    __local float normal[TOKENS * COLS];
    for (uint t = 0; t < TOKENS; t++) {
        normalise(x_in + x_at + t * x_step, t, normal + t * COLS NORM_ARGS);
    }
    x = normal;
#else
    x = x_in + x_at;
#endif
#ifdef W_SHIFTED
    __local float block_sums[TOKENS * BLOCKS];
    for (uint t = 0; t < TOKENS; t++) {
        sum_blocks(x + t * X_STEP, block_sums + t * BLOCKS);
    }
    sums = block_sums;
#endif
    const uint begin = PLACE(0) * run;
    const uint end = min(begin + run, count);
    for (uint i = begin; i < end; i++) {
        const uint tile = first + i;
        weights w;
        uint row;
        uint rows;
        float16 v[VALUES * TOKENS];
        OPEN_TILE(tile, w, row, rows)
        for (uint n = 0; n < VALUES; n++) {
            OPEN_VALUE(n, w)
            multiply_tile(w, row, x, x_step, sums, v + n * TOKENS);
        }
        const uint lanes = rows - row;
        for (uint t = 0; t < TOKENS; t++) {
            PUT(tile, t, row, v[t], v[(VALUES - 1) * TOKENS + t])
        }
    }
}
