/* SPDX-License-Identifier: Apache-2.0 */
/* Parses a command line by its table of options. Own code, since getopt_long accepts shortened
 * names, and its messages name neither ranges nor the nearest option. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
    const option *table;
    void *settings;
    const char *command;
    const char **argv;
    int n;
    int next; /* the word after the present one */
} parser;

static bool fail(const parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(const parser *p, const char *fmt, ...)
{
    va_list args;
    fprintf(stderr, "pencl %s: ", p->command);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "\nTry 'pencl %s --help'.\n", p->command);
    return false;
}

/* ---- numbers ---- */

bool parse_whole(const char *text, int64_t *out)
{
    char *end = NULL;
    bool digits = isdigit((unsigned char)text[text[0] == '-']);
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return digits && *end == '\0' && errno == 0;
}

static bool parse_seed(const char *text, seed *out)
{
    char *end = NULL;
    errno = 0;
    out->value = strtoull(text, &end, 10);
    out->given = true;
    return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0;
}

bool parse_real(const char *text, double *out)
{
    char *end = NULL;
    if (text[strspn(text, "0123456789+-.eE")] != '\0') { /* no nan, inf, hexadecimal, spaces */
        return false;
    }
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

void cut_scale(char *path, double *scale)
{
    double found = 0;
    char *colon = strrchr(path, ':');
    if (colon != NULL && parse_real(colon + 1, &found)) {
        *scale = found;
        *colon = '\0';
    }
}

/* ---- one value ---- */

static const char *spelling(const option *o, char *to, size_t room)
{
    if (o->letter != '\0') {
        snprintf(to, room, "-%c/--%s", o->letter, o->name);
    } else {
        snprintf(to, room, "--%s", o->name);
    }
    return to;
}

static bool out_of_range(const parser *p, const option *o, const char *text)
{
    char name[64];
    const char *what = o->kind == OPTION_REAL ? "number" : "whole number";
    spelling(o, name, sizeof name);
    if (o->kind == OPTION_SEED) {
        return fail(p, "%s takes a whole number from 0 to 2^64 - 1, not \"%s\"", name, text);
    }
    if (o->max >= DBL_MAX) {
        return fail(p, "%s takes a %s of at least %g, not \"%s\"", name, what, o->min, text);
    }
    return fail(p, "%s takes a %s from %.12g to %.12g, not \"%s\"", name, what, o->min, o->max,
                text);
}

static bool set_choice(const parser *p, const option *o, const char *text)
{
    const char *at = o->choices;
    size_t size = strlen(text);
    while (*at != '\0') {
        size_t length = strcspn(at, " ");
        if (length == size && strncmp(at, text, size) == 0) {
            *(const char **)((char *)p->settings + o->at) = text;
            return true;
        }
        at += length + strspn(at + length, " ");
    }
    char name[64];
    return fail(p, "%s takes one of: %s; not \"%s\"", spelling(o, name, sizeof name), o->choices,
                text);
}

static bool add_text(const parser *p, const option *o, const char *text)
{
    texts *all = (void *)((char *)p->settings + o->at);
    char name[64];
    if (all->n == OPTION_TEXTS_MAX) {
        return fail(p, "%s may be given %d times", spelling(o, name, sizeof name),
                    OPTION_TEXTS_MAX);
    }
    all->items[all->n++] = text;
    return true;
}

static bool set(const parser *p, const option *o, const char *text)
{
    void *at = (char *)p->settings + o->at;
    int64_t whole = 0;
    double real = 0;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)at = true;
        return true;
    case OPTION_TEXT:
        *(const char **)at = text;
        return true;
    case OPTION_TEXTS:
        return add_text(p, o, text);
    case OPTION_CHOICE:
        return set_choice(p, o, text);
    case OPTION_SEED:
        return parse_seed(text, at) || out_of_range(p, o, text);
    case OPTION_WHOLE:
        if (!parse_whole(text, &whole) || (double)whole < o->min || (double)whole > o->max) {
            return out_of_range(p, o, text);
        }
        *(int64_t *)at = whole;
        return true;
    case OPTION_REAL:
        if (!parse_real(text, &real) || real < o->min || real > o->max) {
            return out_of_range(p, o, text);
        }
        *(double *)at = real;
        return true;
    }
    return false;
}

/* ---- words ---- */

static bool unknown_option(const parser *p, const char *name, size_t size)
{
    const char *names[64];
    size_t n = 0;
    char word[64];
    for (const option *o = p->table; o->name != NULL && n < 64; o++) {
        names[n++] = o->name;
    }
    snprintf(word, sizeof word, "%.*s", (int)size, name);
    const char *near = nearest(word, names, n);
    if (near != NULL) {
        return fail(p, "unknown option --%s; the nearest is --%s", word, near);
    }
    return fail(p, "unknown option --%s", word);
}

/* The value of an option: attached, or the next word. */
static bool set_from(parser *p, const option *o, const char *attached)
{
    char name[64];
    if (o->kind == OPTION_FLAG || attached != NULL) {
        return set(p, o, attached);
    }
    if (p->next == p->n) {
        return fail(p, "%s needs a value: %s", spelling(o, name, sizeof name), o->argument);
    }
    return set(p, o, p->argv[p->next++]);
}

/* "--name", "--name=value" */
static bool parse_long(parser *p, const char *word)
{
    size_t size = strcspn(word, "=");
    for (const option *o = p->table; o->name != NULL; o++) {
        if (strlen(o->name) == size && strncmp(o->name, word, size) == 0) {
            if (o->kind == OPTION_FLAG && word[size] == '=') {
                return fail(p, "--%s takes no value", o->name);
            }
            return set_from(p, o, word[size] == '=' ? word + size + 1 : NULL);
        }
    }
    return unknown_option(p, word, size);
}

/* "-n 5", "-n5", "-vq" */
static bool parse_letters(parser *p, const char *word)
{
    for (; *word != '\0'; word++) {
        const option *o = p->table;
        while (o->name != NULL && o->letter != *word) {
            o++;
        }
        if (o->name == NULL) {
            return fail(p, "unknown option -%c", *word);
        }
        if (o->kind != OPTION_FLAG) {
            return set_from(p, o, word[1] != '\0' ? word + 1 : NULL);
        }
        if (!set_from(p, o, NULL)) {
            return false;
        }
    }
    return true;
}

bool options_parse(
    const option *table, void *settings, const char *command, int n, const char **argv, words *rest)
{
    parser p = {.table = table, .settings = settings, .command = command, .argv = argv, .n = n};
    bool options = true; /* until "--" */
    *rest = (words){.items = argv};
    while (p.next < n) {
        const char *word = argv[p.next++];
        if (options && strcmp(word, "--") == 0) {
            options = false;
        } else if (options && strncmp(word, "--", 2) == 0) {
            if (!parse_long(&p, word + 2)) {
                return false;
            }
        } else if (options && word[0] == '-' && word[1] != '\0') {
            if (!parse_letters(&p, word + 1)) {
                return false;
            }
        } else {
            argv[rest->n++] = word;
        }
    }
    return true;
}
