// SPDX-License-Identifier: Apache-2.0
// cumsum_row, cumsum_lanes: each element becomes the sum of its row up to and with it.
#include "lib/group.clh"
#include "lib/rows.clh"

#if defined(INTEGERS) && INTEGERS
#define ACC     uint // wraps around
#define TERM(x) as_uint(x)
#define DONE(x) as_int(x)
#else
#define ACC     float
#define TERM(x) (x)
#define DONE(x) (x)
#endif

// One work-item a row.
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void cumsum_row(ROW_PARAMS)
{
    const int row = get_global_id(0);
    ACC sum = 0;
    for (int i = 0; i < cols; i++) {
        sum += TERM(X(row, i));
        OUT_PUT(out, out_at + OUT_AT(row, i), DONE(sum));
    }
}

// One group of LANES work-items a row: each sums a stretch of its own, then goes through it again
// from the sum of those before.
__kernel __attribute__((reqd_work_group_size(64, 1, 1)))
void cumsum_lanes(ROW_PARAMS)
{
    __local ACC shared[LANES];
    const int row = GROUP_INDEX;
    const int lane = get_local_id(0);
    const int stretch = (cols + LANES - 1) / LANES;
    const int first = min(lane * stretch, cols);
    const int end = min(first + stretch, cols);
    ACC sum = 0;
    for (int i = first; i < end; i++) {
        sum += TERM(X(row, i));
    }
    shared[lane] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    sum = 0;
    for (int before = 0; before < lane; before++) {
        sum += shared[before];
    }
    for (int i = first; i < end; i++) {
        sum += TERM(X(row, i));
        OUT_PUT(out, out_at + OUT_AT(row, i), DONE(sum));
    }
}
