/* SPDX-License-Identifier: Apache-2.0 */
/* A layer tree as text, one line a node:
 *
 *     Sequential
 *     ├─ .sublayers[0] EmbeddingLookup
 *     │  └─ .table EmbeddingTable vocabulary_axis="vocabulary"
 *     │     └─ .embeddings Parameter "transformer/embedder.embeddings" float32(| ...)
 *     ├─ .sublayers[1..30] 30 x TransformerBlock
 *
 * The words after the branch are what selections take: a field, and an index for lists. */
#include "nn/nn.h"

#include <string.h>

/* Where a line stands: one for each level, innermost first. */
typedef struct level {
    const struct level *outer;
    bool last; /* no further line at this level */
} level;

/* One line under a node: children first .. first+count-1 of an attribute, or its variable. */
typedef struct row {
    int attribute;
    int first;
    int count;
} row;

/* ---- equal but for labels ---- */

static bool same_axes(const pencl_axis *a, const pencl_axis *b, int n)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(a[i].name, b[i].name) != 0 || a[i].size != b[i].size) {
            return false;
        }
    }
    return true;
}

static bool same_layer(const pencl_layer *a, const pencl_layer *b);

static bool same_attribute(const pencl_attribute *a, const pencl_attribute *b)
{
    if (a->n != b->n || a->number < b->number || a->number > b->number) {
        return false;
    }
    switch (a->kind) {
    case PENCL_FIELD_LAYER:
    case PENCL_FIELD_LAYERS:
        for (int i = 0; i < a->n; i++) {
            if (!same_layer(a->layers[i], b->layers[i])) {
                return false;
            }
        }
        return true;
    case PENCL_FIELD_VARIABLE:
        return pencl_variable_kind_of(a->variable) == pencl_variable_kind_of(b->variable) &&
               pn_spec_equal(&pn_variable_store(a->variable)->spec,
                             &pn_variable_store(b->variable)->spec);
    case PENCL_FIELD_TEXT:
        return strcmp(a->text, b->text) == 0;
    case PENCL_FIELD_AXES:
        return same_axes(a->axes, b->axes, a->n);
    case PENCL_FIELD_NUMBER:
        return true;
    }
    return false;
}

static bool same_layer(const pencl_layer *a, const pencl_layer *b)
{
    if (a == b) {
        return true;
    }
    if (pencl_layer_type_of(a) != pencl_layer_type_of(b)) {
        return false;
    }
    for (int i = 0; i < pencl_layer_n_attributes(a); i++) {
        pencl_attribute x = pencl_layer_attribute(a, i);
        pencl_attribute y = pencl_layer_attribute(b, i);
        if (!same_attribute(&x, &y)) {
            return false;
        }
    }
    return true;
}

/* ---- rows ---- */

/* The row after `r` ({0} is before the first); false after the last. */
static bool next_row(row *r, const pencl_layer *layer, pn_fold fold)
{
    r->first += r->count;
    for (; r->attribute < pencl_layer_n_attributes(layer); r->attribute++, r->first = 0) {
        pencl_attribute a = pencl_layer_attribute(layer, r->attribute);
        int n = a.kind == PENCL_FIELD_VARIABLE ? 1 : a.layers != NULL ? a.n : 0;
        if (r->first >= n) {
            continue;
        }
        r->count = 1;
        while (fold == PN_FOLD && a.layers != NULL && r->first + r->count < n &&
               same_layer(a.layers[r->first], a.layers[r->first + r->count])) {
            r->count++;
        }
        return true;
    }
    return false;
}

/* ---- lines ---- */

static void add_indent(pn_text *out, const level *at)
{
    if (at != NULL) {
        add_indent(out, at->outer);
        pn_text_add(out, "%s", at->last ? "   " : "│  ");
    }
}

static void add_axes(pn_text *out, const pencl_attribute *a)
{
    pn_text_add(out, " %s={", a->name);
    for (int i = 0; i < a->n; i++) {
        pn_text_add(out, "%s%s", i > 0 ? ", " : "", a->axes[i].name);
        if (a->axes[i].size > 0) {
            pn_text_add(out, ":%lld", (long long)a->axes[i].size);
        }
    }
    pn_text_add(out, "}");
}

/* "TypeName field=value ...", the static fields only. */
static void add_head(pn_text *out, const pencl_layer *layer)
{
    pn_text_add(out, "%s", pencl_layer_type_of(layer)->name);
    for (int i = 0; i < pencl_layer_n_attributes(layer); i++) {
        pencl_attribute a = pencl_layer_attribute(layer, i);
        if (a.kind == PENCL_FIELD_NUMBER) {
            pn_text_add(out, " %s=%.9g", a.name, a.number);
        } else if (a.kind == PENCL_FIELD_TEXT) {
            pn_text_add(out, " %s=\"%s\"", a.name, a.text);
        } else if (a.kind == PENCL_FIELD_AXES) {
            add_axes(out, &a);
        }
    }
    pn_text_add(out, "\n");
}

static void add_variable(pn_text *out, const pencl_variable *v)
{
    pn_text_add(out, "%s \"%s\" ",
                pencl_variable_kind_of(v) == PENCL_STATE ? "StateVariable" : "Parameter",
                pencl_variable_label(v));
    pn_spec_print(out, &pn_variable_store(v)->spec);
    pn_text_add(out, "\n");
}

static void add_rows(pn_text *out, const pencl_layer *layer, pn_fold fold, const level *at)
{
    row r = {0};
    row next = {0};
    bool more = next_row(&next, layer, fold);
    while (more) {
        r = next;
        more = next_row(&next, layer, fold);
        pencl_attribute a = pencl_layer_attribute(layer, r.attribute);
        add_indent(out, at);
        pn_text_add(out, "%s .%s", more ? "├─" : "└─", a.name);
        if (a.kind == PENCL_FIELD_VARIABLE) {
            pn_text_add(out, " ");
            add_variable(out, a.variable);
            continue;
        }
        if (r.count > 1) {
            pn_text_add(out, "[%d..%d] %d x", r.first, r.first + r.count - 1, r.count);
        } else if (a.kind == PENCL_FIELD_LAYERS) {
            pn_text_add(out, "[%d]", r.first);
        }
        pn_text_add(out, " ");
        add_head(out, a.layers[r.first]);
        add_rows(out, a.layers[r.first], fold, &(level){at, !more});
    }
}

void pn_layer_print(pn_text *out, const pencl_layer *layer, pn_fold fold)
{
    add_head(out, layer);
    add_rows(out, layer, fold, NULL);
}

pencl_status pencl_layer_print(char **out, pencl_ctx *ctx, const pencl_layer *layer)
{
    pn_error_clear(ctx);
    pn_text text = {0};
    pn_layer_print(&text, layer, PN_FOLD);
    *out = text.failed ? NULL : text.data;
    if (text.failed) {
        pn_text_free(&text);
        return PN_NOMEM(ctx);
    }
    return PENCL_OK;
}
