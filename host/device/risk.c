/* SPDX-License-Identifier: Apache-2.0 */
/* Journals risky calls and refuses those that killed a process before. */
#include "device/risk.h"

#include "base/os.h"

pencl_status pn_risk_begin(pn_journal **journal, pencl_ctx *ctx, const char *what)
{
    char folder[512];
    const char *keep = pn_cache_folder(folder, sizeof folder) ? folder : NULL;
    if (*journal == NULL) {
        *journal = pn_journal_open(ctx, keep);
    }
    if (pn_journal_left(*journal, what)) {
        if (pn_get_env("PENCL_RETRY") == NULL) {
            return PN_FAIL(ctx, PENCL_E_BUILD,
                           "skipped: the last process died in it (%s); PENCL_RETRY=1 tries again",
                           what);
        }
        pn_journal_forget(*journal, what);
    }
    pn_journal_begin(*journal, what);
    return PENCL_OK;
}

void pn_risk_end(pn_journal *journal, const char *what)
{
    pn_journal_end(journal, what);
}
