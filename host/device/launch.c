/* SPDX-License-Identifier: Apache-2.0 */
/* Launches, cut where they would be long.
 *
 * Drivers kill what runs for 1 to 10 s, and a GPU's desktop stands still meanwhile. So a kernel of
 * unknown speed does a sixteenth of its range first; the time of each piece says how large the next
 * one may be, and the time of a work-group is kept beside the program's binary. Whoever finds it
 * there starts with pieces of the right size: on most devices that is all of the range, and costs
 * nothing. The sixteenth is done again with the rest, so that a fast device compiles nothing for
 * ranges that start elsewhere: kernels do not read what they write, but for those marked `once`.
 * And they know their place by get_global_id alone: get_group_id and get_global_size are about the
 * piece.
 */
#include "device/kernel.h"
#include "device/risk.h"

#include "base/os.h"

#include <stdio.h>
#include <string.h>

/* Half of what a launch may last: speeds vary, and sequences grow. */
#define MOST_NS 50e6

enum { FIRST_SHARE = 16 };

/* ---- pieces ---- */

/* A range as it is cut: along the axis with the most work-groups. */
typedef struct cut {
    int axis;
    size_t groups; /* along it */
    size_t each;   /* work-groups that one of them stands for */
} cut;

static size_t groups_along(const pn_range *range, int axis)
{
    return range->local[axis] > 0 ? range->global[axis] / range->local[axis] : range->global[axis];
}

static cut cut_of(const pn_range *range)
{
    cut c = {0};
    size_t all = 1;
    for (int i = 0; i < range->dims; i++) {
        size_t n = groups_along(range, i);
        all *= n;
        if (n >= c.groups) {
            c.axis = i;
            c.groups = n;
        }
    }
    c.each = c.groups > 0 ? all / c.groups : 0;
    return c;
}

/* `n` groups along the axis from number `from` on. */
static pencl_status
enqueue_piece(pn_kernel *k, const pn_range *range, const cut *c, size_t from, size_t n)
{
    pencl_device *d = k->device;
    const size_t unit = range->local[c->axis] > 0 ? range->local[c->axis] : 1;
    size_t offset[3] = {0};
    size_t global[3];
    memcpy(global, range->global, sizeof global);
    if (from > 0 || n < c->groups) {
        offset[c->axis] = from * unit;
        global[c->axis] = n * unit;
    }
    cl_event *event = pn_times_next(d);
    PN_CL(d, clEnqueueNDRangeKernel, d->queue, k->kernel, (cl_uint)range->dims,
          from > 0 ? offset : NULL, global, range->local[0] > 0 ? range->local : NULL, 0, NULL,
          event);
    if (event != NULL) {
        pn_times_launched(d, event);
    }
    return PENCL_OK;
}

/* Drivers that gather launches would hand the pieces over as one. */
static pencl_status enqueue_pieces(pn_kernel *k, const pn_range *range, const cut *c, size_t piece)
{
    for (size_t from = 0; from < c->groups; from += piece) {
        const size_t left = c->groups - from;
        PENCL_TRY(enqueue_piece(k, range, c, from, left < piece ? left : piece));
        PENCL_TRY(pn_device_flush(k->device));
    }
    return PENCL_OK;
}

static pencl_status enqueue(pn_kernel *k)
{
    const cut c = cut_of(&k->proven);
    return k->piece > 0 ? enqueue_pieces(k, &k->proven, &c, k->piece)
                        : enqueue_piece(k, &k->proven, &c, 0, c.groups);
}

/* ---- speed ---- */

/* How many groups along the axis one launch may take, where a work-group takes `ns`. */
static size_t piece_of(const pn_kernel *k, const cut *c, double ns)
{
    const double n = MOST_NS / (ns * (double)c->each + 1e-3);
    return n >= (double)c->groups || k->whole ? c->groups : n < 1 ? 1 : (size_t)n;
}

static pencl_status
time_piece(double *ns, pn_kernel *k, const pn_range *range, const cut *c, size_t from, size_t n)
{
    const uint64_t start = pn_clock_ns();
    PENCL_TRY(enqueue_piece(k, range, c, from, n));
    PENCL_TRY(pn_device_finish(k->device));
    const double each = (double)(pn_clock_ns() - start) / (double)(n * c->each);
    *ns = from == 0 || each < *ns ? each : *ns;
    return PENCL_OK;
}

/* The groups from `from` on, each piece as large as the fastest before it says. `ns` is the time of
 * a work-group. */
static pencl_status
time_rest(double *ns, pn_kernel *k, const pn_range *range, const cut *c, size_t from)
{
    while (from < c->groups) {
        const size_t n = piece_of(k, c, *ns);
        const size_t left = c->groups - from;
        PENCL_TRY(time_piece(ns, k, range, c, from, n < left ? n : left));
        from += n;
    }
    return PENCL_OK;
}

/* ---- names ---- */

