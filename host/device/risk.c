/* SPDX-License-Identifier: Apache-2.0 */
/* Journals risky calls and refuses those that killed a process before. */
#include "device/risk.h"

#include "base/os.h"

#include <stdio.h>

/* The row of a second try. */
static const char *again(char row[PN_RISK_MAX + 8], const char *what)
{
    snprintf(row, PN_RISK_MAX + 8, "again: %s", what);
    return row;
}

pencl_status pn_risk_begin(pn_journal **journal, pencl_ctx *ctx, const char *what, pn_deaths most)
{
    char folder[512];
    char row[PN_RISK_MAX + 8];
    const char *keep = pn_cache_folder(folder, sizeof folder) ? folder : NULL;
    if (*journal == NULL) {
        *journal = pn_journal_open(ctx, keep);
    }
    bool twice = pn_journal_left(*journal, again(row, what));
    bool once = pn_journal_left(*journal, what);
    bool retry = pn_get_env("PENCL_RETRY") != NULL;
    if (!retry && (twice || (once && most == PN_ONE_DEATH))) {
        return PN_FAIL(ctx, PENCL_E_BUILD, "skipped: %s in it (%s); PENCL_RETRY=1 tries again",
                       twice ? "two processes died" : "the last process died", what);
    }
    pn_journal_forget(*journal, what);
    pn_journal_forget(*journal, row);
    pn_journal_begin(*journal, once && !retry ? row : what);
    return PENCL_OK;
}

void pn_risk_end(pn_journal *journal, const char *what)
{
    char row[PN_RISK_MAX + 8];
    pn_journal_end(journal, what);
    pn_journal_end(journal, again(row, what));
}
