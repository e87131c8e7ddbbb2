/* SPDX-License-Identifier: Apache-2.0 */
/* Patching: runs with changed values, side by side in a batch, behind a front that is run once. */
#include "study/patch.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Tokens of a batch: enough for full speed, and few enough for a small device. */
enum { BATCH_TOKENS = 1024 };

/* ---- the unchanged model ---- */

static bool is_top(const pencl_points *points, int i)
{
    for (int k = 0; k < points->n; k++) {
        if (points->items[k].top == i) {
            return true;
        }
    }
    return false;
}

/* The body with what enters the layers that have points kept under their numbers. */
static pencl_status capturing_body(pencl_layer **out, const pencl_patch *p)
{
    pn_layers list = {0};
    const pencl_layer *body = p->lm->body;
    for (int i = 0; i < pencl_layer_n_children(body, "sublayers"); i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", i);
        if (i > 0 && is_top(p->points, i)) {
            pn_layers_add(&list, pn_nn_capture(p->ctx, name, pn_nn_identity(p->ctx)));
        }
        pn_layers_add(&list, pencl_layer_ref(pencl_layer_child(body, "sublayers", i)));
    }
    *out = pn_nn_list_of(p->ctx, "Sequential", &list);
    return *out != NULL ? PENCL_OK : p->ctx->error.status;
}

static pencl_status take_logits(float **out, const pencl_array *logits, const pencl_patch *p)
{
    int64_t n = pencl_array_count(logits);
    *out = pn_calloc((size_t)n, sizeof **out);
    return *out != NULL ? pencl_array_download_f32(logits, *out, n) : PN_NOMEM(p->ctx);
}

static pencl_status run_unchanged(pencl_patch *p)
{
    pencl_layer *body = NULL;
    pencl_array *logits = NULL;
    bool list = p->points != NULL && pencl_layer_n_children(p->lm->body, "sublayers") > 0;
    pencl_status st = PENCL_OK;
    if (list) {
        st = capturing_body(&body, p);
    }
    if (st == PENCL_OK) {
        st = pn_run_tokens(&logits, &p->residuals, p->lm, list ? body : p->lm->body, &p->tokens);
    }
    if (st == PENCL_OK) {
        st = take_logits(&p->logits[0], logits, p);
    }
    pencl_array_free(logits);
    pencl_layer_free(body);
    return st;
}

/* The run of the other tokens: what passes the points; its logits in *out. */
static pencl_status run_donor(float **out, pencl_patch *p)
{
    pencl_layer *body = NULL;
    pencl_array *logits = NULL;
    const pn_ids from = {p->options->from, p->options->n_from};
    PENCL_TRY(pn_points_apply(&body, p->points, p->lm->body, pn_point_capture, p->points));
    pencl_status st = pn_run_tokens(&logits, &p->donor, p->lm, body, &from);
    if (st == PENCL_OK) {
        st = take_logits(out, logits, p);
    }
    pencl_array_free(logits);
    pencl_layer_free(body);
    return st;
}

/* The metric, and its values of what was not changed. */
static pencl_status measure_unchanged(pencl_patch *p)
{
    float *other = NULL;
    int64_t vocabulary = p->lm->metadata.vocab_size;
    pencl_status st = run_unchanged(p);
    if (st == PENCL_OK && p->options->change == PENCL_CHANGE_FROM) {
        st = run_donor(&other, p);
    }
    if (st == PENCL_OK && p->metric == NULL) {
        int32_t a = pn_likeliest(p->logits[0], vocabulary);
        int32_t b = other != NULL ? pn_likeliest(other, vocabulary) : a;
        st = pn_metric_difference(&p->own_metric, p->ctx, a, b);
        p->metric = p->own_metric;
    }
    if (st == PENCL_OK) {
        p->before = pn_metric_value(p->metric, p->logits[0], p->logits[0]);
        p->from = other != NULL ? pn_metric_value(p->metric, other, p->logits[0]) : NAN;
    }
    pn_free(other);
    return st;
}

/* ---- changed runs ---- */

typedef struct changing {
    const pencl_patch *p;
    int point; /* -1: all */
    pn_worlds worlds;
} changing;

/* pn_point_change */
static pencl_layer *change(void *user, int i, pencl_layer *node)
{
    const changing *c = user;
    if (c->point >= 0 && c->point != i) {
        return node;
    }
    return pn_point_insert(c->p->ctx, c->p->points->items[i].when, node,
                           pn_patch_layer(c->p, i, &c->worlds));
}

