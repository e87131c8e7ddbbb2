/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_strided: any two dense operands, one work-item an element of the output. The host gives the
 * addresses: X_AT(i, k) and W_AT(i, k) of output element i and contracted element k, OUT_AT(i). */
#ifndef X_AT
#define X_T                 float
#define X_AT(i, k)          ((long)(i) * 64 + (k))
#define X_GET(p, at)        ((p)[at])
#define W_T                 float
#define W_AT(i, k)          ((long)(k))
#define W_GET(p, at)        ((p)[at])
#define OUT_T               float
#define OUT_AT(i, k)        ((long)(i))
#define OUT_PUT(p, at, v)   (p)[at] = (v)
#define SUM                 float // uint, of integers: wraps around
#define CONTRACTED          64
#define OUT_COLS            1
#define EPILOGUE_PARAMS
#define EPILOGUE(v0, v1, row, col) (v0)
#endif
#define F            float
#define LOADF(p, at) ((p)[at])
#include "lib/bf16.clh"

enum { GROUP = 64 };

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
matmul_strided(__global const X_T *x,
               const long x_at,
               __global const W_T *w,
               const long w_at,
               __global OUT_T *out,
               const long out_at,
               const uint first,
               const uint count EPILOGUE_PARAMS)
{
    const uint i = first + get_global_id(0);
    if (i >= count) {
        return;
    }
    SUM sum = 0;
    for (uint k = 0; k < CONTRACTED; k++) {
        sum += (SUM)X_GET(x, x_at + X_AT(i, k)) * (SUM)W_GET(w, w_at + W_AT(i, k));
    }
    OUT_PUT(out, out_at + OUT_AT(i, 0), EPILOGUE(sum, sum, i / OUT_COLS, i % OUT_COLS));
}
