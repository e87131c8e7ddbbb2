/* SPDX-License-Identifier: Apache-2.0 */
/* Makes test cases of ops and compares outputs with their references. */
#include "op/case.h"

#include "array/dtypes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- filling ---- */

/* Seeded noise, xorshift64*: the same on every machine. */
typedef struct noise {
    uint64_t state; /* not 0 */
} noise;

static uint64_t noise_next(noise *n)
{
    n->state ^= n->state >> 12;
    n->state ^= n->state << 25;
    n->state ^= n->state >> 27;
    return n->state * 0x2545F4914F6CDD1DULL;
}

/* From 0 to below - 1. */
static int64_t noise_below(noise *n, int64_t below)
{
    return (int64_t)((noise_next(n) >> 11) % (uint64_t)below);
}

/* From -1 to 1. */
static float noise_float(noise *n)
{
    return (float)((double)(noise_next(n) >> 11) * 0x1p-52 - 1.0);
}

/* Value `i` of an input whose last axis has `last` entries. */
static double value_of(const char *fill, noise *n, int64_t i, int64_t last)
{
    double random = noise_float(n);
    const char *colon = fill != NULL ? strchr(fill, ':') : NULL;
    long long number = colon != NULL ? strtoll(colon + 1, NULL, 10) : 0;
    int64_t along = i % last;
    if (fill == NULL) {
        return random;
    }
    if (strncmp(fill, "positions", 9) == 0) {
        return (double)(number + along);
    }
    if (strncmp(fill, "padded", 6) == 0) {
        return along < number ? -1 : (double)(along - number);
    }
    if (strncmp(fill, "ids", 3) == 0) {
        return number > 0 ? (double)noise_below(n, number) : 0;
    }
    if (strcmp(fill, "ties") == 0) {
        return (double)noise_below(n, 4);
    }
    if (strcmp(fill, "large") == 0) {
        return random * 10000;
    }
    if (strcmp(fill, "positive") == 0) {
        return fabs(random) + 0.01;
    }
    if (strcmp(fill, "huge") == 0) {
        return random * 1e12;
    }
    if (strcmp(fill, "signs") == 0) {
        return (double)(noise_below(n, 7) - 3);
    }
    if (strcmp(fill, "beyond") == 0) {
        return (double)(16777216 + noise_below(n, 8));
    }
    if (strcmp(fill, "bits") == 0) {
        return (double)(int32_t)noise_next(n);
    }
    if (strcmp(fill, "odd") == 0) {
        const double odd[] = {NAN, INFINITY, -INFINITY, -0.0, 0};
        return i % 7 < 5 ? odd[i % 7] : random;
    }
    if (strcmp(fill, "masked") == 0) {
        return i / last % 3 == 2 || noise_below(n, 2) == 0 ? -2.3819763e38 : random;
    }
    return 0; /* "zero" */
}

static void fill_counts(const char *fill, int32_t *counts)
{
    char *rest = NULL;
    counts[0] = (int32_t)strtol(fill + strlen("counts:"), &rest, 10);
    counts[1] = (int32_t)strtol(rest + 1, NULL, 10);
    counts[2] = counts[0] + counts[1];
    counts[3] = 0;
}

static bool fill_input(pn_case_data *d, const char *fill, noise *n)
{
    const pn_dtype *dtype = pn_dtype_of(d->spec.dtype);
    int64_t count = pn_spec_count(&d->spec);
    int64_t last = d->spec.n_axes > 0 ? d->spec.axes[d->spec.n_axes - 1].size : 1;
    if (fill != NULL && strncmp(fill, "counts", 6) == 0) {
        fill_counts(fill, d->plain);
        return true;
    }
    float *values = pn_calloc((size_t)count, sizeof *values);
    if (values == NULL) {
        return false;
    }
    for (int64_t i = 0; i < count; i++) {
        double value = value_of(fill, n, i, last);
        if (d->spec.dtype == PENCL_I32) { /* not every one is a float */
            ((int32_t *)d->plain)[i] = (int32_t)value;
        }
        values[i] = (float)value;
    }
    if (d->spec.dtype != PENCL_I32) {
        dtype->from_f32(values, d->plain, (size_t)count);
    }
    pn_free(values);
    return true;
}

/* ---- making ---- */

static pencl_status make_data(pn_case_data *d, pencl_ctx *ctx, const pn_spec *spec)
{
    d->spec = *spec;
    d->bytes = pn_spec_bytes(spec);
    d->plain = pn_calloc(d->bytes + 1, 1);
    return d->plain != NULL ? PENCL_OK : PN_NOMEM(ctx);
}

/* "kv_seq seq" into the call's names. */
static void read_names(pn_case *c)
{
    const char *at = c->row->names != NULL ? c->row->names : "";
    for (at += strspn(at, " "); *at != '\0' && c->call.n_names < PN_MAX_NAMES;
         at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        snprintf(c->call.names[c->call.n_names++], PENCL_AXIS_NAME_MAX, "%.*s", (int)length, at);
        at += length;
    }
}

