/* SPDX-License-Identifier: Apache-2.0 */
/* The command: finds the subcommand, has its options parsed, runs it, and sees that what it printed
 * was really written. */
#include "command.h"

#include <errno.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct row {
    const char *name;
    const char *summary; /* NULL: in no list */
    const command *command;
} row;

static const row rows[] = {
#define CMD(name, summary) {#name, summary, &cmd_##name},
#define ALIAS(name, of)    {#name, "the same as " #of, &cmd_##of},
#define HIDDEN(name)       {#name, NULL, &cmd_##name},
#include "cmds.def"
#undef CMD
#undef ALIAS
#undef HIDDEN
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* ---- messages ---- */

void say(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("pencl: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

int usage_error(const char *name, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "pencl %s: ", name);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\nTry 'pencl %s --help'.\n", name);
    va_end(args);
    return EXIT_USAGE;
}

/* ---- help ---- */

static const row *find(const char *name)
{
    for (int i = 0; i < N_ROWS; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[N_ROWS];
    size_t n = 0;
    for (int i = 0; i < N_ROWS; i++) {
        if (rows[i].summary != NULL) {
            names[n++] = rows[i].name;
        }
    }
    const char *near = nearest(name, names, n);
    if (near != NULL) {
        say("unknown command %s; the nearest is %s", name, near);
    } else {
        say("unknown command %s", name);
    }
    fputs("Try 'pencl help'.\n", stderr);
    return EXIT_USAGE;
}

static int print_commands(void)
{
    printf("Runs transformer language models on OpenCL devices.\n\n"
           "usage: pencl COMMAND [OPTIONS]\n\n");
    for (int i = 0; i < N_ROWS; i++) {
        if (rows[i].summary != NULL) {
            printf("  %-12s %s\n", rows[i].name, rows[i].summary);
        }
    }
    printf("  %-12s %s\n", "help", "print this, or the options of a command");
    printf("\nexample: pencl generate -m model.gguf -p \"Once upon a time\"\n");
    return EXIT_DONE;
}

static int print_command(const row *r)
{
    const command *c = r->command;
    printf("usage: pencl %s %s\n%s\n\n", r->name, c->usage, r->summary != NULL ? r->summary : "");
    options_print(c->options, c->defaults);
    if (c->example != NULL) {
        printf("\nexample: %s\n", c->example);
    }
    return EXIT_DONE;
}

static int help(const char *name)
{
    if (name == NULL || strcmp(name, "help") == 0) {
        return print_commands();
    }
    const row *r = find(name);
    return r != NULL ? print_command(r) : unknown_command(name);
}

/* ---- running ---- */

/* Words after "--" and values of options are data, so this may see help where none was asked for;
 * "--help" is never a sensible value. */
static bool wants_help(int n, const char **argv)
{
    for (int i = 0; i < n && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return true;
        }
    }
    return false;
}

static int run(const row *r, int n, const char **argv)
{
    const command *c = r->command;
    alignas(max_align_t) unsigned char settings[SETTINGS_MAX] = {0};
    words rest = {0};
    if (wants_help(n, argv)) {
        return print_command(r);
    }
    memcpy(settings, c->defaults, c->size);
    if (!options_parse(c->options, settings, r->name, n, argv, &rest)) {
        return EXIT_USAGE;
    }
    if (c->max_words >= 0 && rest.n > c->max_words) {
        return usage_error(r->name, "what is \"%s\"? usage: pencl %s %s", rest.items[c->max_words],
                           r->name, c->usage);
    }
    return c->run(settings, &rest);
}

static int dispatch(int n, const char **argv)
{
    if (n == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        return print_commands();
    }
    if (strcmp(argv[0], "help") == 0) {
        return help(n > 1 ? argv[1] : NULL);
    }
    const row *r = find(strcmp(argv[0], "--version") == 0 ? "version" : argv[0]);
    return r != NULL ? run(r, n - 1, argv + 1) : unknown_command(argv[0]);
}

/* Ends the process without the drivers' exit handlers, which crash now and then (Rusticl under
 * load, Intel's runtime): everything is closed and flushed. Leak checkers want a normal end. */
static int leave(int status)
{
#if !defined(__SANITIZE_ADDRESS__)
    fflush(NULL);
    _exit(status);
#endif
    return status;
}

int main(int argc, char **argv)
{
    int status = dispatch(argc > 0 ? argc - 1 : 0, (const char **)(void *)(argv + 1));
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) != 0 || failed) {
        say("standard output cannot be written%s%s", errno != 0 ? ": " : "",
            errno != 0 ? strerror(errno) : "");
        status = status == EXIT_DONE ? EXIT_FAILED : status;
    }
    return leave(status);
}
