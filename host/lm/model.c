/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a model: what the file says becomes a recipe, the recipe's builder makes the tree over
 * uploaded weights, the vocabulary becomes a tokenizer. */
#include "lm/lora.h"
#include "lm/recipe.h"
#include "lm/session.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const pn_family_def *const families[] = {
#define FAMILY(name) &pn_family_##name,
#include "lm/families.def"
#undef FAMILY
};

static pencl_status find_family(const pn_family_def **out, pencl_ctx *ctx, pn_model_file *file)
{
    const char *architecture = pn_meta_text(file, "general.architecture");
    if (architecture == NULL) {
        return PN_FAIL(ctx, PENCL_E_FORMAT,
                       "%s: neither key general.architecture nor " PN_PENZAI_BUILDER " is there",
                       pn_model_file_path(file));
    }
    pn_text known = {0};
    for (size_t i = 0; i < PN_COUNT(families); i++) {
        if (strcmp(families[i]->architecture, architecture) == 0) {
            pn_text_free(&known);
            *out = families[i];
            return PENCL_OK;
        }
        pn_text_add(&known, "%s%s", i > 0 ? ", " : "", families[i]->architecture);
    }
    pencl_status st = PN_FAIL(ctx, PENCL_E_UNSUPPORTED, "%s: architecture '%.60s'; known: %s",
                              pn_model_file_path(file), architecture, pn_text_get(&known));
    pn_text_free(&known);
    return st;
}

/* ---- tokenizer ---- */

static pencl_status read_id(pn_model_file *file, const char *key, int32_t *out)
{
    int64_t value = *out;
    PENCL_TRY(pn_meta_i64(file, key, &value));
    *out = value < 0 || value > INT32_MAX ? -1 : (int32_t)value;
    return PENCL_OK;
}

static pencl_status read_answer(pn_model_file *file, const char *key, pn_answer *out)
{
    bool value = false;
    if (pn_meta_has(file, key)) {
        PENCL_TRY(pn_meta_bool(file, key, &value));
        *out = value ? PN_YES : PN_NO;
    }
    return PENCL_OK;
}

static bool has_vocabulary(const pn_model_file *file)
{
    return pn_meta_has(file, "tokenizer.ggml.model");
}

static pencl_status read_tokenizer(pencl_tokenizer **out, pencl_ctx *ctx, pn_model_file *file)
{
    pn_vocabulary v = PN_VOCABULARY_INIT;
    PENCL_TRY(pn_meta_need_string(file, "tokenizer.ggml.model", &v.model));
    PENCL_TRY(pn_meta_string(file, "tokenizer.ggml.pre", &v.pre));
    PENCL_TRY(pn_meta_string(file, "tokenizer.chat_template", &v.chat_template));
    PENCL_TRY(pn_meta_strings(file, "tokenizer.ggml.tokens", &v.tokens, &v.n_tokens));
    PENCL_TRY(pn_meta_strings(file, "tokenizer.ggml.merges", &v.merges, &v.n_merges));
    PENCL_TRY(pn_meta_i32s(file, "tokenizer.ggml.token_type", &v.types, &v.n_types));
    PENCL_TRY(read_id(file, "tokenizer.ggml.bos_token_id", &v.bos));
    PENCL_TRY(read_id(file, "tokenizer.ggml.eos_token_id", &v.eos));
    PENCL_TRY(read_id(file, "tokenizer.ggml.eot_token_id", &v.eot));
    PENCL_TRY(read_id(file, "tokenizer.ggml.padding_token_id", &v.pad));
    PENCL_TRY(read_id(file, "tokenizer.ggml.unknown_token_id", &v.unk));
    PENCL_TRY(read_answer(file, "tokenizer.ggml.add_bos_token", &v.add_bos));
    PENCL_TRY(read_answer(file, "tokenizer.ggml.add_eos_token", &v.add_eos));
    return pn_tokenizer_new(out, ctx, &v);
}

