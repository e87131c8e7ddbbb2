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
    return npy_read(path, count);
}

void *npy_read(const char *path, size_t *count)
{
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

void npy_write(const char *path, const char *type, const int64_t *shape, int n, const void *data)
{
    char head[256];
    size_t count = 1;
    int size =
        snprintf(head, sizeof head, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (int i = 0; i < n; i++) {
        count *= (size_t)shape[i];
        size += snprintf(head + size, sizeof head - (size_t)size, "%d,", (int)shape[i]);
    }
    size += snprintf(head + size, sizeof head - (size_t)size, "), }\n");
    ck_assert_int_lt(size, 256);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    fwrite("\x93NUMPY\x01\x00", 1, 8, f);
    fputc(size, f);
    fputc(0, f);
    fwrite(head, 1, (size_t)size, f);
    ck_assert_uint_eq(fwrite(data, 4, count, f), count);
    ck_assert_int_eq(fclose(f), 0);
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
