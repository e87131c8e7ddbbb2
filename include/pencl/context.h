/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts (errors, log) and devices.
 *
 *     pencl_ctx *ctx = pencl_ctx_new();
 *     pencl_device *device = NULL;
 *     if (pencl_device_open(&device, ctx, "pocl") != PENCL_OK) {
 *         fprintf(stderr, "%s\n", pencl_error_text(ctx));
 *     }
 *     pencl_device_close(device);
 *     pencl_ctx_free(ctx);
 *
 * One thread at a time uses a context and what was made from it; several contexts may run side by
 * side. A pointer that comes through a `**out` argument is yours: free or close it. A pointer that
 * a function returns belongs to its parent and lives as long.
 */
#ifndef PENCL_CONTEXT_H
#define PENCL_CONTEXT_H

#include "pencl/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_ctx pencl_ctx;
typedef struct pencl_device pencl_device;

typedef enum pencl_log_level { PENCL_LOG_WARN, PENCL_LOG_INFO, PENCL_LOG_DEBUG } pencl_log_level;
typedef void
pencl_log_fn(void *user, pencl_log_level level, const char *category, const char *text);

/* A context without devices; NULL when memory is out. Free it last, with pencl_ctx_free. */
PENCL_API pencl_ctx *pencl_ctx_new(void);
PENCL_API void pencl_ctx_free(pencl_ctx *ctx);

/* The record of the last failed call on this context: "" and PENCL_OK after a success. */
PENCL_API const char *pencl_error_text(const pencl_ctx *ctx);
PENCL_API pencl_status pencl_error_status(const pencl_ctx *ctx);

/* Where messages go; without one the library is silent. PENCL_LOG=device,plan limits categories. */
PENCL_API void pencl_ctx_set_log(pencl_ctx *ctx, pencl_log_fn *fn, void *user);

typedef enum pencl_device_type {
    PENCL_DEVICE_CPU,
    PENCL_DEVICE_GPU,
    PENCL_DEVICE_ACCELERATOR,
    PENCL_DEVICE_REF /* the C references, no OpenCL at all */
} pencl_device_type;

/* One row of the list of devices; every text is UTF-8 and ends with NUL. Sizes are in bytes. */
typedef struct pencl_device_info {
    int number;  /* position in the list, from 0 */
    char id[64]; /* "pocl:0": short platform name, and index in all platforms of that name */
    char name[128];
    char platform[128];
    char vendor[128];
    char driver[128];
    char opencl[64]; /* "OpenCL 3.0 PoCL ..." as the device says */
    char opencl_c[64];
    pencl_device_type type;
    uint64_t memory;
    uint64_t max_alloc;
    uint64_t local;
    uint32_t compute_units;
    uint64_t work_group;   /* work-items of a work-group at most */
    int unified;           /* 1: host and device share memory (CPUs, integrated GPUs) */
    int fp16;              /* 1: half arithmetic */
    int dot;               /* 1: cl_khr_integer_dot_product */
    int images;            /* 1: images */
    int vectors;           /* 1: kernels that compute with explicit vectors come first (CPUs) */
    uint32_t subgroups[8]; /* the sizes the device has, 0-terminated; empty: no subgroups */
    char pci[32];          /* "0000:03:00.0", "" where the driver does not tell */
    char uuid[40];         /* "3f2a...": 32 hexadecimal digits, or "" */
    int software;          /* 1: a renderer or simulator in software, taken only when named */
    int usable;            /* 1: every op can run */
    int is_default;        /* 1: taken when nothing is asked for */
    char why[256];         /* why usable or not, why default or not */
} pencl_device_info;

typedef struct pencl_platform_info {
    char name[128];
    int n_devices;
    char error[512]; /* "" or what went wrong with the platform or its .icd file */
} pencl_platform_info;

/* Every device of every platform, then `ref`. A platform that fails is a row with its error and
 * disturbs nothing. Without libOpenCL the list holds `ref` only and platforms[0].error says what
 * was tried. Free with pencl_device_list_free. */
