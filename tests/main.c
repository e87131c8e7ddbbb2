/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the suites: pencl_tests [SUITE [TEST-CASE]]. Every suite without arguments. */
#include "support/platform.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(folder, name, kind) Suite *suite_##folder##_##name(void);
#include "suites.def"
#undef SUITE

enum { EXIT_SKIPPED = 77 }; /* as ctest is told */

typedef struct suite_row {
    const char *name;
    Suite *(*make)(void);
} suite_row;

static const suite_row rows[] = {
#define SUITE(folder, name, kind) {#folder "_" #name, suite_##folder##_##name},
#include "suites.def"
#undef SUITE
    {NULL, NULL}};

int main(int argc, char **argv)
{
    SRunner *runner = NULL;
    if (!platform_choose()) {
        return EXIT_SKIPPED;
    }
    for (const suite_row *row = rows; row->name != NULL; row++) {
        if (argc > 1 && strcmp(argv[1], row->name) != 0) {
            continue;
        }
        if (runner == NULL) {
            runner = srunner_create(row->make());
        } else {
            srunner_add_suite(runner, row->make());
        }
    }
    if (runner == NULL) {
        fprintf(stderr, "no suite is named %s\n", argc > 1 ? argv[1] : "");
        return 2;
    }
    srunner_run(runner, NULL, argc > 2 ? argv[2] : NULL, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    int run = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed > 0 || run == 0 ? 1 : 0;
}
