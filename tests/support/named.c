/* SPDX-License-Identifier: Apache-2.0 */
/* Named arrays as a map from coordinates to numbers. */
#include "support/named.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- coordinates ---- */

static int find_coord(const coords *c, const char *name)
{
    for (int i = 0; i < c->n; i++) {
        if (strcmp(c->name[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

int64_t coords_of(const coords *c, const char *name)
{
    int i = find_coord(c, name);
    return i < 0 ? 0 : c->at[i];
}

void coords_set(coords *c, const char *name, int64_t at)
{
    int i = find_coord(c, name);
    if (i < 0) {
        ck_assert_int_lt(c->n, (int)PN_COUNT(c->name));
        i = c->n++;
    }
    c->name[i] = name;
    c->at[i] = at;
}

void coords_remove(coords *c, const char *name)
{
    int i = find_coord(c, name);
    if (i >= 0) {
        c->n--;
        c->name[i] = c->name[c->n];
        c->at[i] = c->at[c->n];
    }
}

/* ---- making ---- */

static named *alive;

named *named_new(pencl_dtype dtype, const pencl_axis *axes, int n_axes)
{
    named *x = calloc(1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    x->dtype = dtype;
    x->exact = true;
    for (int i = 0; i < n_axes; i++) {
        x->axes[x->n_axes++] = axes[i];
    }
    x->next = alive;
    alive = x;
    named_fit(x);
    return x;
}

void named_fit(named *x)
{
    free(x->data);
    x->data = calloc((size_t)named_count(x) + 1, sizeof *x->data);
    ck_assert_ptr_nonnull(x->data);
}

void named_free_all(void)
{
    while (alive != NULL) {
        named *x = alive;
        alive = x->next;
        free(x->data);
        free(x);
    }
}

void named_add_axis(named *x, const char *name, int64_t size)
{
    ck_assert_int_lt(x->n_axes, PENCL_MAX_AXES);
    snprintf(x->axes[x->n_axes].name, PENCL_AXIS_NAME_MAX, "%s", name);
    x->axes[x->n_axes++].size = size;
}

bool named_join_axes(named *out, const named *x, const char *except)
{
    for (int i = 0; i < x->n_axes; i++) {
        const pencl_axis *axis = &x->axes[i];
        if (except != NULL && strcmp(axis->name, except) == 0) {
            continue;
        }
        int at = named_find(out, axis->name);
        if (at < 0 && out->n_axes == PENCL_MAX_AXES) {
            return false;
        }
        if (at < 0) {
            named_add_axis(out, axis->name, axis->size);
        } else if (out->axes[at].size != axis->size) {
            return false;
        }
    }
    return true;
}

/* ---- reading and writing ---- */

int named_find(const named *x, const char *name)
{
    for (int i = 0; i < x->n_axes; i++) {
        if (strcmp(x->axes[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int64_t named_size(const named *x, const char *name)
{
    int i = named_find(x, name);
    return i < 0 ? 1 : x->axes[i].size;
}

int64_t named_count(const named *x)
{
    int64_t n = 1;
    for (int i = 0; i < x->n_axes; i++) {
        n *= x->axes[i].size;
    }
    return n;
}

static double *place(const named *x, const coords *c)
{
    int64_t at = 0;
    for (int i = 0; i < x->n_axes; i++) {
        int64_t along = coords_of(c, x->axes[i].name);
        ck_assert(along >= 0 && along < x->axes[i].size);
        at = at * x->axes[i].size + along;
    }
    return &x->data[at];
}

double named_get(const named *x, const coords *c)
{
    return *place(x, c);
}

void named_set(named *x, const coords *c, double value)
{
    *place(x, c) = named_round(x->dtype, value);
}

bool named_first(const named *x, coords *c)
{
    c->n = 0;
    for (int i = 0; i < x->n_axes; i++) {
        coords_set(c, x->axes[i].name, 0);
    }
    return named_count(x) > 0;
}

bool named_next(const named *x, coords *c)
{
    for (int i = x->n_axes - 1; i >= 0; i--) {
        int64_t at = coords_of(c, x->axes[i].name) + 1;
        coords_set(c, x->axes[i].name, at < x->axes[i].size ? at : 0);
        if (at < x->axes[i].size) {
            return true;
        }
    }
    return false;
}

double named_largest(const named *x)
{
    double largest = 0;
    for (int64_t i = 0; i < named_count(x); i++) {
        double size = fabs(x->data[i]);
        largest = size > largest || isnan(size) ? size : largest;
    }
    return largest;
}

/* ---- types ---- */

/* To `bits` significant bits, ties to even; the last unit is no less than 2^lowest. */
static double round_bits(double x, int bits, int lowest, double most)
{
    int exponent = 0;
    if (x == 0 || !isfinite(x)) {
        return x;
    }
    (void)frexp(x, &exponent);
    double unit = ldexp(1, exponent - bits > lowest ? exponent - bits : lowest);
    double rounded = nearbyint(x / unit) * unit;
    return fabs(rounded) > most ? copysign(INFINITY, x) : rounded;
}

double named_round(pencl_dtype dtype, double value)
{
    switch (dtype) {
    case PENCL_F16:
        return round_bits(value, 11, -24, 65504);
    case PENCL_BF16:
        return round_bits(value, 8, -133, 0x1.fep127);
    case PENCL_I32:
        return isnan(value) ? 0 : trunc(fmax(INT32_MIN, fmin(INT32_MAX, value)));
    default:
        return (double)(float)value;
    }
}

double named_wrap(int64_t value)
{
    uint32_t low = (uint32_t)value;
    int32_t whole = 0;
    memcpy(&whole, &low, sizeof whole);
    return whole;
}

bool named_fits(const named *x, double value)
{
    return value == named_round(x->dtype == PENCL_I32 ? PENCL_I32 : PENCL_F32, value);
}

pencl_dtype named_join_types(pencl_dtype a, pencl_dtype b)
{
    if (a == b) {
        return a;
    }
    if (a == PENCL_I32) {
        return b;
    }
    return b == PENCL_I32 ? a : PENCL_F32;
}

/* ---- against pencl's arrays ---- */

void named_axes_of(const pencl_array *array, pencl_axis axes[PENCL_MAX_AXES])
{
    int positional = 0;
    for (int i = pencl_array_n_axes(array) - 1; i >= 0; i--) {
        axes[i] = *pencl_array_axis(array, i);
        if (axes[i].name[0] == '\0') {
            snprintf(axes[i].name, PENCL_AXIS_NAME_MAX, "@%d", positional++);
        }
    }
}

static bool same_shape(const named *want, const pencl_array *got, const pencl_axis *axes)
{
    if (pencl_array_n_axes(got) != want->n_axes || pencl_array_dtype(got) != want->dtype) {
        return false;
    }
    for (int i = 0; i < want->n_axes; i++) {
        int at = named_find(want, axes[i].name);
        if (at < 0 || want->axes[at].size != axes[i].size) {
            return false;
        }
    }
    return true;
}

/* The array's elements in C order of its axes. */
static double *download(const pencl_array *got, int64_t n)
{
    double *values = calloc((size_t)n + 1, sizeof *values);
    int32_t *integers = calloc((size_t)n + 1, sizeof *integers);
    float *floats = calloc((size_t)n + 1, sizeof *floats);
    ck_assert(values != NULL && integers != NULL && floats != NULL);
    bool is_int = pencl_array_dtype(got) == PENCL_I32;
    ck_assert_int_eq(is_int ? pencl_array_download(got, integers, (size_t)n * sizeof *integers)
                            : pencl_array_download_f32(got, floats, n),
                     PENCL_OK);
    for (int64_t i = 0; i < n; i++) {
        values[i] = is_int ? integers[i] : (double)floats[i];
    }
    free(integers);
    free(floats);
    return values;
}

/* A few last places of the type, of the largest number: what devices may differ by in exp, or in
 * the order of a sum. */
static double allowed(const named *want)
{
    double unit = want->dtype == PENCL_F16 ? 0x1p-10 : want->dtype == PENCL_BF16 ? 0x1p-7 : 0x1p-23;
    return want->exact ? 0 : 32 * unit * fmax(1, named_largest(want));
}

bool named_compare(const named *want, const pencl_array *got, pn_text *report)
{
    pencl_axis axes[PENCL_MAX_AXES];
    named_axes_of(got, axes);
    if (!same_shape(want, got, axes)) {
        char *text = NULL;
        ck_assert_int_eq(pencl_array_print(&text, got), PENCL_OK);
        pn_text_add(report, "got %s, expected ", text);
        named_print(report, want);
        pencl_text_free(text);
        return false;
    }
    named *model = named_new(want->dtype, axes, want->n_axes); /* the order in which got is read */
    double *values = download(got, named_count(want));
    int64_t i = 0;
    coords c;
    bool same = true;
    for (bool more = named_first(model, &c); more && same; more = named_next(model, &c), i++) {
        double expected = named_get(want, &c);
        same = fabs(values[i] - expected) <= allowed(want);
        if (!same) {
            pn_text_add(report, "element %lld is %.9g, not %.9g, of ", (long long)i, values[i],
                        expected);
            named_print(report, model);
        }
    }
    free(values);
    return same;
}

void named_print(pn_text *out, const named *x)
{
    pn_text_add(out, "%s", pencl_dtype_name(x->dtype));
    for (int i = 0; i < x->n_axes; i++) {
        pn_text_add(out, " %s=%lld", x->axes[i].name, (long long)x->axes[i].size);
    }
}
