/* SPDX-License-Identifier: Apache-2.0 */
/* q4_1: blocks of 32 as ggml stores them, 20 bytes: {half d; half m; uint8 q[16]},
 * value = q * d + m. The low nibble of byte j is element j, the high one element j + 16. */
#include "array/bytes.h"
#include "array/dtypes.h"
#include "array/quantise.h"

enum { BLOCK = 32, BYTES = 20 };

static void to_f32(const void *from, float *to, size_t n)
{
    const uint8_t *block = from;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        float d = pn_f16_to_f32(pn_get_u16(block));
        float m = pn_f16_to_f32(pn_get_u16(block + 2));
        for (int j = 0; j < BLOCK / 2; j++) {
            int q = block[4 + j]; /* q * d is exact: the sum rounds once, fused or not */
            to[i + (size_t)j] = (float)(q & 15) * d + m;
            to[i + (size_t)j + BLOCK / 2] = (float)(q >> 4) * d + m;
        }
    }
}

/* (x - m) / d, rounded half up; in steps, so that no compiler fuses them. */
static int quantum(float x, float m, float inverse)
{
    float above = x - m;
    float q = above * inverse;
    q = q + 0.5F;
    return q >= 16.0F ? 15 : q > 0.0F ? (int)q : 0;
}

static void from_f32(const float *from, void *to, size_t n)
{
    uint8_t *block = to;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        float most = 0.0F;
        float least = pn_range(from + i, BLOCK, &most);
        float d = (most - least) / 15.0F;
        float inverse = d != 0.0F ? 1.0F / d : 0.0F;
        pn_set_u16(block, pn_f32_to_f16(d));
        pn_set_u16(block + 2, pn_f32_to_f16(least));
        for (size_t j = 0; j < BLOCK / 2; j++) {
            int low = quantum(from[i + j], least, inverse);
            int high = quantum(from[i + j + BLOCK / 2], least, inverse);
            block[4 + j] = (uint8_t)(low | high << 4);
        }
    }
}

const pn_dtype pn_dtype_q4_1 = {
    .name = "q4_1",
    .label = "q4_1",
    .block = BLOCK,
    .block_bytes = BYTES,
    .quantised = true,
    .apart = {.words = 2, .quants = 16},
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
