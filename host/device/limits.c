/* SPDX-License-Identifier: Apache-2.0 */
/* PENCL_HIDE and PENCL_LIMIT: make a device look smaller. */
#include "device/caps.h"

#include "base/os.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned bit;
} hidden[] = {
    {"dot", PN_CAP_DOT},
    {"fp16", PN_CAP_FP16},
    {"images", PN_CAP_IMAGES},
    {"subgroups", PN_CAP_SUBGROUPS},
};

/* "64", "16K", "1M", "2G" -> bytes (or items); 0 when it is none of these. */
static uint64_t parse_size(const char *text)
{
    char *end = NULL;
    if (*text < '0' || *text > '9') {
        return 0;
    }
    unsigned long long value = strtoull(text, &end, 10);
    int shift = 0;
    switch (*end) {
    case 'K':
        shift = 10;
        break;
    case 'M':
        shift = 20;
        break;
    case 'G':
        shift = 30;
        break;
    default:
        break;
    }
    end += shift != 0;
    return *end == '\0' && value <= UINT64_MAX >> shift ? (uint64_t)value << shift : 0;
}

static bool read_hide(pn_limits *out, const char *word)
{
    if (strcmp(word, "unified") == 0) {
        out->apart = true;
        return true;
    }
    for (size_t i = 0; i < PN_COUNT(hidden); i++) {
        if (strcmp(word, hidden[i].name) == 0) {
            out->hide |= hidden[i].bit;
            return true;
        }
    }
    return false;
}

static bool read_limit(pn_limits *out, const char *word)
{
    const char *colon = strchr(word, ':');
    uint64_t size = colon == NULL ? 0 : parse_size(colon + 1);
    if (size == 0) {
        return false;
    }
    if (strncmp(word, "alloc:", 6) == 0) {
        out->max_alloc = size;
    } else if (strncmp(word, "mem:", 4) == 0) {
        out->memory = size;
    } else if (strncmp(word, "local:", 6) == 0) {
        out->local_bytes = size;
    } else if (strncmp(word, "wg:", 3) == 0) {
        out->max_work_group = (size_t)size;
    } else if (strncmp(word, "subgroup:", 9) == 0) {
        out->subgroup = size;
    } else {
        return false;
    }
    return true;
}

/* Hands each word of a comma-separated variable to `read`. */
static pencl_status read_words(pn_limits *out,
                               pencl_ctx *ctx,
                               const char *variable,
                               bool (*read)(pn_limits *, const char *),
                               const char *example)
{
    const char *at = pn_get_env(variable);
    while (at != NULL && *at != '\0') {
        char word[64];
        size_t n = strcspn(at, ",");
        pn_copy(word, n + 1 < sizeof word ? n + 1 : sizeof word, at);
        if (n >= sizeof word || !read(out, word)) {
            return PN_FAIL(ctx, PENCL_E_ARG, "%s: \"%s\" is not understood (%s)", variable, word,
                           example);
        }
        at += n + (at[n] == ',');
    }
    return PENCL_OK;
}

pencl_status pn_limits_read(pn_limits *out, pencl_ctx *ctx)
{
    *out = (pn_limits){0};
    PENCL_TRY(read_words(out, ctx, "PENCL_HIDE", read_hide, "fp16,subgroups,dot,images,unified"));
    return read_words(out, ctx, "PENCL_LIMIT", read_limit,
                      "alloc:1M,wg:64,local:16K,mem:1G,subgroup:16");
}

static uint64_t smaller(uint64_t value, uint64_t limit)
{
    return limit != 0 && limit < value ? limit : value;
}

/* The only size left is `size`; a device that does not have it has no subgroups then. */
static void keep_subgroup(pn_caps *caps, uint64_t size)
{
    bool several = caps->subgroups[0] != 0 && caps->subgroups[1] != 0;
    bool found = false;
    for (size_t i = 0; i < PN_COUNT(caps->subgroups); i++) {
        found = found || (caps->subgroups[i] == size && size != 0);
        caps->subgroups[i] = 0;
    }
    if (found) {
        caps->subgroups[0] = (uint32_t)size;
        caps->subgroup_size = several ? (uint32_t)size : 0;
    } else {
        caps->has &= ~(unsigned)PN_CAP_SUBGROUPS;
    }
}

void pn_limits_apply(pn_caps *caps, const pn_limits *limits)
{
    caps->has &= ~limits->hide;
    if (limits->subgroup != 0 || limits->hide & PN_CAP_SUBGROUPS) {
        keep_subgroup(caps, limits->hide & PN_CAP_SUBGROUPS ? 0 : limits->subgroup);
    }
    caps->unified = caps->unified && (!limits->apart || caps->is_ref);
    caps->memory = smaller(caps->memory, limits->memory);
    caps->max_alloc = smaller(smaller(caps->max_alloc, limits->max_alloc), limits->memory);
    caps->local_bytes = smaller(caps->local_bytes, limits->local_bytes);
    caps->max_work_group = (size_t)smaller(caps->max_work_group, limits->max_work_group);
}
