/* SPDX-License-Identifier: Apache-2.0 */
/* Element types: the table, hand-made blocks, gguf-py's numbers bit by bit, error bounds of
 * quantisation, hostile numbers. */
#include "array/dtypes.h"

#include "array/npy.h"
#include "base/os.h"
#include "support/noise.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(table_is_complete)
{
    static const char *const names[] = {"f32",  "f16",  "bf16", "i32",  "q4_0",
                                        "q4_1", "q8_0", "q5_0", "q5_1", "iq4_nl",
                                        "q4_k", "q6_k", "q5_k", "q3_k", "q2_k"};
    static const size_t bytes_of_256[] = {1024, 512, 512, 1024, 144, 160, 272, 176,
                                          192,  144, 144, 210,  176, 110, 84};
    for (int i = 0; i < PENCL_DTYPE_COUNT; i++) {
        size_t bytes = 0;
        ck_assert_str_eq(pencl_dtype_name((pencl_dtype)i), names[i]);
        ck_assert_int_eq(pn_dtype_by_name(names[i]), i);
        ck_assert(pn_dtype_bytes((pencl_dtype)i, 256, &bytes));
        ck_assert_uint_eq(bytes, bytes_of_256[i]);
        ck_assert_int_eq(pn_dtype_of((pencl_dtype)i)->quantised, i >= PENCL_Q4_0);
    }
    ck_assert_ptr_null(pn_dtype_of(PENCL_DTYPE_COUNT));
    ck_assert_str_eq(pencl_dtype_name(PENCL_DTYPE_COUNT), "unknown");
    ck_assert_int_eq(pn_dtype_by_name("f64"), PENCL_DTYPE_COUNT);
}
END_TEST

START_TEST(bytes_rejects_broken_blocks_and_overflow)
{
    size_t bytes = 0;
    ck_assert(!pn_dtype_bytes(PENCL_Q4_0, 33, &bytes));
    ck_assert(!pn_dtype_bytes(PENCL_F32, SIZE_MAX / 2, &bytes));
    ck_assert(!pn_dtype_bytes(PENCL_DTYPE_COUNT, 1, &bytes));
}
END_TEST

START_TEST(q4_0_reads_low_nibbles_first)
{
    uint8_t block[18] = {0x00, 0x38}; /* d = 0.5 */
    float x[32];
    for (int j = 0; j < 16; j++) {
        block[2 + j] = (uint8_t)(j | (15 - j) << 4);
    }
    pn_dtype_q4_0.to_f32(block, x, 32);
    for (int j = 0; j < 16; j++) {
        ck_assert_float_eq(x[j], (float)(j - 8) * 0.5F);
        ck_assert_float_eq(x[16 + j], (float)(7 - j) * 0.5F);
    }
}
END_TEST

START_TEST(q4_1_adds_its_minimum)
{
    uint8_t block[20] = {0x00, 0x38, 0x00, 0xC0}; /* d = 0.5, m = -2 */
    float x[32];
    for (int j = 0; j < 16; j++) {
        block[4 + j] = (uint8_t)(j | (15 - j) << 4);
    }
    pn_dtype_q4_1.to_f32(block, x, 32);
    for (int j = 0; j < 16; j++) {
        ck_assert_float_eq(x[j], (float)j * 0.5F - 2.0F);
        ck_assert_float_eq(x[16 + j], (float)(15 - j) * 0.5F - 2.0F);
    }
}
END_TEST

START_TEST(q8_0_reads_signed_bytes)
{
    uint8_t block[34] = {0x00, 0x38}; /* d = 0.5 */
    float x[32];
    for (int j = 0; j < 32; j++) {
        block[2 + j] = (uint8_t)(j * 8);
    }
    pn_dtype_q8_0.to_f32(block, x, 32);
    ck_assert_float_eq(x[1], 4.0F);
    ck_assert_float_eq(x[16], -64.0F);
    ck_assert_float_eq(x[31], -4.0F);
}
END_TEST

/* ---- golden data, made by gguf-py ---- */

static const pencl_dtype golden[] = {
    /* written as well, by gguf-py or, iq4_nl, by ggml */
    PENCL_F16, PENCL_BF16, PENCL_Q4_0, PENCL_Q4_1, PENCL_Q8_0, PENCL_Q5_0, PENCL_Q5_1, PENCL_IQ4_NL,
};
enum { WRITTEN = 8 };

static pn_text read_golden(pencl_ctx *ctx, const char *name)
{
    char path[512];
    pn_text file = {0};
    snprintf(path, sizeof path, "%s/dtypes/%s", PENCL_TEST_DATA, name);
    pencl_status st = pn_file_read(&file, ctx, path, 1 << 20);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    return file;
}

