/* SPDX-License-Identifier: Apache-2.0 */
/* Tokenizers for the folders above: what one is made from, and UTF-8.
 *
 * host/lm fills a pn_vocabulary from a file's metadata. Nothing here knows of files.
 */
#ifndef PENCL_TEXT_TEXT_H
#define PENCL_TEXT_TEXT_H

#include "base/base.h"
#include "pencl/text.h"

/* What a token is, with the numbers of GGUF's tokenizer.ggml.token_type. */
typedef enum pn_token_type {
    PN_TOKEN_NORMAL = 1,
    PN_TOKEN_UNKNOWN = 2,
    PN_TOKEN_CONTROL = 3,
    PN_TOKEN_USER_DEFINED = 4, /* found in any text before the pre-tokenizer runs */
    PN_TOKEN_UNUSED = 5,
    PN_TOKEN_BYTE = 6 /* written "<0x0A>" */
} pn_token_type;

typedef enum pn_answer { PN_NOT_SAID, PN_NO, PN_YES } pn_answer;

/* A tokenizer as a model file describes it. Strings need not end with NUL; one with size 0 is
 * absent. The token strings and `tokens` itself must outlive the tokenizer; the rest may go. */
typedef struct pn_vocabulary {
    pn_string model;         /* tokenizer.ggml.model: "gpt2" */
    pn_string pre;           /* tokenizer.ggml.pre: a name of pretokenizers.def */
    const pn_string *tokens; /* [n_tokens] */
    size_t n_tokens;
    const int32_t *types;    /* [n_types] of pn_token_type; NULL: all are normal */
    size_t n_types;          /* n_tokens, or 0 */
    const pn_string *merges; /* [n_merges], "left right", best first */
    size_t n_merges;
    int32_t bos, eos, eot, pad, unk; /* -1: none */
    pn_answer add_bos, add_eos;
    pn_string chat_template;
} pn_vocabulary;
#define PN_VOCABULARY_INIT                                                                         \
    {                                                                                              \
        .bos = -1, .eos = -1, .eot = -1, .pad = -1, .unk = -1                                      \
    }

/* E_UNSUPPORTED: another model or pre-tokenizer, named. E_FORMAT: the parts do not fit together;
 * the text says which token or merge. E_LIMIT: 2^31 tokens or merges. */
pencl_status
pn_tokenizer_new(pencl_tokenizer **out, pencl_ctx *ctx, const pn_vocabulary *vocabulary);

/* Hands over what the token strings lie in: let go with the tokenizer. */
void pn_tokenizer_keep(pencl_tokenizer *tokenizer, void *kept, void (*release)(void *kept));

/* ---- UTF-8 ---- */
typedef enum pn_utf8_kind {
    PN_UTF8_CHAR, /* a character, `length` bytes */
    PN_UTF8_BAD,  /* no character starts here: the `length` bytes that go wrong together */
    PN_UTF8_CUT   /* the text ends inside a character that was right so far */
} pn_utf8_kind;

/* Looks at the start of a text that is not empty. Lengths of bad bytes are the "maximal subparts"
 * of the Unicode standard: each stands for one U+FFFD. */
pn_utf8_kind pn_utf8_next(const char *text, size_t size, size_t *length);

#endif
