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

/* One row; made by the macros below; the last is OPT_END. `at` is the offset of the value in the
 * command's settings. The default that help shows is the value before parsing; texts show none. */
typedef struct option {
    char letter; /* 0: none */
    option_kind kind;
    const char *name;
    const char *argument; /* "N"; NULL for flags */
    size_t at;
    double min;
    double max;
    const char *choices; /* "auto native clblast" */
    const char *help;
} option;

/* Rows of a table, one for each kind. */
#define OPT_FLAG(letter, name, at, help)                                                           \
    {                                                                                              \
        letter, OPTION_FLAG, name, NULL, at, 0, 0, NULL, help                                      \
    }
#define OPT_TEXT(letter, name, argument, at, help)                                                 \
    {                                                                                              \
        letter, OPTION_TEXT, name, argument, at, 0, 0, NULL, help                                  \
    }
#define OPT_TEXTS(letter, name, argument, at, help)                                                \
    {                                                                                              \
        letter, OPTION_TEXTS, name, argument, at, 0, 0, NULL, help                                 \
    }
#define OPT_SEED(letter, name, argument, at, help)                                                 \
    {                                                                                              \
        letter, OPTION_SEED, name, argument, at, 0, 0, NULL, help                                  \
    }
#define OPT_CHOICE(letter, name, argument, at, choices, help)                                      \
    {                                                                                              \
        letter, OPTION_CHOICE, name, argument, at, 0, 0, choices, help                             \
    }
#define OPT_WHOLE(letter, name, argument, at, min, max, help)                                      \
    {                                                                                              \
        letter, OPTION_WHOLE, name, argument, at, min, max, NULL, help                             \
    }
#define OPT_REAL(letter, name, argument, at, min, max, help)                                       \
    {                                                                                              \
        letter, OPTION_REAL, name, argument, at, min, max, NULL, help                              \
    }
#define OPT_END                                                                                    \
    {                                                                                              \
        .name = NULL                                                                               \
    }

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
/* Cuts ":0.5" off the end of a path and reads it; another end is part of the path. */
void cut_scale(char *path, double *scale);

#endif
