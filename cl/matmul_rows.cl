/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_rows: stored weights of any element type in any layout, element by element; for layouts
 * that have no kernel of their own. A work-group's LANES are 16 rows by 4 slices of the columns. */
#include "lib/parts.clh"
#include "lib/group.clh"
#include "lib/weights.clh"

#define F                    float
#define LOADF(p, at)         ((p)[at])
#define STOREF(p, at, value) ((p)[at] = (value))

enum { SLICES = LANES / 16 };

/* The product of one row and one token's activations, for the lanes of slice 0. */
static inline float
multiply(weights w, uint row, __global const float *x, __local float *shared)
{
    const uint lane = get_local_id(0);
    float sum = 0.0f;
    for (uint k = lane / 16; k < COLS; k += SLICES) {
        sum += w_get(w, row, k) * x[k];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    shared[lane] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint i = 1; i < SLICES; i++) {
        sum += shared[(lane + i * 16) % LANES];
    }
    return sum;
}

/* Work-groups: tiles of 16 rows from `first` on, by tokens. */
__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void
matmul_rows(__global const float *x,
            const long x_at,
            const long x_step,
            const uint tokens,
            const uint first PART_PARAMS)
{
    __local float shared[LANES];
    const uint lane = get_local_id(0);
    const uint tile = first + GROUP_INDEX;
    const uint token = get_global_id(1);
    weights w;
    uint row;
    uint rows;
    OPEN_TILE(tile, w, row, rows)
    const uint r = row + lane % 16;
    x += x_at + token * x_step;
    float v[VALUES];
    for (uint n = 0; n < VALUES; n++) {
        OPEN_VALUE(n, w)
        v[n] = multiply(w, min(r, rows - 1), x, shared);
    }
    if (lane < 16 && r < rows) {
        PUT(tile, token, r, v[0], v[VALUES - 1])
    }
}
