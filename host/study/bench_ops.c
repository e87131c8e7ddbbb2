/* SPDX-License-Identifier: Apache-2.0 */
/* Measures every kernel candidate on the cases of the table of operations. */
#include "pencl/study.h"

#include "array/dtypes.h"
#include "base/os.h"
#include "plan/internal.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLE_NS = 10 * 1000 * 1000 }; /* a sample lasts about so long */

/* One case on one device, its inputs made. */
typedef struct kase {
    pencl_ctx *ctx;
    pencl_device *device;
    const pn_op_def *def;
    const pn_op_case *row;
    pn_op_call call; /* inferred: specs, numbers, names */
    void *plain[PN_MAX_IN];
} kase;

/* ---- inputs ---- */

/* Integers decide what a kernel reads, so they follow the case's word (pn_op_case.fill): ids below
 * N, positions from 0 on, {end, new, end + new, 0}. */
static void fill_integers(int32_t *to, int64_t count, const char *fill)
{
    const char *colon = fill != NULL ? strchr(fill, ':') : NULL;
    char *rest = NULL;
    int32_t number = colon != NULL ? (int32_t)strtol(colon + 1, &rest, 10) : 0;
    if (fill != NULL && strncmp(fill, "counts", 6) == 0 && rest != NULL && *rest == ',') {
        int32_t n = (int32_t)strtol(rest + 1, NULL, 10);
        const int32_t counts[] = {number, n, number + n, 0};
        memcpy(to, counts, sizeof counts);
        return;
    }
    bool ids = fill != NULL && strncmp(fill, "ids", 3) == 0;
    for (int64_t i = 0; i < count; i++) {
        to[i] = (int32_t)(ids && number > 0 ? i * 7 % number : i);
    }
}

static pencl_status make_input(kase *k, int i)
{
    const pn_spec *spec = &k->call.in[i];
    int64_t count = pn_spec_count(spec);
    k->plain[i] = pn_calloc(pn_spec_bytes(spec) + 1, 1);
    float *values = pn_calloc((size_t)count + 1, sizeof *values);
    if (k->plain[i] == NULL || values == NULL) {
        pn_free(values);
        return PN_NOMEM(k->ctx);
    }
    if (spec->dtype == PENCL_I32) {
        fill_integers(k->plain[i], count, k->row->fill[i]);
    } else {
        for (int64_t e = 0; e < count; e++) {
            values[e] = (float)(e * 37 % 101) / 101.0f - 0.5f;
        }
        pn_dtype_of(spec->dtype)->from_f32(values, k->plain[i], (size_t)count);
    }
    pn_free(values);
    return PENCL_OK;
}

/* "kv_seq seq" into the call's names. */
static void read_names(pn_op_call *call, const char *names)
{
    for (const char *at = names; at != NULL && *at != '\0' && call->n_names < PN_MAX_NAMES;) {
        size_t length = strcspn(at, " ");
        char *to = call->names[call->n_names++];
        pn_copy(to, length < PENCL_AXIS_NAME_MAX ? length + 1 : PENCL_AXIS_NAME_MAX, at);
        at += length + strspn(at + length, " ");
    }
}

static pencl_status make_case(kase *k)
{
    k->call = (pn_op_call){.def = k->def};
    memcpy(k->call.num, k->row->num, sizeof k->call.num);
    read_names(&k->call, k->row->names);
    for (int i = 0; i < PN_MAX_IN && k->row->in[i] != NULL; i++) {
        PENCL_TRY(pn_spec_parse(&k->call.in[i], k->ctx, k->row->in[i]));
        k->call.n_in++;
        PENCL_TRY(make_input(k, i));
    }
    return k->def->infer(k->ctx, &k->call);
}

static void free_case(kase *k)
{
    for (int i = 0; i < PN_MAX_IN; i++) {
        pn_free(k->plain[i]);
    }
}

/* ---- a plan of the one operation ---- */

