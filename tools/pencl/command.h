/* SPDX-License-Identifier: Apache-2.0 */
/* What a command is, how it ends, and how it speaks to the user. */
#ifndef PENCL_TOOLS_COMMAND_H
#define PENCL_TOOLS_COMMAND_H

#include "options.h"

enum { /* exit status */
       EXIT_DONE = 0,
       EXIT_FAILED = 1,
       EXIT_USAGE = 2,
       EXIT_NO_DEVICE = 3 /* no such device, or no OpenCL */
};

/* One command: cmd_NAME.c ends with its table. */
typedef struct command {
    const char *usage;     /* "-m MODEL TEXT", after "pencl NAME" */
    const char *example;   /* a whole command line */
    const option *options; /* ends with a row without a name */
    const void *defaults;  /* the settings before parsing, `size` bytes */
    size_t size;           /* at most SETTINGS_MAX */
    int max_words;         /* words that are no options; -1: any number */
    int (*run)(const void *settings, const words *rest); /* returns the exit status */
} command;

enum { SETTINGS_MAX = 1024 };

#define CMD(name, summary) extern const command cmd_##name;
#define ALIAS(name, of)
#define HIDDEN(name) extern const command cmd_##name;
#include "cmds.def"
#undef CMD
#undef ALIAS
#undef HIDDEN

/* "pencl: ..." on standard error. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same with the name of what a usage error is about; returns EXIT_USAGE. */
int usage_error(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
