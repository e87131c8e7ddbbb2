/* SPDX-License-Identifier: Apache-2.0 */
/* A small sound GGUF file in memory. */
#include "support/small_gguf.h"

#include "io/io.h"
#include "io/write_gguf.h"

#include <check.h>

const float small_f32[6] = {1, 2, 3, 4, 5, 6};
const unsigned char small_q8[2 * 34] = {1, 2, 3};

void small_gguf(pn_text *out, pencl_ctx *ctx)
{
    static const pn_string tokens[] = {{"a", 1}, {"", 0}, {"b\0c", 3}};
    static const int32_t types[] = {1, -2, 3};
    static const float scores[] = {0.5F, -1.0F};
    static const pn_tensor tensors[] = {
        {.name = "b.weight",
         .dtype = PENCL_F32,
         .n_dims = 2,
         .dims = {2, 3},
         .data = (const unsigned char *)small_f32,
         .bytes = sizeof small_f32},
        {.name = "a.weight",
         .dtype = PENCL_Q8_0,
         .n_dims = 2,
         .dims = {2, 32},
         .data = small_q8,
         .bytes = sizeof small_q8},
    };
    pn_gguf_writer *w = pn_gguf_writer_new();
    pn_gguf_add_text(w, "general.architecture", "llama");
    pn_gguf_add_u32(w, "llama.block_count", 30);
    pn_gguf_add_f32(w, "llama.rope.freq_base", 1e5F);
    pn_gguf_add_bool(w, "tokenizer.ggml.add_bos_token", true);
    pn_gguf_add_strings(w, "tokenizer.ggml.tokens", tokens, 3);
    pn_gguf_add_i32s(w, "tokenizer.ggml.token_type", types, 3);
    pn_gguf_add_f32s(w, "tokenizer.ggml.scores", scores, 2);
    pn_gguf_add_u32(w, "general.alignment", 32);
    pn_gguf_add_tensor(w, &tensors[0]);
    pn_gguf_add_tensor(w, &tensors[1]);
    ck_assert_int_eq(pn_gguf_print(w, ctx, out), PENCL_OK);
    pn_gguf_writer_free(w);
}
