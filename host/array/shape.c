/* SPDX-License-Identifier: Apache-2.0 */
/* Specs: named axes and their sizes, checked, compared, parsed and printed. */
#include "array/shape.h"

#include "array/dtypes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HIDDEN = '\1' }; /* the first byte of a hidden name */

/* ---- reading ---- */

int pn_spec_find(const pn_spec *spec, const char *axis)
{
    if (axis[0] == '\0') {
        return -1; /* positional axes have no name to be found by */
    }
    for (int i = 0; i < spec->n_axes; i++) {
        if (strcmp(spec->axes[i].name, axis) == 0) {
            return i;
        }
    }
    return -1;
}

int64_t pn_spec_size(const pn_spec *spec, const char *axis)
{
    int i = pn_spec_find(spec, axis);
    return i < 0 ? 1 : spec->axes[i].size;
}

int64_t pn_spec_count(const pn_spec *spec)
{
    int64_t count = 1;
    for (int i = 0; i < spec->n_axes; i++) {
        count *= spec->axes[i].size; /* pn_spec_check saw that this fits */
    }
    return count;
}

size_t pn_spec_bytes(const pn_spec *spec)
{
    size_t bytes = 0;
    return pn_dtype_bytes(spec->dtype, (size_t)pn_spec_count(spec), &bytes) ? bytes : 0;
}

static bool same_axis(const pencl_axis *a, const pencl_axis *b)
{
    return a->size == b->size && strcmp(a->name, b->name) == 0;
}

bool pn_spec_equal(const pn_spec *a, const pn_spec *b)
{
    if (a->dtype != b->dtype || a->n_axes != b->n_axes) {
        return false;
    }
    for (int i = 0; i < a->n_axes; i++) {
        if (!same_axis(&a->axes[i], &b->axes[i])) {
            return false;
        }
    }
    return true;
}

/* The index of the next positional axis at or after i, n_axes when there is none. */
static int next_positional(const pn_spec *spec, int i)
{
    while (i < spec->n_axes && spec->axes[i].name[0] != '\0') {
        i++;
    }
    return i;
}

bool pn_axis_is_positional(const pencl_axis *axis)
{
    return axis->name[0] == '\0' || axis->name[0] == HIDDEN;
}

int pn_spec_count_positional(const pn_spec *spec)
{
    int n = 0;
    for (int i = 0; i < spec->n_axes; i++) {
        n += pn_axis_is_positional(&spec->axes[i]);
    }
    return n;
}

bool pn_spec_same_axes(const pn_spec *a, const pn_spec *b)
{
    if (a->n_axes != b->n_axes) {
        return false;
    }
    int positional = -1; /* in b: positional axes pair up in order */
    for (int i = 0; i < a->n_axes; i++) {
        int j = pn_spec_find(b, a->axes[i].name);
        if (a->axes[i].name[0] == '\0') {
            positional = j = next_positional(b, positional + 1);
        }
        if (j < 0 || j >= b->n_axes || a->axes[i].size != b->axes[j].size) {
            return false;
        }
    }
    return true;
}

/* ---- checking ---- */

pencl_status pn_axis_name_check(pencl_ctx *ctx, const char *name)
{
    size_t n = 0;
    while (name[n] != '\0') {
        if (iscntrl((unsigned char)name[n])) {
            return PN_FAIL(ctx, PENCL_E_AXIS, "an axis name has a control character");
        }
        if (++n == PENCL_AXIS_NAME_MAX) {
            return PN_FAIL(ctx, PENCL_E_LIMIT, "axis name \"%.*s...\" is longer than %d bytes",
                           PENCL_AXIS_NAME_MAX - 1, name, PENCL_AXIS_NAME_MAX - 1);
        }
    }
    return PENCL_OK;
}

/* An empty axis counts as one here, so that the strides of empty arrays fit as well. */
pencl_status pn_spec_check_extent(pencl_ctx *ctx, const pn_spec *spec, const char *what)
{
    const pn_dtype *dtype = pn_dtype_of(spec->dtype);
    size_t bytes = dtype->block_bytes;
    for (int i = 0; i < spec->n_axes; i++) {
        size_t size = (size_t)spec->axes[i].size;
        if (!pn_mul(bytes, size > 0 ? size : 1, &bytes) || bytes > INT64_MAX) {
            return PN_FAIL(ctx, PENCL_E_LIMIT, "%s: too many elements to address", what);
        }
    }
    size_t row = spec->n_axes > 0 ? (size_t)spec->axes[spec->n_axes - 1].size : 1;
    if (row % dtype->block != 0) {
        return PN_FAIL(ctx, PENCL_E_SHAPE,
                       "%s: %s is stored in blocks of %zu along the last axis, whose size is %zu",
                       what, dtype->name, dtype->block, row);
    }
    return PENCL_OK;
}

