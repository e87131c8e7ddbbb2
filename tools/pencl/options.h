/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a command as one table: what parses them, checks their ranges and prints their help.
 */
#ifndef PENCL_TOOLS_OPTIONS_H
#define PENCL_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_TEXTS,  /* texts: may be given again */
    OPTION_CHOICE, /* const char *: one of `choices` */
    OPTION_WHOLE,  /* int64_t from `min` to `max` */
    OPTION_SEED,   /* seed */
    OPTION_REAL    /* double from `min` to `max` */
} option_kind;

enum { OPTION_TEXTS_MAX = 16 };
typedef struct texts {
    const char *items[OPTION_TEXTS_MAX];
    size_t n;
} texts;

typedef struct seed {
    bool given;
    uint64_t value;
} seed;

/* One row; the last has no name. `at` is the offset of the value in the command's settings. The
 * default that help shows is the value before parsing; texts show none. */
typedef struct option {
    char letter; /* 0: none */
    const char *name;
    const char *argument; /* "N"; NULL for flags */
    option_kind kind;
    size_t at;
    double min;
    double max;
    const char *choices; /* "auto native clblast" */
    const char *help;
} option;

/* Words of a command line that are no options, in order; borrowed. */
typedef struct words {
    const char **items;
    int n;
} words;

/* Reads argv[0 .. n-1] into `settings`; what is no option is moved to the front of argv, which
 * `rest` then names. False after a message on standard error, which begins with `command`. */
bool options_parse(const option *table,
                   void *settings,
                   const char *command,
                   int n,
                   const char **argv,
                   words *rest);

/* The table as help, on standard output. */
void options_print(const option *table, const void *settings);

/* The candidate that a word begins, or the nearest by edit distance; NULL when none is near. */
const char *nearest(const char *word, const char *const *candidates, size_t n);

/* Strict numbers: the whole text, nothing before or after; false for overflow, NaN and infinity. */
bool parse_whole(const char *text, int64_t *out);
bool parse_real(const char *text, double *out);

#endif
