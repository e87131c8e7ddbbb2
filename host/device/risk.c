/* SPDX-License-Identifier: Apache-2.0 */
/* Journals risky calls and refuses those that killed a process before. */
#include "device/risk.h"

#include "base/os.h"

#include <stdio.h>
#include <string.h>

#define AGAIN "again: "

/* The row of a second try. */
static const char *again(char row[PN_RISK_MAX + 8], const char *what)
{
    snprintf(row, PN_RISK_MAX + 8, AGAIN "%s", what);
    return row;
}

/* How long a call may last, in s: the first launches are small, compilers take their time. What was
 * killed once may have been slow, on a machine with much else to do, and gets more. */
enum { LAUNCH_S = 5, SECOND_LAUNCH_S = 20, BUILD_S = 120 };

static void set_deadline(const pencl_ctx *ctx, const char *what, bool second)
{
    if (ctx->deadline != NULL) {
        bool launch = strncmp(what, "launch ", 7) == 0;
        ctx->deadline(!launch ? BUILD_S : second ? SECOND_LAUNCH_S : LAUNCH_S);
    }
}

pencl_status pn_risk_check(pn_journal **journal, pencl_ctx *ctx, const char *what, pn_deaths most)
{
    char folder[512];
    char row[PN_RISK_MAX + 8];
    const char *keep = pn_cache_folder(folder, sizeof folder) ? folder : NULL;
    if (*journal == NULL) {
        *journal = pn_journal_open(ctx, keep);
    }
    bool twice = pn_journal_left(*journal, again(row, what));
    bool once = pn_journal_left(*journal, what);
    if (pn_get_env("PENCL_RETRY") == NULL && (twice || (once && most == PN_ONE_DEATH))) {
        return PN_FAIL(ctx, PENCL_E_BUILD, "skipped: %s in it (%s); PENCL_RETRY=1 tries again",
                       twice ? "two processes died" : "the last process died", what);
    }
    return PENCL_OK;
}

bool pn_risk_refused(const char *row)
{
    return strncmp(row, AGAIN, sizeof AGAIN - 1) == 0 || strncmp(row, "list ", 5) == 0;
}

void pn_risk_forget(pn_journal *journal, const char *what)
{
    char row[PN_RISK_MAX + 8];
    pn_journal_forget(journal, what);
    pn_journal_forget(journal, again(row, what));
}

pencl_status pn_risk_begin(pn_journal **journal, pencl_ctx *ctx, const char *what, pn_deaths most)
{
    char row[PN_RISK_MAX + 8];
    PENCL_TRY(pn_risk_check(journal, ctx, what, most));
    bool once = pn_journal_left(*journal, what) && pn_get_env("PENCL_RETRY") == NULL;
    pn_risk_forget(*journal, what);
    pn_journal_begin(*journal, once ? again(row, what) : what);
    set_deadline(ctx, what, once);
    return PENCL_OK;
}

void pn_risk_end(pn_journal *journal, pencl_ctx *ctx, const char *what)
{
    char row[PN_RISK_MAX + 8];
    if (ctx->deadline != NULL) {
        ctx->deadline(0);
    }
    pn_journal_end(journal, what);
    pn_journal_end(journal, again(row, what));
}
