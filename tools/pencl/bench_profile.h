/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of a step goes, and how long it should take elsewhere. */
#ifndef PENCL_TOOLS_BENCH_PROFILE_H
#define PENCL_TOOLS_BENCH_PROFILE_H

#include "output.h"
#include "work.h"

/* Steps of a decoded token and of a prompt's chunk; either may be 0. */
typedef struct profile_steps {
    int64_t n_prompt;
    int64_t n_gen;
    int64_t depth;
    const char *predict; /* a file with a device's limits; NULL: what this one does is measured */
} profile_steps;

/* After work_model: prints tables, or adds an object a step to `rows`. Returns an exit status. */
int bench_profile(work *w, const profile_steps *steps, json_t *rows);
/* The same without running anything: forecasts for the device of the file. */
int bench_predict(work *w, const profile_steps *steps, json_t *rows);

/* A step that is about the test's: a power of two, at most 512. */
int64_t profile_step(int64_t n_tokens);

#endif