/* Weights are stored as kernels read them best, so a matrix that takes rows16 has it. */
static pencl_status store_input(pn_store **out, const kase *k, int i)
{
    const pn_spec *spec = &k->call.in[i];
    pn_matrix matrix = {spec->dtype, 1, 1};
    for (int a = 0; a < spec->n_axes; a++) {
        *(a < k->row->rows[i] ? &matrix.rows : &matrix.cols) *= spec->axes[a].size;
    }
    bool packed = !pn_device_caps(k->device)->is_ref && pn_layout_rows16.fits(&matrix);
    PENCL_TRY(pn_store_new(out, k->device, spec, k->row->rows[i],
                           packed ? &pn_layout_rows16 : &pn_layout_plain));
    return pn_store_upload(*out, k->ctx, k->plain[i]);
}

static pencl_status trace(pencl_value **out, pencl_graph *graph, const kase *k)
{
    pn_op_args args = {.n_in = k->call.n_in, .n_names = k->call.n_names};
    memcpy(args.num, k->call.num, sizeof args.num);
    for (int i = 0; i < k->call.n_names; i++) {
        args.names[i] = k->call.names[i];
    }
    for (int i = 0; i < k->call.n_in; i++) {
        const char *name = k->def->in[i];
        if (k->row->rows[i] == 0) {
            args.in[i] = pn_graph_input(graph, name, &k->call.in[i]);
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
    *out = pn_graph_op(graph, k->def, &args);
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
    for (int i = 0; i < k->call.n_in; i++) {
        void *to = k->row->rows[i] == 0 ? pn_plan_input(*out, k->def->in[i], NULL) : NULL;
        if (to != NULL) {
            memcpy(to, k->plain[i], pn_spec_bytes(&k->call.in[i]));
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
    double bytes = (double)pn_spec_bytes(&k->call.out);
    for (int i = 0; i < k->call.n_in; i++) {
        bytes += (double)pn_spec_bytes(&k->call.in[i]);
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
            .op = k->def->name,
            .name = k->row->name,
            .kernel = chosen != NULL ? chosen->name : "reference",
            .ns = ns,
            .bytes = bytes_of(k),
            .flops = k->def->flops != NULL ? k->def->flops(&k->call) : 0,
        };
        if (options->row(options->user, &row) != 0) {
            st = PN_FAIL(k->ctx, PENCL_E_CANCELLED, "cancelled");
        }
    }
    pn_plan_free(plan);
    return st;
}

static pencl_status bench_case(kase *k, const pencl_bench_ops_options *options)
{
    PENCL_TRY(make_case(k));
    if (pn_device_caps(k->device)->is_ref || k->def->kernels == NULL) {
        return bench_kernel(k, NULL, options);
    }
    for (const pn_candidate *c = k->def->kernels; c->name != NULL; c++) {
        if (!c->forced_only) {
            PENCL_TRY(bench_kernel(k, c->name, options));
        }
    }
    return PENCL_OK;
}

static pencl_status unknown_op(pencl_ctx *ctx, const char *name)
{
    pn_text names = {0};
    for (int i = 0; pn_ops[i] != NULL; i++) {
        pn_text_add(&names, "%s%s", i == 0 ? "" : ", ", pn_ops[i]->name);
    }
    pencl_status st = PN_FAIL(ctx, PENCL_E_ARG, "no operation is \"%s\"; there are %s", name,
                              pn_text_get(&names));
    pn_text_free(&names);
    return st;
}

pencl_status pencl_bench_ops(pencl_device *device, const pencl_bench_ops_options *options)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    bool all = strcmp(options->op, "all") == 0;
    pn_error_clear(ctx);
    if (!all && pn_op_by_name(options->op) == NULL) {
        return unknown_op(ctx, options->op);
    }
    for (int i = 0; pn_ops[i] != NULL; i++) {
        const pn_op_def *def = pn_ops[i];
        if (!all && strcmp(def->name, options->op) != 0) {
            continue;
        }
        for (const pn_op_case *row = def->cases; row->name != NULL; row++) {
            kase k = {.ctx = ctx, .device = device, .def = def, .row = row};
            pencl_status st = bench_case(&k, options);
            if (st != PENCL_OK) {
                pn_error_prefix(ctx, row->name);
                pn_error_prefix(ctx, def->name);
            }
            free_case(&k);
            PENCL_TRY(st);
        }
    }
    return PENCL_OK;
}
