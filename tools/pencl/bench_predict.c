/* SPDX-License-Identifier: Apache-2.0 */
/* pencl bench --predict FILE: how fast a device should be of which a few figures are known. */
#include "bench_look.h"

#include <stdio.h>
#include <string.h>

static json_t *forecast_json(const bench_row *row,
                             const pencl_profile_total *t,
                             const pencl_forecast *f,
                             double ts)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
                     "kind", "forecast", "device", f->name, "n_prompt",
                     (json_int_t)row->how.n_prompt, "n_gen", (json_int_t)row->how.n_gen, "n_depth",
                     (json_int_t)row->how.depth, "forecast_ts", ts, "launches", t->launches,
                     "bytes", t->bytes, "flops", t->flops, "read_gbs", f->read_gbs, "fma_gflops",
                     f->fma_gflops, "launch_us", f->launch_us, "decode_gflops", f->decode_gflops,
                     "prompt_gflops", f->prompt_gflops);
}

static void print_forecast(const work *w,
                           const bench_row *row,
                           const pencl_profile_total *t,
                           const pencl_forecast *f,
                           double ts)
{
    const char *test = row->how.n_prompt > 0 ? "pp" : "tg";
    printf("%s, %s%lld after %lld: %.2f t/s forecast: %d launches, %.1f MB, %.2f GFLOP a step "
           "(plan of %s)\n",
           f->name, test, (long long)(row->how.n_prompt + row->how.n_gen),
           (long long)row->how.depth, ts, t->launches, t->bytes / 1e6, t->flops / 1e9,
           pencl_device_describe(w->device)->id);
}

static pencl_status measured(pencl_forecast *out, work *w, const pencl_profile *p)
{
    const int64_t embedding = pencl_lm_metadata(work_lm(w))->embedding_dim;
    return pencl_forecast_measure(out, w->device, pencl_profile_dtype(p), embedding);
}

int bench_predict(work *w, const bench_row *row, const bench_settings *s, json_t *to)
{
    pencl_profile_options o = bench_step(row);
    pencl_profile *p = NULL;
    pencl_forecast f;
    o.repetitions = 0;
    if (pencl_profile_new(&p, work_lm(w), &o) != PENCL_OK) {
        return work_failed(w);
    }
    pencl_status st = strcmp(s->predict, "measured") == 0
                          ? measured(&f, w, p)
                          : pencl_forecast_read(&f, w->ctx, s->predict);
    if (st != PENCL_OK) {
        pencl_profile_free(p);
        return work_failed(w);
    }
    const pencl_profile_total t = pencl_profile_sum(p);
    const double ts = 1e6 * (double)o.n_tokens / pencl_profile_forecast(p, &f);
    if (to != NULL) {
        json_array_append_new(to, forecast_json(row, &t, &f, ts));
    } else {
        print_forecast(w, row, &t, &f, ts);
    }
    pencl_profile_free(p);
    return EXIT_DONE;
}
