/* SPDX-License-Identifier: Apache-2.0 */
/* Low-rank adapters of PEFT's: around each Linear of a model that a file has tensors for goes a
 * LowRankAdapter. transformers names modules, penzai labels parameters; both count the rows of a
 * projection head by head, halves of rotary pairs apart, so that a table of names is all that lies
 * between them. (Files with another order of rows, GGUF's, were put right when they were read.) */
#include "lm/lora.h"

#include "base/os.h"
#include "lm/weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define RANK_AXIS "lowrank" /* as penzai has it */

/* ---- names ---- */

typedef struct target {
    const char *label;  /* of a Linear's weights; * is the number of a block */
    const char *module; /* of transformers */
    int part;           /* of the module's rows: in each head, which of how many runs */
    int parts;
} target;

#define BLOCK "transformer/block_*/"
static const target targets[] = {
    {BLOCK "attention/query.weights", "model.layers.*.self_attn.q_proj", 0, 1},
    {BLOCK "attention/key.weights", "model.layers.*.self_attn.k_proj", 0, 1},
    {BLOCK "attention/value.weights", "model.layers.*.self_attn.v_proj", 0, 1},
    {BLOCK "attention/output.weights", "model.layers.*.self_attn.o_proj", 0, 1},
    {BLOCK "mlp/gating_linear.weights", "model.layers.*.mlp.gate_proj", 0, 1},
    {BLOCK "mlp/value_linear.weights", "model.layers.*.mlp.up_proj", 0, 1},
    {BLOCK "mlp/out_linear.weights", "model.layers.*.mlp.down_proj", 0, 1},
    {"transformer/lm_head.weights", "lm_head", 0, 1},
    /* GPT-NeoX */
    {BLOCK "attention/query/Linear.weights", "gpt_neox.layers.*.attention.query_key_value", 0, 3},
    {BLOCK "attention/key/Linear.weights", "gpt_neox.layers.*.attention.query_key_value", 1, 3},
    {BLOCK "attention/value/Linear.weights", "gpt_neox.layers.*.attention.query_key_value", 2, 3},
    {BLOCK "attention/output/Linear.weights", "gpt_neox.layers.*.attention.dense", 0, 1},
    {BLOCK "mlp/in/Linear.weights", "gpt_neox.layers.*.mlp.dense_h_to_4h", 0, 1},
    {BLOCK "mlp/out/Linear.weights", "gpt_neox.layers.*.mlp.dense_4h_to_h", 0, 1},
    {"transformer/lm_head.weights", "embed_out", 0, 1},
};

enum { NAME_ROOM = 128 };

static void write_name(char to[NAME_ROOM], const char *pattern, int block)
{
    const int before = (int)strcspn(pattern, "*");
    if (pattern[before] == '\0') {
        pn_copy(to, NAME_ROOM, pattern);
    } else {
        snprintf(to, NAME_ROOM, "%.*s%d%s", before, pattern, block, pattern + before + 1);
    }
}

/* Writes the module's name; false when the target is of another label. */
static bool find_module(char module[NAME_ROOM], const target *t, const char *label)
{
    char own[NAME_ROOM];
    int block = 0;
    (void)sscanf(label, "transformer/block_%d/", &block); /* 0 outside */
    write_name(own, t->label, block);
    write_name(module, t->module, block);
    return strcmp(own, label) == 0;
}

/* ---- tensors ---- */

/* One adapter that is being added. */
typedef struct adding {
    pn_weights w;
    pn_lora_config config;
    double scale;
    int number; /* in the labels of its parameters */
} adding;

/* The two matrices of a module: A [rank, columns], B [rows, rank]. */
typedef struct pair {
    const char *module;
    const pn_tensor *a;
    const pn_tensor *b;
} pair;

/* With or without the name of an adapter that was not saved under one. Finds nothing: a is NULL. */
static pencl_status find_pair(pair *out, adding *add, const char *module)
{
    static const char *const ends[] = {"weight", "default.weight"};
    *out = (pair){.module = module};
    for (size_t i = 0; i < PN_COUNT(ends) && out->a == NULL; i++) {
        char a[2 * NAME_ROOM];
        char b[2 * NAME_ROOM];
        snprintf(a, sizeof a, "base_model.model.%s.lora_A.%s", module, ends[i]);
        snprintf(b, sizeof b, "base_model.model.%s.lora_B.%s", module, ends[i]);
        if (pn_model_file_find(add->w.file, a) != NULL ||
            pn_model_file_find(add->w.file, b) != NULL) {
            PENCL_TRY(pn_weights_find(&out->a, &add->w, a));
            PENCL_TRY(pn_weights_find(&out->b, &add->w, b));
        }
    }
    return PENCL_OK;
}

