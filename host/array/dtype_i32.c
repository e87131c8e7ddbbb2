/* SPDX-License-Identifier: Apache-2.0 */
/* i32: two's complement. From float32 it rounds to nearest even and saturates; NaN gives 0. */
#include "array/dtypes.h"

#include <math.h>
#include <string.h>

static void to_f32(const void *from, float *to, size_t n)
{
    const uint8_t *bytes = from;
    for (size_t i = 0; i < n; i++) {
        int32_t value;
        memcpy(&value, bytes + sizeof value * i, sizeof value);
        to[i] = (float)value;
    }
}

static int32_t to_int(float x)
{
    if (isnan(x)) {
        return 0;
    }
    if (x >= 2147483648.0F) {
        return INT32_MAX;
    }
    return x <= -2147483648.0F ? INT32_MIN : (int32_t)nearbyintf(x);
}

static void from_f32(const float *from, void *to, size_t n)
{
    uint8_t *bytes = to;
    for (size_t i = 0; i < n; i++) {
        int32_t value = to_int(from[i]);
        memcpy(bytes + sizeof value * i, &value, sizeof value);
    }
}

const pn_dtype pn_dtype_i32 = {
    .name = "i32",
    .label = "int32",
    .block = 1,
    .block_bytes = 4,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};
