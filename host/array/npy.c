/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing .npy headers. A header is a Python dictionary of three known keys; this
 * parser knows only what may stand in it. */
#include "array/npy.h"

#include "array/dtypes.h"

#include <string.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6, START_V1 = 10, START_V2 = 12, ALIGN = 64 };

/* ---- words of the header ---- */

typedef struct cursor {
    const char *at;
    const char *end;
} cursor;

static void skip_spaces(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n')) {
        c->at++;
    }
}

/* Takes the word, after spaces; false when something else stands there. */
static bool take(cursor *c, const char *word)
{
    size_t n = strlen(word);
    skip_spaces(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0) {
        return false;
    }
    c->at += n;
    return true;
}

/* A text in single or double quotes, without escapes. */
static bool take_quoted(cursor *c, char *out, size_t room)
{
    skip_spaces(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) {
        return false;
    }
    const char *first = c->at + 1;
    const char *last = memchr(first, *c->at, (size_t)(c->end - first));
    if (last == NULL || (size_t)(last - first) >= room) {
        return false;
    }
    memcpy(out, first, (size_t)(last - first));
    out[last - first] = '\0';
    c->at = last + 1;
    return true;
}

static bool take_size(cursor *c, int64_t *out)
{
    skip_spaces(c);
    const char *first = c->at;
    *out = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        int digit = *c->at++ - '0';
        if (*out > (INT64_MAX - digit) / 10) {
            return false;
        }
        *out = *out * 10 + digit;
    }
    return c->at > first;
}

/* (), (3,), (3, 4) or (3, 4,) */
static bool take_shape(cursor *c, pn_npy *npy)
{
    if (!take(c, "(")) {
        return false;
    }
    for (npy->n_axes = 0; !take(c, ")"); npy->n_axes++) {
        if (npy->n_axes == PENCL_MAX_AXES || !take_size(c, &npy->sizes[npy->n_axes])) {
            return false;
        }
        if (!take(c, ",")) {
            npy->n_axes++;
            return take(c, ")");
        }
    }
    return true;
}

/* ---- the dictionary ---- */

enum { HAS_DESCR = 1, HAS_ORDER = 2, HAS_SHAPE = 4, HAS_ALL = 7 };

/* One "'key': value"; the key's bit, or 0. */
static int take_item(cursor *c, pn_npy *npy, char descr[16])
{
    char key[16];
    if (!take_quoted(c, key, sizeof key) || !take(c, ":")) {
        return 0;
    }
    if (strcmp(key, "descr") == 0) {
        return take_quoted(c, descr, 16) ? HAS_DESCR : 0;
    }
    if (strcmp(key, "fortran_order") == 0) {
        npy->fortran = take(c, "True");
        return npy->fortran || take(c, "False") ? HAS_ORDER : 0;
    }
    return strcmp(key, "shape") == 0 && take_shape(c, npy) ? HAS_SHAPE : 0;
}

static bool take_header(cursor *c, pn_npy *npy, char descr[16])
{
    int seen = 0;
    if (!take(c, "{")) {
        return false;
    }
    while (!take(c, "}")) {
        int item = take_item(c, npy, descr);
        if (item == 0 || (seen & item) != 0) {
            return false;
        }
        seen |= item;
        if (!take(c, ",")) {
            if (!take(c, "}")) {
                return false;
            }
            break;
        }
    }
    skip_spaces(c);
    return seen == HAS_ALL && c->at == c->end;
}

static bool known_type(pn_npy *npy, const char *descr)
{
    static const char *const known[] = {"<f4", "<f2", "<i4", "<i8"};
    for (size_t i = 0; i < PN_COUNT(known); i++) {
        if (strcmp(descr, known[i]) == 0) {
            npy->kind = descr[1];
            npy->width = descr[2] - '0';
            return true;
        }
    }
    return false;
}

/* ---- the file ---- */

/* Where the dictionary lies; false when the file is too short for it. */
static bool find_header(cursor *out, const unsigned char *bytes, size_t size)
{
    size_t start = bytes[MAGIC] == 1 ? START_V1 : START_V2;
    if (size < start) {
        return false;
    }
    size_t length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (start == START_V2) {
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    }
    if (length > size - start) {
        return false;
    }
    *out = (cursor){(const char *)bytes + start, (const char *)bytes + start + length};
    return true;
}

static bool exact_size(const pn_npy *npy, size_t size)
{
    size_t needed = (size_t)npy->width;
    for (int i = 0; i < npy->n_axes; i++) {
        if (!pn_mul(needed, (size_t)npy->sizes[i], &needed)) {
            return false;
        }
    }
    return needed == size;
}

pencl_status
pn_npy_parse(pn_npy *out, pencl_ctx *ctx, const void *bytes, size_t size, const char *what)
{
    const unsigned char *file = bytes;
    pn_npy npy = {0};
    cursor c = {0};
    char descr[16] = "";
    if (size < START_V1 || memcmp(file, magic, MAGIC) != 0) {
        return PN_FAIL(ctx, PENCL_E_FORMAT, "%s: not an .npy file", what);
    }
    if (file[MAGIC] != 1 && file[MAGIC] != 2) {
        return PN_FAIL(ctx, PENCL_E_UNSUPPORTED, "%s: .npy version %d", what, file[MAGIC]);
    }
    if (!find_header(&c, file, size)) {
        return PN_FAIL(ctx, PENCL_E_FORMAT, "%s: the .npy header is cut off", what);
    }
    npy.data = (size_t)((const unsigned char *)c.end - file);
    if (!take_header(&c, &npy, descr)) {
        return PN_FAIL(ctx, PENCL_E_FORMAT, "%s: the .npy header is malformed at byte %zu", what,
                       (size_t)((const unsigned char *)c.at - file));
    }
    if (!known_type(&npy, descr)) {
        return PN_FAIL(ctx, PENCL_E_UNSUPPORTED,
                       "%s: elements of type '%s'; '<f4', '<f2', '<i4' and '<i8' can be read", what,
                       descr);
    }
    if (!exact_size(&npy, size - npy.data)) {
        return PN_FAIL(ctx, PENCL_E_FORMAT, "%s: %zu bytes of elements do not fit its shape", what,
                       size - npy.data);
    }
    *out = npy;
    return PENCL_OK;
}

/* ---- writing ---- */

static const char *descr_of(pencl_dtype dtype)
{
    return dtype == PENCL_F16 ? "<f2" : dtype == PENCL_I32 ? "<i4" : "<f4";
}

void pn_npy_header(pn_text *out, const pn_spec *spec)
{
    pn_text text = {0};
    pn_text_add(&text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr_of(spec->dtype));
    for (int i = 0; i < spec->n_axes; i++) {
        pn_text_add(&text, "%s%lld", i > 0 ? ", " : "", (long long)spec->axes[i].size);
    }
    pn_text_add(&text, "%s), }", spec->n_axes == 1 ? "," : "");
    while (!text.failed && (START_V1 + text.size + 1) % ALIGN != 0) {
        pn_text_add(&text, " ");
    }
    pn_text_add(&text, "\n");
    const unsigned char head[] = {1, 0, text.size & 0xFF, (text.size >> 8) & 0xFF};
    pn_text_add_bytes(out, magic, MAGIC);
    pn_text_add_bytes(out, head, sizeof head);
    pn_text_add_bytes(out, pn_text_get(&text), text.size);
    out->failed = out->failed || text.failed;
    pn_text_free(&text);
}
