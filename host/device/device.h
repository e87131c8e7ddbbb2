/* SPDX-License-Identifier: Apache-2.0 */
/* A device for the folders above: capabilities, buffers, kernels, launches. OpenCL's own types stay
 * inside host/device (cl.h of this folder); `ref` is the same interface over host memory, without
 * kernels. */
#ifndef PENCL_DEVICE_DEVICE_H
#define PENCL_DEVICE_DEVICE_H

#include "base/base.h"

/* ---- capabilities, queried once; PENCL_HIDE and PENCL_LIMIT are applied here ---- */
enum { /* bits of pn_caps.has and of a kernel candidate's needs */
       PN_CAP_FP16 = 1,
       PN_CAP_SUBGROUPS = 2,
       PN_CAP_DOT = 4,
       PN_CAP_IMAGES = 8,
       PN_CAP_OPENCL = 16, /* every device but ref */
};

typedef struct pn_caps {
    unsigned has;
    bool is_ref;
    bool wide;    /* a work-item is best a vector unit (CPU runtimes): `wide` kernels come first */
    bool unified; /* host and device share memory: maps cost nothing */
    uint32_t compute_units;
    uint64_t memory;
    uint64_t max_alloc;
    uint64_t cache; /* bytes of the last cache before the memory, as far as anybody tells */
    uint64_t local_bytes;
    size_t max_work_group;
    uint32_t subgroups[8];  /* sizes, 0-terminated */
    uint32_t subgroup_size; /* of several, the one to build kernels for; 0: the compiler picks */
    uint32_t align;         /* bytes; base addresses and buffer offsets are multiples of it */
    uint32_t float_width;   /* native lanes of float: 4, 8 or 16; 1 on GPUs */
    uint32_t flush_every;   /* launches, after which the driver is told to begin; 0: never mind */
} pn_caps;

const pn_caps *pn_device_caps(const pencl_device *device);
pencl_ctx *pn_device_ctx(const pencl_device *device);
/* The option for kernels with subgroups: "-cl-std=CL3.0" or what else is the device's highest. */
const char *pn_device_best_std(const pencl_device *device);

/* ---- buffers: a range of device memory; counted, so that views may share one ---- */
typedef struct pn_buffer pn_buffer;

pencl_status
pn_buffer_new(pn_buffer **out, pencl_device *device, size_t bytes); /* E_LIMIT, E_DEVICE */
pn_buffer *pn_buffer_ref(pn_buffer *buffer);
void pn_buffer_free(pn_buffer *buffer); /* drops one reference; NULL is fine */
size_t pn_buffer_bytes(const pn_buffer *buffer);
pencl_device *pn_buffer_device(const pn_buffer *buffer);
long pn_buffer_count(const pn_buffer *buffer); /* references */
/* Other memory of another size in the same buffer; what was in it is lost, and kernel arguments
 * must be set again. The old memory goes first: when there is none instead, the buffer has 0 bytes
 * and can be resized later. */
pencl_status pn_buffer_resize(pn_buffer *buffer, size_t bytes);
void pn_buffer_clear(pn_buffer *buffer); /* gives the memory back; 0 bytes are left */
/* Blocking, in order with launches. */
pencl_status pn_buffer_write(pn_buffer *b, size_t offset, const void *from, size_t bytes);
pencl_status pn_buffer_read(pn_buffer *b, size_t offset, void *to, size_t bytes);
/* Not blocking, in order with launches. `from` of an async write must stay until the next wait. */
pencl_status pn_buffer_write_async(pn_buffer *b, size_t offset, const void *from, size_t bytes);
pencl_status
pn_buffer_copy(pn_buffer *to, size_t to_offset, pn_buffer *from, size_t from_offset, size_t bytes);
pencl_status pn_buffer_fill(pn_buffer *b, size_t offset, size_t bytes, unsigned char value);
/* Host access to the whole buffer: blocking map. On `ref` and unified devices no copy is made. */
typedef enum pn_map_mode { PN_MAP_READ, PN_MAP_WRITE } pn_map_mode; /* WRITE: old content is lost */
pencl_status pn_buffer_map(void **out, pn_buffer *b, pn_map_mode mode);
pencl_status pn_buffer_unmap(pn_buffer *b, void *at);
/* The memory of a buffer of `ref`; NULL on other devices. */
void *pn_buffer_host(pn_buffer *b);

