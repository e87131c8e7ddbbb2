// SPDX-License-Identifier: Apache-2.0
// softmax_row, softmax_lanes, softmax_subgroup, softmax_wide: exp(x - max) / sum along rows. A row
// whose every entry is the mask's value gives zeros.
#include "lib/exp.clh"
#include "lib/group.clh"
#include "lib/lanes.clh"
#include "lib/rows.clh"

#define MASKED -2.3819763e38f

// What the exponentials of a row are multiplied by.
static inline float scale_of(float top, float sum)
{
    return top <= MASKED ? 0.0f : 1.0f / sum;
}

// One group of LANES work-items a row, any strides.
GROUP_KERNEL(softmax_row, softmax_lanes, softmax_subgroup)(ROW_PARAMS)
{
    __local float shared[LANES];
    const int row = GROUP_INDEX;
    const int lane = get_local_id(0);
    float top = -INFINITY;
    for (int i = lane; i < cols; i += LANES) {
        top = fmax(top, X(row, i));
    }
    top = lanes_max(top, shared);
    float sum = 0.0f;
    for (int i = lane; i < cols; i += LANES) {
        sum += exp_of_negative(X(row, i) - top);
    }
    const float scale = scale_of(top, lanes_sum(sum, shared));
    for (int i = lane; i < cols; i += LANES) {
        OUT_PUT(out, out_at + OUT_AT(row, i), exp_of_negative(X(row, i) - top) * scale);
    }
}

// One work-item a row, 16 columns at a time: float32, unit steps, columns a multiple of 16.
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void softmax_wide(ROW_PARAMS)
{
    const int row = get_global_id(0);
    __global const float *from = (__global const float *)x + x_at + X_AT(row, 0);
    __global float *to = (__global float *)out + out_at + OUT_AT(row, 0);
    float16 tops = -INFINITY;
    for (int i = 0; i < cols; i += 16) {
        tops = fmax(tops, vload16(0, from + i));
    }
    const float top = max_of_lanes(tops);
    float16 sums = 0.0f;
    for (int i = 0; i < cols; i += 16) {
        const float16 p = exp_of_negative(vload16(0, from + i) - top);
        vstore16(p, 0, to + i);
        sums += p;
    }
    const float scale = scale_of(top, sum_of_lanes(sums));
    for (int i = 0; i < cols; i += 16) {
        vstore16(vload16(0, to + i) * scale, 0, to + i);
    }
}
