/* SPDX-License-Identifier: Apache-2.0 */
/* What the options of pencl patch refer to: another text, positions, values, a metric. */
#include "patch.h"

#include <stdlib.h>
#include <string.h>

static bool has_from(const patch_settings *s)
{
    return s->from != NULL || s->from_tokens != NULL;
}

pencl_change patch_change(const patch_settings *s)
{
    if (has_from(s)) {
        return PENCL_CHANGE_FROM;
    }
    if (s->zero || s->mean != NULL) {
        return s->zero ? PENCL_CHANGE_ZERO : PENCL_CHANGE_MEAN;
    }
    return s->sweep != NULL ? PENCL_CHANGE_KNOCK_OUT : PENCL_CHANGE_MODEL;
}

static const char *selected(const patch_settings *s, const pencl_patch_options *o)
{
    if (s->select != NULL || o->change == PENCL_CHANGE_KNOCK_OUT) {
        return s->select;
    }
    return o->sweep == PENCL_SWEEP_HEAD ? "blocks.*.attn.hook_z" : "blocks.*.hook_resid_pre";
}

static int read_mean(patch_inputs *in, const work *w, const char *path)
{
    size_t size = strlen(path);
    pencl_array *array = NULL;
    if (size < 4 || strcmp(path + size - 4, ".npy") != 0) {
        return pencl_captures_load(&in->values, w->device, path) == PENCL_OK ? EXIT_DONE
                                                                             : work_failed(w);
    }
    bool done = pencl_captures_new(&in->values, w->device) == PENCL_OK &&
                pencl_array_load(&array, w->device, path) == PENCL_OK &&
                pencl_captures_add(in->values, "", array) == PENCL_OK;
    return done ? EXIT_DONE : work_failed(w);
}

int patch_read(patch_inputs *in, pencl_patch_options *o, const prompted *p)
{
    const patch_settings *s = p->settings;
    int status = EXIT_DONE;
    o->change = patch_change(s);
    o->align_last = s->align != NULL;
    if (s->sweep != NULL) {
        o->sweep = strcmp(s->sweep, "layer,head") == 0 ? PENCL_SWEEP_HEAD : PENCL_SWEEP_POSITION;
    }
    o->select = selected(s, o);
    if (has_from(s)) {
        status = prompted_other(&in->from, &o->n_from, p, "patch", s->from, s->from_tokens);
    }
    if (status == EXIT_DONE && s->at != NULL) {
        status = input_places(&in->at, &o->n_at, "patch", s->at);
    }
    if (status == EXIT_DONE && s->mean != NULL) {
        status = read_mean(in, p->w, s->mean);
    }
    if (status == EXIT_DONE && s->metric != NULL &&
        pencl_metric_new(&in->metric, p->w->ctx, p->w->model, s->metric) != PENCL_OK) {
        status = work_failed(p->w);
    }
    o->from = in->from;
    o->at = in->at;
    o->values = in->values;
    o->metric = in->metric;
    return status;
}

void patch_inputs_free(patch_inputs *in)
{
    free(in->from);
    free(in->at);
    pencl_captures_free(in->values);
    pencl_metric_free(in->metric);
}
