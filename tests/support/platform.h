/* SPDX-License-Identifier: Apache-2.0 */
/* The set of OpenCL platforms that a run of the tests sees. */
#ifndef PENCL_TESTS_SUPPORT_PLATFORM_H
#define PENCL_TESTS_SUPPORT_PLATFORM_H

#include <stdbool.h>

/* Sets the environment for the platform named by PENCL_TEST_DEVICE: its folder of .icd files, as
 * tools/platforms made it, what it wants besides, and a cache of its own below the build folder.
 * `ref` sees no platform at all. What is already set stays. Call it before any test forks. False,
 * with a line that says SKIPPED, when the platform is not installed. */
bool platform_choose(void);

/* For this process and those that it starts: the set of platforms of that name ("all"), whatever
 * was chosen before, with a cache of its own. False, with a line that says SKIPPED, when it is not
 * installed; with PENCL_REQUIRE_ALL=1 that fails the test. */
bool platform_use(const char *set);

#endif
