/* SPDX-License-Identifier: Apache-2.0 */
/* Lets a child process load the OpenCL drivers first, and run kernels that a device is to use for
 * the first time. Drivers crash and hang instead of returning errors; what the child died of is in
 * the library's journal, and after a second death is not tried again. */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    IDLE_S = 120,           /* a child outside risky calls: loading drivers */
    LISTING_S = 120,        /* a child that lists devices */
    FOREVER = 24 * 60 * 60, /* a child that tries kernels out sets itself deadlines */
    POLL_MS = 5,
    MOST_DEATHS = 3 /* of children, for each kernel: two in it, and one for another reason */
};

extern char **environ;

void probe_deadline(unsigned seconds)
{
    alarm(seconds > 0 ? seconds : IDLE_S); /* whose signal ends the process */
}

/* The child's process id, or -1. Its output is dropped: drivers print as they like. */
static pid_t start(char *const *argv)
{
    posix_spawn_file_actions_t files;
    pid_t child = -1;
    if (posix_spawn_file_actions_init(&files) != 0) {
        return -1;
    }
    bool ready = true;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        ready = ready && posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0) == 0;
    }
    if (!ready || posix_spawn(&child, "/proc/self/exe", &files, NULL, argv, environ) != 0) {
        child = -1;
    }
    posix_spawn_file_actions_destroy(&files);
    return child;
}

/* The child's wait status; it is killed at the deadline. -1 when there is no child. */
static int await(pid_t child, int seconds)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    int status = -1;
    for (int64_t ms = 0; child > 0; ms += POLL_MS) {
        pid_t done = waitpid(child, &status, WNOHANG);
        if (done == child || (done < 0 && errno != EINTR)) {
            return status;
        }
        if (ms >= (int64_t)seconds * 1000) {
            kill(child, SIGKILL);
        }
        nanosleep(&pause, NULL);
    }
    return status;
}

void probe_drivers(const work *w)
{
    char *const argv[] = {(char *)"pencl", (char *)"probe", NULL};
    if (pencl_drivers_proven(w->ctx)) {
        return;
    }
    work_tell(w, "looking at the OpenCL drivers for the first time");
    int status = await(start(argv), LISTING_S);
    if (status != -1 && WIFSIGNALED(status)) {
        say("a driver killed the process that listed devices (signal %d): it is left out",
            WTERMSIG(status));
    }
}

int probe_kernels(void *user, const char *device, const char *const *kernels, size_t n_kernels)
{
    const work *w = user;
    const char **argv = calloc(n_kernels + 6, sizeof *argv);
    int status = -1;
    if (argv == NULL) {
        return 1;
    }
    const char *const head[] = {"pencl", "probe", "-d", device, "--"};
    enum { N_HEAD = sizeof head / sizeof head[0] };
    for (size_t i = 0; i < N_HEAD + n_kernels; i++) {
        argv[i] = i < N_HEAD ? head[i] : kernels[i - N_HEAD];
    }
    work_tell(w, "trying %zu kernels on %s for the first time", n_kernels, device);
    for (size_t deaths = 0; deaths <= MOST_DEATHS * n_kernels && !interrupted(); deaths++) {
        status = await(start((char *const *)(size_t)argv), FOREVER);
        if (status == -1 || WIFEXITED(status)) {
            break;
        }
        work_tell(w, "a driver killed the process that tried them (signal %d)%s", WTERMSIG(status),
                  WTERMSIG(status) == SIGALRM ? ": it did not return" : "");
    }
    free(argv);
    return status != -1 && WIFSIGNALED(status);
}
