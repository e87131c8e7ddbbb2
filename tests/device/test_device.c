/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, programs and launches on the device under test. Kernels are files that the tests write,
 * read by way of PENCL_CL_DIR; `ref` has none and passes those tests at once. */
#include "base/os.h"
#include "device/kernel.h"
#include "support/devices.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[64]; /* kernels, and the cache of this test */
static pencl_ctx *ctx;
static pencl_device *device;
static int n_built; /* programs built from source, as the log tells */

static void count_builds(void *user, pencl_log_level level, const char *category, const char *text)
{
    (void)user;
    (void)level;
    (void)category;
    n_built += strstr(text, "built from source") != NULL;
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_int_eq(pn_file_write(ctx, path, text, strlen(text)), PENCL_OK);
}

static const char library[] = "float twice(float x)\n"
                              "{\n"
                              "    return 2 * x;\n"
                              "}\n";
static const char good[] =
    "#include \"lib/twice.clh\"\n"
    "#include \"lib/twice.clh\"\n"
    "__kernel void sums(__global float *y, int a, uint b, long c, float d,\n"
    "                   __local float *room)\n"
    "{\n"
    "    size_t i = get_global_id(0);\n"
    "    room[get_local_id(0)] = y[i];\n"
    "    barrier(CLK_LOCAL_MEM_FENCE);\n"
    "    y[i] = twice(room[get_local_id(0)]) + a + b + c + d + EXTRA + more();\n"
    "}\n";
static const char broken[] = "#include \"lib/twice.clh\"\n"
                             "__kernel void sums(__global float *y)\n"
                             "{\n"
                             "    y[0] = no_such_function(1.0f);\n"
                             "}\n";

