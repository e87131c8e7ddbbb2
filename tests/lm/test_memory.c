/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of models and sessions: what was said before is what is taken, and it is given back. */
#include "pencl/pencl.h"

#include "device/device.h"

#include "support/devices.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static pencl_ctx *ctx;
static pencl_device *device;
static pencl_model *model;
static pencl_lm *lm;

static void open_model(const char *limit, int64_t context)
{
    const pencl_model_options options = {.context = context};
    if (limit != NULL) {
        setenv("PENCL_LIMIT", limit, 1);
    }
    ctx = pencl_ctx_new();
    device = test_device(ctx);
    pencl_status st =
        pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_mix.gguf", &options);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    lm = pencl_model_lm(model);
    ck_assert_int_eq(pencl_model_context(model), context);
}

static void close_model(void)
{
    pencl_model_close(model);
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    unsetenv("PENCL_LIMIT");
}

static size_t in_use(void)
{
    size_t now = 0;
    size_t peak = 0;
    pn_device_memory(device, &now, &peak);
    return now;
}

static pencl_session *session_of(int64_t context)
{
    const pencl_session_options options = {.context = context};
    pencl_session *s = NULL;
    pencl_status st = pencl_session_new(&s, lm, &options);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
    return s;
}

static void feed(pencl_session *s, size_t n)
{
    int32_t ids[1024];
    for (size_t i = 0; i < n; i++) {
        ids[i] = (int32_t)(1 + i % 40);
    }
    pencl_status st = pencl_session_feed(NULL, s, ids, n, PENCL_LOGITS_NONE);
    ck_assert_msg(st == PENCL_OK, "%s", pencl_error_text(ctx));
}

/* A float32 key and value in each block for each slot, and its position. */
static uint64_t bytes_of_slot(void)
{
    const pencl_transformer_metadata *m = pencl_lm_metadata(lm);
    uint64_t row = (uint64_t)m->projection_dim;
    for (int i = 0; i < m->n_common; i++) {
        row *= (uint64_t)m->common_head_axes[i].size;
    }
    return (uint64_t)pencl_model_describe(model)->n_blocks * 2 * row * 4 + 4;
}

START_TEST(caches_take_what_was_said)
{
    pencl_memory memory;
    open_model(NULL, 100);
    const size_t before = in_use();
    ck_assert_int_eq(pencl_lm_memory(&memory, lm, 100), PENCL_OK);
    ck_assert_uint_eq(in_use(), before);
    ck_assert_uint_eq(memory.weights, pencl_model_describe(model)->weight_bytes);
    ck_assert_uint_eq(memory.weights, before);
    ck_assert_uint_eq(memory.caches, 112 * bytes_of_slot()); /* sixteen tokens lie together */
    ck_assert_uint_eq(memory.total, memory.weights + memory.caches + memory.temporaries);
    pencl_session *s = session_of(100);
    ck_assert_uint_eq(in_use(), memory.weights + memory.caches);
    feed(s, 99);
    ck_assert_uint_le(in_use(), memory.total + memory.total / 20); /* each plan has its inputs */
    ck_assert_uint_gt(in_use(), memory.weights + memory.caches);
    pencl_session_free(s);
    close_model();
}
END_TEST

/* Plans are kept for the next session; caches are not, and growing copies nothing. */
START_TEST(sessions_give_their_memory_back)
{
    size_t after[3];
    open_model(NULL, 1000);
    for (int i = 0; i < 3; i++) {
        pencl_session *s = session_of(1000 - 100 * i);
        const size_t first = in_use();
        feed(s, 200);
        feed(s, 200); /* more than the first slots */
        ck_assert_uint_lt(in_use(), first + 200 * bytes_of_slot() + (size_t)(2 << 20));
        pencl_session_free(s);
        after[i] = in_use();
    }
    /* Each kept plan has its own inputs of a step; the caches of two sessions would be 1700 slots.
     */
    ck_assert_uint_lt(after[2], after[0] + 400 * bytes_of_slot());
    close_model();
}
END_TEST

START_TEST(a_session_that_is_too_long_is_refused)
{
    const pencl_session_options options = {.context = 8000};
    pencl_session *s = NULL;
    open_model("mem:3M", 64);
    const size_t before = in_use();
    ck_assert_int_eq(pencl_session_new(&s, lm, &options), PENCL_E_LIMIT);
    const char *text = pencl_error_text(ctx);
    ck_assert_msg(strncmp(text, "the session does not fit on ", 28) == 0, "%s", text);
    ck_assert_msg(strstr(text, " for 8000 tokens") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "What would fit: a context of ") != NULL, "%s", text);
    ck_assert_uint_eq(in_use(), before);
    s = session_of(64);
    feed(s, 64);
    pencl_session_free(s);
    close_model();
}
END_TEST

/* Where a step of 512 tokens has no room, shorter ones give the same. */
START_TEST(steps_are_shorter_where_memory_is_short)
{
    pencl_memory memory;
    open_model("alloc:450K", 400);
    ck_assert_int_eq(pencl_lm_memory(&memory, lm, 400), PENCL_OK);
    ck_assert_uint_lt(memory.temporaries, 600000);
    pencl_session *s = session_of(400);
    feed(s, 400);
    pencl_session_free(s);
    close_model();
}
END_TEST

Suite *suite_lm_memory(void);
Suite *suite_lm_memory(void)
{
    Suite *suite = suite_create("lm_memory");
    TCase *tc = tcase_create("memory");
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, caches_take_what_was_said);
    tcase_add_test(tc, sessions_give_their_memory_back);
    tcase_add_test(tc, a_session_that_is_too_long_is_refused);
    tcase_add_test(tc, steps_are_shorter_where_memory_is_short);
    suite_add_tcase(suite, tc);
    return suite;
}
