/* SPDX-License-Identifier: Apache-2.0 */
/* Every case of every op, through every kernel that the device can run, against the C reference.
 * PENCL_TEST_OP=softmax keeps the others out. */
#include "op/op.h"
#include "plan/internal.h"
#include "support/devices.h"
#include "support/op_case.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 4096, UNTOUCHED = 0xff }; /* bytes around outputs; as floats they are NaN */

static pencl_ctx *ctx;
static pencl_device *device;

static void setup(void)
{
    ctx = pencl_ctx_new();
    device = test_device(ctx);
}

static void teardown(void)
{
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}

#define CHECK_OK(expr)                                                                             \
    do {                                                                                           \
        pencl_status status_ = (expr);                                                             \
        ck_assert_msg(status_ == PENCL_OK, "%s: %s", where, pencl_error_text(ctx));                \
    } while (0)

/* ---- which cases ---- */

static bool wanted(const pn_op_def *def)
{
    const char *only = getenv("PENCL_TEST_OP");
    return only == NULL || *only == '\0' || strcmp(only, def->name) == 0;
}

/* Case number `at` of all wanted ops; false after the last. */
static bool find_case(int at, const pn_op_def **def, const pn_op_case **row)
{
    for (int i = 0; pn_ops[i] != NULL; i++) {
        *def = pn_ops[i];
        *row = (*def)->cases;
        for (; wanted(*def) && *row != NULL && (*row)->name != NULL; (*row)++) {
            if (at-- == 0) {
                return true;
            }
        }
    }
    return false;
}

/* ---- one run ---- */

/* How stored inputs are laid out in one run. */
typedef enum layouts { ALL_PLAIN, ALL_ROWS16, FIRST_ROWS16, STORAGES } layouts;
static const char *const storage_names[] = {"plain", "rows16", "first rows16"};

typedef struct run {
    const op_case *kase;
    layouts storage;
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
    bool rows16 = r->storage == ALL_ROWS16 || (r->storage == FIRST_ROWS16 && input == first);
    return rows16 ? &pn_layout_rows16 : &pn_layout_plain;
}

/* The op over a graph of its own: stored inputs are variables, the others inputs of the step. */
static pencl_value *trace(run *r)
{
    const char *where = r->where;
    const op_case *c = r->kase;
    pn_op_args args = {.n_in = c->call.n_in, .n_names = c->call.n_names};
    memcpy(args.num, c->call.num, sizeof args.num);
    for (int i = 0; i < c->call.n_names; i++) {
        args.names[i] = c->call.names[i];
    }
    CHECK_OK(pencl_graph_new(&r->graph, device));
    for (int i = 0; i < c->call.n_in; i++) {
        const char *name = c->def->in[i];
        const case_data *in = &c->in[i];
        if (c->row->rows[i] == 0) {
            args.in[i] = pn_graph_input(r->graph, name, &in->spec);
            continue;
        }
        CHECK_OK(pn_store_new(&r->stores[i], device, &in->spec, c->row->rows[i], layout_of(r, i)));
        CHECK_OK(pn_store_upload(r->stores[i], ctx, in->plain));
        args.in[i] = pn_graph_variable(r->graph, name, r->stores[i]);
    }
    return pn_graph_op(r->graph, c->def, &args);
}

/* Room for the output and guards around it, all of it marked. */
static void mark(run *r)
{
    const char *where = r->where;
    CHECK_OK(pn_pool_new(&r->pool, device));
    size_t bytes = r->kase->expected.bytes + 2 * (size_t)GUARD;
    CHECK_OK(pn_buffer_new(&r->pool->buffer, device, bytes));
    CHECK_OK(pn_buffer_fill(r->pool->buffer, 0, bytes, UNTOUCHED));
}

