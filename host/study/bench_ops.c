/* SPDX-License-Identifier: Apache-2.0 */
/* Measures every kernel candidate on the cases of the table of operations. */
#include "pencl/bench.h"

#include "base/os.h"
#include "op/case.h"
#include "plan/internal.h"
#include "study/ops.h"

#include <stdio.h>
#include <string.h>

enum { SAMPLE_NS = 10 * 1000 * 1000 }; /* a sample lasts about so long */

/* One case on one device. */
typedef struct kase {
    pencl_ctx *ctx;
    pencl_device *device;
    pn_case c;
} kase;

/* ---- a plan of the one operation ---- */

/* Weights are stored as kernels read them best, so a matrix that takes rows16 has it. */
static pencl_status store_input(pn_store **out, const kase *k, int i)
{
    const pn_spec *spec = &k->c.call.in[i];
    pn_matrix matrix = {spec->dtype, 1, 1};
    for (int a = 0; a < spec->n_axes; a++) {
        *(a < k->c.row->rows[i] ? &matrix.rows : &matrix.cols) *= spec->axes[a].size;
    }
    bool packed = !pn_device_caps(k->device)->is_ref && pn_layout_rows16.fits(&matrix);
    PENCL_TRY(pn_store_new(out, k->device, spec, k->c.row->rows[i],
                           packed ? &pn_layout_rows16 : &pn_layout_plain));
    return pn_store_upload(*out, k->ctx, k->c.in[i].plain);
}

static pencl_status trace(pencl_value **out, pencl_graph *graph, const kase *k)
{
    pn_op_args args = {.n_in = k->c.call.n_in, .n_names = k->c.call.n_names};
    memcpy(args.num, k->c.call.num, sizeof args.num);
    for (int i = 0; i < k->c.call.n_names; i++) {
        args.names[i] = k->c.call.names[i];
    }
    for (int i = 0; i < k->c.call.n_in; i++) {
        const char *name = k->c.def->in[i];
        if (k->c.row->rows[i] == 0) {
            args.in[i] = pn_graph_input(graph, name, &k->c.call.in[i]);
            continue;
        }
        pn_store *store = NULL;
        pencl_status st = store_input(&store, k, i);
        if (st == PENCL_OK) {
            args.in[i] = pn_graph_variable(graph, name, store);
        }
        pn_store_free(store); /* the graph counts its own reference */
        PENCL_TRY(st);
    }
    *out = pn_graph_op(graph, k->c.def, &args);
    return pencl_graph_finish(graph);
}

static pencl_status make_plan(pn_plan **out, const kase *k, const char *kernel)
{
    pencl_graph *graph = NULL;
    pencl_value *value = NULL;
    const pn_plan_options options = {.passes = "none", .kernel = kernel};
    PENCL_TRY(pencl_graph_new(&graph, k->device));
    pencl_status st = trace(&value, graph, k);
    if (st == PENCL_OK) {
        st = pn_plan_new(out, graph, &value, 1, &options);
    }
    pencl_graph_free(graph);
    PENCL_TRY(st);
    for (int i = 0; i < k->c.call.n_in; i++) {
        void *to = k->c.row->rows[i] == 0 ? pn_plan_input(*out, k->c.def->in[i], NULL) : NULL;
        if (to != NULL) {
            memcpy(to, k->c.in[i].plain, pn_spec_bytes(&k->c.call.in[i]));
        }
    }
    return PENCL_OK;
}

/* ---- timing ---- */

/* ns for n runs, one after another, with one wait at the end. */
static pencl_status time_runs(uint64_t *ns, const kase *k, pn_plan *plan, uint64_t n)
{
    uint64_t start = pn_clock_ns();
    for (uint64_t i = 0; i < n; i++) {
        PENCL_TRY(pn_plan_run(plan));
    }
    PENCL_TRY(pn_device_finish(k->device));
    *ns = pn_clock_ns() - start;
    return PENCL_OK;
}

/* The fastest sample stands: whatever disturbs a run only makes it slower. */
static pencl_status measure(double *best, const kase *k, pn_plan *plan, int repetitions)
{
    uint64_t ns = 0;
    PENCL_TRY(time_runs(&ns, k, plan, 1)); /* warms up */
    PENCL_TRY(time_runs(&ns, k, plan, 1));
    uint64_t runs = SAMPLE_NS / (ns + 1) + 1;
    for (int i = 0; i < repetitions; i++) {
        PENCL_TRY(time_runs(&ns, k, plan, runs));
        double one = (double)ns / (double)runs;
        *best = i == 0 || one < *best ? one : *best;
    }
    return PENCL_OK;
}

