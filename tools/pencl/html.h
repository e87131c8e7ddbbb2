/* SPDX-License-Identifier: Apache-2.0 */
/* Self-contained HTML pages: text that grows, escaping, one look for all. A page refers to nothing
 * outside itself. */
#ifndef PENCL_TOOLS_HTML_H
#define PENCL_TOOLS_HTML_H

#include <stdbool.h>
#include <stddef.h>

typedef struct page {
    char *data;
    size_t size;
    size_t room;
    bool failed; /* out of memory: nothing is added any more */
} page;

/* The beginning up to <body>, with the shared style and then the page's own. */
void page_begin(page *p, const char *title, const char *style);
void page_end(page *p);
void page_add(page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Text as text: < > & and quotes escaped; bytes that are no UTF-8 become U+FFFD. */
void page_text(page *p, const char *text, size_t size);
/* Writes it to a file, at once or not at all, and frees it; returns an exit status. */
int page_save(page *p, const char *path);

#endif
