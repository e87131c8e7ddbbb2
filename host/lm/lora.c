/* SPDX-License-Identifier: Apache-2.0 */
/* Low-rank adapters of PEFT's: around each Linear of a model that a file has tensors for goes a
 * LowRankAdapter. */
#include "lm/lora.h"

#include "base/os.h"

#include <stdio.h>
#include <string.h>

#define RANK_AXIS "lowrank" /* as penzai has it */

/* ---- parameters ---- */

/* One side of an adapter: the part's rows of a tensor, as a parameter of those axes. */
typedef struct side {
    const char *name; /* ends the label */
    const pn_tensor *tensor;
    pn_spec axes;
    int n_row_axes;
    int part;
    int parts;
} side;

static void push_all(pn_spec *to, const pn_spec *axes)
{
    for (int i = 0; i < axes->n_axes; i++) {
        pn_spec_push(to, axes->axes[i].name, axes->axes[i].size);
    }
}

/* [blocks if a stack, rows | columns] */
static void set_axes(side *s, int64_t blocks, const pn_spec *rows, const pn_spec *columns)
{
    if (blocks > 0) {
        pn_spec_push(&s->axes, PN_AXIS_BLOCKS, blocks);
    }
    push_all(&s->axes, rows);
    s->n_row_axes = s->axes.n_axes;
    push_all(&s->axes, columns);
}

/* `of`: the label of the linear's weights. */
static pencl_status upload(pencl_variable **out, pn_lora *lora, const char *of, const side *s)
{
    const size_t row = s->tensor->bytes / (size_t)s->tensor->dims[0];
    const int64_t heads = s->parts > 1 ? s->axes.axes[0].size : 1;
    const int64_t each = s->tensor->dims[0] / s->parts / heads;
    pn_tensor own = *s->tensor; /* from the part's first row on */
    own.data += (size_t)(s->part * each) * row;
    own.offset += (size_t)(s->part * each) * row;
    own.bytes = lora->w.in_stack ? 0 : (size_t)(heads * each) * row; /* of the file */
    pn_grid grid = {.tensor = &own,
                    .n_row_axes = 2,
                    .n_axes = 2,
                    .sizes = {heads, each},
                    .steps = {(size_t)(s->parts * each) * row, row},
                    .run = row};
    pn_text label = {0};
    pn_text_add(&label, "%.*s/adapter_%d/%s", (int)(strlen(of) - strlen(".weights")), of,
                lora->number, s->name);
    const pencl_status st = label.failed ? PN_NOMEM(lora->w.ctx)
                                         : pn_weights_upload(out, &lora->w, pn_text_get(&label),
                                                             &s->axes, s->n_row_axes, &grid);
    pn_text_free(&label);
    return st;
}

/* ---- layers ---- */

static pencl_status
wrap(pencl_layer **out, pn_lora *lora, pencl_layer *linear, const pn_lora_change *c)
{
    const char *label = pencl_variable_label(pencl_layer_variable(linear, "weights"));
    pencl_variable *a = NULL;
    pencl_variable *b = NULL;
    side first = {.name = "LoRA_A.weights", .tensor = &c->a, .parts = 1};
    side second = {.name = "LoRA_B.weights", .tensor = &c->b, .part = c->part, .parts = c->parts};
    pn_spec rank = {0};
    pn_spec_push(&rank, RANK_AXIS, c->rank);
    set_axes(&first, c->blocks, &rank, &c->in);
    set_axes(&second, c->blocks, &c->out, &rank);
    lora->w.in_stack = c->blocks > 0;
    pencl_status st = upload(&a, lora, label, &first);
    if (st == PENCL_OK) {
        st = upload(&b, lora, label, &second);
    }
    if (st == PENCL_OK) {
        st = pencl_layer_low_rank_adapter(out, lora->w.ctx, linear, a, b, c->scale);
    }
    pencl_variable_free(a);
    pencl_variable_free(b);
    return st;
}

/* pencl_node_change: a Linear, adapted if the file has tensors for it. */
static pencl_status adapt(pencl_node *out, const pencl_place *place, void *user)
{
    pn_lora_change change;
    pencl_status st = PENCL_OK;
    PENCL_TRY(pn_lora_read(&change, user, place->node.layer));
    if (change.a.data == NULL) {
        out->layer = pencl_layer_ref(place->node.layer);
    } else {
        st = wrap(&out->layer, user, place->node.layer, &change);
    }
    pn_lora_change_free(&change);
    return st;
}

