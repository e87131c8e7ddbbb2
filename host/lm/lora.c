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
    const char *label;  /* of a Linear's weights, behind "transformer/" and the block */
    const char *module; /* of transformers; * is the number of a block */
    int part;           /* of the module's rows: in each head, which of how many runs */
    int parts;
} target;

static const target targets[] = {
    {"attention/query.weights", "model.layers.*.self_attn.q_proj", 0, 1},
    {"attention/key.weights", "model.layers.*.self_attn.k_proj", 0, 1},
    {"attention/value.weights", "model.layers.*.self_attn.v_proj", 0, 1},
    {"attention/output.weights", "model.layers.*.self_attn.o_proj", 0, 1},
    {"mlp/gating_linear.weights", "model.layers.*.mlp.gate_proj", 0, 1},
    {"mlp/value_linear.weights", "model.layers.*.mlp.up_proj", 0, 1},
    {"mlp/out_linear.weights", "model.layers.*.mlp.down_proj", 0, 1},
    {"lm_head.weights", "lm_head", 0, 1},
    /* GPT-NeoX */
    {"attention/query/Linear.weights", "gpt_neox.layers.*.attention.query_key_value", 0, 3},
    {"attention/key/Linear.weights", "gpt_neox.layers.*.attention.query_key_value", 1, 3},
    {"attention/value/Linear.weights", "gpt_neox.layers.*.attention.query_key_value", 2, 3},
    {"attention/output/Linear.weights", "gpt_neox.layers.*.attention.dense", 0, 1},
    {"mlp/in/Linear.weights", "gpt_neox.layers.*.mlp.dense_h_to_4h", 0, 1},
    {"mlp/out/Linear.weights", "gpt_neox.layers.*.mlp.dense_4h_to_h", 0, 1},
    {"lm_head.weights", "embed_out", 0, 1},
};

enum { NAME_ROOM = 128 };

/* Where a parameter is: in which block, and its name there. */
enum { OUTSIDE = -1, ALL_BLOCKS = -2 }; /* the latter: in a stack */
typedef struct labelled {
    int block;
    const char *name;
} labelled;

static labelled read_label(const char *label)
{
    static const char all[] = "transformer/";
    static const char stack[] = "transformer/" PN_AXIS_BLOCKS "/";
    int block = 0;
    int length = 0;
    if (sscanf(label, "transformer/block_%d/%n", &block, &length) == 1 && length > 0) {
        return (labelled){block, label + length};
    }
    if (strncmp(label, stack, strlen(stack)) == 0) {
        return (labelled){ALL_BLOCKS, label + strlen(stack)};
    }
    const bool is_ours = strncmp(label, all, strlen(all)) == 0;
    return (labelled){OUTSIDE, is_ours ? label + strlen(all) : ""};
}

static bool is_of(const target *t, const labelled *l)
{
    const bool in_block = strchr(t->module, '*') != NULL;
    return in_block == (l->block != OUTSIDE) && strcmp(t->label, l->name) == 0;
}

static void write_module(char to[NAME_ROOM], const target *t, int block)
{
    const char *star = strchr(t->module, '*');
    if (star == NULL) {
        pn_copy(to, NAME_ROOM, t->module);
    } else {
        snprintf(to, NAME_ROOM, "%.*s%d%s", (int)(star - t->module), t->module, block, star + 1);
    }
}

/* ---- linears ---- */

static const pn_spec *weights_of(const pencl_layer *linear)
{
    return pn_variable_spec(pencl_layer_variable(linear, "weights"));
}

static const char *label_of(const pencl_layer *linear)
{
    return pencl_variable_label(pencl_layer_variable(linear, "weights"));
}

/* Adds the axes that a field of the linear names; returns their product. */
static int64_t add_axes(pn_spec *spec, const pencl_layer *linear, const char *field)
{
    int n = 0;
    int64_t count = 1;
    const pencl_axis *axes = pencl_layer_axes(linear, field, &n);
    for (int i = 0; i < n; i++) {
        const int64_t size = pn_spec_size(weights_of(linear), axes[i].name);
        pn_spec_push(spec, axes[i].name, size);
        count *= size;
    }
    return count;
}

/* ---- tensors ---- */

/* One adapter that is being added. */
typedef struct adding {
    pn_weights w;
    pn_lora_config config;
    double scale;
    int number; /* in the labels of its parameters */
} adding;

/* What a file has for a linear: A [rank, columns] and B [rows, rank]; in a stack those of all
 * blocks, one after another. */
