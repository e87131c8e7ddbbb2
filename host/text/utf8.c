/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: where characters end and what is none (no surrogates, no overlong forms, <= U+10FFFF). */
#include "text/text.h"

/* What may follow a first byte: how many bytes, and the range of the first of them. */
typedef struct lead {
    size_t more;
    unsigned char low, high;
} lead;

static lead lead_of(unsigned char first)
{
    switch (first) {
    case 0xe0:
        return (lead){2, 0xa0, 0xbf}; /* below: overlong */
    case 0xed:
        return (lead){2, 0x80, 0x9f}; /* above: surrogates */
    case 0xf0:
        return (lead){3, 0x90, 0xbf}; /* below: overlong */
    case 0xf4:
        return (lead){3, 0x80, 0x8f}; /* above: past U+10FFFF */
    default:
        break;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return (lead){1, 0x80, 0xbf};
    }
    if (first >= 0xe1 && first <= 0xef) {
        return (lead){2, 0x80, 0xbf};
    }
    if (first >= 0xf1 && first <= 0xf3) {
        return (lead){3, 0x80, 0xbf};
    }
    return (lead){0, 0, 0};
}

pn_utf8_kind pn_utf8_next(const char *text, size_t size, size_t *length)
{
    const unsigned char *at = (const unsigned char *)text;
    *length = 1;
    if (at[0] < 0x80) {
        return PN_UTF8_CHAR;
    }
    const lead l = lead_of(at[0]);
    if (l.more == 0) {
        return PN_UTF8_BAD;
    }
    for (size_t i = 1; i <= l.more; i++) {
        *length = i;
        if (i == size) {
            return PN_UTF8_CUT;
        }
        const unsigned char low = i == 1 ? l.low : 0x80;
        const unsigned char high = i == 1 ? l.high : 0xbf;
        if (at[i] < low || at[i] > high) {
            return PN_UTF8_BAD;
        }
    }
    *length = l.more + 1;
    return PN_UTF8_CHAR;
}

int pencl_utf8_valid(const char *text, size_t size, size_t *offset)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i += length) {
        if (pn_utf8_next(text + i, size - i, &length) != PN_UTF8_CHAR) {
            if (offset != NULL) {
                *offset = i;
            }
            return 0;
        }
    }
    return 1;
}
