/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: files of the format's own library are read, and the writer makes the same bytes. */
#include "base/os.h"
#include "io/io.h"
#include "io/write_safetensors.h"
#include "support/folder.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char golden[] = PENCL_TEST_DATA "/safetensors/small.safetensors";
static const char note[] = "za\u017c\u00f3\u0142\u0107 \"g\u0119\u015bl\u0105\"\n/";
static const float b_values[] = {1, 2, 3, 4, 5, 6};
static const float a_values[] = {-1.5F, 2.5F};
static const int32_t ids[] = {-1, 0, 70000};
static const uint16_t halves[] = {0, 0x3c00, 0xc000, 0x7bff};
static const uint16_t shorts[] = {0x3f80, 0xc040};

/* In no order. */
static const pn_tensor tensors[] = {
    {.name = "half",
     .dtype = PENCL_F16,
     .n_dims = 1,
     .dims = {4},
     .data = (const unsigned char *)halves,
     .bytes = sizeof halves},
    {.name = "b.weight",
     .dtype = PENCL_F32,
     .n_dims = 2,
     .dims = {2, 3},
     .data = (const unsigned char *)b_values,
     .bytes = sizeof b_values},
    {.name = "short",
     .dtype = PENCL_BF16,
     .n_dims = 3,
     .dims = {1, 2, 1},
     .data = (const unsigned char *)shorts,
     .bytes = sizeof shorts},
    {.name = "ids",
     .dtype = PENCL_I32,
     .n_dims = 1,
     .dims = {3},
     .data = (const unsigned char *)ids,
     .bytes = sizeof ids},
    {.name = "a.weight",
     .dtype = PENCL_F32,
     .n_dims = 1,
     .dims = {2},
     .data = (const unsigned char *)a_values,
     .bytes = sizeof a_values},
};

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

static pn_safetensors_writer *writer(bool with_data)
{
    pn_safetensors_writer *w = pn_safetensors_writer_new();
    pn_safetensors_add_text(w, "note", note);
    for (size_t i = 0; i < PN_COUNT(tensors); i++) {
        pn_tensor t = tensors[i];
        t.data = with_data ? t.data : NULL;
        pn_safetensors_add_tensor(w, &t);
    }
    return w;
}

static pencl_status give(void *user, const pn_tensor *tensor, void *to)
{
    long *left = user;
    for (size_t i = 0; i < PN_COUNT(tensors); i++) {
        if (strcmp(tensors[i].name, tensor->name) == 0) {
            memcpy(to, tensors[i].data, tensor->bytes);
        }
    }
    return --*left < 0 ? PN_FAIL(ctx, PENCL_E_DEVICE, "nothing more") : PENCL_OK;
}

/* ---- reading ---- */

