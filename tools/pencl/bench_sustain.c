/* SPDX-License-Identifier: Apache-2.0 */
/* pencl bench --sustain SECONDS: t/s of each second, at first and at last. */
#include "bench_look.h"

#include <stdio.h>

/* A line a second where nobody waits for JSON. */
typedef struct output {
    bool lines;
} output;

static int on_second(void *user, int second, double ts)
{
    const output *to = user;
    if (to->lines) {
        printf("%d\t%.2f\n", second + 1, ts);
        fflush(stdout);
    }
    return interrupted();
}

static json_t *sustain_json(const work *w, const bench_row *row, const pencl_sustain *r)
{
    json_t *ts = json_array();
    for (int i = 0; i < r->n; i++) {
        json_array_append_new(ts, json_real(r->ts[i]));
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:f, s:f, s:o}", "kind", "sustain",
                     "device_id", pencl_device_describe(w->device)->id, "n_prompt",
                     (json_int_t)row->how.n_prompt, "n_gen", (json_int_t)row->how.n_gen, "n_depth",
                     (json_int_t)row->how.depth, "seconds", r->n, "burst_ts", r->burst_ts,
                     "sustained_ts", r->sustained_ts, "ts", ts);
}

static void print_sum(const pencl_sustain *r)
{
    const double kept = r->burst_ts > 0 ? 100 * r->sustained_ts / r->burst_ts : 0;
    printf("burst %.2f t/s, sustained %.2f t/s after %d s: %.0f %%\n", r->burst_ts, r->sustained_ts,
           r->n, kept);
}

int bench_sustain(work *w, const bench_row *row, const bench_settings *s, json_t *to)
{
    output lines = {to == NULL};
    pencl_sustain r;
    const pencl_sustain_options o = {.n_prompt = row->how.n_prompt,
                                     .n_gen = row->how.n_gen,
                                     .depth = row->how.depth,
                                     .seconds = s->sustain,
                                     .matmul = row->how.matmul,
                                     .second = on_second,
                                     .user = &lines};
    if (to == NULL) {
        printf("%s, %s%lld after %lld\nsecond\tt/s\n", pencl_device_describe(w->device)->id,
               row->how.n_prompt > 0 ? "pp" : "tg", (long long)(row->how.n_prompt + row->how.n_gen),
               (long long)row->how.depth);
    }
    const pencl_status st = pencl_sustain_run(&r, work_lm(w), &o);
    if (r.n > 0 && to != NULL) {
        json_array_append_new(to, sustain_json(w, row, &r));
    } else if (r.n > 0) {
        print_sum(&r);
    }
    pencl_sustain_free(&r);
    return st == PENCL_OK ? EXIT_DONE : work_failed(w);
}