static pn_ref_operand operand(pn_case_data *d, int rows, pn_matrix *matrix)
{
    pn_ref_operand o = {.data = d->plain, .view = pn_view_contiguous(&d->spec)};
    if (rows > 0) {
        *matrix = (pn_matrix){d->spec.dtype, 1, 1};
        for (int i = 0; i < d->spec.n_axes; i++) {
            *(i < rows ? &matrix->rows : &matrix->cols) *= d->spec.axes[i].size;
        }
        o.matrix = matrix;
        o.stored = &d->spec;
        o.n_row_axes = rows;
    }
    return o;
}

static void run_reference(pn_case *c)
{
    pn_ref_operand in[PN_MAX_IN];
    pn_matrix matrices[PN_MAX_IN];
    pn_ref_operand out = operand(&c->expected, 0, NULL);
    for (int i = 0; i < c->call.n_in; i++) {
        in[i] = operand(&c->in[i], c->row->rows[i], &matrices[i]);
    }
    if (c->def->flags & PN_OP_IN_PLACE) {
        memcpy(c->expected.plain, c->in[0].plain, c->in[0].bytes);
    }
    c->def->ref(&c->call, in, &out);
}

pencl_status pn_case_make(pn_case *out, pencl_ctx *ctx, const pn_op_def *def, const pn_op_case *row)
{
    noise n = {.state = 0x9E3779B97F4A7C15ULL};
    *out = (pn_case){.def = def, .row = row, .call = {.def = def}};
    memcpy(out->call.num, row->num, sizeof row->num);
    read_names(out);
    for (int i = 0; i < PN_MAX_IN && row->in[i] != NULL; i++) {
        pn_spec spec;
        PENCL_TRY(pn_spec_parse(&spec, ctx, row->in[i]));
        PENCL_TRY(make_data(&out->in[i], ctx, &spec));
        if (!fill_input(&out->in[i], row->fill[i], &n)) {
            return PN_NOMEM(ctx);
        }
        out->call.in[i] = spec;
        out->call.n_in++;
    }
    PENCL_TRY(def->infer(ctx, &out->call));
    PENCL_TRY(make_data(&out->expected, ctx, &out->call.out));
    run_reference(out);
    return PENCL_OK;
}

void pn_case_free(pn_case *c)
{
    for (int i = 0; i < PN_MAX_IN; i++) {
        pn_free(c->in[i].plain);
    }
    pn_free(c->expected.plain);
}

/* ---- comparing ---- */

static double element(const pn_case_data *d, void *plain, int64_t i)
{
    pn_spec flat = {.dtype = d->spec.dtype, .n_axes = 1};
    flat.axes[0].size = pn_spec_count(&d->spec);
    pn_ref_operand o = {.data = plain, .view = pn_view_contiguous(&flat)};
    return pn_ref_get(&o, &i);
}

static double largest(const pn_case_data *d)
{
    double top = 0;
    for (int64_t i = 0; i < pn_spec_count(&d->spec); i++) {
        double size = fabs(element(d, d->plain, i));
        top = isfinite(size) ? fmax(top, size) : top;
    }
    return top;
}

pn_difference pn_case_compare(const pn_case *c, void *plain)
{
    const pn_tolerance *tol = &c->def->tol;
    pn_difference diff = {.allowed = tol->absolute + tol->relative * largest(&c->expected)};
    double squares = 0;
    for (int64_t i = 0; i < pn_spec_count(&c->expected.spec); i++) {
        double want = element(&c->expected, c->expected.plain, i);
        double got = element(&c->expected, plain, i);
        double error = got == want || (isnan(got) && isnan(want)) ? 0 : fabs(got - want);
        diff.nmse += error * error;
        squares += want * want;
        diff.relative = fmax(diff.relative, want != 0 ? error / fabs(want) : 0);
        if (!(error <= diff.allowed)) { /* a NaN alone is never allowed */
            diff.n_bad++;
        }
        if (!(error <= diff.largest) && !isnan(diff.largest)) {
            diff.largest = error;
            diff.worst = i;
        }
    }
    diff.nmse /= squares > 0 ? squares : 1;
    return diff;
}

void pn_case_explain(pn_text *out, const pn_case *c, void *plain, const pn_difference *difference)
{
    int64_t count = pn_spec_count(&c->expected.spec);
    pn_text_add(out, "%lld of %lld differ: max abs %.3g of %.3g allowed, max rel %.3g, NMSE %.3g",
                (long long)difference->n_bad, (long long)count, difference->largest,
                difference->allowed, difference->relative, difference->nmse);
    for (int64_t i = 0; i < count && i < 4; i++) {
        int64_t at = i < 3 ? i : difference->worst;
        pn_text_add(out, "%s [%lld] %.9g, expected %.9g", i == 0 ? ";" : ",", (long long)at,
                    element(&c->expected, plain, at), element(&c->expected, c->expected.plain, at));
    }
}