/* The elements of a .npy file of float32; free them. */
static float *read_floats(pencl_ctx *ctx, const char *name, size_t *n)
{
    pn_npy npy;
    pn_text file = read_golden(ctx, name);
    ck_assert_int_eq(pn_npy_parse(&npy, ctx, file.data, file.size, name), PENCL_OK);
    ck_assert(npy.kind == 'f' && npy.width == 4 && !npy.fortran);
    *n = (file.size - npy.data) / sizeof(float);
    float *values = malloc(*n * sizeof *values);
    ck_assert_ptr_nonnull(values);
    memcpy(values, file.data + npy.data, *n * sizeof *values);
    pn_text_free(&file);
    return values;
}

START_TEST(reads_as_gguf_py)
{
    const pn_dtype *d = pn_dtype_of(golden[_i]);
    pencl_ctx *ctx = pencl_ctx_new();
    char name[32];
    size_t n = 0;
    size_t bytes = 0;
    snprintf(name, sizeof name, "%s.npy", d->name);
    float *expected = read_floats(ctx, name, &n);
    snprintf(name, sizeof name, "%s.bin", d->name);
    pn_text stored = read_golden(ctx, name);
    ck_assert(pn_dtype_bytes(golden[_i], n, &bytes));
    ck_assert_uint_eq(stored.size, bytes);
    float *got = malloc(n * sizeof *got);
    d->to_f32(stored.data, got, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(memcmp(got + i, expected + i, sizeof *got) == 0, "element %zu: %a, not %a", i,
                      (double)got[i], (double)expected[i]);
    }
    free(got);
    free(expected);
    pn_text_free(&stored);
    pencl_ctx_free(ctx);
}
END_TEST

START_TEST(writes_as_gguf_py)
{
    const pn_dtype *d = pn_dtype_of(golden[_i]);
    pencl_ctx *ctx = pencl_ctx_new();
    char name[32];
    size_t n = 0;
    float *values = read_floats(ctx, "floats.npy", &n);
    snprintf(name, sizeof name, "floats.%s.bin", d->name);
    pn_text expected = read_golden(ctx, name);
    uint8_t *got = malloc(expected.size);
    d->from_f32(values, got, n);
    for (size_t i = 0; i < expected.size; i++) {
        ck_assert_msg(got[i] == (uint8_t)expected.data[i], "byte %zu, in block %zu: %d, not %d", i,
                      i / d->block_bytes, got[i], (uint8_t)expected.data[i]);
    }
    free(got);
    free(values);
    pn_text_free(&expected);
    pencl_ctx_free(ctx);
}
END_TEST

/* ---- any numbers ---- */

enum { BLOCK = 256 }; /* a whole number of blocks of every type */

/* Half a step of the coarsest type, relative to the largest magnitude, plus the half scale's own
 * rounding. q4_0 loses up to a whole step at the end that -8 .. 7 lacks. */
static double bound_of(pencl_dtype dtype)
{
    switch (dtype) {
    case PENCL_F16:
        return 0x1p-11;
    case PENCL_BF16:
        return 0x1p-8;
    case PENCL_Q4_0:
        return 1.0 / 8 + 0.01;
    case PENCL_Q4_1:
        return 1.0 / 15 + 0.002;
    case PENCL_Q8_0:
        return 0.5 / 127 + 0.001;
    case PENCL_Q5_0:
        return 1.0 / 16 + 0.005;
    case PENCL_Q5_1:
        return 1.0 / 31 + 0.002;
    case PENCL_IQ4_NL: /* the level of the extreme moves with the scale */
        return 0.2;
    case PENCL_Q4_K:
        return 1.0 / 15 + 0.03;
    case PENCL_Q6_K:
        return 1.0 / 32 + 0.03;
    case PENCL_Q5_K:
        return 1.0 / 31 + 0.03;
    case PENCL_Q3_K:
        return 1.0 / 4 + 0.1;
    case PENCL_Q2_K:
        return 1.0 / 3 + 0.1;
    default:
        return 0.0;
    }
}

START_TEST(values_survive_within_a_step)
{
    pencl_dtype dtype = (pencl_dtype)_i;
    const pn_dtype *d = pn_dtype_of(dtype);
    noise n = {(uint64_t)_i + 11};
    for (int round = 0; round < 200; round++) {
        float x[BLOCK];
        float y[BLOCK];
        uint8_t stored[BLOCK * sizeof(float)];
        float scale = ldexpf(1.0F, (int)noise_below(&n, 16) - 8);
        float largest = 0;
        for (int i = 0; i < BLOCK; i++) {
            x[i] = dtype == PENCL_I32 ? (float)noise_below(&n, 2000) : noise_float(&n) * scale;
            largest = fmaxf(largest, fabsf(x[i]));
        }
        d->from_f32(x, stored, BLOCK);
        d->to_f32(stored, y, BLOCK);
        for (int i = 0; i < BLOCK; i++) {
            ck_assert_double_le(fabs((double)x[i] - y[i]), bound_of(dtype) * largest);
        }
    }
}
END_TEST

