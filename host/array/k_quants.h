/* SPDX-License-Identifier: Apache-2.0 */
/* What ggml's K-quants have in common: blocks of 256 in sub-blocks of 16 or 32, each with a small
 * integer scale that is multiplied by the block's half. */
#ifndef PENCL_ARRAY_K_QUANTS_H
#define PENCL_ARRAY_K_QUANTS_H

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
    int sub;   /* elements of a sub-block */
    int most;  /* the largest quant */
    int zero;  /* 0: minima instead */
    int scale; /* the largest scale */
} pn_k_form;

/* The values of a block; each is exact but for its last sum. */
void pn_k_to_f32(const pn_k_form *form, const pn_k_block *block, float to[PN_K]);
/* A quantisation of pencl's own: the range of each sub-block in even steps, then the scales in even
 * steps of the largest. ggml's tools search for better ones. */
void pn_k_from_f32(const pn_k_form *form, const float from[PN_K], pn_k_block *block);

/* The 12 bytes of 8 scales and 8 minima of 6 bits, as q4_k and q5_k have them: bytes 0 to 3 and 4
 * to 7 the first four of each, with two upper bits of the other four on top; 8 to 11 the low
 * nibbles of those. */
void pn_k_scales_get(const uint8_t from[12], int8_t scale[8], int8_t minimum[8]);
void pn_k_scales_put(const int8_t scale[8], const int8_t minimum[8], uint8_t to[12]);

#endif
