/* SPDX-License-Identifier: Apache-2.0 */
/* The changes of a patch: values that take the place of others, and masks that say where. */
#include "study/patch.h"

#include <inttypes.h>
#include <string.h>

pencl_status pn_patch_n_columns(int *out, const pencl_patch *p, int i)
{
    pn_heads heads = {.n = 1};
    const pn_point_value *at = pn_points_value(p->points, i);
    if (at == NULL) {
        return p->ctx->error.status;
    }
    if (p->sweep == PENCL_SWEEP_HEAD) {
        PENCL_TRY(pn_heads_of(&heads, p->lm, at));
    }
    *out = p->sweep != PENCL_SWEEP_POSITION ? (int)heads.n
                                            : (int)(p->n_at > 0 ? p->n_at : p->tokens.n);
    return PENCL_OK;
}

/* ---- values ---- */

/* The other run's value, its rows those of these tokens. */
static pencl_status aligned(pencl_array **out, const pencl_patch *p, const pencl_array *value)
{
    const pencl_axis axis = {PENCL_AXIS_SEQ, (int64_t)p->tokens.n};
    pencl_graph *g = NULL;
    pencl_array *ids = NULL;
    int32_t *at = pn_calloc(p->tokens.n, sizeof *at);
    if (at == NULL) {
        return PN_NOMEM(p->ctx);
    }
    for (int32_t i = 0; i < (int32_t)p->tokens.n; i++) {
        at[i] = i + p->shift > 0 ? i + p->shift : 0; /* those below 0 are masked out */
    }
    pencl_status st = pencl_array_wrap(&ids, value->device, PENCL_I32, &axis, 1, at);
    if (st == PENCL_OK) {
        st = pencl_graph_new(&g, value->device);
    }
    if (st == PENCL_OK) {
        pencl_value *rows = pencl_value_take(pencl_graph_array(g, value), PENCL_AXIS_SEQ,
                                             pencl_graph_array(g, ids));
        st = pencl_eval(g, &rows, 1, out);
    }
    pencl_graph_free(g);
    pencl_array_free(ids);
    pn_free(at);
    return st;
}

static pencl_status averaged(pencl_array **out, const pencl_array *value)
{
    static const char *const axes[] = {PENCL_AXIS_SEQ};
    pencl_graph *g = NULL;
    PENCL_TRY(pencl_graph_new(&g, value->device));
    pencl_value *mean = pencl_value_mean(pencl_graph_array(g, value), axes, 1);
    pencl_status st = pencl_eval(g, &mean, 1, out);
    pencl_graph_free(g);
    return st;
}

static pencl_status from_donor(pencl_array **out, const pencl_patch *p, const pn_point_value *at)
{
    pencl_array *value = pencl_captures_find(p->donor, at->name);
    bool rows = pn_spec_find(&value->view.spec, PENCL_AXIS_SEQ) >= 0;
    if (rows && p->options->n_from != p->tokens.n) {
        if (pn_spec_find(&value->view.spec, PENCL_AXIS_KV_SEQ) >= 0) {
            return pn_spec_fail(p->ctx, PENCL_E_SHAPE, &value->view.spec,
                                "%s: values along 'kv_seq' of other texts cannot be aligned",
                                at->name);
        }
        return aligned(out, p, value);
    }
    return pencl_array_untag(out, value, NULL, 0); /* another view */
}

static pencl_status from_file(pencl_array **out, const pencl_patch *p, const pn_point_value *at)
{
    pencl_array *named = NULL;
    const pencl_array *value = pencl_captures_find(p->options->values, at->name);
    value = value != NULL ? value : pencl_captures_find(p->options->values, "");
    if (value == NULL) {
        return PN_FAIL(p->ctx, PENCL_E_ARG, "there is no value for %s", at->name);
    }
    PENCL_TRY(pn_value_name_axes(&named, value, at));
    if (pn_spec_find(&named->view.spec, PENCL_AXIS_SEQ) < 0) {
        *out = named;
        return PENCL_OK;
    }
    pencl_status st = averaged(out, named);
    pencl_array_free(named);
    return st;
}

pencl_status pn_patch_value(pencl_array **out, const pencl_patch *p, int i)
{
    const pn_point_value *at = pn_points_value(p->points, i);
    *out = NULL;
    if (at == NULL) {
        return p->ctx->error.status;
    }
    switch (p->options->change) {
    case PENCL_CHANGE_FROM:
        return from_donor(out, p, at);
    case PENCL_CHANGE_MEAN:
        return from_file(out, p, at);
    case PENCL_CHANGE_ZERO:
    case PENCL_CHANGE_KNOCK_OUT:
    case PENCL_CHANGE_MODEL:
        break;
    }
    return pn_scalar_array(out, p->lm->device, PENCL_F32, 0);
}

