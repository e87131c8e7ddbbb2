/* SPDX-License-Identifier: Apache-2.0 */
/* Has a rate changed? The unit is a run (or a round of one), never a sample: samples of one run
 * share whatever the machine was doing. All arithmetic is on logarithms of rates. */
#include "pencl/history.h"

#include "study/statistics.h"

#include <math.h>
#include <string.h>

/* What runs on a machine with nothing else to do differ by, worth as much as so many degrees of
 * freedom. With these, and 20 samples a run that share a lag-one correlation of a half, one pair
 * in a hundred of equal runs reports a change where runs spread by 1.5 %, and a tenth less is
 * found in 97 of 100 pairs (tools/bench/noise measures it on real ones). */
static const double USUAL_SPREAD = 0.0125;
enum { USUAL_FREEDOM = 5 };

/* Neighbouring samples are taken to correlate this much, as if so many samples had shown it. */
static const double USUAL_CORRELATION = 0.3;
static const double MOST_CORRELATION = 0.9;
enum { CORRELATION_WEIGHT = 10 };

/* Where samples spread, whole runs do too: this share of the samples' variance is common to a run.
 * On a machine with other work, 150 runs whose samples spread by 8 % spread by 4.5 %. */
static const double COMMON_SHARE = 0.25;

/* Earlier runs: a quantile of the steps between them, which a few outliers do not move. */
static const double STEP_QUANTILE = 0.8;
static const double STEP_SCALE = 1.2815515655; /* of |x| at that quantile, x normal */
static const double STEP_FREEDOM = 0.4;        /* that one step is worth, beside a squared one */
enum { PAST_MOST = 20, PAST_LEAST = 3 };       /* degrees of freedom; runs */

static const double MAD_SCALE = 1.4826022185; /* of a median deviation, for normal samples */
static const double PI = 3.14159265358979323846;

/* Correlation of neighbours. */
static double correlation(const double *x, size_t n, double middle)
{
    double both = 0;
    double all = 0;
    for (size_t i = 0; i < n; i++) {
        all += (x[i] - middle) * (x[i] - middle);
        both += i > 0 ? (x[i] - middle) * (x[i - 1] - middle) : 0;
    }
    double seen = all > 0 ? both / all : 0;
    double pooled = (seen * (double)n + USUAL_CORRELATION * CORRELATION_WEIGHT) /
                    ((double)n + CORRELATION_WEIGHT);
    return fmin(fmax(pooled, 0), MOST_CORRELATION);
}

pencl_run pencl_run_of(const double *samples, size_t n)
{
    double *logs = pn_alloc(2 * n * sizeof *logs);
    if (logs == NULL) {
        return (pencl_run){.rate = samples[0]};
    }
    double *sorted = logs + n;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = logs[i] = log(samples[i]);
    }
    double middle = pn_quantile(sorted, n, 0.5);
    double r = correlation(logs, n, middle);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = fabs(logs[i] - middle);
    }
    double spread = MAD_SCALE * pn_quantile(sorted, n, 0.5);
    double independent = fmax(1, (double)n * (1 - r) / (1 + r));
    pn_free(logs);
    return (pencl_run){exp(middle), n > 1 ? spread * sqrt(PI / 2 / independent + COMMON_SHARE) : 0};
}

/* ---- Student's t ---- */

/* P(|T| < t): the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4. */
static double within(double t, int freedom)
{
    double angle = atan(t / sqrt((double)freedom));
    double c2 = cos(angle) * cos(angle);
    bool odd = freedom % 2 == 1;
    double term = odd ? cos(angle) : 1;
    double sum = freedom == 1 ? 0 : term;
    for (int k = odd ? 3 : 2; k <= freedom - 2; k += 2) {
        term *= (double)(k - 1) / k * c2;
        sum += term;
    }
    return odd ? 2 / PI * (angle + sin(angle) * sum) : sin(angle) * sum;
}

/* The t with P(|T| < t) = share. */
static double student(double share, int freedom)
{
    double low = 0;
    double high = 1;
    while (within(high, freedom) < share && high < 1e9) {
        high *= 2;
    }
    for (int i = 0; i < 80; i++) {
        double middle = (low + high) / 2;
        *(within(middle, freedom) < share ? &low : &high) = middle;
    }
    return high;
}

