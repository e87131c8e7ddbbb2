/* SPDX-License-Identifier: Apache-2.0 */
/* f16: IEEE binary16. */
#include "array/bytes.h"
#include "array/dtypes.h"

static void to_f32(const void *from, float *to, size_t n)
{
    const uint8_t *words = from;
    for (size_t i = 0; i < n; i++) {
        to[i] = pn_f16_to_f32(pn_get_u16(words + 2 * i));
    }
}

static void from_f32(const float *from, void *to, size_t n)
{
    uint8_t *words = to;
    for (size_t i = 0; i < n; i++) {
        pn_set_u16(words + 2 * i, pn_f32_to_f16(from[i]));
    }
}

const pn_dtype pn_dtype_f16 = {
    .name = "f16",
    .label = "float16",
    .block = 1,
    .block_bytes = 2,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