/* The layers from the first changed one on, and what enters them (NULL: the tokens). */
static pencl_status
changed_part(pencl_layer **part, const pencl_array **residual, const changing *c)
{
    const pencl_patch *p = c->p;
    pencl_layer *body = NULL;
    int top = c->point >= 0 ? p->points->items[c->point].top : INT32_MAX;
    for (int i = 0; c->point < 0 && i < p->points->n; i++) {
        top = p->points->items[i].top < top ? p->points->items[i].top : top;
    }
    PENCL_TRY(pn_points_apply(&body, p->points, p->lm->body, change, (void *)c));
    *residual = NULL;
    if (top <= 0) {
        *part = body;
        return PENCL_OK;
    }
    char name[32];
    snprintf(name, sizeof name, "%d", top);
    *residual = pencl_captures_find(p->residuals, name);
    pencl_status st =
        pn_blocks_part(part, p->ctx, body, top, pencl_layer_n_children(body, "sublayers"));
    pencl_layer_free(body);
    return st;
}

/* What a run begins with, along the worlds: penzai's checks hold the batch axes of all that meets
 * in a layer to be the same. */
static pencl_status input_of(pencl_array **out, const changing *c, const pencl_array *residual)
{
    const pencl_patch *p = c->p;
    const pencl_axis seq = {PENCL_AXIS_SEQ, (int64_t)p->tokens.n};
    const pencl_axis worlds = {PN_WORLDS, c->worlds.n};
    pencl_array *ids = NULL;
    pencl_status st = PENCL_OK;
    if (residual == NULL) {
        st = pencl_array_wrap(&ids, p->lm->device, PENCL_I32, &seq, 1, p->tokens.ids);
        residual = ids;
    }
    if (st == PENCL_OK) {
        st = pencl_array_broadcast_to(out, residual, &worlds, c->worlds.axis ? 1 : 0);
    }
    pencl_array_free(ids);
    return st;
}

/* Logits [worlds.., vocabulary] of the last token. */
static pencl_status run_changed(float **out, const changing *c)
{
    const pencl_patch *p = c->p;
    pencl_layer *part = NULL;
    const pencl_array *residual = NULL;
    pencl_array *x = NULL;
    pencl_array *logits = NULL;
    pencl_array *ordered = NULL;
    static const char *const order[] = {PN_WORLDS, PENCL_AXIS_SEQ, PENCL_AXIS_VOCABULARY};
    int skip = c->worlds.axis ? 0 : 1;
    PENCL_TRY(changed_part(&part, &residual, c));
    pencl_status st = input_of(&x, c, residual);
    if (st == PENCL_OK) {
        st = pn_call_run(
            &logits, NULL,
            &(pn_call){
                .device = p->lm->device, .pool = p->lm->pool, .layer = part, .x = x, .last = true});
    }
    if (st == PENCL_OK) {
        st = pencl_array_order(&ordered, logits, order + skip, 3 - skip);
    }
    if (st == PENCL_OK) {
        st = take_logits(out, ordered, p);
    }
    pencl_array_free(ordered);
    pencl_array_free(logits);
    pencl_array_free(x);
    pencl_layer_free(part);
    return st;
}

/* All columns of a point. */
static pencl_status sweep_point(pencl_patch *p, int i)
{
    const int64_t fit = BATCH_TOKENS / (int64_t)p->tokens.n;
    const size_t vocabulary = (size_t)p->lm->metadata.vocab_size;
    double *to = &p->values[(size_t)i * (size_t)p->n_columns];
    int n = 0;
    PENCL_TRY(pn_patch_n_columns(&n, p, i));
    for (int first = 0; first < n;) {
        float *logits = NULL;
        changing c = {p, i, {.first = first, .n = n - first, .axis = true}};
        c.worlds.n = c.worlds.n > fit ? (int)(fit > 1 ? fit : 1) : c.worlds.n;
        if (p->options->stopped != NULL && p->options->stopped(p->options->user)) {
            return PN_FAIL(p->ctx, PENCL_E_CANCELLED, "cancelled");
        }
        pencl_status st = run_changed(&logits, &c);
        for (int w = 0; st == PENCL_OK && w < c.worlds.n; w++) {
            to[first + w] =
                pn_metric_value(p->metric, logits + (size_t)w * vocabulary, p->logits[0]);
        }
        pn_free(logits);
        PENCL_TRY(st);
        first += c.worlds.n;
        if (p->options->progress != NULL) {
            p->options->progress(p->options->user,
                                 ((double)i + (double)first / n) / (double)p->n_rows);
        }
    }
    return PENCL_OK;
}

/* The other model as a whole. */
static pencl_status run_edited(float **out, const pencl_patch *p)
{
    pencl_array *logits = NULL;
    pencl_lm *lm = p->options->edited;
    PENCL_TRY(pn_run_tokens(&logits, NULL, lm, lm->body, &p->tokens));
    pencl_status st = take_logits(out, logits, p);
    pencl_array_free(logits);
    return st;
}

