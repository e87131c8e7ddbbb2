/* SPDX-License-Identifier: Apache-2.0 */
/* Where two runs of a model part: every value of one beside the same value of the other.
 *
 * What is captured leaves fusion, so a kernel that is wrong only when something is fused into it
 * shows in no node; the logits of a run without captures come last for that. */
#include "study/metric.h"
#include "study/points.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define MASKED 1e30f /* larger values hide what may not be seen, and measure nothing */

typedef struct node {
    char *name;
    char *type;
    pn_spec spec;
    float *x; /* in C order */
} node;

struct pencl_diff_side {
    pencl_ctx *ctx;
    size_t n_tokens;
    int32_t *best; /* after each token */
    int n;
    node *nodes; /* in the order of computation; the last has the logits */
};

struct pencl_diff {
    const pencl_diff_side *a;
    const pencl_diff_side *b;
    double tolerance;
    pencl_diff_node *nodes;
};

/* ---- one run ---- */

static pencl_status
keep(pencl_diff_side *s, const char *name, const char *type, const pencl_array *array)
{
    node *to = &s->nodes[s->n++];
    int64_t n = pencl_array_count(array);
    *to = (node){.name = pn_strdup(name), .type = pn_strdup(type), .spec = array->view.spec};
    to->x = pn_calloc((size_t)n + 1, sizeof *to->x);
    if (to->name == NULL || to->type == NULL || to->x == NULL) {
        return PN_NOMEM(s->ctx);
    }
    return pencl_array_download_f32(array, to->x, n);
}

static pencl_status capture_nodes(pencl_diff_side *s, const pencl_points *p, const pn_ids *tokens)
{
    pencl_captures *all = NULL;
    PENCL_TRY(pencl_points_capture(&all, p, tokens->ids, tokens->n, NULL, 0));
    pencl_status st = PENCL_OK;
    for (int i = 0; st == PENCL_OK && i < p->n_values; i++) {
        const pencl_array *array = pencl_captures_find(all, p->values[i].name);
        if (array != NULL) {
            st = keep(s, p->values[i].name, p->values[i].point->type, array);
        }
    }
    pencl_captures_free(all);
    return st;
}

static void find_best(pencl_diff_side *s, const node *logits)
{
    size_t vocabulary = (size_t)pn_spec_size(&logits->spec, PENCL_AXIS_VOCABULARY);
    for (size_t at = 0; at < s->n_tokens; at++) {
        s->best[at] = pn_likeliest(logits->x + at * vocabulary, (int64_t)vocabulary);
    }
}

/* The model as it is, with all that is fused. */
static pencl_status run_whole(pencl_diff_side *s, pencl_lm *lm, const pn_ids *tokens)
{
    const pencl_axis seq = {PENCL_AXIS_SEQ, (int64_t)tokens->n};
    pencl_array *ids = NULL;
    pencl_array *logits = NULL;
    PENCL_TRY(pencl_array_wrap(&ids, lm->device, PENCL_I32, &seq, 1, tokens->ids));
    const pn_call call = {.device = lm->device, .pool = lm->pool, .layer = lm->body, .x = ids};
    pencl_status st = pn_call_run(&logits, NULL, &call);
    if (st == PENCL_OK) {
        st = keep(s, "logits", "", logits);
    }
    if (st == PENCL_OK) {
        find_best(s, &s->nodes[s->n - 1]);
    }
    pencl_array_free(logits);
    pencl_array_free(ids);
    return st;
}

static pencl_status run_side(pencl_diff_side *s, pencl_lm *lm, const pn_ids *ids, const char *where)
{
    pencl_points *points = NULL;
    PENCL_TRY(pencl_points_new(&points, lm, &where, 1, (int64_t)ids->n));
    s->nodes = pn_calloc((size_t)points->n_values + 1, sizeof *s->nodes);
    s->best = pn_calloc(ids->n, sizeof *s->best);
    pencl_status st = s->nodes == NULL || s->best == NULL ? PN_NOMEM(s->ctx) : PENCL_OK;
    if (st == PENCL_OK) {
        st = capture_nodes(s, points, ids);
    }
    if (st == PENCL_OK) {
        st = run_whole(s, lm, ids);
    }
    pencl_points_free(points);
    return st;
}

pencl_status pencl_diff_side_new(
    pencl_diff_side **out, pencl_lm *lm, const int32_t *tokens, size_t n, const char *select)
{
    pn_error_clear(lm->ctx);
    *out = NULL;
    if (n < 1 || n > INT32_MAX) {
        return PN_FAIL(lm->ctx, PENCL_E_ARG, "%zu tokens", n);
    }
    PENCL_TRY(pn_lm_check_tokens(lm, tokens, n));
    pencl_diff_side *s = pn_calloc(1, sizeof *s);
    if (s == NULL) {
        return PN_NOMEM(lm->ctx);
    }
    s->ctx = lm->ctx;
    s->n_tokens = n;
    pencl_status st =
        run_side(s, lm, &(pn_ids){tokens, n}, select != NULL ? select : PENCL_EVERY_POINT);
    if (st != PENCL_OK) {
        pencl_diff_side_free(s);
        return st;
    }
    *out = s;
    return PENCL_OK;
}

void pencl_diff_side_free(pencl_diff_side *side)
{
    if (side == NULL) {
        return;
    }
    for (int i = 0; i < side->n; i++) {
        pn_free(side->nodes[i].name);
        pn_free(side->nodes[i].type);
        pn_free(side->nodes[i].x);
    }
    pn_free(side->nodes);
    pn_free(side->best);
    pn_free(side);
}

