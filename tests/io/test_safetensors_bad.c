/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: whatever is wrong with a file is an error that says where. */
#include "base/os.h"
#include "io/io.h"
#include "support/damage.h"

#include <check.h>
#include <stdint.h>
#include <string.h>

static pencl_ctx *ctx;

static void setup(void)
{
    ctx = pencl_ctx_new();
}

static void teardown(void)
{
    pencl_ctx_free(ctx);
    ck_assert_int_eq(pn_alloc_live(), 0);
}

/* A file of a header and `size` bytes of data. */
static void make(pn_text *out, uint64_t length, const char *header, size_t size)
{
    for (int i = 0; i < 8; i++) {
        const char byte = (char)(length >> (8 * i));
        pn_text_add_bytes(out, &byte, 1);
    }
    pn_text_add(out, "%s", header);
    for (size_t i = 0; i < size; i++) {
        pn_text_add(out, "x");
    }
}

static void expect_bad(const char *header, size_t size, const char *said)
{
    pn_text file = {0};
    make(&file, strlen(header), header, size);
    damage_expect(ctx, file.data, file.size, said);
    pn_text_free(&file);
}

/* The same with one tensor "t" of the record. */
static void expect_bad_record(const char *record, size_t size, const char *said)
{
    pn_text header = {0};
    pn_text_add(&header, "{\"t\":%s}", record);
    expect_bad(header.data, size, said);
    pn_text_free(&header);
}

static void expect_good(const char *header, size_t size)
{
    pn_text file = {0};
    make(&file, strlen(header), header, size);
    ck_assert_msg(damage_parse(ctx, file.data, file.size) == PENCL_OK, "%s: %s", header,
                  pencl_error_text(ctx));
    pn_text_free(&file);
}

#define T6 "\"shape\":[2,3],\"data_offsets\":[0,24]" /* of a float32 tensor */

START_TEST(lengths_are_checked)
{
    static const uint64_t lengths[] = {1000, 1ULL << 40, 1ULL << 63, UINT64_MAX, UINT64_MAX - 7};
    for (size_t i = 0; i < PN_COUNT(lengths); i++) {
        pn_text file = {0};
        make(&file, lengths[i], "{}", 0);
        damage_expect(ctx, file.data, file.size, "bad: byte 0: header: has ");
        pn_text_free(&file);
    }
    pn_text file = {0};
    make(&file, 0, "{}", 0);
    damage_expect(ctx, file.data, file.size, "header: byte 8: ");
    pn_text_free(&file);
}
END_TEST

START_TEST(the_header_is_checked)
{
    expect_bad("{", 0, "bad: header: byte 9: ");
    expect_bad("{\"a\" 1}", 0, "header: ");
    expect_bad("{} {}", 0, "end of file expected near '{'");
    expect_bad("{\"t\":{},\"t\":{}}", 0, "duplicate object key");
    expect_bad("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "duplicate object key");
    expect_bad("{\"\xff\":{}}", 0, "header: byte 10: unable to decode byte 0xff");
    expect_bad("{\"a\\u0000b\":{}}", 0, "\\u0000");
    expect_bad("{\"t\":[[[1]]]}", 0, "header: byte 15: nested too deeply");
    expect_bad("{\"t\":{\"s\":[{}]}}", 0, "nested too deeply");
    expect_bad("{\"\":{}}", 0, "the name of tensor 0 is none of 1 to 255 bytes");
    expect_bad("{\"a\\u001bb\":{}}", 0, "the name of tensor 0 is none");
    expect_good("{\"a]]]]{{{{\\\"[[[[\":{\"dtype\":\"F32\"," T6 "}}", 24);
    expect_good("{\"t\":{\"dtype\":\"F32\"," T6 "}}      ", 24);
}
END_TEST

START_TEST(a_header_of_millions_of_values_is_refused_before_it_is_parsed)
{
    pn_text header = {0};
    pn_text_add(&header, "{\"t\":[1");
    for (int i = 0; i < 3000000; i++) {
        pn_text_add_bytes(&header, ",1", 2);
    }
    pn_text_add(&header, "]}");
    expect_bad(header.data, 0, "too many values");
    pn_text_free(&header);
}
END_TEST

START_TEST(metadata_is_checked)
{
    expect_bad("{\"__metadata__\":7}", 0, "__metadata__: is not an object");
    expect_bad("{\"__metadata__\":{\"k\":7}}", 0, "key \"k\": is not a string");
    expect_bad("{\"__metadata__\":{\"\":\"x\"}}", 0, "__metadata__: a key is no name");
    expect_bad("{\"__metadata__\":{\"a\\nb\":\"x\"}}", 0, "__metadata__: a key is no name");
    expect_good("{\"__metadata__\":{}}", 0);
    expect_good("{\"__metadata__\":{\"k\":\"\"}}", 0);
}
END_TEST

START_TEST(records_are_checked)
{
    expect_bad_record("7", 0, "tensor \"t\": dtype: is missing");
    expect_bad_record("{\"dtype\":\"F32\",\"shape\":[1]}", 0, "\"t\": data_offsets: is missing");
    expect_bad_record("{\"dtype\":\"F32\",\"data_offsets\":[0,4]}", 4, "shape: is missing");
    expect_bad_record("{\"dtype\":\"F32\"," T6 ",\"x\":1}", 24, "\"t\": has 4 members, not dtype");
    expect_bad_record("{\"dtype\":32," T6 "}", 24, "\"t\": dtype: is not the name of a type");
    expect_bad_record("{\"dtype\":\"\\u001b[2J\"," T6 "}", 24, "dtype: is not the name of a type");
    expect_bad_record("{\"dtype\":\"F64\"," T6 "}", 24,
                      "\"t\": type F64 is not supported; these are: F32, I32, BF16, F16");
}
END_TEST

#define SHAPED(shape) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[0,24]}"

START_TEST(shapes_are_checked)
{
    expect_bad_record(SHAPED("6"), 24, "\"t\": shape: is not an array");
    expect_bad_record(SHAPED("[]"), 24, "\"t\": shape: 0 dimensions, not 1 to 8");
    expect_bad_record(SHAPED("[1,1,1,1,1,1,1,1,6]"), 24, "shape: 9 dimensions, not 1 to 8");
    expect_bad_record(SHAPED("[2,3.0]"), 24, "\"t\": shape: dimension 1 is not a size");
    expect_bad_record(SHAPED("[-2,3]"), 24, "\"t\": shape: dimension 0 is not a size");
    expect_bad_record(SHAPED("[0,3]"), 24, "\"t\": shape: dimension 0 has size 0");
    expect_bad_record(SHAPED("[4611686018427387904]"), 24, "shape: the product of the dimensions");
    expect_bad_record(SHAPED("[4294967296,4294967296]"), 24, "shape: the product of the dimens");
    expect_bad_record(SHAPED("[9223372036854775808]"), 24, "too big integer");
    expect_bad_record(SHAPED("[7]"), 24, "data_offsets: hold 24 bytes, the shape needs 28");
}
END_TEST

#define PLACED(offsets) "{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":" offsets "}"
#define TWO(first, second)                                                                         \
    "{\"a\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":" first                              \
    "},\"b\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":" second "}}"

