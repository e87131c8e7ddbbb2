/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a device multiplies stored weights in the layers of a model: feed-forward blocks, by the
 * plan that it would choose, as many as keep the caches from holding all. */
#include "pencl/profile.h"

#include "base/os.h"
#include "device/device.h"
#include "plan/internal.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    SHAPE = 2, /* neurons / embedding */
    MATRICES = 3,
    BLOCKS_MOST = 64,
    BYTES = 64 * 1024 * 1024,    /* of weights: more than most caches hold */
    STEP_NS = 100 * 1000 * 1000, /* of all blocks at most */
    SAMPLES_LEAST = 3,
    SAMPLES_MOST = 25,
    SAMPLE_NS = 20 * 1000 * 1000, /* about so long */
    PATIENCE_NS = 1000 * 1000 * 1000,
};

typedef struct stack {
    pencl_ctx *ctx;
    pencl_device *device;
    pencl_dtype dtype;
    int64_t tokens;
    int64_t embedding;
    int n; /* blocks */
    pencl_graph *graph;
    pencl_array *x; /* [seq, embedding]; on the device, so that runs follow each other */
    pn_store *weights[BLOCKS_MOST * MATRICES];
    pn_plan *plan;
} stack;

/* Zeros: no kernel asks for the values. [rows, columns] */
static pencl_status new_weights(pn_store **out,
                                const stack *s,
                                const char *rows,
                                int64_t n_rows,
                                const char *columns,
                                int64_t n_columns)
{
    pn_spec spec = {.dtype = s->dtype};
    const pn_matrix matrix = {s->dtype, n_rows, n_columns};
    pn_spec_push(&spec, rows, n_rows);
    pn_spec_push(&spec, columns, n_columns);
    const pn_layout *layout = pn_layout_rows16.fits(&matrix) ? &pn_layout_rows16 : &pn_layout_plain;
    void *zeros = pn_calloc(pn_spec_bytes(&spec), 1);
    if (zeros == NULL) {
        return PN_NOMEM(s->ctx);
    }
    pencl_status st = pn_store_new(out, s->device, &spec, 1, layout);
    if (st == PENCL_OK) {
        st = pn_store_upload(*out, s->ctx, zeros);
    }
    pn_free(zeros);
    return st;
}

static pencl_status new_x(stack *s)
{
    const pencl_axis axes[] = {{PENCL_AXIS_SEQ, s->tokens}, {PENCL_AXIS_EMBEDDING, s->embedding}};
    float *zeros = pn_calloc((size_t)s->tokens * (size_t)s->embedding, sizeof *zeros);
    if (zeros == NULL) {
        return PN_NOMEM(s->ctx);
    }
    pencl_status st = pencl_array_wrap(&s->x, s->device, PENCL_F32, axes, 2, zeros);
    pn_free(zeros);
    return st;
}

/* x + down(silu(gate(norm(x))) * up(norm(x))) */
static pencl_value *block(stack *s, pencl_value *x, int i)
{
    static const char *const embedding[] = {PENCL_AXIS_EMBEDDING};
    static const char *const neurons[] = {PENCL_AXIS_NEURONS};
    static const char *const names[] = {"gate", "up", "down"};
    char name[32];
    pencl_value *w[MATRICES];
    for (int k = 0; k < MATRICES; k++) {
        snprintf(name, sizeof name, "%s.%d", names[k], i);
        w[k] = pn_graph_variable(s->graph, name, s->weights[i * MATRICES + k]);
    }
    pencl_value *normal = pencl_value_rms_norm(x, PENCL_AXIS_EMBEDDING, 1e-5);
    pencl_value *gate = pencl_value_silu(pencl_value_matmul(normal, w[0], embedding, 1));
    pencl_value *up = pencl_value_matmul(normal, w[1], embedding, 1);
    return pencl_value_add(x, pencl_value_matmul(pencl_value_mul(gate, up), w[2], neurons, 1));
}

static pencl_status make_plan(stack *s)
{
    const int64_t n = SHAPE * s->embedding;
    for (int i = 0; i < s->n * MATRICES; i++) {
        const bool down = i % MATRICES == MATRICES - 1;
        PENCL_TRY(down ? new_weights(&s->weights[i], s, PENCL_AXIS_EMBEDDING, s->embedding,
                                     PENCL_AXIS_NEURONS, n)
                       : new_weights(&s->weights[i], s, PENCL_AXIS_NEURONS, n, PENCL_AXIS_EMBEDDING,
                                     s->embedding));
    }
    PENCL_TRY(new_x(s));
    PENCL_TRY(pencl_graph_new(&s->graph, s->device));
    pencl_value *y = pencl_graph_array(s->graph, s->x);
    for (int i = 0; i < s->n; i++) {
        y = block(s, y, i);
    }
    return pn_plan_new(&s->plan, s->graph, &y, 1, NULL);
}

static void close_stack(stack *s)
{
    pn_plan_free(s->plan);
    pencl_graph_free(s->graph);
    pencl_array_free(s->x);
    for (int i = 0; i < s->n * MATRICES; i++) {
        pn_store_free(s->weights[i]);
    }
    pn_device_idle(s->device);
}

