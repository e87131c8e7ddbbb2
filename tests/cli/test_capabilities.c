/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel against its reference while the device looks smaller than it is: one process for
 * each capability that PENCL_HIDE hides and each limit that PENCL_LIMIT sets, and for all of them.
 * None of them changes a program's text, so that what op_ops had built serves here too. */
#include "support/command.h"
#include "support/folder.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const settings[] = {
    "PENCL_HIDE=fp16",
    "PENCL_HIDE=subgroups",
    "PENCL_HIDE=dot",
    "PENCL_HIDE=images",
    "PENCL_HIDE=fp16,subgroups,dot,images",
    "PENCL_LIMIT=wg:64",
    "PENCL_LIMIT=local:16K",
    "PENCL_LIMIT=alloc:1M",
    "PENCL_LIMIT=mem:1G",
    "PENCL_LIMIT=wg:64,local:16K,alloc:1M,mem:1G",
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

START_TEST(every_kernel_agrees)
{
    char folder[TEST_PATH];
    const char *device = getenv("PENCL_TEST_DEVICE");
    const command_row row = {
        .name = settings[_i],
        .args = {"selftest", "-q", "-d", device != NULL && *device != '\0' ? device : "ref"},
        .out = "where",
        .env = settings[_i],
    };
    test_folder_make(folder);
    command_check(&row, folder);
    test_folder_remove(folder);
}
END_TEST

Suite *suite_cli_capabilities(void);
Suite *suite_cli_capabilities(void)
{
    Suite *suite = suite_create("cli_capabilities");
    TCase *tc = tcase_create("capabilities");
    tcase_set_timeout(tc, 600);
    tcase_add_loop_test(tc, every_kernel_agrees, 0, N_SETTINGS);
    suite_add_tcase(suite, tc);
    return suite;
}
