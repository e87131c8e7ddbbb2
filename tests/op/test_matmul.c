/* SPDX-License-Identifier: Apache-2.0 */
/* Fused matmuls: a norm before them, several weights that share their input, epilogues after them.
 * Each kernel's fused form gives what the unfused ops give. */
#include "op/op.h"
#include "plan/internal.h"
#include "support/devices.h"
#include "support/noise.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pencl_ctx *ctx;
static pencl_device *device;

static void setup(void)
{
    ctx = pencl_ctx_new();
    device = test_device(ctx);
}

static void teardown(void)
{
    pencl_device_close(device);
    pencl_ctx_free(ctx);
}

#define CHECK_OK(expr) ck_assert_msg((expr) == PENCL_OK, "%s", pencl_error_text(ctx))

enum { MAX_VARIABLES = 8 };

/* A graph under test: a residual stream through a norm, three projections, a gated pair and back.
 */
typedef struct fixture {
    const char *dtype;
    const char *layout;
    int tokens;
    noise state;
    pencl_graph *graph;
    pn_store *stores[MAX_VARIABLES];
    int n_stores;
    pencl_value *outs[5];
    int n_outs;
} fixture;

/* A variable of noise: blocks are made of float rows by the element type's own packing. */
static pencl_value *variable(fixture *f, const char *dtype, const char *axes, int n_row_axes)
{
    char text[128];
    pn_spec spec;
    snprintf(text, sizeof text, "%s:%s", dtype, axes);
    CHECK_OK(pn_spec_parse(&spec, ctx, text));
    size_t n = (size_t)pn_spec_count(&spec);
    float *values = pn_calloc(n, sizeof *values);
    void *plain = pn_calloc(pn_spec_bytes(&spec), 1);
    ck_assert(values != NULL && plain != NULL);
    for (size_t i = 0; i < n; i++) {
        values[i] = 0.2F * noise_float(&f->state);
    }
    pn_dtype_of(spec.dtype)->from_f32(values, plain, n);
    pn_store **store = &f->stores[f->n_stores++];
    const char *layout = n_row_axes > 0 ? f->layout : "plain";
    CHECK_OK(pn_store_new(store, device, &spec, n_row_axes, pn_layout_by_name(layout)));
    CHECK_OK(pn_store_upload(*store, ctx, plain));
    pn_free(values);
    pn_free(plain);
    snprintf(text, sizeof text, "v%d", f->n_stores);
    return pn_graph_variable(f->graph, text, *store);
}

static pencl_value *times(pencl_value *x, pencl_value *w, const char *axis)
{
    return pencl_value_matmul(x, w, &axis, 1);
}

/* Rows of 48 and 37: one a multiple of 16, one not. */
static void trace(fixture *f, bool layer_norm)
{
    char axes[64];
    pn_spec spec;
    f->state = (noise){11};
    CHECK_OK(pencl_graph_new(&f->graph, device));
    snprintf(axes, sizeof axes, "seq=%d embedding=64", f->tokens);
    CHECK_OK(pn_spec_parse(&spec, ctx, axes));
    pencl_value *x = pn_graph_input(f->graph, "x", &spec);
    pencl_value *scale = variable(f, "f32", "embedding=64", 0);
    pencl_value *normal = layer_norm ? pencl_value_layer_norm(x, "embedding", 1e-5)
                                     : pencl_value_rms_norm(x, "embedding", 1e-5);
    normal = pencl_value_mul(normal, scale);
    f->outs[0] = times(normal, variable(f, f->dtype, "a=48 embedding=64", 1), "embedding");
    f->outs[1] = times(normal, variable(f, f->dtype, "b=37 embedding=64", 1), "embedding");
    f->outs[1] = pencl_value_add(f->outs[1], variable(f, "f32", "b=37", 0));
    f->outs[2] = times(normal, variable(f, f->dtype, "c=16 embedding=64", 1), "embedding");
    pencl_value *gate = times(x, variable(f, f->dtype, "neurons=608 embedding=64", 1), "embedding");
    pencl_value *up = times(x, variable(f, f->dtype, "neurons=608 embedding=64", 1), "embedding");
    pencl_value *hidden = pencl_value_mul(pencl_value_silu(gate), up);
    f->outs[3] = hidden;
    pencl_value *back =
        times(hidden, variable(f, f->dtype, "embedding=64 neurons=608", 1), "neurons");
    f->outs[4] = pencl_value_add(back, x);
    f->n_outs = 5;
    CHECK_OK(pencl_graph_finish(f->graph));
}

/* All outputs, one after another; the caller frees. */
static float *run(fixture *f, const char *passes, const char *kernel, size_t *n)
{
    pn_plan *plan = NULL;
    const pn_plan_options options = {.passes = passes, .kernel = kernel};
    pencl_value *outs[] = {f->outs[0], f->outs[1], f->outs[2], f->outs[4]};
    CHECK_OK(pn_plan_new(&plan, f->graph, outs, PN_COUNT(outs), &options));
    const pn_spec *spec = NULL;
    float *x = pn_plan_input(plan, "x", &spec);
    noise state = {5};
    for (int64_t i = 0; i < pn_spec_count(spec); i++) {
        x[i] = noise_float(&state);
    }
    CHECK_OK(pn_plan_run(plan));
    float *all = pn_calloc((size_t)f->tokens * 256, sizeof *all);
    ck_assert_ptr_nonnull(all);
    *n = 0;
    for (size_t i = 0; i < PN_COUNT(outs); i++) {
        size_t count = (size_t)pn_spec_count(pn_plan_out_spec(plan, (int)i));
        CHECK_OK(pn_plan_read(plan, (int)i, 0, all + *n, count * sizeof *all));
        *n += count;
    }
    pn_plan_free(plan);
    return all;
}

