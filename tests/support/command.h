/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the pencl command as a user does, without a shell, and keeps what it printed. */
#ifndef PENCL_TESTS_SUPPORT_COMMAND_H
#define PENCL_TESTS_SUPPORT_COMMAND_H

#include <stddef.h>

enum { COMMAND_ARGS = 16, COMMAND_OUTPUT = 65536 };

/* A command line and what must come of it. Texts of `args`, `in`, `to` and `env` may hold one "@",
 * which becomes the test's folder. */
typedef struct command_row {
    const char *name;               /* what is tested, as a sentence */
    const char *args[COMMAND_ARGS]; /* after "pencl"; ends with NULL */
    int status;
    const char *out; /* part of standard output; NULL: any, but nothing after a usage error */
    const char *err; /* part of standard error; NULL: any */
    const char *env; /* "NAME=VALUE" on top of the others, or NULL */
    const char *in;  /* a file as standard input, or NULL: an empty one */
    const char *to;  /* a file as standard output, or NULL: kept in `out` of the result */
} command_row;

typedef struct command_result {
    int status; /* exit status; 128 and the signal when one ended it */
    size_t out_size;
    char out[COMMAND_OUTPUT]; /* cut, with a NUL */
    char err[COMMAND_OUTPUT];
} command_result;

/* Runs it; its files go to `folder`. Fails the test only when nothing could be run. */
void command_run(command_result *result, const command_row *row, const char *folder);
/* Runs it and fails the test with everything that was printed when something is amiss. */
void command_check(const command_row *row, const char *folder);

#endif
