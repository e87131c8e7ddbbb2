/* SPDX-License-Identifier: Apache-2.0 */
/* Lets a child process load the OpenCL drivers first. Drivers crash and hang instead of returning
 * errors; what the child died of is in the library's journal, and is not tried again. */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_S = 120, POLL_MS = 5 };

extern char **environ;

/* The child's process id, or -1. Its output is dropped: drivers print as they like. */
static pid_t start(void)
{
    char *const argv[] = {(char *)"pencl", (char *)"probe", NULL};
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
static int await(pid_t child)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    int status = -1;
    for (int ms = 0; child > 0; ms += POLL_MS) {
        pid_t done = waitpid(child, &status, WNOHANG);
        if (done == child || (done < 0 && errno != EINTR)) {
            return status;
        }
        if (ms >= DEADLINE_S * 1000) {
            kill(child, SIGKILL);
        }
        nanosleep(&pause, NULL);
    }
    return status;
}

void probe_drivers(const work *w)
{
    if (pencl_drivers_proven(w->ctx)) {
        return;
    }
    work_tell(w, "looking at the OpenCL drivers for the first time");
    int status = await(start());
    if (status != -1 && WIFSIGNALED(status)) {
        say("a driver killed the process that listed devices (signal %d): it is left out",
            WTERMSIG(status));
    }
}
