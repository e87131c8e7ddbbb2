/* SPDX-License-Identifier: Apache-2.0 */
/* A model file of any format: what it says about itself (metadata) and its tensors, which stay in
 * the mapped file until somebody reads them.
 *
 *     pn_model_file *file = NULL;
 *     uint64_t blocks = 0;
 *     double base = 10000;
 *     PENCL_TRY(pn_model_file_open(&file, ctx, "smollm2.gguf"));
 *     PENCL_TRY(pn_meta_need_u64(file, "llama.block_count", &blocks)); // an error when absent
 *     PENCL_TRY(pn_meta_f64(file, "llama.rope.freq_base", &base));     // unchanged when absent
 *     const pn_tensor *t = pn_model_file_find(file, "output_norm.weight");
 *     pn_model_file_close(file);
 *
 * Everything that is returned belongs to the file and lives as long. Files come from strangers:
 * after a successful open every name, count, size and offset is checked. */
#ifndef PENCL_IO_IO_H
#define PENCL_IO_IO_H

#include "base/base.h"

enum { PN_TENSOR_DIMS = 8 };

typedef struct pn_model_file pn_model_file;

/* One tensor, in the plain storage of its dtype (whole blocks along the last dimension). */
typedef struct pn_tensor {
    const char *name;
    pencl_dtype dtype;
    int n_dims;                   /* 1 to PN_TENSOR_DIMS */
    int64_t dims[PN_TENSOR_DIMS]; /* outermost first; all > 0 */
    const unsigned char *data;    /* in the map; aligned as the file aligns it */
    size_t offset;                /* of data in the file */
    size_t bytes;
} pn_tensor;

/* ---- files ---- */

/* Finds the format by content. E_IO: cannot be read. E_FORMAT: damaged, or no known format; the
 * text names file, place and field. E_UNSUPPORTED: sound, but with something that pencl does not
 * have. */
pencl_status pn_model_file_open(pn_model_file **out, pencl_ctx *ctx, const char *path);
/* A file that is in memory already; `name` is for messages, `bytes` must outlive it. */
pencl_status pn_model_file_parse(
    pn_model_file **out, pencl_ctx *ctx, const char *name, const void *bytes, size_t size);
void pn_model_file_close(pn_model_file *file);

const char *pn_model_file_path(const pn_model_file *file);
const char *pn_model_file_format(const pn_model_file *file); /* the reader's name: "gguf" */

/* ---- tensors: in the order of the file; a file with a vocabulary only has none ---- */
size_t pn_model_file_n_tensors(const pn_model_file *file);
const pn_tensor *pn_model_file_tensor(const pn_model_file *file, size_t i);
const pn_tensor *pn_model_file_find(const pn_model_file *file, const char *name); /* or NULL */
/* These bytes of a tensor are not needed again: their pages leave our memory. */
void pn_model_file_drop(const pn_model_file *file,
                        const pn_tensor *tensor,
                        size_t offset,
                        size_t bytes);

/* ---- metadata: a getter leaves *out alone and succeeds when the key is absent, so that defaults
 * are set before; E_FIELDS when the value is of another kind or out of range. `need` getters fail
 * on absence as well. ---- */
bool pn_meta_has(const pn_model_file *file, const char *key);
pencl_status pn_meta_u64(pn_model_file *file, const char *key, uint64_t *out);
pencl_status pn_meta_i64(pn_model_file *file, const char *key, int64_t *out);
pencl_status pn_meta_f64(pn_model_file *file, const char *key, double *out); /* integers too */
pencl_status pn_meta_bool(pn_model_file *file, const char *key, bool *out);
pencl_status pn_meta_string(pn_model_file *file, const char *key, pn_string *out);
pencl_status pn_meta_need_u64(pn_model_file *file, const char *key, uint64_t *out);
pencl_status pn_meta_need_f64(pn_model_file *file, const char *key, double *out);
pencl_status pn_meta_need_string(pn_model_file *file, const char *key, pn_string *out);
/* A string as C text (up to its first NUL, should it have one): NULL when absent or no string. */
const char *pn_meta_text(pn_model_file *file, const char *key);

/* Arrays, converted when first asked for; a single number counts as an array of one. *n is 0 and
 * *out NULL when the key is absent. */
pencl_status
pn_meta_strings(pn_model_file *file, const char *key, const pn_string **out, size_t *n);
pencl_status pn_meta_i32s(pn_model_file *file, const char *key, const int32_t **out, size_t *n);
pencl_status pn_meta_f32s(pn_model_file *file, const char *key, const float **out, size_t *n);

/* All keys, in the order of the file, for `inspect`. print adds the value in at most about `most`
 * bytes: "30", "\"llama\"", "[49152 strings]". */
size_t pn_meta_count(const pn_model_file *file);
const char *pn_meta_key(const pn_model_file *file, size_t i);
void pn_meta_print(const pn_model_file *file, size_t i, size_t most, pn_text *out);

#endif
