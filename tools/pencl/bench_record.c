/* SPDX-License-Identifier: Apache-2.0 */
/* One row of bench as a JSON object, schema "pencl-bench/1": llama-bench's fields with its names
 * and types, then pencl's own. What is not known is null, never 0. */
#include "bench.h"

#include "commit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 512 }; /* tokens of a prompt that the library computes at once */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_text(text) : json_null();
}

static void set(json_t *to, const char *key, json_t *value)
{
    json_object_set_new(to, key, value);
}

static void set_whole(json_t *to, const char *key, double value)
{
    json_object_set_new(to, key, json_integer((json_int_t)llround(value)));
}

/* ---- llama-bench's ---- */

/* "llama 134.5M Q4_1" */
static const char *model_type(const bench_row *row, char *to, size_t room)
{
    const pencl_model_info *m = &row->model;
    const double millions = (double)m->n_params / 1e6;
    const bool billions = millions >= 1000;
    snprintf(to, room, "%s %.1f%c %s", m->architecture, billions ? millions / 1e3 : millions,
             billions ? 'B' : 'M', m->file_type);
    return to;
}

static void add_setting(json_t *to, const bench_rows *rows, const bench_row *row)
{
    const pencl_model_info *m = &row->model;
    char type[192];
    set(to, "build_commit", json_string(BUILD_COMMIT));
    set_whole(to, "build_number", BUILD_NUMBER);
    set(to, "cpu_info", json_text(rows->host.cpu));
    set(to, "gpu_info", json_text(row->on.type == PENCL_DEVICE_GPU ? row->on.name : ""));
    set(to, "backends", json_string(row->on.type == PENCL_DEVICE_REF ? "ref" : "OpenCL"));
    set(to, "model_filename", json_text(m->path[0] != '\0' ? m->path : m->name));
    set(to, "model_type", json_text(model_type(row, type, sizeof type)));
    set_whole(to, "model_size", (double)m->file_bytes);
    set_whole(to, "model_n_params", (double)m->n_params);
    set_whole(to, "n_batch", CHUNK);
    set_whole(to, "n_ubatch", CHUNK);
    set_whole(to, "n_threads", (double)row->threads);
    set(to, "type_k", json_string("f32"));
    set(to, "type_v", json_string("f32"));
    set_whole(to, "n_prompt", (double)row->result.n_prompt);
    set_whole(to, "n_gen", (double)row->result.n_gen);
    set_whole(to, "n_depth", (double)row->result.depth);
}

static void add_samples(json_t *to, const pencl_bench_result *r)
{
    json_t *ns = json_array();
    json_t *ts = json_array();
    for (int i = 0; i < r->n_samples; i++) {
        json_array_append_new(ns, json_integer((json_int_t)r->samples_ns[i]));
        json_array_append_new(ts, json_real(r->samples_ts[i]));
    }
    set(to, "test_time", json_string(r->test_time));
    set_whole(to, "avg_ns", r->avg_ns);
    set_whole(to, "stddev_ns", r->stddev_ns);
    set(to, "avg_ts", json_real(r->avg_ts));
    set(to, "stddev_ts", json_real(r->stddev_ts));
    set(to, "samples_ns", ns);
    set(to, "samples_ts", ts);
}

/* ---- where ---- */

static json_t *device_json(const pencl_device_info *d)
{
    json_t *to = json_object();
    set(to, "id", json_text(d->id));
    set(to, "name", json_text(d->name));
    set(to, "platform", json_text(d->platform));
    set(to, "vendor", json_text(d->vendor));
    set(to, "type", json_string(type_text(d->type)));
    set(to, "driver", json_text(d->driver));
    set(to, "opencl", json_text(d->opencl));
    set(to, "opencl_c", json_text(d->opencl_c));
    set_whole(to, "compute_units", d->compute_units);
    set_whole(to, "memory", (double)d->memory);
    set(to, "unified", json_boolean(d->unified));
    return to;
}

