/* SPDX-License-Identifier: Apache-2.0 */
/* HTML pages that the command writes. */
#ifndef PENCL_TESTS_SUPPORT_PAGE_H
#define PENCL_TESTS_SUPPORT_PAGE_H

/* The page's text, after a check that it is whole and refers to nothing outside itself; free(). */
char *page_read(const char *path);

#endif
