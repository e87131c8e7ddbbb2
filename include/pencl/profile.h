/* SPDX-License-Identifier: Apache-2.0 */
/* One step of a model kernel by kernel: where its time goes, and how long it should take on a
 * device of which a few figures are known.
 *
 *     pencl_profile_options o = PENCL_PROFILE_OPTIONS_INIT;
 *     pencl_profile *p = NULL;
 *     pencl_status st = pencl_profile_new(&p, lm, &o);
 *     for (int i = 0; !st && i < pencl_profile_count(p); i++)
 *         printf("%s %.1f us\n", pencl_profile_at(p, i)->label, pencl_profile_at(p, i)->us);
 *     pencl_profile_free(p);
 */
#ifndef PENCL_PROFILE_H
#define PENCL_PROFILE_H

#include "pencl/lm.h"
#include "pencl/study.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_profile_options {
    int64_t n_tokens;           /* of the step: 1 decodes; more, a power of two to 512: a prompt */
    int64_t depth;              /* tokens that are in the caches before */
    int repetitions;            /* runs that are timed; 0: nothing runs, and all times are 0 */
    const char *matmul;         /* as in pencl_session_options */
    int (*stopped)(void *user); /* asked between runs: non-zero gives E_CANCELLED; or NULL */
    void *user;
} pencl_profile_options;
#define PENCL_PROFILE_OPTIONS_INIT                                                                 \
    {                                                                                              \
        .n_tokens = 1, .depth = 64, .repetitions = 9                                               \
    }

/* A node of the plan: an operation with what is fused into it. Times are medians of the runs. */
typedef struct pencl_profile_node {
    const char *label;  /* "matmul+rms_norm" */
    const char *kernel; /* "matmul_wide"; "host" or "reference" without one */
    const char *path; /* of the layer: ".sublayers[1].sublayers[0].delta"; "" where none is known */
    int launches;
    double us;        /* of its launches */
    double before_us; /* that the device was idle in front of them */
    double bytes;     /* to be read and written at least: weights as stored, caches as filled */
    double flops;     /* elementwise steps count one each */
    double weights;   /* stored ones that are multiplied, ... */
    double tokens;    /* ... each by so many rows of activations */
    pencl_dtype dtype;
} pencl_profile_node;

typedef struct pencl_profile_total {
    double step_us;    /* by the host's clock, the step as it runs without a profile */
    double device_us;  /* of all launches */
    double between_us; /* idle between them */
    int by_clock; /* the driver tells no times: every launch was waited for, by the host's clock */
    int launches;
    double bytes;
    double flops;
} pencl_profile_total;

typedef struct pencl_profile pencl_profile;
/* Launches go through a queue that times them, only meanwhile. E_ARG: n_tokens is no power of two;
 * E_CANCELLED; E_UNSUPPORTED on `ref` unless nothing runs. */
PENCL_API PENCL_NODISCARD pencl_status pencl_profile_new(pencl_profile **out,
                                                         pencl_lm *lm,
                                                         const pencl_profile_options *options);
PENCL_API void pencl_profile_free(pencl_profile *profile);
PENCL_API int pencl_profile_count(const pencl_profile *profile);
/* In the order of the launches; NULL when out of range. Borrowed. */
PENCL_API const pencl_profile_node *pencl_profile_at(const pencl_profile *profile, int i);
PENCL_API pencl_profile_total pencl_profile_sum(const pencl_profile *profile);

/* ---- forecasts ---- */

/* What a forecast knows of a device. */
typedef struct pencl_forecast {
    char name[128];
    double read_gbs; /* as of pencl_limits; these three are needed */
    double fma_gflops;
    double launch_us;
    double decode_gflops; /* of stored weights multiplied by one token; 0: from fma_gflops */
    double prompt_gflops; /* by 512 tokens; the same */
    double subgroup;      /* lanes, and local memory: for the reader; 0: not said */
    double local_kib;
} pencl_forecast;

/* How long the step of a profile takes, us: the sum over its nodes of
 *     max(bytes / reading, flops / computing) + launches * launch_us
 * where reading is 0.85 of read_gbs, and weights are multiplied at decode_gflops or prompt_gflops.
 * Without those an unpacked weight costs 1 (half) to 3 (4 bits) operations beside its product, and
 * prompts reach half of fma_gflops. The plan is the one of the profile's device. */
PENCL_API double pencl_profile_forecast(const pencl_profile *profile,
                                        const pencl_forecast *forecast);
/* A text file of lines "name = value", the names those of the struct; # begins a comment. E_IO;
 * E_FORMAT with the line. */
PENCL_API PENCL_NODISCARD pencl_status pencl_forecast_read(pencl_forecast *out,
                                                           pencl_ctx *ctx,
                                                           const char *path);
/* Feed-forward blocks of a model: [seq: tokens, embedding], neurons twice the embedding, weights of
 * a type. */
typedef struct pencl_block_shape {
    pencl_dtype dtype;
    int64_t tokens;    /* 1 to 512 */
    int64_t embedding; /* up to 16384; rounded up to whole blocks of the type */
    double launch_us;  /* what a launch costs and is not to count; 0: it counts */
} pencl_block_shape;

/* How fast a device multiplies their weights, by the plan that it would choose; the fastest sample.
 * One token meets as many blocks as caches do not hold. E_ARG; E_UNSUPPORTED on `ref`. */
PENCL_API PENCL_NODISCARD pencl_status pencl_device_measure_block(double *gflops,
                                                                  pencl_device *device,
                                                                  const pencl_block_shape *shape);
/* By pencl_device_measure and pencl_device_measure_block, for a model of that width. */
PENCL_API PENCL_NODISCARD pencl_status pencl_forecast_measure(pencl_forecast *out,
                                                              pencl_device *device,
                                                              pencl_dtype dtype,
                                                              int64_t embedding);
/* The type of most weights that the profile's step multiplies; float32 without any. */
PENCL_API pencl_dtype pencl_profile_dtype(const pencl_profile *profile);

#ifdef __cplusplus
}
#endif

#endif
