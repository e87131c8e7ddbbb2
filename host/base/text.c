/* SPDX-License-Identifier: Apache-2.0 */
/* Text: a buffer that grows, copies that fit, and the nearest of several words. */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_ROOM = 64, WORD_MAX = 64 };

/* Makes room for `more` bytes and a NUL. */
static bool reserve(pn_text *text, size_t more)
{
    size_t need = 0;
    if (text->failed || !pn_add(text->size, more, &need) || !pn_add(need, 1, &need)) {
        text->failed = true;
        return false;
    }
    if (need <= text->room) {
        return true;
    }
    size_t room = text->room > 0 ? text->room : FIRST_ROOM;
    while (room < need) {
        room = room > SIZE_MAX / 2 ? need : 2 * room;
    }
    char *data = pn_realloc(text->data, room, 1);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->room = room;
    return true;
}

void pn_text_add(pn_text *text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (size < 0 || !reserve(text, (size_t)size)) {
        text->failed = true;
        return;
    }
    va_start(args, fmt);
    vsnprintf(text->data + text->size, (size_t)size + 1, fmt, args);
    va_end(args);
    text->size += (size_t)size;
}

void pn_text_add_bytes(pn_text *text, const void *bytes, size_t size)
{
    if (!reserve(text, size)) {
        return;
    }
    if (size > 0) {
        memcpy(text->data + text->size, bytes, size);
    }
    text->size += size;
    text->data[text->size] = '\0';
}

void pn_text_cut(pn_text *text, size_t size)
{
    if (size < text->size) {
        text->size = size;
        text->data[size] = '\0';
    }
}

void pn_text_free(pn_text *text)
{
    if (text != NULL) {
        pn_free(text->data);
        *text = (pn_text){0};
    }
}

const char *pn_text_get(const pn_text *text)
{
    return text->data != NULL ? text->data : "";
}

void pn_copy(char *to, size_t room, const char *from)
{
    if (room == 0) {
        return;
    }
    const size_t size = strnlen(from, room - 1);
    memcpy(to, from, size);
    to[size] = '\0';
}

/* ASCII only: the result must not hang on the user's locale. */
static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool pn_contains_nocase(const char *in, const char *part)
{
    for (;; in++) {
        size_t i = 0;
        while (part[i] != '\0' && lower(in[i]) == lower(part[i])) {
            i++;
        }
        if (part[i] == '\0') {
            return true;
        }
        if (*in == '\0') {
            return false;
        }
    }
}

/* After a mismatch the last * takes one character more; earlier ones need not be tried again. */
bool pn_matches(const char *text, const char *pattern)
{
    const char *star = NULL;
    const char *taken = NULL; /* up to here by the star */
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            taken = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++taken;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits that turn a into b: insert, delete, replace, or swap of neighbours. Both fit WORD_MAX. */
static size_t edit_distance(const char *a, const char *b)
{
    const size_t n = strlen(a);
    const size_t m = strlen(b);
    size_t rows[3][WORD_MAX + 1]; /* rows i-2, i-1 and i of the table, modulo 3 */
    for (size_t j = 0; j <= m; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above2 = rows[(i + 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], above2[j - 2] + 1);
            }
        }
    }
    return rows[n % 3][m];
}

const char *pn_nearest(const char *word, const char *const *candidates, size_t n)
{
    const size_t size = strlen(word);
    if (size > WORD_MAX) {
        return NULL;
    }
    const char *best = NULL;
    size_t best_edits = 2 + size / 4; /* more edits than this would be a guess */
    if (best_edits > size) {
        best_edits = size;
    }
    for (size_t i = 0; i < n; i++) {
        if (strlen(candidates[i]) <= WORD_MAX) {
            const size_t edits = edit_distance(word, candidates[i]);
            if (edits < best_edits) {
                best = candidates[i];
                best_edits = edits;
            }
        }
    }
    return best;
}
