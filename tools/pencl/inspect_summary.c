/* SPDX-License-Identifier: Apache-2.0 */
/* A model in ten lines. */
#include "inspect.h"
#include "output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- text ---- */

static void add(summary_line *line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(summary_line *line, const char *fmt, ...)
{
    size_t size = strlen(line->text);
    va_list args;
    va_start(args, fmt);
    vsnprintf(line->text + size, sizeof line->text - size, fmt, args);
    va_end(args);
}

static const char *bytes(uint64_t n)
{
    static char text[4][32];
    static int at;
    at = (at + 1) % 4;
    return bytes_text(text[at], sizeof text[at], n);
}

/* ---- what is in the tree ---- */

/* Distinct values of a number field of layers of a type, in order of appearance. */
static void add_numbers(summary_line *line, const outline *o, const char *type, const char *field)
{
    double seen[8];
    int n = 0;
    for (int i = 0; i < o->n; i++) {
        if (o->nodes[i].layer == NULL || strcmp(outline_type(&o->nodes[i]), type) != 0) {
            continue;
        }
        double x = pencl_layer_number(o->nodes[i].layer, field);
        bool known = false;
        for (int k = 0; k < n; k++) {
            known |= !(seen[k] < x) && !(seen[k] > x);
        }
        if (!known && n < 8) {
            add(line, "%s%g", n > 0 ? " and " : "", x);
            seen[n++] = x;
        }
    }
}

/* How often layers of a type are called: those inside a LayerStack once for each of its layers. */
static int count_type(const outline *o, const char *type)
{
    int n = 0;
    for (int i = 0; i < o->n; i++) {
        int times = strcmp(outline_type(&o->nodes[i]), type) == 0;
        for (int up = o->nodes[i].parent; times > 0 && up >= 0; up = o->nodes[up].parent) {
            bool stack = strcmp(outline_type(&o->nodes[up]), "LayerStack") == 0;
            times *= stack ? (int)pencl_layer_number(o->nodes[up].layer, "stack_axis_size") : 1;
        }
        n += times;
    }
    return n;
}

/* "Q4_1 60.75 MiB, Q8_0 28.69 MiB", the largest share first. */
static void add_types(summary_line *line, const outline *o)
{
    uint64_t of[PENCL_DTYPE_COUNT] = {0};
    const char *comma = "";
    for (int i = 0; i < o->n; i++) {
        if (o->nodes[i].variable != NULL && o->nodes[i].bytes > 0) {
            of[pencl_variable_dtype(o->nodes[i].variable)] += o->nodes[i].bytes;
        }
    }
    for (;;) {
        int most = 0;
        for (int i = 1; i < PENCL_DTYPE_COUNT; i++) {
            most = of[i] > of[most] ? i : most;
        }
        if (of[most] == 0) {
            return;
        }
        add(line, "%s%s %s", comma, pencl_dtype_name((pencl_dtype)most), bytes(of[most]));
        of[most] = 0;
        comma = ", ";
    }
}

/* ---- lines ---- */

static void heads_line(summary_line *line, const pencl_transformer_metadata *m)
{
    int64_t common = 1;
    int64_t all = 1;
    for (int i = 0; i < m->n_common; i++) {
        add(line, "%s %" PRId64 ", ", m->common_head_axes[i].name, m->common_head_axes[i].size);
        common *= m->common_head_axes[i].size;
    }
    for (int i = 0; i < m->n_query_only; i++) {
        add(line, "%s %" PRId64 ", ", m->query_only_head_axes[i].name,
            m->query_only_head_axes[i].size);
        all *= m->query_only_head_axes[i].size;
    }
    add(line, "projection %" PRId64 ": %" PRId64 " heads on %" PRId64 " of keys and values",
        m->projection_dim, all * common, common);
}

static void attention_line(summary_line *line, const outline *o)
{
    static const char sliding[] = "ApplyCausalSlidingWindowAttentionMask";
    const int windows = count_type(o, sliding);
    const bool some = count_type(o, "ApplyRoPEToSubset") > 0;
    const bool all = count_type(o, "ApplyRoPE") > 0;
    add(line, all || some ? "rope " : "no rope");
    add_numbers(line, o, some ? "ApplyRoPEToSubset" : "ApplyRoPE", "max_wavelength");
    if (windows > 0) {
        add(line, ", window ");
        add_numbers(line, o, sliding, "sliding_window_size");
        add(line, " in %d of %d blocks", windows,
            windows + count_type(o, "ApplyCausalAttentionMask"));
    }
    if (count_type(o, "TanhSoftCap") > 0) {
        add(line, ", soft cap ");
        add_numbers(line, o, "TanhSoftCap", "soft_cap");
    }
}

/* Keys and values in float32, and positions: what each token takes. */
static uint64_t cache_bytes(const pencl_transformer_metadata *m, const outline *o)
{
    uint64_t row = (uint64_t)m->projection_dim * sizeof(float);
    for (int i = 0; i < m->n_common; i++) {
        row *= (uint64_t)m->common_head_axes[i].size;
    }
    return 2 * row * (uint64_t)count_type(o, "Attention") + sizeof(int32_t);
}

static void tokens_line(summary_line *line, const pencl_tokenizer *t, const outline *o, int64_t n)
{
    bool tied = false;
    for (int i = 0; i < o->n; i++) {
        tied |= o->nodes[i].shared >= 0;
    }
    add(line, "%" PRId64 " tokens, %s", n, tied ? "one table in and out" : "an output of its own");
    if (t == NULL) {
        add(line, ", the file has no texts for them");
    }
}

static void chat_line(summary_line *line, const pencl_tokenizer *t)
{
    if (t == NULL) {
        add(line, "no vocabulary, no chat template");
        return;
    }
    add(line, "%s chat template", pencl_tokenizer_chat_template(t) != NULL ? "has a" : "no");
    if (pencl_tokenizer_bos(t) >= 0) {
        add(line, ", begins with %d", (int)pencl_tokenizer_bos(t));
    }
    if (pencl_tokenizer_eos(t) >= 0) {
        add(line, ", ends with %d", (int)pencl_tokenizer_eos(t));
    }
}

void summary_make(summary_line lines[SUMMARY_LINES], const work *w, const outline *o)
{
    static const char *const names[SUMMARY_LINES] = {"file",    "model",     "weights",    "blocks",
                                                     "heads",   "attention", "vocabulary", "chat",
                                                     "context", "memory"};
    const pencl_model_info *info = pencl_model_describe(w->model);
    const pencl_transformer_metadata *m = pencl_lm_metadata(pencl_model_lm(w->model));
    const pencl_tokenizer *t = pencl_model_tokenizer(w->model);
    const uint64_t row = cache_bytes(m, o);
    for (int i = 0; i < SUMMARY_LINES; i++) {
        lines[i] = (summary_line){.name = names[i]};
    }
    add(&lines[0], "%s, %s", info->path, bytes(info->file_bytes));
    add(&lines[1], "%s%s%s, %.2f M parameters", info->name, info->name[0] != '\0' ? ", " : "",
        info->architecture, (double)info->n_params / 1e6);
    add_types(&lines[2], o);
    add(&lines[3], "%" PRId64 ", embedding %" PRId64 ", mlp %" PRId64, info->n_blocks,
        m->embedding_dim, m->mlp_hidden_dim);
    heads_line(&lines[4], m);
    attention_line(&lines[5], o);
    tokens_line(&lines[6], t, o, m->vocab_size);
    chat_line(&lines[7], t);
    if (info->trained_context > 0) {
        add(&lines[8], "%" PRId64 " tokens trained, ", info->trained_context);
    }
    add(&lines[8], "%s a token in the caches", bytes(row));
    add(&lines[9], "%s on %s: weights %s, caches %s for %" PRId64 " tokens",
        bytes(info->weight_bytes + row * (uint64_t)w->context),
        pencl_device_describe(w->device)->id, bytes(info->weight_bytes),
        bytes(row * (uint64_t)w->context), w->context);
}