/* One more than the largest number in the labels of adapters. */
static int next_number(const pencl_layer *layer)
{
    int next = 0;
    for (pn_child at = {0}; pn_next_child(&at, layer);) {
        int found = -1;
        if (at.node.layer != NULL) {
            found = next_number(at.node.layer) - 1;
        } else {
            const char *number = strstr(pencl_variable_label(at.node.variable), "/adapter_");
            if (number != NULL) {
                (void)sscanf(number, "/adapter_%d/", &found);
            }
        }
        next = found >= next ? found + 1 : next;
    }
    return next;
}

static pencl_status add_file(pencl_layer **out, pn_lora *lora, pencl_layer *body)
{
    const size_t n = pn_model_file_n_tensors(lora->w.file);
    if (n == 0) {
        return PN_FAIL(lora->w.ctx, PENCL_E_FORMAT, "%s: has no tensors",
                       pn_model_file_path(lora->w.file));
    }
    lora->w.used = pn_calloc(n, sizeof *lora->w.used);
    if (lora->w.used == NULL) {
        return PN_NOMEM(lora->w.ctx);
    }
    lora->number = next_number(body);
    pencl_selection *s = pencl_selection_at_instances_of(pencl_layer_select(lora->w.ctx, body),
                                                         "Linear", PENCL_OUTERMOST);
    pencl_status st =
        s == NULL ? PN_NOMEM(lora->w.ctx) : pencl_selection_apply(out, s, adapt, lora);
    pencl_selection_free(s);
    if (st == PENCL_OK) {
        st = pn_weights_check_all_used(&lora->w);
    }
    return st;
}

/* ---- files ---- */

/* The file, or that in a folder as PEFT saves it. */
static pencl_status open_file(pn_model_file **out, pencl_ctx *ctx, const char *path)
{
    pn_text inside = {0};
    pn_text_add(&inside, "%s/adapter_model.safetensors", path);
    const bool folder = !inside.failed && pn_file_exists(pn_text_get(&inside));
    const pencl_status st =
        inside.failed ? PN_NOMEM(ctx)
                      : pn_model_file_open(out, ctx, folder ? pn_text_get(&inside) : path);
    pn_text_free(&inside);
    return st;
}

/* Replaces *body by a copy with the adapter. */
static pencl_status
add_one(pencl_layer **body, pencl_device *device, const pencl_lora *file, pencl_model_info *info)
{
    static const pencl_model_options silent = PENCL_MODEL_OPTIONS_INIT;
    pencl_ctx *ctx = pn_device_ctx(device);
    pencl_layer *adapted = NULL;
    pn_lora lora = {.w = {.ctx = ctx, .device = device, .options = &silent}, .scale = file->scale};
    PENCL_TRY(open_file(&lora.w.file, ctx, file->path));
    pencl_status st = pn_lora_config_read(&lora.config, ctx, lora.w.file);
    if (st == PENCL_OK) {
        st = add_file(&adapted, &lora, *body);
    }
    if (st == PENCL_OK) {
        pencl_layer_free(*body);
        *body = pencl_layer_ref(adapted);
        if (info != NULL) {
            info->n_params += lora.w.n_params;
            info->weight_bytes += lora.w.device_bytes;
        }
    }
    pencl_layer_free(adapted);
    pn_free(lora.w.used);
    pn_lora_config_free(&lora.config);
    pn_model_file_close(lora.w.file);
    return st;
}

pencl_status pn_lm_add_loras(
    pencl_lm **out, const pencl_lm *lm, const pencl_lora *loras, int n, pencl_model_info *info)
{
    pencl_layer *body = pencl_layer_ref(lm->body);
    pencl_status st = PENCL_OK;
    for (int i = 0; i < n && st == PENCL_OK; i++) {
        st = add_one(&body, lm->device, &loras[i], info);
    }
    if (st == PENCL_OK) {
        st = pencl_lm_new(out, lm->device, body, &lm->metadata);
    }
    pencl_layer_free(body);
    return st;
}

pencl_status pencl_lm_add_loras(pencl_lm **out, const pencl_lm *lm, const pencl_lora *loras, int n)
{
    pn_error_clear(lm->ctx);
    *out = NULL;
    return pn_lm_add_loras(out, lm, loras, n, NULL);
}
