/* SPDX-License-Identifier: Apache-2.0 */
/* Special tokens: texts that are found as they are written, the longest at the leftmost place. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

static int by_bytes(const void *a, const void *b)
{
    const pn_special *x = a;
    const pn_special *y = b;
    const size_t least = x->text.size < y->text.size ? x->text.size : y->text.size;
    const int order = memcmp(x->text.data, y->text.data, least);
    if (order != 0) {
        return order;
    }
    if (x->text.size != y->text.size) {
        return x->text.size < y->text.size ? -1 : 1;
    }
    return x->id < y->id ? -1 : 1;
}

static bool wanted(const pencl_tokenizer *tokenizer, size_t i, unsigned types)
{
    return tokenizer->tokens[i].size > 0 && (types >> tokenizer->types[i] & 1) != 0;
}

pencl_status
pn_specials_init(pn_specials *specials, const pencl_tokenizer *tokenizer, unsigned types)
{
    size_t n = 0;
    for (size_t i = 0; i < tokenizer->n_tokens; i++) {
        n += wanted(tokenizer, i, types);
    }
    specials->all = pn_realloc(NULL, n, sizeof *specials->all);
    if (specials->all == NULL) {
        return PN_NOMEM(tokenizer->ctx);
    }
    for (size_t i = 0; i < tokenizer->n_tokens; i++) {
        if (wanted(tokenizer, i, types)) {
            specials->all[specials->n++] = (pn_special){tokenizer->tokens[i], (int32_t)i};
        }
    }
    qsort(specials->all, n, sizeof *specials->all, by_bytes);
    return PENCL_OK;
}

void pn_specials_free(pn_specials *specials)
{
    pn_free(specials->all);
}

/* The first of all[low..high) whose byte at `depth` is at least `byte`; all have one. */
static size_t
first_at_least(const pn_specials *specials, size_t low, size_t high, size_t depth, unsigned byte)
{
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if ((unsigned char)specials->all[middle].text.data[depth] < byte) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t pn_specials_match(const pn_specials *specials, const char *text, size_t size, int32_t *id)
{
    size_t best = 0;
    size_t low = 0;
    size_t high = specials->n; /* all[low..high) start with the first `depth` bytes of the text */
    for (size_t depth = 0; low < high; depth++) {
        for (; low < high && specials->all[low].text.size == depth; low++) {
            best = depth;
            *id = specials->all[low].id;
        }
        if (depth == size) {
            break;
        }
        const unsigned byte = (unsigned char)text[depth];
        low = first_at_least(specials, low, high, depth, byte);
        high = first_at_least(specials, low, high, depth, byte + 1);
    }
    return best;
}
