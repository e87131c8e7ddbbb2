/* SPDX-License-Identifier: Apache-2.0 */
/* PEFT's adapter_config.json. Its fields come in three kinds: those that are read, those that
 * cannot change what a finished adapter computes, and all others, which must be off. */
#include "lm/lora.h"

#include "base/os.h"
#include "io/json.h"
#include "lm/recipe.h"
#include "text/regex.h"

#include <string.h>

#define FILE_NAME "adapter_config.json"

enum { CONFIG_MAX = 1 << 24 }; /* bytes */

static const char *const read_fields[] = {"alpha_pattern", "lora_alpha", "r", "rank_pattern",
                                          "use_rslora"};

/* How the adapter was made, which tensors it has, how a merge would store it. */
static const char *const harmless_fields[] = {
    "auto_mapping",   "base_model_name_or_path", "ensure_weight_tying",
    "eva_config",     "exclude_modules",         "fan_in_fan_out",
    "inference_mode", "layers_pattern",          "layers_to_transform",
    "lora_dropout",   "megatron_config",         "megatron_core",
    "peft_version",   "qalora_group_size",       "revision",
    "runtime_config", "target_modules",          "task_type",
    "unsloth_fixed"};

/* Ways to begin that leave the model's own weights as they are. */
static const char *const beginnings[] = {"eva", "gaussian", "orthogonal"};

static bool is_in(const char *const *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        if (text != NULL && strcmp(list[i], text) == 0) {
            return true;
        }
    }
    return false;
}
#define IS_IN(list, text) is_in(list, PN_COUNT(list), text)

/* ---- the text ---- */

/* The fields that a file has among its metadata, each a text of JSON. */
static pencl_status join_metadata(pn_text *out, pn_model_file *file)
{
    pn_text_add(out, "{");
    for (size_t i = 0; i < PN_COUNT(read_fields); i++) {
        pn_string value = {0};
        PENCL_TRY(pn_meta_string(file, read_fields[i], &value));
        if (value.size > 0) {
            pn_text_add(out, "%s\"%s\":", out->size > 1 ? "," : "", read_fields[i]);
            pn_text_add_bytes(out, value.data, value.size);
        }
    }
    pn_text_add(out, "}");
    return PENCL_OK;
}

static pencl_status read_beside(pn_text *out, pencl_ctx *ctx, pn_model_file *file)
{
    const char *path = pn_model_file_path(file);
    const char *slash = strrchr(path, '/');
    pn_text beside = {0};
    pn_text_add(&beside, "%.*s" FILE_NAME, slash != NULL ? (int)(slash + 1 - path) : 0, path);
    const char *name = pn_text_get(&beside);
    const pencl_status st =
        beside.failed ? PN_NOMEM(ctx)
        : pn_file_exists(name)
            ? pn_file_read(out, ctx, name, CONFIG_MAX)
            : PN_FAIL(ctx, PENCL_E_FIELDS,
                      "%s: its scale is not known: there is no %s, and its metadata has no "
                      "\"lora_alpha\"",
                      path, name);
    pn_text_free(&beside);
    return st;
}

static pencl_status read_json(pn_lora_config *out, pn_model_file *file)
{
    pn_text text = {0};
    const bool own = pn_meta_has(file, "lora_alpha");
    out->from = own ? "metadata" : FILE_NAME;
    pencl_status st = own ? join_metadata(&text, file) : read_beside(&text, out->ctx, file);
    if (st == PENCL_OK && text.failed) {
        st = PN_NOMEM(out->ctx);
    }
    if (st == PENCL_OK) {
        st = pn_json_parse(&out->json, file, out->from, (pn_string){pn_text_get(&text), text.size},
                           0);
    }
    pn_text_free(&text);
    return st;
}

/* ---- fields ---- */

static pencl_status wrong(const pn_lora_config *c, const char *field, const char *problem)
{
    return PN_FAIL(c->ctx, PENCL_E_FIELDS, "%s: %s: field \"%.80s\": %s", c->path, c->from, field,
                   problem);
}

