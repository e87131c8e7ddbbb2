/* SPDX-License-Identifier: Apache-2.0 */
/* Selections from texts: "//Attention#1//Softmax", and TransformerLens' names. The grammar is in
 * pencl/select.h; every step is a narrowing verb. */
#include "nn/select_text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const char *text;
    const char *other; /* or NULL */
} aliases[] = {
#define ALIAS(name, text, other) {name, text, other},
#include "nn/aliases.def"
#undef ALIAS
};

/* ---- errors ---- */

bool pn_reader_failed(const pn_reader *r)
{
    return pn_selection_failed(r->s);
}

void pn_reader_fail(pn_reader *r, pencl_status status, const char *at, const char *fmt, ...)
{
    char what[700];
    char name[96] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    if (r->name != NULL) {
        snprintf(name, sizeof name, "%.80s is ", r->name);
    }
    pn_selection_fail(r->s, status, "select: %s\"%.160s\", column %d: %s", name, r->text,
                      (int)(at - r->text) + 1, what);
}

void pn_reader_fail_as(pn_reader *r, const char *at)
{
    pn_error error = r->s->error;
    r->s->error = (pn_error){0};
    pn_reader_fail(r, error.status, at, "%s", error.text);
}

/* ---- words and numbers ---- */

bool pn_read_word(pn_reader *r, char *out, size_t room, const char *what)
{
    size_t n = strspn(r->at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_|");
    if (n == 0 || n >= room) {
        pn_reader_fail(r, PENCL_E_FORMAT, r->at, "%s is expected", what);
        return false;
    }
    pn_copy(out, n + 1, r->at);
    r->at += n;
    return true;
}

/* An integer with an optional sign; false, without an error, when there is none. */
static bool read_int(pn_reader *r, int *out)
{
    const char *digits = r->at + (*r->at == '-' ? 1 : 0);
    if (*digits < '0' || *digits > '9') {
        return false;
    }
    char *end = NULL;
    long value = strtol(r->at, &end, 10);
    *out = value > INT_MAX ? INT_MAX : value < INT_MIN ? INT_MIN : (int)value;
    r->at = end;
    return true;
}

static bool read_sign(pn_reader *r, const char *sign)
{
    size_t n = strlen(sign);
    bool there = strncmp(r->at, sign, n) == 0;
    r->at += there ? n : 0;
    return there;
}

/* ---- picks: #2, #-1, #0,3,5, #2:6 ---- */

/* The index from 0, at most n if `end`; -1 with an error when there is none. */
static int index_of(pn_reader *r, const char *at, int i, bool end)
{
    int n = r->s->n;
    int from_start = i < 0 ? n + i : i;
    if (from_start < 0 || from_start >= n + (end ? 1 : 0)) {
        pn_reader_fail(r, PENCL_E_ARG, at, "number %d of %d selected nodes", i, n);
        return -1;
    }
    return from_start;
}

/* One number or range, marked in `wanted`. */
static void read_pick(pn_reader *r, bool *wanted)
{
    const char *at = r->at;
    int first = 0;
    int end = r->s->n;
    bool has_first = read_int(r, &first);
    bool range = read_sign(r, ":");
    bool has_end = range && read_int(r, &end);
    if (!has_first && !range) {
        pn_reader_fail(r, PENCL_E_FORMAT, at, "a number or a range such as 2:6 is expected");
        return;
    }
    int from = has_first ? index_of(r, at, first, range) : 0;
    int to = has_end ? index_of(r, at, end, true) : r->s->n;
    if (!range) {
        to = from + 1;
    }
    if (range && !pn_reader_failed(r) && from >= to) {
        pn_reader_fail(r, PENCL_E_ARG, at, "the range is empty");
    }
    for (int i = from; i < to && !pn_reader_failed(r); i++) {
        wanted[i] = true;
    }
}

static void read_picks(pn_reader *r)
{
    if (pn_reader_failed(r)) {
        return;
    }
    bool *wanted = pn_calloc((size_t)r->s->n + 1, sizeof *wanted);
    if (wanted == NULL) {
        pn_reader_fail(r, PENCL_E_NOMEM, r->at, "out of host memory");
        return;
    }
    r->at++; /* # */
    do {
        read_pick(r, wanted);
    } while (!pn_reader_failed(r) && read_sign(r, ","));
    if (!pn_reader_failed(r)) {
        r->s = pn_selection_keep(r->s, wanted);
    }
    pn_free(wanted);
}

/* ---- steps ---- */

static void read_types(pn_reader *r)
{
    char types[256];
    const char *at = r->at;
    if (!pn_read_word(r, types, sizeof types, "the name of a type")) {
        return;
    }
    bool inner = read_sign(r, "@inner");
    r->s = pencl_selection_at_instances_of(r->s, types, inner ? PENCL_INNERMOST : PENCL_OUTERMOST);
    if (!pn_reader_failed(r) && r->s->n == 0) {
        pn_fail_no_type(r, at, types);
    }
}

/* True when the selected nodes have no field "body": penzai's paths begin at the layer above. */
static bool is_outer_body(const pn_reader *r, const char *field)
{
    return strcmp(field, "body") == 0 && r->s->n == 1 && r->s->items[0].depth == 0 &&
           r->s->root.layer != NULL && pencl_layer_child(r->s->root.layer, field, 0) == NULL;
}

static void read_field(pn_reader *r)
{
    char field[128];
    const char *at = r->at;
    int index = 0;
    if (read_sign(r, "*")) {
        r->s = pencl_selection_at_children(r->s);
        if (!pn_reader_failed(r) && r->s->n == 0) {
            pn_reader_fail(r, PENCL_E_ARG, at, "the selected nodes have no children");
        }
        return;
    }
    if (!pn_read_word(r, field, sizeof field, "a field, or *,") || is_outer_body(r, field)) {
        return;
    }
    bool one = read_sign(r, ".");
    if (one && !read_int(r, &index)) {
        pn_reader_fail(r, PENCL_E_FORMAT, r->at, "the number of a layer in the list is expected");
        return;
    }
    r->s = one ? pencl_selection_at(r->s, field, index) : pn_selection_at_all(r->s, field);
    if (pn_reader_failed(r)) {
        pn_fail_no_field(r, at, field);
    } else if (r->s->n == 0) {
        pn_reader_fail(r, PENCL_E_ARG, at, "the list '%s' is empty", field);
    }
}

/* Remembers what is selected now, for advice when the next part selects nothing. */
static void keep_before(pn_reader *r)
{
    pencl_selection_free(r->before);
    r->before = pencl_selection_copy(r->s);
    if (pn_selection_failed(r->before)) {
        pn_reader_fail(r, PENCL_E_NOMEM, r->at, "out of host memory");
    }
}

static void read_step(pn_reader *r)
{
    keep_before(r);
    r->at++; /* / */
    if (pn_reader_failed(r)) {
        return;
    }
    if (read_sign(r, "/")) {
        read_types(r);
    } else {
        read_field(r);
    }
    while (!pn_reader_failed(r) && (*r->at == '{' || *r->at == '#')) {
        keep_before(r);
        if (*r->at == '#') {
            read_picks(r);
        } else {
            pn_read_filter(r);
        }
    }
}

/* A node's path, as selections and captures print it. */
static void read_path(pn_reader *r)
{
    char path[512];
    const char *at = r->at;
    size_t size = strcspn(at, "/@{");
    if (size >= sizeof path) {
        pn_reader_fail(r, PENCL_E_FORMAT, at, "a path of %zu bytes", size);
        return;
    }
    pn_copy(path, size + 1, at);
    r->at += size;
    size_t outer = strncmp(path, ".body", 5) == 0 && is_outer_body(r, "body") ? 5 : 0;
    if (path[outer] != '\0' && strcmp(path, ".") != 0) {
        const char *const paths[] = {path + outer};
        r->s = pencl_selection_at_multiple(r->s, paths, 1);
    }
    if (pn_reader_failed(r)) {
        pn_reader_fail_as(r, at);
    }
}

static void read_steps(pn_reader *r)
{
    if (*r->at == '.') {
        read_path(r);
    }
    while (!pn_reader_failed(r) && *r->at == '/') {
        read_step(r);
    }
    if (pn_reader_failed(r)) {
        return;
    }
    if (read_sign(r, "@before")) {
        r->s = pencl_selection_before(r->s);
    } else {
        read_sign(r, "@after");
    }
    if (*r->at != '\0') {
        pn_reader_fail(r, PENCL_E_FORMAT, r->at,
                       "a step such as //Softmax or /sublayers.3, a filter {label~...}, a number "
                       "#2 or @before is expected");
    }
}

/* What the text selects; `name` is the alias that it stands for, or NULL. */
static pencl_selection *
select_steps(pencl_ctx *ctx, pencl_layer *root, const char *text, const char *name)
{
    pn_reader r = {.s = pencl_layer_select(ctx, root), .name = name, .text = text, .at = text};
    if (!pn_reader_failed(&r)) {
        read_steps(&r);
    }
    pencl_selection_free(r.before);
    return r.s;
}

/* ---- aliases ---- */

/* Where a name has the number of a block, and its length; 0 when there is none. */
static size_t number_at(const char *name, size_t *length)
{
    static const char lead[] = "blocks.";
    size_t n = strlen(lead);
    if (strncmp(name, lead, n) != 0) {
        return 0;
    }
    *length = name[n] == '*' ? 1 : strspn(name + n, "0123456789");
    return *length > 0 && *length < 10 && name[n + *length] == '.' ? n : 0;
}

/* "#N" replaced by the number, or taken out for *. */
static void write_text(char *out, size_t room, const char *text, const char *number, size_t length)
{
    const char *mark = strstr(text, "#N");
    if (mark == NULL) {
        snprintf(out, room, "%s", text);
    } else if (number[0] == '*') {
        snprintf(out, room, "%.*s%s", (int)(mark - text), text, mark + 2);
    } else {
        snprintf(out, room, "%.*s#%.*s%s", (int)(mark - text), text, (int)length, number, mark + 2);
    }
}

static pencl_selection *
unknown_alias(pencl_ctx *ctx, pencl_layer *root, const char *name, const char *general)
{
    const char *names[PN_COUNT(aliases)];
    for (size_t i = 0; i < PN_COUNT(aliases); i++) {
        names[i] = aliases[i].name;
    }
    const char *nearest = pn_nearest(general, names, PN_COUNT(names));
    pn_reader r = {.s = pencl_layer_select(ctx, root), .text = name};
    if (r.s != NULL) {
        pn_reader_fail(&r, PENCL_E_FORMAT, name,
                       "a selection begins with / or // or is a name of TransformerLens%s%s",
                       nearest != NULL ? "; the nearest is " : "", nearest != NULL ? nearest : "");
    }
    return r.s;
}

static pencl_selection *select_alias(pencl_ctx *ctx, pencl_layer *root, const char *name)
{
    char general[64]; /* with N for the number */
    char text[256];
    size_t length = 0;
    size_t at = number_at(name, &length);
    snprintf(general, sizeof general, "%.*s%s%s", (int)at, name, at > 0 ? "N" : "",
             name + (at > 0 ? at + length : 0));
    for (size_t i = 0; i < PN_COUNT(aliases); i++) {
        if (strcmp(aliases[i].name, general) != 0) {
            continue;
        }
        write_text(text, sizeof text, aliases[i].text, name + at, length);
        pencl_selection *s = select_steps(ctx, root, text, name);
        if (!pn_selection_failed(s) || s == NULL || aliases[i].other == NULL) {
            return s;
        }
        write_text(text, sizeof text, aliases[i].other, name + at, length);
        pencl_selection *other = select_steps(ctx, root, text, name);
        bool found = !pn_selection_failed(other);
        pencl_selection_free(found ? s : other);
        return found ? other : s;
    }
    return unknown_alias(ctx, root, name, general);
}

pencl_selection *pencl_select_text(pencl_ctx *ctx, pencl_layer *root, const char *text)
{
    bool is_alias = strchr("/.@", text[0]) == NULL; /* the empty text is the root */
    return root != NULL && is_alias ? select_alias(ctx, root, text)
                                    : select_steps(ctx, root, text, NULL);
}
