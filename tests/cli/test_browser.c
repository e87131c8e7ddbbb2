/* SPDX-License-Identifier: Apache-2.0 */
/* Pages in headless Chromium, where it is installed: what their scripts make of a link. */
#include "support/command.h"
#include "support/folder.h"
#include "support/page.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DONE, MOST = 1 << 20 };

static char folder[TEST_PATH];
static char dom[MOST];

static void setup(void)
{
    static const command_row row = {.args = {"inspect", "-m",
                                             PENCL_TEST_DATA "/tiny/tiny_q8_0.gguf", "-d", "ref",
                                             "-q", "--html", "@/p.html"}};
    test_folder_make(folder);
    command_check(&row, folder);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

/* The page as Chromium has it once its script has run. */
static void show(const char *fragment)
{
    char line[1024];
    snprintf(line, sizeof line,
             "chromium --headless --no-sandbox --disable-gpu --user-data-dir=%s/profile "
             "--host-resolver-rules='MAP * ~NOTFOUND' --dump-dom 'file://%s%s' 2>/dev/null",
             folder, test_path(folder, "p.html"), fragment);
    FILE *pipe = popen(line, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t size = fread(dom, 1, MOST - 1, pipe);
    dom[size] = '\0';
    ck_assert_int_eq(pclose(pipe), 0);
    ck_assert_ptr_nonnull(strstr(dom, "</html>"));
}

static int occurrences(const char *of)
{
    int n = 0;
    for (const char *at = strstr(dom, of); at != NULL; at = strstr(at + 1, of)) {
        n++;
    }
    return n;
}

START_TEST(a_page_opens_folded)
{
    show("");
    ck_assert_int_eq(occurrences("<details class=\"n c0\" open"), 1);
    ck_assert_int_eq(occurrences("open=\"\""), 1);
    ck_assert_int_eq(occurrences(" hit\""), 0);
}
END_TEST

START_TEST(a_search_opens_what_it_finds)
{
    show("#q=softmax");
    ck_assert_ptr_nonnull(strstr(dom, "1 of 2 hits"));
    ck_assert_int_eq(occurrences(" hit\""), 1);
    ck_assert_int_eq(occurrences(" hit at\""), 1);
    ck_assert_int_gt(occurrences("open=\"\""), 8);
    show("#q=block_1%20query.weights");
    ck_assert_ptr_nonnull(strstr(dom, "1 of 1 hit"));
    show("#q=nothing-like-that");
    ck_assert_ptr_nonnull(strstr(dom, "0 hits"));
    ck_assert_int_eq(occurrences("open=\"\""), 1);
}
END_TEST

START_TEST(a_path_opens_its_node)
{
    show("#p=.sublayers%5B2%5D.sublayers%5B0%5D.delta");
    ck_assert_int_eq(occurrences(" at\""), 1);
    ck_assert_int_eq(occurrences("open=\"\""),
                     1 + 1 + 1 + 1); /* body, pair of blocks, block, residual */
}
END_TEST

Suite *suite_cli_browser(void);
Suite *suite_cli_browser(void)
{
    Suite *suite = suite_create("cli_browser");
    TCase *tc = tcase_create("browser");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_page_opens_folded);
    tcase_add_test(tc, a_search_opens_what_it_finds);
    tcase_add_test(tc, a_path_opens_its_node);
    suite_add_tcase(suite, tc);
    return suite;
}
