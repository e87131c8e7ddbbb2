/* SPDX-License-Identifier: Apache-2.0 */
/* What an adapter's file has for a Linear: transformers names modules, penzai labels parameters;
 * both count the rows of a projection head by head, halves of rotary pairs apart, so that a table
 * of names is all that lies between them. (Files with another order of rows, GGUF's, were put right
 * when they were read.) */
#include "lm/lora.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* ---- tensors ---- */

static const pencl_variable *weights_of(const pencl_layer *linear)
{
    return pencl_layer_variable(linear, "weights");
}

/* The axes that a field of the linear names, with their sizes. */
static pn_spec axes_of(const pencl_layer *linear, const char *field)
{
    int n = 0;
    pn_spec spec = {0};
    const pencl_axis *axes = pencl_layer_axes(linear, field, &n);
    for (int i = 0; i < n && i < PENCL_MAX_AXES - 2; i++) { /* rank and blocks come on top */
        pn_spec_push(&spec, axes[i].name,
                     pn_spec_size(pn_variable_spec(weights_of(linear)), axes[i].name));
    }
    return spec;
}

/* With or without the name of an adapter that was saved under none. NULL: no such module. */
static pencl_status
find_tensors(const pn_tensor **a, const pn_tensor **b, pn_lora *lora, const char *module)
{
    static const char *const ends[] = {"weight", "default.weight"};
    *a = NULL;
    *b = NULL;
    for (size_t i = 0; i < PN_COUNT(ends) && *a == NULL; i++) {
        char name_a[2 * NAME_ROOM];
        char name_b[2 * NAME_ROOM];
        snprintf(name_a, sizeof name_a, "base_model.model.%s.lora_A.%s", module, ends[i]);
        snprintf(name_b, sizeof name_b, "base_model.model.%s.lora_B.%s", module, ends[i]);
        if (pn_model_file_find(lora->w.file, name_a) != NULL ||
            pn_model_file_find(lora->w.file, name_b) != NULL) {
            PENCL_TRY(pn_weights_find(a, &lora->w, name_a));
            PENCL_TRY(pn_weights_find(b, &lora->w, name_b));
        }
    }
    return PENCL_OK;
}

/* E_SHAPE unless the tensor is [rows, columns]. */
static pencl_status check_shape(const pn_lora *lora,
                                const pn_tensor *t,
                                int64_t rows,
                                int64_t columns,
                                const pencl_layer *linear)
{
    if (t->n_dims == 2 && t->dims[0] == rows && t->dims[1] == columns) {
        return PENCL_OK;
    }
    pn_text got = {0};
    pn_text of = {0};
    for (int i = 0; i < t->n_dims; i++) {
        pn_text_add(&got, "%s%" PRId64, i > 0 ? ", " : "", t->dims[i]);
    }
    pn_spec_print(&of, pn_variable_spec(weights_of(linear)));
    const pencl_status st =
        PN_FAIL(lora->w.ctx, PENCL_E_SHAPE,
                "%s: tensor \"%s\": is [%s]; [%" PRId64 ", %" PRId64 "] is needed for \"%s\" %s",
                pn_model_file_path(lora->w.file), t->name, pn_text_get(&got), rows, columns,
                pencl_variable_label(weights_of(linear)), pn_text_get(&of));
    pn_text_free(&got);
    pn_text_free(&of);
    return st;
}

static pencl_status find_scale(pn_lora_change *out, const pn_lora *lora, const char *module)
{
    double alpha = 0;
    PENCL_TRY(pn_lora_config_find(&out->rank, &alpha, &lora->config, module));
    out->rank = out->rank > 0 ? out->rank : out->a.dims[0];
    const double rank = (double)out->rank;
    out->scale = lora->scale * alpha / (lora->config.root ? sqrt(rank) : rank);
    return isfinite((float)out->scale)
               ? PENCL_OK
               : PN_FAIL(lora->w.ctx, PENCL_E_ARG, "%s: a scale of %g, with lora_alpha %g",
                         pn_model_file_path(lora->w.file), lora->scale, alpha);
}

