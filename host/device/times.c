/* SPDX-License-Identifier: Apache-2.0 */
/* When launches ran, by the device's own clock. */
#include "device/internal.h"

#include <string.h>

struct pn_times {
    cl_command_queue plain; /* the queue of untimed launches, meanwhile */
    cl_event *events;
    size_t n;
    size_t room;
};

static void forget_events(pencl_device *d)
{
    for (size_t i = 0; i < d->times->n; i++) {
        d->cl->clReleaseEvent(d->times->events[i]);
    }
    d->times->n = 0;
}

pencl_status pn_times_start(pencl_device *d)
{
    cl_int code = CL_SUCCESS;
    if (d->times != NULL || d->caps.is_ref) {
        return PN_FAIL(d->ctx, PENCL_E_UNSUPPORTED, "launches of %s are not timed", d->info.id);
    }
    PENCL_TRY(pn_device_finish(d));
    pn_times *t = pn_calloc(1, sizeof *t);
    if (t == NULL) {
        return PN_NOMEM(d->ctx);
    }
    t->plain = d->queue;
    cl_command_queue timed =
        d->cl->clCreateCommandQueue(d->context, d->id, CL_QUEUE_PROFILING_ENABLE, &code);
    if (code != CL_SUCCESS) {
        pn_free(t);
        return pn_cl_fail(d->ctx, "clCreateCommandQueue", code, __FILE__, __LINE__);
    }
    d->queue = timed;
    d->times = t;
    return PENCL_OK;
}

void pn_times_stop(pencl_device *d)
{
    if (d->times == NULL) {
        return;
    }
    d->cl->clFinish(d->queue);
    forget_events(d);
    d->cl->clReleaseCommandQueue(d->queue);
    d->queue = d->times->plain;
    pn_free(d->times->events);
    pn_free(d->times);
    d->times = NULL;
}

size_t pn_times_count(const pencl_device *d)
{
    return d->times->n;
}

/* What a driver does not tell is 0. */
static uint64_t when(const pencl_device *d, cl_event event, cl_profiling_info what)
{
    cl_ulong ns = 0;
    cl_int code = d->cl->clGetEventProfilingInfo(event, what, sizeof ns, &ns, NULL);
    return code == CL_SUCCESS ? ns : 0;
}

pencl_status pn_times_take(pn_time *out, pencl_device *d)
{
    PENCL_TRY(pn_device_finish(d));
    for (size_t i = 0; i < d->times->n; i++) {
        cl_event event = d->times->events[i];
        out[i] = (pn_time){.start = when(d, event, CL_PROFILING_COMMAND_START),
                           .end = when(d, event, CL_PROFILING_COMMAND_END)};
    }
    forget_events(d);
    return PENCL_OK;
}

/* Where the next launch's event goes; NULL when nothing is timed. */
cl_event *pn_times_next(pencl_device *d)
{
    pn_times *t = d->times;
    if (t == NULL) {
        return NULL;
    }
    if (t->n == t->room) {
        size_t more = t->room == 0 ? 256 : 2 * t->room;
        cl_event *events = pn_realloc(t->events, more, sizeof *events);
        if (events == NULL) {
            return NULL;
        }
        t->events = events;
        t->room = more;
    }
    return &t->events[t->n];
}

void pn_times_launched(pencl_device *d, const cl_event *event)
{
    d->times->n += event != NULL;
}
