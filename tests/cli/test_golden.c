/* SPDX-License-Identifier: Apache-2.0 */
/* penzai's own logits from the command line: eight families, plain, with positions, through a
 * cache. */
#include "support/command.h"
#include "support/folder.h"
#include "support/golden.h"
#include "support/penzai.h"
#include "support/penzai_answers.h"

#include <check.h>
#include <stdlib.h>

#define BAR    2e-5
#define LOGITS "logits", "-m", "@/model.safetensors", "--tokens-file"

static char folder[TEST_PATH];

static void setup(void)
{
    const char *device = getenv("PENCL_TEST_DEVICE");
    test_folder_make(folder);
    setenv("PENCL_DEVICE", device != NULL && *device != '\0' ? device : "ref", 1);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

static void write_table(const penzai_answers *a, const char *key, const char *file)
{
    const int64_t shape[] = {a->batch, a->seq};
    int32_t *table = penzai_table(a, key);
    npy_write(test_path(folder, file), "<i4", shape, 2, table);
    free(table);
}

static void compare(const penzai_answers *a, const char *file, const char *key, int family)
{
    size_t count = 0;
    float *got = npy_read(test_path(folder, file), &count);
    ck_assert_uint_eq(count, (size_t)(a->batch * a->seq * a->vocabulary));
    double worst = penzai_worst(a, key, got, 0, a->batch * a->seq);
    ck_assert_msg(worst <= BAR, "%s, %s: %g", penzai_families[family], key, worst);
    free(got);
}

START_TEST(the_command_gives_penzais_logits)
{
    static const command_row rows[] = {
        {.args = {LOGITS, "@/tokens.npy", "-o", "@/a.npy"}},
        {.args = {LOGITS, "@/tokens.npy", "--positions", "@/positions.npy", "-o", "@/b.npy"}},
        {.args = {LOGITS, "@/tokens.npy", "--cache-len", "7", "--feed", "4,3", "--pad-id", "0",
                  "-o", "@/c.npy"}},
    };
    json_t *golden = penzai_golden(_i);
    const penzai_answers a = penzai_answers_of(golden);
    penzai_file file = penzai_file_of(golden, (uint64_t)_i + 7);
    penzai_write(&file, test_path(folder, "model.safetensors"));
    penzai_file_free(&file);
    write_table(&a, "tokens", "tokens.npy");
    write_table(&a, "padded_positions", "positions.npy");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        command_check(&rows[i], folder);
    }
    compare(&a, "a.npy", "logits", _i);
    compare(&a, "b.npy", "logits_padded_positions", _i);
    compare(&a, "c.npy", PENZAI_CACHED, _i);
    json_decref(golden);
}
END_TEST

Suite *suite_cli_golden(void);
Suite *suite_cli_golden(void)
{
    Suite *suite = suite_create("cli_golden");
    TCase *tc = tcase_create("families");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, the_command_gives_penzais_logits, 0, PENZAI_FAMILIES);
    suite_add_tcase(suite, tc);
    return suite;
}
