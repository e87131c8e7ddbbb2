/* SPDX-License-Identifier: Apache-2.0 */
/* Arena: zeroed blocks cut from growing chunks and freed all at once. */
#include "base/base.h"

#include <stdio.h>

enum {
    FIRST_CHUNK = 4096, /* bytes, header not counted */
    LAST_CHUNK = 1 << 20,
    ALIGN = 16,
};

typedef struct chunk {
    struct chunk *next;
    size_t size; /* bytes after the header */
    size_t used;
    size_t padding; /* keeps the header a multiple of ALIGN */
} chunk;
_Static_assert(sizeof(chunk) % ALIGN == 0, "blocks start behind the header");

struct pn_arena {
    chunk *chunks; /* the newest first: the one that blocks are cut from */
    size_t grow;   /* size of the next chunk */
};

pn_arena *pn_arena_new(void)
{
    pn_arena *arena = pn_calloc(1, sizeof *arena);
    if (arena != NULL) {
        arena->grow = FIRST_CHUNK;
    }
    return arena;
}

void pn_arena_free(pn_arena *arena)
{
    if (arena == NULL) {
        return;
    }
    for (chunk *c = arena->chunks; c != NULL;) {
        chunk *next = c->next;
        pn_free(c);
        c = next;
    }
    pn_free(arena);
}

/* A block larger than a chunk gets one of its own, behind the current one, which stays in use. */
static void *add_chunk(pn_arena *arena, size_t size)
{
    const bool own = size > arena->grow;
    const size_t room = own ? size : arena->grow;
    size_t total = 0;
    if (!pn_add(sizeof(chunk), room, &total)) {
        return NULL;
    }
    chunk *c = pn_calloc(1, total);
    if (c == NULL) {
        return NULL;
    }
    c->size = room;
    c->used = size;
    if (own && arena->chunks != NULL) {
        c->next = arena->chunks->next;
        arena->chunks->next = c;
    } else {
        c->next = arena->chunks;
        arena->chunks = c;
    }
    if (!own && arena->grow < LAST_CHUNK) {
        arena->grow *= 2;
    }
    return c + 1;
}

void *pn_arena_alloc(pn_arena *arena, size_t count, size_t bytes)
{
    size_t size = 0;
    if (!pn_mul(count, bytes, &size) || !pn_pad(size > 0 ? size : 1, ALIGN, &size)) {
        return NULL;
    }
    chunk *c = arena->chunks;
    if (c == NULL || size > c->size - c->used) {
        return add_chunk(arena, size);
    }
    unsigned char *block = (unsigned char *)(c + 1) + c->used;
    c->used += size;
    return block;
}

char *pn_arena_print(pn_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = size < 0 ? NULL : pn_arena_alloc(arena, (size_t)size + 1, 1);
    if (text != NULL) {
        va_start(args, fmt);
        vsnprintf(text, (size_t)size + 1, fmt, args);
        va_end(args);
    }
    return text;
}
