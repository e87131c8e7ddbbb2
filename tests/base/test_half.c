/* SPDX-License-Identifier: Apache-2.0 */
/* Half and bfloat16: every value, and every point between two values where rounding changes,
 * against arithmetic in double. */
#include "base/base.h"

#include <check.h>
#include <math.h>
#include <stdint.h>

/* A half by its definition. */
static double half_value(unsigned h)
{
    const int exponent = (int)(h >> 10 & 0x1f);
    const int fraction = (int)(h & 0x3ff);
    const double sign = h & 0x8000 ? -1 : 1;
    if (exponent == 0) {
        return sign * ldexp(fraction, -24);
    }
    if (exponent == 0x1f) {
        return fraction == 0 ? sign * (double)INFINITY : (double)NAN;
    }
    return sign * ldexp(1024 + fraction, exponent - 25);
}

START_TEST(every_half_converts_and_returns)
{
    for (unsigned h = 0; h < 0x10000; h++) {
        const float f = pn_f16_to_f32((uint16_t)h);
        const double want = half_value(h);
        if (isnan(want)) {
            ck_assert_msg(isnan(f), "%#x", h);
            ck_assert_msg(isnan(pn_f16_to_f32(pn_f32_to_f16(f))), "%#x", h);
        } else {
            ck_assert_msg((double)f == want && !signbit(f) == !signbit(want), "%#x", h);
            ck_assert_msg(pn_f32_to_f16(f) == h, "%#x", h);
        }
    }
}
END_TEST

/* Between two neighbours: the middle goes to the even one, all else to the nearer. */
START_TEST(halves_round_to_nearest_even)
{
    for (unsigned h = 0; h < 0x7c00; h++) {
        const float low = (float)half_value(h);
        const float high = h + 1 < 0x7c00 ? (float)half_value(h + 1) : 65536.0F;
        const float middle = (float)(((double)low + (double)high) / 2); /* exact in float */
        const unsigned even = h & 1 ? h + 1 : h;
        ck_assert_msg(pn_f32_to_f16(middle) == even, "%#x", h);
        ck_assert_msg(pn_f32_to_f16(-middle) == (even | 0x8000), "%#x", h);
        ck_assert_msg(pn_f32_to_f16(nextafterf(middle, 0)) == h, "%#x", h);
        ck_assert_msg(pn_f32_to_f16(nextafterf(middle, INFINITY)) == h + 1, "%#x", h);
    }
    ck_assert_uint_eq(pn_f32_to_f16(INFINITY), 0x7c00);
    ck_assert_uint_eq(pn_f32_to_f16(1e30F), 0x7c00);
    ck_assert_uint_eq(pn_f32_to_f16(-1e30F), 0xfc00);
    ck_assert_uint_eq(pn_f32_to_f16(1e-30F), 0);
    ck_assert_uint_eq(pn_f32_to_f16(-1e-45F), 0x8000);
    ck_assert(isnan(pn_f16_to_f32(pn_f32_to_f16(NAN))));
}
END_TEST

static double bfloat_value(unsigned h)
{
    const int exponent = (int)(h >> 7 & 0xff);
    const int fraction = (int)(h & 0x7f);
    const double sign = h & 0x8000 ? -1 : 1;
    if (exponent == 0) {
        return sign * ldexp(fraction, -133);
    }
    if (exponent == 0xff) {
        return fraction == 0 ? sign * (double)INFINITY : (double)NAN;
    }
    return sign * ldexp(128 + fraction, exponent - 134);
}

START_TEST(every_bfloat_converts_and_returns)
{
    for (unsigned h = 0; h < 0x10000; h++) {
        const float f = pn_bf16_to_f32((uint16_t)h);
        const double want = bfloat_value(h);
        if (isnan(want)) {
            ck_assert_msg(isnan(f) && isnan(pn_bf16_to_f32(pn_f32_to_bf16(f))), "%#x", h);
        } else {
            ck_assert_msg((double)f == want && !signbit(f) == !signbit(want), "%#x", h);
            ck_assert_msg(pn_f32_to_bf16(f) == h, "%#x", h);
        }
    }
}
END_TEST

START_TEST(bfloats_round_to_nearest_even)
{
    for (unsigned h = 0; h < 0x7f7f; h++) {
        const float middle = (float)((bfloat_value(h) + bfloat_value(h + 1)) / 2);
        const unsigned even = h & 1 ? h + 1 : h;
        ck_assert_msg(pn_f32_to_bf16(middle) == even, "%#x", h);
        ck_assert_msg(pn_f32_to_bf16(nextafterf(middle, 0)) == h, "%#x", h);
        ck_assert_msg(pn_f32_to_bf16(-nextafterf(middle, INFINITY)) == ((h + 1) | 0x8000), "%#x",
                      h);
    }
    ck_assert_uint_eq(pn_f32_to_bf16(3.4028235e38F), 0x7f80);
}
END_TEST

Suite *suite_base_half(void);
Suite *suite_base_half(void)
{
    Suite *s = suite_create("base_half");
    TCase *c = tcase_create("half");
    tcase_add_test(c, every_half_converts_and_returns);
    tcase_add_test(c, halves_round_to_nearest_even);
    tcase_add_test(c, every_bfloat_converts_and_returns);
    tcase_add_test(c, bfloats_round_to_nearest_even);
    suite_add_tcase(s, c);
    return s;
}
