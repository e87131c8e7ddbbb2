/* SPDX-License-Identifier: Apache-2.0 */
/* What a task has to move and compute at least: each input once, as stored, each output once. */
#include "plan/profile.h"

#include "pencl/axes.h"

#include <string.h>

enum { MOST_SEEN = 64 };

typedef struct sum {
    const pn_task *task;
    int64_t filled;
    double bytes;
    pn_operand *seen[MOST_SEEN];
    int n_seen;
} sum;

/* Of a cache only the slots in use are read. */
static double share_in_use(const pn_spec *spec, int64_t filled)
{
    int kv = pn_spec_find(spec, PENCL_AXIS_KV_SEQ);
    bool partly = kv >= 0 && filled < spec->axes[kv].size;
    return partly ? (double)filled / (double)spec->axes[kv].size : 1;
}

static bool is_changed(const pn_task *t, const pn_operand *o)
{
    for (int p = 0; p < t->n_parts; p++) {
        if (o->slot >= 0 && o->slot == t->out[p].slot) {
            return true;
        }
    }
    return false;
}

static bool was_seen(sum *s, pn_operand *o)
{
    for (int i = 0; i < s->n_seen; i++) {
        const pn_operand *other = s->seen[i];
        if (o->temp == other->temp && o->slot == other->slot &&
            o->view.offset == other->view.offset) {
            return true;
        }
    }
    if (s->n_seen < MOST_SEEN) {
        s->seen[s->n_seen++] = o;
    }
    return false;
}

static void add_input(void *user, pn_operand *o)
{
    sum *s = user;
    const pn_op_call *call = s->task->call;
    if (was_seen(s, o) || is_changed(s->task, o)) {
        return;
    }
    double bytes = (double)pn_spec_bytes(&o->view.spec) * share_in_use(&o->view.spec, s->filled);
    bool looked_up = (call->def->flags & PN_OP_GATHER) != 0 || call->def == &pn_op_lookup;
    if (looked_up) {
        double all = (double)pn_spec_count(&o->view.spec);
        double read = (double)pn_spec_count(&call->out);
        bytes *= all > read ? read / all : 1;
    }
    s->bytes += bytes;
}

/* What a part writes: into a cache the new rows alone. */
static const pn_spec *written(const pn_task *t, int part)
{
    const pn_pw *program = t->program[part];
    const pn_op_call *last = program != NULL && program->n_steps > 0
                                 ? program->step[program->n_steps - 1].call
                                 : t->call;
    bool cache = (last->def->flags & PN_OP_CACHE) != 0;
    return cache ? &last->in[1] : &t->out[part].view.spec;
}

/* Weights of all parts: the anchor's call tells of the first alone. Caches are none. */
static void count_weights(pn_cost *cost, const pn_task *t)
{
    for (int i = 1; i < t->n_in && t->in[i].store != NULL; i++) {
        const pn_matrix *m = &t->in[i].store->matrix;
        if (pn_spec_find(&t->in[i].view.spec, PENCL_AXIS_KV_SEQ) >= 0) {
            continue;
        }
        cost->weights += (double)m->rows * (double)m->cols;
        cost->tokens = (double)pn_spec_count(&t->in[0].view.spec) / (double)m->cols;
        cost->dtype = m->dtype;
    }
}

/* As the op says, of the slots in use. */
static double anchor_flops(const pn_task *t, int64_t filled)
{
    double flops = t->call->def->flops != NULL ? t->call->def->flops(t->call) : 0;
    for (int i = 0; i < t->n_in; i++) {
        double share = share_in_use(&t->in[i].view.spec, filled);
        if (share < 1) {
            return flops * share;
        }
    }
    return flops;
}

pn_cost pn_task_cost(const pn_task *t, int64_t filled)
{
    pn_task task = *t;
    sum s = {.task = t, .filled = filled};
    pn_cost cost = {0};
    pn_task_inputs(&task, add_input, &s);
    cost.bytes = s.bytes;
    for (int p = 0; p < (t->joint ? 1 : t->n_parts); p++) {
        const pn_spec *to = written(t, p);
        double steps = t->program[p] != NULL ? t->program[p]->n_steps : 0;
        cost.bytes += (double)pn_spec_bytes(to);
        cost.flops += steps * (double)pn_spec_count(to);
    }
    if (t->call->def == &pn_op_matmul) {
        count_weights(&cost, t);
    }
    cost.flops += cost.weights > 0 ? 2 * cost.weights * cost.tokens : anchor_flops(t, filled);
    return cost;
}
