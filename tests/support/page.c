/* SPDX-License-Identifier: Apache-2.0 */
/* Reads pages and looks for what would need a network. */
#include "support/page.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What brings something from elsewhere; a fragment of the page itself is no address. */
static const char *const outside[] = {
    "http:", "https:",  "//cdn",  "src=",   "url(",    "@import",    "<link",     "<iframe",
    "<base", "<object", "<embed", "fetch(", "import(", "XMLHttpReq", "WebSocket", "sendBeacon"};

char *page_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s was not written", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    rewind(file);
    char *text = malloc((size_t)size + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(fread(text, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    text[size] = '\0';
    ck_assert_uint_eq(strlen(text), (size_t)size);
    ck_assert_int_eq(strncmp(text, "<!doctype html>", 15), 0);
    ck_assert_ptr_nonnull(strstr(text, "</html>"));
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        const char *at = strstr(text, outside[i]);
        ck_assert_msg(at == NULL, "%s: refers to something outside: %.60s", path, at);
    }
    for (const char *at = strstr(text, "href="); at != NULL; at = strstr(at + 1, "href=")) {
        ck_assert_msg(at[5] == '#' || (at[5] == '"' && at[6] == '#'), "%s: a link: %.60s", path,
                      at);
    }
    return text;
}
