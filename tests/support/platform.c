/* SPDX-License-Identifier: Apache-2.0 */
/* Environments of platforms. */
#include "support/platform.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ROOM = 512 };

/* The folder of all sets, as tools/platforms has it. */
static void folder_of_sets(char path[ROOM])
{
    const char *sets = getenv("PENCL_PLATFORMS");
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (sets != NULL && *sets != '\0') {
        snprintf(path, ROOM, "%s", sets);
    } else if (cache != NULL && *cache != '\0') {
        snprintf(path, ROOM, "%s/pencl/platforms", cache);
    } else {
        snprintf(path, ROOM, "%s/.cache/pencl/platforms", home != NULL ? home : "");
    }
}

bool platform_choose(void)
{
    char sets[ROOM];
    char path[2 * ROOM];
    struct stat st;
    const char *name = getenv("PENCL_TEST_DEVICE");
    name = name != NULL && *name != '\0' ? name : "ref";
    folder_of_sets(sets);
    snprintf(path, sizeof path, "%s/%s", sets, strcmp(name, "ref") == 0 ? "none" : name);
    if (strcmp(name, "ref") != 0 && getenv("OCL_ICD_VENDORS") == NULL && stat(path, &st) != 0) {
        printf("SKIPPED: platform %s is not installed; run tools/platforms\n", name);
        return false;
    }
    setenv("OCL_ICD_VENDORS", path, 0);
    setenv("RUSTICL_ENABLE", "llvmpipe", 0);
    snprintf(path, sizeof path, "%s/%s", PENCL_TEST_CACHE, name);
    setenv("PENCL_CACHE", path, 0);
    return true;
}

bool platform_use(const char *set)
{
    char sets[ROOM];
    char path[2 * ROOM];
    struct stat st;
    folder_of_sets(sets);
    snprintf(path, sizeof path, "%s/%s/pocl.icd", sets, set);
    if (stat(path, &st) != 0) {
        const char *all = getenv("PENCL_REQUIRE_ALL");
        ck_assert_msg(all == NULL || strcmp(all, "1") != 0, "%s: run tools/platforms", path);
        printf("SKIPPED: the set of platforms %s is not installed; run tools/platforms\n", set);
        return false;
    }
    snprintf(path, sizeof path, "%s/%s", sets, set);
    setenv("OCL_ICD_VENDORS", path, 1);
    setenv("RUSTICL_ENABLE", "llvmpipe", 1);
    snprintf(path, sizeof path, "%s/%s", PENCL_TEST_CACHE, set);
    setenv("PENCL_CACHE", path, 1);
    return true;
}
