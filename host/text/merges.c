/* SPDX-License-Identifier: Apache-2.0 */
/* Merges: which two neighbouring tokens become one, and which first. A hash table by pair of ids,
 * with open addressing, at most half full. */
#include "text/tokenizer.h"

#include <string.h>

enum { SHOWN_BYTES = 64 }; /* of a file's text in a message */

static size_t first_slot(const pn_merges *merges, int32_t left, int32_t right)
{
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (size_t)(pair * 0x9e3779b97f4a7c15u >> 32) & merges->mask;
}

/* The slot of a pair, or the empty one where it would go. */
static pn_merge *find_slot(const pn_merges *merges, int32_t left, int32_t right)
{
    for (size_t i = first_slot(merges, left, right);; i = (i + 1) & merges->mask) {
        pn_merge *slot = &merges->slots[i];
        if (slot->rank == 0 || (slot->left == left && slot->right == right)) {
            return slot;
        }
    }
}

static int shown(pn_string text)
{
    return (int)(text.size < SHOWN_BYTES ? text.size : SHOWN_BYTES);
}

/* Reads merge i, "left right". A text may start with the space that is its left side, hence from
 * byte 1. Most vocabularies list tokens in the order of the merges that make them. */
static pencl_status read_merge(pn_merge *out,
                               pencl_ctx *ctx,
                               const pn_token_table *tokens,
                               pn_string text,
                               size_t i,
                               int32_t last_product)
{
    const char *space = text.size < 3 ? NULL : memchr(text.data + 1, ' ', text.size - 2);
    if (space == NULL) {
        return PN_FAIL(ctx, PENCL_E_FORMAT,
                       "merge %zu is \"%.*s\", not two texts with a space between", i, shown(text),
                       text.data != NULL ? text.data : "");
    }
    const pn_string left = {text.data, (size_t)(space - text.data)};
    const pn_string right = {space + 1, text.size - left.size - 1};
    const pn_string nothing = {0};
    out->left = pn_token_table_find(tokens, left, nothing);
    out->right = pn_token_table_find(tokens, right, nothing);
    out->product = pn_token_table_find_near(tokens, left, right, last_product + 1);
    if (out->left >= 0 && out->right >= 0 && out->product >= 0) {
        return PENCL_OK;
    }
    const char *lacks = out->left < 0 ? "left side" : out->right < 0 ? "right side" : "result";
    return PN_FAIL(ctx, PENCL_E_FORMAT, "the %s of merge %zu, \"%.*s\", is not in the vocabulary",
                   lacks, i, shown(text), text.data);
}

pencl_status pn_merges_init(pn_merges *merges,
                            pencl_ctx *ctx,
                            const pn_token_table *tokens,
                            const pn_string *texts,
                            size_t n)
{
    size_t slots = 2;
    while (slots < 2 * n) {
        slots *= 2;
    }
    merges->mask = slots - 1;
    merges->slots = pn_calloc(slots, sizeof *merges->slots);
    if (merges->slots == NULL) {
        return PN_NOMEM(ctx);
    }
    pn_merge merge = {.product = -2}; /* no guess for the first */
    for (size_t i = 0; i < n; i++) {
        merge.rank = (uint32_t)i + 1;
        PENCL_TRY(read_merge(&merge, ctx, tokens, texts[i], i, merge.product));
        pn_merge *slot = find_slot(merges, merge.left, merge.right);
        if (slot->rank == 0) {
            *slot = merge;
        }
    }
    return PENCL_OK;
}

void pn_merges_free(pn_merges *merges)
{
    pn_free(merges->slots);
}

pn_merge pn_merges_find(const pn_merges *merges, int32_t left, int32_t right)
{
    return *find_slot(merges, left, right);
}
