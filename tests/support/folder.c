/* SPDX-License-Identifier: Apache-2.0 */
/* Folders for tests. */
#include "support/folder.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void test_folder_make(char path[TEST_PATH])
{
    const char *root = getenv("TMPDIR");
    snprintf(path, TEST_PATH, "%s/pencl-test-XXXXXX", root != NULL ? root : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(path));
}

void test_folder_remove(const char *path)
{
    chmod(path, 0700); /* a test may have made it read-only */
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        char inner[2 * TEST_PATH];
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        struct stat st;
        if (lstat(inner, &st) == 0 && S_ISDIR(st.st_mode)) {
            test_folder_remove(inner);
        } else {
            unlink(inner);
        }
    }
    closedir(folder);
    rmdir(path);
}

const char *test_path(const char *folder, const char *name)
{
    static char paths[4][2 * TEST_PATH];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void test_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}
