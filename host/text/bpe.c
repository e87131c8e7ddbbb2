/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-pair encoding of one piece: its bytes become tokens, then the best merge anywhere in the
 * piece is done (the leftmost of equals), until none is left.
 *
 * Symbols are a linked list and possible merges a heap, so that a piece of n bytes takes
 * O(n log n): nothing stops a text from being a single piece. */
#include "text/tokenizer.h"

#include <string.h>

/* ---- the heap: smallest first ---- */
static uint64_t candidate(uint32_t rank, int32_t at)
{
    return (uint64_t)rank << 32 | (uint32_t)at;
}

static void push(pn_bpe *bpe, uint64_t value)
{
    size_t i = bpe->n_heap++;
    while (i > 0 && bpe->heap[(i - 1) / 2] > value) {
        bpe->heap[i] = bpe->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    bpe->heap[i] = value;
}

static uint64_t pop(pn_bpe *bpe)
{
    const uint64_t top = bpe->heap[0];
    const uint64_t last = bpe->heap[--bpe->n_heap];
    size_t i = 0;
    for (size_t child = 1; child < bpe->n_heap; child = 2 * i + 1) {
        if (child + 1 < bpe->n_heap && bpe->heap[child + 1] < bpe->heap[child]) {
            child++;
        }
        if (last <= bpe->heap[child]) {
            break;
        }
        bpe->heap[i] = bpe->heap[child];
        i = child;
    }
    bpe->heap[i] = last;
    return top;
}

/* ---- memory ---- */
static bool reserve_ids(pn_bpe *bpe, size_t more)
{
    if (more <= bpe->room - bpe->n) {
        return true;
    }
    const size_t room = 2 * bpe->room + more;
    int32_t *ids = pn_realloc(bpe->ids, room, sizeof *ids);
    if (ids == NULL) {
        return false;
    }
    bpe->ids = ids;
    bpe->room = room;
    return true;
}

static bool reserve_work(pn_bpe *bpe, size_t size)
{
    if (size <= bpe->work_room) {
        return true;
    }
    const size_t room = 2 * size;
    pn_free(bpe->symbols);
    pn_free(bpe->heap);
    bpe->work_room = 0;
    bpe->symbols = pn_realloc(NULL, room, sizeof *bpe->symbols);
    bpe->heap = pn_realloc(NULL, room, 2 * sizeof *bpe->heap);
    if (bpe->symbols == NULL || bpe->heap == NULL) {
        return false;
    }
    bpe->work_room = room;
    return true;
}

/* ---- merging ---- */

/* Finds how symbol `at` merges with its right neighbour, and notes it. */
static void offer(pn_bpe *bpe, int32_t at)
{
    pn_symbol *left = &bpe->symbols[at];
    left->rank = 0;
    if (left->next >= 0) {
        left->rank = pn_merges_find(bpe->merges, left->id, bpe->symbols[left->next].id).rank;
    }
    if (left->rank > 0) {
        push(bpe, candidate(left->rank, at));
    }
}

/* The symbols of a piece; returns how many. Bytes without a token are as if they were not there. */
static int32_t fill(pn_bpe *bpe, const char *piece, size_t size)
{
    int32_t n = 0;
    for (size_t i = 0; i < size; i++) {
        const int32_t id = bpe->byte_ids[(unsigned char)piece[i]];
        if (id < 0) {
            bpe->n_lost++;
            continue;
        }
        bpe->symbols[n] = (pn_symbol){.id = id, .prev = n - 1, .next = n + 1};
        n++;
    }
    if (n > 0) {
        bpe->symbols[n - 1].next = -1;
    }
    return n;
}

/* Joins symbol `at` and its right neighbour, which leaves the list. */
static void join(pn_bpe *bpe, int32_t at)
{
    pn_symbol *left = &bpe->symbols[at];
    pn_symbol *right = &bpe->symbols[left->next];
    left->id = pn_merges_find(bpe->merges, left->id, right->id).product;
    left->next = right->next;
    right->rank = 0; /* what the heap says about it is void */
    if (left->next >= 0) {
        bpe->symbols[left->next].prev = at;
    }
    offer(bpe, at);
    if (left->prev >= 0) {
        offer(bpe, left->prev);
    }
}

bool pn_bpe_add_id(pn_bpe *bpe, int32_t id)
{
    if (!reserve_ids(bpe, 1)) {
        return false;
    }
    bpe->ids[bpe->n++] = id;
    return true;
}

bool pn_bpe_add_piece(pn_bpe *bpe, const char *piece, size_t size)
{
    if (!reserve_ids(bpe, size) || !reserve_work(bpe, size)) {
        return false;
    }
    const int32_t n = fill(bpe, piece, size);
    bpe->n_heap = 0;
    for (int32_t i = 0; i < n; i++) {
        offer(bpe, i);
    }
    /* Each join takes one candidate and adds two at most: 2 * size of them are never exceeded. */
    while (bpe->n_heap > 0) {
        const uint64_t best = pop(bpe);
        const int32_t at = (int32_t)(best & UINT32_MAX);
        if (bpe->symbols[at].rank == best >> 32) { /* else a neighbour has changed since */
            join(bpe, at);
        }
    }
    for (int32_t i = n > 0 ? 0 : -1; i >= 0; i = bpe->symbols[i].next) {
        bpe->ids[bpe->n++] = bpe->symbols[i].id;
    }
    return true;
}

void pn_bpe_free(pn_bpe *bpe)
{
    pn_free(bpe->ids);
    pn_free(bpe->symbols);
    pn_free(bpe->heap);
}
