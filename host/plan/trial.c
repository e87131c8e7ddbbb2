/* SPDX-License-Identifier: Apache-2.0 */
/* Runs cases of ops through plans of one task. */
#include "plan/trial.h"

#include "plan/internal.h"

#include <string.h>

enum { GUARD = 4096, UNTOUCHED = 0xff }; /* bytes around outputs; as floats they are NaN */

const char *pn_storage_name(pn_storage storage)
{
    static const char *const names[] = {"plain", "rows16", "first rows16"};
    return names[storage];
}

bool pn_case_can_be_stored(const pn_case *c, const pencl_device *device, pn_storage storage)
{
    bool is_ref = pn_device_caps(device)->is_ref;
    bool apart = false;
    int n_stored = 0;
    for (int i = 0; i < c->call.n_in; i++) {
        bool stored = c->row->rows[i] > 0;
        n_stored += stored;
        apart |= stored && pn_dtype_of(c->in[i].spec.dtype)->take_apart != NULL;
    }
    if (storage == PN_ALL_PLAIN) {
        return is_ref || !apart;
    }
    return !is_ref && (n_stored > 1 || (n_stored > 0 && storage == PN_ALL_ROWS16));
}

typedef struct run {
    pencl_ctx *ctx;
    pencl_device *device;
    const pn_case *kase;
    pn_storage storage;
    pn_store *stores[PN_MAX_IN];
    pencl_graph *graph;
    pn_pool *pool;
    pn_plan *plan;
} run;

static const pn_layout *layout_of(const run *r, int input)
{
    int first = 0;
    while (r->kase->row->rows[first] == 0) {
        first++;
    }
    bool rows16 = r->storage == PN_ALL_ROWS16 || (r->storage == PN_FIRST_ROWS16 && input == first);
    return rows16 ? &pn_layout_rows16 : &pn_layout_plain;
}

/* The op over a graph of its own: stored inputs are variables, the others inputs of the step. */
static pencl_status trace(run *r, pencl_value **out)
{
    const pn_case *c = r->kase;
    pn_op_args args = {.n_in = c->call.n_in, .n_names = c->call.n_names};
    memcpy(args.num, c->call.num, sizeof args.num);
    for (int i = 0; i < c->call.n_names; i++) {
        args.names[i] = c->call.names[i];
    }
    PENCL_TRY(pencl_graph_new(&r->graph, r->device));
    for (int i = 0; i < c->call.n_in; i++) {
        const char *name = c->def->in[i];
        const pn_case_data *in = &c->in[i];
        if (c->row->rows[i] == 0) {
            args.in[i] = pn_graph_input(r->graph, name, &in->spec);
            continue;
        }
        PENCL_TRY(
            pn_store_new(&r->stores[i], r->device, &in->spec, c->row->rows[i], layout_of(r, i)));
        PENCL_TRY(pn_store_upload(r->stores[i], r->ctx, in->plain));
        args.in[i] = pn_graph_variable(r->graph, name, r->stores[i]);
    }
    *out = pn_graph_op(r->graph, c->def, &args);
    return pencl_graph_finish(r->graph);
}

/* Room for the output and guards around it, all of it marked. */
static pencl_status mark(run *r)
{
    size_t bytes = r->kase->expected.bytes + 2 * (size_t)GUARD;
    PENCL_TRY(pn_pool_new(&r->pool, r->device));
    PENCL_TRY(pn_buffer_new(&r->pool->buffer, r->device, bytes));
    return pn_buffer_fill(r->pool->buffer, 0, bytes, UNTOUCHED);
}

/* Nothing but the output may have been written. */
static pencl_status check_marks(pn_text *fault, const run *r, size_t start, size_t end)
{
    size_t bytes = pn_buffer_bytes(r->pool->buffer);
    unsigned char *all = pn_alloc(bytes);
    if (all == NULL) {
        return PN_NOMEM(r->ctx);
    }
    pencl_status st = pn_buffer_read(r->pool->buffer, 0, all, bytes);
    for (size_t i = 0; i < bytes && st == PENCL_OK && fault->size == 0; i++) {
        if ((i < start || i >= end) && all[i] != UNTOUCHED) {
            pn_text_add(fault, "byte %zu is written, the output is %zu to %zu", i, start, end);
        }
    }
    pn_free(all);
    return st;
}

static pencl_status read_output(pn_text *fault, const run *r, void *plain)
{
    const pn_case_data *expected = &r->kase->expected;
    if (r->kase->def->flags & PN_OP_IN_PLACE) {
        return pn_store_download(r->stores[0], r->ctx, plain);
    }
    PENCL_TRY(pn_plan_read(r->plan, 0, 0, plain, expected->bytes));
    const pn_operand *out = &r->plan->ir->outs[0];
    return out->buffer == r->pool->buffer
               ? check_marks(fault, r, out->base, out->base + expected->bytes)
               : PENCL_OK;
}

static pencl_status compare(pn_trial *out, const run *r)
{
    const pn_case *c = r->kase;
    void *plain = pn_calloc(c->expected.bytes + 1, 1);
    if (plain == NULL) {
        return PN_NOMEM(r->ctx);
    }
    pencl_status st = read_output(&out->fault, r, plain);
    if (st == PENCL_OK) {
        out->result = pn_case_compare(c, plain);
    }
    if (out->result.n_bad > 0) {
        pn_case_explain(&out->fault, c, plain, &out->result);
    }
    pn_free(plain);
    return st;
}

static pencl_status run_plan(pn_trial *out, run *r)
{
    const pn_case *c = r->kase;
    const pn_task *t = r->plan->ir->tasks[0];
    out->kernel = t->chosen != NULL ? t->chosen->name : "reference";
    for (int i = 0; i < c->call.n_in; i++) {
        void *to = c->row->rows[i] == 0 ? pn_plan_input(r->plan, c->def->in[i], NULL) : NULL;
        if (to != NULL) {
            memcpy(to, c->in[i].plain, c->in[i].bytes);
        }
    }
    PENCL_TRY(pn_plan_run(r->plan));
    return compare(out, r);
}

static pencl_status make(run *r, const char *kernel)
{
    pencl_value *value = NULL;
    PENCL_TRY(trace(r, &value));
    PENCL_TRY(mark(r));
    const pn_plan_options options = {
        .pool = r->pool, .passes = "none", .kernel = kernel, .trial = true};
    return pn_plan_new(&r->plan, r->graph, &value, 1, &options);
}

static pencl_status make_and_run(pn_trial *out, run *r, const char *kernel)
{
    PENCL_TRY(make(r, kernel));
    const pn_task *t = r->plan->ir->tasks[0];
    out->taken = kernel == NULL || t->chosen != NULL;
    return out->taken ? run_plan(out, r) : PENCL_OK;
}

static void free_run(run *r)
{
    pn_plan_free(r->plan);
    pn_pool_free(r->pool);
    pencl_graph_free(r->graph);
    for (int i = 0; i < PN_MAX_IN; i++) {
        pn_store_free(r->stores[i]);
    }
}

pencl_status pn_trial_run(
    pn_trial *out, pencl_device *device, const pn_case *c, pn_storage storage, const char *kernel)
{
    run r = {.ctx = pn_device_ctx(device), .device = device, .kase = c, .storage = storage};
    *out = (pn_trial){0};
    pencl_status st = make_and_run(out, &r, kernel);
    free_run(&r);
    return st;
}
