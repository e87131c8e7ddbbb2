/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C: the first one is noted and stops the session at its next step, the second one ends the
 * process. */
#include "work.h"

#include <signal.h>

/* A signal handler has no other way to learn what it stops. */
static pencl_session *volatile running;
static volatile sig_atomic_t caught;

static void on_interrupt(int number)
{
    (void)number;
    caught = 1;
    if (running != NULL) {
        pencl_session_cancel(running);
    }
}

static void handle(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

void interrupt_catch(pencl_session *session)
{
    running = session;
    handle(on_interrupt);
}

void interrupt_release(void)
{
    handle(SIG_DFL);
    running = NULL;
}

bool interrupted(void)
{
    return caught != 0;
}
