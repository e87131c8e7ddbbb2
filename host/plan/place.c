/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a plan: temporaries share one arena by lifetime; step inputs lie in one buffer, so that
 * a step is one upload. PENCL_ARENA=off gives each temporary its own range. */
#include "base/os.h"
#include "plan/internal.h"

#include <string.h>

/* Tasks from which to which a temporary holds a value; first is n_tasks when it is never written.
 */
typedef struct lifetime {
    int first;
    int last;
    size_t bytes;
} lifetime;

typedef struct reading {
    lifetime *lives;
    int task;
} reading;

static void note_read(void *user, pn_operand *o)
{
    reading *r = user;
    if (o->temp >= 0 && r->task > r->lives[o->temp].last) {
        r->lives[o->temp].last = r->task;
    }
}

static pencl_status find_lifetimes(const pn_ir *ir, size_t align, lifetime *lives)
{
    for (int i = 0; i < ir->n_temps; i++) {
        size_t bytes = pn_spec_bytes(&ir->temps[i].spec);
        lives[i] = (lifetime){.first = ir->n_tasks, .last = ir->temps[i].keep ? ir->n_tasks : -1};
        if (!pn_pad(bytes > 0 ? bytes : 1, align, &lives[i].bytes)) {
            return PN_FAIL(ir->ctx, PENCL_E_LIMIT, "a temporary is too large");
        }
    }
    for (int i = 0; i < ir->n_tasks; i++) {
        pn_task *t = ir->tasks[i];
        pn_task_inputs(t, note_read, &(reading){lives, i});
        for (int p = 0; p < t->n_parts; p++) {
            lifetime *life = t->out[p].temp >= 0 ? &lives[t->out[p].temp] : NULL;
            if (life != NULL) { /* of several tasks that write it, the first and the last */
                life->first = life->first < i ? life->first : i;
                life->last = life->last > i ? life->last : i;
            }
        }
    }
    return PENCL_OK;
}

