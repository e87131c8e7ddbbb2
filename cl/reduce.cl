// SPDX-License-Identifier: Apache-2.0
// reduce_row, reduce_lanes, reduce_wide: a row becomes one number.
//
// The host defines REDUCE_sum, _mean, _max, _min, _all_true or _any_true and says whether the
// elements are INTEGERS. A reduction is where it starts (FIRST), what an element counts for (TERM),
// how two are joined (JOIN) and what becomes of the whole (DONE).
#include "lib/row_group.clh"
#include "lib/rows.clh"

#ifndef INTEGERS
#define REDUCE_sum
#define INTEGERS 0
#endif

#define DONE(all) (all)
#if defined(REDUCE_all_true)
#define ACC        int
#define FIRST      1
#define TERM(x)    ((x) != 0)
#define JOIN(a, b) ((a) & (b))
#elif defined(REDUCE_any_true)
#define ACC        int
#define FIRST      0
#define TERM(x)    ((x) != 0)
#define JOIN(a, b) ((a) | (b))
#elif defined(REDUCE_sum) && INTEGERS
#define ACC        uint // wraps around
#define FIRST      0
#define TERM(x)    as_uint(x)
#define JOIN(a, b) ((a) + (b))
#undef DONE
#define DONE(all)  as_int(all)
#elif defined(REDUCE_max) && INTEGERS
#define ACC        int
#define FIRST      INT_MIN
#define TERM(x)    (x)
#define JOIN(a, b) max(a, b)
#elif defined(REDUCE_min) && INTEGERS
#define ACC        int
#define FIRST      INT_MAX
#define TERM(x)    (x)
#define JOIN(a, b) min(a, b)
#else
#define ACC        float
#define ACC16      float16
#define TERM(x)    (x)
#if defined(REDUCE_max) // NaN wins
#define FIRST      (-INFINITY)
#define JOIN(a, b) select(a, b, (b) > (a) || (b) != (b))
#elif defined(REDUCE_min)
#define FIRST      INFINITY
#define JOIN(a, b) select(a, b, (b) < (a) || (b) != (b))
#else
#define FIRST      0.0f
#define JOIN(a, b) ((a) + (b))
#endif
#if defined(REDUCE_mean)
#undef DONE
#define DONE(all)  ((all) / (float)cols)
#endif
#endif

// One work-item a row, any strides.
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void reduce_row(ROW_PARAMS)
{
    const int row = get_global_id(0);
    ACC all = FIRST;
    for (int i = 0; i < cols; i++) {
        const ACC term = TERM(X(row, i));
        all = JOIN(all, term);
    }
    OUT_PUT(out, out_at + OUT_AT(row, 0), DONE(all));
}

// One group of LANES work-items a row, any strides.
__kernel __attribute__((reqd_work_group_size(64, 1, 1)))
void reduce_lanes(ROW_PARAMS)
{
    __local ACC shared[LANES];
    const int row = get_global_id(0) / LANES;
    const int lane = get_local_id(0);
    ACC all = FIRST;
    for (int i = lane; i < cols; i += LANES) {
        const ACC term = TERM(X(row, i));
        all = JOIN(all, term);
    }
    shared[lane] = all;
    for (int half_way = LANES / 2; half_way > 0; half_way /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < half_way) {
            const ACC other = shared[lane + half_way];
            shared[lane] = JOIN(shared[lane], other);
        }
    }
    if (lane == 0) {
        OUT_PUT(out, out_at + OUT_AT(row, 0), DONE(shared[0]));
    }
}

#ifdef ACC16
// One work-item a row, 16 columns at a time: float32 with unit steps.
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void reduce_wide(ROW_PARAMS)
{
    const int row = get_global_id(0);
    __global const float *from = (__global const float *)x + x_at + X_AT(row, 0);
    ACC16 all = FIRST;
    int i = 0;
    for (; i + 16 <= cols; i += 16) {
        const ACC16 term = vload16(0, from + i);
        all = JOIN(all, term);
    }
    ACC lanes[16];
    vstore16(all, 0, lanes);
    ACC one = FIRST;
    for (int lane = 0; lane < 16; lane++) {
        one = JOIN(one, lanes[lane]);
    }
    for (; i < cols; i++) {
        one = JOIN(one, from[i]);
    }
    OUT_PUT(out, out_at + OUT_AT(row, 0), DONE(one));
}
#endif
