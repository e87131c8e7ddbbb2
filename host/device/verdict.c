/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts on kernels: lines "WHAT\tWHY\n", all those of a device in one value of the store, read
 * once. Other processes may add to it, so it is read again before it is written. */
#include "base/os.h"
#include "device/internal.h"
#include "device/risk.h"
#include "device/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WHY_MAX = 400 };

/* The store's table: the device with its driver, as for programs. */
static const char *table(const pencl_device *d, char out[512])
{
    snprintf(out, 512, "verdicts%s", d->programs_table + strlen("programs"));
    return out;
}

/* What else a verdict depends on: the kernels' texts and what the device is said to have. */
static bool make_key(pencl_device *d)
{
    const pn_caps *caps = &d->caps;
    pn_text text = {0};
    pn_text_add(&text, "%s %x %d %" PRIu64 " %" PRIu64 " %zu %u\n", PENCL_VERSION, caps->has,
                caps->wide, caps->max_alloc, caps->local_bytes, caps->max_work_group,
                (unsigned)caps->subgroup_size);
    bool ok = pn_source_all(&text, d->ctx) == PENCL_OK && !text.failed;
    if (ok) {
        pn_hash_hex(d->verdicts_key, pn_text_get(&text), text.size);
    }
    pn_text_free(&text);
    return ok;
}

/* Where the line about `what` starts, or NULL. */
static const char *find(const pn_text *lines, const char *what)
{
    size_t n = strlen(what);
    for (const char *at = pn_text_get(lines); *at != '\0';) {
        if (strncmp(at, what, n) == 0 && at[n] == '\t') {
            return at;
        }
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return NULL;
}

/* Adds the lines of `from` about which `to` says nothing; or of them only those that are good. */
static void merge(pn_text *to, const char *from, bool good_only)
{
    while (*from != '\0') {
        char what[PN_VERDICT_MAX];
        size_t line = strcspn(from, "\n");
        size_t n = strcspn(from, "\t");
        if (n < line && n < sizeof what && (!good_only || n + 1 == line)) {
            pn_copy(what, n + 1, from);
            if (find(to, what) == NULL) {
                pn_text_add(to, "%.*s\n", (int)line, from);
            }
        }
        from += line + (from[line] == '\n');
    }
}

static void load(pencl_device *d)
{
    char name[512];
    void *value = NULL;
    size_t size = 0;
    if (d->verdicts_key[0] == '\0' && !make_key(d)) {
        return;
    }
    if (pn_store_db_get(d->store, table(d, name), d->verdicts_key, &value, &size)) {
        pn_text lines = {0};
        pn_text_add_bytes(&lines, value, size);
        pn_text_add(&lines, "%s", ""); /* ends it */
        merge(&d->verdicts, pn_text_get(&lines), pn_get_env("PENCL_RETRY") != NULL);
        pn_text_free(&lines);
    }
    pn_free(value);
}

static void save(pencl_device *d)
{
    char name[512];
    load(d); /* ours stand */
    if (d->verdicts_key[0] != '\0' && !d->verdicts.failed) {
        pn_store_db_put(d->store, table(d, name), d->verdicts_key, pn_text_get(&d->verdicts),
                        d->verdicts.size);
        pn_store_db_flush(d->store);
    }
}

bool pn_device_verdict(pencl_device *d, const char *what, char *why, size_t room)
{
    if (!d->verdicts_read) {
        d->verdicts_read = true;
        load(d);
    }
    const char *line = find(&d->verdicts, what);
    line = line != NULL ? line : find(&d->doubts, what);
    if (line != NULL) {
        line += strlen(what) + 1;
        size_t n = strcspn(line, "\n");
        pn_copy(why, n + 1 < room ? n + 1 : room, line);
    }
    return line != NULL;
}

/* `why` as one line without tabs. */
static void add_line(pn_text *to, const char *what, const char *why)
{
    char text[WHY_MAX];
    pn_copy(text, sizeof text, why);
    for (char *at = text; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' ? ' ' : *at;
    }
    pn_text_add(to, "%s\t%s\n", what, text);
}

/* Deaths that a verdict now speaks of need no row in the journal. */
static void forget_deaths(pencl_device *d)
{
    for (char *at = d->refused.data; at != NULL && *at != '\0';) {
        char *end = at + strcspn(at, "\n");
        bool more = *end == '\n';
        *end = '\0';
        pn_risk_forget(d->journal, at);
        at = end + more;
    }
    pn_text_free(&d->refused);
}

void pn_device_judge(pencl_device *d, const char *what, const char *why)
{
    if (find(&d->verdicts, what) == NULL) {
        add_line(&d->verdicts, what, why);
        save(d);
    }
}

void pn_device_doubt(pencl_device *d, const char *what, const char *why)
{
    if (find(&d->doubts, what) == NULL) {
        add_line(&d->doubts, what, why);
    }
}

/* Takes the line about `what` out. */
static void remove_line(pn_text *lines, const char *what)
{
    size_t at = (size_t)(find(lines, what) - lines->data);
    size_t n = strcspn(lines->data + at, "\n") + 1;
    memmove(lines->data + at, lines->data + at + n, lines->size - at - n + 1);
    lines->size -= n;
}

void pn_device_overrule(pencl_device *d, const char *what, const char *why)
{
    pn_device_doubt(d, what, why);
    if (find(&d->verdicts, what) != NULL) {
        remove_line(&d->verdicts, what);
    }
}

void pn_device_settle_doubts(pencl_device *d)
{
    if (d->doubts.size > 0) {
        merge(&d->doubts, pn_text_get(&d->verdicts), false);
        pn_text_free(&d->verdicts);
        d->verdicts = d->doubts;
        d->doubts = (pn_text){0};
        save(d);
        forget_deaths(d);
    }
}

void pn_device_reread_verdicts(pencl_device *d)
{
    pn_store_db_refresh(d->store);
    load(d);
}