static void close_file(void *file)
{
    pn_model_file_close(file);
}

pencl_status pencl_tokenizer_open(pencl_tokenizer **out, pencl_ctx *ctx, const char *path)
{
    pn_error_clear(ctx);
    pn_model_file *file = NULL;
    PENCL_TRY(pn_model_file_open(&file, ctx, path));
    pencl_status st = has_vocabulary(file)
                          ? read_tokenizer(out, ctx, file)
                          : PN_FAIL(ctx, PENCL_E_UNSUPPORTED, "%s: has no vocabulary", path);
    if (st != PENCL_OK) {
        pn_model_file_close(file);
        return st;
    }
    pn_tokenizer_keep(*out, file, close_file);
    return PENCL_OK;
}

/* ---- models ---- */

static void describe(pencl_model *m, const pn_weights *w)
{
    pencl_model_info *info = &m->info;
    const char *name = pn_meta_text(m->file, "general.name");
    const char *architecture = pn_meta_text(m->file, "general.architecture");
    pn_copy(info->name, sizeof info->name, name != NULL ? name : "");
    pn_copy(info->architecture, sizeof info->architecture,
            architecture != NULL ? architecture : m->recipe.builder->name);
    pn_copy(info->path, sizeof info->path, pn_model_file_path(m->file));
    int most = 0;
    for (int i = 1; i < PENCL_DTYPE_COUNT; i++) {
        most = w->dtype_bytes[i] > w->dtype_bytes[most] ? i : most;
    }
    pn_copy(info->file_type, sizeof info->file_type, pencl_dtype_name((pencl_dtype)most));
    for (char *c = info->file_type; *c != '\0'; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    info->file_bytes = w->bytes_total;
    info->weight_bytes = w->device_bytes;
    info->n_params = w->n_params;
    info->n_blocks = pn_config_size(&m->recipe, "num_decoder_blocks");
    char key[96];
    uint64_t value = 0;
    snprintf(key, sizeof key, "%s.context_length", info->architecture);
    if (pn_meta_u64(m->file, key, &value) == PENCL_OK && value <= INT64_MAX) {
        info->trained_context = (int64_t)value;
    }
}

static pencl_status read_recipe(pn_recipe *out, pn_weights *w)
{
    if (pn_meta_has(w->file, PN_PENZAI_BUILDER)) {
        return pn_penzai_read(out, w);
    }
    const pn_family_def *family = NULL;
    PENCL_TRY(find_family(&family, w->ctx, w->file));
    return family->read(out, w);
}

static pencl_status build(pencl_model *m, pn_weights *w)
{
    pencl_transformer_metadata metadata = {0};
    PENCL_TRY(read_recipe(&m->recipe, w));
    m->recipe.builder->describe(&metadata, &m->recipe);
    pn_weights_set_sizes(w, &metadata);
    m->built = m->recipe.builder->build(w, &m->recipe);
    if (m->built == NULL) {
        return m->ctx->error.status != PENCL_OK ? m->ctx->error.status : PN_NOMEM(m->ctx);
    }
    PENCL_TRY(pn_weights_check_all_used(w));
    return pencl_lm_new(&m->lm, m->device, m->built, &metadata);
}

/* m->built stays as it is: the model as the file has it. */
static pencl_status adapt(pencl_model *m, const pencl_model_options *options)
{
    pencl_lm *adapted = NULL;
    if (options->n_loras == 0) {
        return PENCL_OK;
    }
    PENCL_TRY(pn_lm_add_loras(&adapted, m->lm, options->loras, options->n_loras, &m->info));
    pencl_lm_free(m->lm);
    m->lm = adapted;
    return PENCL_OK;
}

/* The lm with its adapters, over uploaded weights. */
static pencl_status load(pencl_model *m, const pencl_model_options *options)
{
    const size_t n = pn_model_file_n_tensors(m->file);
    pn_weights w = {.ctx = m->ctx, .device = m->device, .file = m->file, .options = options};
    w.used = pn_calloc(n + 1, sizeof *w.used);
    if (w.used == NULL) {
        return PN_NOMEM(m->ctx);
    }
    for (size_t i = 0; i < n; i++) {
        w.bytes_total += pn_model_file_tensor(m->file, i)->bytes;
    }
    pencl_status st = build(m, &w);
    if (st == PENCL_OK) {
        describe(m, &w);
        st = adapt(m, options);
    }
    json_decref(w.axes);
    pn_free(w.used);
    return st;
}

static void unload(pencl_model *m)
{
    pencl_lm_free(m->lm);
    pencl_layer_free(m->built);
    m->lm = NULL;
    m->built = NULL;
}

/* Tokens of a session when nobody says how many. */
static int64_t usual_context(const pencl_model_info *info)
{
    const bool shorter = info->trained_context > 0 && info->trained_context < PN_DEFAULT_CONTEXT;
    return shorter ? info->trained_context : PN_DEFAULT_CONTEXT;
}

/* Loads without memory, to see whether there is enough of it. */
static pencl_status rehearse(pencl_model *m, const pencl_model_options *options)
{
    int64_t chunk = 0;
    pencl_model_options silent = *options;
    pn_rehearsal r = {0};
    silent.progress = NULL;
    pn_device_rehearse(m->device, &r);
    pencl_status st = load(m, &silent);
    if (st == PENCL_OK) {
        m->context = options->context > 0 ? options->context : usual_context(&m->info);
        st = pn_session_check(m->ctx, m->context);
    }
    if (st == PENCL_OK) {
        st = pn_lm_check_memory(&chunk, m->lm, m->context, m->info.path);
    }
    unload(m);
    pn_device_rehearse(m->device, NULL);
    return st;
}

static pencl_status open_all(pencl_model *m, const pencl_model_options *options)
{
    if (has_vocabulary(m->file)) {
        PENCL_TRY(read_tokenizer(&m->tokenizer, m->ctx, m->file));
    }
    PENCL_TRY(rehearse(m, options));
    return load(m, options);
}

pencl_status pencl_model_open(pencl_model **out,
                              pencl_device *device,
                              const char *path,
                              const pencl_model_options *options)
{
    static const pencl_model_options none = PENCL_MODEL_OPTIONS_INIT;
    pencl_ctx *ctx = pn_device_ctx(device);
    pn_error_clear(ctx);
    pencl_model *m = pn_calloc(1, sizeof *m);
    if (m == NULL) {
        return PN_NOMEM(ctx);
    }
    m->ctx = ctx;
    m->device = device;
    pencl_status st = pn_model_file_open(&m->file, ctx, path);
    if (st == PENCL_OK) {
        st = open_all(m, options != NULL ? options : &none);
    }
    if (st != PENCL_OK) {
        pencl_model_close(m);
        return st;
    }
    *out = m;
    return PENCL_OK;
}

void pencl_model_close(pencl_model *m)
{
    if (m != NULL) {
        unload(m);
        pencl_tokenizer_free(m->tokenizer);
        pn_model_file_close(m->file);
        pn_free(m);
    }
}

pencl_lm *pencl_model_lm(const pencl_model *m)
{
    return m->lm;
}

pencl_tokenizer *pencl_model_tokenizer(const pencl_model *m)
{
    return m->tokenizer;
}

int64_t pencl_model_context(const pencl_model *m)
{
    return m->context;
}

const pencl_model_info *pencl_model_describe(const pencl_model *m)
{
    return &m->info;
}

pencl_status pencl_model_set_body(pencl_model *m, pencl_layer *body)
{
    pencl_lm *lm = NULL;
    PENCL_TRY(pencl_lm_new(&lm, m->device, body, &m->lm->metadata));
    pencl_lm_free(m->lm);
    m->lm = lm;
    return PENCL_OK;
}
