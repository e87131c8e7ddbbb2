/* SPDX-License-Identifier: Apache-2.0 */
/* A fresh folder for one test's files. */
#ifndef PENCL_TESTS_SUPPORT_FOLDER_H
#define PENCL_TESTS_SUPPORT_FOLDER_H

#include <stddef.h>

enum { TEST_PATH = 256 };

/* Makes a new empty folder below $TMPDIR and keeps its path. */
void test_folder_make(char path[TEST_PATH]);
/* Removes it with everything inside. */
void test_folder_remove(const char *path);
/* "FOLDER/NAME" in one of a few static buffers. */
const char *test_path(const char *folder, const char *name);
/* Writes a file as it is, without the library's help. */
void test_write(const char *path, const void *bytes, size_t size);

#endif
