/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of GGUF's value types and ggml's tensor types. */
#include "io/gguf.h"

/* By GGUF's numbers; 9 is the array. */
static const pn_kind value_types[PN_GGUF_TYPES] = {
    PN_KIND_U8,   PN_KIND_I8,     PN_KIND_U16,   PN_KIND_I16, PN_KIND_U32, PN_KIND_I32, PN_KIND_F32,
    PN_KIND_BOOL, PN_KIND_STRING, PN_KIND_COUNT, PN_KIND_U64, PN_KIND_I64, PN_KIND_F64,
};

/* Known by name only, for messages. */
#define NONE PENCL_DTYPE_COUNT

static const pn_ggml_type tensor_types[] = {
    {0, PENCL_F32, "f32", 1, 4},
    {1, PENCL_F16, "f16", 1, 2},
    {2, PENCL_Q4_0, "q4_0", 32, 18}, /* half d, 16 bytes of nibbles */
    {3, PENCL_Q4_1, "q4_1", 32, 20}, /* half d, half m, 16 bytes of nibbles */
    {6, PENCL_Q5_0, "q5_0", 32, 22}, /* half d, 32 fifth bits, 16 bytes of nibbles */
    {7, PENCL_Q5_1, "q5_1", 32, 24}, /* half d, half m, 32 fifth bits, 16 bytes of nibbles */
    {8, PENCL_Q8_0, "q8_0", 32, 34}, /* half d, 32 bytes */
    {9, NONE, "q8_1", 0, 0},
    {10, PENCL_Q2_K, "q2_k", 256, 84}, /* 16 scales, 64 bytes of quants, half d, half least */
    {11, PENCL_Q3_K, "q3_k", 256,
     110}, /* 256 third bits, 64 bytes of quants, 12 of scales, half d */
    {12, PENCL_Q4_K, "q4_k", 256, 144}, /* half d, half least, 12 bytes of scales, 128 of nibbles */
    {13, PENCL_Q5_K, "q5_k", 256, 176}, /* as q4_k, with 256 fifth bits */
    {14, PENCL_Q6_K, "q6_k", 256,
     210}, /* 128 bytes of nibbles, 64 of high bits, 16 scales, half d */
    {15, NONE, "q8_k", 0, 0},
    {16, NONE, "iq2_xxs", 0, 0},
    {17, NONE, "iq2_xs", 0, 0},
    {18, NONE, "iq3_xxs", 0, 0},
    {19, NONE, "iq1_s", 0, 0},
    {20, PENCL_IQ4_NL, "iq4_nl", 32, 18}, /* half d, 16 bytes of nibbles */
    {21, NONE, "iq3_s", 0, 0},
    {22, NONE, "iq2_s", 0, 0},
    {23, NONE, "iq4_xs", 0, 0},
    {24, NONE, "i8", 0, 0},
    {25, NONE, "i16", 0, 0},
    {26, PENCL_I32, "i32", 1, 4},
    {27, NONE, "i64", 0, 0},
    {28, NONE, "f64", 0, 0},
    {29, NONE, "iq1_m", 0, 0},
    {30, PENCL_BF16, "bf16", 1, 2},
    {34, NONE, "tq1_0", 0, 0},
    {35, NONE, "tq2_0", 0, 0},
    {39, NONE, "mxfp4", 0, 0},
};

pn_kind pn_gguf_kind(uint32_t type)
{
    return type < PN_GGUF_TYPES ? value_types[type] : PN_KIND_COUNT;
}

uint32_t pn_gguf_type_of(pn_kind kind)
{
    uint32_t type = 0;
    while (value_types[type] != kind) {
        type++;
    }
    return type;
}

const pn_ggml_type *pn_ggml_type_by_number(uint32_t number)
{
    for (size_t i = 0; i < PN_COUNT(tensor_types); i++) {
        if (tensor_types[i].number == number) {
            return &tensor_types[i];
        }
    }
    return NULL;
}

const pn_ggml_type *pn_ggml_type_of(pencl_dtype dtype)
{
    for (size_t i = 0; i < PN_COUNT(tensor_types); i++) {
        if (tensor_types[i].dtype == dtype && tensor_types[i].block > 0) {
            return &tensor_types[i];
        }
    }
    return NULL;
}
