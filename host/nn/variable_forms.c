/* SPDX-License-Identifier: Apache-2.0 */
/* Variables from form to form: metadata, slots, snapshots, and writing without disturbing those. */
#include "nn/variable.h"

#include <string.h>

/* ---- metadata ---- */

static pn_pair *find_pair(const pencl_variable *v, const char *key)
{
    for (int i = 0; i < v->n_pairs; i++) {
        if (strcmp(v->pairs[i].key, key) == 0) {
            return &v->pairs[i];
        }
    }
    return NULL;
}

const char *pencl_variable_metadata(const pencl_variable *v, const char *key)
{
    const pn_pair *p = find_pair(v, key);
    return p != NULL ? p->text : NULL;
}

/* Adds a key that is not there yet. */
static pencl_status add_pair(pencl_variable *v, const char *key, const char *text)
{
    pn_pair *pairs = pn_realloc(v->pairs, (size_t)v->n_pairs + 1, sizeof *pairs);
    if (pairs == NULL) {
        return PN_NOMEM(v->ctx);
    }
    v->pairs = pairs;
    pn_pair *p = &pairs[v->n_pairs];
    p->key = pn_strdup(key);
    p->text = pn_strdup(text);
    if (p->key == NULL || p->text == NULL) {
        pn_free(p->key);
        pn_free(p->text);
        return PN_NOMEM(v->ctx);
    }
    v->n_pairs++;
    return PENCL_OK;
}

static pencl_status need_form(const pencl_variable *v, pencl_variable_form form, const char *verb)
{
    if (v->form == form) {
        return PENCL_OK;
    }
    return PN_FAIL(v->ctx, PENCL_E_ARG, "%s needs a %s, not the %s \"%s\"", verb,
                   pn_variable_type_name(v->kind, form), pencl_variable_type_name(v), v->label);
}

static void remove_pair(pencl_variable *v, pn_pair *p)
{
    pn_free(p->key);
    pn_free(p->text);
    *p = v->pairs[--v->n_pairs];
}

pencl_status pencl_variable_set_metadata(pencl_variable *v, const char *key, const char *text)
{
    pn_error_clear(v->ctx);
    PENCL_TRY(need_form(v, PENCL_MUTABLE, "set_metadata"));
    pn_pair *old = find_pair(v, key);
    if (text == NULL) {
        if (old != NULL) {
            remove_pair(v, old);
        }
        return PENCL_OK;
    }
    if (old == NULL) {
        return add_pair(v, key, text);
    }
    char *copy = pn_strdup(text);
    if (copy == NULL) {
        return PN_NOMEM(v->ctx);
    }
    pn_free(old->text);
    old->text = copy;
    return PENCL_OK;
}

static bool same_metadata(const pencl_variable *a, const pencl_variable *b)
{
    for (int i = 0; i < a->n_pairs; i++) {
        const pn_pair *p = find_pair(b, a->pairs[i].key);
        if (p == NULL || strcmp(p->text, a->pairs[i].text) != 0) {
            return false;
        }
    }
    return a->n_pairs == b->n_pairs;
}

/* ---- slots ---- */

bool pn_variable_same_slot(const pencl_variable *a, const pencl_variable *b)
{
    return a->kind == b->kind && strcmp(a->label, b->label) == 0;
}

int pencl_variable_equal(const pencl_variable *a, const pencl_variable *b)
{
    if (a == b) {
        return 1;
    }
    if (a->form != b->form || a->form == PENCL_MUTABLE || !pn_variable_same_slot(a, b)) {
        return 0;
    }
    return (a->form == PENCL_SLOT || pn_cell_same(a->cell, b->cell)) && same_metadata(a, b);
}

/* A value for `label` needs the same axes, in any order, and integers for integers. */
static pencl_status
check_axes(pencl_ctx *ctx, const char *label, const pn_spec *want, const pn_spec *got)
{
    bool same_axes = pn_spec_same_axes(want, got);
    if (same_axes && (want->dtype == PENCL_I32) == (got->dtype == PENCL_I32)) {
        return PENCL_OK;
    }
    pn_text text = {0};
    pn_text_add(&text, "%s: ", label);
    pn_spec_print(&text, want);
    pn_text_add(&text, " is expected, got ");
    pn_spec_print(&text, got);
    pencl_status status =
        PN_FAIL(ctx, same_axes ? PENCL_E_DTYPE : PENCL_E_SHAPE, "%s", pn_text_get(&text));
    pn_text_free(&text);
    return status;
}

pencl_status pn_variable_check_fits(const pencl_variable *slot, const pencl_variable *v)
{
    const pn_spec *got = pn_variable_spec(v);
    return slot->expects && got != NULL ? check_axes(slot->ctx, slot->label, &slot->expected, got)
                                        : PENCL_OK;
}

/* ---- from form to form ---- */

