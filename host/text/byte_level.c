/* SPDX-License-Identifier: Apache-2.0 */
/* GPT-2's letters for bytes. Printable bytes stand for themselves as Latin-1 letters; the other 68
 * are U+0100, U+0101, ... in the order of their values, so a space is U+0120. */
#include "text/tokenizer.h"

/* The ranges of bytes that do not stand for themselves, and the letters of their first bytes. */
enum {
    LOW_END = 0x20,
    HIGH = 0x7f,
    HIGH_END = 0xa0,
    SOFT_HYPHEN = 0xad,
    LOW_LETTER = 0x100,
    HIGH_LETTER = LOW_LETTER + LOW_END + 1,
    SOFT_HYPHEN_LETTER = HIGH_LETTER + HIGH_END - HIGH + 1
};

static unsigned letter_of(unsigned char byte)
{
    if (byte <= LOW_END) {
        return LOW_LETTER + (unsigned)byte;
    }
    if (byte >= HIGH && byte <= HIGH_END) {
        return HIGH_LETTER + (unsigned)byte - HIGH;
    }
    return byte == SOFT_HYPHEN ? SOFT_HYPHEN_LETTER : byte;
}

size_t pn_byte_to_letter(unsigned char byte, char letter[2])
{
    const unsigned code = letter_of(byte);
    if (code < 0x80) {
        letter[0] = (char)code;
        return 1;
    }
    letter[0] = (char)(0xc0 | code >> 6);
    letter[1] = (char)(0x80 | (code & 0x3f));
    return 2;
}

/* The byte of a code point below 0x800, -1 if it is no letter of the map. */
static int byte_of(unsigned code)
{
    if (code >= LOW_LETTER && code < HIGH_LETTER) {
        return (int)(code - LOW_LETTER);
    }
    if (code >= HIGH_LETTER && code < SOFT_HYPHEN_LETTER) {
        return (int)(code - HIGH_LETTER + HIGH);
    }
    if (code == SOFT_HYPHEN_LETTER) {
        return SOFT_HYPHEN;
    }
    return code < 0x100 && letter_of((unsigned char)code) == code ? (int)code : -1;
}

int pn_letter_to_byte(const char *text, size_t size, size_t *length)
{
    if (pn_utf8_next(text, size, length) != PN_UTF8_CHAR || *length > 2) {
        return -1;
    }
    const unsigned first = (unsigned char)text[0];
    if (*length == 1) {
        return byte_of(first);
    }
    return byte_of((first & 0x1f) << 6 | ((unsigned char)text[1] & 0x3f));
}
