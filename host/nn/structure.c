/* SPDX-License-Identifier: Apache-2.0 */
/* Structures that values must have: all that does not fit is reported together. */
#include "nn/structure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static const char *skip(const char *p)
{
    return p + strspn(p, " ");
}

/* A word up to a space or one of the signs of the language. */
static bool read_word(char out[PENCL_AXIS_NAME_MAX], const char **at)
{
    const char *p = skip(*at);
    size_t n = strcspn(p, " ,:{}()*");
    if (n == 0 || n >= PENCL_AXIS_NAME_MAX) {
        return false;
    }
    pn_copy(out, n + 1, p);
    *at = skip(p + n);
    return true;
}

static bool read_sign(const char **at, const char *sign)
{
    const char *p = skip(*at);
    size_t n = strlen(sign);
    if (strncmp(p, sign, n) != 0) {
        return false;
    }
    *at = skip(p + n);
    return true;
}

void pn_pattern_add(pn_pattern *p, const char *axis, const char *variable, int64_t size)
{
    pn_pattern_axis *a = &p->axes[p->n++];
    pn_copy(a->name, sizeof a->name, axis);
    pn_copy(a->variable, sizeof a->variable, variable);
    a->size = size;
}

/* "embedding:8", "heads:h", "seq:*" */
static bool read_axis(pn_pattern *p, const char **at)
{
    char name[PENCL_AXIS_NAME_MAX];
    char size[PENCL_AXIS_NAME_MAX];
    if (p->n == PENCL_MAX_AXES || !read_word(name, at) || !read_sign(at, ":")) {
        return false;
    }
    if (read_sign(at, "*")) {
        pn_pattern_add(p, name, "", -1);
        return true;
    }
    if (!read_word(size, at)) {
        return false;
    }
    char *end = NULL;
    long long number = strtoll(size, &end, 10);
    bool is_number = *end == '\0' && number >= 0;
    pn_pattern_add(p, name, is_number ? "" : size, is_number ? number : -1);
    return true;
}

static bool read_class(pn_pattern *p, const char **at)
{
    char word[PENCL_AXIS_NAME_MAX];
    if (!read_word(word, at)) {
        return true; /* none */
    }
    p->dtype_class = strcmp(word, "floating") == 0 ? PN_CLASS_FLOATING : PN_CLASS_INTEGER;
    return strcmp(word, "floating") == 0 || strcmp(word, "integer") == 0;
}

static bool read_pattern(pn_pattern *p, const char **at)
{
    *p = (pn_pattern){0};
    if (!read_sign(at, "{")) {
        return false;
    }
    if (read_sign(at, "}")) {
        return read_class(p, at);
    }
    do {
        bool rest = read_sign(at, "**");
        if (rest ? p->rest[0] != '\0' || !read_word(p->rest, at) : !read_axis(p, at)) {
            return false;
        }
    } while (read_sign(at, ","));
    return read_sign(at, "}") && read_class(p, at);
}

bool pn_structure_parse(pn_structure *out, const char *text)
{
    const char *at = text;
    *out = (pn_structure){0};
    out->is_tuple = read_sign(&at, "(");
    do {
        if (out->n == PN_MAX_PATTERNS || !read_pattern(&out->patterns[out->n++], &at)) {
            return false;
        }
    } while (out->is_tuple && read_sign(&at, ","));
    return (!out->is_tuple || read_sign(&at, ")")) && *skip(at) == '\0';
}

/* ---- checking ---- */

static void add_pattern(pn_text *out, const pn_pattern *p)
{
    const char *comma = "";
    pn_text_add(out, "{");
    if (p->rest[0] != '\0') {
        pn_text_add(out, "**%s", p->rest);
        comma = ", ";
    }
    for (int i = 0; i < p->n; i++, comma = ", ") {
        const pn_pattern_axis *a = &p->axes[i];
        if (a->variable[0] != '\0') {
            pn_text_add(out, "%s%s:%s", comma, a->name, a->variable);
        } else if (a->size < 0) {
            pn_text_add(out, "%s%s:*", comma, a->name);
        } else {
            pn_text_add(out, "%s%s:%" PRId64, comma, a->name, a->size);
        }
    }
    pn_text_add(out, "}");
}

/* What is wrong with one value's axes. */
typedef struct complaint {
    pn_text text;
    pencl_status status; /* of the first */
} complaint;

static void complain(complaint *c, pencl_status status, const char *fmt, ...) PN_PRINTF(3, 4);

