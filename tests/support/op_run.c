/* SPDX-License-Identifier: Apache-2.0 */
/* Runs cases of ops through plans. */
#include "support/op_run.h"

#include "op/op.h"
#include "plan/internal.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { GUARD = 4096, UNTOUCHED = 0xff }; /* bytes around outputs; as floats they are NaN */

#define CHECK_OK(expr)                                                                             \
    do {                                                                                           \
        pencl_status status_ = (expr);                                                             \
        ck_assert_msg(status_ == PENCL_OK, "%s: %s", where, pencl_error_text(ctx));                \
    } while (0)

static const char *const storage_names[] = {"plain", "rows16", "first rows16"};

typedef struct run {
    pencl_ctx *ctx;
    pencl_device *device;
    const op_case *kase;
    op_storage storage;
    const char *kernel; /* a candidate, or NULL: whichever is chosen */
    pn_store *stores[PN_MAX_IN];
    pencl_graph *graph;
    pn_pool *pool;
    pn_plan *plan;
    char where[256];
} run;

static const pn_layout *layout_of(const run *r, int input)
{
    int first = 0;
    while (r->kase->row->rows[first] == 0) {
        first++;
    }
    bool rows16 = r->storage == OP_ALL_ROWS16 || (r->storage == OP_FIRST_ROWS16 && input == first);
    return rows16 ? &pn_layout_rows16 : &pn_layout_plain;
}

/* The op over a graph of its own: stored inputs are variables, the others inputs of the step. */
static pencl_status trace(run *r, pencl_value **value)
{
    const op_case *c = r->kase;
    pn_op_args args = {.n_in = c->call.n_in, .n_names = c->call.n_names};
    memcpy(args.num, c->call.num, sizeof args.num);
    for (int i = 0; i < c->call.n_names; i++) {
        args.names[i] = c->call.names[i];
    }
    PENCL_TRY(pencl_graph_new(&r->graph, r->device));
    for (int i = 0; i < c->call.n_in; i++) {
        const char *name = c->def->in[i];
        const case_data *in = &c->in[i];
        if (c->row->rows[i] == 0) {
            args.in[i] = pn_graph_input(r->graph, name, &in->spec);
            continue;
        }
        PENCL_TRY(
            pn_store_new(&r->stores[i], r->device, &in->spec, c->row->rows[i], layout_of(r, i)));
        PENCL_TRY(pn_store_upload(r->stores[i], r->ctx, in->plain));
        args.in[i] = pn_graph_variable(r->graph, name, r->stores[i]);
    }
    *value = pn_graph_op(r->graph, c->def, &args);
    return pencl_graph_finish(r->graph);
}

static pencl_status plan(run *r, pencl_value *value)
{
    const pn_plan_options options = {.pool = r->pool, .passes = "none", .kernel = r->kernel};
    return pn_plan_new(&r->plan, r->graph, &value, 1, &options);
}

/* Room for the output and guards around it, all of it marked. */
static void mark(run *r)
{
    const char *where = r->where;
    pencl_ctx *ctx = r->ctx;
    CHECK_OK(pn_pool_new(&r->pool, r->device));
    size_t bytes = r->kase->expected.bytes + 2 * (size_t)GUARD;
    CHECK_OK(pn_buffer_new(&r->pool->buffer, r->device, bytes));
    CHECK_OK(pn_buffer_fill(r->pool->buffer, 0, bytes, UNTOUCHED));
}

/* Nothing but the output may have been written. */
static void check_marks(const run *r, size_t start, size_t end)
{
    const char *where = r->where;
    pencl_ctx *ctx = r->ctx;
    size_t bytes = pn_buffer_bytes(r->pool->buffer);
    unsigned char *all = pn_alloc(bytes);
    ck_assert_ptr_nonnull(all);
    CHECK_OK(pn_buffer_read(r->pool->buffer, 0, all, bytes));
    for (size_t i = 0; i < bytes; i++) {
        ck_assert_msg((i >= start && i < end) || all[i] == UNTOUCHED,
                      "%s: byte %zu is written, the output is %zu to %zu", where, i, start, end);
    }
    pn_free(all);
}

static void read_output(const run *r, void *plain)
{
    const char *where = r->where;
    pencl_ctx *ctx = r->ctx;
    const case_data *expected = &r->kase->expected;
    if (r->kase->def->flags & PN_OP_IN_PLACE) {
        CHECK_OK(pn_store_download(r->stores[0], r->ctx, plain));
        return;
    }
    CHECK_OK(pn_plan_read(r->plan, 0, 0, plain, expected->bytes));
    const pn_operand *out = &r->plan->ir->outs[0];
    if (out->buffer == r->pool->buffer) {
        check_marks(r, out->base, out->base + expected->bytes);
    }
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

/* False when the candidate does not take the case: then nothing ran. */
static bool was_taken(const run *r)
{
    const pn_task *t = r->plan->ir->tasks[0];
    return r->kernel == NULL || (t->chosen != NULL && strcmp(t->chosen->name, r->kernel) == 0);
}

bool op_run(pencl_device *device, const op_case *c, op_storage storage, const char *kernel)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    run r = {.ctx = ctx, .device = device, .kase = c, .storage = storage, .kernel = kernel};
    const char *where = r.where;
    snprintf(r.where, sizeof r.where, "%s, %s, stored %s, kernel %s", c->def->name, c->row->name,
             storage_names[storage], kernel != NULL ? kernel : "of choice");
    pencl_value *value = NULL;
    CHECK_OK(trace(&r, &value));
    mark(&r);
    CHECK_OK(plan(&r, value));
    bool taken = was_taken(&r);
    if (taken) {
        for (int i = 0; i < c->call.n_in; i++) {
            void *to = c->row->rows[i] == 0 ? pn_plan_input(r.plan, c->def->in[i], NULL) : NULL;
            if (to != NULL) {
                memcpy(to, c->in[i].plain, c->in[i].bytes);
            }
        }
        CHECK_OK(pn_plan_run(r.plan));
        void *plain = pn_calloc(c->expected.bytes + 1, 1);
        ck_assert_ptr_nonnull(plain);
        read_output(&r, plain);
        pn_text report = {0};
        ck_assert_msg(op_case_compare(c, plain, &report), "%s:\n%s", where, pn_text_get(&report));
        pn_text_free(&report);
        pn_free(plain);
    }
    free_run(&r);
    return taken;
}

pencl_status op_plan(pencl_device *device, const op_case *c, op_storage storage, const char *kernel)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    run r = {.ctx = ctx, .device = device, .kase = c, .storage = storage, .kernel = kernel};
    pencl_value *value = NULL;
    pencl_status status = trace(&r, &value);
    if (status == PENCL_OK) {
        status = plan(&r, value);
    }
    free_run(&r);
    return status;
}

bool op_can_be_stored(const op_case *c, op_storage storage)
{
    int n_stored = 0;
    for (int i = 0; i < c->call.n_in; i++) {
        n_stored += c->row->rows[i] > 0;
    }
    return storage == OP_ALL_PLAIN || (n_stored > 0 && storage == OP_ALL_ROWS16) || n_stored > 1;
}
