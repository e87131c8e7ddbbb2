/* SPDX-License-Identifier: Apache-2.0 */
/* q3_k: blocks of 256 as ggml stores them, 110 bytes: {uint8 high[32]; uint8 low[64];
 * uint8 scales[12]; half d}, 16 sub-blocks of 16, value = (q - 4) * (d * scale). `high` is a plane
 * (planes.h) of all third bits, `low` are planes of 128 quants each. Scales are 6 bits, 32 more
 * than they mean: 4 low ones of scales i and i + 8 in byte i, then 2 high ones of scale i in byte
 * 8 + i % 4, from bit 2 (i / 4) on. */
#include "array/bytes.h"
#include "array/dtypes.h"
#include "array/k_quants.h"
#include "array/planes.h"

enum { BYTES = 110, SUB = 16, PART = 128, PAIR = 32 };

static void get(const uint8_t *from, pn_k_block *block)
{
    const uint8_t *scales = from + 96;
    const uint8_t *low = from + 32;
    memset(block->q, 0, PN_K);
    pn_plane_get(from, block->q, PN_K, 1, 2);
    for (uint8_t *q = block->q; q < block->q + PN_K; q += PART) {
        low = pn_plane_get(low, q, PART, 2, 0);
    }
    for (int i = 0; i < PN_K_SUBS; i++) {
        int four = scales[i % 8] >> i / 8 * 4 & 15;
        int two = scales[8 + i % 4] >> i / 4 * 2 & 3;
        block->scale[i] = (int8_t)((four | two << 4) - 32);
    }
    block->d = pn_get_u16(from + 108);
}

static void put(const pn_k_block *block, uint8_t *to)
{
    uint8_t *scales = to + 96;
    uint8_t *low = pn_plane_put(to, block->q, PN_K, 1, 2);
    for (const uint8_t *q = block->q; q < block->q + PN_K; q += PART) {
        low = pn_plane_put(low, q, PART, 2, 0);
    }
    memset(scales, 0, 12);
    for (int i = 0; i < PN_K_SUBS; i++) {
        int scale = block->scale[i] + 32;
        scales[i % 8] = (uint8_t)(scales[i % 8] | (scale & 15) << i / 8 * 4);
        scales[8 + i % 4] = (uint8_t)(scales[8 + i % 4] | scale >> 4 << i / 4 * 2);
    }
    pn_set_u16(to + 108, block->d);
}

static const pn_k_form form = {
    .bytes = BYTES, .sub = SUB, .most = 7, .zero = 4, .scale = 31, .get = get, .put = put};

static void to_f32(const void *from, float *to, size_t n)
{
    pn_k_to_f32(&form, from, to, n);
}

static void from_f32(const float *from, void *to, size_t n)
{
    pn_k_from_f32(&form, from, to, n);
}

static void take_apart(const uint8_t *stored, uint8_t *apart)
{
    pn_k_block block;
    get(stored, &block);
    uint8_t *to = pn_k_front_put(&form, &block, apart);
    for (const uint8_t *q = block.q; q < block.q + PN_K; q += PAIR) {
        to = pn_plane_put(to, q, SUB, 2, 0);
        to = pn_plane_put(to, q + SUB, SUB, 2, 0);
        to = pn_plane_put(to, q, PAIR, 1, 2);
    }
}

static void put_together(const uint8_t *apart, uint8_t *stored)
{
    pn_k_block block = {0};
    const uint8_t *from = pn_k_front_get(&form, apart, &block);
    for (uint8_t *q = block.q; q < block.q + PN_K; q += PAIR) {
        from = pn_plane_get(from, q, SUB, 2, 0);
        from = pn_plane_get(from, q + SUB, SUB, 2, 0);
        from = pn_plane_get(from, q, PAIR, 1, 2);
    }
    put(&block, stored);
}

const pn_dtype pn_dtype_q3_k = {
    .name = "q3_k",
    .label = "q3_k",
    .block = PN_K,
    .block_bytes = BYTES,
    .quantised = true,
    .apart = {.words = 1, .subs = 16, .quants = 96},
    .take_apart = take_apart,
    .put_together = put_together,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
