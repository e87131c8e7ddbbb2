/* SPDX-License-Identifier: Apache-2.0 */
/* Journals risky calls and refuses those that killed a process before. */
#include "device/risk.h"

#include "base/os.h"

#include <stdio.h>
#include <string.h>

/* The row of a second try. */
static const char *again(char row[PN_RISK_MAX + 8], const char *what)
{
    snprintf(row, PN_RISK_MAX + 8, "again: %s", what);
    return row;
}

enum { LAUNCH_S = 5, BUILD_S = 120 };

/* How long a call may last: the first launches are small, compilers take their time. */
static void set_deadline(pencl_ctx *ctx, const char *what)
{
    if (ctx->deadline != NULL) {
        ctx->deadline(what == NULL ? 0 : strncmp(what, "launch ", 7) == 0 ? LAUNCH_S : BUILD_S);
    }
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
    set_deadline(ctx, what);
    return PENCL_OK;
}

void pn_risk_end(pn_journal *journal, pencl_ctx *ctx, const char *what)
{
    char row[PN_RISK_MAX + 8];
    set_deadline(ctx, NULL);
    pn_journal_end(journal, what);
    pn_journal_end(journal, again(row, what));
}

void pn_risk_forget(pn_journal *journal, const char *what)
{
    char row[PN_RISK_MAX + 8];
    pn_journal_forget(journal, what);
    pn_journal_forget(journal, again(row, what));
}
