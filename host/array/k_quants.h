/* SPDX-License-Identifier: Apache-2.0 */
/* What ggml's K-quants have in common: blocks of 256 in sub-blocks of 16 or 32, each with a small
 * integer scale that is multiplied by the block's half. */
#ifndef PENCL_ARRAY_K_QUANTS_H
#define PENCL_ARRAY_K_QUANTS_H

#include <stddef.h>
#include <stdint.h>

enum { PN_K = 256, PN_K_SUBS = 16 /* sub-blocks at most */ };

/* A block as numbers: value = d * scale[s] * q - least * minimum[s], or with `zero` the quant that
 * stands for 0, d * scale[s] * (q - zero). */
typedef struct pn_k_block {
    uint16_t d, least; /* half */
    int8_t scale[PN_K_SUBS];
    int8_t minimum[PN_K_SUBS];
    uint8_t q[PN_K];
} pn_k_block;

typedef struct pn_k_form {
    size_t bytes; /* of a block as files store it */
    int sub;      /* elements of a sub-block */
    int most;     /* the largest quant */
    int zero;     /* 0: minima instead */
    int scale;    /* the largest scale */
    void (*get)(const uint8_t *stored, pn_k_block *block);
    void (*put)(const pn_k_block *block, uint8_t *stored);
} pn_k_form;

/* A dtype's to_f32 and from_f32. Each value is exact but for its last sum. Quantising is pencl's
 * own: the range of each sub-block in even steps, then the scales in even steps of the largest.
 * ggml's tools search for better ones. */
void pn_k_to_f32(const pn_k_form *form, const void *from, float *to, size_t n);
void pn_k_from_f32(const pn_k_form *form, const float *from, void *to, size_t n);

/* What is in front of the quants of a block that is taken apart: the halves, then a byte a scale
 * and, where there are minima, a byte a minimum. Both return the byte after it. */
uint8_t *pn_k_front_put(const pn_k_form *form, const pn_k_block *block, uint8_t *apart);
const uint8_t *pn_k_front_get(const pn_k_form *form, const uint8_t *apart, pn_k_block *block);

/* The front of q4_k and q5_k in files: both halves, then 8 scales and 8 minima of 6 bits in 12
 * bytes: 0 to 3 and 4 to 7 the first four of each, with two upper bits of the other four on top; 8
 * to 11 the low nibbles of those. */
enum { PN_K_SIXES = 16 };
void pn_k_sixes_get(const uint8_t from[PN_K_SIXES], pn_k_block *block);
void pn_k_sixes_put(const pn_k_block *block, uint8_t to[PN_K_SIXES]);

#endif
