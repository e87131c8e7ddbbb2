/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_simt_tile: many tokens times stored weights, for GPUs.
 *
 * A work-group of 64 takes 16 rows and 64 tokens, 32 columns at a time: it makes the weights float32
 * in local memory, puts the activations beside them, and each lane multiplies 4 rows by 4 tokens. */
#define W_LANES 4
#include "lib/parts.clh"
#include "lib/weights.clh"

#define F                    float
#define LOADF(p, at)         ((p)[at])
#define STOREF(p, at, value) ((p)[at] = (value))

enum {
    LANES = 64,
    TOKENS_A_GROUP = 64,
    STEP = 32,                      /* columns in local memory */
    X_LINE = TOKENS_A_GROUP + 4     /* floats: lines of one column begin on different banks */
};

/* Columns col .. col + 31 of 16 rows, [32][16]; zeros after the last column. Each lane makes one
 * pair of columns of 4 rows. */
static inline void unpack(weights w, uint row, uint col, __local float *to)
{
    const uint lane = get_local_id(0);
    const uint r = row + lane % 4 * 4;
    const uint k = lane / 4;
    float4 a = 0.0f;
    float4 b = 0.0f;
#ifdef W_SCALED
    const float4 scale = w_scale(w, r, col / 32);
    w_pair(w, r, col / 32, k, &a, &b);
    a *= scale;
    b *= scale;
#ifdef W_SHIFTED
    const float4 least = w_min(w, r, col / 32);
    a += least;
    b += least;
#endif
#else
    if (col + k < COLS) {
        a = w_column(w, r, col + k);
    }
    if (col + k + 16 < COLS) {
        b = w_column(w, r, col + k + 16);
    }
#endif
    vstore4(a, k * 4 + lane % 4, to);
    vstore4(b, (k + 16) * 4 + lane % 4, to);
}

/* The activations of those columns, [32][X_LINE]; x begins at the group's first token. */
static inline void
load_x(__global const float *x, long x_step, uint tokens, uint col, __local float *to)
{
    const uint lane = get_local_id(0);
    const uint k = lane % STEP;
    for (uint t = lane / STEP; t < TOKENS_A_GROUP; t += LANES / STEP) {
        to[k * X_LINE + t] = t < tokens && col + k < COLS ? x[t * x_step + col + k] : 0.0f;
    }
}

/* acc[j]: 4 rows (by lane % 4) of token lane / 4 * 4 + j. */
static inline void multiply(weights w,
                            uint row,
                            __global const float *x,
                            long x_step,
                            uint tokens,
                            __local float *panel,
                            __local float *xs,
                            float4 *acc)
{
    const uint lane = get_local_id(0);
    for (uint j = 0; j < 4; j++) {
        acc[j] = 0.0f;
    }
    for (uint col = 0; col < COLS; col += STEP) {
        barrier(CLK_LOCAL_MEM_FENCE);
        unpack(w, row, col, panel);
        load_x(x, x_step, tokens, col, xs);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint k = 0; k < STEP; k++) {
            const float4 a = vload4(k * 4 + lane % 4, panel);
            const float4 b = vload4(0, xs + k * X_LINE + lane / 4 * 4);
            acc[0] += a * b.x;
            acc[1] += a * b.y;
            acc[2] += a * b.z;
            acc[3] += a * b.w;
        }
    }
}

/* Work-groups: tiles from `first` on, by 64 tokens. */
__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void
matmul_simt_tile(__global const float *x,
                 const long x_at,
                 const long x_step,
                 const uint tokens,
                 const uint first PART_PARAMS)
{
    __local float panel[STEP * 16];
    __local float xs[STEP * X_LINE];
    const uint lane = get_local_id(0);
    const uint tile = first + get_group_id(0);
    const uint token = get_group_id(1) * TOKENS_A_GROUP;
    weights w;
    uint row;
    uint rows;
    float4 acc[VALUES * 4];
    OPEN_TILE(tile, w, row, rows)
    x += x_at + token * x_step;
    for (uint n = 0; n < VALUES; n++) {
        OPEN_VALUE(n, w)
        multiply(w, row, x, x_step, tokens - token, panel, xs, acc + n * 4);
    }
    for (uint j = 0; j < 4; j++) {
        const uint t = token + lane / 4 * 4 + j;
        float v[2][4];
        vstore4(acc[j], 0, v[0]);
        vstore4(acc[(VALUES - 1) * 4 + j], 0, v[1]);
        for (uint i = 0; i < 4; i++) {
            const uint r = row + lane % 4 * 4 + i;
            if (t < tokens && r < rows) {
                PUT(tile, t, r, v[0][i], v[1][i])
            }
        }
    }
}
