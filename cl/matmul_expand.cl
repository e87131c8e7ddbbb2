/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_expand: rows of stored weights of any element type and layout as a plain float32 matrix, for
 * libraries that multiply those. */
#ifndef COLS
#define COLS 64
#if !defined(LAYOUT_rows16) && !defined(LAYOUT_plain)
#define DTYPE_f32
#define LAYOUT_rows16
#endif
#endif
#include "lib/weights.clh"

/* Work-items: elements of rows first .. first + rows - 1, padded to 64. out [rows][COLS]. */
__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void
matmul_expand(__global const uchar *data,
              const long data_at, /* bytes */
              const ulong scales, /* bytes from the part's start to its scales */
              const uint first,
              const uint rows,
              __global float *out,
              const long out_at)
{
    const ulong i = get_global_id(0);
    if (i < (ulong)rows * COLS) {
        out[out_at + i] = w_get(w_open(data, data_at, scales), first + (uint)(i / COLS), (uint)(i % COLS));
    }
}