/* Nothing but the output may have been written. */
static void check_marks(const run *r, size_t start, size_t end)
{
    const char *where = r->where;
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
    const case_data *expected = &r->kase->expected;
    if (r->kase->def->flags & PN_OP_IN_PLACE) {
        CHECK_OK(pn_store_download(r->stores[0], ctx, plain));
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

/* Runs and compares; false when the candidate does not take the case. */
static bool run_once(const op_case *c, layouts storage, const char *kernel)
{
    run r = {.kase = c, .storage = storage, .kernel = kernel};
    const char *where = r.where;
    snprintf(r.where, sizeof r.where, "%s, %s, stored %s, kernel %s", c->def->name, c->row->name,
             storage_names[storage], kernel != NULL ? kernel : "of choice");
    pencl_value *value = trace(&r);
    CHECK_OK(pencl_graph_finish(r.graph));
    mark(&r);
    const pn_plan_options options = {.pool = r.pool, .passes = "none", .kernel = kernel};
    CHECK_OK(pn_plan_new(&r.plan, r.graph, &value, 1, &options));
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

/* ---- all runs of a case ---- */

static bool can_be_stored(const op_case *c, layouts storage)
{
    int n_stored = 0;
    for (int i = 0; i < c->call.n_in; i++) {
        n_stored += c->row->rows[i] > 0;
    }
    return storage == ALL_PLAIN || (n_stored > 0 && storage == ALL_ROWS16) || n_stored > 1;
}

START_TEST(kernels_agree_with_the_reference)
{
    const pn_op_def *def = NULL;
    const pn_op_case *row = NULL;
    ck_assert(find_case(_i, &def, &row));
    op_case c;
    pencl_status st = op_case_make(&c, ctx, def, row);
    ck_assert_msg(st == PENCL_OK, "%s, %s: %s", def->name, row->name, pencl_error_text(ctx));
    bool is_ref = pn_device_caps(device)->is_ref;
    int n_runs = 0;
    for (int storage = ALL_PLAIN; storage < STORAGES; storage++) {
        if (!can_be_stored(&c, storage) || (is_ref && storage != ALL_PLAIN)) {
            continue;
        }
        if (is_ref || def->kernels == NULL) { /* else the choice is among the candidates below */
            n_runs += run_once(&c, storage, NULL);
        }
        for (const pn_candidate *k = def->kernels; k != NULL && k->name != NULL; k++) {
            if (!is_ref && !k->forced_only) {
                n_runs += run_once(&c, storage, k->name);
            }
        }
    }
    ck_assert_int_gt(n_runs, 0);
    op_case_free(&c);
}
END_TEST

START_TEST(the_table_is_complete)
{
    for (int i = 0; pn_ops[i] != NULL; i++) {
        const pn_op_def *def = pn_ops[i];
        ck_assert_ptr_eq(pn_op_by_name(def->name), def);
        ck_assert_msg(def->doc != NULL && def->infer != NULL && def->ref != NULL, "%s", def->name);
        ck_assert_msg(def->cases != NULL && def->cases[0].name != NULL, "%s", def->name);
        ck_assert_msg(i == 0 || strcmp(pn_ops[i - 1]->name, def->name) < 0,
                      "%s: ops.def is not in order", def->name);
    }
    ck_assert_ptr_null(pn_op_by_name("no such op"));
}
END_TEST

Suite *suite_op_ops(void);
Suite *suite_op_ops(void)
{
    Suite *suite = suite_create("op_ops");
    TCase *table = tcase_create("table");
    tcase_add_test(table, the_table_is_complete);
    suite_add_tcase(suite, table);
    TCase *kernels = tcase_create("kernels");
    tcase_set_timeout(kernels, 300);
    tcase_add_checked_fixture(kernels, setup, teardown);
    const pn_op_def *def = NULL;
    const pn_op_case *row = NULL;
    int n_cases = 0;
    while (find_case(n_cases, &def, &row)) {
        n_cases++;
    }
    tcase_add_loop_test(kernels, kernels_agree_with_the_reference, 0, n_cases);
    suite_add_tcase(suite, kernels);
    return suite;
}
