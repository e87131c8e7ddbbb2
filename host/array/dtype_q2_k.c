/* SPDX-License-Identifier: Apache-2.0 */
/* q2_k: blocks of 256 as ggml stores them, 84 bytes: {uint8 scales[16]; uint8 q[64]; half d;
 * half least}, 16 sub-blocks of 16, value = q * (d * scale) - least * minimum. A byte of `scales`
 * is a scale and, in its high nibble, a minimum. The quants are planes (planes.h) of 128 each. */
#include "array/bytes.h"
#include "array/dtypes.h"
#include "array/k_quants.h"
#include "array/planes.h"

enum { BYTES = 84, SUB = 16, PART = 128 };

static void get(const uint8_t *from, pn_k_block *block)
{
    for (int i = 0; i < PN_K_SUBS; i++) {
        block->scale[i] = (int8_t)(from[i] & 15);
        block->minimum[i] = (int8_t)(from[i] >> 4);
    }
    memset(block->q, 0, PN_K);
    from += 16;
    for (uint8_t *q = block->q; q < block->q + PN_K; q += PART) {
        from = pn_plane_get(from, q, PART, 2, 0);
    }
    block->d = pn_get_u16(from);
    block->least = pn_get_u16(from + 2);
}

static void put(const pn_k_block *block, uint8_t *to)
{
    for (int i = 0; i < PN_K_SUBS; i++) {
        to[i] = (uint8_t)(block->scale[i] | block->minimum[i] << 4);
    }
    to += 16;
    for (const uint8_t *q = block->q; q < block->q + PN_K; q += PART) {
        to = pn_plane_put(to, q, PART, 2, 0);
    }
    pn_set_u16(to, block->d);
    pn_set_u16(to + 2, block->least);
}

static const pn_k_form form = {
    .bytes = BYTES, .sub = SUB, .most = 3, .scale = 15, .get = get, .put = put};

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
    memcpy(apart, stored + 80, 4);
    memcpy(apart + 4, stored, PN_K_SUBS);
    uint8_t *to = apart + 20;
    for (const uint8_t *q = block.q; q < block.q + PN_K; q += SUB) {
        to = pn_plane_put(to, q, SUB, 2, 0);
    }
}

static void put_together(const uint8_t *apart, uint8_t *stored)
{
    pn_k_block block = {0};
    const uint8_t *from = apart + 20;
    for (uint8_t *q = block.q; q < block.q + PN_K; q += SUB) {
        from = pn_plane_get(from, q, SUB, 2, 0);
    }
    put(&block, stored);
    memcpy(stored, apart + 4, PN_K_SUBS);
    memcpy(stored + 80, apart, 4);
}

const pn_dtype pn_dtype_q2_k = {
    .name = "q2_k",
    .label = "q2_k",
    .block = PN_K,
    .block_bytes = BYTES,
    .quantised = true,
    .apart = {.words = 2, .subs = 16, .quants = 64},
    .take_apart = take_apart,
    .put_together = put_together,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
