/* SPDX-License-Identifier: Apache-2.0 */
/* Looks drivers up in quirks.def. */
#include "device/quirks.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const pn_quirk pn_quirks[] = {
#define QUIRK(name, platform, device, threads, software, reason)                                   \
    {name, platform, device, threads, software, reason},
#define FAULT(platform, device, mark, fixed, hides, fault, source)
#include "device/quirks.def"
#undef QUIRK
#undef FAULT
};
const size_t pn_n_quirks = PN_COUNT(pn_quirks);

const pn_driver_fault pn_driver_faults[] = {
#define QUIRK(name, platform, device, threads, software, reason)
#define FAULT(platform, device, mark, fixed, hides, fault, source)                                 \
    {platform, device, mark, fixed, hides, fault, source},
#include "device/quirks.def"
#undef QUIRK
#undef FAULT
};
const size_t pn_n_driver_faults = PN_COUNT(pn_driver_faults);

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

/* "41.03.64" against "38.11", number by number; what is missing counts as 0. */
static bool is_before(const char *version, const char *fixed)
{
    while (isdigit((unsigned char)*version) || isdigit((unsigned char)*fixed)) {
        char *end = NULL;
        char *fixed_end = NULL;
        long a = strtol(version, &end, 10);
        long b = strtol(fixed, &fixed_end, 10);
        if (a != b) {
            return a < b;
        }
        version = end + (*end == '.');
        fixed = fixed_end + (*fixed_end == '.');
    }
    return false;
}

bool pn_driver_fault_fits(const pn_driver_fault *fault, const pencl_device_info *info)
{
    if (!has_words(info->platform, fault->platform) || !has_words(info->name, fault->device)) {
        return false;
    }
    if (fault->mark[0] == '\0') {
        return true;
    }
    const char *at = strstr(info->opencl, fault->mark);
    at = at != NULL ? at : strstr(info->driver, fault->mark);
    return at != NULL && is_before(at + strlen(fault->mark), fault->fixed);
}

unsigned pn_driver_faults_hide(const pencl_device_info *info)
{
    unsigned hides = 0;
    for (size_t i = 0; i < pn_n_driver_faults; i++) {
        hides |= pn_driver_fault_fits(&pn_driver_faults[i], info) ? pn_driver_faults[i].hides : 0;
    }
    return hides;
}
