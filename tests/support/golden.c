/* SPDX-License-Identifier: Apache-2.0 */
/* Reading golden data. */
#include "support/golden.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *golden_npy(const char *name, size_t *count)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", PENCL_TEST_DATA, name);
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s is missing", path);
    unsigned char head[10];
    ck_assert_uint_eq(fread(head, 1, sizeof head, f), sizeof head);
    ck_assert_int_eq(memcmp(head, "\x93NUMPY\x01", 7), 0);
    long start = 10 + head[8] + 256 * head[9];
    fseek(f, 0, SEEK_END);
    size_t bytes = (size_t)(ftell(f) - start);
    fseek(f, start, SEEK_SET);
    void *data = malloc(bytes > 0 ? bytes : 1);
    ck_assert_ptr_nonnull(data);
    ck_assert_uint_eq(fread(data, 1, bytes, f), bytes);
    fclose(f);
    *count = bytes / 4;
    return data;
}

json_t *golden_json(const char *name)
{
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, "%s/%s", PENCL_TEST_DATA, name);
    json_t *json = json_load_file(path, 0, &error);
    ck_assert_msg(json != NULL, "%s: %s", path, error.text);
    return json;
}

const char *golden_model(void)
{
    const char *path = getenv("PENCL_TEST_MODEL");
    if (path != NULL && path[0] != '\0') {
        return path;
    }
    ck_assert_msg(getenv("PENCL_REQUIRE_ALL") == NULL, "PENCL_TEST_MODEL is not set");
    printf("SKIPPED: PENCL_TEST_MODEL is not set\n");
    return NULL;
}
