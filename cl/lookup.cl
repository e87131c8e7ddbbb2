/* SPDX-License-Identifier: Apache-2.0 */
/* lookup_rows: row ids[i] of a stored table as float, one work-item an element. A table in several
 * parts takes a launch a part, each for the ids that its rows hold; ids outside the table give
 * zeros, written by the first part. */
#ifndef COLS
#define COLS 32
#if !defined(LAYOUT_rows16) && !defined(LAYOUT_plain)
#define DTYPE_f32
#define LAYOUT_rows16
#endif
#endif
#include "lib/weights.clh"

/* Work-items: count = ids * COLS, padded to 64. ids [count / COLS], out [count]. */
__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void
lookup_rows(__global const uchar *table,
            long table_at, /* bytes */
            __global const int *ids,
            long ids_at,
            __global float *out,
            long out_at,
            ulong scales, /* bytes from the part's start to its scales */
            int first,    /* row of the table that the part begins with */
            int rows,     /* of the part */
            int all_rows, /* of the table */
            long count)
{
    const long i = get_global_id(0);
    if (i >= count) {
        return;
    }
    const int id = ids[ids_at + i / COLS];
    const uint col = (uint)(i % COLS);
    if (id >= first && id < first + rows) {
        out[out_at + i] = w_get(w_open(table, table_at, scales), (uint)(id - first), col);
    } else if (first == 0 && (id < 0 || id >= all_rows)) {
        out[out_at + i] = 0.0f;
    }
}
