/* SPDX-License-Identifier: Apache-2.0 */
/* GGUF's numbers, shared by the reader (gguf.c, gguf_tensors.c) and the writer (write_gguf.c). */
#ifndef PENCL_IO_GGUF_H
#define PENCL_IO_GGUF_H

#include "io/reader.h"

enum {
    PN_GGUF_VERSION = 3,    /* what the writer makes; the reader takes 2 as well */
    PN_GGUF_ALIGNMENT = 32, /* without general.alignment */
    PN_GGUF_ARRAY = 9,      /* the type of a value that is an array */
    PN_GGUF_TYPES = 13,
    PN_GGUF_NAME_MAX = 255, /* bytes of a tensor's name */
    PN_GGUF_DIMS = 4,
};

/* The kind of values of GGUF type `type`; PN_KIND_COUNT for arrays and unknown types. And back. */
pn_kind pn_gguf_kind(uint32_t type);
uint32_t pn_gguf_type_of(pn_kind kind);

/* Tensor types, numbered by ggml. */
typedef struct pn_ggml_type {
    uint32_t number;
    pencl_dtype dtype; /* PENCL_DTYPE_COUNT: pencl cannot read it */
    const char *name;
    size_t block; /* elements of a block */
    size_t bytes; /* bytes of a block */
} pn_ggml_type;
const pn_ggml_type *pn_ggml_type_by_number(uint32_t number); /* NULL when unknown */
const pn_ggml_type *pn_ggml_type_of(pencl_dtype dtype);

/* A place in the file that is being read. `item` says for messages what is being read there. */
typedef struct pn_gguf_cursor {
    pn_model_file *file;
    size_t at;
    char item[320]; /* `key "general.name"` */
} pn_gguf_cursor;

/* E_FORMAT "FILE: byte N: ITEM: ...". */
pencl_status pn_gguf_bad(pn_gguf_cursor *c, const char *fmt, ...) PN_PRINTF(2, 3);
size_t pn_gguf_left(const pn_gguf_cursor *c); /* bytes behind the cursor */
/* Each steps over what it reads and fails, naming `field`, when the file ends before. */
pencl_status
pn_gguf_take(pn_gguf_cursor *c, const char *field, size_t bytes, const unsigned char **out);
pencl_status pn_gguf_u32(pn_gguf_cursor *c, const char *field, uint32_t *out);
pencl_status pn_gguf_u64(pn_gguf_cursor *c, const char *field, uint64_t *out);
/* A name: 1 to `most` printable ASCII characters, copied to the arena. */
pencl_status pn_gguf_name(pn_gguf_cursor *c, const char *field, size_t most, const char **out);

/* The tensor records at the cursor and the checks of where their data lies. */
pencl_status pn_gguf_read_tensors(pn_gguf_cursor *c, size_t n);

#endif
