/* SPDX-License-Identifier: Apache-2.0 */
/* From a tree of layers to a list of nodes. */
#include "outline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct maker {
    outline *o;
    page path; /* of the node at hand */
    bool failed;
} maker;

/* ---- laying out ---- */

static int add(maker *m, int parent, size_t key)
{
    outline *o = m->o;
    if (o->n == o->room) {
        int room = 2 * o->room + 64;
        outline_node *nodes = realloc(o->nodes, (size_t)room * sizeof *nodes);
        m->failed |= nodes == NULL;
        if (nodes == NULL) {
            return -1;
        }
        o->nodes = nodes;
        o->room = room;
    }
    char *path = strdup(m->path.data);
    m->failed |= path == NULL || m->path.failed;
    o->nodes[o->n] = (outline_node){
        .path = path, .key = key, .parent = parent, .end = o->n + 1, .equal = 1, .shared = -1};
    return o->n++;
}

/* The first node with the variable, before node i; -1: none. */
static int find_variable(const outline *o, const pencl_variable *v, int i)
{
    for (int k = 0; k < i; k++) {
        if (o->nodes[k].variable == v) {
            return k;
        }
    }
    return -1;
}

static void lay_out(maker *m, pencl_node node, int parent, size_t key)
{
    int at = add(m, parent, key);
    if (at < 0) {
        return;
    }
    if (node.variable != NULL) {
        outline_node *o = &m->o->nodes[at];
        o->variable = node.variable;
        o->shared = find_variable(m->o, node.variable, at);
        o->bytes = o->shared < 0 ? pencl_variable_bytes(node.variable) : 0;
        return;
    }
    m->o->nodes[at].layer = node.layer;
    int n = pencl_layer_flatten(node.layer, NULL, 0);
    pencl_node *children = calloc((size_t)n + 1, sizeof *children);
    pencl_key *keys = calloc((size_t)n + 1, sizeof *keys);
    m->failed |= children == NULL || keys == NULL;
    n = m->failed ? 0 : pencl_layer_flatten_with_keys(node.layer, children, keys, n);
    size_t size = m->path.size;
    for (int i = 0; i < n; i++) {
        char text[256];
        pencl_key_print(text, sizeof text, &keys[i]);
        page_add(&m->path, "%s", text);
        int child = m->o->n;
        lay_out(m, children[i], at, size);
        m->o->nodes[at].bytes += child < m->o->n ? m->o->nodes[child].bytes : 0;
        m->path.size = size;
        m->path.data[size] = '\0';
    }
    m->o->nodes[at].end = m->o->n;
    free(children);
    free(keys);
}

/* ---- neighbours ---- */

static bool same_field(const pencl_attribute *a, const pencl_attribute *b)
{
    if (a->kind == PENCL_FIELD_TEXT) {
        return a->text == b->text || (a->text && b->text && strcmp(a->text, b->text) == 0);
    }
    if (a->kind == PENCL_FIELD_NUMBER) {
        return memcmp(&a->number, &b->number, sizeof a->number) == 0; /* also of NaN */
    }
    bool same = a->n == b->n;
    for (int i = 0; a->kind == PENCL_FIELD_AXES && same && i < a->n; i++) {
        same = a->axes[i].size == b->axes[i].size && strcmp(a->axes[i].name, b->axes[i].name) == 0;
    }
    return same;
}

static bool same_layer(const pencl_layer *a, const pencl_layer *b)
{
    int n = 0;
    int m = 0;
    const pencl_attribute *x = pencl_layer_attributes(a, &n);
    const pencl_attribute *y = pencl_layer_attributes(b, &m);
    bool same = pencl_layer_type_of(a) == pencl_layer_type_of(b) && n == m;
    for (int i = 0; same && i < n; i++) {
        same = same_field(&x[i], &y[i]);
    }
    return same;
}

static bool same_shape(const pencl_variable *a, const pencl_variable *b)
{
    int n = pencl_variable_n_axes(a);
    bool same = n == pencl_variable_n_axes(b) &&
                pencl_variable_dtype(a) == pencl_variable_dtype(b) &&
                strcmp(pencl_variable_type_name(a), pencl_variable_type_name(b)) == 0;
    for (int i = 0; same && i < n; i++) {
        const pencl_axis *x = pencl_variable_axis(a, i);
        const pencl_axis *y = pencl_variable_axis(b, i);
        same = x->size == y->size && strcmp(x->name, y->name) == 0;
    }
    return same;
}

/* Both with all that is inside differ in labels only; what is selected is like nothing else. */
static bool alike(const outline *o, int a, int b)
{
    int n = o->nodes[a].end - a;
    if (o->nodes[b].end - b != n) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        const outline_node *x = &o->nodes[a + i];
        const outline_node *y = &o->nodes[b + i];
        bool marked = x->selected || y->selected;
        if (marked || x->end - a != y->end - b || (x->layer == NULL) != (y->layer == NULL) ||
            !(x->layer != NULL ? same_layer(x->layer, y->layer)
                               : same_shape(x->variable, y->variable))) {
            return false;
        }
    }
    return true;
}

