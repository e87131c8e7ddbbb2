/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel candidate against the reference of its operation. */
#include "pencl/study.h"

#include "plan/trial.h"
#include "study/ops.h"

#include <math.h>
#include <string.h>

typedef struct selftest {
    pencl_ctx *ctx;
    pencl_device *device;
    const pencl_selftest_options *options;
    const pn_case *kase; /* being run */
    pencl_selftest_op row;
    size_t done; /* cases, of all operations */
    size_t all;
} selftest;

/* Of two runs the one that used more of its tolerance stands; a NaN uses all of it. */
static void note_difference(pencl_selftest_op *row, const pn_difference *d)
{
    if (isnan(row->largest)) {
        return;
    }
    bool more = isnan(d->largest) || d->largest * row->allowed > row->largest * d->allowed;
    if (more || row->n_runs == 1 || (d->allowed == 0 && d->largest > 0)) {
        row->largest = d->largest;
        row->allowed = d->allowed;
    }
}

static void fail(selftest *s, pn_storage storage, const char *kernel, const char *why)
{
    const pencl_selftest_failure failure = {
        .op = s->kase->def->name,
        .name = s->kase->row->name,
        .kernel = kernel,
        .layout = pn_storage_name(storage),
        .why = why,
    };
    s->row.n_failed++;
    if (s->options->failed != NULL) {
        s->options->failed(s->options->user, &failure);
    }
}

/* A kernel that cannot be built or launched is a failure like one that is wrong. */
static pencl_status run_kernel(selftest *s, pn_storage storage, const char *kernel)
{
    pn_trial trial;
    pencl_status st = pn_trial_run(&trial, s->device, s->kase, storage, kernel);
    if (st == PENCL_E_NOMEM) {
        pn_text_free(&trial.fault);
        return st;
    }
    if (st != PENCL_OK) {
        s->row.n_runs++;
        fail(s, storage, kernel != NULL ? kernel : "of choice", pencl_error_text(s->ctx));
        pn_error_clear(s->ctx);
    } else if (trial.taken) {
        s->row.n_runs++;
        note_difference(&s->row, &trial.result);
        if (trial.fault.size > 0) {
            fail(s, storage, trial.kernel, pn_text_get(&trial.fault));
        }
    }
    pn_text_free(&trial.fault);
    return PENCL_OK;
}

static pencl_status run_candidates(selftest *s, pn_storage storage)
{
    const pn_candidate *kernels = s->kase->def->kernels;
    if (kernels == NULL || pn_device_caps(s->device)->is_ref) {
        return run_kernel(s, storage, NULL);
    }
    for (const pn_candidate *k = kernels; k->name != NULL; k++) {
        if (!k->forced_only) {
            PENCL_TRY(run_kernel(s, storage, k->name));
        }
    }
    return PENCL_OK;
}

static pencl_status run_case(selftest *s, const pn_op_def *def, const pn_op_case *row)
{
    pn_case c;
    pencl_status st = pn_case_make(&c, s->ctx, def, row);
    s->kase = &c;
    for (int storage = 0; storage < PN_STORAGES && st == PENCL_OK; storage++) {
        if (pn_case_can_be_stored(&c, s->device, (pn_storage)storage)) {
            st = run_candidates(s, (pn_storage)storage);
        }
    }
    pn_case_free(&c);
    return st;
}

static pencl_status run_op(selftest *s, const pn_op_def *def)
{
    const pencl_selftest_options *o = s->options;
    s->row = (pencl_selftest_op){.op = def->name};
    for (const pn_op_case *row = def->cases; row->name != NULL; row++) {
        if (o->progress != NULL) {
            o->progress(o->user, def->name, s->done, s->all);
        }
        PENCL_TRY(run_case(s, def, row));
        s->row.n_cases++;
        s->done++;
    }
    if (o->progress != NULL) {
        o->progress(o->user, def->name, s->done, s->all);
    }
    if (o->row(o->user, &s->row) != 0) {
        return PN_FAIL(s->ctx, PENCL_E_CANCELLED, "cancelled");
    }
    return PENCL_OK;
}

pencl_status pencl_selftest(pencl_device *device, const pencl_selftest_options *options)
{
    selftest s = {.ctx = pn_device_ctx(device), .device = device, .options = options};
    pn_error_clear(s.ctx);
    PENCL_TRY(pn_ops_find(s.ctx, options->op));
    for (int i = 0; pn_ops[i] != NULL; i++) {
        for (const pn_op_case *row = pn_ops[i]->cases; row->name != NULL; row++) {
            s.all += pn_ops_wanted(options->op, pn_ops[i]);
        }
    }
    for (int i = 0; pn_ops[i] != NULL; i++) {
        if (pn_ops_wanted(options->op, pn_ops[i])) {
            PENCL_TRY(run_op(&s, pn_ops[i]));
        }
    }
    return PENCL_OK;
}
