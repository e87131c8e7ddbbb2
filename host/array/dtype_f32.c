/* SPDX-License-Identifier: Apache-2.0 */
/* f32: IEEE binary32. */
#include "array/dtypes.h"

#include <string.h>

static void copy_in(const void *from, float *to, size_t n)
{
    memcpy(to, from, n * sizeof *to);
}

static void copy_out(const float *from, void *to, size_t n)
{
    memcpy(to, from, n * sizeof *from);
}

const pn_dtype pn_dtype_f32 = {
    .name = "f32",
    .label = "float32",
    .block = 1,
    .block_bytes = 4,
    .to_f32 = copy_in,
    .from_f32 = copy_out,
};
