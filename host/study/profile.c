/* SPDX-License-Identifier: Apache-2.0 */
/* One step of a model, kernel by kernel. */
#include "pencl/profile.h"

#include "base/os.h"
#include "plan/profile.h"
#include "study/bench.h"
#include "study/statistics.h"

#include <inttypes.h>
#include <string.h>

#define LEAST_SHARE 0.01 /* of a step, that launches take on any device */

enum { MOST_TOKENS = 512, LABEL = 128 };

struct pencl_profile {
    int n;
    pencl_profile_node *nodes;
    char *texts; /* of label, kernel and path, [n][3][LABEL] */
    double step_us;
    int by_clock;
};

/* What is being profiled. */
typedef struct run {
    pencl_ctx *ctx;
    pencl_lm *lm;
    const pencl_profile_options *options;
    pencl_session *session;
    pn_plan *plan;
} run;

static pencl_status check(pencl_ctx *ctx, const pencl_profile_options *o)
{
    int64_t n = o->n_tokens;
    if (n < 1 || n > MOST_TOKENS || (n & (n - 1)) != 0) {
        return PN_FAIL(ctx, PENCL_E_ARG,
                       "a step of %" PRId64 " tokens: a power of two is needed, at most %d", n,
                       MOST_TOKENS);
    }
    if (o->depth < 0 || o->depth > INT32_MAX / 2) {
        return PN_FAIL(ctx, PENCL_E_ARG, "a depth of %" PRId64 " tokens", o->depth);
    }
    return PENCL_OK;
}

static pencl_status feed(const run *r, int64_t n)
{
    int32_t *tokens = pn_calloc((size_t)n + 1, sizeof *tokens);
    if (tokens == NULL) {
        return PN_NOMEM(r->ctx);
    }
    pn_bench_tokens(tokens, n, r->lm->metadata.vocab_size);
    pencl_status st =
        n > 0 ? pencl_session_feed(NULL, r->session, tokens, (size_t)n, PENCL_LOGITS_LAST)
              : PENCL_OK;
    pn_free(tokens);
    return st;
}

/* The step runs once, which fills the inputs of its plan; again, it writes the same slots with the
 * same values. Without repetitions the plan is made and nothing runs. */
static pencl_status prepare(run *r)
{
    const pencl_profile_options *o = r->options;
    const pn_feed step = {.n = o->n_tokens, .wanted = PENCL_LOGITS_LAST};
    int64_t slots = 256;
    while (slots < o->depth + o->n_tokens) {
        slots *= 2;
    }
    PENCL_TRY(pn_session_open(
        &r->session, r->lm,
        &(pn_session_config){
            .batch = {.dtype = PENCL_I32}, .context = slots, .slots = slots, .matmul = o->matmul}));
    if (o->repetitions > 0) {
        PENCL_TRY(feed(r, o->depth));
        PENCL_TRY(feed(r, o->n_tokens));
    }
    return pn_session_plan(&r->plan, r->session, &step, o->n_tokens);
}

/* ---- the nodes ---- */

static int launches_of(const pn_plan *plan, int task)
{
    int n = plan->is_ref;
    for (size_t i = 0; i < plan->emit.n_launches; i++) {
        n += plan->emit.launches[i].task == task;
    }
    return n;
}

static void describe(pencl_profile *p, const run *r, int i)
{
    const pn_task *t = r->plan->ir->tasks[i];
    const pn_cost cost = pn_task_cost(t, r->options->depth + r->options->n_tokens);
    char *label = p->texts + (size_t)i * 3 * LABEL;
    char *kernel = label + LABEL;
    char *path = kernel + LABEL;
    pn_task_label(t, label, LABEL);
    pn_copy(kernel, LABEL,
            t->chosen != NULL ? t->chosen->name
            : r->plan->is_ref ? "reference"
                              : "host");
    pn_copy(path, LABEL, t->path != NULL ? t->path : "");
    p->nodes[i] = (pencl_profile_node){.label = label,
                                       .kernel = kernel,
                                       .path = path,
                                       .launches = launches_of(r->plan, i),
                                       .bytes = cost.bytes,
                                       .flops = cost.flops,
                                       .weights = cost.weights,
                                       .tokens = cost.tokens,
                                       .dtype = cost.dtype};
}

static pencl_status take_nodes(pencl_profile *p, const run *r)
{
    p->n = r->plan->ir->n_tasks;
    p->nodes = pn_calloc((size_t)p->n + 1, sizeof *p->nodes);
    p->texts = pn_calloc((size_t)p->n + 1, 3 * LABEL);
    if (p->nodes == NULL || p->texts == NULL) {
        return PN_NOMEM(r->ctx);
    }
    for (int i = 0; i < p->n; i++) {
        describe(p, r, i);
    }
    return PENCL_OK;
}

/* ---- the times ---- */

static pencl_status stopped(const run *r)
{
    const pencl_profile_options *o = r->options;
    return o->stopped != NULL && o->stopped(o->user)
               ? PN_FAIL(r->ctx, PENCL_E_CANCELLED, "cancelled")
               : PENCL_OK;
}

