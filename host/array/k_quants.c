/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 256 with two levels of scales, as numbers. */
#include "array/k_quants.h"

#include "array/bytes.h"
#include "array/quantise.h"
#include "base/base.h"

#include <math.h>
#include <string.h>

/* ---- to float32 ---- */

static void dequantise(const pn_k_form *form, const pn_k_block *block, float to[PN_K])
{
    float d = pn_f16_to_f32(block->d);
    float least = form->zero == 0 ? pn_f16_to_f32(block->least) : 0.0F;
    for (int s = 0; s < PN_K / form->sub; s++) {
        float scale = d * (float)block->scale[s];
        float minimum = least * (float)block->minimum[s];
        for (int i = s * form->sub; i < (s + 1) * form->sub; i++) {
            float value = scale * (float)(block->q[i] - form->zero);
            to[i] = form->zero == 0 ? value - minimum : value;
        }
    }
}

void pn_k_to_f32(const pn_k_form *form, const void *from, float *to, size_t n)
{
    const uint8_t *stored = from;
    for (size_t i = 0; i < n; i += PN_K, stored += form->bytes) {
        pn_k_block block;
        form->get(stored, &block);
        dequantise(form, &block, to + i);
    }
}

/* ---- from float32 ---- */

/* Rounded and at most `most` in magnitude; the lower end for NaN. */
static int whole(float x, int least, int most)
{
    float rounded = floorf(x + 0.5F);
    return rounded >= (float)most ? most : rounded > (float)least ? (int)rounded : least;
}

static float ratio(float a, float b)
{
    return b != 0.0F ? a / b : 0.0F;
}

/* The step that reaches from 0 to the element farthest from it, which becomes quant 0. */
static float signed_step(const pn_k_form *form, const float *x)
{
    return pn_extreme(x, form->sub) / (float)-form->zero;
}

/* The step of the range, and how far it reaches below 0. */
static float step(const pn_k_form *form, const float *x, float *below)
{
    float least = 0.0F;
    float most = 0.0F;
    for (int i = 0; i < form->sub; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    *below = -least;
    return (most - least) / (float)form->most;
}

static float farthest(const float *x, int n)
{
    float most = 0.0F;
    for (int i = 0; i < n; i++) {
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    }
    return most;
}

static void quantise_sub(const pn_k_form *form, const float *x, pn_k_block *block, int s)
{
    float scale = pn_f16_to_f32(block->d) * (float)block->scale[s];
    float minimum = pn_f16_to_f32(block->least) * (float)block->minimum[s];
    for (int i = s * form->sub; i < (s + 1) * form->sub; i++) {
        float steps = ratio(x[i] + minimum, scale) + (float)form->zero;
        block->q[i] = (uint8_t)whole(steps, 0, form->most);
    }
}

static void quantise(const pn_k_form *form, const float from[PN_K], pn_k_block *block)
{
    float steps[PN_K_SUBS];
    float below[PN_K_SUBS] = {0};
    int n = PN_K / form->sub;
    for (int s = 0; s < n; s++) {
        const float *x = from + (size_t)(s * form->sub);
        steps[s] = form->zero > 0 ? signed_step(form, x) : step(form, x, &below[s]);
    }
    *block = (pn_k_block){.d = pn_f32_to_f16(farthest(steps, n) / (float)form->scale),
                          .least = pn_f32_to_f16(farthest(below, n) / (float)form->scale)};
    for (int s = 0; s < n; s++) {
        int least = form->zero > 0 ? -form->scale : 0;
        block->scale[s] =
            (int8_t)whole(ratio(steps[s], pn_f16_to_f32(block->d)), least, form->scale);
        block->minimum[s] =
            (int8_t)whole(ratio(below[s], pn_f16_to_f32(block->least)), 0, form->scale);
        quantise_sub(form, from, block, s);
    }
}

void pn_k_from_f32(const pn_k_form *form, const float *from, void *to, size_t n)
{
    uint8_t *stored = to;
    for (size_t i = 0; i < n; i += PN_K, stored += form->bytes) {
        pn_k_block block;
        quantise(form, from + i, &block);
        form->put(&block, stored);
    }
}

/* ---- scales as bytes ---- */

uint8_t *pn_k_front_put(const pn_k_form *form, const pn_k_block *block, uint8_t *apart)
{
    const size_t n = (size_t)(PN_K / form->sub);
    pn_set_u16(apart, block->d);
    apart += sizeof block->d;
    if (form->zero == 0) {
        pn_set_u16(apart, block->least);
        apart += sizeof block->least;
    }
    memcpy(apart, block->scale, n);
    apart += n;
    if (form->zero == 0) {
        memcpy(apart, block->minimum, n);
        apart += n;
    }
    return apart;
}

const uint8_t *pn_k_front_get(const pn_k_form *form, const uint8_t *apart, pn_k_block *block)
{
    const size_t n = (size_t)(PN_K / form->sub);
    block->d = pn_get_u16(apart);
    apart += sizeof block->d;
    if (form->zero == 0) {
        block->least = pn_get_u16(apart);
        apart += sizeof block->least;
    }
    memcpy(block->scale, apart, n);
    apart += n;
    if (form->zero == 0) {
        memcpy(block->minimum, apart, n);
        apart += n;
    }
    return apart;
}

/* ---- scales of 6 bits ---- */

void pn_k_sixes_get(const uint8_t from[PN_K_SIXES], pn_k_block *block)
{
    block->d = pn_get_u16(from);
    block->least = pn_get_u16(from + 2);
    from += 4;
    for (int i = 0; i < 4; i++) {
        int s = from[i];
        int m = from[4 + i];
        int low = from[8 + i];
        block->scale[i] = (int8_t)(s & 63);
        block->minimum[i] = (int8_t)(m & 63);
        block->scale[4 + i] = (int8_t)((low & 15) | s >> 6 << 4);
        block->minimum[4 + i] = (int8_t)(low >> 4 | m >> 6 << 4);
    }
}

void pn_k_sixes_put(const pn_k_block *block, uint8_t to[PN_K_SIXES])
{
    const int8_t *scale = block->scale;
    const int8_t *minimum = block->minimum;
    pn_set_u16(to, block->d);
    pn_set_u16(to + 2, block->least);
    to += 4;
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(scale[i] | scale[4 + i] >> 4 << 6);
        to[4 + i] = (uint8_t)(minimum[i] | minimum[4 + i] >> 4 << 6);
        to[8 + i] = (uint8_t)((scale[4 + i] & 15) | (minimum[4 + i] & 15) << 4);
    }
}
