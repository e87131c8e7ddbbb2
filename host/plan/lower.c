/* SPDX-License-Identifier: Apache-2.0 */
/* From graph to tasks: one task an op, views resolved to storage. */
#include "plan/ir.h"

#include <string.h>

typedef struct lowering {
    pn_ir *ir;
    pencl_graph *graph;
    pn_operand *base; /* of each node: its storage with the node's own view */
} lowering;

/* The operand of a value: its node's storage seen through the value's view. */
static pn_operand operand_of(const lowering *l, const pencl_value *v)
{
    pn_operand o = l->base[v->node->id];
    o.view = v->view;
    return o;
}

/* The tasks outlive the graph: names and calls are copied. NULL stays NULL. */
static const char *copy_name(pn_ir *ir, const char *name)
{
    return name == NULL ? NULL : pn_arena_print(ir->arena, "%s", name);
}

static pencl_status lower_input(lowering *l, const pn_node *node)
{
    int temp = pn_ir_new_temp(l->ir, &node->call.out);
    if (temp < 0) {
        return PN_NOMEM(l->ir->ctx);
    }
    pn_temp *t = &l->ir->temps[temp];
    t->name = copy_name(l->ir, node->name);
    t->array = node->array;
    t->place = node->array != NULL ? PN_IN_ARRAY : PN_IN_STEP;
    l->base[node->id] = (pn_operand){.temp = temp, .slot = -1};
    return PENCL_OK;
}

/* An elementwise op becomes a program of one step over its inputs. */
static pencl_status make_program(lowering *l, pn_task *t)
{
    pn_pw *pw = pn_ir_new_program(l->ir);
    if (pw == NULL) {
        return PN_NOMEM(l->ir->ctx);
    }
    pn_pw_step *step = &pw->step[pw->n_steps++];
    step->call = t->call;
    step->n_args = t->n_in;
    int first = t->call->def->flags & PN_OP_CACHE ? 1 : 0; /* the cache itself is not read */
    step->arg[0] = PN_PW_VALUE(0);
    for (int i = first; i < t->n_in; i++) {
        pw->in[pw->n_in] = t->in[i];
        step->arg[i] = pw->n_in++;
    }
    t->program[0] = pw;
    return PENCL_OK;
}

/* A temporary for what the node computes. */
static pencl_status new_output(lowering *l, const pn_node *node, pn_operand *out)
{
    pn_ir *ir = l->ir;
    int temp = pn_ir_new_temp(ir, &node->call.out);
    if (temp < 0) {
        return PN_NOMEM(ir->ctx);
    }
    ir->temps[temp].name = copy_name(ir, node->capture_name);
    ir->temps[temp].keep = node->capture_name != NULL;
    *out = (pn_operand){.view = pn_view_contiguous(&node->call.out), .temp = temp, .slot = -1};
    return PENCL_OK;
}

static pencl_status lower_op(lowering *l, const pn_node *node)
{
    pn_ir *ir = l->ir;
    pn_task *t = pn_ir_new_task(ir);
    pn_op_call *call = pn_ir_copy_call(ir, &node->call);
    if (t == NULL || call == NULL) {
        return PN_NOMEM(ir->ctx);
    }
    t->call = call;
    t->path = copy_name(ir, node->name);
    t->n_in = node->call.n_in;
    t->n_parts = 1;
    for (int i = 0; i < t->n_in; i++) {
        t->in[i] = operand_of(l, node->in[i]);
    }
    if (node->call.def->flags & PN_OP_IN_PLACE) {
        t->out[0] = t->in[0];
    } else {
        PENCL_TRY(new_output(l, node, &t->out[0]));
    }
    l->base[node->id] = t->out[0];
    if (pn_task_is_pointwise(t)) {
        PENCL_TRY(make_program(l, t));
    }
    return pn_ir_insert(ir, ir->n_tasks, t);
}

/* A task that writes every element of `from` to its place in `to`, which has the same axes. */
static pencl_status lower_copy(lowering *l, const pn_operand *from, const pn_operand *to)
{
    pn_ir *ir = l->ir;
    pn_task *t = pn_ir_new_task(ir);
    pn_op_call *call = pn_arena_alloc(ir->arena, 1, sizeof *call);
    if (t == NULL || call == NULL) {
        return PN_NOMEM(ir->ctx);
    }
    t->call = call;
    t->n_in = 1;
    t->n_parts = 1;
    t->in[0] = *from;
    t->out[0] = *to;
    pn_spec_hide(&t->in[0].view.spec, 0);
    pn_spec_hide(&t->out[0].view.spec, 0);
    call->def = &pn_op_reorder;
    call->n_in = 1;
    call->in[0] = t->in[0].view.spec;
    call->out = t->out[0].view.spec;
    for (call->n_names = 0; call->n_names < call->out.n_axes; call->n_names++) {
        pn_copy(call->names[call->n_names], PENCL_AXIS_NAME_MAX,
                call->out.axes[call->n_names].name);
    }
    PENCL_TRY(make_program(l, t));
    return pn_ir_insert(ir, ir->n_tasks, t);
}

