/* SPDX-License-Identifier: Apache-2.0 */
/* Decides which device is meant by words such as "1", "pocl:0", "amd gpu" or none at all. */
#include "device/select.h"

#include "base/os.h"
#include "device/quirks.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 64

static const char *const types[] = {
    [PENCL_DEVICE_CPU] = "cpu",
    [PENCL_DEVICE_GPU] = "gpu",
    [PENCL_DEVICE_ACCELERATOR] = "accelerator",
    [PENCL_DEVICE_REF] = "ref",
};

#define BEST_RANK 4

/* The default ranking; 0 is taken only when it is named. */
static int rank(const pencl_device_info *d)
{
    if (d->software || d->type == PENCL_DEVICE_REF) {
        return 0;
    }
    if (d->type == PENCL_DEVICE_GPU) {
        return d->unified ? 3 : BEST_RANK;
    }
    return d->type == PENCL_DEVICE_ACCELERATOR ? 2 : 1;
}

static bool is_type(const char *word)
{
    for (size_t i = 0; i < PN_COUNT(types); i++) {
        if (strcasecmp(word, types[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* True when `word` is `name` up to its end, or up to `stop` in it: "intel" and "intel-cpu" with
 * '-', "pocl" and "pocl:0" with ':'. */
static bool is_head(const char *word, const char *name, char stop)
{
    size_t n = strlen(word);
    return strncasecmp(word, name, n) == 0 && (name[n] == stop || name[n] == '\0');
}

static void short_name(char out[WORD_MAX], const pencl_device_info *d)
{
    size_t n = strcspn(d->id, ":");
    pn_copy(out, n + 1 < WORD_MAX ? n + 1 : WORD_MAX, d->id);
}

static bool is_platform(const char *word, const pencl_device_info *devices, size_t n)
{
    char name[WORD_MAX];
    for (size_t i = 0; i < pn_n_quirks; i++) {
        if (is_head(word, pn_quirks[i].name, '-')) {
            return true;
        }
    }
    for (size_t i = 0; i < n; i++) {
        short_name(name, &devices[i]);
        if (is_head(word, name, '-')) {
            return true;
        }
    }
    return false;
}

/* What a word is compared with. */
typedef enum word_kind { WORD_ALL, WORD_TYPE, WORD_PLATFORM, WORD_PART } word_kind;

static bool word_fits(word_kind kind, const char *word, const pencl_device_info *d)
{
    char name[WORD_MAX];
    switch (kind) {
    case WORD_ALL:
        return true;
    case WORD_TYPE:
        return strcasecmp(word, types[d->type]) == 0;
    case WORD_PLATFORM:
        short_name(name, d);
        return is_head(word, name, '-');
    case WORD_PART:
        break;
    }
    return pn_contains_nocase(d->vendor, word) || pn_contains_nocase(d->platform, word) ||
           pn_contains_nocase(d->name, word);
}

static bool is_number(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* One item of the list: sets fits[i] for each device that it means. Types and "all" do not name a
 * device: they leave out renderers in software and `ref`. */
static void match_words(bool *fits, const pencl_device_info *devices, size_t n, const char *item)
{
    char word[WORD_MAX];
    bool named = false;
    memset(fits, 1, n);
    while (*item != '\0') {
        size_t length = strcspn(item, " ");
        pn_copy(word, length + 1 < WORD_MAX ? length + 1 : WORD_MAX, item);
        item += length;
        item += strspn(item, " ");
        word_kind kind = strcasecmp(word, "all") == 0    ? WORD_ALL
                         : is_type(word)                 ? WORD_TYPE
                         : is_platform(word, devices, n) ? WORD_PLATFORM
                                                         : WORD_PART;
        named = named || kind >= WORD_PLATFORM || strcasecmp(word, "ref") == 0;
        for (size_t i = 0; i < n; i++) {
            fits[i] = fits[i] && word_fits(kind, word, &devices[i]);
        }
    }
    for (size_t i = 0; i < n && !named; i++) {
        fits[i] = fits[i] && rank(&devices[i]) > 0;
    }
}

/* What no other device has: two of a kind have a name in common. */
static bool is_called(const pencl_device_info *d, const char *item)
{
    return strcasecmp(item, d->id) == 0 || (d->pci[0] != '\0' && strcasecmp(item, d->pci) == 0) ||
           (d->uuid[0] != '\0' && strcasecmp(item, d->uuid) == 0);
}

static void match_item(bool *fits, const pencl_device_info *devices, size_t n, const char *item)
{
    bool exact = false;
    long number = is_number(item) ? strtol(item, NULL, 10) : -1;
    for (size_t i = 0; i < n; i++) {
        fits[i] = number >= 0 ? devices[i].number == number : is_called(&devices[i], item);
        exact = exact || fits[i];
    }
    if (!exact && number < 0 && *item != '\0') {
        match_words(fits, devices, n, item);
    }
}

/* One selection: the table, the rows that the item at hand means, what was taken so far. */
typedef struct search {
    pencl_ctx *ctx;
    const pencl_device_info *devices;
    size_t n;
    bool *fits;
    uint32_t cores;     /* of the item at hand; 0: the whole device */
    const char *origin; /* "-d", "PENCL_DEVICE": leads messages */
    pn_choice *out;
} search;

static bool is_taken(const pn_choice *choice, size_t row, uint32_t cores)
{
    for (size_t k = 0; k < choice->n; k++) {
        if (choice->picks[k].row == row && choice->picks[k].cores == cores) {
            return true;
        }
    }
    return false;
}

/* Appends the rows that fit and can be used, best rank first, ties in list order; none twice.
 * False when there are none, taken earlier or now. */
static bool take(search *s)
{
    bool found = false;
    for (int wanted = BEST_RANK; wanted >= 0; wanted--) {
        for (size_t i = 0; i < s->n; i++) {
            if (!s->fits[i] || !s->devices[i].usable || rank(&s->devices[i]) != wanted) {
                continue;
            }
            if (!is_taken(s->out, i, s->cores)) {
                s->out->picks[s->out->n++] = (pencl_device_pick){.row = i, .cores = s->cores};
            }
            found = true;
        }
    }
    return found;
}

static void add_choices(pn_text *text, const pencl_device_info *devices, size_t n)
{
    pn_text_add(text, "; the choices are ");
    for (size_t i = 0; i < n; i++) {
        const pencl_device_info *d = &devices[i];
        pn_text_add(text, "%s%d %s", i == 0 ? "" : ", ", d->number, d->id);
        if (d->type != PENCL_DEVICE_REF) {
            pn_text_add(text, " (%s, %s)", d->name, types[d->type]);
        }
    }
}

/* E_DEVICE: nothing fits `item` (NULL: the default), or what fits cannot be used. */
static pencl_status refuse(const search *s, const char *item)
{
    pn_text text = {0};
    size_t i = 0;
    while (i < s->n && !s->fits[i]) {
        i++;
    }
    if (item != NULL) {
        pn_text_add(&text, "%s: ", s->origin);
    }
    if (i < s->n) {
        pn_text_add(&text, "%s %s", s->devices[i].id, s->devices[i].why);
    } else if (item == NULL) {
        pn_text_add(&text, "no OpenCL device can be used by default");
    } else {
        pn_text_add(&text, "no device is \"%s\"", item);
    }
    add_choices(&text, s->devices, s->n);
    pencl_status status = PN_FAIL(s->ctx, PENCL_E_DEVICE, "%s", pn_text_get(&text));
    pn_text_free(&text);
    return status;
}

static void explain(pn_choice *out, const pencl_device_info *devices, const char *words)
{
    int used = 0;
    if (words != NULL) {
        used = snprintf(out->reason, sizeof out->reason, "matches \"%.64s\"", words);
    } else if (out->n == 1) {
        used = snprintf(out->reason, sizeof out->reason, "the only device that need not be named");
    } else {
        used = snprintf(out->reason, sizeof out->reason,
                        "the first by type: discrete GPU, integrated GPU, accelerator, CPU");
    }
    for (size_t i = 1; i < out->n && (size_t)used < sizeof out->reason; i++) {
        char id[WORD_MAX];
        pn_pick_id(id, sizeof id, devices, &out->picks[i]);
        used += snprintf(out->reason + used, sizeof out->reason - (size_t)used, "%s%s",
                         i == 1 ? "; also there: " : ", ", id);
    }
}

static pencl_status select_default(search *s)
{
    for (size_t i = 0; i < s->n; i++) {
        s->fits[i] = rank(&s->devices[i]) > 0;
    }
    if (!take(s)) {
        return refuse(s, NULL);
    }
    explain(s->out, s->devices, NULL);
    return PENCL_OK;
}

/* Leaves the devices that have so many compute units to give. */
static pencl_status fit_cores(search *s, const char *item)
{
    const pencl_device_info *small = NULL;
    bool found = false;
    for (size_t i = 0; i < s->n; i++) {
        const pencl_device_info *d = &s->devices[i];
        if (s->fits[i] && s->cores > d->compute_units) {
            s->fits[i] = false;
            small = d;
        }
        found = found || s->fits[i];
    }
    if (small == NULL || found) {
        return PENCL_OK;
    }
    return PN_FAIL(s->ctx, PENCL_E_DEVICE, "%s: %s/cores=%u: %s has %u compute units", s->origin,
                   item, s->cores, small->id, small->compute_units);
}

/* Cuts "/cores=N" from the item's end; E_DEVICE when N is no number from 1. */
static pencl_status read_cores(search *s, char *item)
{
    char *at = strstr(item, "/cores=");
    s->cores = 0;
    if (at == NULL) {
        return PENCL_OK;
    }
    const char *value = at + strlen("/cores=");
    long cores = is_number(value) && strlen(value) < 8 ? strtol(value, NULL, 10) : 0;
    if (cores == 0 || at == item) {
        return PN_FAIL(s->ctx, PENCL_E_DEVICE,
                       "%s: \"%s\": a part of a device is asked for as pocl:0/cores=1", s->origin,
                       item);
    }
    s->cores = (uint32_t)cores;
    *at = '\0';
    return PENCL_OK;
}

static pencl_status select_item(search *s, char *item)
{
    PENCL_TRY(read_cores(s, item));
    match_item(s->fits, s->devices, s->n, item);
    PENCL_TRY(fit_cores(s, item));
    return take(s) ? PENCL_OK : refuse(s, item);
}

/* Items separated by commas, with or without blanks around them. */
static pencl_status select_items(search *s, const char *words)
{
    for (const char *at = words;; at++) {
        char item[4 * WORD_MAX];
        at += strspn(at, " ");
        size_t length = strcspn(at, ",");
        pn_copy(item, length + 1 < sizeof item ? length + 1 : sizeof item, at);
        for (size_t end = strlen(item); end > 0 && item[end - 1] == ' '; end--) {
            item[end - 1] = '\0';
        }
        PENCL_TRY(select_item(s, item));
        at += length;
        if (*at == '\0') {
            break;
        }
    }
    explain(s->out, s->devices, words);
    return PENCL_OK;
}

static size_t count_items(const char *words)
{
    size_t n = 1;
    for (; words != NULL && *words != '\0'; words++) {
        n += *words == ',';
    }
    return n;
}

pencl_status pn_select(pn_choice *out,
                       pencl_ctx *ctx,
                       const pencl_device_info *devices,
                       size_t n_devices,
                       const char *words,
                       const char *origin)
{
    search s = {.ctx = ctx, .devices = devices, .n = n_devices, .origin = origin, .out = out};
    size_t most = 0;
    *out = (pn_choice){0};
    s.fits = pn_calloc(n_devices, sizeof *s.fits);
    if (pn_mul(count_items(words), n_devices, &most)) {
        out->picks = pn_calloc(most, sizeof *out->picks);
    }
    pencl_status status = PENCL_OK;
    if (out->picks == NULL || s.fits == NULL) {
        status = PN_NOMEM(ctx);
    } else if (words == NULL || words[strspn(words, " ")] == '\0') {
        status = select_default(&s);
    } else {
        status = select_items(&s, words);
    }
    pn_free(s.fits);
    if (status != PENCL_OK) {
        pn_choice_free(out);
    }
    return status;
}

pencl_status pencl_device_match(pencl_device_pick **out,
                                size_t *n,
                                pencl_ctx *ctx,
                                const pencl_device_list *list,
                                const char *words)
{
    pn_choice choice;
    const char *origin = words != NULL ? "device" : "PENCL_DEVICE";
    *out = NULL;
    *n = 0;
    pn_error_clear(ctx);
    words = words != NULL ? words : pn_get_env("PENCL_DEVICE");
    PENCL_TRY(pn_select(&choice, ctx, list->devices, list->n_devices, words, origin));
    *n = choice.n;
    *out = choice.picks; /* theirs now */
    return PENCL_OK;
}

void pencl_device_picks_free(pencl_device_pick *picks)
{
    pn_free(picks);
}

void pn_choice_free(pn_choice *choice)
{
    pn_free(choice->picks);
    choice->picks = NULL;
    choice->n = 0;
}

void pn_pick_id(char *out,
                size_t room,
                const pencl_device_info *devices,
                const pencl_device_pick *pick)
{
    const char *id = devices[pick->row].id;
    if (pick->cores == 0) {
        pn_copy(out, room, id);
    } else {
        snprintf(out, room, "%.40s/cores=%u", id, pick->cores);
    }
}

const char *pn_type_name(pencl_device_type type)
{
    return types[type];
}
