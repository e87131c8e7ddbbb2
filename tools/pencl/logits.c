/* SPDX-License-Identifier: Apache-2.0 */
/* Computes logits of arrays of tokens, and writes or prints them. */
#include "logits.h"

#include "output.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIKELIEST = 10, PIECE = 256 };

/* ---- tokens ---- */

int logits_tokens(pencl_array **out, const work *w, const int32_t *ids, size_t n)
{
    const pencl_axis axes[] = {{PENCL_AXIS_SEQ, (int64_t)n}};
    const pencl_tokenizer *tokenizer = pencl_model_tokenizer(w->model);
    const char *warning = tokenizer != NULL ? pencl_tokenizer_warning(tokenizer, ids, n) : NULL;
    if (warning != NULL) {
        work_tell(w, "warning: %s", warning);
    }
    if (pencl_array_new(out, w->device, PENCL_I32, axes, 1) != PENCL_OK ||
        pencl_array_upload(*out, ids, n * sizeof *ids) != PENCL_OK) {
        return work_failed(w);
    }
    return EXIT_DONE;
}

int logits_load(pencl_array **out, const work *w, const char *path)
{
    static const char *const names[] = {PENCL_AXIS_BATCH, PENCL_AXIS_SEQ};
    pencl_array *plain = NULL;
    if (pencl_array_load(&plain, w->device, path) != PENCL_OK) {
        return work_failed(w);
    }
    int n = pencl_array_n_axes(plain);
    int status = EXIT_DONE;
    if (n < 1 || n > 2 || pencl_array_dtype(plain) != PENCL_I32) {
        say("%s: integers [seq] or [batch, seq] are needed, these are %d axes of %s", path, n,
            pencl_dtype_name(pencl_array_dtype(plain)));
        status = EXIT_FAILED;
    } else if (pencl_array_tag(out, plain, names + 2 - n, n) != PENCL_OK) {
        status = work_failed(w);
    }
    pencl_array_free(plain);
    return status;
}

/* ---- computing ---- */

/* Sizes by the tokens' axes; a context that is too small is an error here, since a call without a
 * cache knows none. */
static int take_sizes(logits *l, const work *w, const pencl_array *tokens)
{
    int n = pencl_array_n_axes(tokens);
    int64_t seq = pencl_array_axis(tokens, n - 1)->size;
    if (seq < 1) {
        say("there are no tokens");
        return EXIT_FAILED;
    }
    if (seq > w->context) {
        say("the prompt has %" PRId64 " tokens, the context %" PRId64
            ": shorten it or ask for a larger context with -c",
            seq, w->context);
        return EXIT_FAILED;
    }
    l->batched = n == 2;
    l->batch = l->batched ? (size_t)pencl_array_axis(tokens, 0)->size : 1;
    l->seq = (size_t)seq;
    l->vocabulary = (size_t)pencl_lm_metadata_of(pencl_model_lm(w->model))->vocab_size;
    return EXIT_DONE;
}

static pencl_status
call(logits *l, const work *w, const pencl_array *tokens, const pencl_array *positions)
{
    static const char *const order[] = {PENCL_AXIS_BATCH, PENCL_AXIS_SEQ, PENCL_AXIS_VOCABULARY};
    const pencl_lm_call_options how = {.token_positions = positions};
    pencl_array *result = NULL;
    pencl_array *ordered = NULL;
    int skip = l->batched ? 0 : 1;
    pencl_status st = pencl_lm_call(&result, pencl_model_lm(w->model), tokens, &how);
    if (st == PENCL_OK) {
        st = pencl_array_order(&ordered, result, order + skip, 3 - skip);
    }
    if (st == PENCL_OK) {
        st = pencl_array_download_f32(ordered, l->values, pencl_array_count(ordered));
    }
    pencl_array_free(ordered);
    pencl_array_free(result);
    return st;
}