typedef struct change {
    pn_tensor a; /* without data: nothing */
    pn_tensor b;
    int64_t rank;
    double scale;
    unsigned char *joined_a; /* owned; NULL: the data is in the file */
    unsigned char *joined_b;
} change;

/* With or without the name of an adapter that was saved under none. NULL: no such module. */
static pencl_status
find_tensors(const pn_tensor **a, const pn_tensor **b, adding *add, const char *module)
{
    static const char *const ends[] = {"weight", "default.weight"};
    *a = NULL;
    *b = NULL;
    for (size_t i = 0; i < PN_COUNT(ends) && *a == NULL; i++) {
        char name_a[2 * NAME_ROOM];
        char name_b[2 * NAME_ROOM];
        snprintf(name_a, sizeof name_a, "base_model.model.%s.lora_A.%s", module, ends[i]);
        snprintf(name_b, sizeof name_b, "base_model.model.%s.lora_B.%s", module, ends[i]);
        if (pn_model_file_find(add->w.file, name_a) != NULL ||
            pn_model_file_find(add->w.file, name_b) != NULL) {
            PENCL_TRY(pn_weights_find(a, &add->w, name_a));
            PENCL_TRY(pn_weights_find(b, &add->w, name_b));
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
    pn_text got = {0};
    pn_text of = {0};
    for (int i = 0; i < t->n_dims; i++) {
        pn_text_add(&got, "%s%" PRId64, i > 0 ? ", " : "", t->dims[i]);
    }
    pn_spec_print(&of, weights_of(linear));
    const pencl_status st =
        PN_FAIL(add->w.ctx, PENCL_E_SHAPE,
                "%s: tensor \"%s\": is [%s]; [%" PRId64 ", %" PRId64 "] is needed for \"%s\" %s",
                pn_model_file_path(add->w.file), t->name, pn_text_get(&got), rows, columns,
                label_of(linear), pn_text_get(&of));
    pn_text_free(&got);
    pn_text_free(&of);
    return st;
}

static pencl_status find_scale(change *out, const adding *add, const char *module)
{
    double alpha = 0;
    PENCL_TRY(pn_lora_config_find(&out->rank, &alpha, &add->config, module));
    out->rank = out->rank > 0 ? out->rank : out->a.dims[0];
    const double rank = (double)out->rank;
    out->scale = add->scale * alpha / (add->config.root ? sqrt(rank) : rank);
    return isfinite((float)out->scale)
               ? PENCL_OK
               : PN_FAIL(add->w.ctx, PENCL_E_ARG, "%s: a scale of %g, with lora_alpha %g",
                         pn_model_file_path(add->w.file), add->scale, alpha);
}

/* What one module of the file says, if it is there. */
static pencl_status
read_module(change *out, adding *add, const pencl_layer *linear, const target *t, int block)
{
    char module[NAME_ROOM];
    pn_spec sides = {0};
    const pn_tensor *a = NULL;
    const pn_tensor *b = NULL;
    *out = (change){0};
    write_module(module, t, block);
    PENCL_TRY(find_tensors(&a, &b, add, module));
    if (a == NULL) {
        return PENCL_OK;
    }
    out->a = *a;
    out->b = *b;
    const int64_t columns = add_axes(&sides, linear, "in_axis_names");
    const int64_t rows = add_axes(&sides, linear, "out_axis_names");
    PENCL_TRY(find_scale(out, add, module));
    PENCL_TRY(check_shape(add, a, out->rank, columns, linear));
    return check_shape(add, b, rows * t->parts, out->rank, linear);
}

/* ---- stacks ---- */

/* Room for n blocks, all zeros: a block that the file leaves out. */
static pencl_status make_room(change *out, const adding *add, const change *one, int64_t n)
{
    *out = *one;
    out->joined_a = pn_calloc((size_t)n, one->a.bytes);
    out->joined_b = pn_calloc((size_t)n, one->b.bytes);
    out->a.data = out->joined_a;
    out->b.data = out->joined_b;
    out->a.dims[0] *= n;
    out->b.dims[0] *= n;
    out->a.bytes *= (size_t)n;
    out->b.bytes *= (size_t)n;
    return out->joined_a != NULL && out->joined_b != NULL ? PENCL_OK : PN_NOMEM(add->w.ctx);
}

/* The modules of n blocks joined; they share a rank, a scale and a type. */
static pencl_status
read_stack(change *out, adding *add, const pencl_layer *linear, const target *t, int64_t n)
{
    for (int block = 0; block < n; block++) {
        change one;
        PENCL_TRY(read_module(&one, add, linear, t, block));
        if (one.a.data == NULL) {
            continue;
        }
        if (out->joined_a == NULL) {
            PENCL_TRY(make_room(out, add, &one, n));
        }
        if (one.rank != out->rank || one.scale != out->scale || one.a.dtype != out->a.dtype ||
            one.b.dtype != out->b.dtype) {
            return PN_FAIL(add->w.ctx, PENCL_E_UNSUPPORTED,
                           "%s: tensor \"%s\": another rank, scale or type than that of a block "
                           "before it, in a model whose blocks are a stack",
                           pn_model_file_path(add->w.file), one.a.name);
        }
        memcpy(out->joined_a + (size_t)block * one.a.bytes, one.a.data, one.a.bytes);
        memcpy(out->joined_b + (size_t)block * one.b.bytes, one.b.data, one.b.bytes);
    }
    return PENCL_OK;
}

/* ---- parameters ---- */

/* The part's rows of a tensor, as a parameter of those axes. */
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
    const char *of = label_of(linear);
    const size_t row = m->tensor->bytes / (size_t)m->tensor->dims[0];
    const int64_t heads = m->parts > 1 ? m->axes.axes[0].size : 1;
    const int64_t each = m->tensor->dims[0] / m->parts / heads;
    pn_tensor own = *m->tensor; /* from the part's first row on */
    own.data += (size_t)(m->part * each) * row;
    own.offset += (size_t)(m->part * each) * row;
    own.bytes = add->w.in_stack ? 0 : (size_t)(heads * each) * row; /* of the file */
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

/* ---- layers ---- */

static pencl_status
wrap(pencl_layer **out, adding *add, pencl_layer *linear, const target *t, const change *c)
{
    pencl_variable *a = NULL;
    pencl_variable *b = NULL;
    matrix first = {.name = "LoRA_A.weights", .tensor = &c->a, .parts = 1};
    matrix second = {.name = "LoRA_B.weights", .tensor = &c->b, .part = t->part, .parts = t->parts};
    if (add->w.in_stack) {
        const int64_t n = pn_spec_size(weights_of(linear), PN_AXIS_BLOCKS);
        pn_spec_push(&first.axes, PN_AXIS_BLOCKS, n);
        pn_spec_push(&second.axes, PN_AXIS_BLOCKS, n);
    }
    pn_spec_push(&first.axes, RANK_AXIS, c->rank);
    first.n_row_axes = first.axes.n_axes;
    add_axes(&first.axes, linear, "in_axis_names");
    add_axes(&second.axes, linear, "out_axis_names");
    second.n_row_axes = second.axes.n_axes;
    pn_spec_push(&second.axes, RANK_AXIS, c->rank);
    pencl_status st = upload(&a, add, linear, &first);
    if (st == PENCL_OK) {
        st = upload(&b, add, linear, &second);
    }
    if (st == PENCL_OK) {
        st = pencl_layer_low_rank_adapter(out, add->w.ctx, linear, a, b, c->scale);
    }
    pencl_variable_free(a);
    pencl_variable_free(b);
    return st;
}

/* *out stays NULL when the file has nothing for the linear under the target's name. */
static pencl_status
adapt_as(pencl_layer **out, adding *add, pencl_layer *linear, const target *t, int block)
{
    change c = {0};
    add->w.in_stack = block == ALL_BLOCKS;
    pencl_status st = add->w.in_stack ? read_stack(&c, add, linear, t,
                                                   pn_spec_size(weights_of(linear), PN_AXIS_BLOCKS))
                                      : read_module(&c, add, linear, t, block);
    if (st == PENCL_OK && c.a.data != NULL) {
        st = wrap(out, add, linear, t, &c);
    }
    pn_free(c.joined_a);
    pn_free(c.joined_b);
    return st;
}

/* pencl_node_change: a Linear, adapted if the file has tensors for it. */
static pencl_status adapt(pencl_node *out, const pencl_place *place, void *user)
{
    pencl_layer *linear = place->node.layer;
    const labelled at = read_label(label_of(linear));
    const size_t n = weights_of(linear) != NULL ? PN_COUNT(targets) : 0; /* a slot is left alone */
    for (size_t i = 0; i < n && out->layer == NULL; i++) {
        if (is_of(&targets[i], &at)) {
            PENCL_TRY(adapt_as(&out->layer, user, linear, &targets[i], at.block));
        }
    }
    out->layer = out->layer != NULL ? out->layer : pencl_layer_ref(linear);
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
