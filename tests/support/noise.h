/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded noise for tests: xorshift64*, the same on every machine. */
#ifndef PENCL_TESTS_NOISE_H
#define PENCL_TESTS_NOISE_H

#include <stdint.h>

typedef struct noise {
    uint64_t state; /* not 0 */
} noise;

static inline uint64_t noise_next(noise *n)
{
    n->state ^= n->state >> 12;
    n->state ^= n->state << 25;
    n->state ^= n->state >> 27;
    return n->state * 0x2545F4914F6CDD1DULL;
}

/* From 0 to below - 1. */
static inline int64_t noise_below(noise *n, int64_t below)
{
    return (int64_t)((noise_next(n) >> 11) % (uint64_t)below);
}

/* From -1 to 1. */
static inline float noise_float(noise *n)
{
    return (float)((double)(noise_next(n) >> 11) * 0x1p-52 - 1.0);
}

#endif