/* E_SHAPE unless the tensor is [rows, columns]. */
static pencl_status check_shape(
    const adding *add, const pn_tensor *t, int64_t rows, int64_t columns, const pencl_layer *linear)
{
    if (t->n_dims == 2 && t->dims[0] == rows && t->dims[1] == columns) {
        return PENCL_OK;
    }
    const pencl_variable *weights = pencl_layer_variable(linear, "weights");
    pn_text got = {0};
    pn_text of = {0};
    for (int i = 0; i < t->n_dims; i++) {
        pn_text_add(&got, "%s%" PRId64, i > 0 ? ", " : "", t->dims[i]);
    }
    pn_spec_print(&of, pn_variable_spec(weights));
    const pencl_status st =
        PN_FAIL(add->w.ctx, PENCL_E_SHAPE,
                "%s: tensor \"%s\": is [%s]; [%" PRId64 ", %" PRId64 "] is needed for \"%s\" %s",
                pn_model_file_path(add->w.file), t->name, pn_text_get(&got), rows, columns,
                pencl_variable_label(weights), pn_text_get(&of));
    pn_text_free(&got);
    pn_text_free(&of);
    return st;
}

/* ---- parameters ---- */

/* The part's rows of the tensor, as a parameter of those axes. */
typedef struct matrix {
    const char *name; /* ends the label */
    const pn_tensor *tensor;
    pn_spec axes;
    int n_row_axes;
    int part;
    int parts;
} matrix;

static pencl_status
upload(pencl_variable **out, adding *add, const pencl_layer *linear, const matrix *m)
{
    const char *of = pencl_variable_label(pencl_layer_variable(linear, "weights"));
    const size_t row = m->tensor->bytes / (size_t)m->tensor->dims[0];
    const int64_t heads = m->parts > 1 ? m->axes.axes[0].size : 1;
    const int64_t each = m->tensor->dims[0] / m->parts / heads;
    pn_tensor own = *m->tensor; /* from the part's first row on */
    own.data += (size_t)(m->part * each) * row;
    own.offset += (size_t)(m->part * each) * row;
    own.bytes = (size_t)(heads * each) * row;
    pn_grid grid = {.tensor = &own,
                    .n_row_axes = 2,
                    .n_axes = 2,
                    .sizes = {heads, each},
                    .steps = {(size_t)(m->parts * each) * row, row},
                    .run = row};
    pn_text label = {0};
    pn_text_add(&label, "%.*s/adapter_%d/%s", (int)(strlen(of) - strlen(".weights")), of,
                add->number, m->name);
    const pencl_status st = label.failed ? PN_NOMEM(add->w.ctx)
                                         : pn_weights_upload(out, &add->w, pn_text_get(&label),
                                                             &m->axes, m->n_row_axes, &grid);
    pn_text_free(&label);
    return st;
}

/* Adds the axes that a field of the linear names; returns their product. */
static int64_t add_axes(pn_spec *spec, const pencl_layer *linear, const char *field)
{
    const pn_spec *weights = pn_variable_spec(pencl_layer_variable(linear, "weights"));
    int n = 0;
    int64_t count = 1;
    const pencl_axis *axes = pencl_layer_axes(linear, field, &n);
    for (int i = 0; i < n; i++) {
        const int64_t size = pn_spec_size(weights, axes[i].name);
        pn_spec_push(spec, axes[i].name, size);
        count *= size;
    }
    return count;
}

/* ---- layers ---- */

static pencl_status find_scale(double *out, int64_t *rank, const adding *add, const pair *p)
{
    double alpha = 0;
    PENCL_TRY(pn_lora_config_find(rank, &alpha, &add->config, p->module));
    *rank = *rank > 0 ? *rank : p->a->dims[0];
    *out = add->scale * alpha / (add->config.root ? sqrt((double)*rank) : (double)*rank);
    return isfinite((float)*out)
               ? PENCL_OK
               : PN_FAIL(add->w.ctx, PENCL_E_ARG, "%s: a scale of %g, with lora_alpha %g",
                         pn_model_file_path(add->w.file), add->scale, alpha);
}

