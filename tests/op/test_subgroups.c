/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that reduce over subgroups, built for each size that the device has: every case at one of
 * them; with PENCL_TEST_LONG at all. PENCL_TEST_OP=softmax keeps the other ops out. */
#include "base/os.h"
#include "op/group.h"
#include "plan/trial.h"
#include "support/devices.h"
#include "support/folder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint32_t sizes[] = {4, 8, 16, 32, 64};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static pencl_ctx *ctx;
static pencl_device *device;

/* Opens the device as if it had subgroups of sizes[at] alone; false when it has none of that size.
 */
static bool open_at_size(int at)
{
    char limit[32];
    bool has = false;
    ctx = pencl_ctx_new();
    device = test_device(ctx);
    const uint32_t *all = pn_device_caps(device)->subgroups;
    for (int i = 0; all[i] != 0; i++) {
        has = has || all[i] == sizes[at];
    }
    pencl_device_close(device);
    snprintf(limit, sizeof limit, "subgroup:%u", (unsigned)sizes[at]);
    setenv("PENCL_LIMIT", limit, 1);
    device = test_device(ctx);
    const pn_caps *caps = pn_device_caps(device);
    ck_assert_uint_eq((caps->has & PN_CAP_SUBGROUPS) != 0, has);
    ck_assert_uint_eq(caps->subgroups[0], has ? sizes[at] : 0);
    ck_assert_uint_eq(caps->subgroups[1], 0);
    return has;
}

static void close_device(void)
{
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}

/* ---- the size is what was asked for ---- */

static const char source[] =
    "#include \"lib/group.clh\"\n"
    "GROUP_KERNEL(alone, tree, sizes)(__global uint *out, __global const float *x)\n"
    "{\n"
    "    __local float shared[LANES];\n"
    "    const uint lane = get_local_id(0);\n"
    "    const float sum = lanes_sum(x[lane], shared);\n"
    "    const float most = lanes_max(x[lane], shared);\n"
    "    if (sum != 2016.0f || most != 63.0f) {\n"
    "        out[lane] = 0;\n"
    "    } else {\n"
    "        out[lane] = get_sub_group_size() + 1000 * get_num_sub_groups();\n"
    "    }\n"
    "}\n";

/* Every lane sums and compares 0 to 63, and writes the size and number of subgroups. */
static void run_sizes(uint32_t out[PN_GROUP_LANES])
{
    float x[PN_GROUP_LANES];
    pn_kernel *k = NULL;
    pn_buffer *buffer = NULL;
    pn_buffer *in = NULL;
    pn_text prelude = {0};
    const size_t lanes[3] = {PN_GROUP_LANES};
    for (int i = 0; i < PN_GROUP_LANES; i++) {
        x[i] = (float)i;
    }
    pn_group_define(&prelude, PN_GROUP_SUBGROUPS, device);
    const pn_kernel_source of = {.file = "sizes",
                                 .name = "sizes",
                                 .prelude = pn_text_get(&prelude),
                                 .options = pn_group_options(PN_GROUP_SUBGROUPS, device),
                                 .label = "sizes"};
    ck_assert_msg(pn_kernel_new(&k, device, &of) == PENCL_OK, "%s", pencl_error_text(ctx));
    ck_assert_int_eq(pn_buffer_new(&buffer, device, sizeof x), PENCL_OK);
    ck_assert_int_eq(pn_buffer_new(&in, device, sizeof x), PENCL_OK);
    ck_assert_int_eq(pn_buffer_write(in, 0, x, sizeof x), PENCL_OK);
    pn_kernel_arg_buffer(k, 0, buffer);
    pn_kernel_arg_buffer(k, 1, in);
    ck_assert_int_eq(pn_kernel_run(k, 1, lanes, lanes), PENCL_OK);
    ck_assert_int_eq(pn_buffer_read(buffer, 0, out, sizeof x), PENCL_OK);
    pn_buffer_free(buffer);
    pn_buffer_free(in);
    pn_kernel_free(k);
    pn_text_free(&prelude);
}

START_TEST(kernels_are_built_for_the_size)
{
    char folder[TEST_PATH];
    uint32_t got[PN_GROUP_LANES];
    test_folder_make(folder);
    test_write(test_path(folder, "sizes.cl"), source, sizeof source - 1);
    ck_assert_int_eq(symlink(PENCL_SOURCE_DIR "/cl/lib", test_path(folder, "lib")), 0);
    setenv("PENCL_CL_DIR", folder, 1);
    if (open_at_size(_i)) {
        run_sizes(got);
        for (int i = 0; i < PN_GROUP_LANES; i++) {
            ck_assert_uint_eq(got[i], sizes[_i] + 1000 * (PN_GROUP_LANES / sizes[_i]));
        }
    }
    close_device();
    unlink(test_path(folder, "lib"));
    test_folder_remove(folder);
}
END_TEST