START_TEST(zeros_stay_zeros)
{
    const float x[BLOCK] = {0};
    float y[BLOCK];
    uint8_t stored[BLOCK * sizeof(float)];
    const pn_dtype *d = pn_dtype_of((pencl_dtype)_i);
    d->from_f32(x, stored, BLOCK);
    d->to_f32(stored, y, BLOCK);
    for (int i = 0; i < BLOCK; i++) {
        ck_assert_float_eq(y[i], 0.0F);
    }
}
END_TEST

START_TEST(hostile_numbers_do_no_harm)
{
    float x[BLOCK];
    float y[BLOCK];
    uint8_t stored[BLOCK * sizeof(float)];
    static const float hostile[] = {NAN, INFINITY, -INFINITY, 1e38F, -1e38F, 1e-45F, 0x1p31F};
    const pn_dtype *d = pn_dtype_of((pencl_dtype)_i);
    for (size_t k = 0; k < PN_COUNT(hostile); k++) {
        for (int i = 0; i < BLOCK; i++) {
            x[i] = i % 3 == 0 ? hostile[k] : hostile[(k + (size_t)i) % PN_COUNT(hostile)];
        }
        d->from_f32(x, stored, BLOCK); /* the sanitizer watches the conversions */
        d->to_f32(stored, y, BLOCK);
    }
}
END_TEST

/* Blocks whose scale is 1: ties are exact. */
START_TEST(halves_round_as_ggml_rounds_them)
{
    float x[32] = {-8, 0.5F, -0.5F, 2.5F, 1.5F}; /* q4_0: up */
    const float up[] = {-8, 1, 0, 3, 2};
    float y[32];
    uint8_t stored[34];
    pn_dtype_q4_0.from_f32(x, stored, 32);
    pn_dtype_q4_0.to_f32(stored, y, 32);
    ck_assert_mem_eq(y, up, sizeof up);
    x[5] = 7; /* q4_1, from -8 to 7: up as well */
    pn_dtype_q4_1.from_f32(x, stored, 32);
    pn_dtype_q4_1.to_f32(stored, y, 32);
    ck_assert_mem_eq(y, up, sizeof up);
    x[5] = 127; /* q8_0: away from zero */
    const float away[] = {-8, 1, -1, 3, 2};
    pn_dtype_q8_0.from_f32(x, stored, 32);
    pn_dtype_q8_0.to_f32(stored, y, 32);
    ck_assert_mem_eq(y, away, sizeof away);
}
END_TEST

START_TEST(i32_rounds_and_saturates)
{
    const float x[] = {0.5F, 1.5F, -2.5F, 3e9F, -3e9F, NAN, 2147483520.0F};
    const int32_t expected[] = {0, 2, -2, INT32_MAX, INT32_MIN, 0, 2147483520};
    int32_t got[PN_COUNT(x)];
    pn_dtype_i32.from_f32(x, got, PN_COUNT(x));
    ck_assert_mem_eq(got, expected, sizeof expected);
}
END_TEST

Suite *suite_array_dtypes(void);
Suite *suite_array_dtypes(void)
{
    Suite *suite = suite_create("array_dtypes");
    TCase *tests = tcase_create("dtypes");
    tcase_add_test(tests, table_is_complete);
    tcase_add_test(tests, bytes_rejects_broken_blocks_and_overflow);
    tcase_add_test(tests, q4_0_reads_low_nibbles_first);
    tcase_add_test(tests, q4_1_adds_its_minimum);
    tcase_add_test(tests, q8_0_reads_signed_bytes);
    tcase_add_loop_test(tests, reads_as_gguf_py, 0, (int)PN_COUNT(golden));
    tcase_add_loop_test(tests, writes_as_gguf_py, 0, WRITTEN);
    tcase_add_loop_test(tests, values_survive_within_a_step, 0, PENCL_DTYPE_COUNT);
    tcase_add_loop_test(tests, zeros_stay_zeros, 0, PENCL_DTYPE_COUNT);
    tcase_add_loop_test(tests, hostile_numbers_do_no_harm, 0, PENCL_DTYPE_COUNT);
    tcase_add_test(tests, halves_round_as_ggml_rounds_them);
    tcase_add_test(tests, i32_rounds_and_saturates);
    suite_add_tcase(suite, tests);
    return suite;
}
