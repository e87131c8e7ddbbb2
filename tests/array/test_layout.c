/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts: exact round trips on random matrices in pieces, places checked against layout.h's words,
 * rows read back. */
#include "array/layout.h"

#include "support/noise.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"plain", "rows16"};
enum { LAYOUTS = 2, SEEDS = 6, GUARD = 64 };

/* Which (layout, dtype, seed) a loop index stands for. */
typedef struct trial {
    const pn_layout *layout;
    pn_matrix m;
    noise noise;
} trial;

static trial trial_of(int i)
{
    trial t = {.noise = {(uint64_t)i * 7919 + 1}};
    t.layout = pn_layout_by_name(names[i % LAYOUTS]);
    t.m.dtype = (pencl_dtype)(i / LAYOUTS % PENCL_DTYPE_COUNT);
    int64_t block = (int64_t)pn_dtype_of(t.m.dtype)->block;
    t.m.rows = noise_below(&t.noise, 70);
    t.m.cols = block * (1 + noise_below(&t.noise, block > 1 ? 5 : 70));
    ck_assert(t.layout->fits(&t.m));
    return t;
}

static uint8_t *random_bytes(noise *n, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)noise_next(n);
    }
    return bytes;
}

/* Packs with the pieces of several threads, in any order, into memory with a guard behind. */
static uint8_t *packed(const trial *t, const uint8_t *plain)
{
    size_t size = t->layout->bytes(&t->m);
    uint8_t *out = malloc(size + GUARD);
    ck_assert_ptr_nonnull(out);
    memset(out, 0xA5, size + GUARD);
    int64_t step = t->layout->row_step * 2;
    size_t row = pn_matrix_row_bytes(&t->m);
    for (int64_t at = (t->m.rows / step) * step; at >= 0; at -= step) {
        int64_t n = t->m.rows - at < step ? t->m.rows - at : step;
        t->layout->pack(&t->m, plain + (size_t)at * row, at, n, out);
    }
    for (size_t i = 0; i < GUARD; i++) {
        ck_assert_uint_eq(out[size + i], 0xA5);
    }
    return out;
}

START_TEST(unpack_undoes_pack)
{
    trial t = trial_of(_i);
    size_t row = pn_matrix_row_bytes(&t.m);
    uint8_t *plain = random_bytes(&t.noise, row * (size_t)t.m.rows);
    uint8_t *there = packed(&t, plain);
    uint8_t *back = random_bytes(&t.noise, row * (size_t)t.m.rows);
    int64_t step = t.layout->row_step * 3;
    for (int64_t at = 0; at < t.m.rows; at += step) {
        int64_t n = t.m.rows - at < step ? t.m.rows - at : step;
        t.layout->unpack(&t.m, there, at, n, back + (size_t)at * row);
    }
    ck_assert_mem_eq(back, plain, row * (size_t)t.m.rows);
    free(back);
    free(there);
    free(plain);
}
END_TEST

START_TEST(read_row_gives_the_values_of_the_plain_row)
{
    trial t = trial_of(_i);
    size_t row = pn_matrix_row_bytes(&t.m);
    uint8_t *plain = random_bytes(&t.noise, row * (size_t)t.m.rows);
    uint8_t *there = packed(&t, plain);
    float *got = malloc((size_t)t.m.cols * sizeof *got);
    float *expected = malloc((size_t)t.m.cols * sizeof *expected);
    for (int64_t r = 0; r < t.m.rows; r++) {
        t.layout->read_row(&t.m, there, r, got);
        pn_dtype_of(t.m.dtype)->to_f32(plain + (size_t)r * row, expected, (size_t)t.m.cols);
        ck_assert_mem_eq(got, expected, (size_t)t.m.cols * sizeof *got);
    }
    free(expected);
    free(got);
    free(there);
    free(plain);
}
END_TEST

/* ---- the picture in layout.h, place by place ---- */

START_TEST(rows16_puts_dense_columns_of_16_rows_together)
{
    const pn_matrix m = {PENCL_F16, 21, 5};
    uint16_t plain[21 * 5];
    for (int i = 0; i < 21 * 5; i++) {
        plain[i] = (uint16_t)(i + 1);
    }
    const pn_layout *layout = pn_layout_by_name("rows16");
    ck_assert_uint_eq(layout->bytes(&m), sizeof(uint16_t) * 32 * 5);
    ck_assert_uint_eq(layout->scales(&m), 0);
    uint16_t out[2][5][16];
    layout->pack(&m, plain, 0, m.rows, out);
    for (int r = 0; r < 32; r++) {
        for (int c = 0; c < 5; c++) {
            ck_assert_int_eq(out[r / 16][c][r % 16], r < 21 ? r * 5 + c + 1 : 0);
        }
    }
}
END_TEST