static double bytes_of(const kase *k)
{
    double bytes = (double)pn_spec_bytes(&k->c.call.out);
    for (int i = 0; i < k->c.call.n_in; i++) {
        bytes += (double)pn_spec_bytes(&k->c.call.in[i]);
    }
    return bytes;
}

/* A candidate that does not take the case is passed over; `kernel` NULL takes what is chosen. */
static pencl_status
bench_kernel(const kase *k, const char *kernel, const pencl_bench_ops_options *options)
{
    pn_plan *plan = NULL;
    double ns = 0;
    PENCL_TRY(make_plan(&plan, k, kernel));
    const pn_candidate *chosen = plan->ir->n_tasks > 0 ? plan->ir->tasks[0]->chosen : NULL;
    if (kernel != NULL && (chosen == NULL || strcmp(chosen->name, kernel) != 0)) {
        pn_plan_free(plan);
        return PENCL_OK;
    }
    pencl_status st = measure(&ns, k, plan, options->repetitions);
    if (st == PENCL_OK) {
        const pencl_bench_op row = {
            .op = k->c.def->name,
            .name = k->c.row->name,
            .kernel = chosen != NULL ? chosen->name : "reference",
            .ns = ns,
            .bytes = bytes_of(k),
            .flops = k->c.def->flops != NULL ? k->c.def->flops(&k->c.call) : 0,
        };
        if (options->row(options->user, &row) != 0) {
            st = PN_FAIL(k->ctx, PENCL_E_CANCELLED, "cancelled");
        }
    }
    pn_plan_free(plan);
    return st;
}

static pencl_status bench_case(const kase *k, const pencl_bench_ops_options *options)
{
    if (pn_device_caps(k->device)->is_ref || k->c.def->kernels == NULL) {
        return bench_kernel(k, NULL, options);
    }
    for (const pn_candidate *c = k->c.def->kernels; c->name != NULL; c++) {
        if (!c->forced_only) {
            PENCL_TRY(bench_kernel(k, c->name, options));
        }
    }
    return PENCL_OK;
}

static pencl_status run_case(pencl_device *device,
                             const pn_op_def *def,
                             const pn_op_case *row,
                             const pencl_bench_ops_options *options)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    kase k = {.ctx = ctx, .device = device};
    pencl_status st = pn_case_make(&k.c, ctx, def, row);
    if (st == PENCL_OK) {
        st = bench_case(&k, options);
    }
    if (st != PENCL_OK) {
        pn_error_prefix(ctx, row->name);
        pn_error_prefix(ctx, def->name);
    }
    pn_case_free(&k.c);
    return st;
}

/* "matmul:4096x14336x8:q4_0": rows and columns of the weights, columns of activations, type. */
static pencl_status run_matmul(pencl_device *device, const pencl_bench_ops_options *options)
{
    enum { MOST = 1 << 20 };
    pencl_ctx *ctx = pn_device_ctx(device);
    int rows = 0;
    int columns = 0;
    int tokens = 0;
    char type[8] = "";
    int end = 0;
    char x[64];
    char weights[64];
    const int n = sscanf(options->op, "matmul:%7dx%7dx%7d:%7[a-z0-9_]%n", &rows, &columns, &tokens,
                         type, &end);
    if (n != 4 || options->op[end] != '\0' || rows < 1 || columns < 1 || tokens < 1 ||
        rows > MOST || columns > MOST || tokens > MOST) {
        return PN_FAIL(ctx, PENCL_E_ARG,
                       "\"%.60s\" is not matmul:ROWSxCOLUMNSxTOKENS:TYPE, as in "
                       "matmul:4096x4096x1:q4_0",
                       options->op);
    }
    snprintf(x, sizeof x, "seq=%d embedding=%d", tokens, columns);
    snprintf(weights, sizeof weights, "%s:neurons=%d embedding=%d", type, rows, columns);
    const pn_op_case row = {.name = options->op + strlen("matmul:"),
                            .in = {x, weights},
                            .rows = {0, 1},
                            .names = "embedding"};
    return run_case(device, &pn_op_matmul, &row, options);
}

pencl_status pencl_bench_ops(pencl_device *device, const pencl_bench_ops_options *options)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pn_error_clear(ctx);
    if (strncmp(options->op, "matmul:", strlen("matmul:")) == 0) {
        return run_matmul(device, options);
    }
    PENCL_TRY(pn_ops_find(ctx, options->op));
    for (int i = 0; pn_ops[i] != NULL; i++) {
        const pn_op_def *def = pn_ops[i];
        for (const pn_op_case *row = def->cases; row->name != NULL; row++) {
            if (pn_ops_wanted(options->op, def)) {
                PENCL_TRY(run_case(device, def, row, options));
            }
        }
    }
    return PENCL_OK;
}
