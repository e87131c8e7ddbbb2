/* SPDX-License-Identifier: Apache-2.0 */
/* GGUF's architecture "llama": its metadata as a Llama-like config. */
#include "lm/recipe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the config ---- */

static pencl_status
read_size(pn_weights *w, const char *key, int64_t least, int64_t most, int64_t *out)
{
    uint64_t value = 0;
    PENCL_TRY(pn_meta_need_u64(w->file, key, &value));
    if (value < (uint64_t)least || value > (uint64_t)most) {
        return PN_FAIL(w->ctx, PENCL_E_FORMAT,
                       "%s: %s is %" PRIu64 ", not in %" PRId64 "..%" PRId64,
                       pn_model_file_path(w->file), key, value, least, most);
    }
    *out = (int64_t)value;
    return PENCL_OK;
}

static pencl_status read_heads(pn_weights *w, pn_llamalike *c)
{
    int64_t heads = 0;
    PENCL_TRY(read_size(w, "llama.attention.head_count", 1, PN_MOST_HEADS, &heads));
    c->num_kv_heads = heads;
    if (pn_meta_has(w->file, "llama.attention.head_count_kv")) {
        PENCL_TRY(read_size(w, "llama.attention.head_count_kv", 1, heads, &c->num_kv_heads));
    }
    c->projection_dim = c->embedding_dim / heads;
    if (pn_meta_has(w->file, "llama.attention.key_length")) {
        PENCL_TRY(read_size(w, "llama.attention.key_length", 2, PN_MOST_HEADS, &c->projection_dim));
    }
    if (heads % c->num_kv_heads != 0 || c->projection_dim < 2 || c->projection_dim % 2 != 0) {
        return PN_FAIL(w->ctx, PENCL_E_FORMAT,
                       "%s: %" PRId64 " heads on %" PRId64 " key-value heads of %" PRId64,
                       pn_model_file_path(w->file), heads, c->num_kv_heads, c->projection_dim);
    }
    c->query_head_multiplier = heads / c->num_kv_heads;
    return PENCL_OK;
}

/* Things that other files of this architecture have, and this library does not do yet. */
static pencl_status refuse_unsupported(pn_weights *w, const pn_llamalike *c)
{
    const char *scaling = pn_meta_text(w->file, "llama.rope.scaling.type");
    if (scaling != NULL && strcmp(scaling, "none") != 0) {
        return PN_FAIL(w->ctx, PENCL_E_UNSUPPORTED, "rope scaling '%.40s'", scaling);
    }
    uint64_t experts = 0;
    uint64_t rotary = (uint64_t)c->projection_dim;
    PENCL_TRY(pn_meta_u64(w->file, "llama.expert_count", &experts));
    PENCL_TRY(pn_meta_u64(w->file, "llama.rope.dimension_count", &rotary));
    if (experts > 0) {
        return PN_FAIL(w->ctx, PENCL_E_UNSUPPORTED, "a mixture of %" PRIu64 " experts", experts);
    }
    if (rotary != (uint64_t)c->projection_dim) {
        return PN_FAIL(w->ctx, PENCL_E_UNSUPPORTED,
                       "rotary embedding of %" PRIu64 " of %" PRId64 " entries", rotary,
                       c->projection_dim);
    }
    return PENCL_OK;
}

