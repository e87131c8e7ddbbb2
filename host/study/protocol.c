/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of a test: warming up, sampling, summing up. */
#include "study/protocol.h"

#include "study/statistics.h"

#include <math.h>
#include <time.h>

/* ---- sums ---- */

static pencl_status summarise(pencl_bench_result *r, pencl_ctx *ctx)
{
    const int n = r->n_samples;
    double *x = pn_calloc((size_t)n, sizeof *x);
    if (x == NULL) {
        return PN_NOMEM(ctx);
    }
    for (int i = 0; i < n; i++) {
        x[i] = (double)r->samples_ns[i];
    }
    pn_mean(x, n, &r->avg_ns, &r->stddev_ns);
    r->median_ns = pn_median(x, n);
    for (int i = 0; i < n; i++) {
        x[i] = r->samples_ts[i];
    }
    pn_mean(x, n, &r->avg_ts, &r->stddev_ts);
    r->median_ts = pn_median(x, n);
    const int k = pn_median_rank(n);
    r->ci95_ts[0] = x[k];
    r->ci95_ts[1] = x[n - 1 - k];
    const int taken = r->rounds[r->n_rounds - 1].n_samples;
    for (int i = 0; i < taken; i++) {
        x[i] = r->samples_ts[n - taken + i];
    }
    r->rounds[r->n_rounds - 1].median_ts = pn_median(x, taken);
    pn_free(x);
    return PENCL_OK;
}

static pencl_status add_sample(pencl_bench_result *r, pencl_ctx *ctx, uint64_t ns)
{
    const size_t n = (size_t)r->n_samples + 1;
    uint64_t *all_ns = pn_realloc(r->samples_ns, n, sizeof *all_ns);
    if (all_ns == NULL) {
        return PN_NOMEM(ctx);
    }
    r->samples_ns = all_ns;
    double *all_ts = pn_realloc(r->samples_ts, n, sizeof *all_ts);
    if (all_ts == NULL) {
        return PN_NOMEM(ctx);
    }
    r->samples_ts = all_ts;
    const int64_t tokens = (r->n_prompt + r->n_gen) * r->batch;
    all_ns[n - 1] = ns;
    all_ts[n - 1] = (double)tokens * 1e9 / (double)ns;
    r->n_samples++;
    r->rounds[r->n_rounds - 1].n_samples++;
    return summarise(r, ctx);
}

/* ---- a round ---- */

static double seconds_since(const pn_protocol *p, uint64_t start)
{
    return (double)(p->clock(p->work) - start) / 1e9;
}

/* *ns is the last run's time. */
static pencl_status
warm_up(pencl_bench_round_info *round, uint64_t *ns, double *first_ms, const pn_protocol *p)
{
    const uint64_t start = p->clock(p->work);
    for (;;) {
        const uint64_t before = *ns;
        PENCL_TRY(p->run(ns, p->work));
        if (round->warm_runs == 0 && *first_ms == 0) {
            *first_ms = (double)*ns / 1e6;
        }
        round->warm_runs++;
        round->warm_seconds = seconds_since(p, start);
        const double apart = fabs((double)*ns - (double)before);
        round->warm_agreed = before > 0 && apart <= PN_WARM_AGREE * (double)before;
        if (round->warm_agreed ||
            round->warm_seconds + (double)*ns / 1e9 > p->options->warm_seconds) {
            return PENCL_OK;
        }
    }
}

static bool is_enough(const pencl_bench_result *r, const pn_protocol *p, double seconds, double one)
{
    const int taken = r->rounds[r->n_rounds - 1].n_samples;
    if (taken < p->options->samples) {
        return false;
    }
    const double width = r->ci95_ts[1] - r->ci95_ts[0];
    return width <= p->options->goal * r->median_ts || seconds + one > p->options->seconds ||
           taken >= PN_ROUND_SAMPLES;
}

/* Power is the mean over the intervals between readings, each weighed by its time. */
typedef struct watch {
    pn_sensors last;
    double foreign; /* when the round began */
    double start;   /* seconds */
    double at;
    double joules;
} watch;

static void watch_begin(watch *w, pencl_bench_result *r, const pn_protocol *p)
{
    static const char *const sources[] = {NULL, "rapl", "hwmon", "battery"};
    pencl_bench_round_info *round = &r->rounds[r->n_rounds - 1];
    p->sense(&w->last, &w->foreign, p->work);
    w->start = w->at = (double)p->clock(p->work) / 1e9;
    w->joules = 0;
    round->clock_mhz[0] = w->last.clock_mhz;
    round->temperature_c[0] = w->last.temperature_c;
    r->power = sources[w->last.source];
}

static void watch_go_on(watch *w, pencl_bench_round_info *round, const pn_protocol *p)
{
    pn_sensors now;
    double foreign = NAN;
    p->sense(&now, &foreign, p->work);
    const double at = (double)p->clock(p->work) / 1e9;
    w->joules += pn_sensors_watts(&w->last, &now, at - w->at) * (at - w->at);
    w->last = now;
    w->at = at;
    round->clock_mhz[1] = now.clock_mhz;
    round->temperature_c[1] = now.temperature_c;
    round->watts = w->joules / (at - w->start);
    round->foreign = (foreign - w->foreign) / (at - w->start);
}

static pencl_status take_samples(pencl_bench_result *r, const pn_protocol *p)
{
    pencl_bench_round_info *round = &r->rounds[r->n_rounds - 1];
    const uint64_t start = p->clock(p->work);
    uint64_t ns = 0;
    watch w;
    watch_begin(&w, r, p);
    do {
        PENCL_TRY(p->run(&ns, p->work));
        PENCL_TRY(add_sample(r, p->ctx, ns));
        watch_go_on(&w, round, p);
    } while (!is_enough(r, p, seconds_since(p, start), (double)ns / 1e9));
    return PENCL_OK;
}

static void stamp(pencl_bench_result *r)
{
    const time_t now = time(NULL);
    struct tm utc;
    if (r->test_time[0] == '\0' && gmtime_r(&now, &utc) != NULL) {
        strftime(r->test_time, sizeof r->test_time, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
}

pencl_status pn_protocol_round(pencl_bench_result *r, const pn_protocol *p)
{
    uint64_t ns = 0;
    if (r->n_rounds == PENCL_BENCH_ROUNDS) {
        return PN_FAIL(p->ctx, PENCL_E_LIMIT, "more than %d rounds", PENCL_BENCH_ROUNDS);
    }
    pencl_bench_round_info *round = &r->rounds[r->n_rounds++];
    *round = (pencl_bench_round_info){0};
    pencl_status st = warm_up(round, &ns, &r->first_ms, p);
    if (st == PENCL_OK) {
        stamp(r);
        st = take_samples(r, p);
    }
    if (round->n_samples == 0) {
        r->n_rounds--;
    }
    return st;
}
