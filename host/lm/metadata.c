/* SPDX-License-Identifier: Apache-2.0 */
/* Does a body fit its metadata? penzai never asks; pencl does once, when they meet, and reports
 * everything that disagrees, each with the path of its layer and the label of its variable. */
#include "lm/lm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_ROOM = 3000, PATH_ROOM = 512 }; /* what an error record holds; a path */

typedef struct checker {
    pencl_ctx *ctx;
    const pencl_transformer_metadata *m;
    pn_text text; /* a line for each disagreement, up to TEXT_ROOM */
    int n;        /* disagreements */
    char path[PATH_ROOM];
    const char *stack_axis; /* of the LayerStack that is being walked, or NULL */
} checker;

static void disagree(checker *c, const pencl_variable *v, const char *fmt, ...) PN_PRINTF(3, 4);

static void disagree(checker *c, const pencl_variable *v, const char *fmt, ...)
{
    char why[512];
    va_list args;
    c->n++;
    if (c->text.size > TEXT_ROOM) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    pn_text_add(&c->text, "\n  %s", c->path);
    if (v != NULL) {
        pn_text_add(&c->text, " \"%s\"", pencl_variable_label(v));
    }
    pn_text_add(&c->text, ": %s", why);
}

/* ---- shapes of variables ---- */

static void push_axes(pn_spec *spec, const pencl_axis *axes, int n)
{
    for (int i = 0; i < n; i++) {
        pn_spec_push(spec, axes[i].name, axes[i].size);
    }
}

/* The variable has exactly these axes, in any order; a LayerStack's axis may be added. */
static void expect_axes(checker *c, const pencl_variable *v, const char *what, const pn_spec *want)
{
    pn_spec got = {.dtype = want->dtype};
    for (int i = 0; i < pencl_variable_n_axes(v); i++) {
        const pencl_axis *axis = pencl_variable_axis(v, i);
        if (c->stack_axis == NULL || strcmp(axis->name, c->stack_axis) != 0) {
            pn_spec_push(&got, axis->name, axis->size);
        }
    }
    if (pn_spec_same_axes(&got, want)) {
        return;
    }
    pn_text text = {0};
    for (int i = 0; i < want->n_axes; i++) {
        const pencl_axis *axis = &want->axes[i];
        int at = pn_spec_find(&got, axis->name);
        if (at < 0) {
            pn_text_add(&text, " %s is missing", axis->name);
        } else if (got.axes[at].size != axis->size) {
            pn_text_add(&text, " %s:%" PRId64 " for the metadata's %" PRId64, axis->name,
                        got.axes[at].size, axis->size);
        }
    }
    for (int i = 0; i < got.n_axes; i++) {
        if (pn_spec_find(want, got.axes[i].name) < 0) {
            pn_text_add(&text, " %s:%" PRId64 " is unexpected", got.axes[i].name, got.axes[i].size);
        }
    }
    disagree(c, v, "%s has%s", what, pn_text_get(&text));
    pn_text_free(&text);
}

static bool has_axes(const pencl_layer *layer, const char *field)
{
    int n = 0;
    return pencl_layer_axes(layer, field, &n) != NULL && n > 0;
}

/* The first Linear, in field order, that contracts something: a norm's scale does not. */
static const pencl_layer *find_linear(const pencl_layer *layer)
{
    if (strcmp(pencl_layer_type_of(layer)->name, "Linear") == 0 &&
        has_axes(layer, "in_axis_names")) {
        return layer;
    }
    const pencl_layer *found = NULL;
    pn_child child = {0};
    while (found == NULL && pn_next_child(&child, layer)) {
        found = child.node.layer != NULL ? find_linear(child.node.layer) : NULL;
    }
    return found;
}

/* What a LowRankAdapter adds to its Linear: it has the rank for an axis, and was held against the
 * Linear when the adapter was made. */
static bool is_update(const pencl_layer *layer)
{
    const char *name = pencl_layer_text(layer, "name");
    return strcmp(pencl_layer_type_of(layer)->name, "NamedGroup") == 0 && name != NULL &&
           strcmp(name, "Update") == 0;
}

/* ---- what is checked at which layer ---- */

static void check_table(checker *c, const pencl_layer *layer)
{
    const pencl_layer *table = pencl_layer_child(layer, "table", 0);
    const pencl_variable *v = table == NULL ? NULL : pencl_layer_variable(table, "embeddings");
    pn_spec want = {.dtype = PENCL_F32};
    pn_spec_push(&want, PENCL_AXIS_VOCABULARY, c->m->vocab_size);
    pn_spec_push(&want, PENCL_AXIS_EMBEDDING, c->m->embedding_dim);
    if (v != NULL) {
        expect_axes(c, v, "the embedding table", &want);
    }
}

