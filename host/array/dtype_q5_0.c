/* SPDX-License-Identifier: Apache-2.0 */
/* q5_0: blocks of 32 as ggml stores them, 22 bytes: {half d; uint32 high; uint8 low[16]},
 * value = (q - 16) * d. */
#include "array/bytes.h"
#include "array/dtypes.h"
#include "array/q5.h"
#include "array/quantise.h"

enum { BLOCK = PN_Q5, BYTES = 22 };

static void to_f32(const void *from, float *to, size_t n)
{
    const uint8_t *block = from;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        float d = pn_f16_to_f32(pn_get_u16(block));
        uint8_t q[BLOCK];
        pn_q5_get(block + 2, q);
        for (size_t j = 0; j < BLOCK; j++) {
            to[i + j] = (float)(q[j] - 16) * d;
        }
    }
}

/* x / d + 16, rounded half up; in steps, so that no compiler fuses them. Comparisons put NaN at 0.
 */
static uint8_t quantum(float x, float inverse)
{
    float q = x * inverse;
    q = q + 16.5F;
    return q >= 32.0F ? 31 : q > 0.0F ? (uint8_t)q : 0;
}

static void from_f32(const float *from, void *to, size_t n)
{
    uint8_t *block = to;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        float d = pn_extreme(from + i, BLOCK) / -16.0F; /* the extreme becomes q = 0, exactly */
        float inverse = d != 0.0F ? 1.0F / d : 0.0F;
        uint8_t q[BLOCK];
        for (size_t j = 0; j < BLOCK; j++) {
            q[j] = quantum(from[i + j], inverse);
        }
        pn_set_u16(block, pn_f32_to_f16(d));
        pn_q5_put(q, block + 2);
    }
}

static void take_apart(const uint8_t *block, uint8_t *apart)
{
    memcpy(apart, block, 2);
    pn_q5_take_apart(block + 2, apart + 2);
}

static void put_together(const uint8_t *apart, uint8_t *block)
{
    memcpy(block, apart, 2);
    pn_q5_put_together(apart + 2, block + 2);
}

const pn_dtype pn_dtype_q5_0 = {
    .name = "q5_0",
    .label = "q5_0",
    .block = BLOCK,
    .block_bytes = BYTES,
    .quantised = true,
    .apart = {.words = 1, .quants = 20},
    .take_apart = take_apart,
    .put_together = put_together,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
