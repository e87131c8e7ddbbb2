/* SPDX-License-Identifier: Apache-2.0 */
/* Recording launches: kernels, arguments and the arguments that may change between replays. */
#include "op/emit.h"

#include <stdio.h>
#include <string.h>

/* Room for one more element; false when memory is out. */
static bool grow(void **array, size_t n, size_t *room, size_t element)
{
    if (n < *room) {
        return true;
    }
    size_t more = *room == 0 ? 32 : *room * 2;
    void *p = pn_realloc(*array, more, element);
    if (p == NULL) {
        return false;
    }
    *array = p;
    *room = more;
    return true;
}

pencl_ctx *pn_emit_ctx(pn_emit *e)
{
    return e->ctx;
}

pencl_device *pn_emit_device(pn_emit *e)
{
    return e->device;
}

pencl_status pn_emit_kernel(pn_emit *e, pn_kernel **out, const pn_kernel_source *source)
{
    if (!grow((void **)&e->kernels, e->n_kernels, &e->kernel_room, sizeof *e->kernels)) {
        return PN_NOMEM(e->ctx);
    }
    PENCL_TRY(pn_kernel_new(out, e->device, source));
    e->kernels[e->n_kernels++] = *out;
    return PENCL_OK;
}

static bool is_rows16(const pn_store *store)
{
    return store != NULL && store->layout == &pn_layout_rows16;
}

int pn_operand_parts(const pn_operand *o)
{
    return o->store != NULL ? o->store->n_parts : 1;
}

static void set_store(const pn_patch *p, const pn_store *store)
{
    const pn_part *part = &store->parts[p->part];
    pn_kernel_arg_buffer(p->kernel, p->index, part->buffer);
    pn_kernel_arg_i64(p->kernel, p->index + 1, (int64_t)(part->offset / p->element) + p->offset);
}

static void note_patch(pn_emit *e, const pn_patch *p)
{
    if (!grow((void **)&e->patches, e->n_patches, &e->patch_room, sizeof *e->patches)) {
        e->failed = true;
        return;
    }
    e->patches[e->n_patches++] = *p;
}

void pn_emit_operand(
    pn_emit *e, pn_kernel *k, int index, const pn_operand *o, int part, size_t element)
{
    pn_patch p = {.kernel = k,
                  .index = index,
                  .slot = o->slot,
                  .part = part,
                  .element = element,
                  .offset = is_rows16(o->store) ? 0 : o->view.offset,
                  .from = o->buffer};
    if (o->store != NULL) {
        set_store(&p, o->store);
    } else {
        pn_kernel_arg_buffer(k, index, o->buffer);
        pn_kernel_arg_i64(k, index + 1, (int64_t)(o->base / element) + p.offset);
    }
    note_patch(e, &p);
}

void pn_emit_scratch(pn_emit *e, pn_kernel *k, int index, const pn_task *t)
{
    pn_kernel_arg_buffer(k, index, t->scratch);
    note_patch(e, &(pn_patch){.kernel = k, .index = index, .slot = -1, .from = t->scratch});
}

static pencl_status add_launch(pn_emit *e, const pn_launch *launch)
{
    if (e->failed ||
        !grow((void **)&e->launches, e->n_launches, &e->launch_room, sizeof *e->launches)) {
        return PN_NOMEM(e->ctx);
    }
    e->launches[e->n_launches] = *launch;
    e->launches[e->n_launches++].task = e->task;
    return PENCL_OK;
}

pencl_status
pn_emit_launch(pn_emit *e, pn_kernel *k, int dims, const size_t global[3], const size_t local[3])
{
    pn_launch launch = {.kernel = k, .dims = dims};
    for (int i = 0; i < dims; i++) {
        if (global[i] == 0) {
            return PENCL_OK; /* nothing to do */
        }
        launch.global[i] = global[i];
        launch.local[i] = local[i];
    }
    return add_launch(e, &launch);
}

pencl_status pn_emit_host(pn_emit *e, pn_host_step *run, void *user, void (*free_user)(void *))
{
    pencl_status st = add_launch(e, &(pn_launch){.run = run, .user = user, .free_user = free_user});
    if (st != PENCL_OK && free_user != NULL) {
        free_user(user);
    }
    return st;
}

void pn_emit_rebind(pn_emit *e, int slot, const pn_store *store)
{
    for (size_t i = 0; i < e->n_patches; i++) {
        if (e->patches[i].slot == slot) {
            set_store(&e->patches[i], store);
        }
    }
}

void pn_emit_resized(pn_emit *e, pn_buffer *buffer)
{
    for (size_t i = 0; buffer != NULL && i < e->n_patches; i++) {
        const pn_patch *p = &e->patches[i];
        if (p->slot < 0 && p->from == buffer) {
            pn_kernel_arg_buffer(p->kernel, p->index, buffer);
        }
    }
}

pencl_status pn_emit_replay_launch(pn_emit *e, const pn_launch *l)
{
    return l->kernel != NULL ? pn_kernel_run(l->kernel, l->dims, l->global, l->local)
                             : l->run(l->user, e->device);
}

pencl_status pn_emit_replay(pn_emit *e, bool chains)
{
    const size_t every = pn_device_caps(e->device)->flush_every;
    size_t made = 0;
    for (size_t i = 0; i < e->n_launches;) {
        const pn_launch *l = &e->launches[i];
        const bool chained = chains && l->chain != NULL;
        PENCL_TRY(chained ? pn_chain_run(l->chain) : pn_emit_replay_launch(e, l));
        if (++made == every) {
            PENCL_TRY(pn_device_flush(e->device));
            made = 0;
        }
        i += chained ? (size_t)l->chained : 1;
    }
    return PENCL_OK;
}

pencl_status pn_emit_replay_task(pn_emit *e, int task)
{
    for (size_t i = 0; i < e->n_launches; i++) {
        if (e->launches[i].task == task) {
            PENCL_TRY(pn_emit_replay_launch(e, &e->launches[i]));
        }
    }
    return PENCL_OK;
}

void pn_emit_free(pn_emit *e)
{
    for (size_t i = 0; i < e->n_launches; i++) {
        if (e->launches[i].free_user != NULL) {
            e->launches[i].free_user(e->launches[i].user);
        }
    }
    pn_emit_unchain(e);
    for (size_t i = 0; i < e->n_kernels; i++) {
        pn_kernel_free(e->kernels[i]);
    }
    pn_free(e->launches);
    pn_free(e->kernels);
    pn_free(e->patches);
}

static void add_name(char *out, size_t room, const char *name)
{
    size_t used = strlen(out);
    snprintf(out + used, room - used, "%s%s", used == 0 ? "" : "+", name);
}

void pn_task_label(const pn_task *t, char *out, size_t room)
{
    out[0] = '\0';
    if (!(t->call->def->flags & PN_OP_POINTWISE)) {
        add_name(out, room, t->call->def->name);
    }
    if (t->norm != NULL) {
        add_name(out, room, t->norm->def->name);
    }
    for (int i = 0; i < t->n_parts; i++) {
        for (int s = 0; t->program[i] != NULL && s < t->program[i]->n_steps; s++) {
            add_name(out, room, t->program[i]->step[s].call->def->name);
        }
    }
}
