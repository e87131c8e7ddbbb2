/* SPDX-License-Identifier: Apache-2.0 */
/* Half and bfloat16 conversions in integer arithmetic: the same bits on every machine. */
#include "base/base.h"

#include <string.h>

static uint32_t bits_of(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

float pn_f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    const uint32_t exponent = (h >> 10) & 0x1f;
    const uint32_t fraction = h & 0x3ff;
    if (exponent == 0) { /* zero or subnormal: fraction * 2^-24 is exact in float */
        return float_of(sign | bits_of((float)fraction * 0x1p-24F));
    }
    if (exponent == 0x1f) { /* infinity or NaN */
        return float_of(sign | 0x7f800000U | fraction << 13);
    }
    return float_of(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

/* Drops the low `shift` bits, rounding to nearest, ties to even; a carry runs into the exponent. */
static uint32_t round_shift(uint32_t value, uint32_t shift)
{
    const uint32_t half = 1U << (shift - 1);
    const uint32_t odd = (value >> shift) & 1;
    return (value + half - 1 + odd) >> shift;
}

uint16_t pn_f32_to_f16(float f)
{
    const uint32_t bits = bits_of(f);
    const uint32_t sign = (bits >> 16) & 0x8000;
    const uint32_t rest = bits & 0x7fffffff;
    uint32_t half;
    if (rest > 0x7f800000) { /* NaN: quiet, the payload's high bits kept */
        half = 0x7e00 | ((rest >> 13) & 0x3ff);
    } else if (rest >= 0x477ff000) { /* 65520 and above round to infinity */
        half = 0x7c00;
    } else if (rest >= 0x38800000) { /* normal: 2^-14 and above; the exponent's bias changes */
        half = round_shift(rest - ((127 - 15) << 23), 13);
    } else if (rest > 0x33000000) { /* subnormal: above 2^-25, which is half of the least */
        const uint32_t exponent = rest >> 23;
        half = round_shift((rest & 0x7fffff) | 0x800000, 126 - exponent);
    } else {
        half = 0;
    }
    return (uint16_t)(sign | half);
}

float pn_bf16_to_f32(uint16_t h)
{
    return float_of((uint32_t)h << 16);
}

uint16_t pn_f32_to_bf16(float f)
{
    const uint32_t bits = bits_of(f);
    if ((bits & 0x7fffffff) > 0x7f800000) {
        return (uint16_t)(bits >> 16 | 0x40); /* a quiet NaN: rounding could make it infinite */
    }
    return (uint16_t)round_shift(bits, 16);
}
