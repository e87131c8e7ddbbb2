/* SPDX-License-Identifier: Apache-2.0 */
/* What penzai answered, held against what pencl answers. */
#include "support/penzai_answers.h"

#include "device/device.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

penzai_answers penzai_answers_of(const json_t *golden)
{
    const json_t *tokens = json_object_get(golden, "tokens");
    penzai_answers a = {.golden = golden};
    a.batch = (int64_t)json_array_size(tokens);
    a.seq = (int64_t)json_array_size(json_array_get(tokens, 0));
    a.vocabulary =
        json_integer_value(json_object_get(json_object_get(golden, "config"), "vocab_size"));
    return a;
}

int32_t *penzai_table(const penzai_answers *a, const char *key)
{
    const json_t *rows = json_object_get(a->golden, key);
    int32_t *table = calloc((size_t)(a->batch * a->seq), sizeof *table);
    for (int64_t i = 0; i < a->batch * a->seq; i++) {
        const json_t *row = json_array_get(rows, (size_t)(i / a->seq));
        table[i] = (int32_t)json_integer_value(json_array_get(row, (size_t)(i % a->seq)));
    }
    return table;
}

/* 1 where a token is real in a run, 0 where it is padding. */
static int32_t *real_tokens(const penzai_answers *a, const char *key)
{
    const bool by_position = strcmp(key, "logits_padded_positions") == 0;
    int32_t *real = penzai_table(a, by_position ? "padded_positions" : "tokens");
    for (int64_t i = 0; i < a->batch * a->seq; i++) {
        real[i] = by_position ? real[i] >= 0 : strcmp(key, PENZAI_CACHED) == 0 ? real[i] != 0 : 1;
    }
    return real;
}

double
penzai_worst(const penzai_answers *a, const char *key, const float *got, int64_t first, int64_t n)
{
    const json_t *want = json_object_get(a->golden, key);
    int32_t *real = real_tokens(a, key);
    double worst = 0;
    ck_assert_uint_eq(json_array_size(want), (size_t)(a->batch * a->seq * a->vocabulary));
    for (int64_t i = 0; i < n * a->vocabulary; i++) {
        const int64_t at = first * a->vocabulary + i;
        const double d = fabs((double)got[i] - json_number_value(json_array_get(want, (size_t)at)));
        if (real[at / a->vocabulary] && (d > worst || isnan(d))) {
            worst = d;
        }
    }
    free(real);
    return worst;
}

static pencl_array *array_of(const penzai_answers *a, pencl_device *device, const char *key)
{
    const pencl_axis axes[] = {{PENCL_AXIS_BATCH, a->batch}, {PENCL_AXIS_SEQ, a->seq}};
    int32_t *table = penzai_table(a, key);
    pencl_array *array = NULL;
    ck_assert_int_eq(pencl_array_new(&array, device, PENCL_I32, axes, 2), PENCL_OK);
    ck_assert_int_eq(pencl_array_upload(array, table, (size_t)(a->batch * a->seq) * sizeof *table),
                     PENCL_OK);
    free(table);
    return array;
}

double penzai_call(const penzai_answers *a, pencl_lm *lm, const char *positions, const char *key)
{
    static const char *const order[] = {PENCL_AXIS_BATCH, PENCL_AXIS_SEQ, PENCL_AXIS_VOCABULARY};
    pencl_device *device = pencl_lm_device(lm);
    pencl_array *tokens = array_of(a, device, "tokens");
    pencl_array *at = positions != NULL ? array_of(a, device, positions) : NULL;
    pencl_array *logits = NULL;
    pencl_array *ordered = NULL;
    const pencl_lm_call_options options = {.token_positions = at};
    ck_assert_msg(pencl_lm_call(&logits, lm, tokens, &options) == PENCL_OK, "%s",
                  pencl_error_text(pn_device_ctx(device)));
    ck_assert_int_eq(pencl_array_order(&ordered, logits, order, 3), PENCL_OK);
    const int64_t count = a->batch * a->seq * a->vocabulary;
    float *got = calloc((size_t)count, sizeof *got);
    ck_assert_int_eq(pencl_array_download_f32(ordered, got, count), PENCL_OK);
    const double worst = penzai_worst(a, key, got, 0, a->batch * a->seq);
    free(got);
    pencl_array_free(ordered);
    pencl_array_free(logits);
    pencl_array_free(at);
    pencl_array_free(tokens);
    return worst;
}
