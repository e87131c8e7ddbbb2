/* SPDX-License-Identifier: Apache-2.0 */
/* The structs behind device.h, for the files of this folder. */
#ifndef PENCL_DEVICE_INTERNAL_H
#define PENCL_DEVICE_INTERNAL_H

#include "base/journal.h"
#include "base/store.h"
#include "device/cl.h"
#include "device/device.h"
#include "device/select.h"

typedef struct pn_program pn_program;
typedef struct pn_times pn_times;

struct pencl_device {
    pencl_ctx *ctx;
    long refs; /* one of the user, one of each buffer and kernel */
    pencl_device_info info;
    pn_caps caps;
    char reason[PN_REASON_MAX];
    pn_store_db *store;  /* cache.db; a store in memory when there is no home */
    pn_journal *journal; /* opened by the first risky call; a warm start has none */
    pn_text verdicts;    /* lines of verdict.c */
    pn_text doubts;
    char verdicts_key[33]; /* "": not known yet */
    bool verdicts_read;
    pn_text refused;   /* risky calls that earlier processes died in, one a line */
    size_t memory_now; /* bytes of live buffers */
    size_t memory_peak;
    pn_rehearsal *rehearsal; /* NULL: buffers are real */

    /* The rest is NULL or empty on `ref`. */
    const pn_cl *cl;
    cl_device_id id;
    cl_device_id part; /* the same when it is a part of a device, which is then released; or NULL */
    cl_context context;
    cl_command_queue queue;   /* in order */
    cl_mem counters;          /* of chains; or NULL */
    bool flushed;             /* since the last wait */
    pn_times *times;          /* launches are timed; or NULL */
    const char *best_std;     /* "-cl-std=CL3.0": for kernels with subgroups */
    char programs_table[512]; /* of the store: "programs DEVICE|DRIVER|PLATFORM" */
    pn_program *programs;     /* all live ones */
    bool timing;              /* pn_device_time_launches */
};

struct pn_buffer {
    pencl_device *device;
    long refs;
    size_t bytes;
    bool rehearsed;  /* it has no memory */
    cl_mem mem;      /* NULL on `ref` */
    void *host;      /* `ref`: memory at a multiple of caps.align */
    void *unaligned; /* `ref`: what was allocated */
};

/* Begins a build or a launch of the device's journal; notes one that is refused. */
pencl_status pn_device_risk(pencl_device *device, const char *what);
/* memory.c: whether so many bytes more may be had; and that a buffer got its bytes, or loses them.
 */
pencl_status pn_memory_check(pencl_device *device, size_t bytes);
void pn_memory_add(const pn_buffer *buffer);
void pn_memory_remove(const pn_buffer *buffer);
/* times.c: where the event of the next launch goes, NULL: it is not timed; after the launch. */
cl_event *pn_times_next(pencl_device *device);
void pn_times_launched(pencl_device *device, const cl_event *event);
void pn_device_hold(pencl_device *device);
void pn_device_release(pencl_device *device);

#endif
