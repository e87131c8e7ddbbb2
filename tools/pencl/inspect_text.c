/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of layers on a terminal. */
#include "inspect.h"
#include "output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which of the lines around a node go on below it: one for each level, innermost first. */
typedef struct level {
    const struct level *outer;
    bool last;
} level;

typedef struct tree {
    const outline *o;
    bool all;
} tree;

typedef enum style { PLAIN, DIM, BOLD, GREEN, MARKED } style;

static void print_styled(style s, const char *text)
{
    static const char *const codes[] = {"0", "2", "1", "32", "30;43"};
    if (s != PLAIN && colours()) {
        printf("\033[%sm%s\033[0m", codes[s], text);
    } else {
        fputs(text, stdout);
    }
}

static void print_indent(const level *at)
{
    if (at != NULL) {
        print_indent(at->outer);
        print_styled(DIM, at->last ? "   " : "│  ");
    }
}

/* Text of the outline's functions. */
static void print_text(page *text, style s)
{
    if (!text->failed && text->size > 0) {
        putchar(' ');
        print_styled(s, text->data);
    }
    free(text->data);
    *text = (page){0};
}

/* A line below says the same number. */
static bool is_said_below(const tree *t, const outline_node *node)
{
    int i = (int)(node - t->o->nodes);
    if (node->layer == NULL || (t->o->n_selected > 0 && !node->opens)) {
        return false;
    }
    for (int k = node->end > i + 1 ? i + 1 : -1; k >= 0; k = outline_next(t->o, k, false)) {
        if (t->o->nodes[k].bytes == node->bytes) {
            return true;
        }
    }
    return false;
}

static void print_node(const tree *t, const outline_node *node)
{
    char size[32];
    page text = {0};
    print_styled(node->selected ? MARKED : BOLD, outline_type(node));
    if (node->layer != NULL) {
        outline_fields(&text, node->layer, t->all);
        print_text(&text, PLAIN);
    } else {
        printf(" \"");
        print_styled(GREEN, pencl_variable_label(node->variable));
        printf("\"");
        outline_shape(&text, node->variable);
        print_text(&text, PLAIN);
    }
    if (node->shared >= 0) {
        printf(" shared with %s", t->o->nodes[node->shared].path);
    } else if (node->bytes > 0 && !is_said_below(t, node)) {
        uint64_t all = node->bytes * (uint64_t)(node->equal > 1 && !t->all ? node->equal : 1);
        printf("  %s", bytes_text(size, sizeof size, all));
    }
    putchar('\n');
}

/* The name of a node in its layer, with the range and the number of those that share its line. */
static void print_key(const tree *t, int i, int shown)
{
    const outline_node *node = &t->o->nodes[i];
    const char *key = node->path + node->key;
    char text[300];
    snprintf(text, sizeof text, "%s ", key);
    if (shown > 1) {
        const char *open = strchr(key, '[');
        int first = open != NULL ? atoi(open + 1) : 0;
        snprintf(text, sizeof text, "%.*s[%d..%d] %d x ", (int)(open != NULL ? open - key : 0), key,
                 first, first + shown - 1, shown);
    }
    print_styled(DIM, text);
}

static void print_inside(const tree *t, int i, const level *outer)
{
    const outline *o = t->o;
    bool closed = o->n_selected > 0 && !o->nodes[i].opens;
    int next = -1;
    for (int k = closed || o->nodes[i].end == i + 1 ? -1 : i + 1; k >= 0; k = next) {
        next = outline_next(o, k, !t->all);
        level here = {outer, next < 0};
        print_indent(outer);
        print_styled(DIM, next < 0 ? "└─ " : "├─ ");
        print_key(t, k, t->all ? 1 : o->nodes[k].equal);
        print_styled(MARKED, o->nodes[k].selected ? "*" : "");
        fputs(o->nodes[k].selected ? " " : "", stdout);
        print_node(t, &o->nodes[k]);
        print_inside(t, k, &here);
    }
}

void inspect_tree(const outline *o, bool all)
{
    const tree t = {o, all};
    char size[32];
    fputs(o->nodes[0].selected ? "* " : "", stdout);
    print_node(&t, &o->nodes[0]);
    print_inside(&t, 0, NULL);
    if (o->n_selected > 0) {
        printf("\n%d selected%s%s\n", o->n_selected, o->selected_bytes > 0 ? ", " : "",
               o->selected_bytes > 0 ? bytes_text(size, sizeof size, o->selected_bytes) : "");
    }
}