/* ---- memory ---- */
/* Bytes of all live buffers of the device, now and at most. */
void pn_device_memory(const pencl_device *device, size_t *now, size_t *peak);
/* Bytes that buffers can still have, as far as the driver and the system tell. */
uint64_t pn_device_memory_free(const pencl_device *device);

/* Bytes of one buffer at most. */
uint64_t pn_device_largest(const pencl_device *device);

/* A rehearsal: buffers are made without memory and only counted, so that what something takes is
 * known before any of it is taken. They forget what is written and read as zeros. Buffers are freed
 * before their rehearsal ends. */
typedef struct pn_rehearsal {
    size_t now;
    size_t largest; /* of the buffers */
    bool any_size;  /* buffers may be larger than the device can have them */
} pn_rehearsal;
/* From now on; returns the one before, to be put back. NULL: buffers are real. */
pn_rehearsal *pn_device_rehearse(pencl_device *device, pn_rehearsal *rehearsal);
bool pn_device_rehearses(const pencl_device *device);

/* ---- kernels ---- */
typedef struct pn_kernel pn_kernel; /* one kernel object: its arguments stay set between launches */

/* Source = `prelude` (macros and composed functions; may be NULL) + cl/FILE.cl with its
 * `#include "lib/X.clh"` lines resolved, each piece led by #line so that messages name the file.
 * Programs are shared by (file, prelude, options), their binaries kept in the store. `label` is
 * for the profile, the journal and messages. A failed build is E_BUILD with the compiler's log.
 * Every program has -cl-std=CL1.2 unless its options name another. */
typedef struct pn_kernel_source {
    const char *file;     /* "matmul_wide" */
    const char *name;     /* the kernel's name */
    const char *prelude;  /* or NULL */
    const char *options;  /* "-DT=8", or NULL */
    const char *label;    /* "matmul/matmul_wide<q4_1,8>" */
    bool whole;           /* launches are never cut: the caller sees to it that they are short */
    bool once;            /* reads what it writes: no part of a launch may be done twice */
    bool stage;           /* written with lib/stage.clh: may be a stage of a chain */
    const pn_text *units; /* texts to compile apart and to link with it */
    int n_units;
} pn_kernel_source;
pencl_status pn_kernel_new(pn_kernel **out, pencl_device *device, const pn_kernel_source *source);
void pn_kernel_free(pn_kernel *kernel);

/* Arguments by index. A device that refuses one says so at the launch. */
void pn_kernel_arg_buffer(pn_kernel *k, int index, pn_buffer *buffer);
void pn_kernel_arg_i32(pn_kernel *k, int index, int32_t value);
void pn_kernel_arg_u32(pn_kernel *k, int index, uint32_t value);
void pn_kernel_arg_i64(pn_kernel *k, int index, int64_t value);
void pn_kernel_arg_f32(pn_kernel *k, int index, float value);
void pn_kernel_arg_local(pn_kernel *k, int index, size_t bytes);

/* Enqueues, in order, without waiting. The first launch of a kernel is journalled and waited for. A
 * launch that would be long on this device is several, each over a part of the range. */
pencl_status pn_kernel_run(pn_kernel *k, int dims, const size_t global[3], const size_t local[3]);

/* E_BUILD when such a launch would be refused, since two processes died in it. */
pencl_status pn_kernel_check(pn_kernel *k, int dims, const size_t local[3]);