pencl_status pn_variable_as(pencl_variable **out, const pencl_variable *v, pencl_variable_form form)
{
    PENCL_TRY(pn_variable_new_form(out, v->ctx, v->kind, form, v->label));
    pencl_variable *copy = *out;
    pencl_status status = PENCL_OK;
    if (form == PENCL_SLOT) {
        const pn_spec *spec = pn_variable_spec(v);
        copy->expects = spec != NULL;
        copy->expected = spec != NULL ? *spec : copy->expected;
        return PENCL_OK;
    }
    status = pn_cell_snapshot(&copy->cell, v->ctx, v->cell);
    for (int i = 0; i < v->n_pairs && status == PENCL_OK; i++) {
        status = add_pair(copy, v->pairs[i].key, v->pairs[i].text);
    }
    if (status != PENCL_OK) {
        pencl_variable_free(copy);
        *out = NULL;
    }
    return status;
}

pencl_status pencl_variable_freeze(pencl_variable **out, const pencl_variable *v)
{
    pn_error_clear(v->ctx);
    *out = NULL;
    PENCL_TRY(need_form(v, PENCL_MUTABLE, "freeze"));
    return pn_variable_as(out, v, PENCL_FROZEN);
}

pencl_status pencl_variable_unfreeze_as_copy(pencl_variable **out, const pencl_variable *frozen)
{
    pn_error_clear(frozen->ctx);
    *out = NULL;
    PENCL_TRY(need_form(frozen, PENCL_FROZEN, "unfreeze_as_copy"));
    return pn_variable_as(out, frozen, PENCL_MUTABLE);
}

pencl_status pencl_variable_get_slot(pencl_variable **out, const pencl_variable *v)
{
    pn_error_clear(v->ctx);
    return pn_variable_as(out, v, PENCL_SLOT);
}

/* ---- writing ---- */

pencl_status pencl_variable_update(pencl_variable *v, const pencl_variable *frozen)
{
    pn_error_clear(v->ctx);
    PENCL_TRY(need_form(v, PENCL_MUTABLE, "update"));
    PENCL_TRY(need_form(frozen, PENCL_FROZEN, "the value of update"));
    if (!pn_variable_same_slot(v, frozen)) {
        return PN_FAIL(
            v->ctx, PENCL_E_ARG, "cannot update the %s \"%s\" with the incompatible %s \"%s\"",
            pencl_variable_type_name(v), v->label, pencl_variable_type_name(frozen), frozen->label);
    }
    pn_cell_take(v->cell, frozen->cell);
    return PENCL_OK;
}

/* The array with its axes in the variable's order: yours. */
static pencl_status
in_order_of(pencl_array **out, const pencl_variable *v, const pencl_array *value)
{
    const pn_spec *have = pn_variable_spec(v);
    const char *names[PENCL_MAX_AXES];
    int n = 0;
    PENCL_TRY(check_axes(v->ctx, v->label, have, &value->view.spec));
    for (int i = 0; i < have->n_axes; i++) {
        bool positional = have->axes[i].name[0] == '\0';
        if (positional && n > 0) { /* an order puts them in front */
            return PN_FAIL(v->ctx, PENCL_E_UNSUPPORTED, "%s has positional axes behind named ones",
                           v->label);
        }
        if (!positional) {
            names[n++] = have->axes[i].name;
        }
    }
    return pencl_array_order(out, value, names, n);
}

/* Writes into the variable's own memory if it may, else gives it new memory. */
static pencl_status write_value(pencl_variable *v, const pencl_array *value)
{
    pn_store *store = pn_cell_store(v->cell);
    if (!pn_cell_is_shared(v->cell) && store->spec.dtype == value->view.spec.dtype) {
        void *plain = NULL;
        PENCL_TRY(pn_array_to_host(&plain, value));
        pencl_status status = pn_store_upload(store, v->ctx, plain);
        pn_free(plain);
        return status;
    }
    pn_store *fresh = NULL;
    PENCL_TRY(pn_store_of_array(&fresh, value, store->n_row_axes));
    return pn_cell_put(v->cell, v->ctx, fresh);
}

pencl_status pencl_variable_set_value(pencl_variable *v, const pencl_array *value)
{
    pencl_array *ordered = NULL;
    pn_error_clear(v->ctx);
    PENCL_TRY(need_form(v, PENCL_MUTABLE, "set_value"));
    PENCL_TRY(pn_need_dense(v->label, value));
    PENCL_TRY(in_order_of(&ordered, v, value));
    pencl_status status = write_value(v, ordered);
    pencl_array_free(ordered);
    return status;
}

pencl_status pn_variable_writable(pn_store **out, pencl_variable *v)
{
    *out = NULL;
    PENCL_TRY(need_form(v, PENCL_MUTABLE, "writing"));
    return pn_cell_writable(out, v->cell, v->ctx);
}
