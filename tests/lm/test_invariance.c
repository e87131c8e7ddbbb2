/* SPDX-License-Identifier: Apache-2.0 */
/* However tokens reach a model, they get the same logits: prompts in pieces, padding, batches, two
 * sequences in one row. penzai's eight families and the real model. */
#include "support/fixture.h"
#include "support/folder.h"
#include "support/golden.h"
#include "support/penzai.h"

#include "pencl/pencl.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 7, ROWS = 2, MOST = 2 * ROWS * (N + 2) };

static pencl_model *model;
static pencl_lm *lm;
static char folder[TEST_PATH];
static const char *name;
static int32_t tokens[ROWS][N];
static int32_t pad; /* a token that is none of them */
static int64_t vocabulary;
static float *want; /* [ROWS, N, vocabulary]: each row by a call of its own */
static float *got;  /* [MOST, vocabulary] */
static double largest;
static double bar;
static double worst;

static void setup(void)
{
    test_folder_make(folder);
    fixture_device();
}

static void teardown(void)
{
    free(want);
    free(got);
    pencl_model_close(model);
    fixture_close();
    test_folder_remove(folder);
}

#define CHECK_OK(expr) ck_assert_msg((expr) == PENCL_OK, "%s: %s", name, pencl_error_text(ctx))

/* ---- calls ---- */

static pencl_array *ints(const int32_t *ids, int64_t rows, int64_t n)
{
    const pencl_axis axes[] = {{"batch", rows}, {"seq", n}};
    pencl_array *a = NULL;
    CHECK_OK(pencl_array_wrap(&a, device, PENCL_I32, axes + (rows == 0), rows == 0 ? 1 : 2, ids));
    return a;
}

/* Logits of ids [rows, n], with positions and sequence ids where there are any, into `to`. */
static void
call(float *to, const int32_t *ids, const int32_t *at, const int32_t *of, int64_t rows, int64_t n)
{
    pencl_array *logits = NULL;
    pencl_array *x = ints(ids, rows, n);
    pencl_array *positions = at != NULL ? ints(at, rows, n) : NULL;
    pencl_array *sequence = of != NULL ? ints(of, rows, n) : NULL;
    const pencl_side_array side = {"token_sequence", sequence};
    const pencl_lm_call_options o = {
        .token_positions = positions, .side = &side, .n_side = of != NULL};
    CHECK_OK(pencl_lm_call(&logits, lm, x, &o));
    CHECK_OK(pencl_array_download_f32(logits, to, pencl_array_count(logits)));
    pencl_array_free(logits);
    pencl_array_free(sequence);
    pencl_array_free(positions);
    pencl_array_free(x);
}

static void feed(pencl_kv_lm *kv, float *to, const int32_t *ids, int64_t rows, int64_t n)
{
    pencl_array *logits = NULL;
    pencl_array *x = ints(ids, rows, n);
    CHECK_OK(pencl_kv_lm_call(&logits, kv, x, NULL, 0));
    CHECK_OK(pencl_array_download_f32(logits, to, pencl_array_count(logits)));
    pencl_array_free(logits);
    pencl_array_free(x);
}

static pencl_kv_lm *caches(int64_t rows, int64_t length)
{
    const pencl_axis batch = {"batch", rows};
    pencl_kv_lm *kv = NULL;
    CHECK_OK(pencl_kv_lm_from_uncached(&kv, lm, length, &batch, rows > 0, pad));
    return kv;
}

/* Row `i` of some logits against the row of token `at` of a sequence. */
static void expect(const char *what, const float *logits, int64_t i, int row, int64_t at)
{
    const float *a = logits + i * vocabulary;
    const float *b = want + (row * N + at) * vocabulary;
    for (int64_t k = 0; k < vocabulary; k++) {
        double d = fabs((double)a[k] - (double)b[k]);
        worst = d > worst || isnan(d) ? d : worst;
        ck_assert_msg(d <= bar, "%s, %s: token %d of row %d differs by %g, more than %g", name,
                      what, (int)at, row, d, bar);
    }
}

/* ---- ways that tokens may come ---- */

static void cut_everywhere(void)
{
    for (int64_t cut = 1; cut < N; cut++) {
        const float *logits = NULL;
        pencl_session *s = NULL;
        CHECK_OK(pencl_session_new(&s, lm, NULL));
        for (int64_t at = 0; at < N; at += at == 0 ? cut : N) {
            int64_t n = at == 0 ? cut : N - at;
            CHECK_OK(pencl_session_feed(&logits, s, tokens[0] + at, (size_t)n, PENCL_LOGITS_ALL));
            for (int64_t i = 0; i < n; i++) {
                expect("cut, in a session", logits, i, 0, at + i);
            }
        }
        pencl_session_free(s);
    }
}