START_TEST(offsets_are_checked)
{
    expect_bad_record(PLACED("24"), 24, "\"t\": data_offsets: are not a begin and an end");
    expect_bad_record(PLACED("[0]"), 24, "data_offsets: are not a begin and an end");
    expect_bad_record(PLACED("[0,24,48]"), 24, "data_offsets: are not a begin and an end");
    expect_bad_record(PLACED("[0,24.0]"), 24, "data_offsets: are not a begin and an end");
    expect_bad_record(PLACED("[-8,16]"), 24, "data_offsets: are not a begin and an end");
    expect_bad_record(PLACED("[24,0]"), 24, "data_offsets: are not a begin and an end");
    expect_bad_record(PLACED("[0,24]"), 23, "data_offsets: end at byte 24 of 23 bytes of data");
    expect_bad_record(PLACED("[9223372036854775783,9223372036854775807]"), 24, "data_offsets: end");
    expect_bad_record(PLACED("[64,88]"), 88, "64 bytes before it belong to no tensor");
    expect_bad_record(PLACED("[0,24]"), 88, "the last 64 bytes belong to no tensor");
    expect_bad(TWO("[0,8]", "[0,8]"), 8, "overlaps that of");
    expect_bad(TWO("[0,8]", "[7,15]"), 15, "overlaps that of \"a\"");
    expect_bad(TWO("[0,8]", "[72,80]"), 80, "\"b\": data_offsets: 64 bytes before it");
    expect_good(TWO("[0,8]", "[71,79]"), 79 + 63);
    expect_good(TWO("[8,16]", "[0,8]"), 16);
}
END_TEST

static const char small[] = "{\"__metadata__\":{\"penzai.builder\":\"llamalike\"},"
                            "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                            "\"b\":{\"dtype\":\"BF16\",\"shape\":[5],\"data_offsets\":[24,34]}}";

START_TEST(every_prefix_is_refused)
{
    pn_text file = {0};
    make(&file, strlen(small), small, 34);
    for (size_t size = 0; size < file.size; size++) {
        ck_assert_msg(damage_parse(ctx, file.data, size) == PENCL_E_FORMAT, "%zu of %zu bytes",
                      size, file.size);
    }
    ck_assert_int_eq(damage_parse(ctx, file.data, file.size), PENCL_OK);
    pn_text_free(&file);
}
END_TEST

START_TEST(random_changes_never_crash)
{
    pn_text file = {0};
    make(&file, strlen(small), small, 34);
    const int opened = damage_randomly(ctx, file.data, file.size, 20000);
    ck_assert_int_gt(opened, 1000); /* changes in names and data do no harm */
    pn_text_free(&file);
}
END_TEST

START_TEST(running_out_of_memory_is_reported)
{
    pn_text file = {0};
    make(&file, strlen(small), small, 34);
    ck_assert_int_gt(damage_memory(ctx, file.data, file.size),
                     2); /* the parser's are not counted */
    pn_text_free(&file);
}
END_TEST

Suite *suite_io_safetensors_bad(void);
Suite *suite_io_safetensors_bad(void)
{
    Suite *s = suite_create("io_safetensors_bad");
    TCase *c = tcase_create("safetensors");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, lengths_are_checked);
    tcase_add_test(c, the_header_is_checked);
    tcase_add_test(c, a_header_of_millions_of_values_is_refused_before_it_is_parsed);
    tcase_add_test(c, metadata_is_checked);
    tcase_add_test(c, records_are_checked);
    tcase_add_test(c, shapes_are_checked);
    tcase_add_test(c, offsets_are_checked);
    tcase_add_test(c, every_prefix_is_refused);
    tcase_add_test(c, random_changes_never_crash);
    tcase_add_test(c, running_out_of_memory_is_reported);
    suite_add_tcase(s, c);
    return s;
}
