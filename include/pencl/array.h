/* SPDX-License-Identifier: Apache-2.0 */
/* Named arrays: data on a device, whose axes have names.
 *
 *     const pencl_axis axes[] = {{"seq", 2}, {"embedding", 3}};
 *     const float data[] = {1, 2, 3, 4, 5, 6};
 *     pencl_array *x = NULL;
 *     pencl_status st = pencl_array_new(&x, device, PENCL_F32, axes, 2);
 *     if (!st) st = pencl_array_upload(x, data, sizeof data);
 *     if (!st) st = pencl_array_save(x, "x.npy");
 *     pencl_array_free(x);
 *
 * An array is a dtype, at most PENCL_MAX_AXES axes (an empty name is a positional axis), strides
 * and storage; views share storage, which is counted.
 */
#ifndef PENCL_ARRAY_H
#define PENCL_ARRAY_H

#include "pencl/axes.h"
#include "pencl/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_array pencl_array;

/* A new array in C order of `axes`; content undefined. E_AXIS: a repeated name. E_LIMIT: too big.
 */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_new(
    pencl_array **out, pencl_device *device, pencl_dtype dtype, const pencl_axis *axes, int n_axes);
PENCL_API void pencl_array_free(pencl_array *array);

PENCL_API pencl_dtype pencl_array_dtype(const pencl_array *array);
PENCL_API int pencl_array_n_axes(const pencl_array *array);
/* Axis i in storage order. Borrowed; NULL when out of range. */
PENCL_API const pencl_axis *pencl_array_axis(const pencl_array *array, int i);
PENCL_API int64_t pencl_array_count(const pencl_array *array); /* elements */
PENCL_API pencl_device *pencl_array_device(const pencl_array *array);

/* Host memory in C order of the array's axes, in its dtype (blocks for quantised ones); `bytes`
 * must be exact. Both wait. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_upload(pencl_array *array,
                                                          const void *from,
                                                          size_t bytes);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_download(const pencl_array *array,
                                                            void *to,
                                                            size_t bytes);
/* As float32 whatever the dtype; `count` is the number of elements. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_download_f32(const pencl_array *array,
                                                                float *to,
                                                                int64_t count);

/* Views: no copy; each returns a new array that shares storage. Errors name the axis and the shape.
 */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_tag(pencl_array **out,
                                                       const pencl_array *array,
                                                       const char *const names[],
                                                       int n);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_untag(pencl_array **out,
                                                         const pencl_array *array,
                                                         const char *const names[],
                                                         int n);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_rename(pencl_array **out,
                                                          const pencl_array *array,
                                                          const char *from,
                                                          const char *to);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_order(pencl_array **out,
                                                         const pencl_array *array,
                                                         const char *const names[],
                                                         int n);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_slice(
    pencl_array **out, const pencl_array *array, const char *axis, int64_t from, int64_t n);

/* .npy, version 1 or 2 (f32, f16, i32 and i64 -> i32 in; bf16 and quantised types as f32 out). A
 * file has no axis names: load gives positional axes, `tag` names them. save replaces atomically.
 */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_load(pencl_array **out,
                                                        pencl_device *device,
                                                        const char *path);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_save(const pencl_array *array, const char *path);

/* "<NamedArray float32(| seq:2, embedding:3)>" and, if small, the values. The text is yours: free
 * it with pencl_text_free. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_print(char **out, const pencl_array *array);

#ifdef __cplusplus
}
#endif

#endif
