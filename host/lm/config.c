/* SPDX-License-Identifier: Apache-2.0 */
/* A builder's config from JSON and to JSON, by the table of its fields. */
#include "array/dtypes.h"
#include "lm/recipe.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN = 60 }; /* bytes of a wrong value in a message */

static const pn_config_field *find_field(const pn_builder *b, const char *name)
{
    const pn_config_field *f = b->fields;
    while (f->name != NULL && strcmp(f->name, name) != 0) {
        f++;
    }
    return f->name != NULL ? f : NULL;
}

/* ---- reading ---- */

/* E_FIELDS "field "F": is VALUE, not WANTED". */
static pencl_status
refuse(pencl_ctx *ctx, const pn_config_field *f, const json_t *value, const char *wanted)
{
    char text[SHOWN + 1];
    size_t n = json_dumpb(value, text, SHOWN, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    text[n < SHOWN ? n : SHOWN] = '\0';
    return PN_FAIL(ctx, PENCL_E_FIELDS, "field \"%s\": is %s, not %s", f->name, text, wanted);
}

/* "a, b or c" */
static pencl_status
refuse_word(pencl_ctx *ctx, const pn_config_field *f, const json_t *value, const char *const *words)
{
    pn_text wanted = {0};
    for (int i = 0; words[i] != NULL; i++) {
        pn_text_add(&wanted, "%s%s", i == 0 ? "" : words[i + 1] != NULL ? ", " : " or ", words[i]);
    }
    const pencl_status st = refuse(ctx, f, value, pn_text_get(&wanted));
    pn_text_free(&wanted);
    return st;
}

static const char *find_word(const char *const *words, const char *text)
{
    for (int i = 0; text != NULL && words != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            return words[i];
        }
    }
    return NULL;
}

static bool within(const pn_config_field *f, double value)
{
    return value >= f->least && value <= f->most;
}

static pencl_status
read_size(int64_t *out, pencl_ctx *ctx, const pn_config_field *f, const json_t *value)
{
    if (json_is_integer(value) && within(f, (double)json_integer_value(value))) {
        *out = (int64_t)json_integer_value(value);
        return PENCL_OK;
    }
    char wanted[64];
    snprintf(wanted, sizeof wanted, "a whole number from %.0f to %.0f", f->least, f->most);
    return refuse(ctx, f, value, wanted);
}

static pencl_status
read_real(double *out, pencl_ctx *ctx, const pn_config_field *f, const json_t *value)
{
    const bool null = f->words != NULL && strcmp(f->words[0], "null") == 0;
    if (null ? json_is_null(value) : find_word(f->words, json_string_value(value)) != NULL) {
        *out = NAN;
        return PENCL_OK;
    }
    if (json_is_number(value) && within(f, json_number_value(value))) {
        *out = json_number_value(value);
        return PENCL_OK;
    }
    char least[32] = "";
    char wanted[64];
    if (f->least >= 0) {
        const bool above = f->least > 0 && f->least < 1e-30; /* the smallest float there is */
        snprintf(least, sizeof least, above ? " above 0" : " of at least %g", f->least);
    }
    snprintf(wanted, sizeof wanted, "a number%s%s%s", least, f->words != NULL ? " or " : "",
             f->words != NULL ? f->words[0] : "");
    return refuse(ctx, f, value, wanted);
}

static pencl_status
read_choice(const char **out, pencl_ctx *ctx, const pn_config_field *f, const json_t *value)
{
    const char *word = find_word(f->words, json_string_value(value));
    if (word == NULL) {
        return refuse_word(ctx, f, value, f->words);
    }
    *out = word;
    return PENCL_OK;
}

static const pencl_dtype dtypes[] = {PENCL_F32, PENCL_BF16, PENCL_F16};

static pencl_status
read_dtype(pencl_dtype *out, pencl_ctx *ctx, const pn_config_field *f, const json_t *value)
{
    const char *words[PN_COUNT(dtypes) + 1] = {NULL};
    for (size_t i = 0; i < PN_COUNT(dtypes); i++) {
        words[i] = pn_dtype_of(dtypes[i])->label;
        if (json_is_string(value) && strcmp(words[i], json_string_value(value)) == 0) {
            *out = dtypes[i];
            return PENCL_OK;
        }
    }
    return refuse_word(ctx, f, value, words);
}

/* "global" or {"sliding": N}. */
static bool read_window(int64_t *out, const json_t *value)
{
    const json_t *window = json_object_get(value, "sliding");
    const char *text = json_string_value(value);
    *out = window != NULL ? (int64_t)json_integer_value(window) : 0;
    return window != NULL ? json_object_size(value) == 1 && *out >= 1 && *out <= INT32_MAX
                          : text != NULL && strcmp(text, "global") == 0;
}

