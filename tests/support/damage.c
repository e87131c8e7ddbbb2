/* SPDX-License-Identifier: Apache-2.0 */
/* Model files that are damaged in every way. */
#include "support/damage.h"

#include "io/io.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Uses a key in every way there is. */
static unsigned long touch_entry(pencl_ctx *ctx, pn_model_file *file, size_t i)
{
    const char *key = pn_meta_key(file, i);
    const char *text = pn_meta_text(file, key);
    const pn_string *strings = NULL;
    const int32_t *ints = NULL;
    const float *floats = NULL;
    size_t n = 0;
    pn_text print = {0};
    pn_meta_print(file, i, 60, &print);
    unsigned long sum = print.size + (text != NULL ? strlen(text) : 0);
    pn_text_free(&print);
    if (pn_meta_strings(file, key, &strings, &n) == PENCL_OK) {
        for (size_t k = 0; k < n; k++) {
            const pn_string s = strings[k];
            sum += s.size > 0 ? (unsigned char)s.data[s.size - 1] : 0;
        }
    }
    if (pn_meta_i32s(file, key, &ints, &n) == PENCL_OK && n > 0) {
        sum += (unsigned)ints[n - 1];
    }
    if (pn_meta_f32s(file, key, &floats, &n) == PENCL_OK && n > 0) {
        sum += floats[n - 1] > 0;
    }
    pn_error_clear(ctx);
    return sum;
}

static unsigned long touch_all(pencl_ctx *ctx, pn_model_file *file)
{
    unsigned long sum = 0;
    for (size_t i = 0; i < pn_meta_count(file); i++) {
        sum += touch_entry(ctx, file, i);
    }
    for (size_t i = 0; i < pn_model_file_n_tensors(file); i++) {
        const pn_tensor *t = pn_model_file_tensor(file, i);
        for (size_t k = 0; k < t->bytes; k++) {
            sum += t->data[k];
        }
    }
    return sum;
}

pencl_status damage_parse(pencl_ctx *ctx, const void *bytes, size_t size)
{
    char *copy = pn_alloc(size);
    memcpy(copy, bytes, size);
    pn_model_file *file = NULL;
    pn_error_clear(ctx);
    const pencl_status st = pn_model_file_parse(&file, ctx, "bad", copy, size);
    if (st == PENCL_OK) {
        touch_all(ctx, file);
    } else {
        ck_assert_ptr_null(file);
        ck_assert_msg(strncmp(pencl_error_text(ctx), "bad: ", 5) == 0, "%s", pencl_error_text(ctx));
    }
    pn_model_file_close(file);
    pn_free(copy);
    return st;
}

void damage_expect(pencl_ctx *ctx, const void *bytes, size_t size, const char *said)
{
    const pencl_status st = damage_parse(ctx, bytes, size);
    ck_assert_msg(st == PENCL_E_FORMAT || st == PENCL_E_UNSUPPORTED, "%s: opened", said);
    ck_assert_msg(strstr(pencl_error_text(ctx), said) != NULL, "\"%s\" is not in \"%s\"", said,
                  pencl_error_text(ctx));
}

int damage_randomly(pencl_ctx *ctx, const void *bytes, size_t size, int rounds)
{
    srand(20250101);
    char *copy = pn_alloc(size);
    const long before = pn_alloc_live();
    int opened = 0;
    for (int i = 0; i < rounds; i++) {
        memcpy(copy, bytes, size);
        for (int k = 0; k <= i % 4; k++) {
            const size_t at = (size_t)rand() % size;
            copy[at] = (char)(i % 2 == 0 ? rand() : copy[at] ^ 1 << rand() % 8);
        }
        opened += damage_parse(ctx, copy, size) == PENCL_OK;
    }
    ck_assert_int_eq(pn_alloc_live(), before);
    pn_free(copy);
    return opened;
}

long damage_memory(pencl_ctx *ctx, const void *bytes, size_t size)
{
    const long before = pn_alloc_live();
    for (long n = 1;; n++) {
        pn_model_file *file = NULL;
        pn_error_clear(ctx);
        pn_alloc_fail_at(n);
        const pencl_status st = pn_model_file_parse(&file, ctx, "m", bytes, size);
        pn_alloc_fail_at(0);
        pn_model_file_close(file);
        ck_assert_int_eq(pn_alloc_live(), before);
        if (st == PENCL_OK) {
            return n - 1;
        }
        ck_assert_int_eq(st, PENCL_E_NOMEM);
    }
}
