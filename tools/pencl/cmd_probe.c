/* SPDX-License-Identifier: Apache-2.0 */
/* pencl probe: for spawn_posix.c, prints nothing; what it lives through, or dies of, is remembered
 * by the library. Without words it lists the devices; with -d and names of kernels it tries them
 * out. */
#include "work.h"

static const device_settings defaults = {.matmul = "auto", .quiet = true};
static const option options[] = {DEVICE_OPTIONS, OPT_END};

static pencl_status probe(work *w, const device_settings *on, const words *kernels)
{
    if (kernels->n == 0) {
        pencl_device_list *list = NULL;
        pencl_status st = pencl_device_list_new(&list, w->ctx);
        pencl_device_list_free(list);
        return st;
    }
    pencl_status st = pencl_device_open(&w->device, w->ctx, on->device);
    return st == PENCL_OK ? pencl_device_probe(w->device, kernels->items, (size_t)kernels->n) : st;
}

static int run(const void *settings, const words *rest)
{
    work w = {0};
    int status = work_context(&w, settings);
    if (status == EXIT_DONE) {
        probe_deadline(0);
        pencl_ctx_set_expendable(w.ctx, probe_deadline);
        status = probe(&w, settings, rest) == PENCL_OK ? EXIT_DONE : EXIT_FAILED;
    }
    work_close(&w);
    return status;
}

const command cmd_probe = {
    .usage = "[-d DEV KERNEL..]",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .max_words = -1,
    .run = run,
};
