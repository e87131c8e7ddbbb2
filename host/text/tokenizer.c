/* SPDX-License-Identifier: Apache-2.0 */
/* Tokenizers: made from a vocabulary, whose every claim is checked, and asked about it. */
#include "text/tokenizer.h"

#include <string.h>

enum { SHOWN_BYTES = 64 }; /* of a file's text in a message */

static const char *const end_tokens[] = {
#define END_TOKEN(text) text,
#include "text/end_tokens.def"
#undef END_TOKEN
};

static bool is_text(pn_string string, const char *text)
{
    return string.size == strlen(text) && memcmp(string.data, text, string.size) == 0;
}

/* ---- checks ---- */
static pencl_status check_kind(pencl_ctx *ctx, const pn_vocabulary *v)
{
    if (v->model.size == 0 || !is_text(v->model, "gpt2")) {
        return PN_FAIL(ctx, PENCL_E_UNSUPPORTED,
                       "the tokenizer model \"%.*s\" is not known; only gpt2 is",
                       (int)(v->model.size < SHOWN_BYTES ? v->model.size : SHOWN_BYTES),
                       v->model.size > 0 ? v->model.data : "");
    }
    if (v->n_tokens == 0) {
        return PN_FAIL(ctx, PENCL_E_FORMAT, "the vocabulary has no tokens");
    }
    if (v->n_tokens > INT32_MAX || v->n_merges > INT32_MAX) {
        return PN_FAIL(ctx, PENCL_E_LIMIT, "%zu tokens and %zu merges are more than 2^31 - 1",
                       v->n_tokens, v->n_merges);
    }
    return PENCL_OK;
}

static pencl_status check_ids(pencl_ctx *ctx, const pn_vocabulary *v)
{
    const struct {
        const char *name;
        int32_t id;
    } named[] = {{"bos", v->bos},
                 {"eos", v->eos},
                 {"eot", v->eot},
                 {"padding", v->pad},
                 {"unknown", v->unk}};
    for (size_t i = 0; i < PN_COUNT(named); i++) {
        if (named[i].id < -1 || named[i].id >= (int32_t)v->n_tokens) {
            return PN_FAIL(ctx, PENCL_E_FORMAT, "the %s token is %d, outside the vocabulary of %zu",
                           named[i].name, (int)named[i].id, v->n_tokens);
        }
    }
    if ((v->add_bos == PN_YES && v->bos < 0) || (v->add_eos == PN_YES && v->eos < 0)) {
        return PN_FAIL(ctx, PENCL_E_FORMAT,
                       "a %s token is to be added but the vocabulary names none",
                       v->add_bos == PN_YES && v->bos < 0 ? "bos" : "eos");
    }
    return PENCL_OK;
}

/* ---- parts ---- */
static pencl_status set_types(pencl_tokenizer *t, const pn_vocabulary *v)
{
    if (v->n_types != 0 && v->n_types != v->n_tokens) {
        return PN_FAIL(t->ctx, PENCL_E_FORMAT, "the vocabulary has %zu tokens but %zu token types",
                       v->n_tokens, v->n_types);
    }
    t->types = pn_alloc(v->n_tokens);
    t->ends = pn_calloc(v->n_tokens, sizeof *t->ends);
    if (t->types == NULL || t->ends == NULL) {
        return PN_NOMEM(t->ctx);
    }
    for (size_t i = 0; i < v->n_tokens; i++) {
        const int32_t type = v->n_types > 0 ? v->types[i] : PN_TOKEN_NORMAL;
        if (type < 0 || type > PN_TOKEN_BYTE) {
            return PN_FAIL(t->ctx, PENCL_E_FORMAT, "token %zu is of the unknown type %d", i,
                           (int)type);
        }
        t->types[i] = (uint8_t)(type == 0 ? PN_TOKEN_NORMAL : type); /* 0: undefined */
    }
    return PENCL_OK;
}

/* The tokens of single bytes: letters first, "<0x0A>" where there is none. */
static pencl_status set_byte_ids(pencl_tokenizer *t)
{
    const pn_string nothing = {0};
    for (unsigned byte = 0; byte < 256; byte++) {
        char letter[2];
        const pn_string text = {letter, pn_byte_to_letter((unsigned char)byte, letter)};
        t->byte_ids[byte] = pn_token_table_find(&t->table, text, nothing);
    }
    for (size_t i = 0; i < t->n_tokens; i++) {
        if (t->types[i] != PN_TOKEN_BYTE) {
            continue;
        }
        const int byte = pn_byte_token_value(t->tokens[i]);
        if (byte < 0) {
            return PN_FAIL(t->ctx, PENCL_E_FORMAT,
                           "token %zu is of type byte but its text is not of the form <0x0A>", i);
        }
        if (t->byte_ids[byte] < 0) {
            t->byte_ids[byte] = (int32_t)i;
        }
    }
    return PENCL_OK;
}

/* A normal token with such a name is text that somebody wrote ("</s>" in HTML). Without types
 * nobody can tell, and a model that never stops is worse. */
