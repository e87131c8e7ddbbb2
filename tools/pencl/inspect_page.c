/* SPDX-License-Identifier: Apache-2.0 */
/* A model as one page: the tree in penzai's colours, to fold, to unfold and to search. Labels come
 * from files: all text goes through page_text. */
#include "inspect.h"
#include "inspect_assets.h"
#include "output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLORS = 64 };

typedef struct painter {
    page *p;
    const outline *o;
    pencl_color colors[MOST_COLORS];
    int n_colors;
} painter;

static void add_text(page *p, const char *text)
{
    page_text(p, text, strlen(text));
}

/* Text of the outline's functions, in an element. */
static void add_made(page *p, page *text)
{
    if (text->size > 0 && !text->failed) {
        page_add(p, " <i>");
        page_text(p, text->data, text->size);
        page_add(p, "</i>");
    }
    p->failed |= text->failed;
    free(text->data);
    *text = (page){0};
}

/* ---- colours ---- */

static pencl_color color_of(const outline_node *node)
{
    return node->layer != NULL ? pencl_layer_color(node->layer)
                               : pencl_variable_color(node->variable);
}

/* The number of the node's class; the last one serves all that are too many. */
static int class_of(const painter *d, const outline_node *node)
{
    const pencl_color c = color_of(node);
    for (int i = 0; i < d->n_colors; i++) {
        if (strcmp(d->colors[i].border, c.border) == 0 && strcmp(d->colors[i].fill, c.fill) == 0) {
            return i;
        }
    }
    return d->n_colors;
}

static void add_colors(painter *d)
{
    page_add(d->p, "<style>");
    for (int i = 0; i < d->o->n && d->n_colors < MOST_COLORS; i++) {
        if (class_of(d, &d->o->nodes[i]) == d->n_colors) {
            const pencl_color c = color_of(&d->o->nodes[i]);
            page_add(d->p, ".c%d{--b:%s;--f:%s}\n", d->n_colors, c.border, c.fill);
            d->colors[d->n_colors++] = c;
        }
    }
    page_add(d->p, "</style>\n");
}

/* ---- nodes ---- */

static void add_bytes(page *p, uint64_t bytes)
{
    char text[32];
    if (bytes > 0) {
        page_add(p, " <s>%s</s>", bytes_text(text, sizeof text, bytes));
    }
}

/* What is on the line of a node. */
static void add_line(const painter *d, const outline_node *node)
{
    page text = {0};
    const char *type = outline_type(node);
    page_add(d->p, "<a tabindex=\"0\">");
    add_text(d->p, node->path + node->key);
    page_add(d->p, "</a> <b>");
    add_text(d->p, type);
    page_add(d->p, "</b>");
    if (node->layer != NULL) {
        outline_fields(&text, node->layer, true);
    } else {
        page_add(d->p, " <u>");
        add_text(d->p, pencl_variable_label(node->variable));
        page_add(d->p, "</u>");
        outline_shape(&text, node->variable);
    }
    add_made(d->p, &text);
    if (node->shared >= 0) {
        page_add(d->p, " <s>shared with ");
        add_text(d->p, d->o->nodes[node->shared].path);
        page_add(d->p, "</s>");
    }
    add_bytes(d->p, node->bytes);
}

static void add_node(const painter *d, int i);

static void add_inside(const painter *d, int i)
{
    const outline *o = d->o;
    for (int k = o->nodes[i].end > i + 1 ? i + 1 : -1; k >= 0;) {
        int n = o->nodes[k].equal;
        int after = outline_next(o, k, true);
        if (n > 1) {
            const char *key = o->nodes[k].path + o->nodes[k].key;
            page_add(d->p, "<details class=\"g\"><summary>%.*s[%d..%d] <b>%d x ",
                     (int)strcspn(key, "["), key, atoi(key + strcspn(key, "[") + 1),
                     atoi(key + strcspn(key, "[") + 1) + n - 1, n);
            add_text(d->p, outline_type(&o->nodes[k]));
            page_add(d->p, "</b>");
            add_bytes(d->p, o->nodes[k].bytes * (uint64_t)n);
            page_add(d->p, "</summary>\n");
        }
        for (int same = k; same >= 0 && same != after; same = outline_next(o, same, false)) {
            add_node(d, same);
        }
        page_add(d->p, "%s", n > 1 ? "</details>\n" : "");
        k = after;
    }
}

static void add_node(const painter *d, int i)
{
    const outline_node *node = &d->o->nodes[i];
    const char *mark = node->selected ? " sel" : "";
    if (node->end == i + 1) {
        page_add(d->p, "<div class=\"n c%d%s\">", class_of(d, node), mark);
        add_line(d, node);
        page_add(d->p, "</div>\n");
        return;
    }
    page_add(d->p, "<details class=\"n c%d%s\"%s><summary>", class_of(d, node), mark,
             node->opens || i == 0 ? " open" : "");
    add_line(d, node);
    page_add(d->p, "</summary>\n");
    add_inside(d, i);
    page_add(d->p, "</details>\n");
}

/* What each type computes, once. */
static void add_formulas(const painter *d)
{
    page_add(d->p, "<details id=\"docs\"><summary>What the layers compute</summary><dl>\n");
    for (int i = 0; i < d->o->n; i++) {
        const pencl_layer *layer = d->o->nodes[i].layer;
        const char *doc = layer != NULL ? pencl_layer_type_of(layer)->doc : NULL;
        bool first = doc != NULL;
        for (int k = 0; first && k < i; k++) {
            first = d->o->nodes[k].layer == NULL ||
                    pencl_layer_type_of(d->o->nodes[k].layer) != pencl_layer_type_of(layer);
        }
        if (first) {
            page_add(d->p, "<dt>");
            add_text(d->p, outline_type(&d->o->nodes[i]));
            page_add(d->p, "</dt><dd>");
            add_text(d->p, doc);
            page_add(d->p, "</dd>\n");
        }
    }
    page_add(d->p, "</dl></details>\n");
}

static void add_summary(page *p, const work *w, const outline *o)
{
    static summary_line lines[SUMMARY_LINES];
    summary_make(lines, w, o);
    page_add(p, "<table>\n");
    for (int i = 0; i < SUMMARY_LINES; i++) {
        page_add(p, "<tr><th>%s</th><td>", lines[i].name);
        add_text(p, lines[i].text);
        page_add(p, "</td></tr>\n");
    }
    page_add(p, "</table>\n");
}

void outline_page(page *to, const outline *o)
{
    painter d = {.p = to, .o = o};
    add_colors(&d);
    page_add(to, "%s<div id=\"tree\">\n", inspect_bar);
    add_node(&d, 0);
    page_add(to, "</div>\n");
    add_formulas(&d);
    page_add(to, "<script>%s</script>\n", inspect_script);
}

int inspect_page(const work *w, const outline *o, const char *path)
{
    page p = {0};
    const pencl_model_info *info = pencl_model_describe(w->model);
    const char *name = info->name[0] != '\0' ? info->name : info->path;
    page_begin(&p, name, inspect_style);
    page_add(&p, "<h1>");
    add_text(&p, name);
    page_add(&p, "</h1>\n");
    add_summary(&p, w, o);
    outline_page(&p, o);
    page_end(&p);
    return page_save(&p, path);
}
