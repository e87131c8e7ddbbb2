/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements over time: rows that are kept between runs, and whether a rate changed beyond noise.
 *
 *     const pencl_run was[] = {{201.3, 0.004}, {203.0, 0.006}}, is[] = {{180.8, 0.005}};
 *     pencl_comparison c;
 *     pencl_compare_runs(&c, was, 2, is, 1, NULL);
 *     if (c.found) printf("%+.1f %%\n", 100 * c.ratio - 100);
 */
#ifndef PENCL_HISTORY_H
#define PENCL_HISTORY_H

#include "pencl/base.h"
#include "pencl/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- has it changed? ---- */

/* One run, or one round of it: the median of its samples, and how uncertain that is. */
typedef struct pencl_run {
    double rate;  /* greater than 0: tokens a second */
    double error; /* standard error of the logarithm of `rate`, from samples; 0: unknown */
} pencl_run;
/* Of n samples in the order they were taken, at least one, all greater than 0. Neighbours are alike
 * on a busy machine: the error is that of as few samples as are independent, and of what all
 * samples of a run share. */
PENCL_API pencl_run pencl_run_of(const double *samples, size_t n);

typedef struct pencl_compare_options {
    double confidence;  /* of the interval; 0: 0.95 */
    int alternating;    /* runs took turns: the i-th of both sides belong together */
    const double *past; /* rates of earlier runs of one build, in their order; or NULL */
    size_t n_past;
} pencl_compare_options;

typedef struct pencl_comparison {
    double was; /* geometric means of the rates */
    double is;
    double ratio; /* is / was */
    double low;   /* the interval of `ratio` */
    double high;
    double noise; /* standard deviation of one run (alternating: of a pair's difference), as a
                     share of its rate */
    int freedom;  /* degrees of freedom that it rests on */
    int found;    /* 1 lies outside of the interval */
} pencl_comparison;

/* Student's t on logarithms of rates, runs being the unit. The variance of a run is pooled from
 * what is known of it (Smyth 2004, "Linear models and empirical Bayes methods", the moderated t):
 * the spread of runs on each side, the past, and, for lack of these, what runs on quiet machines
 * usually differ by; it is never less than the samples of the runs show. Both sides have at least
 * one run. */
PENCL_API void pencl_compare_runs(pencl_comparison *out,
                                  const pencl_run *was,
                                  size_t n_was,
                                  const pencl_run *is,
                                  size_t n_is,
                                  const pencl_compare_options *options);

/* ---- rows that are kept ---- */

/* Keeps a row of text (JSON) in $XDG_STATE_HOME/pencl/state.db, behind all others. A store that
 * cannot be written costs a warning. */
PENCL_API void pencl_history_add(pencl_ctx *ctx, const char *const rows[], size_t n);
/* Calls `row` for each row, oldest first, until it returns non-zero. */
PENCL_API void
pencl_history_read(pencl_ctx *ctx, int (*row)(void *user, const char *text), void *user);

#ifdef __cplusplus
}
#endif

#endif
