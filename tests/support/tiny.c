/* SPDX-License-Identifier: Apache-2.0 */
/* The tiny model with its golden logits. */
#include "support/tiny.h"

#include "support/golden.h"

#include <check.h>
#include <stdlib.h>

pencl_model *model;
pencl_lm *lm;
int32_t tokens[N_TOKENS];
float *want;

void fixture_tiny(void)
{
    size_t count = 0;
    json_t *json = golden_json("tiny/tiny.json");
    for (size_t i = 0; i < N_TOKENS; i++) {
        json_t *id = json_array_get(json_object_get(json, "tokens"), i);
        tokens[i] = (int32_t)json_integer_value(id);
        ck_assert_int_ne(tokens[i], PAD);
    }
    json_decref(json);
    want = golden_npy("tiny/tiny_mix.logits.npy", &count);
    ck_assert_uint_eq(count, N_TOKENS * VOCABULARY);
    fixture_device();
    ok(pencl_model_open(&model, device, PENCL_TEST_DATA "/tiny/tiny_mix.gguf", NULL));
    lm = pencl_model_lm(model);
}

void fixture_tiny_close(void)
{
    free(want);
    pencl_model_close(model);
    fixture_close();
}