START_TEST(a_file_of_the_formats_own_library_is_read)
{
    pn_model_file *file = NULL;
    ck_assert_msg(pn_model_file_open(&file, ctx, golden) == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_str_eq(pn_model_file_format(file), "safetensors");
    ck_assert_uint_eq(pn_meta_count(file), 1);
    ck_assert_str_eq(pn_meta_key(file, 0), "note");
    ck_assert_str_eq(pn_meta_text(file, "note"), note);
    ck_assert_uint_eq(pn_model_file_n_tensors(file), PN_COUNT(tensors));
    for (size_t i = 0; i < PN_COUNT(tensors); i++) {
        const pn_tensor *want = &tensors[i];
        const pn_tensor *t = pn_model_file_find(file, want->name);
        ck_assert_msg(t != NULL, "%s", want->name);
        ck_assert_int_eq(t->dtype, want->dtype);
        ck_assert_int_eq(t->n_dims, want->n_dims);
        ck_assert_mem_eq(t->dims, want->dims, sizeof t->dims);
        ck_assert_uint_eq(t->bytes, want->bytes);
        ck_assert_mem_eq(t->data, want->data, t->bytes);
    }
    pn_model_file_close(file);
}
END_TEST

START_TEST(a_file_without_tensors_is_fine)
{
    pn_safetensors_writer *w = pn_safetensors_writer_new();
    pn_text text = {0};
    ck_assert_int_eq(pn_safetensors_print(w, ctx, &text), PENCL_OK);
    pn_safetensors_writer_free(w);
    ck_assert_uint_eq(text.size, 16);
    ck_assert_mem_eq(text.data, "\x08\0\0\0\0\0\0\0{}      ", 16);
    pn_model_file *file = NULL;
    ck_assert_int_eq(pn_model_file_parse(&file, ctx, "m", text.data, text.size), PENCL_OK);
    ck_assert_uint_eq(pn_model_file_n_tensors(file), 0);
    ck_assert_uint_eq(pn_meta_count(file), 0);
    pn_model_file_close(file);
    pn_text_free(&text);
}
END_TEST

/* ---- writing ---- */

static void expect_golden(const char *bytes, size_t size)
{
    pn_text want = {0};
    ck_assert_int_eq(pn_file_read(&want, ctx, golden, 1 << 20), PENCL_OK);
    ck_assert_uint_eq(size, want.size);
    ck_assert_mem_eq(bytes, want.data, size);
    pn_text_free(&want);
}

START_TEST(the_writer_makes_the_same_bytes)
{
    pn_text text = {0};
    pn_safetensors_writer *w = writer(true);
    ck_assert_int_eq(pn_safetensors_print(w, ctx, &text), PENCL_OK);
    expect_golden(text.data, text.size);
    pn_safetensors_writer_free(w);
    pn_text_free(&text);
}
END_TEST

START_TEST(data_may_come_tensor_by_tensor)
{
    char folder[TEST_PATH];
    test_folder_make(folder);
    const char *path = test_path(folder, "m.safetensors");
    long left = (long)PN_COUNT(tensors);
    pn_tensor_source source = {.data = give, .user = &left};
    pn_safetensors_writer *w = writer(false);
    ck_assert_int_eq(pn_safetensors_write(w, ctx, path, &source), PENCL_OK);
    pn_text text = {0};
    ck_assert_int_eq(pn_file_read(&text, ctx, path, 1 << 20), PENCL_OK);
    expect_golden(text.data, text.size);
    pn_text_free(&text);

    /* a source that fails leaves the old file as it was, and nothing beside it */
    left = 2;
    ck_assert_int_eq(pn_safetensors_write(w, ctx, path, &source), PENCL_E_DEVICE);
    ck_assert_str_eq(pencl_error_text(ctx), "nothing more");
    ck_assert_int_eq(pn_file_read(&text, ctx, path, 1 << 20), PENCL_OK);
    expect_golden(text.data, text.size);
    pn_text_free(&text);
    ck_assert(pn_list_folder(&text, folder));
    ck_assert_str_eq(pn_text_get(&text), "m.safetensors\n");
    pn_text_free(&text);
    pn_safetensors_writer_free(w);
    test_folder_remove(folder);
}
END_TEST

START_TEST(what_the_format_lacks_is_refused)
{
    static const unsigned char block[34];
    const pn_tensor t = {.name = "q.weight",
                         .dtype = PENCL_Q8_0,
                         .n_dims = 1,
                         .dims = {32},
                         .data = block,
                         .bytes = sizeof block};
    pn_safetensors_writer *w = pn_safetensors_writer_new();
    pn_safetensors_add_tensor(w, &t);
    pn_text text = {0};
    ck_assert_int_eq(pn_safetensors_print(w, ctx, &text), PENCL_E_DTYPE);
    ck_assert_str_eq(pencl_error_text(ctx), "tensor \"q.weight\": safetensors has no type q8_0");
    pn_safetensors_writer_free(w);
    pn_text_free(&text);
}
END_TEST

START_TEST(running_out_of_memory_is_reported)
{
    json_set_alloc_funcs(pn_alloc, pn_free);
    long n = 1;
    for (;; n++) {
        pn_text text = {0};
        pn_error_clear(ctx);
        pn_alloc_fail_at(n);
        pn_safetensors_writer *w = writer(true);
        const pencl_status st = pn_safetensors_print(w, ctx, &text);
        pn_alloc_fail_at(0);
        pn_safetensors_writer_free(w);
        if (st == PENCL_OK) {
            expect_golden(text.data, text.size);
        }
        pn_text_free(&text);
        if (st == PENCL_OK) {
            break;
        }
        ck_assert_int_eq(st, PENCL_E_NOMEM);
    }
    ck_assert_int_gt(n, 50);
}
END_TEST

Suite *suite_io_safetensors(void);
Suite *suite_io_safetensors(void)
{
    Suite *s = suite_create("io_safetensors");
    TCase *c = tcase_create("safetensors");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_file_of_the_formats_own_library_is_read);
    tcase_add_test(c, a_file_without_tensors_is_fine);
    tcase_add_test(c, the_writer_makes_the_same_bytes);
    tcase_add_test(c, data_may_come_tensor_by_tensor);
    tcase_add_test(c, what_the_format_lacks_is_refused);
    tcase_add_test(c, running_out_of_memory_is_reported);
    suite_add_tcase(s, c);
    return s;
}