static pencl_status read_attention(pn_attention_types *out,
                                   pencl_ctx *ctx,
                                   const pn_config_field *f,
                                   const json_t *value)
{
    const size_t n = json_array_size(value);
    bool sound =
        json_is_array(value) ? n >= 1 && n <= PN_MOST_BLOCKS : read_window(&out->windows[0], value);
    for (size_t i = 0; i < n && sound; i++) {
        sound = read_window(&out->windows[i], json_array_get(value, i));
    }
    out->n = (int)n;
    return sound ? PENCL_OK
                 : refuse(ctx, f, value,
                          "\"global\", {\"sliding\": TOKENS} or a list of 1 to 1000 of these");
}

static pencl_status
read_field(pn_config *config, pencl_ctx *ctx, const pn_config_field *f, const json_t *value)
{
    void *at = (char *)config + f->at;
    switch (f->kind) {
    case PN_CONFIG_SIZE:
        return read_size(at, ctx, f, value);
    case PN_CONFIG_REAL:
        return read_real(at, ctx, f, value);
    case PN_CONFIG_FLAG:
        *(bool *)at = json_is_true(value);
        return json_is_boolean(value) ? PENCL_OK : refuse(ctx, f, value, "true or false");
    case PN_CONFIG_CHOICE:
        return read_choice(at, ctx, f, value);
    case PN_CONFIG_DTYPE:
        return read_dtype(at, ctx, f, value);
    case PN_CONFIG_ATTENTION:
        return read_attention(at, ctx, f, value);
    }
    return PENCL_OK;
}

static pencl_status check_names(const pn_builder *b, pencl_ctx *ctx, json_t *json)
{
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        if (find_field(b, json_object_iter_key(at)) == NULL) {
            return PN_FAIL(ctx, PENCL_E_FIELDS, "field \"%.60s\" is unknown to %s",
                           json_object_iter_key(at), b->name);
        }
    }
    return PENCL_OK;
}

pencl_status pn_config_read(pn_recipe *out, pencl_ctx *ctx, json_t *json)
{
    const pn_builder *b = out->builder;
    if (!json_is_object(json)) {
        return PN_FAIL(ctx, PENCL_E_FIELDS, "the config is not an object");
    }
    PENCL_TRY(check_names(b, ctx, json));
    out->config = b->defaults;
    for (const pn_config_field *f = b->fields; f->name != NULL; f++) {
        const json_t *value = json_object_get(json, f->name);
        if (value != NULL) {
            PENCL_TRY(read_field(&out->config, ctx, f, value));
        } else if (f->required) {
            return PN_FAIL(ctx, PENCL_E_FIELDS, "field \"%s\" is missing", f->name);
        }
    }
    return b->check(ctx, &out->config);
}

/* ---- writing ---- */

static json_t *window_json(int64_t window)
{
    return window == 0 ? json_string("global") : json_pack("{s:I}", "sliding", (json_int_t)window);
}

static json_t *attention_json(const pn_attention_types *types)
{
    if (types->n == 0) {
        return window_json(types->windows[0]);
    }
    json_t *list = json_array();
    for (int i = 0; i < types->n; i++) {
        if (json_array_append_new(list, window_json(types->windows[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *real_json(double value, const char *const *words)
{
    if (isnan(value)) {
        return strcmp(words[0], "null") == 0 ? json_null() : json_string(words[0]);
    }
    return json_real(value);
}

static json_t *field_json(const pn_config *config, const pn_config_field *f)
{
    const void *at = (const char *)config + f->at;
    switch (f->kind) {
    case PN_CONFIG_SIZE:
        return json_integer(*(const int64_t *)at);
    case PN_CONFIG_REAL:
        return real_json(*(const double *)at, f->words);
    case PN_CONFIG_FLAG:
        return json_boolean(*(const bool *)at);
    case PN_CONFIG_CHOICE:
        return json_string(*(const char *const *)at);
    case PN_CONFIG_DTYPE:
        return json_string(pn_dtype_of(*(const pencl_dtype *)at)->label);
    case PN_CONFIG_ATTENTION:
        return attention_json(at);
    }
    return NULL;
}

json_t *pn_config_json(const pn_recipe *recipe)
{
    json_t *json = json_object();
    for (const pn_config_field *f = recipe->builder->fields; f->name != NULL; f++) {
        if (json_object_set_new(json, f->name, field_json(&recipe->config, f)) != 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

/* ---- single fields ---- */

int64_t pn_config_size(const pn_recipe *recipe, const char *field)
{
    const pn_config_field *f = find_field(recipe->builder, field);
    return f != NULL && f->kind == PN_CONFIG_SIZE
               ? *(const int64_t *)(const void *)((const char *)&recipe->config + f->at)
               : 0;
}

void pn_config_set_dtype(pn_recipe *recipe, const char *field, pencl_dtype dtype)
{
    const pn_config_field *f = find_field(recipe->builder, field);
    if (f != NULL && f->kind == PN_CONFIG_DTYPE) {
        *(pencl_dtype *)(void *)((char *)&recipe->config + f->at) = dtype;
    }
}
