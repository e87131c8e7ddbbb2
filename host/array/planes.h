/* SPDX-License-Identifier: Apache-2.0 */
/* Quants as planes of bits. A plane holds `bits` bits of each of n quants in n * bits / 8 bytes:
 * those of quant j are in byte j % bytes, from bit j / bytes * bits on. Neighbouring bytes hold
 * neighbouring quants at the same bits, so that a vector of bytes takes one shift and one mask. */
#ifndef PENCL_ARRAY_PLANES_H
#define PENCL_ARRAY_PLANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bits shift .. shift + bits - 1 of q[n] into a plane; returns the byte after it. */
static inline uint8_t *pn_plane_put(uint8_t *to, const uint8_t *q, size_t n, int bits, int shift)
{
    const size_t bytes = n * (size_t)bits / 8;
    memset(to, 0, bytes);
    for (int at = 0; at < 8; at += bits, q += bytes) {
        for (size_t j = 0; j < bytes; j++) {
            to[j] = (uint8_t)(to[j] | ((q[j] >> shift & ((1 << bits) - 1)) << at));
        }
    }
    return to + bytes;
}

/* Sets those bits of q[n], zeros before, from a plane; returns the byte after it. */
static inline const uint8_t *
pn_plane_get(const uint8_t *from, uint8_t *q, size_t n, int bits, int shift)
{
    const size_t bytes = n * (size_t)bits / 8;
    for (int at = 0; at < 8; at += bits, q += bytes) {
        for (size_t j = 0; j < bytes; j++) {
            q[j] = (uint8_t)(q[j] | (from[j] >> at & ((1 << bits) - 1)) << shift);
        }
    }
    return from + bytes;
}

#endif