START_TEST(rows16_puts_q8_0_scales_apart)
{
    enum { ROWS = 19, BLOCKS = 3 };
    const pn_matrix m = {PENCL_Q8_0, ROWS, BLOCKS * 32};
    noise n = {5};
    uint8_t *plain = random_bytes(&n, (size_t)ROWS * BLOCKS * 34);
    struct {
        uint8_t quants[2][BLOCKS][32][16];
        uint16_t scales[2][BLOCKS][16];
    } out;
    const pn_layout *layout = pn_layout_by_name("rows16");
    ck_assert_uint_eq(layout->bytes(&m), sizeof out);
    ck_assert_uint_eq(layout->scales(&m), sizeof out.quants);
    layout->pack(&m, plain, 0, m.rows, &out);
    for (int r = 0; r < 32; r++) {
        for (int b = 0; b < BLOCKS; b++) {
            const uint8_t *block = plain + (size_t)((r * BLOCKS + b) * 34);
            uint16_t d = r < ROWS ? (uint16_t)(block[0] | block[1] << 8) : 0;
            ck_assert_int_eq(out.scales[r / 16][b][r % 16], d);
            for (int c = 0; c < 32; c++) {
                int q = r < ROWS ? block[2 + c] : 0;
                ck_assert_int_eq(out.quants[r / 16][b][c][r % 16], q);
            }
        }
    }
    free(plain);
}
END_TEST

START_TEST(rows16_puts_q4_1_minima_behind_scales)
{
    enum { ROWS = 16, BLOCKS = 2 };
    const pn_matrix m = {PENCL_Q4_1, ROWS, BLOCKS * 32};
    noise n = {6};
    uint8_t *plain = random_bytes(&n, (size_t)ROWS * BLOCKS * 20);
    struct {
        uint8_t quants[BLOCKS][16][16];
        uint16_t scales[BLOCKS][2][16]; /* d, m */
    } out;
    const pn_layout *layout = pn_layout_by_name("rows16");
    ck_assert_uint_eq(layout->bytes(&m), sizeof out);
    layout->pack(&m, plain, 0, m.rows, &out);
    for (int r = 0; r < ROWS; r++) {
        for (int b = 0; b < BLOCKS; b++) {
            const uint8_t *block = plain + (size_t)((r * BLOCKS + b) * 20);
            float *value = (float[32]){0};
            pn_dtype_q4_1.to_f32(block, value, 32);
            float d = pn_f16_to_f32(out.scales[b][0][r]);
            float least = pn_f16_to_f32(out.scales[b][1][r]);
            for (int k = 0; k < 16; k++) {
                float low = d * (float)(out.quants[b][k][r] & 15) + least;
                float high = d * (float)(out.quants[b][k][r] >> 4) + least;
                ck_assert(low == value[k] || isnan(low));
                ck_assert(high == value[k + 16] || isnan(high));
            }
        }
    }
    free(plain);
}
END_TEST

/* Bit i of byte 16 + j is the fifth bit of column 4 i + j. */
START_TEST(rows16_puts_fifth_bits_behind_nibbles)
{
    enum { ROWS = 17, BLOCKS = 2 };
    const pn_matrix m = {PENCL_Q5_0, ROWS, BLOCKS * 32};
    noise n = {8};
    uint8_t *plain = random_bytes(&n, (size_t)ROWS * BLOCKS * 22);
    struct {
        uint8_t quants[2][BLOCKS][20][16];
        uint16_t scales[2][BLOCKS][16];
    } out;
    const pn_layout *layout = pn_layout_by_name("rows16");
    ck_assert_uint_eq(layout->bytes(&m), sizeof out);
    layout->pack(&m, plain, 0, m.rows, &out);
    for (int r = 0; r < ROWS; r++) {
        for (int b = 0; b < BLOCKS; b++) {
            uint8_t *block = plain + (size_t)((r * BLOCKS + b) * 22);
            float value[32];
            memcpy(block, (uint8_t[2]){0x00, 0x3c}, 2); /* a scale of 1 */
            pn_dtype_q5_0.to_f32(block, value, 32);
            for (int c = 0; c < 32; c++) {
                int low = out.quants[r / 16][b][c % 16][r % 16] >> c / 16 * 4 & 15;
                int fifth = out.quants[r / 16][b][16 + c % 4][r % 16] >> c / 4 & 1;
                ck_assert_int_eq(low + fifth * 16 - 16, (int)value[c]);
            }
        }
    }
    free(plain);
}
END_TEST

START_TEST(matrices_that_cannot_be_stored_do_not_fit)
{
    const pn_matrix broken = {PENCL_Q4_0, 4, 33};
    const pn_matrix huge = {PENCL_F32, INT64_MAX, INT64_MAX};
    const pn_matrix negative = {PENCL_F32, -1, 4};
    for (size_t i = 0; i < LAYOUTS; i++) {
        const pn_layout *layout = pn_layout_by_name(names[i]);
        ck_assert(!layout->fits(&broken));
        ck_assert(!layout->fits(&huge));
        ck_assert(!layout->fits(&negative));
    }
    ck_assert_ptr_null(pn_layout_by_name("rows17"));
}
END_TEST

Suite *suite_array_layout(void);
Suite *suite_array_layout(void)
{
    enum { TRIALS = LAYOUTS * PENCL_DTYPE_COUNT * SEEDS };
    Suite *suite = suite_create("array_layout");
    TCase *tests = tcase_create("layout");
    tcase_add_loop_test(tests, unpack_undoes_pack, 0, TRIALS);
    tcase_add_loop_test(tests, read_row_gives_the_values_of_the_plain_row, 0, TRIALS);
    tcase_add_test(tests, rows16_puts_dense_columns_of_16_rows_together);
    tcase_add_test(tests, rows16_puts_q8_0_scales_apart);
    tcase_add_test(tests, rows16_puts_q4_1_minima_behind_scales);
    tcase_add_test(tests, rows16_puts_fifth_bits_behind_nibbles);
    tcase_add_test(tests, matrices_that_cannot_be_stored_do_not_fit);
    suite_add_tcase(suite, tests);
    return suite;
}