/* ---- masks ---- */

/* Axes of a mask: worlds, tokens, heads; those that it needs. */
typedef struct mask {
    pn_spec spec;
    bool rows;
    pn_heads heads;
} mask;

static bool is_changed(const pencl_patch *p, int32_t row)
{
    if (p->n_at == 0) {
        return row + p->shift >= 0;
    }
    for (size_t i = 0; i < p->n_at; i++) {
        if (p->at[i] == row) {
            return row + p->shift >= 0;
        }
    }
    return false;
}

/* The row that a world changes; -1: all that are to be changed. */
static int32_t row_of(const pencl_patch *p, int column)
{
    if (p->sweep != PENCL_SWEEP_POSITION) {
        return -1;
    }
    return p->n_at > 0 ? p->at[column] : column;
}

static pencl_status mask_axes(mask *m, const pencl_patch *p, int i, const pn_worlds *worlds)
{
    const pn_point_value *at = pn_points_value(p->points, i);
    *m = (mask){.spec.dtype = PENCL_I32, .heads.n = 1};
    m->rows = p->sweep == PENCL_SWEEP_POSITION || p->n_at > 0 || p->shift < 0;
    if (m->rows && pn_spec_find(&at->spec, PENCL_AXIS_SEQ) < 0) {
        return pn_spec_fail(p->ctx, PENCL_E_AXIS, &at->spec, "%s: a value without positions",
                            at->name);
    }
    if (worlds->axis) {
        pn_spec_push(&m->spec, PN_WORLDS, worlds->n);
    }
    if (m->rows) {
        pn_spec_push(&m->spec, PENCL_AXIS_SEQ, (int64_t)p->tokens.n);
    }
    if (p->sweep == PENCL_SWEEP_HEAD) {
        PENCL_TRY(pn_heads_of(&m->heads, p->lm, at));
        for (int k = 0; k < m->heads.n_axes; k++) {
            pn_spec_push(&m->spec, m->heads.axes[k].name, m->heads.axes[k].size);
        }
    }
    return pn_spec_check(p->ctx, &m->spec, at->name);
}

static void fill(int32_t *to, const mask *m, const pencl_patch *p, const pn_worlds *worlds)
{
    int32_t n_rows = m->rows ? (int32_t)p->tokens.n : 1;
    for (int w = 0; w < worlds->n; w++) {
        int32_t row = row_of(p, worlds->first + w);
        for (int32_t r = 0; r < n_rows; r++) {
            bool changed = !m->rows || ((row < 0 || row == r) && is_changed(p, r));
            for (int64_t h = 0; h < m->heads.n; h++) {
                *to++ = changed && (m->heads.n_axes == 0 || h == worlds->first + w);
            }
        }
    }
}

/* 1 where a value changes; of a knock-out, as floats, 0 there. */
static pencl_status
new_mask(pencl_array **out, const pencl_patch *p, int i, const pn_worlds *worlds)
{
    mask m;
    PENCL_TRY(mask_axes(&m, p, i, worlds));
    size_t n = (size_t)pn_spec_count(&m.spec);
    int32_t *all = pn_calloc(n, sizeof *all);
    if (all == NULL) {
        return PN_NOMEM(p->ctx);
    }
    fill(all, &m, p, worlds);
    if (p->options->change == PENCL_CHANGE_KNOCK_OUT) {
        m.spec.dtype = PENCL_F32;
        for (size_t k = 0; k < n; k++) {
            const float keep = all[k] != 0 ? 0 : 1;
            memcpy(&all[k], &keep, sizeof keep);
        }
    }
    pencl_status st =
        pencl_array_wrap(out, p->lm->device, m.spec.dtype, m.spec.axes, m.spec.n_axes, all);
    pn_free(all);
    return st;
}

pencl_layer *pn_patch_layer(const pencl_patch *p, int i, const pn_worlds *worlds)
{
    pencl_array *places = NULL;
    pencl_array *value = NULL;
    pencl_layer *layer = NULL;
    pencl_status st = pn_patch_value(&value, p, i);
    if (st == PENCL_OK) {
        st = new_mask(&places, p, i, worlds);
    }
    if (st == PENCL_OK) {
        pencl_variable *where = pn_edit_variable("patch/mask", places);
        layer = p->options->change == PENCL_CHANGE_KNOCK_OUT
                    ? pn_nn_knock_out(p->ctx, where)
                    : pn_nn_patch(p->ctx, pn_edit_variable("patch/value", value), where);
    }
    pencl_array_free(places);
    pencl_array_free(value);
    return layer;
}
