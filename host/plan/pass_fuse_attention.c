/* SPDX-License-Identifier: Apache-2.0 */
/* Queries times keys, soft cap, mask by positions, softmax, times values: one attention op. */
#include "plan/ir.h"

#include <string.h>

enum { Q, K, V, POSITIONS, KV_POSITIONS, COUNTS, TOKEN_SEQUENCE, KV_SEQUENCE }; /* its inputs */
enum { SOFT_CAP, WINDOW, HAS_COUNTS, HAS_SEQUENCE };                            /* its numbers */

/* Indices of the tasks; cap is -1 when there is none. */
typedef struct pattern {
    int scores;
    int cap;
    int mask;
    int softmax;
    int values;
} pattern;

/* The task that alone computes what `o` reads whole, for this reader alone; -1 if not of that op.
 */
static int only_writer(const pn_ir *ir, const pn_operand *o, const pn_op_def *def)
{
    if (!pn_operand_is_whole(ir, o) || ir->uses[o->temp] != 1) {
        return -1;
    }
    int i = pn_ir_producer(ir, o->temp, NULL);
    return i >= 0 && ir->tasks[i]->call->def == def ? i : -1;
}

static bool find(const pn_ir *ir, int values, pattern *p)
{
    *p = (pattern){.cap = -1, .values = values};
    const pn_task *t = ir->tasks[values];
    if (t->call->def != &pn_op_matmul || t->call->n_names != 1) {
        return false;
    }
    p->softmax = only_writer(ir, &t->in[0], &pn_op_softmax);
    if (p->softmax < 0 || strcmp(t->call->names[0], ir->tasks[p->softmax]->call->names[0]) != 0) {
        return false;
    }
    p->mask = only_writer(ir, &ir->tasks[p->softmax]->in[0], &pn_op_mask);
    if (p->mask < 0) {
        return false;
    }
    const pn_operand *masked = &ir->tasks[p->mask]->in[0];
    p->cap = only_writer(ir, masked, &pn_op_soft_cap);
    const pn_operand *scores = p->cap >= 0 ? &ir->tasks[p->cap]->in[0] : masked;
    p->scores = only_writer(ir, scores, &pn_op_matmul);
    return p->scores >= 0 && ir->tasks[p->scores]->call->n_names == 1;
}

/* The counts that the step's cache writes are given, when the keys come from a cache. */
static const pn_operand *counts_of(const pn_ir *ir, const pn_operand *keys)
{
    for (int i = ir->n_tasks - 1; keys->slot >= 0 && i >= 0; i--) {
        const pn_task *t = ir->tasks[i];
        if (t->call->def == &pn_op_cache_write && t->out[0].slot == keys->slot) {
            return &t->in[2];
        }
    }
    return NULL;
}

static pencl_status fill(pn_ir *ir, const pattern *p, pn_task *t, pn_op_call *call)
{
    const pn_task *scores = ir->tasks[p->scores];
    const pn_task *mask = ir->tasks[p->mask];
    const pn_operand *counts = counts_of(ir, &scores->in[1]);
    bool sequences = mask->n_in == 5;
    *call = (pn_op_call){.def = &pn_op_attention, .n_names = 3};
    call->num[SOFT_CAP] = p->cap >= 0 ? ir->tasks[p->cap]->call->num[0] : 0;
    call->num[WINDOW] = mask->call->num[0];
    call->num[HAS_COUNTS] = counts != NULL;
    call->num[HAS_SEQUENCE] = sequences;
    pn_copy(call->names[0], sizeof call->names[0], mask->call->names[0]);
    pn_copy(call->names[1], sizeof call->names[1], mask->call->names[1]);
    pn_copy(call->names[2], sizeof call->names[2], scores->call->names[0]);
    t->in[t->n_in++] = scores->in[0];
    t->in[t->n_in++] = scores->in[1];
    t->in[t->n_in++] = ir->tasks[p->values]->in[1];
    t->in[t->n_in++] = mask->in[1];
    t->in[t->n_in++] = mask->in[2];
    if (counts != NULL) {
        t->in[t->n_in++] = *counts;
    }
    if (sequences) {
        t->in[t->n_in++] = mask->in[3];
        t->in[t->n_in++] = mask->in[4];
    }
    call->n_in = t->n_in;
    for (int i = 0; i < t->n_in; i++) {
        call->in[i] = t->in[i].view.spec;
    }
    return call->def->infer(ir->ctx, call);
}

static pencl_status rewrite(pn_ir *ir, const pattern *p)
{
    pn_task *t = pn_ir_new_task(ir);
    pn_op_call *call = pn_arena_alloc(ir->arena, 1, sizeof *call);
    if (t == NULL || call == NULL) {
        return PN_NOMEM(ir->ctx);
    }
    const pn_task *values = ir->tasks[p->values];
    if (fill(ir, p, t, call) != PENCL_OK || !pn_spec_equal(&call->out, &values->call->out)) {
        pn_error_clear(ir->ctx); /* not the shape of an attention: leave it as it is */
        return PENCL_OK;
    }
    t->call = call;
    t->path = values->path;
    t->n_parts = 1;
    t->out[0] = values->out[0];
    ir->tasks[p->values] = t;
    pn_ir_remove(ir, p->softmax);
    pn_ir_remove(ir, p->mask);
    if (p->cap >= 0) {
        pn_ir_remove(ir, p->cap);
    }
    pn_ir_remove(ir, p->scores);
    return PENCL_OK;
}

pencl_status pn_pass_fuse_attention(pn_ir *ir)
{
    PENCL_TRY(pn_ir_count_uses(ir));
    for (int i = ir->n_tasks - 1; i >= 0; i--) {
        pattern p;
        if (i < ir->n_tasks && find(ir, i, &p)) {
            PENCL_TRY(rewrite(ir, &p));
        }
    }
    return PENCL_OK;
}
