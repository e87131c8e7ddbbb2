/* SPDX-License-Identifier: Apache-2.0 */
/* What remains of a device's speed after minutes: phones and laptops throttle.
 *
 *     pencl_sustain_options o = PENCL_SUSTAIN_OPTIONS_INIT;
 *     pencl_sustain s;
 *     pencl_status st = pencl_sustain_run(&s, lm, &o);
 *     if (!st) printf("%.1f t/s at first, %.1f at last\n", s.burst_ts, s.sustained_ts);
 *     pencl_sustain_free(&s);
 */
#ifndef PENCL_SUSTAIN_H
#define PENCL_SUSTAIN_H

#include "pencl/lm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Runs one test again and again: n_prompt tokens fed at once, or n_gen one by one, each time after
 * `depth` tokens. */
typedef struct pencl_sustain_options {
    int64_t n_prompt;
    int64_t n_gen;
    int64_t depth;
    double seconds;
    const char *matmul; /* as in pencl_session_options */
    /* Called after each second with its t/s; non-zero gives E_CANCELLED. NULL: not called. */
    int (*second)(void *user, int second, double ts);
    void *user;
} pencl_sustain_options;
#define PENCL_SUSTAIN_OPTIONS_INIT                                                                 \
    {                                                                                              \
        .n_gen = 128, .seconds = 300                                                               \
    }

typedef struct pencl_sustain {
    int n;               /* seconds */
    double *ts;          /* t/s of each: tokens of a step that spans several are spread over them */
    double burst_ts;     /* of the first 10 s */
    double sustained_ts; /* of the last 60 s; of the second half where all are fewer than 120 */
} pencl_sustain;

/* Kernels are built by a run before. Tokens are counted where their step ends; what lies between
 * runs is not counted as time. E_ARG: not exactly one of n_prompt and
 * n_gen, less than a second; E_CANCELLED, with what there is. */
PENCL_API PENCL_NODISCARD pencl_status pencl_sustain_run(pencl_sustain *out,
                                                         pencl_lm *lm,
                                                         const pencl_sustain_options *options);
PENCL_API void pencl_sustain_free(pencl_sustain *sustain);

#ifdef __cplusplus
}
#endif

#endif