static pencl_status read_config(pn_llamalike *c, pn_weights *w)
{
    PENCL_TRY(read_size(w, "llama.block_count", 1, PN_MOST_BLOCKS, &c->num_decoder_blocks));
    PENCL_TRY(read_size(w, "llama.embedding_length", 1, PN_MOST_SIZE, &c->embedding_dim));
    PENCL_TRY(read_size(w, "llama.feed_forward_length", 1, PN_MOST_SIZE, &c->mlp_hidden_dim));
    PENCL_TRY(read_heads(w, c));
    PENCL_TRY(
        pn_meta_need_f64(w->file, "llama.attention.layer_norm_rms_epsilon", &c->rms_norm_eps));
    PENCL_TRY(pn_meta_f64(w->file, "llama.rope.freq_base", &c->rope_wavelength));
    if (!isfinite(c->rms_norm_eps) || c->rms_norm_eps < 0 || !isfinite(c->rope_wavelength) ||
        c->rope_wavelength <= 0) {
        return PN_FAIL(w->ctx, PENCL_E_FORMAT, "%s: rms_epsilon %g, rope.freq_base %g",
                       pn_model_file_path(w->file), c->rms_norm_eps, c->rope_wavelength);
    }
    PENCL_TRY(refuse_unsupported(w, c));
    const pn_string *tokens = NULL;
    size_t n_tokens = 0;
    PENCL_TRY(pn_meta_strings(w->file, "tokenizer.ggml.tokens", &tokens, &n_tokens));
    const pn_tensor *table = pn_model_file_find(w->file, "token_embd.weight");
    c->vocab_size = n_tokens > 0 || table == NULL ? (int64_t)n_tokens : table->dims[0];
    return PENCL_OK;
}

/* ---- tensors ---- */

typedef struct name {
    const char *label;  /* behind "transformer/", in blocks behind "transformer/block_N/" */
    const char *tensor; /* before ".weight", in blocks behind "blk.N." */
    bool pairs;         /* rotary pairs lie side by side */
} name;

static const name in_blocks[] = {
    {"pre_attention_norm/scale.weights", "attn_norm", false},
    {"attention/query.weights", "attn_q", true},
    {"attention/key.weights", "attn_k", true},
    {"attention/value.weights", "attn_v", false},
    {"attention/output.weights", "attn_output", false},
    {"pre_ffw_norm/scale.weights", "ffn_norm", false},
    {"mlp/gating_linear.weights", "ffn_gate", false},
    {"mlp/value_linear.weights", "ffn_up", false},
    {"mlp/out_linear.weights", "ffn_down", false},
    {0},
};
static const name outside[] = {
    {"embedder.embeddings", "token_embd", false},
    {"final_norm/scale.weights", "output_norm", false},
    {"lm_head.weights", "output", false},
    {0},
};

static const name *find_name(const name *names, const char *label)
{
    while (names->label != NULL && strcmp(names->label, label) != 0) {
        names++;
    }
    return names;
}

static pencl_status
place(pn_grid *out, pn_weights *w, const char *label, const pn_spec *spec, int n_row_axes)
{
    char tensor[64];
    int block = 0;
    int length = 0;
    const bool in_block = sscanf(label, "transformer/block_%d/%n", &block, &length) == 1;
    const name *found = in_block ? find_name(in_blocks, label + length)
                                 : find_name(outside, label + strlen("transformer/"));
    if (found->label == NULL) {
        return PN_FAIL(w->ctx, PENCL_E_UNSUPPORTED, "%s: no tensor of GGUF is %s",
                       pn_model_file_path(w->file), label);
    }
    if (in_block) {
        snprintf(tensor, sizeof tensor, "blk.%d.%s.weight", block, found->tensor);
    } else {
        snprintf(tensor, sizeof tensor, "%s.weight", found->tensor);
    }
    const pn_tensor *t = NULL;
    PENCL_TRY(pn_weights_find(&t, w, tensor));
    const int64_t head = found->pairs ? pn_spec_size(spec, PENCL_AXIS_PROJECTION) : 0;
    return pn_grid_merged(out, w, t, spec, n_row_axes, head);
}

static pencl_status read(pn_recipe *out, pn_weights *w)
{
    out->builder = &pn_builder_llamalike;
    out->config = out->builder->defaults;
    out->config.llamalike.mlp_variant = "swiglu";
    out->table_is_head = pn_model_file_find(w->file, "output.weight") == NULL;
    w->place = place;
    return read_config(&out->config.llamalike, w);
}

const pn_family_def pn_family_llama = {.architecture = "llama", .read = read};