static pencl_status time_runs(uint64_t *ns, const stack *s, uint64_t n)
{
    const uint64_t start = pn_clock_ns();
    for (uint64_t i = 0; i < n; i++) {
        PENCL_TRY(pn_plan_run(s->plan));
    }
    PENCL_TRY(pn_device_finish(s->device));
    *ns = pn_clock_ns() - start + 1;
    return PENCL_OK;
}

static pencl_status sample(double *best_ns, const stack *s)
{
    uint64_t ns = 0;
    PENCL_TRY(time_runs(&ns, s, 1)); /* builds */
    PENCL_TRY(time_runs(&ns, s, 1));
    const uint64_t runs = SAMPLE_NS / ns + 1;
    const uint64_t start = pn_clock_ns();
    for (int i = 0; i < SAMPLES_MOST; i++) {
        if (i >= SAMPLES_LEAST && pn_clock_ns() - start > PATIENCE_NS) {
            break;
        }
        PENCL_TRY(time_runs(&ns, s, runs));
        double one = (double)ns / (double)runs;
        *best_ns = i == 0 || one < *best_ns ? one : *best_ns;
    }
    return PENCL_OK;
}

/* The time of s->n blocks, and their launches. */
static pencl_status measure(double *ns, size_t *launches, stack *s)
{
    pencl_status st = make_plan(s);
    if (st == PENCL_OK) {
        *launches = pn_plan_launches(s->plan);
        st = sample(ns, s);
    }
    close_stack(s);
    return st;
}

/* Many tokens use each weight again, so that one block is as good as many. */
static int blocks_for(const stack *one, double ns)
{
    const pn_dtype *type = pn_dtype_of(one->dtype);
    const double weights = MATRICES * SHAPE * (double)one->embedding * (double)one->embedding;
    const double bytes = weights * (double)type->block_bytes / (double)type->block;
    const double room = BYTES / bytes;
    const double time = STEP_NS / ns;
    const double n = room < time ? room : time;
    return one->tokens > 1 || n < 1 ? 1 : n > BLOCKS_MOST ? BLOCKS_MOST : (int)n;
}

static pencl_status check(const pencl_block_shape *shape, pencl_device *device)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pn_error_clear(ctx);
    if (pn_dtype_of(shape->dtype) == NULL || shape->tokens < 1 || shape->tokens > 512 ||
        shape->embedding < 1 || shape->embedding > 16384) {
        return PN_FAIL(ctx, PENCL_E_ARG,
                       "%" PRId64 " tokens of %" PRId64
                       " values: 1 to 512 of 1 to 16384 are possible",
                       shape->tokens, shape->embedding);
    }
    if (pn_device_caps(device)->is_ref) {
        return PN_FAIL(ctx, PENCL_E_UNSUPPORTED, "ref runs no kernels that could be measured");
    }
    return PENCL_OK;
}

/* Without what launches cost, unless that would leave nearly nothing. */
static double gflops_of(const stack *s, double ns, double launch_ns)
{
    const double weights = MATRICES * SHAPE * (double)s->embedding * (double)s->embedding * s->n;
    const double net = ns > 2 * launch_ns ? ns - launch_ns : ns / 2;
    return 2 * weights * (double)s->tokens / net;
}

pencl_status
pencl_device_measure_block(double *gflops, pencl_device *device, const pencl_block_shape *shape)
{
    double ns = 0;
    size_t launches = 0;
    *gflops = 0;
    PENCL_TRY(check(shape, device));
    const int64_t multiple = (int64_t)pn_dtype_of(shape->dtype)->block;
    const stack empty = {.ctx = pn_device_ctx(device),
                         .device = device,
                         .dtype = shape->dtype,
                         .tokens = shape->tokens,
                         .embedding = (shape->embedding + multiple - 1) / multiple * multiple,
                         .n = 1};
    stack s = empty;
    PENCL_TRY(measure(&ns, &launches, &s));
    s = empty;
    s.n = blocks_for(&s, ns);
    if (s.n > 1) {
        PENCL_TRY(measure(&ns, &launches, &s));
    }
    *gflops = gflops_of(&s, ns, (double)launches * shape->launch_us * 1e3);
    return PENCL_OK;
}

pencl_status pencl_forecast_measure(pencl_forecast *out,
                                    pencl_device *device,
                                    pencl_dtype dtype,
                                    int64_t embedding)
{
    pencl_limits limits;
    *out = (pencl_forecast){0};
    PENCL_TRY(pencl_device_measure(&limits, device));
    pn_copy(out->name, sizeof out->name, pencl_device_describe(device)->name);
    out->read_gbs = limits.read_gbs;
    out->fma_gflops = limits.fma_gflops;
    out->launch_us = limits.launch_us;
    pencl_block_shape shape = {dtype, 1, embedding, limits.launch_us};
    PENCL_TRY(pencl_device_measure_block(&out->decode_gflops, device, &shape));
    shape.tokens = 512;
    return pencl_device_measure_block(&out->prompt_gflops, device, &shape);
}