/* ---- every kernel, against its reference ---- */

static int run(const pn_op_def *def, const pn_op_case *row, const char *kernel)
{
    pn_case c;
    int n_runs = 0;
    pencl_status st = pn_case_make(&c, ctx, def, row);
    ck_assert_msg(st == PENCL_OK, "%s, %s: %s", def->name, row->name, pencl_error_text(ctx));
    for (int storage = PN_ALL_PLAIN; storage < PN_STORAGES; storage++) {
        pn_trial trial = {0};
        if (!pn_case_can_be_stored(&c, device, (pn_storage)storage)) {
            continue;
        }
        st = pn_trial_run(&trial, device, &c, (pn_storage)storage, kernel);
        ck_assert_msg(st == PENCL_OK && trial.fault.size == 0, "%s, %s, stored %s, kernel %s: %s%s",
                      def->name, row->name, pn_storage_name((pn_storage)storage), kernel,
                      pencl_error_text(ctx), pn_text_get(&trial.fault));
        n_runs += trial.taken;
        pn_text_free(&trial.fault);
    }
    pn_case_free(&c);
    return n_runs;
}

/* The cases of the op that are this size's share; of an op with few, the first at least. */
static void run_share(const pn_op_def *def, const char *kernel, int size)
{
    int n_runs = 0;
    bool all = getenv("PENCL_TEST_LONG") != NULL;
    for (int i = 0; def->cases[i].name != NULL; i++) {
        if (all || i % N_SIZES == size) {
            n_runs += run(def, &def->cases[i], kernel);
        }
    }
    if (n_runs == 0) {
        n_runs = run(def, &def->cases[0], kernel);
    }
    ck_assert_msg(n_runs > 0, "%s: no case for %s", def->name, kernel);
}

static bool wanted(const pn_op_def *def)
{
    const char *only = getenv("PENCL_TEST_OP");
    return only == NULL || *only == '\0' || strcmp(only, def->name) == 0;
}

START_TEST(kernels_agree_at_every_size)
{
    int n_kernels = 0;
    bool has = open_at_size(_i);
    for (int i = 0; pn_ops[i] != NULL && has; i++) {
        for (const pn_candidate *k = pn_ops[i]->kernels; k != NULL && k->name != NULL; k++) {
            if (k->needs & PN_CAP_SUBGROUPS && wanted(pn_ops[i])) {
                run_share(pn_ops[i], k->name, _i);
                n_kernels++;
            }
        }
    }
    ck_assert(n_kernels > 0 || !has);
    close_device();
}
END_TEST

/* ---- trust ---- */

/* Subgroups that leave out the second one: wrong in a matmul only where it absorbs a norm. */
START_TEST(a_matmul_is_not_used_where_norms_are_wrong)
{
    static const char *const names[] = {"matmul/matmul_simt_subgroup/f32,q4_1/rows16/1",
                                        "matmul/matmul_simt/f32,q4_1/rows16/1"};
    char folder[TEST_PATH];
    char command[4 * TEST_PATH];
    char why[256] = "not tried";
    test_folder_make(folder);
    snprintf(command, sizeof command,
             "cp -r %s/cl %s/cl && sed -i 's/uint i = 1; i < n;/uint i = 2; i < n;/' "
             "%s/cl/lib/group.clh",
             PENCL_SOURCE_DIR, folder, folder);
    ck_assert_int_eq(system(command), 0);
    setenv("PENCL_CL_DIR", test_path(folder, "cl"), 1);
    setenv("PENCL_CACHE", test_path(folder, "cache"), 1);
    if (open_at_size(0)) {
        ck_assert_int_eq(pencl_device_probe(device, names, 2), PENCL_OK);
        ck_assert(pn_device_verdict(device, names[0], why, sizeof why));
        ck_assert_msg(strstr(why, "differ") != NULL, "%s", why);
        ck_assert(pn_device_verdict(device, names[1], why, sizeof why));
        ck_assert_str_eq(why, "");
    }
    close_device();
    test_folder_remove(folder);
}
END_TEST

Suite *suite_op_subgroups(void);
Suite *suite_op_subgroups(void)
{
    Suite *suite = suite_create("op_subgroups");
    TCase *tc = tcase_create("sizes");
    tcase_set_timeout(tc, 600);
    tcase_add_loop_test(tc, kernels_are_built_for_the_size, 0, N_SIZES);
    tcase_add_loop_test(tc, kernels_agree_at_every_size, 0, N_SIZES);
    tcase_add_test(tc, a_matmul_is_not_used_where_norms_are_wrong);
    suite_add_tcase(suite, tc);
    return suite;
}
