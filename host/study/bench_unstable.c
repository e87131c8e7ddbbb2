/* SPDX-License-Identifier: Apache-2.0 */
/* Whether something else than the device's speed may be in a result. */
#include "pencl/bench.h"

#include "base/os.h"
#include "study/statistics.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DRIFT   0.05
#define DROP    0.05 /* of the clock */
#define FOREIGN 0.05 /* of all cores */

typedef struct reasons {
    char (*texts)[PENCL_BENCH_REASON];
    int n;
} reasons;

static void add(reasons *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(reasons *to, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(to->texts[to->n++], PENCL_BENCH_REASON, fmt, args);
    va_end(args);
}

static double apart(double a, double b)
{
    return fabs(a - b) / fmin(a, b);
}

/* Of a single round: its halves, in order. */
static double drift_within(const pencl_bench_result *r)
{
    const int half = r->n_samples / 2;
    double medians[2] = {1, 1};
    for (int k = 0; half > 0 && k < 2; k++) {
        double *x = pn_calloc((size_t)half, sizeof *x);
        if (x == NULL) {
            return 0;
        }
        memcpy(x, r->samples_ts + (k == 0 ? 0 : r->n_samples - half), (size_t)half * sizeof *x);
        medians[k] = pn_median(x, half);
        pn_free(x);
    }
    return apart(medians[0], medians[1]);
}

static double drift_between(const pencl_bench_result *r)
{
    double least = INFINITY;
    double most = 0;
    for (int i = 0; i < r->n_rounds; i++) {
        least = fmin(least, r->rounds[i].median_ts);
        most = fmax(most, r->rounds[i].median_ts);
    }
    return apart(least, most);
}

static void judge_limit(reasons *to, const char *name, double before, double after)
{
    if (before > 0 && after > 0 && apart(before, after) > DRIFT) {
        add(to, "%s drift %.0f %%", name, 100 * apart(before, after));
    }
}

/* The lowest clock behind a round against the highest one before any. */
static void judge_clock(reasons *to, const pencl_bench_result *r)
{
    double high = 0;
    double low = INFINITY;
    for (int i = 0; i < r->n_rounds; i++) {
        high = fmax(high, r->rounds[i].clock_mhz[0]);
        low = fmin(low, r->rounds[i].clock_mhz[1]);
    }
    if (isfinite(low) && low < (1 - DROP) * high) {
        add(to, "clock %.0f of %.0f MHz", low, high);
    }
}

static void judge_load(reasons *to, const pencl_bench_result *r)
{
    double most = 0;
    for (int i = 0; i < r->n_rounds; i++) {
        most = fmax(most, r->rounds[i].foreign);
    }
    if (most > FOREIGN * pn_core_count()) {
        add(to, "foreign load %.1f", most);
    }
}

int pencl_bench_unstable(char texts[PENCL_BENCH_REASONS][PENCL_BENCH_REASON],
                         const pencl_bench_result *r,
                         const pencl_limits *before,
                         const pencl_limits *after)
{
    reasons to = {.texts = texts};
    const double drift = r->n_rounds > 1 ? drift_between(r) : drift_within(r);
    if (drift > DRIFT) {
        add(&to, "drift %.0f %%", 100 * drift);
    }
    if (before != NULL && after != NULL) {
        judge_limit(&to, "read_gbs", before->read_gbs, after->read_gbs);
        judge_limit(&to, "fma_gflops", before->fma_gflops, after->fma_gflops);
    }
    judge_clock(&to, r);
    judge_load(&to, r);
    return to.n;
}