/* What a launch is called: in the program's list, and in the journal. */
typedef struct launch_name {
    char line[128];
    char risk[PN_RISK_MAX];
} launch_name;

static void name_launch(launch_name *name, const pn_kernel *k, const size_t size[3])
{
    snprintf(name->line, sizeof name->line, "%.60s %zu,%zu,%zu", k->name, size[0], size[1],
             size[2]);
    snprintf(name->risk, sizeof name->risk, "launch %s %s", k->program->store_key, name->line);
}

/* All of it, padding too: ranges are compared as bytes. */
static void set_range(pn_range *range, int dims, const size_t *global, const size_t *local)
{
    memset(range, 0, sizeof *range);
    range->dims = dims;
    for (int i = 0; i < 3; i++) {
        range->global[i] = i < dims && global != NULL ? global[i] : 1;
        range->local[i] = i < dims && local != NULL ? local[i] : 0;
    }
}

/* ---- launching ---- */

static pencl_status check_launch(pn_kernel *k, const pn_range *range)
{
    pencl_device *d = k->device;
    char call[48];
    if (k->bad_code != CL_SUCCESS) {
        snprintf(call, sizeof call, "clSetKernelArg of argument %d", k->bad_arg);
        return pn_cl_fail(d, call, k->bad_code, __FILE__, __LINE__);
    }
    size_t items = 1;
    for (int i = 0; i < range->dims && range->local[i] > 0; i++) {
        items *= range->local[i];
    }
    if (items > d->caps.max_work_group) {
        return PN_FAIL(d->ctx, PENCL_E_LIMIT, "a work-group of %zu, the device takes %zu", items,
                       d->caps.max_work_group);
    }
    return PENCL_OK;
}

/* The launch of a kernel at a local size that this driver has not been through: drivers compile
 * here, and die here, so its first piece is journalled and waited for. If that took long, the same
 * again tells whether it was the compiler. */
static pencl_status
prove(double *ns, pn_kernel *k, const pn_range *range, const cut *c, const launch_name *name)
{
    pencl_device *d = k->device;
    const size_t n = k->whole ? c->groups : (c->groups + FIRST_SHARE - 1) / FIRST_SHARE;
    PENCL_TRY(pn_device_risk(d, name->risk));
    pencl_status status = time_piece(ns, k, range, c, 0, n);
    pn_risk_end(d->journal, d->ctx, name->risk);
    if (k->once || n == c->groups || status != PENCL_OK) {
        return status == PENCL_OK ? time_rest(ns, k, range, c, n) : status;
    }
    if (piece_of(k, c, *ns) < c->groups) {
        PENCL_TRY(time_piece(ns, k, range, c, 0, n));
    }
    return time_rest(ns, k, range, c, 0); /* whole, where that is not long */
}

/* A range that this kernel object was not launched over: how it is cut is settled. */
static pencl_status settle(pn_kernel *k, const pn_range *range)
{
    launch_name name;
    double ns = 0;
    const cut c = cut_of(range);
    k->proven.dims = 0;
    PENCL_TRY(check_launch(k, range));
    name_launch(&name, k, range->local);
    const bool known = pn_program_was_launched(k->program, name.line, &ns);
    if (!known) {
        PENCL_TRY(prove(&ns, k, range, &c, &name));
    } else if (k->device->timing || piece_of(k, &c, ns) < c.groups) {
        PENCL_TRY(time_rest(&ns, k, range, &c, 0));
    } else {
        PENCL_TRY(enqueue_piece(k, range, &c, 0, c.groups));
    }
    pn_program_note_launch(k->program, name.line, ns);
    k->proven = *range;
    k->piece = piece_of(k, &c, ns);
    k->piece = k->piece < c.groups ? k->piece : 0;
    return PENCL_OK;
}

pencl_status pn_kernel_check(pn_kernel *k, int dims, const size_t local[3])
{
    pencl_device *d = k->device;
    launch_name name;
    pn_range range;
    double ns = 0;
    set_range(&range, dims, NULL, local);
    name_launch(&name, k, range.local);
    if (pn_program_was_launched(k->program, name.line, &ns)) {
        return PENCL_OK;
    }
    pencl_status status = pn_risk_check(&d->journal, d->ctx, name.risk, PN_TWO_DEATHS);
    if (status != PENCL_OK) {
        pn_text_add(&d->refused, "%s\n", name.risk);
        pn_error_prefix(d->ctx, k->label);
    }
    return status;
}

pencl_status pn_kernel_run(pn_kernel *k, int dims, const size_t global[3], const size_t local[3])
{
    pn_range range;
    set_range(&range, dims, global, local);
    const bool settled = !k->device->timing && memcmp(&range, &k->proven, sizeof range) == 0;
    pencl_status status = settled ? enqueue(k) : settle(k, &range);
    if (status != PENCL_OK) {
        pn_error_prefix(k->device->ctx, k->label);
    }
    return status;
}