/* ---- what is known of the noise ---- */

/* A variance that rests on several sources: squares, and the degrees of freedom behind them. */
typedef struct pool {
    double squares;
    int freedom;
} pool;

static double mean_log(const pencl_run *runs, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += log(runs[i].rate);
    }
    return sum / (double)n;
}

static void add_spread(pool *to, const pencl_run *runs, size_t n)
{
    double mean = mean_log(runs, n);
    for (size_t i = 0; i < n; i++) {
        double off = log(runs[i].rate) - mean;
        to->squares += off * off;
    }
    to->freedom += (int)n - 1;
}

/* Steps from run to run, so that what changed slowly or once counts little. */
static void add_past(pool *to, const pencl_compare_options *o)
{
    size_t n = o->past != NULL && o->n_past >= PAST_LEAST ? o->n_past - 1 : 0;
    double *steps = n > 0 ? pn_alloc(n * sizeof *steps) : NULL;
    if (steps == NULL) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        steps[i] = fabs(log(o->past[i + 1] / o->past[i]));
    }
    double spread = pn_quantile(steps, n, STEP_QUANTILE) / STEP_SCALE / sqrt(2);
    int freedom = (int)fmin(STEP_FREEDOM * (double)n, PAST_MOST);
    to->squares += freedom * spread * spread;
    to->freedom += freedom;
    pn_free(steps);
}

static double mean_square_error(const pencl_run *runs, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += runs[i].error * runs[i].error;
    }
    return sum / (double)n;
}

/* The squared standard error of the difference of two sides. */
static double independent(pool *known,
                          const pencl_run *was,
                          size_t n_was,
                          const pencl_run *is,
                          size_t n_is,
                          const pencl_compare_options *o)
{
    double own = (mean_square_error(was, n_was) + mean_square_error(is, n_is)) / 2;
    *known = (pool){USUAL_FREEDOM * (USUAL_SPREAD * USUAL_SPREAD + own), USUAL_FREEDOM};
    add_spread(known, was, n_was);
    add_spread(known, is, n_is);
    add_past(known, o);
    known->squares = fmax(known->squares, own * known->freedom);
    return known->squares / known->freedom * (1 / (double)n_was + 1 / (double)n_is);
}

/* The same of pairs: what both runs of a pair suffered from drops out. */
static double paired(pool *known, const pencl_run *was, const pencl_run *is, size_t n)
{
    double own = mean_square_error(was, n) + mean_square_error(is, n);
    double mean = mean_log(is, n) - mean_log(was, n);
    *known = (pool){USUAL_FREEDOM * (2 * USUAL_SPREAD * USUAL_SPREAD + own), USUAL_FREEDOM};
    for (size_t i = 0; i < n; i++) {
        double off = log(is[i].rate / was[i].rate) - mean;
        known->squares += off * off;
    }
    known->freedom += (int)n - 1;
    known->squares = fmax(known->squares, own * known->freedom);
    return known->squares / known->freedom / (double)n;
}

void pencl_compare_runs(pencl_comparison *out,
                        const pencl_run *was,
                        size_t n_was,
                        const pencl_run *is,
                        size_t n_is,
                        const pencl_compare_options *options)
{
    static const pencl_compare_options none = {0};
    const pencl_compare_options *o = options != NULL ? options : &none;
    bool pairs = o->alternating && n_was == n_is && n_was > 1;
    pool known;
    double error =
        sqrt(pairs ? paired(&known, was, is, n_was) : independent(&known, was, n_was, is, n_is, o));
    double change = mean_log(is, n_is) - mean_log(was, n_was);
    double half = error * student(o->confidence > 0 ? o->confidence : 0.95, known.freedom);
    *out = (pencl_comparison){
        .was = exp(mean_log(was, n_was)),
        .is = exp(mean_log(is, n_is)),
        .ratio = exp(change),
        .low = exp(change - half),
        .high = exp(change + half),
        .noise = sqrt(known.squares / known.freedom),
        .freedom = known.freedom,
        .found = fabs(change) > half,
    };
}