static pencl_status lower_join(lowering *l, const pn_node *node)
{
    pn_operand *base = &l->base[node->id];
    PENCL_TRY(new_output(l, node, base));
    pn_writing several = node->layered ? PN_IN_LAYERS : PN_IN_PIECES;
    bool rewritten = node->n_pieces > 1 || node->layered;
    l->ir->temps[base->temp].writing = rewritten ? several : PN_BY_ONE_TASK;
    for (int i = 0; i < node->n_pieces; i++) {
        pn_operand from = operand_of(l, node->pieces[i].from);
        pn_operand to = *base;
        to.view = node->pieces[i].region;
        PENCL_TRY(lower_copy(l, &from, &to));
    }
    return PENCL_OK;
}

static pencl_status lower_nodes(lowering *l)
{
    for (int i = 0; i < l->graph->n_nodes; i++) {
        const pn_node *node = l->graph->nodes[i];
        switch (node->kind) {
        case PN_NODE_INPUT:
            PENCL_TRY(lower_input(l, node));
            break;
        case PN_NODE_VARIABLE:
            l->base[i] = (pn_operand){.temp = -1, .slot = node->slot, .store = node->store};
            break;
        case PN_NODE_JOIN:
            PENCL_TRY(lower_join(l, node));
            break;
        default:
            PENCL_TRY(lower_op(l, node));
            break;
        }
    }
    return PENCL_OK;
}

/* Whether the operand's memory, read from its offset on, is the value in C order. */
static bool is_plain(const pn_operand *o)
{
    bool plain = o->store == NULL || o->store->layout == &pn_layout_plain;
    return plain && pn_view_is_contiguous(&o->view);
}

/* The operand becomes a copy of what it was, in C order. */
static pencl_status copy_out(lowering *l, pn_operand *out)
{
    pn_operand from = *out;
    int temp = pn_ir_new_temp(l->ir, &from.view.spec);
    if (temp < 0) {
        return PN_NOMEM(l->ir->ctx);
    }
    *out = (pn_operand){.view = pn_view_contiguous(&from.view.spec), .temp = temp, .slot = -1};
    return lower_copy(l, &from, out);
}

/* An output that is a view of something is copied by the plan. */
static pencl_status lower_out(lowering *l, const pencl_value *value, pn_operand *out)
{
    *out = operand_of(l, value);
    return is_plain(out) ? PENCL_OK : copy_out(l, out);
}

/* The next output is there, and lives to the end. */
static void keep_out(pn_ir *ir)
{
    const pn_operand *out = &ir->outs[ir->n_outs++];
    if (out->temp >= 0) {
        ir->temps[out->temp].keep = true;
    }
}

/* What variables become is an output. One variable's present value is copied first: it may be
 * overwritten before the other takes it. */
static pencl_status lower_next(lowering *l)
{
    pn_ir *ir = l->ir;
    ir->first_next = ir->n_outs;
    for (int i = 0; i < l->graph->n_nodes; i++) {
        const pn_node *node = l->graph->nodes[i];
        if (node->kind == PN_NODE_VARIABLE && node->next != NULL) {
            pn_operand *out = &ir->outs[ir->n_outs];
            PENCL_TRY(lower_out(l, node->next, out));
            if (out->temp < 0) {
                PENCL_TRY(copy_out(l, out));
            }
            ir->next_slots[ir->n_next++] = node->slot;
            keep_out(ir);
        }
    }
    return PENCL_OK;
}

static pencl_status lower_outs(lowering *l, pencl_value *const outs[], int n)
{
    pn_ir *ir = l->ir;
    size_t most = (size_t)(n + l->graph->n_variables);
    ir->outs = pn_calloc(most + 1, sizeof *ir->outs);
    ir->next_slots = pn_calloc((size_t)l->graph->n_variables + 1, sizeof *ir->next_slots);
    if (ir->outs == NULL || ir->next_slots == NULL) {
        return PN_NOMEM(ir->ctx);
    }
    for (int i = 0; i < n; i++) {
        PENCL_TRY(lower_out(l, outs[i], &ir->outs[i]));
        keep_out(ir);
    }
    return lower_next(l);
}

pencl_status pn_lower(pn_ir **out, pencl_graph *graph, pencl_value *const outs[], int n)
{
    pencl_ctx *ctx = graph->ctx;
    lowering l = {.graph = graph};
    l.ir = pn_calloc(1, sizeof *l.ir);
    l.base = pn_calloc((size_t)graph->n_nodes + 1, sizeof *l.base);
    pencl_status st = PENCL_OK;
    if (l.ir == NULL || l.base == NULL || (l.ir->arena = pn_arena_new()) == NULL) {
        st = PN_NOMEM(ctx);
    } else {
        l.ir->ctx = ctx;
        l.ir->device = graph->device;
        st = lower_nodes(&l);
    }
    if (st == PENCL_OK) {
        st = lower_outs(&l, outs, n);
    }
    pn_free(l.base);
    if (st != PENCL_OK) {
        pn_ir_free(l.ir);
        return st;
    }
    *out = l.ir;
    return PENCL_OK;
}
