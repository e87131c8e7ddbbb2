/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes, element types and the macros every other public header needs. */
#ifndef PENCL_BASE_H
#define PENCL_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PENCL_API       __attribute__((visibility("default")))
#define PENCL_NODISCARD __attribute__((warn_unused_result))
#else
#define PENCL_API
#define PENCL_NODISCARD
#endif

#define PENCL_VERSION "0.1.0"

/* What a status-returning function says. The text of the last failure: pencl_error_text(). */
#define PENCL_STATUS_MAP(X)                                                                        \
    X(OK, 0, "success")                                                                            \
    X(E_NOMEM, -1, "out of host memory")                                                           \
    X(E_ARG, -2, "bad argument")                                                                   \
    X(E_AXIS, -3, "an axis is missing, repeated or unknown")                                       \
    X(E_SHAPE, -4, "sizes of one axis disagree")                                                   \
    X(E_DTYPE, -5, "wrong element type")                                                           \
    X(E_TOKEN_RANGE, -6, "a token id is outside the vocabulary")                                   \
    X(E_SIDE_INPUT, -7, "a side input is missing or unfit")                                        \
    X(E_UNBOUND, -8, "a variable slot has no value")                                               \
    X(E_CACHE_FULL, -9, "the key-value cache is full")                                             \
    X(E_FIELDS, -10, "fields are missing or unknown")                                              \
    X(E_ARITY, -11, "wrong number of parts")                                                       \
    X(E_FORMAT, -12, "a file or text is malformed")                                                \
    X(E_IO, -13, "a file cannot be read or written")                                               \
    X(E_DEVICE, -14, "no such device, or the device failed")                                       \
    X(E_BUILD, -15, "a kernel does not build")                                                     \
    X(E_UNSUPPORTED, -16, "not supported")                                                         \
    X(E_LIMIT, -17, "a limit of the device or of the library is exceeded")                         \
    X(E_CANCELLED, -18, "cancelled")

typedef enum pencl_status {
#define PENCL_STATUS_ENUM(name, code, text) PENCL_##name = (code),
    PENCL_STATUS_MAP(PENCL_STATUS_ENUM)
#undef PENCL_STATUS_ENUM
} pencl_status;

/* Element types; block formats hold 32 elements along the last axis of a stored array, those
 * named _K hold 256. */
typedef enum pencl_dtype {
    PENCL_F32,
    PENCL_F16,
    PENCL_BF16,
    PENCL_I32,
    PENCL_Q4_0,
    PENCL_Q4_1,
    PENCL_Q8_0,
    PENCL_Q5_0,
    PENCL_Q5_1,
    PENCL_IQ4_NL,
    PENCL_Q4_K,
    PENCL_Q6_K,
    PENCL_Q5_K,
    PENCL_Q3_K,
    PENCL_Q2_K,
    PENCL_DTYPE_COUNT
} pencl_dtype;

/* Returns the status of `expr` from the calling function unless it is PENCL_OK. */
#define PENCL_TRY(expr)                                                                            \
    do {                                                                                           \
        pencl_status pencl_try_ = (expr);                                                          \
        if (pencl_try_ != PENCL_OK) {                                                              \
            return pencl_try_;                                                                     \
        }                                                                                          \
    } while (0)

/* The name of a status, such as "E_SHAPE", and one sentence on what it means. Static text. */
PENCL_API const char *pencl_status_name(pencl_status status);
PENCL_API const char *pencl_status_text(pencl_status status);

/* The name of an element type as files and tables write it: "f32", "q4_1". Static text. */
PENCL_API const char *pencl_dtype_name(pencl_dtype dtype);

/* The library's version, PENCL_VERSION of the build. Static text. */
PENCL_API const char *pencl_version(void);

/* Frees a text that came through a `char **out`; NULL is fine. */
PENCL_API void pencl_text_free(char *text);

#ifdef __cplusplus
}
#endif

#endif
