/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of selections from texts: {label~"*query.weights"}, {name=gate}, {sliding_window_size=4}.
 */
#include "nn/select_text.h"

#include <stdlib.h>
#include <string.h>

typedef struct filter {
    char key[64];
    char value[256];
    bool pattern; /* ~ */
    pn_text text; /* of the node being tested */
} filter;

/* ---- what nodes have ---- */

/* A static field as text; false when the layer has none of that name. */
static bool add_field(pn_text *out, const pencl_layer *layer, const char *key)
{
    int n = 0;
    const pencl_attribute *a = pencl_layer_attributes(layer, &n);
    for (int i = 0; i < n; i++) {
        if (strcmp(a[i].name, key) != 0) {
            continue;
        }
        if (a[i].kind == PENCL_FIELD_TEXT) {
            pn_text_add(out, "%s", a[i].text);
        } else if (a[i].kind == PENCL_FIELD_NUMBER) {
            pn_text_add(out, "%.9g", a[i].number);
        }
        for (int k = 0; a[i].kind == PENCL_FIELD_AXES && k < a[i].n; k++) {
            pn_text_add(out, "%s%s", k > 0 ? " " : "", a[i].axes[k].name);
        }
        return a[i].kind == PENCL_FIELD_TEXT || a[i].kind == PENCL_FIELD_NUMBER ||
               a[i].kind == PENCL_FIELD_AXES;
    }
    return false;
}

static bool add_of_variable(pn_text *out, const pencl_variable *v, const char *key)
{
    if (strcmp(key, "label") == 0) {
        pn_text_add(out, "%s", pencl_variable_label(v));
        return true;
    }
    if (strcmp(key, "dtype") == 0 && pn_variable_spec(v) != NULL) {
        pn_text_add(out, "%s", pencl_dtype_name(pencl_variable_dtype(v)));
        return true;
    }
    return false;
}

/* What the node has under the filter's key; false when it has nothing. */
static bool read_value(pn_text *out, const pencl_place *place, void *user)
{
    const char *key = ((const filter *)user)->key;
    pn_text_cut(out, 0);
    if (strcmp(key, "path") == 0) {
        pn_text_add(out, "%s", place->path);
        return true;
    }
    if (strcmp(key, "type") == 0) {
        pn_text_add(out, "%s", pn_node_type_name(place->node));
        return true;
    }
    return place->node.layer != NULL ? add_field(out, place->node.layer, key)
                                     : add_of_variable(out, place->node.variable, key);
}

/* Equal as texts, or as numbers: 1e4 is 10000. */
static bool is_equal(const char *have, const char *want)
{
    char *end_have = NULL;
    char *end_want = NULL;
    double a = strtod(have, &end_have);
    double b = strtod(want, &end_want);
    bool numbers = end_have != have && *end_have == '\0' && end_want != want && *end_want == '\0';
    return numbers ? a == b : strcmp(have, want) == 0;
}

static int fits(const pencl_place *place, void *user)
{
    filter *f = user;
    if (!read_value(&f->text, place, f)) {
        return 0;
    }
    const char *have = pn_text_get(&f->text);
    return f->pattern ? pn_matches(have, f->value) : is_equal(have, f->value);
}

/* ---- reading ---- */

/* The value up to its closing quote, or bare up to the brace. */
static bool read_wanted(pn_reader *r, char *out, size_t room)
{
    const char *at = r->at;
    bool quoted = *at == '"' || *at == '\'';
    const char quote[] = {*at, '\0'};
    const char *from = quoted ? at + 1 : at;
    size_t n = strcspn(from, quoted ? quote : "}");
    if (from[n] == '\0') {
        pn_reader_fail(r, PENCL_E_FORMAT, at, quoted ? "this quote has no end" : "} is missing");
        return false;
    }
    if (n >= room) {
        pn_reader_fail(r, PENCL_E_LIMIT, at, "a value is longer than %zu bytes", room - 1);
        return false;
    }
    pn_copy(out, n + 1, from);
    r->at = from + n + (quoted ? 1 : 0);
    return true;
}

static bool read_filter(pn_reader *r, filter *f)
{
    r->at++; /* { */
    if (!pn_read_word(r, f->key, sizeof f->key, "what to look at, such as label,")) {
        return false;
    }
    if (*r->at != '=' && *r->at != '~') {
        pn_reader_fail(r, PENCL_E_FORMAT, r->at, "= or ~ is expected");
        return false;
    }
    f->pattern = *r->at++ == '~';
    if (!read_wanted(r, f->value, sizeof f->value)) {
        return false;
    }
    if (*r->at != '}') {
        pn_reader_fail(r, PENCL_E_FORMAT, r->at, "} is expected");
        return false;
    }
    r->at++;
    return true;
}

void pn_read_filter(pn_reader *r)
{
    filter f = {.pattern = false};
    const char *at = r->at;
    if (pn_reader_failed(r) || !read_filter(r, &f)) {
        return;
    }
    r->s = pencl_selection_where(r->s, fits, &f);
    if (!pn_reader_failed(r) && r->s->n == 0) {
        pn_fail_no_value(r, at, f.key, f.value, read_value, &f);
    }
    if (f.text.failed) {
        pn_reader_fail(r, PENCL_E_NOMEM, at, "out of host memory");
    }
    pn_text_free(&f.text);
}