static void complain(complaint *c, pencl_status status, const char *fmt, ...)
{
    char what[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    pn_text_add(&c->text, "%s%s", c->text.size > 0 ? "; " : "", what);
    c->status = c->status != PENCL_OK ? c->status : status;
}

/* The size that an axis must have: that of its variable, which stands for `got` from now on if it
 * is new. -1: any. */
static int64_t expected_size(pn_check *c, const pn_pattern_axis *axis, int64_t got)
{
    if (axis->variable[0] == '\0') {
        return axis->size;
    }
    for (int i = 0; i < c->n_sizes; i++) {
        if (strcmp(c->sizes[i].variable, axis->variable) == 0) {
            return c->sizes[i].size;
        }
    }
    if (c->n_sizes < (int)PN_COUNT(c->sizes)) {
        pn_copy(c->sizes[c->n_sizes].variable, PENCL_AXIS_NAME_MAX, axis->variable);
        c->sizes[c->n_sizes++].size = got;
    }
    return got;
}

static void
check_axis(complaint *out, pn_check *c, const pn_spec *spec, const pn_pattern_axis *axis)
{
    int at = pn_spec_find(spec, axis->name);
    if (at < 0) {
        complain(out, PENCL_E_AXIS, "axis '%s': expected to be present but was missing",
                 axis->name);
        return;
    }
    int64_t got = spec->axes[at].size;
    int64_t want = expected_size(c, axis, got);
    if (want >= 0 && got != want) {
        complain(out, PENCL_E_SHAPE,
                 "axis '%s': actual size %" PRId64 " does not match expected %" PRId64, axis->name,
                 got, want);
    }
}

/* The axes that the pattern does not name. */
static pn_spec rest_of(const pn_spec *spec, const pn_pattern *p)
{
    pn_spec rest = {.dtype = PENCL_F32}; /* dtypes are checked apart */
    for (int i = 0; i < spec->n_axes; i++) {
        bool named = false;
        for (int k = 0; k < p->n; k++) {
            named |= strcmp(p->axes[k].name, spec->axes[i].name) == 0;
        }
        if (!named) {
            pn_spec_push(&rest, spec->axes[i].name, spec->axes[i].size);
        }
    }
    return rest;
}

static void add_axes(pn_text *out, const pn_spec *spec)
{
    pn_text_add(out, "{");
    for (int i = 0; i < spec->n_axes; i++) {
        pn_text_add(out, "%s%s:%" PRId64, i > 0 ? ", " : "", spec->axes[i].name,
                    spec->axes[i].size);
    }
    pn_text_add(out, "}");
}

/* The rest's variable stands for these axes from now on, or for the same as before. */
static void check_rest(complaint *out, pn_check *c, const pn_pattern *p, const pn_spec *rest)
{
    for (int i = 0; i < c->n_rests; i++) {
        const pn_spec *known = &c->rests[i].axes;
        if (strcmp(c->rests[i].variable, p->rest) != 0) {
            continue;
        }
        if (!pn_spec_same_axes(known, rest)) {
            pn_text text = {0};
            pn_text_add(&text, "**%s was ", p->rest);
            add_axes(&text, known);
            pn_text_add(&text, ", here it is ");
            add_axes(&text, rest);
            complain(out, PENCL_E_AXIS, "%s", pn_text_get(&text));
            pn_text_free(&text);
        }
        return;
    }
    if (c->n_rests < (int)PN_COUNT(c->rests)) {
        pn_copy(c->rests[c->n_rests].variable, PENCL_AXIS_NAME_MAX, p->rest);
        c->rests[c->n_rests++].axes = *rest;
    }
}

static void check_axes(complaint *out, pn_check *c, const pn_spec *spec, const pn_pattern *p)
{
    for (int i = 0; i < p->n; i++) {
        check_axis(out, c, spec, &p->axes[i]);
    }
    pn_spec rest = rest_of(spec, p);
    for (int i = 0; i < rest.n_axes; i++) {
        const char *name = rest.axes[i].name;
        if (name[0] == '\0') {
            complain(out, PENCL_E_AXIS, "positional axes are not expected");
            return;
        }
        if (p->rest[0] == '\0') {
            complain(out, PENCL_E_AXIS, "axis '%s': not expected", name);
        }
    }
    if (p->rest[0] != '\0') {
        check_rest(out, c, p, &rest);
    }
}

/* Adds what is wrong at a place, and keeps the first status. */
static void note(pn_check *c, pencl_status status, const char *where, const char *what)
{
    pn_text_add(&c->wrong, "%sat %s: %s", c->wrong.size > 0 ? "; " : "", where, what);
    c->status = c->status != PENCL_OK ? c->status : status;
}

void pn_check_value(pn_check *c, const char *where, const pencl_value *x, const pn_pattern *p)
{
    if (x->items != NULL) {
        note(c, PENCL_E_ARITY, where, "a tuple is not expected");
        return;
    }
    const pn_spec *spec = &x->view.spec;
    complaint axes = {0};
    check_axes(&axes, c, spec, p);
    pn_text text = {0};
    if (axes.status != PENCL_OK) {
        pn_text_add(&text, "named shape mismatch between value ");
        pn_spec_print(&text, spec);
        pn_text_add(&text, " and pattern ");
        add_pattern(&text, p);
        pn_text_add(&text, ": %s", pn_text_get(&axes.text));
        note(c, axes.status, where, pn_text_get(&text));
    }
    pn_text_free(&text);
    pn_text_free(&axes.text);
    bool integer = spec->dtype == PENCL_I32;
    if (p->dtype_class != PN_CLASS_ANY && integer != (p->dtype_class == PN_CLASS_INTEGER)) {
        char what[128];
        snprintf(what, sizeof what, "value has the wrong dtype: expected %s but got %s",
                 integer ? "floating" : "integer", pn_dtype_of(spec->dtype)->label);
        note(c, PENCL_E_DTYPE, where, what);
    }
}

void pn_check_structure(pn_check *c, const pencl_value *x, const pn_structure *s)
{
    int n = x->items != NULL ? x->n_items : 0;
    if (!s->is_tuple) {
        pn_check_value(c, "root", x, &s->patterns[0]);
        return;
    }
    if (n != s->n) {
        char what[64];
        snprintf(what, sizeof what, "%d values are expected, got %d", s->n, n > 0 ? n : 1);
        note(c, PENCL_E_ARITY, "root", what);
        return;
    }
    for (int i = 0; i < n; i++) {
        char where[24];
        snprintf(where, sizeof where, "root[%d]", i);
        pn_check_value(c, where, x->items[i], &s->patterns[i]);
    }
}

bool pn_check_end(pn_check *c, pencl_graph *graph, const char *prefix)
{
    bool ok = c->status == PENCL_OK;
    if (!ok) {
        pn_graph_fail(graph, c->status, "%smismatch while checking structures: %s", prefix,
                      pn_text_get(&c->wrong));
    }
    pn_text_free(&c->wrong);
    c->status = PENCL_OK;
    return ok;
}
