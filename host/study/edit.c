/* SPDX-License-Identifier: Apache-2.0 */
/* Models with other computations: values replaced or shifted, heads knocked out. */
#include "study/edit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- values for a point ---- */

pencl_status
pn_value_name_axes(pencl_array **out, const pencl_array *value, const pn_point_value *at)
{
    const char *names[PENCL_MAX_AXES];
    pencl_ctx *ctx = pn_device_ctx(value->device);
    int n = pn_spec_count_positional(&value->view.spec);
    int skipped = at->spec.n_axes - n;
    for (int i = 0; i < n && skipped >= 0; i++) {
        names[i] = at->spec.axes[skipped + i].name;
    }
    if (skipped < 0) {
        return pn_spec_fail(ctx, PENCL_E_SHAPE, &at->spec,
                            "%s: a value with %d axes cannot take its place", at->name, n);
    }
    PENCL_TRY(pencl_array_tag(out, value, names, n));
    const pn_spec *spec = &(*out)->view.spec;
    for (int i = 0; i < spec->n_axes; i++) {
        int k = pn_spec_find(&at->spec, spec->axes[i].name);
        bool any = strcmp(spec->axes[i].name, PENCL_AXIS_SEQ) == 0; /* texts differ in length */
        if (k < 0 || (!any && at->spec.axes[k].size != spec->axes[i].size)) {
            pn_text got = {0};
            pn_spec_print(&got, spec);
            pencl_status st =
                pn_spec_fail(ctx, PENCL_E_SHAPE, &at->spec,
                             "%s: a value with axis '%s' of %" PRId64 ", %s, cannot take its place",
                             at->name, spec->axes[i].name, spec->axes[i].size, pn_text_get(&got));
            pn_text_free(&got);
            pencl_array_free(*out);
            *out = NULL;
            return st;
        }
    }
    return PENCL_OK;
}

pencl_variable *pn_edit_variable(const char *label, const pencl_array *value)
{
    pencl_variable *v = NULL;
    return pencl_variable_new(&v, PENCL_PARAMETER, label, value, 0) == PENCL_OK ? v : NULL;
}

pencl_status
pn_scalar_array(pencl_array **out, pencl_device *device, pencl_dtype dtype, double number)
{
    const float real = (float)number;
    const int32_t whole = (int32_t)number;
    return pencl_array_wrap(out, device, dtype, NULL, 0,
                            dtype == PENCL_I32 ? (const void *)&whole : &real);
}

/* ---- edits ---- */

typedef struct editing {
    pencl_lm *lm;
    const pencl_edit *edit;
    const pencl_points *points;
} editing;

/* scale * value */
static pencl_status scaled(pencl_array **out, const pencl_array *value, double scale)
{
    pencl_graph *g = NULL;
    PENCL_TRY(pencl_graph_new(&g, value->device));
    pencl_value *product = pencl_value_scale(pencl_graph_array(g, value), scale);
    pencl_status st = pencl_eval(g, &product, 1, out);
    pencl_graph_free(g);
    return st;
}

static pencl_layer *replacement(const editing *e, const pencl_array *value)
{
    pencl_array *one = NULL;
    pencl_ctx *ctx = e->lm->ctx;
    if (pn_scalar_array(&one, e->lm->device, PENCL_I32, 1) != PENCL_OK) {
        return NULL;
    }
    pencl_layer *layer = pn_nn_patch(ctx, pn_edit_variable("patch/value", value),
                                     pn_edit_variable("patch/mask", one));
    pencl_array_free(one);
    return layer;
}

/* What stands at the point: a Patch, or an AddBias. */
static pencl_layer *make(const editing *e, const pn_point_value *at)
{
    pencl_array *named = NULL;
    pencl_array *value = NULL;
    pencl_layer *layer = NULL;
    const pencl_edit *edit = e->edit;
    pencl_status st = edit->value != NULL ? pn_value_name_axes(&named, edit->value, at)
                                          : pn_scalar_array(&named, e->lm->device, PENCL_F32, 0);
    if (st == PENCL_OK && edit->kind == PENCL_EDIT_ADD) {
        st = scaled(&value, named, edit->scale);
    }
    if (st == PENCL_OK) {
        layer = edit->kind == PENCL_EDIT_ADD
                    ? pn_nn_add_bias(e->lm->ctx, pn_edit_variable("steer/value", value))
                    : replacement(e, named);
    }
    pencl_array_free(value);
    pencl_array_free(named);
    return layer;
}

