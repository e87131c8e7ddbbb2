/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a program: what is composed for it, then files of cl/. */
#ifndef PENCL_DEVICE_SOURCE_H
#define PENCL_DEVICE_SOURCE_H

#include "base/base.h"

/* Adds `prelude` (or nothing) and cl/FILE.cl to `out`, each `#include "lib/X.clh"` line replaced by
 * that file the first time and by nothing later, and #line before each piece. The files are the
 * embedded ones, or those of the folder PENCL_CL_DIR. */
pencl_status pn_source_join(pn_text *out, pencl_ctx *ctx, const char *file, const char *prelude);

/* Adds every kernel file with its name: text that a change of any of them changes. */
pencl_status pn_source_all(pn_text *out, pencl_ctx *ctx);

#endif
