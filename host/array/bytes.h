/* SPDX-License-Identifier: Apache-2.0 */
/* 16-bit words at any address, as files and packed storage hold them. */
#ifndef PENCL_ARRAY_BYTES_H
#define PENCL_ARRAY_BYTES_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "storage is little-endian");

static inline uint16_t pn_get_u16(const void *at)
{
    uint16_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline void pn_set_u16(void *at, uint16_t word)
{
    memcpy(at, &word, sizeof word);
}

#endif
