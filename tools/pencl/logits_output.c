/* SPDX-License-Identifier: Apache-2.0 */
/* Logits cut, normalised, written, printed. */
#include "logits.h"

#include "output.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LIKELIEST = 10, PIECE = 256 };

static void keep_last(logits *l)
{
    size_t row = l->vocabulary;
    for (size_t b = 0; b < l->batch; b++) {
        memmove(l->values + b * row, l->values + ((b + 1) * l->seq - 1) * row,
                row * sizeof *l->values);
    }
    l->seq = 1;
    l->last = true;
}

static void normalise(logits *l)
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

static int save(const logits *l, const work *w, const char *path)
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
static void print_token(const work *w, int32_t id, double value)
{
    char piece[PIECE];
    printf("%7d  %9.4f", (int)id, value);
    if (pencl_model_tokenizer(w->model) != NULL) {
        printf("  ");
        print_quoted(piece, work_piece(piece, sizeof piece, w, id));
    }
    putchar('\n');
}

static int print(const logits *l, const work *w)
{
    for (size_t b = 0; b < l->batch; b++) {
        const float *x = l->values + ((b + 1) * l->seq - 1) * l->vocabulary;
        int32_t ids[LIKELIEST + 1];
        int n = likeliest(ids, x, l->vocabulary);
        if (l->batched) {
            printf("sequence %zu\n", b);
        }
        for (int i = 0; i < n; i++) {
            print_token(w, ids[i], (double)x[ids[i]]);
        }
    }
    return EXIT_DONE;
}

int logits_show(logits *l, const work *w, const logits_shown *how)
{
    if (how->last) {
        keep_last(l);
    }
    if (how->log_probs) {
        normalise(l);
    }
    return how->out != NULL ? save(l, w, how->out) : print(l, w);
}
