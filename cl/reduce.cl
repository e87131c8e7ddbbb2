// SPDX-License-Identifier: Apache-2.0
// reduce_row, reduce_lanes, reduce_subgroup, reduce_wide: a row becomes one number.
//
// The host defines REDUCE_sum, _mean, _max, _min, _all_true or _any_true and says whether the
// elements are INTEGERS. A reduction is where it starts (FIRST), what an element counts for (TERM),
// how two are joined (JOIN), or those of a subgroup (SUBGROUP_JOIN), and what becomes of the whole
// (DONE).
#include "lib/group.clh"
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
#define SUBGROUP_JOIN sub_group_reduce_min
#elif defined(REDUCE_any_true)
#define ACC        int
#define FIRST      0
#define TERM(x)    ((x) != 0)
#define JOIN(a, b) ((a) | (b))
#define SUBGROUP_JOIN sub_group_reduce_max
#elif defined(REDUCE_sum) && INTEGERS
#define ACC        uint // wraps around
#define FIRST      0
#define TERM(x)    as_uint(x)
#define JOIN(a, b) ((a) + (b))
#define SUBGROUP_JOIN sub_group_reduce_add
#undef DONE
#define DONE(all)  as_int(all)
#elif defined(REDUCE_max) && INTEGERS
#define ACC        int
#define FIRST      INT_MIN
#define TERM(x)    (x)
#define JOIN(a, b) max(a, b)
#define SUBGROUP_JOIN sub_group_reduce_max
#elif defined(REDUCE_min) && INTEGERS
#define ACC        int
#define FIRST      INT_MAX
#define TERM(x)    (x)
#define JOIN(a, b) min(a, b)
#define SUBGROUP_JOIN sub_group_reduce_min
#else
#define ACC        float
#define ACC16      float16
#define TERM(x)    (x)
#if defined(REDUCE_max) // NaN wins
#define FIRST      (-INFINITY)
#define JOIN(a, b) select(a, b, (b) > (a) || (b) != (b))
#define SUBGROUP_JOIN(a) (sub_group_any((a) != (a)) ? NAN : sub_group_reduce_max(a))
#elif defined(REDUCE_min)
#define FIRST      INFINITY
#define JOIN(a, b) select(a, b, (b) < (a) || (b) != (b))
#define SUBGROUP_JOIN(a) (sub_group_any((a) != (a)) ? NAN : sub_group_reduce_min(a))
#else
#define FIRST      0.0f
#define JOIN(a, b) ((a) + (b))
#define SUBGROUP_JOIN sub_group_reduce_add
#endif
#if defined(REDUCE_mean)
#undef DONE
#define DONE(all)  ((all) / (float)cols)
#endif
#endif

GROUP_REDUCTION(lanes_join, ACC, JOIN, SUBGROUP_JOIN)

// One group of LANES work-items a row, any strides.
GROUP_KERNEL(reduce_row, reduce_lanes, reduce_subgroup)(ROW_PARAMS)
{
    __local ACC shared[LANES];
    const int row = GROUP_INDEX;
    const int lane = get_local_id(0);
    ACC all = FIRST;
    for (int i = lane; i < cols; i += LANES) {
        const ACC term = TERM(X(row, i));
        all = JOIN(all, term);
    }
    all = lanes_join(all, shared);
    if (lane == 0) {
        OUT_PUT(out, out_at + OUT_AT(row, 0), DONE(all));
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
