/* SPDX-License-Identifier: Apache-2.0 */
/* What is said when a step of a text selects nothing: the nearest name that there is. */
#include "nn/select_text.h"

#include <string.h>

enum { MOST_NAMES = 256, MOST_LISTED = 12 };

/* Distinct names, in the order of first occurrence; texts are the arena's. */
typedef struct names {
    pn_arena *arena;
    int n;
    const char *names[MOST_NAMES];
} names;

static void add_name(names *list, const char *name)
{
    for (int i = 0; i < list->n; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return;
        }
    }
    const char *copy = list->n < MOST_NAMES ? pn_arena_print(list->arena, "%s", name) : NULL;
    if (copy != NULL) {
        list->names[list->n++] = copy;
    }
}

/* "did you mean X?", else "there are A, B, C". */
static void add_advice(pn_text *out, const names *list, const char *wanted)
{
    const char *nearest = pn_nearest(wanted, list->names, (size_t)list->n);
    if (nearest != NULL) {
        pn_text_add(out, "; did you mean %s?", nearest);
        return;
    }
    for (int i = 0; i < list->n && i < MOST_LISTED; i++) {
        pn_text_add(out, "%s%s", i > 0 ? ", " : "; there are ", list->names[i]);
    }
    pn_text_add(out, "%s", list->n > MOST_LISTED ? ", ..." : "");
}

static void add_types(names *list, pencl_node node)
{
    pn_child child = {0};
    add_name(list, pn_node_type_name(node));
    while (pn_next_child(&child, node.layer)) {
        add_types(list, child.node);
    }
}

/* Records the failure with advice; frees the list. */
static void fail(pn_reader *r,
                 pencl_status status,
                 const char *at,
                 const char *what,
                 names *list,
                 const char *wanted)
{
    pn_text text = {0};
    pn_text_add(&text, "%s", what);
    add_advice(&text, list, wanted);
    pn_reader_fail(r, status, at, "%s", pn_text_get(&text));
    pn_text_free(&text);
    pn_arena_free(list->arena);
}

void pn_fail_no_type(pn_reader *r, const char *at, const char *type)
{
    names list = {.arena = pn_arena_new()};
    pn_text what = {0};
    for (int i = 0; list.arena != NULL && i < r->before->n; i++) {
        add_types(&list, r->before->items[i].node);
    }
    pn_text_add(&what, "no %s is inside of the %d selected node%s", type, r->before->n,
                r->before->n == 1 ? "" : "s");
    fail(r, PENCL_E_ARG, at, pn_text_get(&what), &list, type);
    pn_text_free(&what);
}

void pn_fail_no_field(pn_reader *r, const char *at, const char *field)
{
    names list = {.arena = pn_arena_new()};
    pn_error error = r->s->error;
    r->s->error = (pn_error){0};
    for (int i = 0; list.arena != NULL && i < r->before->n; i++) {
        pn_child child = {0};
        pencl_node node = r->before->items[i].node;
        while (pn_next_child(&child, node.layer)) {
            add_name(&list, pn_child_key(node.layer, child.field, child.index).name);
        }
    }
    if (pn_nearest(field, list.names, (size_t)list.n) == NULL || error.status != PENCL_E_FIELDS) {
        list.n = 0; /* the error itself lists the fields */
    }
    fail(r, error.status, at, error.text, &list, field);
}

void pn_fail_no_value(pn_reader *r,
                      const char *at,
                      const char *key,
                      const char *wanted,
                      pn_read_value *read,
                      void *user)
{
    names list = {.arena = pn_arena_new()};
    pn_text value = {0};
    pn_text what = {0};
    for (int i = 0; list.arena != NULL && i < r->before->n; i++) {
        pencl_place place = pn_selected_place(r->before, i);
        if (read(&value, &place, user)) {
            add_name(&list, pn_text_get(&value));
        }
    }
    pn_text_add(&what, "no selected node has a %s", key);
    if (list.n > 0) {
        pn_text_add(&what, " '%s'", wanted);
    }
    fail(r, PENCL_E_ARG, at, pn_text_get(&what), &list, wanted);
    pn_text_free(&what);
    pn_text_free(&value);
}
