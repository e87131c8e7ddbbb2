/* SPDX-License-Identifier: Apache-2.0 */
/* Writer of safetensors: header, then data without holes, wide types first and names in order, so
 * that every tensor is aligned and the same content makes the same bytes, which are those of the
 * format's own library.
 *
 *     pn_safetensors_writer *w = pn_safetensors_writer_new();
 *     pn_safetensors_add_text(w, "format", "pt");
 *     pn_safetensors_add_tensor(w, &tensor);
 *     pencl_status st = pn_safetensors_write(w, ctx, "model.safetensors", NULL);
 *     pn_safetensors_writer_free(w);
 *
 * Adding never fails: memory that runs out is reported by the write. Names are UTF-8; that they
 * differ is the caller's care. */
#ifndef PENCL_IO_WRITE_SAFETENSORS_H
#define PENCL_IO_WRITE_SAFETENSORS_H

#include "io/io.h"

typedef struct pn_safetensors_writer pn_safetensors_writer;

pn_safetensors_writer *pn_safetensors_writer_new(void); /* NULL without memory, which all take */
void pn_safetensors_writer_free(pn_safetensors_writer *w);

/* A key of __metadata__. */
void pn_safetensors_add_text(pn_safetensors_writer *w, const char *key, const char *text);
/* Its name, dtype and dims; bytes must be what they need. The data is read by the write and must
 * live until then; NULL: the source of the write has it. */
void pn_safetensors_add_tensor(pn_safetensors_writer *w, const pn_tensor *tensor);

/* Gives the data of tensors that were added without, one after another: tensor->bytes at `to`. */
typedef struct pn_tensor_source {
    pencl_status (*data)(void *user, const pn_tensor *tensor, void *to);
    void *user;
} pn_tensor_source;

/* The whole file, replaced atomically; or added to a text. E_DTYPE: a type that the format lacks.
 * `source` may be NULL when every tensor came with its data. */
pencl_status pn_safetensors_write(const pn_safetensors_writer *w,
                                  pencl_ctx *ctx,
                                  const char *path,
                                  const pn_tensor_source *source);
pencl_status pn_safetensors_print(const pn_safetensors_writer *w, pencl_ctx *ctx, pn_text *out);

#endif