pencl_status pn_spec_check(pencl_ctx *ctx, const pn_spec *spec, const char *what)
{
    if (pn_dtype_of(spec->dtype) == NULL) {
        return PN_FAIL(ctx, PENCL_E_DTYPE, "%s: no element type has number %d", what, spec->dtype);
    }
    if (spec->n_axes < 0 || spec->n_axes > PENCL_MAX_AXES) {
        return PN_FAIL(ctx, PENCL_E_LIMIT, "%s: %d axes, at most %d are possible", what,
                       spec->n_axes, PENCL_MAX_AXES);
    }
    for (int i = 0; i < spec->n_axes; i++) {
        const pencl_axis *axis = &spec->axes[i];
        PENCL_TRY(pn_axis_name_check(ctx, axis->name));
        if (axis->size < 0) {
            return PN_FAIL(ctx, PENCL_E_ARG, "%s: axis %d \"%s\" has the negative size %lld", what,
                           i, axis->name, (long long)axis->size);
        }
        if (axis->name[0] != '\0' && pn_spec_find(spec, axis->name) != i) {
            return PN_FAIL(ctx, PENCL_E_AXIS, "%s: axis \"%s\" is repeated", what, axis->name);
        }
    }
    return pn_spec_check_extent(ctx, spec, what);
}

/* ---- making ---- */

void pn_spec_push(pn_spec *spec, const char *axis, int64_t size)
{
    pencl_axis *last = &spec->axes[spec->n_axes++];
    pn_copy(last->name, sizeof last->name, axis);
    last->size = size;
}

void pn_spec_remove(pn_spec *spec, int index)
{
    spec->n_axes--;
    for (int i = index; i < spec->n_axes; i++) {
        spec->axes[i] = spec->axes[i + 1];
    }
}

void pn_spec_hide(pn_spec *spec, int from)
{
    for (int i = spec->n_axes - 1; i >= 0; i--) {
        if (spec->axes[i].name[0] == '\0') {
            snprintf(spec->axes[i].name, PENCL_AXIS_NAME_MAX, "%c%d", HIDDEN, from++);
        }
    }
}

void pn_spec_unhide(pn_spec *spec)
{
    for (int i = 0; i < spec->n_axes; i++) {
        if (pn_axis_is_positional(&spec->axes[i])) {
            spec->axes[i].name[0] = '\0';
        }
    }
}

pn_spec pn_spec_make(pencl_dtype dtype, int n_axes, const pencl_axis *axes)
{
    pn_spec spec = {.dtype = dtype, .n_axes = n_axes};
    for (int i = 0; i < n_axes && n_axes <= PENCL_MAX_AXES; i++) {
        spec.axes[i] = axes[i];
    }
    return spec;
}

/* One word of a spec's text: "seq=7", or "7" for a positional axis. */
static pencl_status parse_axis(pn_spec *spec, pencl_ctx *ctx, const char *word, size_t length)
{
    char name[PENCL_AXIS_NAME_MAX] = "";
    const char *digits = word;
    const char *equals = memchr(word, '=', length);
    if (equals != NULL) {
        size_t n = (size_t)(equals - word);
        if (n == 0 || n >= sizeof name) {
            return PN_FAIL(ctx, PENCL_E_FORMAT, "\"%.*s\": bad axis name", (int)(length % 64),
                           word);
        }
        memcpy(name, word, n);
        digits = equals + 1;
    }
    char *end = NULL;
    errno = 0;
    long long size = strtoll(digits, &end, 10);
    if (!isdigit((unsigned char)digits[0]) || end != word + length || errno != 0) {
        return PN_FAIL(ctx, PENCL_E_FORMAT, "\"%.*s\" is not name=size", (int)(length % 64), word);
    }
    if (spec->n_axes == PENCL_MAX_AXES) {
        return PN_FAIL(ctx, PENCL_E_LIMIT, "more than %d axes", PENCL_MAX_AXES);
    }
    pn_spec_push(spec, name, size);
    return PENCL_OK;
}

