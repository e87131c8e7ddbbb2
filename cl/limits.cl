/* SPDX-License-Identifier: Apache-2.0 */
/* What a device can do at most: reading, multiplying, starting. */

/* One work-item sums every get_global_size(0)-th float4 of n, from its own number on: neighbours read
 * side by side. One result a work-item, so that nothing is left out as unused. Any global and local
 * size. */
__kernel void limits_read(__global float *out, __global const float4 *x, uint n)
{
    float4 sum = 0.0f;
    for (size_t i = get_global_id(0); i < n; i += get_global_size(0)) {
        sum += x[i];
    }
    out[get_global_id(0)] = sum.x + sum.y + sum.z + sum.w;
}

/* The same for devices where a work-item is best a vector unit: each sums a run of n / global size
 * float16, which must divide. */
__kernel void limits_read_wide(__global float *out, __global const float16 *x, uint n)
{
    size_t each = n / get_global_size(0);
    __global const float16 *from = x + get_global_id(0) * each;
    float16 a = 0.0f;
    float16 b = 0.0f;
    for (size_t i = 0; i + 1 < each; i += 2) {
        a += from[i];
        b += from[i + 1];
    }
    a += b;
    out[get_global_id(0)] = a.s0 + a.s1 + a.s2 + a.s3 + a.s4 + a.s5 + a.s6 + a.s7 + a.s8 + a.s9 +
                            a.sa + a.sb + a.sc + a.sd + a.se + a.sf;
}

/* 8 independent chains of float16: 8 * 16 multiplications and additions a round and work-item. */
__kernel void limits_fma(__global float *out, int rounds)
{
    float16 x[8];
    const float16 by = 0.999f;
    const float16 plus = 0.001f;
    for (int k = 0; k < 8; k++) {
        x[k] = (float16)(k + (int)(get_global_id(0) & 7));
    }
    for (int i = 0; i < rounds; i++) {
        for (int k = 0; k < 8; k++) {
            x[k] = fma(x[k], by, plus);
        }
    }
    float16 sum = x[0] + x[1] + x[2] + x[3] + x[4] + x[5] + x[6] + x[7];
    out[get_global_id(0)] = sum.s0 + sum.s1 + sum.s2 + sum.s3 + sum.s4 + sum.s5 + sum.s6 + sum.s7 +
                            sum.s8 + sum.s9 + sum.sa + sum.sb + sum.sc + sum.sd + sum.se + sum.sf;
}

/* Nothing: how long a launch takes. */
__kernel void limits_nothing(__global float *out)
{
    if (get_global_id(0) == get_global_size(0)) {
        out[0] = 0.0f;
    }
}