static pencl_status run_all(pencl_patch *p)
{
    if (p->sweep == PENCL_SWEEP_NONE) {
        PENCL_TRY(p->options->change == PENCL_CHANGE_MODEL
                      ? run_edited(&p->logits[1], p)
                      : run_changed(&p->logits[1], &(changing){p, -1, {.n = 1}}));
        p->values[0] = pn_metric_value(p->metric, p->logits[1], p->logits[0]);
        return PENCL_OK;
    }
    for (int i = 0; i < p->n_rows; i++) {
        PENCL_TRY(sweep_point(p, i));
    }
    return PENCL_OK;
}

/* ---- life ---- */

static pencl_status check(pencl_lm *lm, size_t n, const pencl_patch_options *o)
{
    if (n < 1 || n > INT32_MAX || o->n_from > INT32_MAX) {
        return PN_FAIL(lm->ctx, PENCL_E_ARG, "%zu and %zu tokens", n, o->n_from);
    }
    if (o->change == PENCL_CHANGE_FROM && o->n_from != n && !o->align_last) {
        return PN_FAIL(lm->ctx, PENCL_E_ARG,
                       "the texts have %zu and %zu tokens: they must agree, or be aligned", n,
                       o->n_from);
    }
    if (o->change == PENCL_CHANGE_MODEL && (o->edited == NULL || o->sweep != PENCL_SWEEP_NONE)) {
        return PN_FAIL(lm->ctx, PENCL_E_ARG, "%s",
                       o->edited == NULL ? "there is no edited model"
                                         : "an edited model has no sweep");
    }
    if (o->change == PENCL_CHANGE_FROM && o->n_from == 0) {
        return PN_FAIL(lm->ctx, PENCL_E_ARG, "there are no tokens to patch from");
    }
    return PENCL_OK;
}

static pencl_status size_table(pencl_patch *p)
{
    bool sweep = p->sweep != PENCL_SWEEP_NONE;
    p->n_rows = sweep ? p->points->n : 1;
    p->n_columns = sweep ? 0 : 1;
    for (int i = 0; sweep && i < p->n_rows; i++) {
        int n = 0;
        PENCL_TRY(pn_patch_n_columns(&n, p, i));
        p->n_columns = n > p->n_columns ? n : p->n_columns;
    }
    p->values = pn_calloc((size_t)p->n_rows * (size_t)p->n_columns, sizeof *p->values);
    if (p->values == NULL) {
        return PN_NOMEM(p->ctx);
    }
    for (int i = 0; i < p->n_rows * p->n_columns; i++) {
        p->values[i] = NAN;
    }
    return PENCL_OK;
}

static pencl_status make(pencl_patch *p)
{
    const pencl_patch_options *o = p->options;
    const char *select = o->select != NULL ? o->select : "blocks.*.attn.hook_pattern";
    if (o->change == PENCL_CHANGE_FROM) {
        p->shift = (int32_t)o->n_from - (int32_t)p->tokens.n;
    }
    if (o->change != PENCL_CHANGE_MODEL) {
        PENCL_TRY(pencl_points_new(&p->points, p->lm, &select, 1, (int64_t)p->tokens.n));
    }
    PENCL_TRY(pn_places(&p->at, p->ctx, o->at, o->n_at, p->tokens.n));
    if (pn_blocks_find(&p->blocks, p->ctx, p->lm->body) != PENCL_OK) {
        p->blocks = (pn_blocks){0};
        pn_error_clear(p->ctx);
    }
    PENCL_TRY(size_table(p));
    PENCL_TRY(measure_unchanged(p));
    return run_all(p);
}

pencl_status pencl_patch_new(pencl_patch **out,
                             pencl_lm *lm,
                             const int32_t *tokens,
                             size_t n,
                             const pencl_patch_options *options)
{
    pn_error_clear(lm->ctx);
    *out = NULL;
    PENCL_TRY(check(lm, n, options));
    PENCL_TRY(pn_lm_check_tokens(lm, tokens, n));
    if (options->change == PENCL_CHANGE_FROM) {
        PENCL_TRY(pn_lm_check_tokens(lm, options->from, options->n_from));
    }
    pencl_patch *p = pn_calloc(1, sizeof *p);
    if (p == NULL) {
        return PN_NOMEM(lm->ctx);
    }
    *p = (pencl_patch){.ctx = lm->ctx,
                       .lm = lm,
                       .options = options,
                       .tokens = {tokens, n},
                       .sweep = options->sweep,
                       .n_at = options->n_at,
                       .metric = options->metric};
    pencl_status st = make(p);
    pencl_captures_free(p->residuals);
    pencl_captures_free(p->donor);
    p->residuals = NULL;
    p->donor = NULL;
    if (st != PENCL_OK) {
        pencl_patch_free(p);
        return st;
    }
    *out = p;
    return PENCL_OK;
}

void pencl_patch_free(pencl_patch *p)
{
    if (p == NULL) {
        return;
    }
    pencl_points_free(p->points);
    pencl_metric_free(p->own_metric);
    pn_free(p->at);
    pn_free(p->logits[0]);
    pn_free(p->logits[1]);
    pn_free(p->values);
    pn_free(p);
}