int logits_compute(logits *out,
                   const work *w,
                   const pencl_array *tokens,
                   const pencl_array *positions)
{
    int status = take_sizes(out, w, tokens);
    if (status != EXIT_DONE) {
        return status;
    }
    out->values = calloc(out->batch * out->seq, out->vocabulary * sizeof *out->values);
    if (out->values == NULL) {
        say("out of host memory");
        return EXIT_FAILED;
    }
    double start = now_ms();
    if (call(out, w, tokens, positions) != PENCL_OK) {
        return work_failed(w);
    }
    out->ms = now_ms() - start;
    work_summary(w, out->batch * out->seq, out->ms, 0, 0);
    return EXIT_DONE;
}

void logits_keep_last(logits *l)
{
    size_t row = l->vocabulary;
    for (size_t b = 0; b < l->batch; b++) {
        memmove(l->values + b * row, l->values + ((b + 1) * l->seq - 1) * row,
                row * sizeof *l->values);
    }
    l->seq = 1;
    l->last = true;
}

void logits_normalise(logits *l)
{
    for (size_t r = 0; r < l->batch * l->seq; r++) {
        float *x = l->values + r * l->vocabulary;
        double top = -INFINITY;
        double sum = 0;
        for (size_t i = 0; i < l->vocabulary; i++) {
            top = fmax(top, x[i]);
        }
        for (size_t i = 0; i < l->vocabulary; i++) {
            sum += exp(x[i] - top);
        }
        for (size_t i = 0; i < l->vocabulary; i++) {
            x[i] = (float)(x[i] - top - log(sum));
        }
    }
}

/* ---- results ---- */

int logits_save(const logits *l, const work *w, const char *path)
{
    pencl_axis axes[3];
    int n = 0;
    if (l->batched) {
        axes[n++] = (pencl_axis){PENCL_AXIS_BATCH, (int64_t)l->batch};
    }
    if (!l->last) {
        axes[n++] = (pencl_axis){PENCL_AXIS_SEQ, (int64_t)l->seq};
    }
    axes[n++] = (pencl_axis){PENCL_AXIS_VOCABULARY, (int64_t)l->vocabulary};
    pencl_array *array = NULL;
    size_t bytes = l->batch * l->seq * l->vocabulary * sizeof *l->values;
    pencl_status st = pencl_array_new(&array, w->device, PENCL_F32, axes, n);
    if (st == PENCL_OK) {
        st = pencl_array_upload(array, l->values, bytes);
    }
    if (st == PENCL_OK) {
        st = pencl_array_save(array, path);
    }
    pencl_array_free(array);
    return st == PENCL_OK ? EXIT_DONE : work_failed(w);
}

/* The ids of the largest values, best first, ties to the lowest id; returns how many. */
static int likeliest(int32_t *ids, const float *x, size_t n)
{
    int found = 0;
    for (size_t i = 0; i < n; i++) {
        int at = found;
        while (at > 0 && x[i] > x[ids[at - 1]]) {
            at--;
        }
        if (at == LIKELIEST) {
            continue;
        }
        found += found < LIKELIEST;
        memmove(ids + at + 1, ids + at, (size_t)(found - 1 - at) * sizeof *ids);
        ids[at] = (int32_t)i;
    }
    return found;
}

/* "  3575   17.3713  " capital"", without the text when there is no vocabulary. */
static void print_token(const pencl_tokenizer *tokenizer, int32_t id, double value)
{
    printf("%7d  %9.4f", (int)id, value);
    if (tokenizer != NULL) {
        char piece[PIECE];
        size_t size = pencl_tokenizer_token_bytes(tokenizer, id, piece, sizeof piece);
        printf("  ");
        print_quoted(piece, size < sizeof piece ? size : sizeof piece);
    }
    putchar('\n');
}

int logits_print(const logits *l, const work *w)
{
    const pencl_tokenizer *tokenizer = pencl_model_tokenizer(w->model);
    for (size_t b = 0; b < l->batch; b++) {
        const float *x = l->values + ((b + 1) * l->seq - 1) * l->vocabulary;
        int32_t ids[LIKELIEST + 1];
        int n = likeliest(ids, x, l->vocabulary);
        if (l->batched) {
            printf("sequence %zu\n", b);
        }
        for (int i = 0; i < n; i++) {
            print_token(tokenizer, ids[i], (double)x[ids[i]]);
        }
    }
    return EXIT_DONE;
}