/* Mesa's OpenCL drivers give Mesa's version as theirs. */
static json_t *host_json(const pencl_host_info *h, const pencl_device_info *d)
{
    const bool mesa = strncmp(d->id, "rusticl", 7) == 0 || strncmp(d->id, "clover", 6) == 0;
    json_t *to = json_object();
    set(to, "os", text_or_null(h->os));
    set(to, "kernel", text_or_null(h->kernel));
    set(to, "mesa", mesa ? text_or_null(d->driver) : json_null());
    set(to, "cpu", text_or_null(h->cpu));
    set_whole(to, "cores", h->cores);
    set(to, "governor", text_or_null(h->governor));
    return to;
}

static json_t *limits_json(const pencl_limits *l)
{
    json_t *to = json_object();
    set(to, "read_gbs", json_real(l->read_gbs));
    set_whole(to, "read_bytes", (double)l->read_bytes);
    set(to, "fma_gflops", json_real(l->fma_gflops));
    set(to, "fma_half_gflops",
        l->fma_half_gflops > 0 ? json_real(l->fma_half_gflops) : json_null());
    set(to, "dot8_gops", l->dot8_gops > 0 ? json_real(l->dot8_gops) : json_null());
    set(to, "launch_us", json_real(l->launch_us));
    return to;
}

static void add_limits(json_t *to, const bench_limits *l)
{
    set(to, "limits",
        l->measured ? json_pack("{s:o, s:o}", "before", limits_json(&l->before), "after",
                                limits_json(&l->after))
                    : json_null());
}

/* ---- how ---- */

static json_t *protocol_json(const bench_row *row, const bench_settings *s)
{
    const pencl_bench_result *r = &row->result;
    int runs = 0;
    double seconds = 0;
    bool agreed = true;
    for (int i = 0; i < r->n_rounds; i++) {
        runs += r->rounds[i].warm_runs;
        seconds += r->rounds[i].warm_seconds;
        agreed = agreed && r->rounds[i].warm_agreed != 0;
    }
    return json_pack("{s:s, s:{s:i, s:f, s:b}, s:I, s:f, s:f, s:I}", "name", PENCL_BENCH_PROTOCOL,
                     "warm", "runs", runs, "seconds", seconds, "agreed", agreed, "samples_min",
                     (json_int_t)s->repetitions, "ci_goal", row->how.goal, "seconds_max",
                     s->seconds, "rounds", (json_int_t)s->rounds);
}

static json_t *rounds_json(const pencl_bench_result *r)
{
    json_t *to = json_array();
    for (int i = 0; i < r->n_rounds; i++) {
        json_array_append_new(to,
                              json_pack("{s:i, s:f, s:i}", "order", i, "median_ts",
                                        r->rounds[i].median_ts, "samples", r->rounds[i].n_samples));
    }
    return to;
}

static json_t *choices_json(const pencl_bench_result *r)
{
    json_t *to = json_object();
    for (int i = 0; i < r->n_choices; i++) {
        set(to, r->choices[i].op, json_string(r->choices[i].kernel));
    }
    return to;
}

static void add_shares(json_t *to, const bench_row *row, const bench_limits *l)
{
    const pencl_bench_result *r = &row->result;
    const bool known = l->measured;
    const double gbs = r->bytes_per_token * r->median_ts / 1e9;
    const double gflops = r->flops_per_token * r->median_ts / 1e9;
    set(to, "bytes_per_token", json_real(r->bytes_per_token));
    set(to, "flops_per_token", json_real(r->flops_per_token));
    set(to, "bandwidth_share",
        known && !r->cached ? number(gbs / l->before.read_gbs) : json_null());
    set(to, "bandwidth_divisor", json_string("read_gbs"));
    set(to, "flops_share", known ? number(gflops / l->before.fma_gflops) : json_null());
    set(to, "flops_divisor", json_string("fma_gflops"));
    set(to, "cached", json_boolean(r->cached));
    set(to, "weights_gbs", row->weights_gbs > 0 ? json_real(row->weights_gbs) : json_null());
}

