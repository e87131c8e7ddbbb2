/* SPDX-License-Identifier: Apache-2.0 */
/* HTML pages. */
#include "html.h"

#include "command.h"
#include "output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char shared_style[] =
    ":root{color-scheme:light dark}"
    "body{font:14px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:90rem;padding:0 1rem}"
    "h1{font-size:1.3rem}"
    ".quiet{color:#777}"
    "code,pre,.mono{font-family:ui-monospace,monospace;font-size:13px}"
    ".scroll{overflow:auto}";

/* Makes room for `more` bytes and a NUL. */
static bool reserve(page *p, size_t more)
{
    if (p->failed) {
        return false;
    }
    if (p->size + more + 1 > p->room) {
        size_t room = 2 * (p->size + more + 1);
        char *data = realloc(p->data, room);
        if (data == NULL) {
            p->failed = true;
            return false;
        }
        p->data = data;
        p->room = room;
    }
    return true;
}

static void add_bytes(page *p, const char *bytes, size_t size)
{
    if (reserve(p, size)) {
        memcpy(p->data + p->size, bytes, size);
        p->size += size;
        p->data[p->size] = '\0';
    }
}

void page_add(page *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (size < 0 || !reserve(p, (size_t)size)) {
        p->failed = true;
        return;
    }
    va_start(args, fmt);
    vsnprintf(p->data + p->size, (size_t)size + 1, fmt, args);
    va_end(args);
    p->size += (size_t)size;
}

static const char *entity_of(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void page_text(page *p, const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t n = character_size(text + i, size - i);
        const char *entity = entity_of(text[i]);
        if (entity != NULL) {
            page_add(p, "%s", entity);
        } else if (n == 0 || ((unsigned char)text[i] < 0x20 && text[i] != '\n')) {
            page_add(p, "\xEF\xBF\xBD");
        } else {
            add_bytes(p, text + i, n);
        }
        i += n > 0 ? n : 1;
    }
}

void page_begin(page *p, const char *title, const char *style)
{
    page_add(p, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    page_text(p, title, strlen(title));
    page_add(p, "</title>\n<style>%s%s</style>\n</head>\n<body>\n", shared_style, style);
}

void page_end(page *p)
{
    page_add(p, "</body>\n</html>\n");
}

int page_save(page *p, const char *path)
{
    int status = EXIT_FAILED;
    if (p->failed) {
        say("out of host memory");
    } else {
        status = write_file(path, p->data, p->size);
    }
    free(p->data);
    *p = (page){0};
    return status;
}
