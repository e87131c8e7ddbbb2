/* SPDX-License-Identifier: Apache-2.0 */
/* What a device can do at most: reading, multiplying, starting. One task in several forms, since no
 * form is the fastest on every device.
 *
 * T, half or float, is what is multiplied. */
#ifndef T
#define T float
#endif
#ifdef HAS_FP16
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#endif

#define GLUE_(a, b) a##b
#define GLUE(a, b)  GLUE_(a, b)

static float sum4(float4 a)
{
    return a.x + a.y + a.z + a.w;
}

static float sum8(float8 a)
{
    return sum4(a.lo + a.hi);
}

static float sum16(float16 a)
{
    return sum8(a.lo + a.hi);
}

/* ---- reading: the sum of n vectors from `first` on; one for each work-item, so that nothing is
 * left out as unused. Any global and local size. ---- */

/* Every get_global_size(0)-th of them: neighbours read side by side. */
#define READ_BESIDE(NAME, V, SUM)                                                                  \
    __kernel void NAME(__global float *out, __global const V *x, uint first, uint n)               \
    {                                                                                              \
        V sum = 0.0f;                                                                              \
        for (size_t i = get_global_id(0); i < n; i += get_global_size(0)) {                        \
            sum += x[first + i];                                                                   \
        }                                                                                          \
        out[get_global_id(0)] = SUM(sum);                                                          \
    }

READ_BESIDE(limits_read_beside1, float, (float))
READ_BESIDE(limits_read_beside4, float4, sum4)

/* A run of them for each work-item, two sums at a time. Twice the global size must divide n. */
#define READ_RUNS(NAME, V, SUM)                                                                    \
    __kernel void NAME(__global float *out, __global const V *x, uint first, uint n)               \
    {                                                                                              \
        size_t each = n / get_global_size(0);                                                      \
        __global const V *from = x + first + get_global_id(0) * each;                              \
        V a = 0.0f;                                                                                \
        V b = 0.0f;                                                                                \
        for (size_t i = 0; i < each; i += 2) {                                                     \
            a += from[i];                                                                          \
            b += from[i + 1];                                                                      \
        }                                                                                          \
        out[get_global_id(0)] = SUM(a + b);                                                        \
    }

READ_RUNS(limits_read_runs4, float4, sum4)
READ_RUNS(limits_read_runs8, float8, sum8)
READ_RUNS(limits_read_runs16, float16, sum16)

/* ---- multiplying: twelve multiplications and additions a round and lane ---- */

/* Twelve independent chains hide the latency of most devices, and fit 16 registers with the two
 * constants. Each is a variable: in an array some compilers keep them in memory. */
#define EACH_CHAIN(DO, V)                                                                          \
    DO(V, 0);                                                                                      \
    DO(V, 1);                                                                                      \
    DO(V, 2);                                                                                      \
    DO(V, 3);                                                                                      \
    DO(V, 4);                                                                                      \
    DO(V, 5);                                                                                      \
    DO(V, 6);                                                                                      \
    DO(V, 7);                                                                                      \
    DO(V, 8);                                                                                      \
    DO(V, 9);                                                                                      \
    DO(V, 10);                                                                                     \
    DO(V, 11)
#define BEGIN(V, k) V x##k = (V)((T)(k + seed))
#define STEP(V, k)  x##k = x##k * (T)0.999f + (T)0.001f
#define ADD(V, k)   sum += x##k

#define FMA(NAME, V, SUM)                                                                          \
    __kernel void NAME(__global float *out, int rounds)                                            \
    {                                                                                              \
        int seed = (int)(get_global_id(0) & 7);                                                    \
        EACH_CHAIN(BEGIN, V);                                                                      \
        for (int i = 0; i < rounds; i++) {                                                         \
            EACH_CHAIN(STEP, V);                                                                   \
        }                                                                                          \
        V sum = (V)((T)0);                                                                         \
        EACH_CHAIN(ADD, V);                                                                        \
        out[get_global_id(0)] = SUM(sum);                                                          \
    }

#define SUM_1(a)  (float)(a)
#define SUM_4(a)  sum4(convert_float4(a))
#define SUM_8(a)  sum8(convert_float8(a))
#define SUM_16(a) sum16(convert_float16(a))

FMA(limits_fma1, T, SUM_1)
FMA(limits_fma4, GLUE(T, 4), SUM_4)
FMA(limits_fma8, GLUE(T, 8), SUM_8)
FMA(limits_fma16, GLUE(T, 16), SUM_16)

/* Products of four bytes, added to what there was. */
#ifdef HAS_DOT
#define DOT_STEP(V, k) x##k += dot_4x8packed_ss_int((uint)x##k, 0x03fe0201u)
__kernel void limits_dot(__global float *out, int rounds)
{
    int seed = (int)(get_global_id(0) & 7);
    EACH_CHAIN(BEGIN, int);
    for (int i = 0; i < rounds; i++) {
        EACH_CHAIN(DOT_STEP, int);
    }
    int sum = 0;
    EACH_CHAIN(ADD, int);
    out[get_global_id(0)] = (float)sum;
}
#endif
