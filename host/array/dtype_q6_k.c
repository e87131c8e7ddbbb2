/* SPDX-License-Identifier: Apache-2.0 */
/* q6_k: blocks of 256 as ggml stores them, 210 bytes: {uint8 low[128]; uint8 high[64];
 * int8 scale[16]; half d}, 16 sub-blocks of 16, value = (q - 32) * (d * scale). `low` and `high`
 * are planes (planes.h) of 128 quants each. */
#include "array/bytes.h"
#include "array/dtypes.h"
#include "array/k_quants.h"
#include "array/planes.h"

enum { BYTES = 210, SUB = 16, PART = 128 };

static void get(const uint8_t *from, pn_k_block *block)
{
    const uint8_t *low = from;
    const uint8_t *high = from + 128;
    memset(block->q, 0, PN_K);
    for (uint8_t *q = block->q; q < block->q + PN_K; q += PART) {
        low = pn_plane_get(low, q, PART, 4, 0);
        high = pn_plane_get(high, q, PART, 2, 4);
    }
    memcpy(block->scale, from + 192, PN_K_SUBS);
    block->d = pn_get_u16(from + 208);
}

static void put(const pn_k_block *block, uint8_t *to)
{
    uint8_t *low = to;
    uint8_t *high = to + 128;
    for (const uint8_t *q = block->q; q < block->q + PN_K; q += PART) {
        low = pn_plane_put(low, q, PART, 4, 0);
        high = pn_plane_put(high, q, PART, 2, 4);
    }
    memcpy(to + 192, block->scale, PN_K_SUBS);
    pn_set_u16(to + 208, block->d);
}

static const pn_k_form form = {
    .bytes = BYTES, .sub = SUB, .most = 63, .zero = 32, .scale = 127, .get = get, .put = put};

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
    for (const uint8_t *q = block.q; q < block.q + PN_K; q += SUB) {
        to = pn_plane_put(to, q, SUB, 4, 0);
        to = pn_plane_put(to, q, SUB, 2, 4);
    }
}

static void put_together(const uint8_t *apart, uint8_t *stored)
{
    pn_k_block block = {0};
    const uint8_t *from = pn_k_front_get(&form, apart, &block);
    for (uint8_t *q = block.q; q < block.q + PN_K; q += SUB) {
        from = pn_plane_get(from, q, SUB, 4, 0);
        from = pn_plane_get(from, q, SUB, 2, 4);
    }
    put(&block, stored);
}

const pn_dtype pn_dtype_q6_k = {
    .name = "q6_k",
    .label = "q6_k",
    .block = PN_K,
    .block_bytes = BYTES,
    .quantised = true,
    .apart = {.words = 1, .subs = 16, .quants = 192},
    .take_apart = take_apart,
    .put_together = put_together,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
