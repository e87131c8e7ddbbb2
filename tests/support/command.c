/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the pencl command and compares what it printed. */
#include "support/command.h"

#include "support/folder.h"

#include <check.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARG_ROOM = 1024 };

extern char **environ;

/* `text` with its "@" replaced. */
static char *expand(char to[ARG_ROOM], const char *text, const char *folder)
{
    const char *at = strchr(text, '@');
    if (at == NULL) {
        snprintf(to, ARG_ROOM, "%s", text);
    } else {
        snprintf(to, ARG_ROOM, "%.*s%s%s", (int)(at - text), text, folder, at + 1);
    }
    return to;
}

static size_t read_file(char *to, const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    size_t size = fread(to, 1, COMMAND_OUTPUT - 1, file);
    to[size] = '\0';
    fclose(file);
    return size;
}

static void redirect(posix_spawn_file_actions_t *files, int fd, const char *path, int flags)
{
    ck_assert_int_eq(posix_spawn_file_actions_addopen(files, fd, path, flags, 0600), 0);
}

static int wait_for(pid_t child)
{
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The environment of this process, which each test has to itself, is the child's. */
static void set_environment(const char *assignment, const char *folder)
{
    char text[ARG_ROOM];
    char *value = strchr(expand(text, assignment, folder), '=');
    ck_assert_ptr_nonnull(value);
    *value = '\0';
    setenv(text, value + 1, 1);
}

void command_run(command_result *result, const command_row *row, const char *folder)
{
    const int write = O_WRONLY | O_CREAT | O_TRUNC;
    char texts[COMMAND_ARGS + 1][ARG_ROOM];
    char in[ARG_ROOM];
    char to[ARG_ROOM];
    char *argv[COMMAND_ARGS + 1] = {(char *)(size_t)PENCL_COMMAND};
    posix_spawn_file_actions_t files;
    pid_t child = -1;
    for (int i = 0; i < COMMAND_ARGS && row->args[i] != NULL; i++) {
        argv[i + 1] = expand(texts[i], row->args[i], folder);
    }
    if (row->env != NULL) {
        set_environment(row->env, folder);
    }
    const char *out = row->to != NULL ? expand(to, row->to, folder) : test_path(folder, "stdout");
    const char *err = test_path(folder, "stderr");
    ck_assert_int_eq(posix_spawn_file_actions_init(&files), 0);
    redirect(&files, STDIN_FILENO, row->in != NULL ? expand(in, row->in, folder) : "/dev/null",
             O_RDONLY);
    redirect(&files, STDOUT_FILENO, out, write);
    redirect(&files, STDERR_FILENO, err, write);
    ck_assert_int_eq(posix_spawn(&child, PENCL_COMMAND, &files, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    result->status = wait_for(child);
    result->out[0] = '\0';
    result->out_size = row->to == NULL ? read_file(result->out, out) : 0;
    read_file(result->err, err);
}

void command_check(const command_row *row, const char *folder)
{
    static command_result r; /* too large for the stack */
    command_run(&r, row, folder);
    bool usage = row->status == 2 || row->status == 3;
    bool right = r.status == row->status && (row->out == NULL || strstr(r.out, row->out) != NULL) &&
                 (row->err == NULL || strstr(r.err, row->err) != NULL) &&
                 (!usage || r.out_size == 0);
    ck_assert_msg(right,
                  "%s: exit status %d, expected %d\n-- standard output, expected \"%s\":\n%.1500s\n"
                  "-- standard error, expected \"%s\":\n%.1500s",
                  row->name, r.status, row->status, row->out != NULL ? row->out : "", r.out,
                  row->err != NULL ? row->err : "", r.err);
}
