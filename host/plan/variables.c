/* SPDX-License-Identifier: Apache-2.0 */
/* A plan's variables: their stores are found again before every run, and take new values after it.
 */
#include "plan/internal.h"

#include <inttypes.h>
#include <string.h>

/* ---- made with the plan ---- */

static pencl_status take(pn_slot *slot, pn_plan *plan, const pn_node *node)
{
    pn_arena *arena = plan->ir->arena;
    slot->source = node->source;
    pn_cell_ref(slot->source.cell);
    slot->store = pn_store_ref(node->store);
    slot->seen = node->source.cell != NULL ? pn_store_ref(pn_cell_store(node->source.cell)) : NULL;
    slot->written = node->written;
    slot->name = pn_arena_print(arena, "%s", node->name);
    if (slot->name == NULL) {
        return PN_NOMEM(plan->ctx);
    }
    if (node->limit != NULL) {
        pn_limit *limit = pn_arena_alloc(arena, 1, sizeof *limit);
        const char *text = pn_arena_print(arena, "%s", node->limit->text);
        if (limit == NULL || text == NULL) {
            return PN_NOMEM(plan->ctx);
        }
        *limit = (pn_limit){node->limit->most, node->limit->status, text};
        slot->limit = limit;
    }
    return PENCL_OK;
}

pencl_status pn_plan_take_variables(pn_plan *plan, const pencl_graph *graph)
{
    plan->slots = pn_calloc((size_t)graph->n_variables + 1, sizeof *plan->slots);
    if (plan->slots == NULL) {
        return PN_NOMEM(plan->ctx);
    }
    plan->n_slots = graph->n_variables;
    for (int i = 0; i < graph->n_nodes; i++) {
        const pn_node *node = graph->nodes[i];
        if (node->kind == PN_NODE_VARIABLE) {
            PENCL_TRY(take(&plan->slots[node->slot], plan, node));
        }
    }
    return PENCL_OK;
}

void pn_plan_free_variables(pn_plan *plan)
{
    for (int i = 0; i < plan->n_slots; i++) {
        pn_cell_free(plan->slots[i].source.cell);
        pn_store_free(plan->slots[i].seen);
        pn_store_free(plan->slots[i].store);
    }
    pn_free(plan->slots);
}

/* ---- before a run ---- */

static bool fits(const pn_store *old, const pn_store *store)
{
    return store != NULL && pn_spec_equal(&old->spec, &store->spec) &&
           old->layout == store->layout && old->n_parts == store->n_parts;
}

static bool has_moved(const pn_slot *slot)
{
    return slot->source.cell != NULL && pn_cell_store(slot->source.cell) != slot->seen;
}

bool pn_plan_fits(const pn_plan *plan)
{
    bool all = true;
    for (int i = 0; all && i < plan->n_slots; i++) {
        const pn_slot *slot = &plan->slots[i];
        pn_store *store = NULL;
        if (has_moved(slot)) {
            all = pn_source_store(&store, &slot->source) == PENCL_OK && fits(slot->store, store);
            pn_store_free(store);
        }
    }
    return all;
}

void pn_plan_bind(pn_plan *plan, const pn_cell *from, pn_cell *to)
{
    for (int i = 0; i < plan->n_slots; i++) {
        pn_source *source = &plan->slots[i].source;
        if (source->cell == from && from != to) {
            pn_cell *old = source->cell;
            source->cell = pn_cell_ref(to);
            pn_cell_free(old);
        }
    }
}

static pencl_status move(pn_plan *plan, int i)
{
    pn_slot *slot = &plan->slots[i];
    pn_store *store = NULL;
    PENCL_TRY(pn_source_store(&store, &slot->source));
    if (!fits(slot->store, store)) {
        pencl_status status =
            pn_spec_fail(plan->ctx, PENCL_E_SHAPE, &pn_cell_store(slot->source.cell)->spec,
                         "%s has become something else since the plan was made", slot->name);
        pn_store_free(store);
        return status;
    }
    pn_store_free(slot->store);
    pn_store_free(slot->seen);
    slot->store = store;
    slot->seen = pn_store_ref(pn_cell_store(slot->source.cell));
    pn_emit_rebind(&plan->emit, i, store);
    return PENCL_OK;
}

static pencl_status check_limit(const pn_plan *plan, const pn_slot *slot)
{
    int32_t number = 0;
    const pn_store *store =
        slot->source.cell != NULL ? pn_cell_store(slot->source.cell) : slot->store;
    const pn_part *part = &store->parts[0];
    PENCL_TRY(pn_buffer_read(part->buffer, part->offset, &number, sizeof number));
    if (number <= slot->limit->most) {
        return PENCL_OK;
    }
    return PN_FAIL(plan->ctx, slot->limit->status, "%s is %" PRId32 ", at most %" PRId64 ": %s",
                   slot->name, number, slot->limit->most, slot->limit->text);
}

pencl_status pn_plan_follow(pn_plan *plan)
{
    bool moved = false;
    for (int i = 0; i < plan->n_slots; i++) {
        if (plan->slots[i].limit != NULL) {
            PENCL_TRY(check_limit(plan, &plan->slots[i]));
        }
    }
    for (int i = 0; i < plan->n_slots; i++) {
        pn_store *own = NULL;
        if (plan->slots[i].written && plan->slots[i].source.cell != NULL) {
            PENCL_TRY(pn_cell_writable(&own, plan->slots[i].source.cell, plan->ctx));
        }
    }
    for (int i = 0; i < plan->n_slots; i++) {
        if (has_moved(&plan->slots[i])) {
            PENCL_TRY(move(plan, i));
            moved = true;
        }
    }
    if (moved) {
        pn_plan_resolve_operands(plan);
    }
    return PENCL_OK;
}

/* ---- after a run ---- */

pencl_status pn_plan_leave(pn_plan *plan)
{
    const pn_ir *ir = plan->ir;
    for (int i = 0; i < ir->n_next; i++) {
        const pn_part *to = &plan->slots[ir->next_slots[i]].store->parts[0];
        int out = ir->first_next + i;
        size_t bytes = pn_spec_bytes(pn_plan_out_spec(plan, out));
        if (bytes > 0) {
            PENCL_TRY(pn_plan_copy(plan, out, 0, to->buffer, to->offset, bytes));
        }
    }
    return PENCL_OK;
}
