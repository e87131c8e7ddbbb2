/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions, by PCRE2. */
#ifndef PENCL_TEXT_REGEX_H
#define PENCL_TEXT_REGEX_H

#include "base/base.h"

/* PCRE2's memory; both ignore `unused`. */
void *pn_regex_get(size_t bytes, void *unused);
void pn_regex_drop(void *p, void *unused);

/* Whether the pattern, which a stranger may have written, matches at the beginning of the text.
 * E_FORMAT: it is no expression, or one that takes too many steps. */
pencl_status pn_regex_matches(bool *out, pencl_ctx *ctx, const char *pattern, const char *text);

#endif
