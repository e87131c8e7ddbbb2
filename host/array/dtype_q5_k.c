/* SPDX-License-Identifier: Apache-2.0 */
/* q5_k: blocks of 256 as ggml stores them, 176 bytes: {half d; half least; uint8 scales[12];
 * uint8 high[32]; uint8 low[128]}, 8 sub-blocks of 32, value = q * (d * scale) - least * minimum.
 * `high` is a plane (planes.h) of all fifth bits, `low` are planes of 64 quants each. */
#include "array/dtypes.h"
#include "array/k_quants.h"
#include "array/planes.h"

enum { BYTES = 176, SUB = 32, PART = 64 };

static void get(const uint8_t *from, pn_k_block *block)
{
    pn_k_sixes_get(from, block);
    memset(block->q, 0, PN_K);
    from = pn_plane_get(from + PN_K_SIXES, block->q, PN_K, 1, 4);
    for (uint8_t *q = block->q; q < block->q + PN_K; q += PART) {
        from = pn_plane_get(from, q, PART, 4, 0);
    }
}

static void put(const pn_k_block *block, uint8_t *to)
{
    pn_k_sixes_put(block, to);
    to = pn_plane_put(to + PN_K_SIXES, block->q, PN_K, 1, 4);
    for (const uint8_t *q = block->q; q < block->q + PN_K; q += PART) {
        to = pn_plane_put(to, q, PART, 4, 0);
    }
}

static const pn_k_form form = {
    .bytes = BYTES, .sub = SUB, .most = 31, .scale = 63, .get = get, .put = put};

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
        to = pn_plane_put(to, q, SUB, 1, 4);
    }
}

static void put_together(const uint8_t *apart, uint8_t *stored)
{
    pn_k_block block = {0};
    const uint8_t *from = pn_k_front_get(&form, apart, &block);
    for (uint8_t *q = block.q; q < block.q + PN_K; q += SUB) {
        from = pn_plane_get(from, q, SUB, 4, 0);
        from = pn_plane_get(from, q, SUB, 1, 4);
    }
    put(&block, stored);
}

const pn_dtype pn_dtype_q5_k = {
    .name = "q5_k",
    .label = "q5_k",
    .block = PN_K,
    .block_bytes = BYTES,
    .quantised = true,
    .apart = {.words = 2, .subs = 16, .quants = 160},
    .take_apart = take_apart,
    .put_together = put_together,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