/* What a field says when it asks for nothing. */
static bool is_off(const json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_null(value) || json_is_false(value) ||
           (text != NULL && (text[0] == '\0' || strcmp(text, "none") == 0)) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static bool is_understood(const char *field, const json_t *value)
{
    const char *text = json_string_value(value);
    if (strcmp(field, "peft_type") == 0) {
        return text != NULL && strcmp(text, "LORA") == 0;
    }
    if (strcmp(field, "init_lora_weights") == 0) {
        return json_is_boolean(value) || IS_IN(beginnings, text);
    }
    return IS_IN(read_fields, field) || IS_IN(harmless_fields, field) || is_off(value);
}

static pencl_status check_understood(const pn_lora_config *c)
{
    for (void *at = json_object_iter(c->json); at != NULL;
         at = json_object_iter_next(c->json, at)) {
        const json_t *value = json_object_iter_value(at);
        if (!is_understood(json_object_iter_key(at), value)) {
            const char *text = json_string_value(value);
            return PN_FAIL(c->ctx, PENCL_E_UNSUPPORTED,
                           "%s: %s: field \"%.80s\" is \"%.60s\", which is not supported", c->path,
                           c->from, json_object_iter_key(at),
                           text != NULL            ? text
                           : json_is_true(value)   ? "true"
                           : json_is_number(value) ? "a number"
                                                   : "not empty");
        }
    }
    return PENCL_OK;
}

static pencl_status
read_rank(int64_t *out, const pn_lora_config *c, const char *field, const json_t *value)
{
    *out = json_integer_value(value);
    return *out >= 1 && *out <= PN_MOST_SIZE ? PENCL_OK : wrong(c, field, "is no rank");
}

static pencl_status
read_alpha(double *out, const pn_lora_config *c, const char *field, const json_t *value)
{
    *out = json_number_value(value);
    return json_is_number(value) ? PENCL_OK : wrong(c, field, "is no number");
}

static pencl_status read_pattern(json_t **out, const pn_lora_config *c, const char *field)
{
    json_t *value = json_object_get(c->json, field);
    *out = json_is_object(value) ? value : NULL;
    return value == NULL || json_is_null(value) || json_is_object(value)
               ? PENCL_OK
               : wrong(c, field, "is no object");
}

static pencl_status read_fields_of(pn_lora_config *c)
{
    const json_t *rank = json_object_get(c->json, "r");
    const json_t *root = json_object_get(c->json, "use_rslora");
    if (rank != NULL) {
        PENCL_TRY(read_rank(&c->rank, c, "r", rank));
    }
    PENCL_TRY(read_alpha(&c->alpha, c, "lora_alpha", json_object_get(c->json, "lora_alpha")));
    PENCL_TRY(read_pattern(&c->ranks, c, "rank_pattern"));
    PENCL_TRY(read_pattern(&c->alphas, c, "alpha_pattern"));
    if (root != NULL && !json_is_boolean(root)) {
        return wrong(c, "use_rslora", "is neither true nor false");
    }
    c->root = json_is_true(root);
    return check_understood(c);
}

pencl_status pn_lora_config_read(pn_lora_config *out, pencl_ctx *ctx, pn_model_file *file)
{
    *out = (pn_lora_config){.ctx = ctx, .path = pn_model_file_path(file)};
    PENCL_TRY(read_json(out, file));
    const pencl_status st =
        json_is_object(out->json)
            ? read_fields_of(out)
            : PN_FAIL(ctx, PENCL_E_FORMAT, "%s: %s: is not an object", out->path, out->from);
    if (st != PENCL_OK) {
        pn_lora_config_free(out);
    }
    return st;
}

void pn_lora_config_free(pn_lora_config *config)
{
    json_decref(config->json);
    config->json = NULL;
}

/* ---- modules ---- */

/* The first key that fits the whole name, or its end after a dot; NULL when none does. */
static pencl_status
find_pattern(const json_t **out, const pn_lora_config *c, json_t *patterns, const char *module)
{
    *out = NULL;
    for (void *at = json_object_iter(patterns); at != NULL && *out == NULL;
         at = json_object_iter_next(patterns, at)) {
        bool fits = false;
        pn_text pattern = {0};
        pn_text_add(&pattern, "(.*\\.)?(%s)$", json_object_iter_key(at));
        const pencl_status st =
            pattern.failed ? PN_NOMEM(c->ctx)
                           : pn_regex_matches(&fits, c->ctx, pn_text_get(&pattern), module);
        pn_text_free(&pattern);
        if (st != PENCL_OK) {
            pn_error_prefix(c->ctx, c->from);
            pn_error_prefix(c->ctx, c->path);
            return st;
        }
        *out = fits ? json_object_iter_value(at) : NULL;
    }
    return PENCL_OK;
}

pencl_status
pn_lora_config_find(int64_t *rank, double *alpha, const pn_lora_config *c, const char *module)
{
    const json_t *own_rank = NULL;
    const json_t *own_alpha = NULL;
    *rank = c->rank;
    *alpha = c->alpha;
    PENCL_TRY(find_pattern(&own_rank, c, c->ranks, module));
    PENCL_TRY(find_pattern(&own_alpha, c, c->alphas, module));
    if (own_rank != NULL) {
        PENCL_TRY(read_rank(rank, c, "rank_pattern", own_rank));
    }
    return own_alpha != NULL ? read_alpha(alpha, c, "alpha_pattern", own_alpha) : PENCL_OK;
}
