/* SPDX-License-Identifier: Apache-2.0 */
/* Prints measurements, so that they can stand beside llama-bench's. */
#include "bench.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { CHUNK = 512 }; /* tokens of a prompt that the library computes at once */

/* Worker threads: those asked for, else as many as a CPU device has units; 0 on other devices. */
static int64_t threads_of(const work *w)
{
    const pencl_device_info *d = pencl_device_describe(w->device);
    if (d->type != PENCL_DEVICE_CPU) {
        return 0;
    }
    return w->on->threads > 0 ? w->on->threads : d->compute_units;
}

static const char *backend_of(const work *w)
{
    bool ref = pencl_device_describe(w->device)->type == PENCL_DEVICE_REF;
    return ref ? "ref" : "OpenCL";
}

/* "llama 134.5M Q4_1" */
static const char *model_type(const work *w, char *to, size_t room)
{
    const pencl_model_info *m = pencl_model_describe(w->model);
    double millions = (double)m->n_params / 1e6;
    bool billions = millions >= 1000;
    snprintf(to, room, "%s %.1f%c %s", m->architecture, billions ? millions / 1e3 : millions,
             billions ? 'B' : 'M', m->file_type);
    return to;
}

/* ---- models ---- */

void bench_model_head(void)
{
    printf("| model | size | params | backend | threads | device | test | t/s |\n"
           "| --- | ---: | ---: | --- | ---: | --- | ---: | ---: |\n");
}

void bench_model_row(const work *w, const pencl_bench_result *r)
{
    const pencl_model_info *m = pencl_model_describe(w->model);
    char type[192];
    char size[32];
    printf("| %s | %s | %.2f M | %s | %" PRId64 " | %s | %s%" PRId64 " | %.2f ± %.2f |\n",
           model_type(w, type, sizeof type), bytes_text(size, sizeof size, m->weight_bytes),
           (double)m->n_params / 1e6, backend_of(w), threads_of(w),
           pencl_device_describe(w->device)->id, r->n_prompt > 0 ? "pp" : "tg",
           r->n_prompt + r->n_gen, r->avg_ts, r->stddev_ts);
}

/* What was run, and where; llama-bench's names. */
static json_t *setting_json(const work *w)
{
    const pencl_device_info *d = pencl_device_describe(w->device);
    const pencl_model_info *m = pencl_model_describe(w->model);
    bool gpu = d->type == PENCL_DEVICE_GPU;
    char type[192];
    return json_pack(
        "{s:s, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:I, s:I, s:i, s:i, s:I, s:s, s:s, "
        "s:s, s:s}",
        "build_version", PENCL_VERSION, "cpu_info", json_text(gpu ? "" : d->name), "gpu_info",
        json_text(gpu ? d->name : ""), "backends", backend_of(w), "device", json_text(d->name),
        "device_id", d->id, "driver", json_text(d->driver), "model_filename", json_text(m->path),
        "model_size", (json_int_t)m->weight_bytes, "model_n_params", (json_int_t)m->n_params,
        "n_batch", CHUNK, "n_ubatch", CHUNK, "n_threads", (json_int_t)threads_of(w), "type_k",
        "f32", "type_v", "f32", "model_type", model_type(w, type, sizeof type), "mode", "exact");
}

json_t *bench_model_json(const work *w, const pencl_bench_result *r)
{
    json_t *row = setting_json(w);
    json_t *ns = json_array();
    json_t *ts = json_array();
    for (int i = 0; i < r->n_samples; i++) {
        json_array_append_new(ns, json_integer((json_int_t)r->samples_ns[i]));
        json_array_append_new(ts, json_real(r->samples_ts[i]));
    }
    json_t *test =
        json_pack("{s:s, s:I, s:I, s:i, s:s, s:I, s:I, s:f, s:f, s:o, s:o}", "matmul",
                  w->on->matmul, "n_prompt", (json_int_t)r->n_prompt, "n_gen", (json_int_t)r->n_gen,
                  "n_depth", 0, "test_time", r->test_time, "avg_ns", (json_int_t)llround(r->avg_ns),
                  "stddev_ns", (json_int_t)llround(r->stddev_ns), "avg_ts", r->avg_ts, "stddev_ts",
                  r->stddev_ts, "samples_ns", ns, "samples_ts", ts);
    json_object_update(row, test);
    json_decref(test);
    return row;
}

/* ---- operations ---- */

void bench_op_head(void)
{
    printf("| op | case | kernel | device | us | GB/s | GFLOP/s |\n"
           "| --- | --- | --- | --- | ---: | ---: | ---: |\n");
}

void bench_op_row(const work *w, const pencl_bench_op *op)
{
    printf("| %s | %s | %s | %s | %.2f | %.2f | %.2f |\n", op->op, op->name, op->kernel,
           pencl_device_describe(w->device)->id, op->ns / 1e3, op->bytes / op->ns,
           op->flops / op->ns);
}

json_t *bench_op_json(const work *w, const pencl_bench_op *op)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f}", "op", op->op, "case", op->name,
                     "kernel", op->kernel, "device_id", pencl_device_describe(w->device)->id, "ns",
                     op->ns, "gb_s", op->bytes / op->ns, "gflop_s", op->flops / op->ns);
}