static int next_sibling(const outline *o, int i)
{
    int next = o->nodes[i].end;
    return o->nodes[i].parent >= 0 && next < o->nodes[o->nodes[i].parent].end ? next : -1;
}

/* Neighbours of one list, that is, with one name in front of the index. */
static bool same_list(const outline *o, int a, int b)
{
    const char *x = o->nodes[a].path + o->nodes[a].key;
    const char *y = o->nodes[b].path + o->nodes[b].key;
    const char *end = strchr(x, '[');
    return end != NULL && strncmp(x, y, (size_t)(end - x) + 1) == 0;
}

static void find_equals(outline *o)
{
    for (int i = 0; i < o->n; i++) {
        int last = i;
        if (o->nodes[i].equal == 0) {
            continue;
        }
        for (int k = next_sibling(o, i); k >= 0 && same_list(o, i, k) && alike(o, last, k);
             k = next_sibling(o, k)) {
            o->nodes[i].equal++;
            o->nodes[k].equal = 0;
            last = k;
        }
    }
}

/* ---- selections ---- */

static pencl_status mark(outline *o, pencl_ctx *ctx, pencl_layer *body, const char *text)
{
    pencl_selection *s = pencl_select_text(ctx, body, text);
    pencl_layer *same = NULL;
    pencl_status st = pencl_selection_deselect(&same, s); /* the first error of the text */
    pencl_layer_free(same);
    for (int i = 0; st == PENCL_OK && i < o->n; i++) {
        if (!o->nodes[i].selected && pencl_selection_find(s, o->nodes[i].path) >= 0) {
            o->nodes[i].selected = true;
            o->n_selected++;
            o->selected_bytes += o->nodes[i].bytes;
            for (int up = o->nodes[i].parent; up >= 0; up = o->nodes[up].parent) {
                o->nodes[up].opens = true;
            }
        }
    }
    pencl_selection_free(s);
    return st;
}

/* ---- for all ---- */

pencl_status
outline_make(outline *o, pencl_ctx *ctx, pencl_layer *body, const char *const select[], size_t n)
{
    maker m = {.o = o};
    page_add(&m.path, "%s", "");
    if (!m.path.failed) {
        lay_out(&m, pencl_layer_node(body), -1, 0);
    }
    bool failed = m.failed || m.path.failed;
    free(m.path.data);
    if (failed) {
        return PENCL_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        PENCL_TRY(mark(o, ctx, body, select[i]));
    }
    find_equals(o);
    return PENCL_OK;
}

void outline_free(outline *o)
{
    for (int i = 0; i < o->n; i++) {
        free(o->nodes[i].path);
    }
    free(o->nodes);
    *o = (outline){0};
}

int outline_next(const outline *o, int i, bool fold)
{
    int n = fold ? o->nodes[i].equal : 1;
    for (; i >= 0 && n > 0; n--) {
        i = next_sibling(o, i);
    }
    return i;
}

const char *outline_type(const outline_node *node)
{
    return node->layer != NULL ? pencl_layer_type_of(node->layer)->name
                               : pencl_variable_type_name(node->variable);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

void outline_fields(page *to, const pencl_layer *layer, bool all)
{
    int n = 0;
    const pencl_attribute *a = pencl_layer_attributes(layer, &n);
    const char *space = "";
    for (int i = 0; i < n; i++) {
        bool usual = (ends_with(a[i].name, "_axis") && strcmp(a[i].name, "stack_axis") != 0) ||
                     ends_with(a[i].name, "_input_name") ||
                     strcmp(a[i].name, "masked_out_value") == 0;
        if (usual && !all) {
            continue;
        }
        if (a[i].kind == PENCL_FIELD_NUMBER) {
            page_add(to, "%s%s=%.7g", space, a[i].name, a[i].number);
        } else if (a[i].kind == PENCL_FIELD_TEXT) {
            page_add(to, "%s%s=\"%s\"", space, a[i].name, a[i].text != NULL ? a[i].text : "");
        } else if (a[i].kind == PENCL_FIELD_AXES) {
            page_add(to, "%s%s={", space, a[i].name);
            for (int k = 0; k < a[i].n; k++) {
                page_add(to, "%s%s", k > 0 ? ", " : "", a[i].axes[k].name);
                if (a[i].axes[k].size > 0) {
                    page_add(to, ":%" PRId64, a[i].axes[k].size);
                }
            }
            page_add(to, "}");
        } else {
            continue;
        }
        space = " ";
    }
}

void outline_shape(page *to, const pencl_variable *v)
{
    page_add(to, "%s(|",
             pencl_variable_n_axes(v) < 0 ? "?" : pencl_dtype_name(pencl_variable_dtype(v)));
    for (int i = 0; i < pencl_variable_n_axes(v); i++) {
        const pencl_axis *axis = pencl_variable_axis(v, i);
        page_add(to, "%s %s:%" PRId64, i > 0 ? "," : "", axis->name, axis->size);
    }
    page_add(to, ")");
}
