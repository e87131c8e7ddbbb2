/* SPDX-License-Identifier: Apache-2.0 */
/* iq4_nl: blocks of 32 as ggml stores them, 18 bytes: {half d; uint8 q[16]}, value = level[q] * d.
 * The levels are closer together near zero, where most weights are. The low nibble of byte j is
 * element j, the high one element j + 16. */
#include "array/bytes.h"
#include "array/dtypes.h"
#include "array/planes.h"
#include "array/quantise.h"

enum { BLOCK = 32, BYTES = 18, LEVELS = 16 };

static const int8_t levels[LEVELS] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};

static void to_f32(const void *from, float *to, size_t n)
{
    const uint8_t *block = from;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        float d = pn_f16_to_f32(pn_get_u16(block));
        for (int j = 0; j < BLOCK / 2; j++) {
            int q = block[2 + j];
            to[i + (size_t)j] = (float)levels[q & 15] * d;
            to[i + (size_t)j + BLOCK / 2] = (float)levels[q >> 4] * d;
        }
    }
}

/* The level nearest to x, the upper one of two as near; 0 for NaN. */
static uint8_t nearest(float x)
{
    uint8_t q = 0;
    while (q < LEVELS - 1 && x - (float)levels[q] >= (float)levels[q + 1] - x) {
        q++;
    }
    return q;
}

/* The levels are chosen with the extreme at level 0; then the scale that serves them best: least
 * squares, every element weighted by its own square. */
static float quantise(const float *x, uint8_t q[BLOCK])
{
    float d = pn_extreme(x, BLOCK) / (float)levels[0];
    float inverse = d != 0.0F ? 1.0F / d : 0.0F;
    float products = 0.0F;
    float squares = 0.0F;
    for (int j = 0; j < BLOCK; j++) {
        q[j] = nearest(x[j] * inverse);
        float level = (float)levels[q[j]];
        float weight = x[j] * x[j];
        products += weight * level * x[j];
        squares += weight * level * level;
    }
    return squares > 0.0F ? products / squares : 0.0F;
}

static void from_f32(const float *from, void *to, size_t n)
{
    uint8_t *block = to;
    for (size_t i = 0; i < n; i += BLOCK, block += BYTES) {
        uint8_t q[BLOCK];
        pn_set_u16(block, pn_f32_to_f16(quantise(from + i, q)));
        pn_plane_put(block + 2, q, BLOCK, 4, 0);
    }
}

const pn_dtype pn_dtype_iq4_nl = {
    .name = "iq4_nl",
    .label = "iq4_nl",
    .block = BLOCK,
    .block_bytes = BYTES,
    .quantised = true,
    .apart = {.words = 1, .quants = 16},
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