static void add_flags(json_t *to, const bench_row *row, const bench_limits *l)
{
    char reasons[PENCL_BENCH_REASONS][PENCL_BENCH_REASON];
    const int n = pencl_bench_unstable(reasons, &row->result, l->measured ? &l->before : NULL,
                                       l->measured ? &l->after : NULL);
    json_t *flags = json_array();
    json_t *why = json_array();
    const struct flag {
        const char *name;
        bool set;
    } all[] = {
        {"short", row->halved != 0},
        {"cached", row->result.cached != 0},
        {"unstable", n > 0},
        {"self-test failed", row->selftest == PENCL_SELFTEST_FAILED}, /* gets no rank */
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].set) {
            json_array_append_new(flags, json_string(all[i].name));
        }
    }
    for (int i = 0; i < n; i++) {
        json_array_append_new(why, json_string(reasons[i]));
    }
    set(to, "flags", flags);
    set(to, "unstable", why);
}

/* ---- sensors ---- */

/* {"before", "after"}: of the first round and the last one; null when no sensor tells. */
static json_t *pair(double before, double after)
{
    return isnan(before)
               ? json_null()
               : json_pack("{s:o, s:o}", "before", number(before), "after", number(after));
}

static void add_sensors(json_t *to, const pencl_bench_result *r)
{
    const pencl_bench_round_info *first = &r->rounds[0];
    const pencl_bench_round_info *last = &r->rounds[r->n_rounds - 1];
    double watts = 0;
    for (int i = 0; i < r->n_rounds; i++) {
        watts += r->rounds[i].watts / r->n_rounds;
    }
    set(to, "clock_mhz", pair(first->clock_mhz[0], last->clock_mhz[1]));
    set(to, "temperature_c", pair(first->temperature_c[0], last->temperature_c[1]));
    set(to, "power",
        r->power == NULL ? json_null()
                         : json_pack("{s:o, s:o, s:s}", "watts", number(watts), "idle_watts",
                                     number(r->idle_watts), "source", r->power));
    set(to, "joules_per_token",
        r->power == NULL ? json_null() : number((watts - r->idle_watts) / r->median_ts));
}

json_t *bench_record(const bench_rows *rows, const bench_row *row, const bench_settings *s)
{
    const pencl_bench_result *r = &row->result;
    static const char *const verdicts[] = {"not run", "passed", "failed"};
    const char *passes = getenv("PENCL_PASSES");
    json_t *to = json_object();
    add_setting(to, rows, row);
    add_samples(to, r);
    set(to, "schema", json_string(PENCL_BENCH_PROTOCOL));
    set(to, "protocol", protocol_json(row, s));
    set(to, "version", json_string(PENCL_VERSION));
    set_whole(to, "n_parallel", (double)r->batch);
    set(to, "model_sha", text_or_null(row->hash));
    set(to, "preset", text_or_null(row->preset.name));
    set(to, "quant", json_text(row->model.file_type));
    set(to, "device", device_json(&row->on));
    set(to, "host", host_json(&rows->host, &row->on));
    add_sensors(to, r);
    add_limits(to, &rows->limits[row->device]);
    add_shares(to, row, &rows->limits[row->device]);
    set(to, "load_ms", json_real(row->load_ms));
    set(to, "first_token_ms", json_real(r->first_ms));
    set_whole(to, "memory_bytes", (double)row->memory);
    set(to, "mode", json_string("exact"));
    set(to, "passes", json_text(passes != NULL && *passes != '\0' ? passes : "all"));
    set(to, "tuning", json_string("default"));
    set(to, "candidates", choices_json(r));
    set(to, "selftest", json_string(verdicts[row->selftest]));
    set(to, "tokens_digest", text_or_null(row->digest));
    set(to, "median_ts", json_real(r->median_ts));
    set(to, "ci95_ts", json_pack("[f, f]", r->ci95_ts[0], r->ci95_ts[1]));
    set_whole(to, "median_ns", r->median_ns);
    set(to, "rounds", rounds_json(r));
    add_flags(to, row, &rows->limits[row->device]);
    return to;
}

json_t *bench_op_record(const work *w, const pencl_bench_op *op)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:f}", "schema", PENCL_BENCH_PROTOCOL,
                     "op", op->op, "case", op->name, "candidate", op->kernel, "device_id",
                     pencl_device_describe(w->device)->id, "ns", op->ns, "gb_s", op->bytes / op->ns,
                     "gflop_s", op->flops / op->ns);
}