static void set_ends(pencl_tokenizer *t, const pn_vocabulary *v)
{
    const pn_string nothing = {0};
    for (size_t i = 0; i < PN_COUNT(end_tokens); i++) {
        const pn_string text = {end_tokens[i], strlen(end_tokens[i])};
        const int32_t id = pn_token_table_find(&t->table, text, nothing);
        if (id >= 0 && (v->n_types == 0 || t->types[id] != PN_TOKEN_NORMAL)) {
            t->ends[id] = true;
        }
    }
    const int32_t named[] = {v->eos, v->eot};
    for (size_t i = 0; i < PN_COUNT(named); i++) {
        if (named[i] >= 0) {
            t->ends[named[i]] = true;
        }
    }
}

static pencl_status copy_template(pencl_tokenizer *t, pn_string text)
{
    if (text.size == 0) {
        return PENCL_OK;
    }
    t->chat_template = pn_alloc(text.size + 1);
    if (t->chat_template == NULL) {
        return PN_NOMEM(t->ctx);
    }
    memcpy(t->chat_template, text.data, text.size);
    t->chat_template[text.size] = '\0';
    return PENCL_OK;
}

static pencl_status fill(pencl_tokenizer *t, const pn_vocabulary *v)
{
    const pn_string pre = v->pre.size > 0 ? v->pre : (pn_string){"default", 7};
    const unsigned user_defined = 1u << PN_TOKEN_USER_DEFINED;
    const unsigned special = user_defined | 1u << PN_TOKEN_CONTROL | 1u << PN_TOKEN_UNKNOWN;
    pencl_ctx *ctx = t->ctx;
    PENCL_TRY(check_kind(ctx, v));
    PENCL_TRY(check_ids(ctx, v));
    PENCL_TRY(pn_splitter_new(&t->splitter, ctx, pre));
    t->tokens = v->tokens;
    t->n_tokens = v->n_tokens;
    t->bos = v->bos;
    t->eos = v->eos;
    t->add_bos = v->add_bos == PN_YES;
    t->add_eos = v->add_eos == PN_YES;
    PENCL_TRY(set_types(t, v));
    PENCL_TRY(pn_token_table_init(&t->table, ctx, v->tokens, v->n_tokens));
    PENCL_TRY(pn_merges_init(&t->merges, ctx, &t->table, v->merges, v->n_merges));
    PENCL_TRY(pn_specials_init(&t->user_defined, t, user_defined));
    PENCL_TRY(pn_specials_init(&t->special, t, special));
    PENCL_TRY(set_byte_ids(t));
    set_ends(t, v);
    return copy_template(t, v->chat_template);
}

pencl_status
pn_tokenizer_new(pencl_tokenizer **out, pencl_ctx *ctx, const pn_vocabulary *vocabulary)
{
    pencl_tokenizer *t = pn_calloc(1, sizeof *t);
    if (t == NULL) {
        return PN_NOMEM(ctx);
    }
    t->ctx = ctx;
    const pencl_status status = fill(t, vocabulary);
    if (status != PENCL_OK) {
        pencl_tokenizer_free(t);
        return status;
    }
    *out = t;
    return PENCL_OK;
}

void pencl_tokenizer_free(pencl_tokenizer *tokenizer)
{
    if (tokenizer == NULL) {
        return;
    }
    pn_splitter_free(tokenizer->splitter);
    pn_free(tokenizer->chat_template);
    pn_specials_free(&tokenizer->special);
    pn_specials_free(&tokenizer->user_defined);
    pn_merges_free(&tokenizer->merges);
    pn_token_table_free(&tokenizer->table);
    pn_free(tokenizer->ends);
    pn_free(tokenizer->types);
    if (tokenizer->release != NULL) {
        tokenizer->release(tokenizer->kept);
    }
    pn_free(tokenizer);
}

void pn_tokenizer_keep(pencl_tokenizer *tokenizer, void *kept, void (*release)(void *kept))
{
    tokenizer->kept = kept;
    tokenizer->release = release;
}

/* ---- questions ---- */
bool pn_tokenizer_has(const pencl_tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && (size_t)id < tokenizer->n_tokens;
}

size_t pencl_tokenizer_n_tokens(const pencl_tokenizer *tokenizer)
{
    return tokenizer->n_tokens;
}

int32_t pencl_tokenizer_bos(const pencl_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t pencl_tokenizer_eos(const pencl_tokenizer *tokenizer)
{
    return tokenizer->eos;
}

int pencl_tokenizer_is_end(const pencl_tokenizer *tokenizer, int32_t id)
{
    return pn_tokenizer_has(tokenizer, id) && tokenizer->ends[id];
}

int pencl_tokenizer_is_control(const pencl_tokenizer *tokenizer, int32_t id)
{
    return pn_tokenizer_has(tokenizer, id) &&
           (tokenizer->types[id] == PN_TOKEN_CONTROL || tokenizer->types[id] == PN_TOKEN_UNKNOWN);
}

const char *pencl_tokenizer_chat_template(const pencl_tokenizer *tokenizer)
{
    return tokenizer->chat_template;
}

const char *pencl_tokenizer_warning(const pencl_tokenizer *tokenizer, const int32_t *ids, size_t n)
{
    if (!tokenizer->add_bos) {
        return NULL;
    }
    if (n == 0 || ids[0] != tokenizer->bos) {
        return "the model wants its beginning-of-text token first, and it is not there";
    }
    if (n > 1 && ids[1] == tokenizer->bos) {
        return "the beginning-of-text token stands there twice";
    }
    return NULL;
}