static bool overlap(const lifetime *a, const lifetime *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset at which temporary `i` meets no placed one that lives at the same time. */
static size_t first_fit(const pn_ir *ir, const lifetime *lives, const int *placed, int n, int i)
{
    size_t offset = 0;
    for (int k = 0; k < n;) {
        int j = placed[k++];
        size_t from = ir->temps[j].offset;
        if (overlap(&lives[i], &lives[j]) && offset < from + lives[j].bytes &&
            from < offset + lives[i].bytes) {
            offset = from + lives[j].bytes;
            k = 0; /* look at all again from the new offset */
        }
    }
    return offset;
}

static pencl_status place_arena(pn_plan *plan, const lifetime *lives)
{
    pn_ir *ir = plan->ir;
    const char *off = pn_get_env("PENCL_ARENA");
    bool share = off == NULL || strcmp(off, "off") != 0;
    int *placed = pn_calloc((size_t)ir->n_temps + 1, sizeof *placed);
    if (placed == NULL) {
        return PN_NOMEM(plan->ctx);
    }
    int n = 0;
    for (int t = 0; t < ir->n_tasks; t++) {
        /* Drop the dead ones, so that the search stays short. */
        int kept = 0;
        for (int k = 0; share && k < n; k++) {
            if (lives[placed[k]].last >= t) {
                placed[kept++] = placed[k];
            }
        }
        n = share ? kept : n;
        for (int p = 0; p < ir->tasks[t]->n_parts; p++) {
            int i = ir->tasks[t]->out[p].temp;
            if (i < 0 || ir->temps[i].place != PN_IN_ARENA || lives[i].first != t) {
                continue;
            }
            ir->temps[i].offset = share ? first_fit(ir, lives, placed, n, i) : plan->arena_bytes;
            placed[n++] = i;
            size_t end = ir->temps[i].offset + lives[i].bytes;
            plan->arena_bytes = end > plan->arena_bytes ? end : plan->arena_bytes;
        }
    }
    pn_free(placed);
    return PENCL_OK;
}

pencl_status pn_plan_place(pn_plan *plan)
{
    pn_ir *ir = plan->ir;
    size_t align = pn_device_caps(plan->device)->align;
    align = align < 64 ? 64 : align;
    /* What the host computes lies beside the inputs it is computed from. */
    for (int i = 0; i < ir->n_tasks; i++) {
        if (pn_task_is_early(ir, ir->tasks[i])) {
            ir->temps[ir->tasks[i]->out[0].temp].place = PN_IN_STEP;
        }
    }
    lifetime *lives = pn_calloc((size_t)ir->n_temps + 1, sizeof *lives);
    if (lives == NULL) {
        return PN_NOMEM(plan->ctx);
    }
    pencl_status st = find_lifetimes(ir, align, lives);
    for (int i = 0; st == PENCL_OK && i < ir->n_temps; i++) {
        if (ir->temps[i].place == PN_IN_STEP) {
            ir->temps[i].offset = plan->step_bytes;
            plan->step_bytes += lives[i].bytes;
        }
    }
    if (st == PENCL_OK) {
        st = place_arena(plan, lives);
    }
    pn_free(lives);
    return st;
}

static void resolve(void *user, pn_operand *o)
{
    pn_plan *plan = user;
    if (o->temp < 0) {
        o->store = o->slot >= 0 ? plan->slots[o->slot].store : o->store;
        if (o->store != NULL && o->store->n_parts == 1) {
            o->buffer = o->store->parts[0].buffer;
            o->base = o->store->parts[0].offset;
        }
        return;
    }
    const pn_temp *t = &plan->ir->temps[o->temp];
    switch (t->place) {
    case PN_IN_STEP:
        o->buffer = plan->step;
        o->base = t->offset;
        break;
    case PN_IN_ARRAY: {
        /* The array's own strides: its axes are in the order in which the value has them. */
        const pencl_array *a = t->array;
        o->buffer = a->buffer;
        o->base = a->base;
        break;
    }
    default:
        o->buffer = plan->arena;
        o->base = t->offset;
        break;
    }
}

static pencl_status grow(pn_buffer **buffer, pn_pool *pool, size_t bytes)
{
    if (bytes == 0 || (*buffer != NULL && pn_buffer_bytes(*buffer) >= bytes)) {
        return PENCL_OK;
    }
    if (*buffer == NULL) {
        return pn_buffer_new(buffer, pool->device, bytes);
    }
    pool->grown++;
    return pn_buffer_resize(*buffer, bytes);
}

pencl_status pn_plan_grow_pool(pn_plan *plan)
{
    PENCL_TRY(grow(&plan->pool->buffer, plan->pool, plan->arena_bytes));
    return grow(&plan->pool->scratch, plan->pool, plan->scratch_bytes);
}

void pn_plan_resolve_operands(pn_plan *plan)
{
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        pn_task *t = plan->ir->tasks[i];
        pn_task_inputs(t, resolve, plan);
        for (int k = 0; k < t->n_in; k++) {
            resolve(plan, &t->in[k]); /* elementwise tasks keep theirs for the reference */
        }
        for (int p = 0; p < t->n_parts; p++) {
            resolve(plan, &t->out[p]);
        }
        t->scratch = plan->scratch;
    }
    for (int i = 0; i < plan->ir->n_outs; i++) {
        resolve(plan, &plan->ir->outs[i]);
    }
}

pencl_status pn_plan_resolve(pn_plan *plan)
{
    PENCL_TRY(pn_plan_grow_pool(plan));
    plan->grown = plan->pool->grown;
    plan->arena = pn_buffer_ref(plan->pool->buffer);
    plan->scratch = pn_buffer_ref(plan->pool->scratch);
    if (plan->step_bytes > 0) {
        PENCL_TRY(pn_buffer_new(&plan->step, plan->device, plan->step_bytes));
        plan->staging = pn_calloc(1, plan->step_bytes);
        if (plan->staging == NULL) {
            return PN_NOMEM(plan->ctx);
        }
    }
    pn_plan_resolve_operands(plan);
    return PENCL_OK;
}
