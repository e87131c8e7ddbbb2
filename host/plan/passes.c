/* SPDX-License-Identifier: Apache-2.0 */
/* The passes in order, and which of them run. */
#include "plan/ir.h"

#include <string.h>

typedef struct pass_row {
    const char *name;
    pn_pass *run;
} pass_row;

static const pass_row rows[] = {
#define PASS(name) {#name, pn_pass_##name},
#include "plan/passes.def"
#undef PASS
};

/* True when the comma-separated list holds the word. */
static bool listed(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; *p != '\0'; p += strcspn(p, ",")) {
        p += *p == ',';
        if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0')) {
            return true;
        }
    }
    return false;
}

static pencl_status check_names(pencl_ctx *ctx, const char *list)
{
    char word[64];
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, ",");
        if (n >= sizeof word) {
            return PN_FAIL(ctx, PENCL_E_ARG, "PENCL_PASSES: no pass is named '%.60s'", p);
        }
        memcpy(word, p, n);
        word[n] = '\0';
        bool known = strcmp(word, "all") == 0 || strcmp(word, "none") == 0;
        for (size_t i = 0; i < PN_COUNT(rows); i++) {
            known |= strcmp(rows[i].name, word) == 0;
        }
        if (!known) {
            return PN_FAIL(ctx, PENCL_E_ARG, "PENCL_PASSES: no pass is named '%s'", word);
        }
        p += n + (p[n] == ',');
    }
    return PENCL_OK;
}

pencl_status pn_passes_run(pn_ir *ir, const char *list)
{
    if (list == NULL) {
        list = "all";
    }
    PENCL_TRY(check_names(ir->ctx, list));
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        if (listed(list, "all") || listed(list, rows[i].name)) {
            PENCL_TRY(rows[i].run(ir));
        }
    }
    return PENCL_OK;
}
