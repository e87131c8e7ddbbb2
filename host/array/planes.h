/* SPDX-License-Identifier: Apache-2.0 */
/* Quants as planes of bits. A plane holds `bits` bits of each of n quants in n * bits / 8 bytes:
 * those of quant j are in byte j % bytes, from bit j / bytes * bits on. Neighbouring bytes hold
 * neighbouring quants at the same bits, so that a vector of bytes takes one shift and one mask.
 * A plane has whole words of 4 bytes. */
#ifndef PENCL_ARRAY_PLANES_H
#define PENCL_ARRAY_PLANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The low `bits` bits of every byte of a word. */
static inline uint32_t pn_plane_mask(int bits)
{
    return ((1U << bits) - 1) * 0x01010101U;
}

/* Bits shift .. shift + bits - 1 of q[n] into a plane; returns the byte after it. */
static inline uint8_t *
pn_plane_put(uint8_t *restrict to, const uint8_t *restrict q, size_t n, int bits, int shift)
{
    const size_t bytes = n * (size_t)bits / 8;
    memset(to, 0, bytes);
    for (int at = 0; at < 8; at += bits, q += bytes) {
        for (size_t j = 0; j < bytes; j += 4) {
            uint32_t four;
            uint32_t word;
            memcpy(&four, q + j, sizeof four);
            memcpy(&word, to + j, sizeof word);
            word |= (four >> shift & pn_plane_mask(bits)) << at;
            memcpy(to + j, &word, sizeof word);
        }
    }
    return to + bytes;
}

/* Sets those bits of q[n], zeros before, from a plane; returns the byte after it. */
static inline const uint8_t *
pn_plane_get(const uint8_t *restrict from, uint8_t *restrict q, size_t n, int bits, int shift)
{
    const size_t bytes = n * (size_t)bits / 8;
    for (int at = 0; at < 8; at += bits, q += bytes) {
        for (size_t j = 0; j < bytes; j += 4) {
            uint32_t four;
            uint32_t word;
            memcpy(&four, q + j, sizeof four);
            memcpy(&word, from + j, sizeof word);
            four |= (word >> at & pn_plane_mask(bits)) << shift;
            memcpy(q + j, &four, sizeof four);
        }
    }
    return from + bytes;
}

#endif
