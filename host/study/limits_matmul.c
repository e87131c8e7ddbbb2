/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a device multiplies stored weights, by the kernel that it would choose, on one matrix of
 * fixed size. */
#include "pencl/profile.h"

#include "base/os.h"
#include "plan/internal.h"

enum {
    ROWS = 2048,
    COLS = 1024,
    SAMPLES = 7,
    SAMPLE_NS = 20 * 1000 * 1000, /* about so long */
};

typedef struct product {
    pencl_ctx *ctx;
    pencl_device *device;
    pencl_graph *graph;
    pencl_array *x; /* [seq, embedding]; on the device, so that runs follow each other */
    pn_plan *plan;
} product;

/* Zeros: no kernel asks for the values. */
static pencl_status new_weights(pn_store **out, const product *p, pencl_dtype dtype)
{
    pn_spec spec = {.dtype = dtype};
    const pn_matrix matrix = {dtype, ROWS, COLS};
    pn_spec_push(&spec, PENCL_AXIS_NEURONS, ROWS);
    pn_spec_push(&spec, PENCL_AXIS_EMBEDDING, COLS);
    const pn_layout *layout = pn_layout_rows16.fits(&matrix) ? &pn_layout_rows16 : &pn_layout_plain;
    void *zeros = pn_calloc(pn_spec_bytes(&spec), 1);
    if (zeros == NULL) {
        return PN_NOMEM(p->ctx);
    }
    pencl_status st = pn_store_new(out, p->device, &spec, 1, layout);
    if (st == PENCL_OK) {
        st = pn_store_upload(*out, p->ctx, zeros);
    }
    pn_free(zeros);
    return st;
}

static pencl_status new_x(product *p, int64_t tokens)
{
    const pencl_axis axes[] = {{PENCL_AXIS_SEQ, tokens}, {PENCL_AXIS_EMBEDDING, COLS}};
    float *zeros = pn_calloc((size_t)tokens * COLS, sizeof *zeros);
    if (zeros == NULL) {
        return PN_NOMEM(p->ctx);
    }
    pencl_status st = pencl_array_wrap(&p->x, p->device, PENCL_F32, axes, 2, zeros);
    pn_free(zeros);
    return st;
}

static pencl_status make_plan(product *p, pn_store *weights)
{
    static const char *const axes[] = {PENCL_AXIS_EMBEDDING};
    PENCL_TRY(pencl_graph_new(&p->graph, p->device));
    pencl_value *y = pencl_value_matmul(pencl_graph_array(p->graph, p->x),
                                        pn_graph_variable(p->graph, "weights", weights), axes, 1);
    return pn_plan_new(&p->plan, p->graph, &y, 1, NULL);
}

static pencl_status time_runs(uint64_t *ns, const product *p, uint64_t n)
{
    const uint64_t start = pn_clock_ns();
    for (uint64_t i = 0; i < n; i++) {
        PENCL_TRY(pn_plan_run(p->plan));
    }
    PENCL_TRY(pn_device_finish(p->device));
    *ns = pn_clock_ns() - start + 1;
    return PENCL_OK;
}

static pencl_status sample(double *best_ns, const product *p)
{
    uint64_t ns = 0;
    PENCL_TRY(time_runs(&ns, p, 1)); /* builds */
    PENCL_TRY(time_runs(&ns, p, 1));
    const uint64_t runs = SAMPLE_NS / ns + 1;
    for (int i = 0; i < SAMPLES; i++) {
        PENCL_TRY(time_runs(&ns, p, runs));
        double one = (double)ns / (double)runs;
        *best_ns = i == 0 || one < *best_ns ? one : *best_ns;
    }
    return PENCL_OK;
}

pencl_status
pencl_device_measure_matmul(double *gflops, pencl_device *device, pencl_dtype dtype, int64_t tokens)
{
    product p = {.ctx = pn_device_ctx(device), .device = device};
    pn_store *weights = NULL;
    double ns = 0;
    pn_error_clear(p.ctx);
    *gflops = 0;
    if (tokens < 1 || tokens > 512) {
        return PN_FAIL(p.ctx, PENCL_E_ARG, "%d tokens, from 1 to 512 are possible", (int)tokens);
    }
    if (pn_device_caps(device)->is_ref) {
        return PN_FAIL(p.ctx, PENCL_E_UNSUPPORTED, "ref runs no kernels that could be measured");
    }
    pencl_status st = new_weights(&weights, &p, dtype);
    if (st == PENCL_OK) {
        st = new_x(&p, tokens);
    }
    if (st == PENCL_OK) {
        st = make_plan(&p, weights);
    }
    if (st == PENCL_OK) {
        st = sample(&ns, &p);
    }
    if (st == PENCL_OK) {
        *gflops = 2.0 * ROWS * COLS * (double)tokens / ns;
    }
    pn_plan_free(p.plan);
    pencl_graph_free(p.graph);
    pencl_array_free(p.x);
    pn_store_free(weights);
    pn_device_idle(device);
    return st;
}