/* query or output: all head axes; key and value: the common ones. */
static void
check_projection(checker *c, const pencl_layer *attention, const char *field, bool query)
{
    const pencl_layer *child = pencl_layer_child(attention, field, 0);
    const pencl_layer *linear = child == NULL ? NULL : find_linear(child);
    if (linear == NULL) {
        return; /* somebody's own layer: nothing is known of it */
    }
    pn_spec want = {.dtype = PENCL_F32};
    pn_spec_push(&want, PENCL_AXIS_EMBEDDING, c->m->embedding_dim);
    push_axes(&want, c->m->common_head_axes, c->m->n_common);
    if (query) {
        push_axes(&want, c->m->query_only_head_axes, c->m->n_query_only);
    }
    pn_spec_push(&want, PENCL_AXIS_PROJECTION, c->m->projection_dim);
    expect_axes(c, pencl_layer_variable(linear, "weights"), field, &want);
}

static void check_attention(checker *c, const pencl_layer *layer)
{
    check_projection(c, layer, "input_to_query", true);
    check_projection(c, layer, "input_to_key", false);
    check_projection(c, layer, "input_to_value", false);
    check_projection(c, layer, "attn_value_to_output", true);
}

/* Every Linear from or to neurons. */
static void check_feed_forward(checker *c, const pencl_layer *layer)
{
    if (strcmp(pencl_layer_type_of(layer)->name, "Linear") == 0) {
        const pencl_variable *v = pencl_layer_variable(layer, "weights");
        for (int i = 0; i < pencl_variable_n_axes(v); i++) {
            if (strcmp(pencl_variable_axis(v, i)->name, PENCL_AXIS_NEURONS) == 0) {
                pn_spec want = {.dtype = PENCL_F32};
                pn_spec_push(&want, PENCL_AXIS_EMBEDDING, c->m->embedding_dim);
                pn_spec_push(&want, PENCL_AXIS_NEURONS, c->m->mlp_hidden_dim);
                expect_axes(c, v, "the feed-forward layer", &want);
            }
        }
    }
    pn_child child = {0};
    while (pn_next_child(&child, layer)) {
        if (child.node.layer != NULL && !is_update(child.node.layer)) {
            check_feed_forward(c, child.node.layer);
        }
    }
}

static void check_unembedding(checker *c, const pencl_layer *linear)
{
    int n = 0;
    const pencl_axis *out = pencl_layer_axes(linear, "out_axis_names", &n);
    if (n == 1 && strcmp(out[0].name, PENCL_AXIS_VOCABULARY) == 0) {
        pn_spec want = {.dtype = PENCL_F32};
        pn_spec_push(&want, PENCL_AXIS_EMBEDDING, c->m->embedding_dim);
        pn_spec_push(&want, PENCL_AXIS_VOCABULARY, c->m->vocab_size);
        expect_axes(c, pencl_layer_variable(linear, "weights"), "the unembedding", &want);
    }
}

static void check_rope(checker *c, const pencl_layer *layer)
{
    int64_t subset = (int64_t)pencl_layer_number(layer, "rope_subset_size");
    int64_t size = subset > 0 ? subset : c->m->projection_dim;
    if (size % 2 != 0) {
        disagree(c, NULL, "rotary embedding needs an even number of entries, %" PRId64 " are given",
                 size);
    }
}

static void check_mask(checker *c, const pencl_layer *layer)
{
    static const char *const fields[] = {"query_positions_input_name", "kv_positions_input_name"};
    for (size_t i = 0; i < PN_COUNT(fields); i++) {
        const char *name = pencl_layer_text(layer, fields[i]);
        if (name != NULL && strcmp(name, PN_SIDE_TOKEN_POSITIONS) != 0) {
            disagree(c, NULL, "%s is '%s': only masks that read '%s' can be given a cache",
                     fields[i], name, PN_SIDE_TOKEN_POSITIONS);
        }
    }
}

/* The element type of activations in front of the first block: that of the last cast. */
static void find_flowing(const pencl_layer *layer, pencl_dtype *dtype, bool *done)
{
    const char *type = pencl_layer_type_of(layer)->name;
    *done |= strcmp(type, "TransformerBlock") == 0;
    if (!*done && strcmp(type, "CastToDType") == 0) {
        pencl_dtype to = pn_dtype_by_name(pencl_layer_text(layer, "dtype"));
        *dtype = to != PENCL_DTYPE_COUNT ? to : *dtype;
    }
    pn_child child = {0};
    while (!*done && pn_next_child(&child, layer)) {
        if (child.node.layer != NULL) {
            find_flowing(child.node.layer, dtype, done);
        }
    }
}

static void check_activations(checker *c, const pencl_layer *body)
{
    pencl_dtype flowing = PENCL_F32;
    bool done = false;
    find_flowing(body, &flowing, &done);
    if (flowing != c->m->activation_dtype) {
        disagree(c, NULL, "activation_dtype is %s, but %s reaches the blocks",
                 pencl_dtype_name(c->m->activation_dtype), pencl_dtype_name(flowing));
    }
}

