/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a tokenizer, for host/text only.
 *
 * Encoding: special tokens are cut out (special.c), the pre-tokenizer splits the rest into pieces
 * (pretokenize.c), and the bytes of each piece are merged, best merge first (bpe.c).
 */
#ifndef PENCL_TEXT_TOKENIZER_H
#define PENCL_TEXT_TOKENIZER_H

#include "text/text.h"

/* ---- token_table.c: texts to ids ---- */
typedef struct pn_token_slot {
    uint32_t hash;
    uint32_t id_plus_1; /* 0: an empty slot */
} pn_token_slot;

typedef struct pn_token_table {
    const pn_string *tokens; /* [n_tokens] */
    pn_token_slot *slots;    /* [mask + 1] */
    size_t mask;
    size_t n;
    bool unique; /* no two tokens have the same text */
} pn_token_table;

pencl_status
pn_token_table_init(pn_token_table *table, pencl_ctx *ctx, const pn_string *tokens, size_t n);
void pn_token_table_free(pn_token_table *table);
/* The id of the text that is `left` followed by `right`, -1 if none. Of equal texts the last
 * counts. */
int32_t pn_token_table_find(const pn_token_table *table, pn_string left, pn_string right);
/* The same, when the id is likely to be `guess`, which need not be in range: much faster then. */
int32_t pn_token_table_find_near(const pn_token_table *table,
                                 pn_string left,
                                 pn_string right,
                                 int32_t guess);

/* ---- merges.c: pairs of ids to what they become ---- */
typedef struct pn_merge {
    int32_t left, right, product;
    uint32_t rank; /* 1 is the best; 0: an empty slot, or no merge */
} pn_merge;

typedef struct pn_merges {
    pn_merge *slots; /* [mask + 1] */
    size_t mask;
} pn_merges;

/* E_FORMAT: a merge is no pair of tokens, or does not make a token. Of equal pairs the first
 * counts. */
pencl_status pn_merges_init(pn_merges *merges,
                            pencl_ctx *ctx,
                            const pn_token_table *tokens,
                            const pn_string *texts,
                            size_t n);
void pn_merges_free(pn_merges *merges);
pn_merge pn_merges_find(const pn_merges *merges, int32_t left, int32_t right);

/* ---- bpe.c: bytes to ids ---- */
typedef struct pn_symbol {
    int32_t id;
    int32_t prev, next; /* neighbours, -1: none */
    uint32_t rank;      /* of the merge with the next one, 0: none */
} pn_symbol;

typedef struct pn_bpe {
    const int32_t *byte_ids; /* [256], -1: the vocabulary lacks that byte */
    const pn_merges *merges;
    int32_t *ids; /* the result, grows with each piece */
    size_t n, room;
    pn_symbol *symbols; /* [work_room], of the piece at hand */
    uint64_t *heap;     /* [2 * work_room], (rank, position of the left symbol) */
    size_t n_heap, work_room;
    size_t n_lost; /* bytes without a token */
} pn_bpe;

/* All false: memory ran out. */
bool pn_bpe_add_id(pn_bpe *bpe, int32_t id);
bool pn_bpe_add_piece(pn_bpe *bpe, const char *piece, size_t size);
void pn_bpe_free(pn_bpe *bpe); /* the ids too */

/* ---- special.c: tokens that are found as they are written ---- */
typedef struct pn_special {
    pn_string text;
    int32_t id;
} pn_special;

typedef struct pn_specials {
    pn_special *all; /* [n], sorted by their bytes */
    size_t n;
} pn_specials;

/* Of the types whose bits (1 << type) are in `types`. */
pencl_status
pn_specials_init(pn_specials *specials, const pencl_tokenizer *tokenizer, unsigned types);
void pn_specials_free(pn_specials *specials);
/* The longest one that `text` starts with: its size, 0 if none. */
size_t pn_specials_match(const pn_specials *specials, const char *text, size_t size, int32_t *id);

/* ---- byte_level.c: GPT-2's letters for bytes, so that every token is printable text ---- */
size_t pn_byte_to_letter(unsigned char byte, char letter[2]); /* UTF-8; its size */
/* The byte of the letter that `text` (not empty) starts with, -1 when it is none. *length is how
 * many bytes of the text were looked at. */
int pn_letter_to_byte(const char *text, size_t size, size_t *length);

/* ---- pretokenize.c: text to pieces ---- */
typedef struct pn_splitter pn_splitter;
typedef bool pn_piece_fn(void *user, const char *piece, size_t size); /* false: out of memory */

/* The pre-tokenizer of that name, compiled when first run: not every start of the command encodes.
 * E_UNSUPPORTED lists the known names. */
pencl_status pn_splitter_new(pn_splitter **out, pencl_ctx *ctx, pn_string name);
void pn_splitter_free(pn_splitter *splitter);
/* Hands out the pieces of a valid UTF-8 text in order, without gaps. */
pencl_status pn_splitter_run(
    pn_splitter *splitter, const char *text, size_t size, pn_piece_fn *piece, void *user);

struct pencl_tokenizer {
    pencl_ctx *ctx;
    const pn_string *tokens; /* [n_tokens], not ours */
    size_t n_tokens;
    uint8_t *types; /* [n_tokens] of pn_token_type */
    bool *ends;     /* [n_tokens] */
    pn_token_table table;
    pn_merges merges;
    pn_specials user_defined; /* found always */
    pn_specials special;      /* these and the control tokens: found when asked for */
    int32_t byte_ids[256];
    int32_t bos, eos;
    bool add_bos, add_eos;
    char *chat_template; /* NULL: none */
    pn_splitter *splitter;
    void *kept; /* what the token strings lie in, if it is ours to let go */
    void (*release)(void *kept);
};

bool pn_tokenizer_has(const pencl_tokenizer *tokenizer, int32_t id);
/* decode.c: the byte of a text such as "<0x0A>", -1 if it is none. */
int pn_byte_token_value(pn_string text);

#endif