static void cut_in_a_batch(void)
{
    for (int64_t cut = 1; cut < N; cut++) {
        pencl_kv_lm *kv = caches(ROWS, N);
        for (int64_t at = 0; at < N; at += at == 0 ? cut : N) {
            int64_t n = at == 0 ? cut : N - at;
            int32_t piece[ROWS * N];
            for (int row = 0; row < ROWS; row++) {
                memcpy(piece + row * n, tokens[row] + at, (size_t)n * sizeof *piece);
            }
            feed(kv, got, piece, ROWS, n);
            for (int64_t i = 0; i < ROWS * n; i++) {
                expect("cut, in a batch", got, i, (int)(i / n), at + i % n);
            }
        }
        pencl_kv_lm_free(kv);
    }
}

/* Row 0 behind two pads, row 1 in front of two: by positions, and by the cache's pads. */
static void padded(void)
{
    int32_t ids[ROWS][N + 2];
    int32_t at[ROWS][N + 2];
    for (int i = 0; i < N + 2; i++) {
        ids[0][i] = i < 2 ? pad : tokens[0][i - 2];
        at[0][i] = i < 2 ? -1 : i - 2;
        ids[1][i] = i < N ? tokens[1][i] : pad;
        at[1][i] = i < N ? i : -1;
    }
    pencl_kv_lm *kv = caches(ROWS, N + 2);
    for (int way = 0; way < 2; way++) {
        if (way == 0) {
            call(got, ids[0], at[0], NULL, ROWS, N + 2);
        } else {
            feed(kv, got, ids[0], ROWS, N + 2);
        }
        for (int i = 0; i < N; i++) {
            expect("left padding", got, i + 2, 0, i);
            expect("right padding", got, N + 2 + i, 1, i);
        }
    }
    pencl_kv_lm_free(kv);
}

static void batched(void)
{
    call(got, tokens[0], NULL, NULL, ROWS, N);
    for (int i = 0; i < ROWS * N; i++) {
        expect("batched", got, i, i / N, i % N);
    }
}

/* Both sequences in one row, their tokens by turns. */
static void interleaved(void)
{
    int32_t ids[ROWS * N];
    int32_t at[ROWS * N];
    int32_t of[ROWS * N];
    for (int i = 0; i < ROWS * N; i++) {
        ids[i] = tokens[i % ROWS][i / ROWS];
        at[i] = i / ROWS;
        of[i] = i % ROWS;
    }
    call(got, ids, at, of, 0, ROWS * N);
    for (int i = 0; i < ROWS * N; i++) {
        expect("two sequences in a row", got, i, i % ROWS, i / ROWS);
    }
}

/* `share` of the largest logit, or of 1 where that is less; `most` at most. */
static void all_ways(double share, double most)
{
    vocabulary = pencl_lm_metadata(lm)->vocab_size;
    want = calloc((size_t)(ROWS * N * vocabulary), sizeof *want);
    got = calloc((size_t)(MOST * vocabulary), sizeof *got);
    ck_assert(want != NULL && got != NULL);
    for (int row = 0; row < ROWS; row++) {
        call(want + row * N * vocabulary, tokens[row], NULL, NULL, 0, N);
    }
    for (int64_t i = 0; i < ROWS * N * vocabulary; i++) {
        largest = fmax(largest, fabs((double)want[i]));
    }
    bar = fmin(share * fmax(1, largest), most);
    cut_everywhere();
    cut_in_a_batch();
    padded();
    batched();
    interleaved();
    printf("%-16s largest difference %.1e of logits up to %.1f\n", name, worst, largest);
}

/* ---- models ---- */

static bool is_token(int32_t id)
{
    for (int i = 0; i < ROWS * N; i++) {
        if (tokens[i / N][i % N] == id) {
            return true;
        }
    }
    return false;
}

START_TEST(families)
{
    const char *path = test_path(folder, "model.safetensors");
    json_t *golden = penzai_golden(_i);
    penzai_file file = penzai_file_of(golden, 0);
    penzai_write(&file, path);
    penzai_file_free(&file);
    name = penzai_families[_i];
    for (int i = 0; i < ROWS * N; i++) {
        json_t *row = json_array_get(json_object_get(golden, "tokens"), (size_t)(i / N));
        tokens[i / N][i % N] = (int32_t)json_integer_value(json_array_get(row, (size_t)(i % N)));
    }
    for (pad = 0; is_token(pad); pad++) {
    }
    json_decref(golden);
    CHECK_OK(pencl_model_open(&model, device, path, NULL));
    lm = pencl_model_lm(model);
    all_ways(1e-5, HUGE_VAL);
}
END_TEST

START_TEST(real_model)
{
    const char *path = golden_model();
    if (path == NULL) {
        return;
    }
    name = "SmolLM2";
    for (int i = 0; i < ROWS * N; i++) {
        tokens[i / N][i % N] = 500 + 761 * i;
    }
    CHECK_OK(pencl_model_open(&model, device, path, NULL));
    lm = pencl_model_lm(model);
    all_ways(2e-3, 2e-3);
}
END_TEST

Suite *suite_lm_invariance(void);
Suite *suite_lm_invariance(void)
{
    Suite *suite = suite_create("lm_invariance");
    TCase *tc = tcase_create("invariance");
    tcase_set_timeout(tc, 600);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, families, 0, PENZAI_FAMILIES);
    tcase_add_test(tc, real_model);
    suite_add_tcase(suite, tc);
    return suite;
}