/* pn_point_change */
static pencl_layer *change(void *user, int i, pencl_layer *node)
{
    const editing *e = user;
    const pn_point_value *at = pn_points_value(e->points, i);
    if (at == NULL) {
        pencl_layer_free(node);
        return NULL;
    }
    return pn_point_insert(e->lm->ctx, at->point->when, node, make(e, at));
}

/* ---- heads ---- */

pencl_status pn_heads_of(pn_heads *out, const pencl_lm *lm, const pn_point_value *at)
{
    const pencl_transformer_metadata *m = &lm->metadata;
    *out = (pn_heads){.n = 1};
    for (int i = 0; i < m->n_common + m->n_query_only; i++) {
        const pencl_axis *axis =
            i < m->n_common ? &m->common_head_axes[i] : &m->query_only_head_axes[i - m->n_common];
        if (pn_spec_find(&at->spec, axis->name) >= 0) {
            out->axes[out->n_axes++] = *axis;
            out->n *= axis->size;
        }
    }
    return out->n_axes > 0 ? PENCL_OK
                           : pn_spec_fail(lm->ctx, PENCL_E_AXIS, &at->spec,
                                          "%s: a value without heads", at->name);
}

/* pn_point_change: one head of an attention pattern. */
static pencl_layer *knock_out(void *user, int i, pencl_layer *node)
{
    const editing *e = user;
    pn_heads heads;
    pencl_array *mask = NULL;
    pencl_layer *layer = NULL;
    float *all = NULL;
    const pn_point_value *at = pn_points_value(e->points, i);
    pencl_status st = at != NULL ? pn_heads_of(&heads, e->lm, at) : e->lm->ctx->error.status;
    if (st == PENCL_OK && (e->edit->head < 0 || e->edit->head >= heads.n)) {
        st =
            PN_FAIL(e->lm->ctx, PENCL_E_ARG, "head %d: there are %" PRId64, e->edit->head, heads.n);
    }
    if (st == PENCL_OK) {
        all = pn_alloc((size_t)heads.n * sizeof *all);
        st = all != NULL ? PENCL_OK : PN_NOMEM(e->lm->ctx);
    }
    for (int64_t h = 0; st == PENCL_OK && h < heads.n; h++) {
        all[h] = h == e->edit->head ? 0 : 1;
    }
    if (st == PENCL_OK) {
        st = pencl_array_wrap(&mask, e->lm->device, PENCL_F32, heads.axes, heads.n_axes, all);
    }
    if (st == PENCL_OK) {
        layer = pn_nn_knock_out(e->lm->ctx, pn_edit_variable("knock_out/head_mask", mask));
    }
    pencl_array_free(mask);
    pn_free(all);
    return pn_point_insert(e->lm->ctx, PENCL_AFTER, node, layer);
}

/* *out: the lm with one change. */
static pencl_status apply(pencl_lm **out, pencl_lm *lm, const pencl_edit *edit)
{
    char pattern[64];
    const bool heads = edit->kind == PENCL_EDIT_KNOCK_OUT;
    const char *text = heads ? pattern : edit->select;
    pencl_points *points = NULL;
    pencl_layer *body = NULL;
    snprintf(pattern, sizeof pattern, "blocks.%d.attn.hook_pattern", edit->block);
    PENCL_TRY(pencl_points_new(&points, lm, &text, 1, 2)); /* as many tokens as you like */
    editing e = {.lm = lm, .edit = edit, .points = points};
    pencl_status st = pn_points_apply(&body, points, lm->body, heads ? knock_out : change, &e);
    if (st == PENCL_OK) {
        st = pencl_lm_new(out, lm->device, body, &lm->metadata);
    }
    pencl_layer_free(body);
    pencl_points_free(points);
    return st;
}

pencl_status pencl_lm_edit(pencl_lm **out, pencl_lm *lm, const pencl_edit *edits, int n)
{
    pencl_lm *now = NULL;
    pn_error_clear(lm->ctx);
    *out = NULL;
    PENCL_TRY(pencl_lm_new(&now, lm->device, lm->body, &lm->metadata));
    for (int i = 0; i < n; i++) {
        pencl_lm *next = NULL;
        pencl_status st = apply(&next, now, &edits[i]);
        pencl_lm_free(now);
        PENCL_TRY(st);
        now = next;
    }
    *out = now;
    return PENCL_OK;
}
