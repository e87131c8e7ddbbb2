/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 256 with two levels of scales, as numbers. */
#include "array/k_quants.h"

#include "array/bytes.h"
#include "base/base.h"

#include <math.h>

/* ---- to float32 ---- */

void pn_k_to_f32(const pn_k_form *form, const pn_k_block *block, float to[PN_K])
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
    float most = x[0];
    for (int i = 1; i < form->sub; i++) {
        most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
    }
    return most / (float)-form->zero;
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

void pn_k_from_f32(const pn_k_form *form, const float from[PN_K], pn_k_block *block)
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

/* ---- scales of 6 bits ---- */

void pn_k_scales_get(const uint8_t from[12], int8_t scale[8], int8_t minimum[8])
{
    for (int i = 0; i < 4; i++) {
        int s = from[i];
        int m = from[4 + i];
        int low = from[8 + i];
        scale[i] = (int8_t)(s & 63);
        minimum[i] = (int8_t)(m & 63);
        scale[4 + i] = (int8_t)((low & 15) | s >> 6 << 4);
        minimum[4 + i] = (int8_t)(low >> 4 | m >> 6 << 4);
    }
}

void pn_k_scales_put(const int8_t scale[8], const int8_t minimum[8], uint8_t to[12])
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(scale[i] | scale[4 + i] >> 4 << 6);
        to[4 + i] = (uint8_t)(minimum[i] | minimum[4 + i] >> 4 << 6);
        to[8 + i] = (uint8_t)((scale[4 + i] & 15) | (minimum[4 + i] & 15) << 4);
    }
}
