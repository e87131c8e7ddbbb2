/* SPDX-License-Identifier: Apache-2.0 */
/* What every folder of host/ may use: status record, memory, checked sizes, text, log. */
#ifndef PENCL_BASE_BASE_H
#define PENCL_BASE_BASE_H

#include "pencl/base.h"
#include "pencl/context.h"

#include <stdarg.h>
#include <stdbool.h>

#define PN_COUNT(array)      (sizeof(array) / sizeof((array)[0]))
#define PN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* ---- status: one record a context ---- */
typedef struct pn_error {
    pencl_status status;
    int code;         /* the foreign code behind it (OpenCL, errno, SQLite), 0 if none */
    const char *file; /* where it was raised */
    int line;
    char text[4096];
} pn_error;

struct pencl_ctx {
    pn_error error;
    pencl_log_fn *log;
    void *log_user;
    bool expendable; /* the process may die: pencl_ctx_set_expendable */
    pencl_deadline_fn *deadline;
    pencl_probe_fn *probe;
    void *probe_user;
    long n_unnamed; /* states that got a label of their own */
};

/* Records the failure unless one is recorded already (the deepest cause wins); returns `status`. */
pencl_status pn_fail(
    pencl_ctx *ctx, pencl_status status, int code, const char *file, int line, const char *fmt, ...)
    PN_PRINTF(6, 7);
#define PN_FAIL(ctx, status, ...) pn_fail(ctx, status, 0, __FILE__, __LINE__, __VA_ARGS__)
#define PN_FAIL_CODE(ctx, status, code, ...)                                                       \
    pn_fail(ctx, status, code, __FILE__, __LINE__, __VA_ARGS__)
#define PN_NOMEM(ctx) PN_FAIL(ctx, PENCL_E_NOMEM, "out of host memory")

/* Puts "prefix: " before the recorded text: "block_3/attention: ...". */
void pn_error_prefix(pencl_ctx *ctx, const char *prefix);
/* Every status-returning public function starts with this. */
void pn_error_clear(pencl_ctx *ctx);

/* ---- log: silent without a function; PENCL_LOG=device,plan keeps these categories (and every
 * warning) ---- */
void pn_log(pencl_ctx *ctx, pencl_log_level level, const char *category, const char *fmt, ...)
    PN_PRINTF(4, 5);

/* ---- memory: the only malloc of the library, with fault injection for tests ---- */
void *pn_alloc(size_t bytes);                /* uninitialised; NULL when out of memory */
void *pn_calloc(size_t count, size_t bytes); /* zeroed, the product checked */
void *pn_realloc(void *p, size_t count, size_t bytes);
void pn_free(void *p);
char *pn_strdup(const char *text);
/* The n-th allocation from now on fails once (n >= 1); 0 turns injection off. */
void pn_alloc_fail_at(long n);
/* Allocations made and blocks alive since the start of the process. */
long pn_alloc_count(void);
long pn_alloc_live(void);

/* ---- checked sizes: false on overflow ---- */
bool pn_mul(size_t a, size_t b, size_t *out);
bool pn_add(size_t a, size_t b, size_t *out);
bool pn_pad(size_t a, size_t multiple, size_t *out); /* up to a multiple; a power of two or not */

/* ---- arena: many small blocks freed at once (graphs, plans, parsing) ---- */
typedef struct pn_arena pn_arena;
pn_arena *pn_arena_new(void);
void pn_arena_free(pn_arena *arena);
void *pn_arena_alloc(pn_arena *arena, size_t count, size_t bytes); /* zeroed, 16-byte aligned */
char *pn_arena_print(pn_arena *arena, const char *fmt, ...) PN_PRINTF(2, 3);

/* Text that is part of something larger (a file): any bytes, no NUL at the end. */
typedef struct pn_string {
    const char *data;
    size_t size;
} pn_string;

/* ---- text that grows ---- */
typedef struct pn_text {
    char *data; /* NUL-terminated once anything was added; owned */
    size_t size;
    size_t room;
    bool failed; /* memory ran out; further additions are ignored */
} pn_text;
void pn_text_add(pn_text *text, const char *fmt, ...) PN_PRINTF(2, 3);
void pn_text_add_bytes(pn_text *text, const void *bytes, size_t size);
void pn_text_cut(pn_text *text, size_t size); /* keeps the first `size` bytes */
void pn_text_free(pn_text *text);
const char *pn_text_get(const pn_text *text); /* "" when empty */

/* Copies with truncation; always terminates. */
void pn_copy(char *to, size_t room, const char *from);
/* True when `part` occurs in `in`, the case of ASCII letters ignored. */
bool pn_contains_nocase(const char *in, const char *part);
/* True when `text` matches a pattern in which * is any text and ? any one character. */
bool pn_matches(const char *text, const char *pattern);
/* The candidate nearest to `word` by edit distance (a swap counts as one edit), or NULL when none
 * is near. */
const char *pn_nearest(const char *word, const char *const *candidates, size_t n);

/* Half conversions, round to nearest even; the only ones in the library. */
float pn_f16_to_f32(uint16_t h);
uint16_t pn_f32_to_f16(float f);
float pn_bf16_to_f32(uint16_t h);
uint16_t pn_f32_to_bf16(float f);

#endif