/* The step as it always runs. */
static pencl_status time_steps(pencl_profile *p, const run *r, double *room)
{
    for (int i = 0; i < r->options->repetitions; i++) {
        PENCL_TRY(stopped(r));
        const uint64_t start = pn_clock_ns();
        PENCL_TRY(pn_plan_run(r->plan));
        PENCL_TRY(pn_device_finish(r->lm->device));
        room[i] = (double)(pn_clock_ns() - start) / 1e3;
    }
    p->step_us = pn_median(room, r->options->repetitions);
    return PENCL_OK;
}

/* Some drivers tell times that cannot be: none at all, or a ns for each launch. */
static bool impossible(const pencl_profile *p, const pn_task_time *times)
{
    double sum = 0;
    for (int i = 0; i < p->n; i++) {
        sum += times[i].ns;
    }
    return sum < LEAST_SHARE * p->step_us * 1e3;
}

/* times[repetition][task] */
static pencl_status time_nodes(pencl_profile *p, const run *r, pn_task_time *times, double *room)
{
    const int n = r->options->repetitions;
    for (int i = 0; i < n; i++) {
        pn_task_time *row = times + (size_t)i * (size_t)p->n;
        PENCL_TRY(stopped(r));
        PENCL_TRY(pn_plan_profile(r->plan, row, p->by_clock != 0));
        if (i == 0 && p->by_clock == 0 && impossible(p, row)) {
            p->by_clock = 1;
            memset(row, 0, (size_t)p->n * sizeof *row);
            PENCL_TRY(pn_plan_profile(r->plan, row, true));
        }
    }
    for (int k = 0; k < p->n; k++) {
        for (int i = 0; i < n; i++) {
            room[i] = times[(size_t)i * (size_t)p->n + (size_t)k].ns / 1e3;
        }
        p->nodes[k].us = pn_median(room, n);
        for (int i = 0; i < n; i++) {
            room[i] = times[(size_t)i * (size_t)p->n + (size_t)k].before / 1e3;
        }
        p->nodes[k].before_us = pn_median(room, n);
    }
    return PENCL_OK;
}

static pencl_status measure(pencl_profile *p, const run *r)
{
    const int n = r->options->repetitions;
    if (n < 1) {
        return PENCL_OK;
    }
    double *room = pn_calloc((size_t)n, sizeof *room);
    pn_task_time *times = pn_calloc((size_t)n * (size_t)p->n + 1, sizeof *times);
    pencl_status st = room == NULL || times == NULL ? PN_NOMEM(r->ctx) : time_steps(p, r, room);
    if (st == PENCL_OK) {
        st = time_nodes(p, r, times, room);
    }
    pn_free(times);
    pn_free(room);
    return st;
}

pencl_status
pencl_profile_new(pencl_profile **out, pencl_lm *lm, const pencl_profile_options *options)
{
    run r = {.ctx = lm->ctx, .lm = lm, .options = options};
    pn_error_clear(r.ctx);
    *out = NULL;
    PENCL_TRY(check(r.ctx, options));
    pencl_profile *p = pn_calloc(1, sizeof *p);
    pencl_status st = p == NULL ? PN_NOMEM(r.ctx) : prepare(&r);
    if (st == PENCL_OK) {
        st = take_nodes(p, &r);
    }
    if (st == PENCL_OK) {
        st = measure(p, &r);
    }
    pencl_session_free(r.session);
    pn_device_idle(lm->device);
    if (st != PENCL_OK) {
        pencl_profile_free(p);
        return st;
    }
    *out = p;
    return PENCL_OK;
}

void pencl_profile_free(pencl_profile *profile)
{
    if (profile != NULL) {
        pn_free(profile->nodes);
        pn_free(profile->texts);
        pn_free(profile);
    }
}

int pencl_profile_count(const pencl_profile *profile)
{
    return profile->n;
}

const pencl_profile_node *pencl_profile_at(const pencl_profile *profile, int i)
{
    return i >= 0 && i < profile->n ? &profile->nodes[i] : NULL;
}

pencl_profile_total pencl_profile_sum(const pencl_profile *profile)
{
    pencl_profile_total sum = {.step_us = profile->step_us, .by_clock = profile->by_clock};
    for (int i = 0; i < profile->n; i++) {
        const pencl_profile_node *node = &profile->nodes[i];
        sum.device_us += node->us;
        sum.between_us += node->before_us;
        sum.launches += node->launches;
        sum.bytes += node->bytes;
        sum.flops += node->flops;
    }
    return sum;
}

pencl_dtype pencl_profile_dtype(const pencl_profile *profile)
{
    double most = 0;
    pencl_dtype dtype = PENCL_F32;
    for (int i = 0; i < profile->n; i++) {
        double all = 0;
        for (int k = 0; k < profile->n; k++) {
            all +=
                profile->nodes[k].dtype == profile->nodes[i].dtype ? profile->nodes[k].weights : 0;
        }
        if (all > most) {
            most = all;
            dtype = profile->nodes[i].dtype;
        }
    }
    return dtype;
}
