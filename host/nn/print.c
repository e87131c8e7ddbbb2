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
#include "nn/selection.h"

#include <string.h>

typedef struct printer {
    pn_text *out;
    pn_fold fold;
    const pencl_selection *shown; /* only what leads to its nodes is opened; NULL: everything */
    pencl_show show;
    pn_step steps[PN_MAX_DEPTH]; /* to the layer whose children are printed; with `shown` only */
} printer;

/* Where a line stands: one for each level, innermost first. */
typedef struct level {
    const struct level *outer;
    int depth;
    bool last; /* no further line at this level */
} level;

/* One line under a layer: children first .. first+count-1 of an attribute, or its variable. */
typedef struct row {
    int attribute;
    int first;
    int count;
} row;

/* ---- what is selected ---- */

typedef enum reach { REACH_NONE, REACH_BELOW, REACH_SELF } reach;

/* What the selection has at or below the child (field, index) of the layer at printer.steps. */
static reach reach_of(const printer *p, int depth, int field, int index)
{
    const pencl_selection *s = p->shown;
    for (int i = 0; s != NULL && i < s->n; i++) {
        const pn_selected *item = &s->items[i];
        if (item->depth <= depth ||
            memcmp(item->steps, p->steps, (size_t)depth * sizeof *p->steps) != 0) {
            continue;
        }
        if (item->steps[depth].field == field && item->steps[depth].index == index) {
            return item->depth == depth + 1 ? REACH_SELF : REACH_BELOW;
        }
    }
    return REACH_NONE;
}

/* ---- rows ---- */

/* Variables that differ in their labels only. */
static int same_but_label(const pencl_variable *a, const pencl_variable *b)
{
    const pn_spec *x = pn_variable_spec(a);
    const pn_spec *y = pn_variable_spec(b);
    return pencl_variable_kind_of(a) == pencl_variable_kind_of(b) &&
           pencl_variable_form_of(a) == pencl_variable_form_of(b) &&
           (x == NULL || y == NULL ? x == y : pn_spec_equal(x, y));
}

/* Child `next` of the attribute may share the line of child `first`. */
static bool
folds(const printer *p, int depth, const pencl_attribute *a, int field, int first, int next)
{
    return p->fold == PN_FOLD && a->layers != NULL &&
           reach_of(p, depth, field, first) == REACH_NONE &&
           reach_of(p, depth, field, next) == REACH_NONE &&
           pn_layer_same(a->layers[first], a->layers[next], same_but_label);
}

/* The row after `r` ({0} is before the first); false after the last. */
static bool next_row(row *r, const printer *p, const pencl_layer *layer, int depth)
{
    int n_fields = 0;
    const pencl_attribute *fields = pencl_layer_attributes(layer, &n_fields);
    r->first += r->count;
    for (; r->attribute < n_fields; r->attribute++, r->first = 0) {
        const pencl_attribute *a = &fields[r->attribute];
        int n = a->kind == PENCL_FIELD_VARIABLE ? 1 : a->layers != NULL ? a->n : 0;
        if (r->first >= n) {
            continue;
        }
        r->count = 1;
        while (r->first + r->count < n &&
               folds(p, depth, a, r->attribute, r->first, r->first + r->count)) {
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
    int n = 0;
    const pencl_attribute *a = pencl_layer_attributes(layer, &n);
    pn_text_add(out, "%s", pencl_layer_type_of(layer)->name);
    for (int i = 0; i < n; i++) {
        if (a[i].kind == PENCL_FIELD_NUMBER) {
            pn_text_add(out, " %s=%.9g", a[i].name, a[i].number);
        } else if (a[i].kind == PENCL_FIELD_TEXT) {
            pn_text_add(out, " %s=\"%s\"", a[i].name, a[i].text);
        } else if (a[i].kind == PENCL_FIELD_AXES) {
            add_axes(out, &a[i]);
        }
    }
    pn_text_add(out, "\n");
}

static void add_node(printer *p, pencl_node node, reach at)
{
    bool marked = at == REACH_SELF && p->show == PENCL_SHOW_SELECTION;
    pn_text_add(p->out, marked ? " * " : " ");
    if (node.layer != NULL) {
        add_head(p->out, node.layer);
    } else {
        pn_variable_print(p->out, node.variable);
        pn_text_add(p->out, "\n");
    }
}

static void add_rows(printer *p, const pencl_layer *layer, const level *outer)
{
    int depth = outer != NULL ? outer->depth + 1 : 0;
    row next = {0};
    bool more = next_row(&next, p, layer, depth);
    while (more) {
        row r = next;
        int n = 0;
        const pencl_attribute *a = &pencl_layer_attributes(layer, &n)[r.attribute];
        pencl_node node = pn_layer_child_at(layer, r.attribute, r.first);
        reach at = reach_of(p, depth, r.attribute, r.first);
        more = next_row(&next, p, layer, depth);
        add_indent(p->out, outer);
        pn_text_add(p->out, "%s .%s", more ? "├─" : "└─", a->name);
        if (r.count > 1) {
            pn_text_add(p->out, "[%d..%d] %d x", r.first, r.first + r.count - 1, r.count);
        } else if (a->kind == PENCL_FIELD_LAYERS) {
            pn_text_add(p->out, "[%d]", r.first);
        }
        add_node(p, node, at);
        if (node.layer != NULL && (p->shown == NULL || at == REACH_BELOW)) {
            level here = {outer, depth, !more};
            if (p->shown != NULL) {
                p->steps[depth] = (pn_step){r.attribute, r.first};
            }
            add_rows(p, node.layer, &here);
        }
    }
}

void pn_layer_print(pn_text *out, const pencl_layer *layer, pn_fold fold)
{
    printer p = {.out = out, .fold = fold};
    add_head(out, layer);
    add_rows(&p, layer, NULL);
}

/* Hands the text over. */
static pencl_status give(char **out, pencl_ctx *ctx, pn_text *text)
{
    *out = text->failed ? NULL : text->data;
    if (text->failed) {
        pn_text_free(text);
        return PN_NOMEM(ctx);
    }
    return PENCL_OK;
}

pencl_status pencl_layer_print(char **out, pencl_ctx *ctx, const pencl_layer *layer)
{
    pn_error_clear(ctx);
    pn_text text = {0};
    pn_layer_print(&text, layer, PN_FOLD);
    return give(out, ctx, &text);
}

pencl_status pencl_selection_print(char **out, const pencl_selection *s, pencl_show show)
{
    *out = NULL;
    PENCL_TRY(pn_selection_settle(s));
    pn_text text = {0};
    printer p = {.out = &text, .fold = PN_FOLD, .shown = s, .show = show};
    bool whole = s->n == 1 && s->items[0].depth == 0;
    if (whole && show == PENCL_SHOW_SELECTION) {
        pn_text_add(&text, "* ");
    }
    if (s->root.layer != NULL) {
        add_head(&text, s->root.layer);
        add_rows(&p, s->root.layer, NULL);
    } else {
        pn_variable_print(&text, s->root.variable);
        pn_text_add(&text, "\n");
    }
    return give(out, s->ctx, &text);
}
