/* SPDX-License-Identifier: Apache-2.0 */
/* The log: messages go to the context's function, filtered by category with PENCL_LOG. */
#include "base/base.h"
#include "base/os.h"

#include <stdio.h>
#include <string.h>

/* True when `category` is one of the comma-separated words of PENCL_LOG, or no filter is set. */
static bool wanted(const char *category)
{
    const char *list = pn_get_env("PENCL_LOG");
    if (list == NULL) {
        return true;
    }
    const size_t size = strlen(category);
    for (const char *word = list; *word != '\0';) {
        const size_t n = strcspn(word, ", ");
        const bool same = n == size && memcmp(word, category, n) == 0;
        if (same || (n == 3 && memcmp(word, "all", n) == 0)) {
            return true;
        }
        word += n;
        word += strspn(word, ", ");
    }
    return false;
}

void pn_log(pencl_ctx *ctx, pencl_log_level level, const char *category, const char *fmt, ...)
{
    if (ctx == NULL || ctx->log == NULL) {
        return;
    }
    if (level != PENCL_LOG_WARN && !wanted(category)) {
        return; /* warnings pass every filter */
    }
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ctx->log(ctx->log_user, level, category, text);
}