/* While it is on, each launch is timed anew and waited for: what it takes may have changed. */
void pn_device_time_launches(pencl_device *device, bool on);
/* Builds and runs the least kernel there is; an error is the device's, or its compiler's. */
pencl_status pn_device_check_alive(pencl_device *device);

pencl_status pn_device_flush(pencl_device *device);  /* hands queued work to the driver */
pencl_status pn_device_finish(pencl_device *device); /* waits for all of it */
/* Off the token path: reads the binaries of programs first launched since, and queues them for
 * the store, which is written. Called by models after their first run and at close. */
void pn_device_idle(pencl_device *device);

/* ---- chains: one launch for several, on CPUs, where a launch costs as much as a small kernel ----
 */
enum { PN_CHAIN_MOST = 8 }; /* launches of a chain */
/* A launch as it was recorded. */
typedef struct pn_stage {
    pn_kernel *kernel;
    int dims;
    size_t global[3];
    size_t local[3];
} pn_stage;

/* Whether the device runs chains. */
bool pn_device_chains(const pencl_device *device);
/* How many of n launches that follow each other are one chain, from the first on; 0: it is none.
 * What was not launched yet, or is cut, is in no chain, and no chain is cut: what the launches take
 * in all is the caller's to see to. */
int pn_chain_length(const pencl_device *device, const pn_stage *stages, int n);
/* A kernel that does the work of n launches. Their arguments are its own, now and whenever they are
 * set again: it is freed before their kernels. Its program is one of the device's kernels and
 * drivers: E_BUILD like any other, and `pn_chain_key` names it. */
pencl_status pn_chain_new(pn_kernel **out, pencl_device *device, const pn_stage *stages, int n);
const char *pn_chain_key(const pn_kernel *chain);
pencl_status pn_chain_run(pn_kernel *chain);
/* The kernel's arguments go to no chain any more. */
void pn_chain_leave(pn_kernel *kernel);

/* ---- times of launches, by the device's clock ---- */
typedef struct pn_time {
    uint64_t start; /* ns; 0 where the driver does not tell */
    uint64_t end;
} pn_time;
/* From here to the stop launches go through a queue that times them. E_UNSUPPORTED on `ref`. */
pencl_status pn_times_start(pencl_device *device);
void pn_times_stop(pencl_device *device);
/* Launches so far; their times, in order, after a wait: they are forgotten. */
size_t pn_times_count(const pencl_device *device);
pencl_status pn_times_take(pn_time *out, pencl_device *device);

/* ---- verdicts: what is known of kernels on this device; the store has them. A verdict holds for
 * the device with its driver, the texts of all kernels, and what the device is said to have. ----
 */
enum { PN_VERDICT_MAX = 160 };
/* False when `what`, one line shorter than PN_VERDICT_MAX, was never judged. Else `why`: "" when it
 * is good, or why it is not to be used. */
bool pn_device_verdict(pencl_device *device, const char *what, char *why, size_t room);
/* Judges it for good, in this process and all later ones; the first verdict stands. */
void pn_device_judge(pencl_device *device, const char *what, const char *why);
/* Judges it in this process: a build or a launch failed, which may have been the device's state
 * and not the kernel's fault. */
void pn_device_doubt(pencl_device *device, const char *what, const char *why);
/* The same of what was judged to be good: the doubt counts. */
void pn_device_overrule(pencl_device *device, const char *what, const char *why);
/* Something was built and ran since the doubts, so the device is well: they become verdicts. */
void pn_device_settle_doubts(pencl_device *device);
/* Another process added verdicts. */
void pn_device_reread_verdicts(pencl_device *device);

/* Raw OpenCL handles for op/blas.c alone: cl_context, cl_command_queue, cl_device_id, cl_mem. */
void *pn_device_raw_queue(pencl_device *device);
void *pn_buffer_raw(pn_buffer *buffer);
/* The path of the libOpenCL in use, so that CLBlast is taken only if it uses the same. */
const char *pn_device_library_path(const pencl_device *device);

#endif