typedef struct check_row {
    const char *type;
    void (*check)(checker *c, const pencl_layer *layer);
} check_row;

static const check_row checks[] = {
    {"ApplyCausalAttentionMask", check_mask},
    {"ApplyCausalSlidingWindowAttentionMask", check_mask},
    {"ApplyRoPE", check_rope},
    {"ApplyRoPEToSubset", check_rope},
    {"Attention", check_attention},
    {"EmbeddingDecode", check_table},
    {"EmbeddingLookup", check_table},
    {"Linear", check_unembedding},
    {"TransformerFeedForward", check_feed_forward},
};

/* ---- the walk ---- */

static void walk(checker *c, const pencl_layer *layer)
{
    const char *type = pencl_layer_type_of(layer)->name;
    const char *outer_axis = c->stack_axis;
    for (size_t i = 0; i < PN_COUNT(checks); i++) {
        if (strcmp(checks[i].type, type) == 0) {
            checks[i].check(c, layer);
        }
    }
    if (strcmp(type, "LayerStack") == 0) {
        c->stack_axis = pencl_layer_text(layer, "stack_axis");
    }
    size_t end = strlen(c->path);
    pn_child child = {0};
    while (pn_next_child(&child, layer)) {
        if (child.node.layer != NULL && !is_update(child.node.layer)) {
            pencl_key key = pn_child_key(layer, child.field, child.index);
            pencl_key_print(c->path + end, sizeof c->path - end, &key);
            walk(c, child.node.layer);
            c->path[end] = '\0';
        }
    }
    c->stack_axis = outer_axis;
}

/* One of penzai's three ways to name heads: {heads}, {} with {query_heads}, {head_groups} with
 * {query_heads}. */
static void check_heads(checker *c)
{
    const pencl_transformer_metadata *m = c->m;
    const char *common = m->n_common == 1 ? m->common_head_axes[0].name : "";
    const char *own = m->n_query_only == 1 ? m->query_only_head_axes[0].name : "";
    bool mha = strcmp(common, PENCL_AXIS_HEADS) == 0 && m->n_query_only == 0;
    bool mqa = m->n_common == 0 && strcmp(own, PENCL_AXIS_QUERY_HEADS) == 0;
    bool gqa =
        strcmp(common, PENCL_AXIS_HEAD_GROUPS) == 0 && strcmp(own, PENCL_AXIS_QUERY_HEADS) == 0;
    if (!mha && !mqa && !gqa) {
        disagree(c, NULL,
                 "head axes are {heads}, {query_heads} alone, or {head_groups} and "
                 "{query_heads}");
    }
    for (int i = 0; i < m->n_common + m->n_query_only; i++) {
        const pencl_axis *axis =
            i < m->n_common ? &m->common_head_axes[i] : &m->query_only_head_axes[i - m->n_common];
        if (axis->size < 1) {
            disagree(c, NULL, "axis '%.31s' has size %" PRId64, axis->name, axis->size);
        }
    }
}

static void check_sizes(checker *c)
{
    const struct {
        const char *name;
        int64_t size;
    } sizes[] = {{"embedding_dim", c->m->embedding_dim},
                 {"projection_dim", c->m->projection_dim},
                 {"mlp_hidden_dim", c->m->mlp_hidden_dim},
                 {"vocab_size", c->m->vocab_size}};
    for (size_t i = 0; i < PN_COUNT(sizes); i++) {
        if (sizes[i].size < 1) {
            disagree(c, NULL, "%s is %" PRId64, sizes[i].name, sizes[i].size);
        }
    }
}

int64_t pn_metadata_heads(const pencl_transformer_metadata *m)
{
    int64_t n = 1;
    for (int i = 0; i < m->n_common; i++) {
        n *= m->common_head_axes[i].size;
    }
    for (int i = 0; i < m->n_query_only; i++) {
        n *= m->query_only_head_axes[i].size;
    }
    return n;
}

pencl_status
pn_metadata_check(pencl_ctx *ctx, const pencl_layer *body, const pencl_transformer_metadata *m)
{
    checker c = {.ctx = ctx, .m = m, .path = "metadata"};
    if (m->n_common < 0 || m->n_common > 2 || m->n_query_only < 0 || m->n_query_only > 2) {
        return PN_FAIL(ctx, PENCL_E_ARG, "metadata: at most 2 head axes of each kind");
    }
    check_sizes(&c);
    check_heads(&c);
    check_activations(&c, body);
    pn_copy(c.path, sizeof c.path, ".body");
    walk(&c, body);
    pencl_status st = PENCL_OK;
    if (c.n > 0) {
        st = PN_FAIL(ctx, PENCL_E_SHAPE, "body and metadata disagree in %d place%s:%s", c.n,
                     c.n == 1 ? "" : "s", pn_text_get(&c.text));
    }
    pn_text_free(&c.text);
    return st;
}
