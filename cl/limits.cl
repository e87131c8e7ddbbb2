/* SPDX-License-Identifier: Apache-2.0 */
/* What a device can do at most: reading, multiplying, starting. */

static float total(float16 a)
{
    float8 b = a.lo + a.hi;
    float4 c = b.lo + b.hi;
    return c.x + c.y + c.z + c.w;
}

/* Sums n float4 from `first` on, every get_global_size(0)-th of them: neighbours read side by side.
 * Any global and local size; a sum for each work-item, so that nothing is left out as unused. */
__kernel void limits_read_lanes(__global float *out, __global const float4 *x, uint first, uint n)
{
    float4 sum = 0.0f;
    for (size_t i = get_global_id(0); i < n; i += get_global_size(0)) {
        sum += x[first + i];
    }
    out[get_global_id(0)] = sum.x + sum.y + sum.z + sum.w;
}

/* The same where a work-item is best a vector unit: each sums a run of float16. Twice the global
 * size must divide n. */
__kernel void limits_read_wide(__global float *out, __global const float16 *x, uint first, uint n)
{
    size_t each = n / get_global_size(0);
    __global const float16 *from = x + first + get_global_id(0) * each;
    float16 a = 0.0f;
    float16 b = 0.0f;
    for (size_t i = 0; i < each; i += 2) {
        a += from[i];
        b += from[i + 1];
    }
    out[get_global_id(0)] = total(a + b);
}

/* Eight independent chains of a vector type, each a variable: in an array some compilers keep them
 * in memory. */
#define CHAINS(V, x)                                                                               \
    V x##0 = (V)(0 + seed), x##1 = (V)(1 + seed), x##2 = (V)(2 + seed), x##3 = (V)(3 + seed);      \
    V x##4 = (V)(4 + seed), x##5 = (V)(5 + seed), x##6 = (V)(6 + seed), x##7 = (V)(7 + seed)
#define STEP(x) x = x * 0.999f + 0.001f
#define STEPS(x)                                                                                   \
    STEP(x##0);                                                                                    \
    STEP(x##1);                                                                                    \
    STEP(x##2);                                                                                    \
    STEP(x##3);                                                                                    \
    STEP(x##4);                                                                                    \
    STEP(x##5);                                                                                    \
    STEP(x##6);                                                                                    \
    STEP(x##7)
#define CHAIN_SUM(x) (x##0 + x##1 + x##2 + x##3 + x##4 + x##5 + x##6 + x##7)

/* 8 * 4 multiplications and additions a round and work-item. */
__kernel void limits_fma_lanes(__global float *out, int rounds)
{
    float seed = (int)(get_global_id(0) & 7);
    CHAINS(float4, x);
    for (int i = 0; i < rounds; i++) {
        STEPS(x);
    }
    float4 sum = CHAIN_SUM(x);
    out[get_global_id(0)] = sum.x + sum.y + sum.z + sum.w;
}

/* 8 * 16 a round and work-item. */
__kernel void limits_fma_wide(__global float *out, int rounds)
{
    float seed = (int)(get_global_id(0) & 7);
    CHAINS(float16, x);
    for (int i = 0; i < rounds; i++) {
        STEPS(x);
    }
    out[get_global_id(0)] = total(CHAIN_SUM(x));
}

/* Nothing: how long a launch takes. */
__kernel void limits_nothing(__global float *out)
{
    if (get_global_id(0) == get_global_size(0)) {
        out[0] = 0.0f;
    }
}
