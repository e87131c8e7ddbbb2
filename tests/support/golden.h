/* SPDX-License-Identifier: Apache-2.0 */
/* Golden data: arrays and JSON of tests/golden. */
#ifndef PENCL_TESTS_SUPPORT_GOLDEN_H
#define PENCL_TESTS_SUPPORT_GOLDEN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* The payload of an .npy file of 4-byte elements, as it lies; fails the test when it is missing.
 * Free with free(). */
void *golden_npy(const char *name, size_t *count);
/* The same of a file anywhere; and such a file, of a type such as "<f4". */
void *npy_read(const char *path, size_t *count);
void npy_write(const char *path, const char *type, const int64_t *shape, int n, const void *data);
/* A JSON document; json_decref when done. */
json_t *golden_json(const char *name);
/* The real model's path; NULL, with a line that says SKIPPED, when there is none. With
 * PENCL_REQUIRE_ALL=1 that fails the test. */
const char *golden_model(void);

#endif
