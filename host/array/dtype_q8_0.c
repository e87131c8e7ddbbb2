/* SPDX-License-Identifier: Apache-2.0 */
/* q8_0: blocks of 32 as ggml stores them, 34 bytes: {half d; int8 q[32]}, value = q * d. */
#include "array/bytes.h"
#include "array/dtypes.h"

#include <math.h>

enum { BLOCK = 32, BYTES = 34 };

static void to_f32(const void *from, float *to, size_t n)
{
    const uint8_t *block = from;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        float d = pn_f16_to_f32(pn_get_u16(block));
        for (size_t j = 0; j < BLOCK; j++) {
            to[i + j] = (float)(int8_t)block[2 + j] * d;
        }
    }
}

/* Rounded, halves away from zero; an infinite scale or NaN must not reach the conversion. */
static uint8_t quantum(float x, float inverse)
{
    float q = roundf(x * inverse);
    int clamped = q >= 127.0F ? 127 : q >= -127.0F ? (int)q : q < 0.0F ? -127 : 0;
    return (uint8_t)clamped;
}

static void from_f32(const float *from, void *to, size_t n)
{
    uint8_t *block = to;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        float most = 0.0F;
        for (size_t j = 0; j < BLOCK; j++) {
            most = fabsf(from[i + j]) > most ? fabsf(from[i + j]) : most;
        }
        float d = most / 127.0F;
        float inverse = d != 0.0F ? 1.0F / d : 0.0F;
        pn_set_u16(block, pn_f32_to_f16(d));
        for (size_t j = 0; j < BLOCK; j++) {
            block[2 + j] = quantum(from[i + j], inverse);
        }
    }
}

const pn_dtype pn_dtype_q8_0 = {
    .name = "q8_0",
    .label = "q8_0",
    .block = BLOCK,
    .block_bytes = BYTES,
    .quantised = true,
    .apart = {.words = 1, .quants = 32},
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