/* What the unfused ops give. */
static float *run_unfused(fixture *f, size_t *n)
{
    return run(f, "none", "matmul_rows", n);
}

static void check_kernel(fixture *f, const char *kernel, const float *expected, size_t n)
{
    size_t n_fused = 0;
    float *fused = run(f, "all", kernel, &n_fused);
    ck_assert_uint_eq(n, n_fused);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(fabsf(expected[i] - fused[i]) <= 2e-4F,
                      "%s, %s %s, %d tokens: element %zu is %g, unfused %g", kernel, f->dtype,
                      f->layout, f->tokens, i, (double)fused[i], (double)expected[i]);
    }
    pn_free(fused);
}

static void check_kernels(fixture *f, const float *expected, size_t n)
{
    for (const pn_candidate *k = pn_op_matmul.kernels; k->name != NULL; k++) {
        if (!pn_device_caps(device)->is_ref && !k->forced_only) {
            check_kernel(f, k->name, expected, n);
        }
    }
}

static void free_fixture(fixture *f)
{
    pencl_graph_free(f->graph);
    for (int i = 0; i < f->n_stores; i++) {
        pn_store_free(f->stores[i]);
    }
}

static void check_all(const char *dtype, const char *layout, int tokens, bool layer_norm)
{
    fixture f = {.dtype = dtype, .layout = layout, .tokens = tokens};
    size_t n = 0;
    trace(&f, layer_norm);
    float *expected = run_unfused(&f, &n);
    check_kernels(&f, expected, n);
    pn_free(expected);
    free_fixture(&f);
}

START_TEST(one_token_absorbs_its_norm)
{
    check_all("q4_1", "rows16", 1, false);
    check_all("f16", "rows16", 1, true);
}
END_TEST

START_TEST(a_few_tokens)
{
    check_all("q8_0", "rows16", 3, false);
}
END_TEST

START_TEST(many_tokens)
{
    check_all("q4_0", "rows16", 21, false);
}
END_TEST

START_TEST(plain_weights_are_fused_too)
{
    check_all("f32", "plain", 1, true);
    check_all("q4_1", "plain", 5, false);
}
END_TEST

/* A device that allocates so little at a time that 608 rows take three buffers. */
START_TEST(weights_in_several_parts)
{
    fixture whole = {.dtype = "f32", .layout = "rows16", .tokens = 6};
    size_t n = 0;
    trace(&whole, false);
    float *expected = run_unfused(&whole, &n);
    free_fixture(&whole);
    if (!pn_device_caps(device)->is_ref) {
        fixture f = {.dtype = "f32", .layout = "rows16", .tokens = 6};
        pencl_device_close(device);
        setenv("PENCL_LIMIT", "alloc:64K", 1);
        device = test_device(ctx);
        trace(&f, false);
        ck_assert_int_gt(f.stores[5]->n_parts, 1);
        check_kernels(&f, expected, n);
        free_fixture(&f);
    }
    pn_free(expected);
}
END_TEST

/* The norm in front is summed by subgroups. */
START_TEST(subgroups_of_every_size)
{
    static const char *const limits[] = {"subgroup:4", "subgroup:8", "subgroup:16", "subgroup:32",
                                         "subgroup:64"};
    fixture f = {.dtype = "q4_1", .layout = "rows16", .tokens = 1};
    size_t n = 0;
    pencl_device_close(device);
    setenv("PENCL_LIMIT", limits[_i], 1);
    device = test_device(ctx);
    trace(&f, true);
    float *expected = run_unfused(&f, &n);
    if (pn_device_caps(device)->has & PN_CAP_SUBGROUPS) {
        check_kernel(&f, "matmul_simt_subgroup", expected, n);
    }
    pn_free(expected);
    free_fixture(&f);
}
END_TEST

START_TEST(sizes_that_differ_are_named)
{
    pencl_graph *graph = NULL;
    pn_spec x;
    pn_spec w;
    const char *axis = "embedding";
    CHECK_OK(pencl_graph_new(&graph, device));
    CHECK_OK(pn_spec_parse(&x, ctx, "seq=2 embedding=8"));
    CHECK_OK(pn_spec_parse(&w, ctx, "neurons=3 embedding=9"));
    pencl_value *y = pencl_value_matmul(pn_graph_input(graph, "x", &x),
                                        pn_graph_input(graph, "w", &w), &axis, 1);
    ck_assert_ptr_null(y);
    ck_assert_int_eq(pencl_graph_finish(graph), PENCL_E_SHAPE);
    const char *text = pencl_error_text(ctx);
    ck_assert_msg(strstr(text, "\"embedding\" is 8 in x") != NULL &&
                      strstr(text, "neurons:3, embedding:9") != NULL,
                  "%s", text);
    pencl_graph_free(graph);
}
END_TEST

Suite *suite_op_matmul(void);
Suite *suite_op_matmul(void)
{
    Suite *suite = suite_create("op_matmul");
    TCase *fused = tcase_create("fused");
    tcase_set_timeout(fused, 600);
    tcase_add_checked_fixture(fused, setup, teardown);
    tcase_add_test(fused, one_token_absorbs_its_norm);
    tcase_add_test(fused, a_few_tokens);
    tcase_add_test(fused, many_tokens);
    tcase_add_test(fused, plain_weights_are_fused_too);
    tcase_add_test(fused, weights_in_several_parts);
    tcase_add_loop_test(fused, subgroups_of_every_size, 0, 5);
    tcase_add_test(fused, sizes_that_differ_are_named);
    suite_add_tcase(suite, fused);
    return suite;
}
