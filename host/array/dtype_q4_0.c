/* SPDX-License-Identifier: Apache-2.0 */
/* q4_0: blocks of 32 as ggml stores them, 18 bytes: {half d; uint8 q[16]}, value = (q - 8) * d. The
 * low nibble of byte j is element j, the high one element j + 16. */
#include "array/bytes.h"
#include "array/dtypes.h"
#include "array/quantise.h"

enum { BLOCK = 32, BYTES = 18 };

static void to_f32(const void *from, float *to, size_t n)
{
    const uint8_t *block = from;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        float d = pn_f16_to_f32(pn_get_u16(block));
        for (int j = 0; j < BLOCK / 2; j++) {
            int q = block[2 + j];
            to[i + (size_t)j] = (float)((q & 15) - 8) * d;
            to[i + (size_t)j + BLOCK / 2] = (float)((q >> 4) - 8) * d;
        }
    }
}

/* x / d + 8, rounded; the sum is taken in double and rounded once to float, which is what a fused
 * multiply-add gives. Comparisons put NaN at 0. */
static int quantum(float x, float inverse)
{
    float q = (float)((double)x * (double)inverse + 8.5);
    return q >= 16.0F ? 15 : q > 0.0F ? (int)q : 0;
}

static void from_f32(const float *from, void *to, size_t n)
{
    uint8_t *block = to;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        float d = pn_extreme(from + i, BLOCK) / -8.0F; /* the extreme becomes q = 0, exactly */
        float inverse = d != 0.0F ? 1.0F / d : 0.0F;
        pn_set_u16(block, pn_f32_to_f16(d));
        for (size_t j = 0; j < BLOCK / 2; j++) {
            int low = quantum(from[i + j], inverse);
            int high = quantum(from[i + j + BLOCK / 2], inverse);
            block[2 + j] = (uint8_t)(low | high << 4);
        }
    }
}

const pn_dtype pn_dtype_q4_0 = {
    .name = "q4_0",
    .label = "q4_0",
    .block = BLOCK,
    .block_bytes = BYTES,
    .quantised = true,
    .apart = {.words = 1, .quants = 16},
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
