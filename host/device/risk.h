/* SPDX-License-Identifier: Apache-2.0 */
/* Risky calls: those in which drivers are known to kill or hang the process. A row in the journal
 * says that one is going on; a row of a dead process says what it died in. It may have been killed
 * for another reason, so where a second death is bearable the call is tried once more; after that
 * it is refused unless PENCL_RETRY=1 asks for it. */
#ifndef PENCL_DEVICE_RISK_H
#define PENCL_DEVICE_RISK_H

#include "base/journal.h"

#define PN_RISK_MAX 256

typedef enum pn_deaths { PN_ONE_DEATH = 1, PN_TWO_DEATHS } pn_deaths;

/* What pn_risk_begin would return, without beginning. */
pencl_status pn_risk_check(pn_journal **journal, pencl_ctx *ctx, const char *what, pn_deaths most);
/* Whether this row of the journal refuses its call: it ended two processes, or one where listing
 * drivers did. */
bool pn_risk_refused(const char *row);
/* Begins `what`, a line such as "build 53ac... matmul/matmul_wide". *journal is opened when it is
 * NULL. E_BUILD when as many earlier processes as `most` died in it. Who watches over an expendable
 * process is told how long the call may last. */
pencl_status pn_risk_begin(pn_journal **journal, pencl_ctx *ctx, const char *what, pn_deaths most);
void pn_risk_end(pn_journal *journal, pencl_ctx *ctx, const char *what);
/* Both rows of `what` are known elsewhere now. */
void pn_risk_forget(pn_journal *journal, const char *what);

#endif
