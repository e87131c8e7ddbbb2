/* SPDX-License-Identifier: Apache-2.0 */
/* Writer of GGUF version 3.
 *
 *     pn_gguf_writer *w = pn_gguf_writer_new();
 *     pn_gguf_add_text(w, "general.architecture", "llama");
 *     pn_gguf_add_u32(w, "llama.block_count", 30);
 *     pn_gguf_add_tensor(w, &tensor);
 *     pencl_status st = pn_gguf_write(w, ctx, "model.gguf");
 *     pn_gguf_writer_free(w);
 *
 * Adding never fails: memory that runs out is reported by the write. Keys and names are written as
 * they are; that they differ is the caller's care. */
#ifndef PENCL_IO_WRITE_GGUF_H
#define PENCL_IO_WRITE_GGUF_H

#include "io/io.h"

typedef struct pn_gguf_writer pn_gguf_writer;

pn_gguf_writer *pn_gguf_writer_new(void); /* NULL when out of memory; all functions take NULL */
void pn_gguf_writer_free(pn_gguf_writer *w);

void pn_gguf_add_u32(pn_gguf_writer *w, const char *key, uint32_t value);
void pn_gguf_add_f32(pn_gguf_writer *w, const char *key, float value);
void pn_gguf_add_bool(pn_gguf_writer *w, const char *key, bool value);
void pn_gguf_add_text(pn_gguf_writer *w, const char *key, const char *text);
void pn_gguf_add_string(pn_gguf_writer *w, const char *key, pn_string value);
void pn_gguf_add_strings(pn_gguf_writer *w, const char *key, const pn_string *values, size_t n);
void pn_gguf_add_i32s(pn_gguf_writer *w, const char *key, const int32_t *values, size_t n);
void pn_gguf_add_f32s(pn_gguf_writer *w, const char *key, const float *values, size_t n);
/* Key i of another file, of any kind, as it is. */
void pn_gguf_add_copy(pn_gguf_writer *w, const pn_model_file *from, size_t i);

/* Its name, dtype, dims and bytes; the data is read by the write and must live until then. */
void pn_gguf_add_tensor(pn_gguf_writer *w, const pn_tensor *tensor);

/* The whole file, replaced atomically; or added to a text. */
pencl_status pn_gguf_write(const pn_gguf_writer *w, pencl_ctx *ctx, const char *path);
pencl_status pn_gguf_print(const pn_gguf_writer *w, pencl_ctx *ctx, pn_text *out);

#endif
