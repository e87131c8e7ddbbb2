/* SPDX-License-Identifier: Apache-2.0 */
/* Token texts to ids: a hash table with open addressing, at most half full.
 *
 * A start of the command builds it for 50 to 250 thousand tokens, so it takes one allocation and
 * keeps hashes beside ids: texts are touched once when they go in and once when they are found. */
#include "text/tokenizer.h"

#include <string.h>

/* FNV-1a */
static const uint32_t hash_start = 0x811c9dc5;
static const uint32_t hash_factor = 0x01000193;

/* Goes on from a hash, so that two texts in a row hash as the one text that they make. */
static uint32_t hash_more(uint32_t hash, pn_string text)
{
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ (unsigned char)text.data[i]) * hash_factor;
    }
    return hash;
}

/* Spreads the hash over the table: the low bits of FNV-1a are its weak ones. */
static size_t first_slot(const pn_token_table *table, uint32_t hash)
{
    return (hash ^ (hash >> 15)) & table->mask;
}

static bool same_bytes(const char *a, const char *b, size_t size)
{
    return size == 0 || memcmp(a, b, size) == 0;
}

static bool is_text(pn_string text, pn_string left, pn_string right)
{
    return text.size == left.size + right.size && same_bytes(text.data, left.data, left.size) &&
           same_bytes(text.data + left.size, right.data, right.size);
}

/* The slot of a text, or the empty one where it would go. */
static pn_token_slot *
find_slot(const pn_token_table *table, uint32_t hash, pn_string left, pn_string right)
{
    for (size_t i = first_slot(table, hash);; i = (i + 1) & table->mask) {
        pn_token_slot *slot = &table->slots[i];
        if (slot->id_plus_1 == 0) {
            return slot;
        }
        if (slot->hash == hash && is_text(table->tokens[slot->id_plus_1 - 1], left, right)) {
            return slot;
        }
    }
}

pencl_status
pn_token_table_init(pn_token_table *table, pencl_ctx *ctx, const pn_string *tokens, size_t n)
{
    size_t slots = 2;
    while (slots < 2 * n) {
        slots *= 2;
    }
    table->tokens = tokens;
    table->mask = slots - 1;
    table->n = n;
    table->unique = true;
    table->slots = pn_calloc(slots, sizeof *table->slots);
    if (table->slots == NULL) {
        return PN_NOMEM(ctx);
    }
    const pn_string nothing = {0};
    for (size_t i = 0; i < n; i++) {
        const uint32_t hash = hash_more(hash_start, tokens[i]);
        pn_token_slot *slot = find_slot(table, hash, tokens[i], nothing);
        table->unique = table->unique && slot->id_plus_1 == 0;
        *slot = (pn_token_slot){hash, (uint32_t)i + 1};
    }
    return PENCL_OK;
}

void pn_token_table_free(pn_token_table *table)
{
    pn_free(table->slots);
}

int32_t pn_token_table_find(const pn_token_table *table, pn_string left, pn_string right)
{
    const uint32_t hash = hash_more(hash_more(hash_start, left), right);
    return (int32_t)find_slot(table, hash, left, right)->id_plus_1 - 1;
}

int32_t pn_token_table_find_near(const pn_token_table *table,
                                 pn_string left,
                                 pn_string right,
                                 int32_t guess)
{
    if (table->unique && guess >= 0 && (size_t)guess < table->n &&
        is_text(table->tokens[guess], left, right)) {
        return guess;
    }
    return pn_token_table_find(table, left, right);
}