/* What one module of the file says, if it is there. */
static pencl_status read_module(
    pn_lora_change *out, pn_lora *lora, const pencl_layer *linear, const target *t, int block)
{
    char module[NAME_ROOM];
    const pn_tensor *a = NULL;
    const pn_tensor *b = NULL;
    *out = (pn_lora_change){.in = axes_of(linear, "in_axis_names"),
                            .out = axes_of(linear, "out_axis_names"),
                            .part = t->part,
                            .parts = t->parts};
    write_module(module, t, block);
    PENCL_TRY(find_tensors(&a, &b, lora, module));
    if (a == NULL) {
        return PENCL_OK;
    }
    out->a = *a;
    out->b = *b;
    PENCL_TRY(find_scale(out, lora, module));
    PENCL_TRY(check_shape(lora, a, out->rank, pn_spec_count(&out->in), linear));
    return check_shape(lora, b, pn_spec_count(&out->out) * t->parts, out->rank, linear);
}

/* ---- stacks ---- */

/* Room for all blocks, zeros for those that the file leaves out. */
static pencl_status
make_room(pn_lora_change *out, const pn_lora *lora, const pn_lora_change *one, int64_t n)
{
    *out = *one;
    out->blocks = n;
    out->joined_a = pn_calloc((size_t)n, one->a.bytes);
    out->joined_b = pn_calloc((size_t)n, one->b.bytes);
    out->a.data = out->joined_a;
    out->b.data = out->joined_b;
    out->a.dims[0] *= n;
    out->b.dims[0] *= n;
    out->a.bytes *= (size_t)n;
    out->b.bytes *= (size_t)n;
    return out->joined_a != NULL && out->joined_b != NULL ? PENCL_OK : PN_NOMEM(lora->w.ctx);
}

/* The modules of n blocks joined; they share a rank, a scale and a type. */
static pencl_status read_stack(
    pn_lora_change *out, pn_lora *lora, const pencl_layer *linear, const target *t, int64_t n)
{
    for (int block = 0; block < n; block++) {
        pn_lora_change one;
        PENCL_TRY(read_module(&one, lora, linear, t, block));
        if (one.a.data == NULL) {
            continue;
        }
        if (out->joined_a == NULL) {
            PENCL_TRY(make_room(out, lora, &one, n));
        }
        if (one.rank != out->rank || one.scale != out->scale || one.a.dtype != out->a.dtype ||
            one.b.dtype != out->b.dtype) {
            return PN_FAIL(lora->w.ctx, PENCL_E_UNSUPPORTED,
                           "%s: tensor \"%s\": another rank, scale or type than that of a block "
                           "before it, in a model whose blocks are a stack",
                           pn_model_file_path(lora->w.file), one.a.name);
        }
        memcpy(out->joined_a + (size_t)block * one.a.bytes, one.a.data, one.a.bytes);
        memcpy(out->joined_b + (size_t)block * one.b.bytes, one.b.data, one.b.bytes);
    }
    return PENCL_OK;
}

/* ---- a linear ---- */

pencl_status pn_lora_read(pn_lora_change *out, pn_lora *lora, const pencl_layer *linear)
{
    const pn_spec *weights = pn_variable_spec(weights_of(linear));
    const labelled at = read_label(pencl_variable_label(weights_of(linear)));
    *out = (pn_lora_change){0};
    for (size_t i = 0; i < PN_COUNT(targets) && weights != NULL && out->a.data == NULL; i++) {
        if (!is_of(&targets[i], &at)) {
            continue;
        }
        const pencl_status st =
            at.block == ALL_BLOCKS
                ? read_stack(out, lora, linear, &targets[i], pn_spec_size(weights, PN_AXIS_BLOCKS))
                : read_module(out, lora, linear, &targets[i], at.block);
        if (st != PENCL_OK) {
            pn_lora_change_free(out);
            return st;
        }
    }
    return PENCL_OK;
}

void pn_lora_change_free(pn_lora_change *change)
{
    pn_free(change->joined_a);
    pn_free(change->joined_b);
    *change = (pn_lora_change){0};
}
