/* SPDX-License-Identifier: Apache-2.0 */
/* A recording: the launches of a plan with their arguments set, replayed without further work. */
#ifndef PENCL_OP_EMIT_H
#define PENCL_OP_EMIT_H

#include "op/task.h"

/* A kernel argument to set again when a variable is rebound or a buffer of the plan is resized. */
typedef struct pn_patch {
    pn_kernel *kernel;
    int index;
    int slot; /* of a variable; -1: of the plan's own buffer `from` */
    int part;
    size_t element; /* bytes */
    int64_t offset; /* of the view, in elements; 0 for rows16 stores */
    pn_buffer *from;
} pn_patch;

typedef struct pn_launch {
    pn_kernel *kernel; /* NULL: a host step */
    int dims;
    size_t global[3];
    size_t local[3];
    pn_host_step *run;
    void *user;
    void (*free_user)(void *user);
    int task;         /* that it came from */
    pn_kernel *chain; /* does the work of `chained` launches, this one and those behind; or NULL */
    int chained;
} pn_launch;

struct pn_emit {
    pencl_ctx *ctx;
    pencl_device *device;
    int task; /* being emitted */
    pn_launch *launches;
    size_t n_launches;
    size_t launch_room;
    pn_kernel **kernels;
    size_t n_kernels;
    size_t kernel_room;
    pn_patch *patches;
    size_t n_patches;
    size_t patch_room;
    bool failed; /* out of memory while noting a patch */
};

void pn_emit_free(pn_emit *e); /* what the recording owns */
/* Sets every argument of a variable slot, or of a buffer of the plan that was resized. */
void pn_emit_rebind(pn_emit *e, int slot, const pn_store *store);
void pn_emit_resized(pn_emit *e, pn_buffer *buffer);
/* Enqueues all launches in order, by chains where there are any, or one by one. */
pencl_status pn_emit_replay(pn_emit *e, bool chains);
/* chain.c: makes chains of launches that were all made once; frees them. */
pencl_status pn_emit_chain(pn_emit *e);
void pn_emit_unchain(pn_emit *e);
pencl_status pn_emit_replay_launch(pn_emit *e, const pn_launch *launch);
pencl_status pn_emit_replay_task(pn_emit *e, int task);

#endif
