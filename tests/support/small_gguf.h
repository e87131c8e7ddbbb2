/* SPDX-License-Identifier: Apache-2.0 */
/* A small sound GGUF file in memory: every kind of value, two tensors. */
#ifndef PENCL_TESTS_SUPPORT_SMALL_GGUF_H
#define PENCL_TESTS_SUPPORT_SMALL_GGUF_H

#include "base/base.h"

/* Free with pn_text_free. */
void small_gguf(pn_text *out, pencl_ctx *ctx);

extern const float small_f32[6];             /* of "b.weight" [2, 3] */
extern const unsigned char small_q8[2 * 34]; /* of "a.weight" [2, 32], the last tensor */

#endif
