/* SPDX-License-Identifier: Apache-2.0 */
/* Looks drivers up in quirks.def. */
#include "device/quirks.h"

#include <ctype.h>
#include <string.h>

const pn_quirk pn_quirks[] = {
#define QUIRK(name, platform, device, threads, software, reason)                                   \
    {name, platform, device, threads, software, reason},
#include "device/quirks.def"
#undef QUIRK
};
const size_t pn_n_quirks = PN_COUNT(pn_quirks);

/* True when each word of `words` occurs in `in`. */
static bool has_words(const char *in, const char *words)
{
    char word[64];
    while (*words != '\0') {
        size_t n = strcspn(words, " ");
        pn_copy(word, n + 1 < sizeof word ? n + 1 : sizeof word, words);
        if (!pn_contains_nocase(in, word)) {
            return false;
        }
        words += n;
        words += strspn(words, " ");
    }
    return true;
}

const pn_quirk *pn_quirk_find(const char *platform, const char *device)
{
    const pn_quirk *best = NULL;
    size_t best_length = 0;
    for (size_t i = 0; i < pn_n_quirks; i++) {
        const pn_quirk *row = &pn_quirks[i];
        size_t length = strlen(row->platform) + strlen(row->device);
        if (length > best_length && has_words(platform, row->platform) &&
            has_words(device, row->device)) {
            best = row;
            best_length = length;
        }
    }
    return best;
}

void pn_quirk_short_name(char *out, size_t room, const char *platform)
{
    const pn_quirk *quirk = pn_quirk_find(platform, "");
    if (quirk != NULL) {
        pn_copy(out, room, quirk->name);
        return;
    }
    size_t n = 0;
    while (n + 1 < room && isalnum((unsigned char)platform[n])) {
        out[n] = (char)tolower((unsigned char)platform[n]);
        n++;
    }
    out[n] = '\0';
    if (n == 0) {
        pn_copy(out, room, "unknown");
    }
}
