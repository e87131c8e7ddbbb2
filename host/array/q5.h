/* SPDX-License-Identifier: Apache-2.0 */
/* What blocks of 32 quants of 5 bits have in common, as ggml stores them: {uint32 high; uint8
 * low[16]}. The low nibble of byte j is of quant j, the high one of quant j + 16; bit j of `high`
 * is the fifth bit of quant j. Taken apart they are a plane of 4 bits and a plane of 1. */
#ifndef PENCL_ARRAY_Q5_H
#define PENCL_ARRAY_Q5_H

#include "array/planes.h"

enum { PN_Q5 = 32 };

static inline void pn_q5_get(const uint8_t *from, uint8_t q[PN_Q5])
{
    memset(q, 0, PN_Q5);
    pn_plane_get(from + 4, q, PN_Q5, 4, 0);
    for (int j = 0; j < PN_Q5; j++) {
        q[j] = (uint8_t)(q[j] | (from[j / 8] >> j % 8 & 1) << 4);
    }
}

static inline void pn_q5_put(const uint8_t q[PN_Q5], uint8_t *to)
{
    memset(to, 0, 4);
    for (int j = 0; j < PN_Q5; j++) {
        to[j / 8] = (uint8_t)(to[j / 8] | q[j] >> 4 << j % 8);
    }
    pn_plane_put(to + 4, q, PN_Q5, 4, 0);
}

/* The plane's byte c has bits c, c + 4, c + 8 ... of the word. */
static inline void pn_q5_take_apart(const uint8_t *from, uint8_t *to)
{
    uint32_t high;
    memcpy(&high, from, sizeof high);
    memcpy(to, from + 4, PN_Q5 / 2);
    for (int c = 0; c < 4; c++) {
        uint32_t x = high >> c & 0x11111111;
        x = (x | x >> 3) & 0x03030303;
        x = (x | x >> 6) & 0x000f000f;
        to[PN_Q5 / 2 + c] = (uint8_t)(x | x >> 12);
    }
}

static inline void pn_q5_put_together(const uint8_t *from, uint8_t *to)
{
    uint32_t high = 0;
    for (int c = 0; c < 4; c++) {
        uint32_t x = from[PN_Q5 / 2 + c];
        x = (x | x << 12) & 0x000f000f;
        x = (x | x << 6) & 0x03030303;
        x = (x | x << 3) & 0x11111111;
        high |= x << c;
    }
    memcpy(to, &high, sizeof high);
    memcpy(to + 4, from, PN_Q5 / 2);
}

#endif
