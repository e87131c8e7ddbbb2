/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of GGUF's value types and ggml's tensor types. */
#include "io/gguf.h"

/* By GGUF's numbers; 9 is the array. */
static const pn_kind value_types[PN_GGUF_TYPES] = {
    PN_KIND_U8,   PN_KIND_I8,     PN_KIND_U16,   PN_KIND_I16, PN_KIND_U32, PN_KIND_I32, PN_KIND_F32,
    PN_KIND_BOOL, PN_KIND_STRING, PN_KIND_COUNT, PN_KIND_U64, PN_KIND_I64, PN_KIND_F64,
};

#define NONE PENCL_DTYPE_COUNT, 0, 0

static const pn_ggml_type tensor_types[] = {
    {0, "f32", PENCL_F32, 1, 4},
    {1, "f16", PENCL_F16, 1, 2},
    {2, "q4_0", PENCL_Q4_0, 32, 18}, /* half d, 16 bytes of nibbles */
    {3, "q4_1", PENCL_Q4_1, 32, 20}, /* half d, half m, 16 bytes of nibbles */
    {6, "q5_0", NONE},
    {7, "q5_1", NONE},
    {8, "q8_0", PENCL_Q8_0, 32, 34}, /* half d, 32 bytes */
    {9, "q8_1", NONE},
    {10, "q2_k", NONE},
    {11, "q3_k", NONE},
    {12, "q4_k", NONE},
    {13, "q5_k", NONE},
    {14, "q6_k", NONE},
    {15, "q8_k", NONE},
    {16, "iq2_xxs", NONE},
    {17, "iq2_xs", NONE},
    {18, "iq3_xxs", NONE},
    {19, "iq1_s", NONE},
    {20, "iq4_nl", NONE},
    {21, "iq3_s", NONE},
    {22, "iq2_s", NONE},
    {23, "iq4_xs", NONE},
    {24, "i8", NONE},
    {25, "i16", NONE},
    {26, "i32", PENCL_I32, 1, 4},
    {27, "i64", NONE},
    {28, "f64", NONE},
    {29, "iq1_m", NONE},
    {30, "bf16", PENCL_BF16, 1, 2},
    {34, "tq1_0", NONE},
    {35, "tq2_0", NONE},
    {39, "mxfp4", NONE},
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
