/* SPDX-License-Identifier: Apache-2.0 */
/* q5_1: blocks of 32 as ggml stores them, 24 bytes: {half d; half m; uint32 high; uint8 low[16]},
 * value = q * d + m. */
#include "array/bytes.h"
#include "array/dtypes.h"
#include "array/q5.h"
#include "array/quantise.h"

enum { BLOCK = PN_Q5, BYTES = 24 };

static void to_f32(const void *from, float *to, size_t n)
{
    const uint8_t *block = from;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        float d = pn_f16_to_f32(pn_get_u16(block));
        float m = pn_f16_to_f32(pn_get_u16(block + 2));
        uint8_t q[BLOCK];
        pn_q5_get(block + 4, q);
        for (size_t j = 0; j < BLOCK; j++) { /* q * d is exact: the sum rounds once */
            to[i + j] = (float)q[j] * d + m;
        }
    }
}

/* (x - m) / d, rounded half up; in steps, so that no compiler fuses them. */
static uint8_t quantum(float x, float m, float inverse)
{
    float above = x - m;
    float q = above * inverse;
    q = q + 0.5F;
    return q >= 32.0F ? 31 : q > 0.0F ? (uint8_t)q : 0;
}

static void from_f32(const float *from, void *to, size_t n)
{
    uint8_t *block = to;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        float most = 0.0F;
        float least = pn_range(from + i, BLOCK, &most);
        float d = (most - least) / 31.0F;
        float inverse = d != 0.0F ? 1.0F / d : 0.0F;
        uint8_t q[BLOCK];
        for (size_t j = 0; j < BLOCK; j++) {
            q[j] = quantum(from[i + j], least, inverse);
        }
        pn_set_u16(block, pn_f32_to_f16(d));
        pn_set_u16(block + 2, pn_f32_to_f16(least));
        pn_q5_put(q, block + 4);
    }
}

static void take_apart(const uint8_t *block, uint8_t *apart)
{
    memcpy(apart, block, 4);
    pn_q5_take_apart(block + 4, apart + 4);
}

static void put_together(const uint8_t *apart, uint8_t *block)
{
    memcpy(block, apart, 4);
    pn_q5_put_together(apart + 4, block + 4);
}

const pn_dtype pn_dtype_q5_1 = {
    .name = "q5_1",
    .label = "q5_1",
    .block = BLOCK,
    .block_bytes = BYTES,
    .quantised = true,
    .apart = {.words = 2, .quants = 20},
    .take_apart = take_apart,
    .put_together = put_together,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