/* ---- two runs ---- */

/* Steps of "seq" in a value: elements of one token come in runs of `inner`. */
typedef struct rows {
    int64_t n; /* tokens; 1 without the axis */
    int64_t inner;
} rows;

static rows rows_of(const pn_spec *spec)
{
    int seq = pn_spec_find(spec, PENCL_AXIS_SEQ);
    rows r = {seq < 0 ? 1 : spec->axes[seq].size, 1};
    for (int i = seq + 1; i < spec->n_axes; i++) {
        r.inner *= spec->axes[i].size;
    }
    return r;
}

static double size_of(float x)
{
    return fabsf(x) < MASKED ? fabs((double)x) : 0;
}

/* Numbers that are the same, or none both, are not apart; a number is infinitely far from none. */
static double distance(float a, float b)
{
    if (a == b || (isnan(a) && isnan(b))) {
        return 0;
    }
    double apart = fabs((double)a - (double)b);
    return isnan(apart) ? INFINITY : apart;
}

static void place(int64_t *index, const pn_spec *spec, int64_t at)
{
    for (int i = spec->n_axes - 1; i >= 0; i--) {
        index[i] = at % spec->axes[i].size;
        at /= spec->axes[i].size;
    }
}

/* The element that is farthest apart, measured by the largest value that its token has there: the
 * first tokens of many models have values a thousand times as large as the others'. */
static pencl_status compare(pencl_diff_node *to, pencl_ctx *ctx, const node *a, const node *b)
{
    const rows r = rows_of(&a->spec);
    const int64_t n = (int64_t)pn_spec_count(&a->spec);
    double *scale = pn_calloc((size_t)r.n + 1, sizeof *scale);
    int64_t worst = 0;
    if (scale == NULL) {
        return PN_NOMEM(ctx);
    }
    for (int64_t i = 0; i < n; i++) {
        double *top = &scale[i / r.inner % r.n];
        *top = fmax(*top, fmax(size_of(a->x[i]), size_of(b->x[i])));
    }
    for (int64_t i = 0; i < n; i++) {
        double apart = distance(a->x[i], b->x[i]);
        double share = apart > 0 ? apart / fmax(scale[i / r.inner % r.n], 1e-30) : 0;
        if (share > to->share) {
            to->share = share;
            to->apart = apart;
            worst = i;
        }
    }
    if (n > 0) {
        to->a = (double)a->x[worst];
        to->b = (double)b->x[worst];
        place(to->index, &a->spec, worst);
    }
    pn_free(scale);
    return PENCL_OK;
}

static pencl_status
compare_nodes(pencl_diff *d, pencl_ctx *ctx, const pencl_diff_side *a, const pencl_diff_side *b)
{
    for (int i = 0; i < a->n; i++) {
        const node *x = &a->nodes[i];
        const node *y = &b->nodes[i];
        if (strcmp(x->name, y->name) != 0 || !pn_spec_equal(&x->spec, &y->spec)) {
            return PN_FAIL(ctx, PENCL_E_ARG, "not the same model: %s and %s", x->name, y->name);
        }
        d->nodes[i] = (pencl_diff_node){
            .name = x->name, .type = x->type, .axes = x->spec.axes, .n_axes = x->spec.n_axes};
        PENCL_TRY(compare(&d->nodes[i], ctx, x, y));
        d->nodes[i].parts = d->nodes[i].share > d->tolerance;
    }
    return PENCL_OK;
}

pencl_status pencl_diff_new(pencl_diff **out,
                            pencl_ctx *ctx,
                            const pencl_diff_side *a,
                            const pencl_diff_side *b,
                            double tolerance)
{
    pn_error_clear(ctx);
    *out = NULL;
    if (a->n != b->n || a->n_tokens != b->n_tokens) {
        return PN_FAIL(ctx, PENCL_E_ARG, "%d values over %zu tokens, and %d over %zu", a->n,
                       a->n_tokens, b->n, b->n_tokens);
    }
    pencl_diff *d = pn_calloc(1, sizeof *d);
    if (d == NULL) {
        return PN_NOMEM(ctx);
    }
    *d = (pencl_diff){.a = a, .b = b, .tolerance = tolerance};
    d->nodes = pn_calloc((size_t)a->n, sizeof *d->nodes);
    pencl_status st = d->nodes == NULL ? PN_NOMEM(ctx) : compare_nodes(d, ctx, a, b);
    if (st != PENCL_OK) {
        pencl_diff_free(d);
        return st;
    }
    *out = d;
    return PENCL_OK;
}

void pencl_diff_free(pencl_diff *diff)
{
    if (diff != NULL) {
        pn_free(diff->nodes);
        pn_free(diff);
    }
}

int pencl_diff_count(const pencl_diff *diff)
{
    return diff->a->n;
}

const pencl_diff_node *pencl_diff_at(const pencl_diff *diff, int i)
{
    return i >= 0 && i < diff->a->n ? &diff->nodes[i] : NULL;
}

int pencl_diff_first(const pencl_diff *diff)
{
    for (int i = 0; i < diff->a->n; i++) {
        if (diff->nodes[i].parts) {
            return i;
        }
    }
    return -1;
}

int pencl_diff_token(const pencl_diff *diff, size_t at, int32_t *a, int32_t *b)
{
    if (at >= diff->a->n_tokens) {
        return 0;
    }
    *a = diff->a->best[at];
    *b = diff->b->best[at];
    return *a != *b;
}