static void setup(void)
{
    snprintf(folder, sizeof folder, "/tmp/pencl-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("PENCL_CL_DIR", folder, 1);
    setenv("PENCL_CACHE", folder, 1);
    setenv("PENCL_LOG", "device", 1);
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(ctx);
    pencl_ctx_set_log(ctx, count_builds, NULL);
    char lib[128];
    snprintf(lib, sizeof lib, "%s/lib", folder);
    ck_assert(pn_make_folders(lib));
    write_file("lib/twice.clh", library);
    write_file("good.cl", good);
    write_file("broken.cl", broken);
    device = test_device(ctx);
}

static void teardown(void)
{
    char command[128];
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static pn_buffer *new_buffer(size_t bytes)
{
    pn_buffer *b = NULL;
    ck_assert_msg(pn_buffer_new(&b, device, bytes) == PENCL_OK, "%s", pencl_error_text(ctx));
    return b;
}

static void expect_text(const char *part)
{
    ck_assert_msg(strstr(pencl_error_text(ctx), part) != NULL, "\"%s\" lacks \"%s\"",
                  pencl_error_text(ctx), part);
    pn_error_clear(ctx);
}

START_TEST(buffers_keep_what_is_written)
{
    const char hello[] = "0123456789";
    char got[11] = "";
    pn_buffer *b = new_buffer(100);
    ck_assert_int_eq(pn_buffer_write(b, 7, hello, 10), PENCL_OK);
    ck_assert_int_eq(pn_buffer_write_async(b, 9, "xy", 2), PENCL_OK);
    ck_assert_int_eq(pn_buffer_read(b, 7, got, 10), PENCL_OK);
    ck_assert_str_eq(got, "01xy456789");
    ck_assert_int_eq(pn_buffer_read(b, 100, got, 0), PENCL_OK);
    ck_assert_uint_eq(pn_buffer_bytes(b), 100);
    pn_buffer_free(b);
}
END_TEST

START_TEST(ranges_outside_a_buffer_are_refused)
{
    char got[8];
    pn_buffer *b = new_buffer(8);
    ck_assert_int_eq(pn_buffer_read(b, 1, got, 8), PENCL_E_ARG);
    expect_text("8 bytes at 1 of a buffer of 8");
    ck_assert_int_eq(pn_buffer_write(b, SIZE_MAX, got, 2), PENCL_E_ARG);
    pn_error_clear(ctx);
    ck_assert_int_eq(pn_buffer_copy(b, 0, b, 4, 8), PENCL_E_ARG);
    pn_buffer_free(b);
}
END_TEST

START_TEST(fills_and_copies_stay_in_their_range)
{
    unsigned char got[64];
    pn_buffer *a = new_buffer(64);
    pn_buffer *b = new_buffer(64);
    ck_assert_int_eq(pn_buffer_fill(a, 0, 64, 0xff), PENCL_OK);
    ck_assert_int_eq(pn_buffer_fill(a, 16, 32, 1), PENCL_OK);
    ck_assert_int_eq(pn_buffer_fill(a, 17, 3, 2), PENCL_OK);
    ck_assert_int_eq(pn_buffer_fill(b, 0, 64, 0), PENCL_OK);
    ck_assert_int_eq(pn_buffer_copy(b, 1, a, 15, 6), PENCL_OK);
    ck_assert_int_eq(pn_buffer_read(b, 0, got, 64), PENCL_OK);
    const unsigned char wanted[8] = {0, 0xff, 1, 2, 2, 2, 1, 0};
    ck_assert_mem_eq(got, wanted, 8);
    ck_assert_int_eq(pn_buffer_read(a, 0, got, 64), PENCL_OK);
    ck_assert_uint_eq(got[47], 1);
    ck_assert_uint_eq(got[48], 0xff);
    pn_buffer_free(a);
    pn_buffer_free(b);
}
END_TEST

START_TEST(maps_write_and_read)
{
    void *at = NULL;
    char got[8] = "";
    pn_buffer *b = new_buffer(8);
    ck_assert_int_eq(pn_buffer_map(&at, b, PN_MAP_WRITE), PENCL_OK);
    memcpy(at, "mapping", 8);
    ck_assert_int_eq(pn_buffer_unmap(b, at), PENCL_OK);
    ck_assert_int_eq(pn_buffer_read(b, 0, got, 8), PENCL_OK);
    ck_assert_str_eq(got, "mapping");
    ck_assert_int_eq(pn_buffer_map(&at, b, PN_MAP_READ), PENCL_OK);
    ck_assert_str_eq(at, "mapping");
    ck_assert_int_eq(pn_buffer_unmap(b, at), PENCL_OK);
    pn_buffer_free(b);
}
END_TEST

START_TEST(memory_and_references_are_counted)
{
    size_t now = 0;
    size_t peak = 0;
    pn_buffer *a = new_buffer(1000);
    pn_buffer *b = new_buffer(500);
    ck_assert_ptr_eq(pn_buffer_ref(a), a);
    ck_assert_int_eq(pn_buffer_count(a), 2);
    pn_buffer_free(a);
    pn_buffer_free(b);
    pn_device_memory(device, &now, &peak);
    ck_assert_uint_eq(now, 1000);
    ck_assert_uint_eq(peak, 1500);
    pn_buffer_free(a);
    pn_device_memory(device, &now, &peak);
    ck_assert_uint_eq(now, 0);
}
END_TEST

/* Closes the device and opens it again, as another process would. */
static void reopen(void)
{
    pencl_device_close(device);
    device = test_device(ctx);
}

START_TEST(limits_are_kept)
{
    pn_buffer *a = NULL;
    pn_buffer *b = NULL;
    setenv("PENCL_LIMIT", "alloc:1M,mem:1536K", 1);
    reopen();
    ck_assert_int_eq(pn_buffer_new(&a, device, (1 << 20) + 1), PENCL_E_LIMIT);
    expect_text("at most 1048576 at a time");
    a = new_buffer(1 << 20);
    ck_assert_int_eq(pn_buffer_new(&b, device, 1 << 20), PENCL_E_LIMIT);
    expect_text("out of device memory");
    pn_buffer_free(a);
}
END_TEST

START_TEST(hidden_capabilities_are_gone)
{
    pencl_device *other = NULL;
    setenv("PENCL_HIDE", "fp16,subgroups,dot,images", 1);
    reopen();
    const pn_caps *caps = pn_device_caps(device);
    ck_assert_uint_eq(caps->has, caps->is_ref ? 0 : PN_CAP_OPENCL);
    setenv("PENCL_HIDE", "everything", 1);
    ck_assert_int_eq(pencl_device_open(&other, ctx, "ref"), PENCL_E_ARG);
    expect_text("everything");
}
END_TEST

START_TEST(base_addresses_are_aligned)
{
    pn_buffer *b = new_buffer(3);
    uintptr_t at = (uintptr_t)pn_buffer_host(b);
    ck_assert_uint_eq(at % pn_device_caps(device)->align, 0);
    ck_assert((at == 0) == !pn_device_caps(device)->is_ref);
    pn_buffer_free(b);
}
END_TEST

static const pn_kernel_source sums = {
    .file = "good",
    .name = "sums",
    .prelude = "float more(void)\n{\n    return 0.5f;\n}\n",
    .options = "-DEXTRA=1000",
    .label = "test/sums",
    .once = true, /* y is read and written */
};

/* Runs `sums` over 8 floats and returns the last: 2 * 7 + 1 + 2 + 3 + 4 + 1000 + 0.5. */
static float run_sums(pn_kernel *k)
{
    const float in[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    float out[8] = {0};
    const size_t global[3] = {8, 1, 1};
    const size_t local[3] = {4, 1, 1};
    pn_buffer *y = new_buffer(sizeof in);
    ck_assert_int_eq(pn_buffer_write(y, 0, in, sizeof in), PENCL_OK);
    pn_kernel_arg_buffer(k, 0, y);
    pn_kernel_arg_i32(k, 1, 1);
    pn_kernel_arg_u32(k, 2, 2);
    pn_kernel_arg_i64(k, 3, 3);
    pn_kernel_arg_f32(k, 4, 4);
    pn_kernel_arg_local(k, 5, 4 * sizeof(float));
    ck_assert_msg(pn_kernel_run(k, 1, global, local) == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(pn_device_flush(device), PENCL_OK);
    ck_assert_int_eq(pn_device_finish(device), PENCL_OK);
    ck_assert_int_eq(pn_buffer_read(y, 0, out, sizeof out), PENCL_OK);
    pn_buffer_free(y);
    ck_assert_float_eq(out[0], 1010.5f); /* of the other work-group */
    return out[7];
}

static pn_kernel *new_kernel(const pn_kernel_source *source)
{
    pn_kernel *k = NULL;
    ck_assert_msg(pn_kernel_new(&k, device, source) == PENCL_OK, "%s", pencl_error_text(ctx));
    return k;
}

START_TEST(kernels_run_with_their_arguments)
{
    if (pn_device_caps(device)->is_ref) {
        pn_kernel *k = NULL;
        ck_assert_int_eq(pn_kernel_new(&k, device, &sums), PENCL_E_UNSUPPORTED);
        return;
    }
    pn_kernel *a = new_kernel(&sums);
    pn_kernel *b = new_kernel(&sums);
    ck_assert_int_eq(n_built, 1); /* shared */
    ck_assert_float_eq(run_sums(a), 1024.5f);
    ck_assert_float_eq(run_sums(b), 1024.5f);
    ck_assert_float_eq(run_sums(a), 1024.5f);
    pn_kernel_free(a);
    pn_kernel_free(b);
}
END_TEST

START_TEST(stored_binaries_spare_the_build)
{
    if (pn_device_caps(device)->is_ref) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        pn_kernel *k = new_kernel(&sums);
        ck_assert_float_eq(run_sums(k), 1024.5f);
        pn_kernel_free(k);
        reopen();
    }
    ck_assert_int_eq(n_built, 1);
    write_file("lib/twice.clh", "float twice(float x) { return 3 * x; }\n");
    pn_kernel *k = new_kernel(&sums);
    ck_assert_float_eq(run_sums(k), 1031.5f);
    ck_assert_int_eq(n_built, 2);
    pn_kernel_free(k);
}
END_TEST

/* What a full disk, another driver under the same name or a driver without binaries leave. */
START_TEST(useless_binaries_are_built_again)
{
    static const char *const rows[] = {"", "sums 4,1,1 10\n", "no end"};
    static const size_t sizes[] = {0, sizeof "sums 4,1,1 10\n", 6};
    char key[33];
    if (pn_device_caps(device)->is_ref) {
        return;
    }
    pn_kernel *k = new_kernel(&sums);
    ck_assert_float_eq(run_sums(k), 1024.5f);
    pn_copy(key, sizeof key, k->program->store_key);
    for (int i = 0; i < 3; i++) {
        pn_kernel_free(k);
        reopen();
        pn_store_db_put(device->store, device->programs_table, key, rows[i], sizes[i]);
        reopen();
        k = new_kernel(&sums);
        ck_assert_float_eq(run_sums(k), 1024.5f);
        ck_assert_int_eq(n_built, 2 + i);
    }
    pn_kernel_free(k);
    reopen();
    k = new_kernel(&sums);
    ck_assert_int_eq(n_built, 4); /* what was built instead is kept */
    pn_kernel_free(k);
}
END_TEST

START_TEST(failed_builds_name_the_file_and_line)
{
    pn_kernel *k = NULL;
    pn_kernel_source source = {.file = "broken", .name = "sums", .label = "test/broken"};
    if (pn_device_caps(device)->is_ref) {
        return;
    }
    ck_assert_int_eq(pn_kernel_new(&k, device, &source), PENCL_E_BUILD);
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "test/broken: "));
    ck_assert_ptr_nonnull(strstr(pencl_error_text(ctx), "no_such_function"));
    if (strcmp(pencl_device_describe(device)->id, "oclgrind:0") != 0) { /* it ignores #line */
        expect_text("cl/broken.cl:4");
    }
}
END_TEST

START_TEST(missing_files_and_kernels_are_named)
{
    pn_kernel *k = NULL;
    pn_kernel_source source = {.file = "absent", .name = "sums", .label = "test/absent"};
    if (pn_device_caps(device)->is_ref) {
        return;
    }
    ck_assert_int_ne(pn_kernel_new(&k, device, &source), PENCL_OK);
    expect_text("absent.cl");
    source = sums;
    source.name = "differences";
    ck_assert_int_eq(pn_kernel_new(&k, device, &source), PENCL_E_BUILD);
    expect_text("differences in cl/good.cl");
}
END_TEST

START_TEST(refused_arguments_and_sizes_fail_the_launch)
{
    const size_t global[3] = {4, 1, 1};
    const size_t local[3] = {4, 1, 1};
    if (pn_device_caps(device)->is_ref) {
        return;
    }
    setenv("PENCL_LIMIT", "wg:2", 1);
    reopen();
    pn_kernel *k = new_kernel(&sums);
    ck_assert_int_eq(pn_kernel_run(k, 1, global, local), PENCL_E_LIMIT);
    expect_text("test/sums: a work-group of 4, the device takes 2");
    pn_kernel_arg_i32(k, 77, 1);
    ck_assert_int_eq(pn_kernel_run(k, 1, global, local), PENCL_E_DEVICE);
    expect_text("test/sums: clSetKernelArg of argument 77: CL_INVALID_ARG_INDEX on ");
    pn_kernel_free(k);
}
END_TEST

START_TEST(threads_are_set_before_drivers_are_loaded)
{
    ck_assert_int_eq(pencl_set_threads(ctx, -1), PENCL_E_ARG);
    ck_assert_int_eq(pencl_set_threads(ctx, 0), PENCL_OK);
    if (pn_device_caps(device)->is_ref) { /* opened without OpenCL */
        ck_assert_int_eq(pencl_set_threads(ctx, 2), PENCL_OK);
        ck_assert_str_eq(pn_get_env("POCL_MAX_PTHREAD_COUNT"), "2");
        ck_assert_str_eq(pn_get_env("DPCPP_CPU_NUM_CUS"), "2");
        return;
    }
    ck_assert_int_eq(pencl_set_threads(ctx, 2), PENCL_E_ARG);
    expect_text("after the drivers were loaded");
}
END_TEST

START_TEST(list_ends_with_ref_and_numbers_rows)
{
    pencl_device_list *list = NULL;
    ck_assert_int_eq(pencl_device_list_new(&list, ctx), PENCL_OK);
    for (size_t i = 0; i < list->n_devices; i++) {
        ck_assert_int_eq(list->devices[i].number, (int)i);
        ck_assert_str_ne(list->devices[i].why, "");
    }
    ck_assert_str_eq(list->devices[list->n_devices - 1].id, "ref");
    pencl_device_list_free(list);
    ck_assert_int_eq(pencl_drivers_proven(ctx), 1);
}
END_TEST

Suite *suite_device_device(void);
Suite *suite_device_device(void)
{
    Suite *suite = suite_create("device_device");
    TCase *buffers = tcase_create("buffers");
    TCase *kernels = tcase_create("kernels");
    TCase *all[] = {buffers, kernels};
    for (int i = 0; i < 2; i++) {
        tcase_add_checked_fixture(all[i], setup, teardown);
        tcase_set_timeout(all[i], 60);
        suite_add_tcase(suite, all[i]);
    }
    tcase_add_test(buffers, buffers_keep_what_is_written);
    tcase_add_test(buffers, ranges_outside_a_buffer_are_refused);
    tcase_add_test(buffers, fills_and_copies_stay_in_their_range);
    tcase_add_test(buffers, maps_write_and_read);
    tcase_add_test(buffers, memory_and_references_are_counted);
    tcase_add_test(buffers, limits_are_kept);
    tcase_add_test(buffers, hidden_capabilities_are_gone);
    tcase_add_test(buffers, base_addresses_are_aligned);
    tcase_add_test(kernels, kernels_run_with_their_arguments);
    tcase_add_test(kernels, stored_binaries_spare_the_build);
    tcase_add_test(kernels, useless_binaries_are_built_again);
    tcase_add_test(kernels, failed_builds_name_the_file_and_line);
    tcase_add_test(kernels, missing_files_and_kernels_are_named);
    tcase_add_test(kernels, refused_arguments_and_sizes_fail_the_launch);
    tcase_add_test(kernels, threads_are_set_before_drivers_are_loaded);
    tcase_add_test(kernels, list_ends_with_ref_and_numbers_rows);
    return suite;
}