typedef struct pencl_device_list {
    size_t n_devices;
    pencl_device_info *devices;
    size_t n_platforms;
    pencl_platform_info *platforms;
} pencl_device_list;
PENCL_API PENCL_NODISCARD pencl_status pencl_device_list_new(pencl_device_list **out,
                                                             pencl_ctx *ctx);
PENCL_API void pencl_device_list_free(pencl_device_list *list);

/* What was picked of a list: a row, and how many of its compute units; 0: the whole device. */
typedef struct pencl_device_pick {
    size_t row;
    uint32_t cores;
} pencl_device_pick;

/* What `words` mean in a list, best first: as pencl_device_open takes them, NULL for PENCL_DEVICE
 * or the default. "all" and types leave out what is taken only when named. *n is at least 1. Free
 * with pencl_device_picks_free. PENCL_E_DEVICE as for pencl_device_open. */
PENCL_API PENCL_NODISCARD pencl_status pencl_device_match(pencl_device_pick **out,
                                                          size_t *n,
                                                          pencl_ctx *ctx,
                                                          const pencl_device_list *list,
                                                          const char *words);
PENCL_API void pencl_device_picks_free(pencl_device_pick *picks);

/* 1 when an earlier process listed the drivers that are installed and survived; else the first
 * listing is better made by a child process. Opens no driver. A listing that a process died in, and
 * a build or first launch that two did, is refused from then on, unless PENCL_RETRY=1 asks for
 * another try. */
PENCL_API int pencl_drivers_proven(pencl_ctx *ctx);
/* For such a child: it also tries a listing once more that one process died in, perhaps because it
 * was killed for another reason. `deadline`, when not NULL, is told before each risky call in how
 * many seconds it is to be over, and 0 behind it; what has not returned by then never will. */
typedef void pencl_deadline_fn(unsigned seconds);
PENCL_API void pencl_ctx_set_expendable(pencl_ctx *ctx, pencl_deadline_fn *deadline);

/* Kernels are tried out, on small cases against their references, when a device is to use them for
 * the first time. Drivers may die of it, so a program can have it done elsewhere: `fn` gets the
 * device's id and the names of what is to be tried, has another process call pencl_device_probe
 * with them, again when that one dies, and returns 0 once one ended in peace; otherwise what has
 * no verdict then is not used. Without `fn` the trial is made by the process that needs it. */
typedef int
pencl_probe_fn(void *user, const char *device, const char *const *kernels, size_t n_kernels);
PENCL_API void pencl_ctx_set_probe(pencl_ctx *ctx, pencl_probe_fn *fn, void *user);

/* Opens the device that `words` names: a number, an id, a PCI address, a UUID, words matched
 * against vendor, platform, name and type, "ref", or NULL for PENCL_DEVICE or the default; of
 * several, the best. "/cores=N" behind any of these takes N compute units of a device that can be
 * divided. "ref" alone touches no OpenCL, and its number is then 0. PENCL_E_DEVICE with the list of
 * choices in the error text when nothing fits. */
PENCL_API PENCL_NODISCARD pencl_status pencl_device_open(pencl_device **out,
                                                         pencl_ctx *ctx,
                                                         const char *words);
PENCL_API void pencl_device_close(pencl_device *device);

/* Tries kernels out, by the names that a pencl_probe_fn was given; verdicts go into the store. A
 * kernel that fails is no error. */
PENCL_API PENCL_NODISCARD pencl_status pencl_device_probe(pencl_device *device,
                                                          const char *const *kernels,
                                                          size_t n_kernels);

/* Sets the number of worker threads of CPU drivers. Call before any device is listed or opened:
 * the drivers read it when they are loaded; later only the same number is accepted. 0 leaves the
 * driver's default. */
PENCL_API PENCL_NODISCARD pencl_status pencl_set_threads(pencl_ctx *ctx, int threads);

/* The row of an open device, and in one sentence why it was chosen. Borrowed. */
PENCL_API const pencl_device_info *pencl_device_describe(const pencl_device *device);
PENCL_API const char *pencl_device_reason(const pencl_device *device);

#ifdef __cplusplus
}
#endif

#endif