static pencl_status
wrap(pencl_layer **out, adding *add, pencl_layer *linear, const target *t, const pair *p)
{
    int64_t rank = 0;
    double scale = 0;
    pencl_variable *a = NULL;
    pencl_variable *b = NULL;
    PENCL_TRY(find_scale(&scale, &rank, add, p));
    matrix first = {.name = "LoRA_A.weights", .tensor = p->a, .n_row_axes = 1, .parts = 1};
    matrix second = {.name = "LoRA_B.weights", .tensor = p->b, .part = t->part, .parts = t->parts};
    pn_spec_push(&first.axes, RANK_AXIS, rank);
    const int64_t columns = add_axes(&first.axes, linear, "in_axis_names");
    const int64_t rows = add_axes(&second.axes, linear, "out_axis_names");
    second.n_row_axes = second.axes.n_axes;
    pn_spec_push(&second.axes, RANK_AXIS, rank);
    PENCL_TRY(check_shape(add, p->a, rank, columns, linear));
    PENCL_TRY(check_shape(add, p->b, rows * t->parts, rank, linear));
    pencl_status st = upload(&a, add, linear, &first);
    if (st == PENCL_OK) {
        st = upload(&b, add, linear, &second);
    }
    if (st == PENCL_OK) {
        st = pencl_layer_low_rank_adapter(out, add->w.ctx, linear, a, b, scale);
    }
    pencl_variable_free(a);
    pencl_variable_free(b);
    return st;
}

/* pencl_node_change: a Linear, adapted if the file has tensors for it. */
static pencl_status adapt(pencl_node *out, const pencl_place *place, void *user)
{
    adding *add = user;
    pencl_layer *linear = place->node.layer;
    const pencl_variable *weights = pencl_layer_variable(linear, "weights");
    for (size_t i = 0; i < PN_COUNT(targets) && pn_variable_spec(weights) != NULL; i++) {
        char module[NAME_ROOM];
        pair p = {0};
        if (!find_module(module, &targets[i], pencl_variable_label(weights))) {
            continue;
        }
        PENCL_TRY(find_pair(&p, add, module));
        if (p.a != NULL) {
            return wrap(&out->layer, add, linear, &targets[i], &p);
        }
    }
    out->layer = pencl_layer_ref(linear);
    return PENCL_OK;
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

static pencl_status add_file(pencl_layer **out, adding *add, pencl_layer *body)
{
    const size_t n = pn_model_file_n_tensors(add->w.file);
    if (n == 0) {
        return PN_FAIL(add->w.ctx, PENCL_E_FORMAT, "%s: has no tensors",
                       pn_model_file_path(add->w.file));
    }
    add->w.used = pn_calloc(n, sizeof *add->w.used);
    if (add->w.used == NULL) {
        return PN_NOMEM(add->w.ctx);
    }
    add->number = next_number(body);
    pencl_selection *s = pencl_selection_at_instances_of(pencl_layer_select(add->w.ctx, body),
                                                         "Linear", PENCL_OUTERMOST);
    pencl_status st = s == NULL ? PN_NOMEM(add->w.ctx) : pencl_selection_apply(out, s, adapt, add);
    pencl_selection_free(s);
    if (st == PENCL_OK) {
        st = pn_weights_check_all_used(&add->w);
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
add_one(pencl_layer **body, pencl_device *device, const pencl_lora *lora, pencl_model_info *info)
{
    static const pencl_model_options silent = PENCL_MODEL_OPTIONS_INIT;
    pencl_ctx *ctx = pn_device_ctx(device);
    pencl_layer *adapted = NULL;
    adding add = {.w = {.ctx = ctx, .device = device, .options = &silent}, .scale = lora->scale};
    PENCL_TRY(open_file(&add.w.file, ctx, lora->path));
    pencl_status st = pn_lora_config_read(&add.config, ctx, add.w.file);
    if (st == PENCL_OK) {
        st = add_file(&adapted, &add, *body);
    }
    if (st == PENCL_OK) {
        pencl_layer_free(*body);
        *body = pencl_layer_ref(adapted);
        if (info != NULL) {
            info->n_params += add.w.n_params;
            info->weight_bytes += add.w.device_bytes;
        }
    }
    pencl_layer_free(adapted);
    pn_free(add.w.used);
    pn_lora_config_free(&add.config);
    pn_model_file_close(add.w.file);
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
