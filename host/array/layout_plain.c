/* SPDX-License-Identifier: Apache-2.0 */
/* plain: the order of files. Packing is a copy. */
#include "array/layout.h"

#include <string.h>

static bool fits(const pn_matrix *m)
{
    size_t total = 0;
    return pn_matrix_bytes(m, 1, &total);
}

static size_t bytes(const pn_matrix *m)
{
    return (size_t)m->rows * pn_matrix_row_bytes(m);
}

static size_t scales(const pn_matrix *m)
{
    (void)m;
    return 0;
}

static void pack(const pn_matrix *m, const void *plain, int64_t first, int64_t n, void *out)
{
    size_t row = pn_matrix_row_bytes(m);
    memcpy((char *)out + (size_t)first * row, plain, (size_t)n * row);
}

static void unpack(const pn_matrix *m, const void *packed, int64_t first, int64_t n, void *plain)
{
    size_t row = pn_matrix_row_bytes(m);
    memcpy(plain, (const char *)packed + (size_t)first * row, (size_t)n * row);
}

static void read_row(const pn_matrix *m, const void *packed, int64_t row, float *out)
{
    const char *at = (const char *)packed + (size_t)row * pn_matrix_row_bytes(m);
    pn_dtype_of(m->dtype)->to_f32(at, out, (size_t)m->cols);
}

const pn_layout pn_layout_plain = {
    .name = "plain",
    .fits = fits,
    .bytes = bytes,
    .scales = scales,
    .row_step = 1,
    .pack = pack,
    .unpack = unpack,
    .read_row = read_row,
};
