/* SPDX-License-Identifier: Apache-2.0 */
/* pencl probe: lists the devices for spawn_posix.c and prints nothing; what it lives through, or
 * dies of, is remembered by the library. */
#include "work.h"

static const device_settings defaults = {.quiet = true};
static const option options[] = {OPT_END};

static int run(const void *settings, const words *rest)
{
    work w = {0};
    pencl_device_list *list = NULL;
    (void)rest;
    int status = work_context(&w, settings);
    if (status == EXIT_DONE) {
        pencl_ctx_set_expendable(w.ctx);
    }
    if (status == EXIT_DONE && pencl_device_list_new(&list, w.ctx) != PENCL_OK) {
        status = EXIT_FAILED;
    }
    pencl_device_list_free(list);
    work_close(&w);
    return status;
}

const command cmd_probe = {
    .usage = "",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