pencl_status pn_spec_parse(pn_spec *out, pencl_ctx *ctx, const char *text)
{
    pn_spec spec = {.dtype = PENCL_F32};
    const char *at = text;
    const char *colon = strchr(text, ':');
    if (colon != NULL) {
        char name[16] = "";
        size_t n = (size_t)(colon - text);
        memcpy(name, text, n < sizeof name ? n : sizeof name - 1);
        spec.dtype = pn_dtype_by_name(name);
        if (spec.dtype == PENCL_DTYPE_COUNT) {
            return PN_FAIL(ctx, PENCL_E_DTYPE, "no element type is named \"%s\"", name);
        }
        at = colon + 1;
    }
    for (at += strspn(at, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        PENCL_TRY(parse_axis(&spec, ctx, at, length));
        at += length;
    }
    PENCL_TRY(pn_spec_check(ctx, &spec, text));
    *out = spec;
    return PENCL_OK;
}

/* ---- printing ---- */

void pn_spec_print(pn_text *out, const pn_spec *spec)
{
    const pn_dtype *dtype = pn_dtype_of(spec->dtype);
    pn_text_add(out, "%s(", dtype != NULL ? dtype->label : "unknown");
    int n_positional = 0;
    for (int i = 0; i < spec->n_axes; i++) {
        if (pn_axis_is_positional(&spec->axes[i])) {
            const char *comma = n_positional++ > 0 ? ", " : "";
            pn_text_add(out, "%s%lld", comma, (long long)spec->axes[i].size);
        }
    }
    if (spec->n_axes > 0) {
        pn_text_add(out, n_positional > 0 ? " |" : "|");
    }
    int n_named = 0;
    for (int i = 0; i < spec->n_axes; i++) {
        if (!pn_axis_is_positional(&spec->axes[i])) {
            const char *comma = n_named++ > 0 ? "," : "";
            pn_text_add(out, "%s %s:%lld", comma, spec->axes[i].name,
                        (long long)spec->axes[i].size);
        }
    }
    pn_text_add(out, ")");
}

pencl_status
pn_spec_fail(pencl_ctx *ctx, pencl_status status, const pn_spec *spec, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    pn_text shape = {0};
    pn_spec_print(&shape, spec);
    pencl_status st = PN_FAIL(ctx, status, "%s: %s", pn_text_get(&shape), text);
    pn_text_free(&shape);
    return st;
}

/* ---- several together ---- */

/* "condition int32(| seq:3)", or "value 2 int32(| seq:3)" without names. */
static void add_argument(pn_text *out, const pn_specs *all, int k)
{
    if (all->names != NULL) {
        pn_text_add(out, "%.*s ", (int)strcspn(all->names[k], "?"), all->names[k]);
    } else {
        pn_text_add(out, "value %d ", k);
    }
    pn_spec_print(out, all->specs[k]);
}

pencl_status
pn_specs_fail(pencl_ctx *ctx, pencl_status status, const pn_specs *all, const char *problem)
{
    pn_text text = {0};
    pn_text_add(&text, "%s: %s:", all->what, problem);
    for (int k = 0; k < all->n; k++) {
        pn_text_add(&text, k > 0 ? ", " : " ");
        add_argument(&text, all, k);
    }
    pencl_status st = PN_FAIL(ctx, status, "%s", pn_text_get(&text));
    pn_text_free(&text);
    return st;
}

pencl_status
pn_specs_fail_sizes(pencl_ctx *ctx, const pn_specs *all, int first, int second, const char *axis)
{
    pn_text text = {0};
    pn_text_add(&text, "%s: axis \"%s\" is %lld in ", all->what, axis,
                (long long)pn_spec_size(all->specs[first], axis));
    add_argument(&text, all, first);
    pn_text_add(&text, " but %lld in ", (long long)pn_spec_size(all->specs[second], axis));
    add_argument(&text, all, second);
    for (int k = 0; k < all->n; k++) {
        if (k != first && k != second) {
            pn_text_add(&text, "; ");
            add_argument(&text, all, k);
        }
    }
    pencl_status st = PN_FAIL(ctx, PENCL_E_SHAPE, "%s", pn_text_get(&text));
    pn_text_free(&text);
    return st;
}

pencl_status
pn_specs_join(pn_spec *out, pencl_ctx *ctx, const pn_specs *all, int k, const pn_spec *except)
{
    for (int i = 0; i < all->specs[k]->n_axes; i++) {
        const pencl_axis *axis = &all->specs[k]->axes[i];
        if (axis->name[0] == '\0') {
            return pn_specs_fail(ctx, PENCL_E_AXIS, all, "a positional axis needs a name here");
        }
        if (except != NULL && pn_spec_find(except, axis->name) >= 0) {
            continue;
        }
        int j = pn_spec_find(out, axis->name);
        if (j >= 0 && out->axes[j].size != axis->size) {
            int first = 0;
            while (pn_spec_find(all->specs[first], axis->name) < 0) {
                first++;
            }
            return pn_specs_fail_sizes(ctx, all, first, k, axis->name);
        }
        if (j < 0 && out->n_axes == PENCL_MAX_AXES) {
            char problem[PENCL_AXIS_NAME_MAX + 64];
            snprintf(problem, sizeof problem, "the union with axis \"%s\" has more than %d axes",
                     axis->name, PENCL_MAX_AXES);
            return pn_specs_fail(ctx, PENCL_E_LIMIT, all, problem);
        }
        if (j < 0) {
            pn_spec_push(out, axis->name, axis->size);
        }
    }
    return PENCL_OK;
}

pencl_status pn_specs_union(pn_spec *out, pencl_ctx *ctx, const pn_specs *all)
{
    pn_spec joined = {.dtype = all->n > 0 ? all->specs[0]->dtype : PENCL_F32};
    for (int k = 0; k < all->n; k++) {
        PENCL_TRY(pn_specs_join(&joined, ctx, all, k, NULL));
    }
    PENCL_TRY(pn_spec_check_extent(ctx, &joined, all->what));
    *out = joined;
    return PENCL_OK;
}
